/*
 * chart.trades of the synthetic market: candles that trades grow, and flat ones
 * for the time without a trade.  Kept from the first trade on that a subscriber
 * is told of.
 */
#ifndef REPLAY_CANDLE_H
#define REPLAY_CANDLE_H

#include "replay/market.h"

/* Tells those who listen of this trade; returns the number of notifications.
 */
int candle_tell(
    struct market *m, const struct market_trade *t, struct market_sink *sink);

/* Tells of candles that began without a trade; once a second. */
void candle_idle(struct market *m, int64_t now_us, struct market_sink *sink);

#endif
