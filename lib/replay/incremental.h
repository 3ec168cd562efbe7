/*
 * incremental_ticker and perpetual of the synthetic market.  An incremental
 * ticker is a state that all its subscribers share: what a new one gets whole,
 * and the others get the changes of.  Its values follow from the instrument's
 * walk alone; nothing is kept while nobody listens.
 */
#ifndef REPLAY_INCREMENTAL_H
#define REPLAY_INCREMENTAL_H

#include "replay/market.h"

/* Tells those who listen what a step of the walk changed; returns the number
 * of notifications. */
int incremental_tell(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink);

/* The whole ticker for those who have heard nothing for a minute. */
void incremental_idle(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink);

/* The whole ticker for a new subscriber. */
void incremental_greet(struct market *m, uint32_t n, uint64_t slots,
    int64_t now_us, struct market_sink *sink);

/* perpetual.{i}.{interval}; as incremental_tell(). */
int perpetual_tell(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink);

#endif
