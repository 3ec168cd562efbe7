/*
 * What the history holds, told line by line: for tests that compare it with
 * what a client brought home.  Goes through every trade by its number and makes
 * candles of one minute and longer ones of those, so that it shares nothing
 * with the pages of the methods.
 */
#ifndef REPLAY_DUMP_H
#define REPLAY_DUMP_H

#include <stdio.h>

#include "base/fault.h"
#include "replay/history.h"

/* candles:INSTRUMENT:RESOLUTION:FROM:TO, funding:INSTRUMENT:FROM:TO,
 * trades:INSTRUMENT|CURRENCY:FROM:TO or instruments to f, both times within and
 * nothing after now_ms; -1 with *fault. */
int dump(const struct history *h, const char *what, int64_t now_ms, FILE *f,
    struct fault *fault);

#endif
