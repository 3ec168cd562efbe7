/*
 * A notification of the synthetic market being written and handed on: for the
 * files that make the market's events.  The text is the market's own buffer,
 * one message at a time.
 */
#ifndef REPLAY_TELL_H
#define REPLAY_TELL_H

#include "replay/market.h"

/* Names of intervals in channels: 100ms, agg2, raw; .100ms and so on. */
#define TELL_INTERVALS 3
extern const char *const tell_tails[TELL_INTERVALS];

/* Begins the message of channel <head><name><tail>; its data follow. */
void tell_begin(
    struct market *m, const char *head, const char *name, const char *tail);

/* ,"name":number */
void tell_number(struct market *m, const char *name, int64_t mantissa,
    int scale, struct rng *r);

/* Ends it and hands it on; returns the number of notifications, 1 or 0. */
int tell_end(struct market *m, uint64_t subs, struct market_sink *sink);

#endif
