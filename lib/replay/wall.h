/*
 * The wall clock as the exchange has it: the machine's, moved by as much as the
 * options say.  One process has one; what is written for us, the truth file
 * and the request log, keeps the machine's own.
 */
#ifndef REPLAY_WALL_H
#define REPLAY_WALL_H

#include <stdint.h>

/* The exchange's clock shows so much more than the machine's. */
void wall_shift(int64_t us);

/* Microseconds since the epoch. */
int64_t wall_us(void);

#endif
