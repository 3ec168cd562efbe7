/*
 * What new subscribers are told at once: remembered when they subscribe, told
 * by market_greet() behind the acknowledgement (replay/market.h).
 */
#ifndef REPLAY_GREET_H
#define REPLAY_GREET_H

#include "replay/market.h"

/* The slot has newly subscribed to the channel of this mask. */
void greet_add(struct market *m, const uint64_t *subs, unsigned slot);

/* The slot has gone. */
void greet_forget(struct market *m, unsigned slot);

#endif
