#include "replay/candle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay/tell.h"
#include "replay/text.h"

#define MINUTE_MS INT64_C(60000)
#define COIN_SCALE 8 /* of a volume that is not the trades' own amount */

/* As channels call them, and what they are. */
const char *const candle_resolutions[MARKET_RESOLUTIONS + 1] = {"1", "3", "5",
    "10", "15", "30", "60", "120", "180", "360", "720", "1D", NULL};
const int candle_minutes[MARKET_RESOLUTIONS] = {
    1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440};

/* Trades of inverse futures are in USD: that is their cost, and their volume
 * is in coin. */
static bool is_inverse_future(const struct chain_instrument *i)
{
	return i->kind == CHAIN_FUTURE && !chain_bases[i->base].linear;
}

int candle_volume_scale(const struct chain_instrument *i)
{
	return is_inverse_future(i) ? COIN_SCALE : chain_amount(i).scale;
}

int candle_cost_scale(const struct chain_instrument *i)
{
	return chain_amount(i).scale +
	       (is_inverse_future(i) ? 0 : chain_grid_of(i)->scale);
}

static int64_t ten_to(int n)
{
	int64_t p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

static int64_t tick_of(unsigned k, int64_t at_ms)
{
	return at_ms - at_ms % (candle_minutes[k] * MINUTE_MS);
}

void candle_add(struct candle *c, const struct chain_instrument *i,
    int64_t walked, int64_t trade_amount)
{
	struct decimal amount = chain_amount(i);
	int64_t units = trade_amount * amount.mantissa;
	int64_t price = chain_shown(i, walked);

	if (price > c->high)
		c->high = price;
	if (price < c->low)
		c->low = price;
	c->close = price;
	if (!is_inverse_future(i)) {
		c->volume += units;
		c->cost += units * price;
		return;
	}
	c->cost += units;
	c->volume += units *
	             ten_to(
			 COIN_SCALE + chain_grid_of(i)->scale - amount.scale) /
	             price;
}

static void grow(struct candle *c, const struct chain_instrument *i,
    const struct market_trade *t, int64_t tick_ms)
{
	int64_t price = chain_shown(i, t->price);

	if (c->tick_ms != tick_ms)
		*c = (struct candle){tick_ms, price, price, price, price, 0, 0};
	candle_add(c, i, t->price, t->amount);
}

static int tell(struct market *m, uint32_t n, unsigned k,
    const struct candle *c, struct market_sink *sink)
{
	const struct chain_instrument *i = &m->chain[n];
	int scale = chain_grid_of(i)->scale;
	struct rng r = rng_for(m->seed, (uint64_t)c->volume);
	char tail[8] = ".";

	strcat(tail, candle_resolutions[k]);
	tell_begin(m, "chart.trades.", i->name, tail);
	buf_addf(&m->text, "{\"tick\":%" PRId64, c->tick_ms);
	tell_number(m, "open", c->open, scale, &r);
	tell_number(m, "high", c->high, scale, &r);
	tell_number(m, "low", c->low, scale, &r);
	tell_number(m, "close", c->close, scale, &r);
	tell_number(m, "volume", c->volume, candle_volume_scale(i), &r);
	tell_number(m, "cost", c->cost, candle_cost_scale(i), &r);
	buf_addc(&m->text, '}');
	return tell_end(m, m->walk[n].subs[STREAM_CHART + k], sink);
}

int candle_tell(
    struct market *m, const struct market_trade *t, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[t->instrument];
	int count = 0;

	for (unsigned k = 0; k < MARKET_RESOLUTIONS; k++) {
		if (w->subs[STREAM_CHART + k] == 0)
			continue;
		if (w->candles == NULL)
			w->candles = calloc(
			    MARKET_RESOLUTIONS, sizeof(*w->candles));
		if (w->candles == NULL)
			return count;
		grow(&w->candles[k], &m->chain[t->instrument], t,
		    tick_of(k, t->at_ms));
		count += tell(m, t->instrument, k, &w->candles[k], sink);
	}
	return count;
}

static void idle(
    struct market *m, uint32_t n, int64_t now_ms, struct market_sink *sink)
{
	for (unsigned k = 0; k < MARKET_RESOLUTIONS; k++) {
		struct candle *c = &m->walk[n].candles[k];
		int64_t tick_ms = tick_of(k, now_ms);

		if (m->walk[n].subs[STREAM_CHART + k] == 0 || c->tick_ms == 0 ||
		    tick_ms <= c->tick_ms)
			continue;
		*c = (struct candle){
		    tick_ms, c->close, c->close, c->close, c->close, 0, 0};
		tell(m, n, k, c, sink);
	}
}

void candle_idle(struct market *m, int64_t now_us, struct market_sink *sink)
{
	for (size_t n = 0; n < m->count; n++)
		if (m->walk[n].candles != NULL && chain_is_open(&m->chain[n]))
			idle(m, (uint32_t)n, now_us / 1000, sink);
}
