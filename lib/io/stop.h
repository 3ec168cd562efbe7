/*
 * How a program without a loop is ended: a first SIGTERM or SIGINT sets a flag
 * that whoever waits looks at, a second one ends it at once.  A write goes on:
 * no line is cut.  SIGPIPE is ignored, so that EPIPE is seen.
 */
#ifndef IO_STOP_H
#define IO_STOP_H

#include <signal.h>

/* Set by the first signal. */
extern volatile sig_atomic_t stop_asked;

void stop_catch(void);

/* The reader of the output is gone: ends the program as SIGPIPE would. */
void stop_by_pipe(void);

#endif
