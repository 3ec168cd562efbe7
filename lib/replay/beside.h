/*
 * What the synthetic market says by the clock and not by its rate: indexes,
 * volatility indexes, estimated expiration prices, mark prices of options, flat
 * candles.  Draws from a generator of its own, so that the rest of a seed's
 * market is the same whoever listens to this.
 */
#ifndef REPLAY_BESIDE_H
#define REPLAY_BESIDE_H

#include "replay/market.h"

/* For new subscribers: the volatility index, and the marks of all options of
 * an index. */
void beside_greet_volatility(struct market *m, unsigned base, uint64_t slots,
    int64_t now_us, struct market_sink *sink);
void beside_greet_marks(struct market *m, unsigned base, uint64_t slots,
    int64_t now_us, struct market_sink *sink);

/* What there is a volatility index of, and mark prices of options. */
bool beside_has_volatility(unsigned base);
bool beside_has_options(unsigned base);

#endif
