/*
 * chart.trades of the synthetic market: candles that trades grow, and flat ones
 * for the time without a trade.  Kept from the first trade on that a subscriber
 * is told of.
 */
#ifndef REPLAY_CANDLE_H
#define REPLAY_CANDLE_H

#include "replay/market.h"

struct candle {
	int64_t tick_ms; /* 0: there was no trade yet */
	int64_t open, high, low, close;
	int64_t volume, cost;
};

/* What candle_resolutions[] mean. */
extern const int candle_minutes[MARKET_RESOLUTIONS];

/* A trade more in a candle that has begun: its price as in the walk, its amount
 * as in a trade. */
void candle_add(struct candle *c, const struct chain_instrument *i,
    int64_t walked, int64_t trade_amount);

/* Of its numbers; prices have the grid's. */
int candle_volume_scale(const struct chain_instrument *i);
int candle_cost_scale(const struct chain_instrument *i);

/* Tells those who listen of this trade; returns the number of notifications.
 */
int candle_tell(
    struct market *m, const struct market_trade *t, struct market_sink *sink);

/* Tells of candles that began without a trade; once a second. */
void candle_idle(struct market *m, int64_t now_us, struct market_sink *sink);

#endif
