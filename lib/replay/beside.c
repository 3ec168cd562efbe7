#include "replay/beside.h"

#include <inttypes.h>
#include <string.h>

#include "replay/candle.h"
#include "replay/incremental.h"
#include "replay/life.h"
#include "replay/tell.h"
#include "replay/text.h"

#define SECOND_US 1000000
#define TICKER_US 5000000
#define DAY_S 86400
#define EXPIRY_S (8 * 3600) /* 08:00 UTC */
#define ESTIMATED_S 1800    /* before it the price is being averaged */
#define TICK_S 10           /* of that average */
#define STATISTICS_S 15     /* between two statistics of an index */
#define WEIGHT 20           /* percent, of a venue */
#define MARK_SCALE 4        /* as the channel rounds */
#define MARK_EPOCH 8        /* seconds that a mark stays, about */

bool beside_has_volatility(unsigned base)
{
	return strcmp(chain_bases[base].index_name, "btc_usd") == 0 ||
	       strcmp(chain_bases[base].index_name, "eth_usd") == 0;
}

bool beside_has_options(unsigned base)
{
	return chain_bases[base].expiries > 0;
}

static void begin_index(
    struct market *m, const char *channel, unsigned base, int64_t now_us)
{
	const char *name = chain_bases[base].index_name;

	tell_begin(m, channel, name, "");
	buf_addf(&m->text, "{\"timestamp\":%" PRId64 ",\"index_name\":\"%s\"",
	    now_us / 1000, name);
}

static void index_tell(
    struct market *m, unsigned base, int64_t now_us, struct market_sink *sink)
{
	/* The market's own index moves with its quotes only. */
	int64_t price = m->index[base] + rng_below(&m->beside, 11) - 5;

	begin_index(m, "deribit_price_index.", base, now_us);
	tell_number(
	    m, "price", price, chain_bases[base].index.scale, &m->beside);
	buf_addc(&m->text, '}');
	tell_end(m, m->index_of[base], sink);
}

void beside_greet_volatility(struct market *m, unsigned base, uint64_t slots,
    int64_t now_us, struct market_sink *sink)
{
	begin_index(m, "deribit_volatility_index.", base, now_us);
	tell_number(m, "volatility", m->volatility[base], 2, &m->beside);
	buf_addc(&m->text, '}');
	tell_end(m, slots, sink);
}

static void volatility_tell(
    struct market *m, unsigned base, int64_t now_us, struct market_sink *sink)
{
	m->volatility[base] += rng_below(&m->beside, 21) - 10;
	if (m->volatility[base] < 1000)
		m->volatility[base] = 1000;
	beside_greet_volatility(m, base, m->volatility_of[base], now_us, sink);
}

static void estimate_tell(
    struct market *m, unsigned base, int64_t now_us, struct market_sink *sink)
{
	const struct chain_base *b = &chain_bases[base];
	int64_t second = now_us / SECOND_US % DAY_S;
	int64_t left = (EXPIRY_S + DAY_S - second) % DAY_S;
	bool estimated = left <= ESTIMATED_S;

	tell_begin(m, "estimated_expiration_price.", b->index_name, "");
	buf_addf(&m->text, "{\"seconds\":%" PRId64 ",\"is_estimated\":%s", left,
	    estimated ? "true" : "false");
	tell_number(m, "price", m->index[base], b->index.scale, &m->beside);
	if (estimated)
		buf_addf(&m->text,
		    ",\"left_ticks\":%" PRId64 ",\"total_ticks\":%d",
		    left / TICK_S, ESTIMATED_S / TICK_S);
	buf_addc(&m->text, '}');
	tell_end(m, m->estimate_of[base], sink);
}

/* The venues that an index is made of; at times one has no price. */
static void ranking_tell(
    struct market *m, unsigned base, int64_t now_us, struct market_sink *sink)
{
	static const char *const venues[] = {
	    "binance", "bitstamp", "coinbase", "gemini", "kraken"};
	const int64_t n = sizeof(venues) / sizeof(venues[0]);
	const struct chain_base *b = &chain_bases[base];
	int64_t missing = rng_below(&m->beside, 3 * n);

	tell_begin(m, "deribit_price_ranking.", b->index_name, "");
	for (int64_t k = 0; k < n; k++) {
		int64_t price = m->index[base] + rng_below(&m->beside, 21) - 10;

		buf_addf(&m->text,
		    "%s{\"timestamp\":%" PRId64
		    ",\"identifier\":\"%s\",\"enabled\":%s",
		    k == 0 ? "[" : ",", now_us / 1000, venues[k],
		    k == missing ? "false" : "true");
		tell_number(
		    m, "weight", k == missing ? 0 : WEIGHT, 0, &m->beside);
		if (k == missing) {
			buf_adds(&m->text,
			    ",\"price\":null,\"original_price\":null}");
			continue;
		}
		tell_number(m, "price", price, b->index.scale, &m->beside);
		tell_number(
		    m, "original_price", price, b->index.scale, &m->beside);
		buf_addc(&m->text, '}');
	}
	buf_addc(&m->text, ']');
	tell_end(m, m->ranking_of[base], sink);
}

static void statistics_tell(
    struct market *m, unsigned base, struct market_sink *sink)
{
	const struct chain_base *b = &chain_bases[base];

	tell_begin(m, "deribit_price_statistics.", b->index_name, "");
	buf_addf(&m->text, "{\"index_name\":\"%s\",\"high_volatility\":false",
	    b->index_name);
	tell_number(
	    m, "low24h", m->index[base] * 98 / 100, b->index.scale, &m->beside);
	tell_number(m, "high24h", m->index[base] * 103 / 100, b->index.scale,
	    &m->beside);
	tell_number(
	    m, "change24h", rng_below(&m->beside, 401) - 200, 2, &m->beside);
	buf_addc(&m->text, '}');
	tell_end(m, m->statistics_of[base], sink);
}

/* Some options' marks move each second, even of those that nobody else listens
 * to and that do not walk. */
static int64_t drift(const struct market *m, size_t n)
{
	struct rng r = rng_for(m->seed, n);

	r = rng_for(rng_next(&r), (m->seconds + n * 5) / MARK_EPOCH);
	return rng_below(&r, 5) - 2;
}

/* Takes the option's mark as it is now; whether that is another one. */
static bool mark_take(struct market *m, size_t n)
{
	struct market_walk *w = &m->walk[n];
	int64_t mark = market_mark(m, n), iv = w->iv + drift(m, n);

	for (int s = chain_grid_of(&m->chain[n])->scale + 4; s > MARK_SCALE;
	     s--)
		mark /= 10;
	mark += drift(m, n);
	if (mark < 0)
		mark = 0;
	if (mark == w->told_mark && iv == w->told_iv)
		return false;
	w->told_mark = mark;
	w->told_iv = iv;
	return true;
}

static bool is_option_of(const struct market *m, size_t n, unsigned base)
{
	return m->chain[n].base == base && m->chain[n].kind == CHAIN_OPTION &&
	       chain_is_open(&m->chain[n]);
}

static void mark_text(struct market *m, size_t n, int64_t now_us)
{
	const struct market_walk *w = &m->walk[n];

	if (buf_head(&m->text)[buf_used(&m->text) - 1] != '[')
		buf_addc(&m->text, ',');
	buf_addf(&m->text,
	    "{\"timestamp\":%" PRId64 ",\"instrument_name\":\"%s\"",
	    now_us / 1000, m->chain[n].name);
	tell_number(m, "mark_price", w->told_mark, MARK_SCALE, &m->beside);
	/* A fraction here, and a percentage everywhere else. */
	tell_number(m, "iv", w->told_iv, 4, &m->beside);
	buf_addc(&m->text, '}');
}

static void marks_tell(
    struct market *m, unsigned base, int64_t now_us, struct market_sink *sink)
{
	bool any = false;

	tell_begin(m, "markprice.options.", chain_bases[base].index_name, "");
	buf_addc(&m->text, '[');
	for (size_t n = 0; n < m->count; n++) {
		if (!is_option_of(m, n, base) || !mark_take(m, n))
			continue;
		mark_text(m, n, now_us);
		any = true;
	}
	buf_addc(&m->text, ']');
	if (any)
		tell_end(m, m->marks_of[base], sink);
}

void beside_greet_marks(struct market *m, unsigned base, uint64_t slots,
    int64_t now_us, struct market_sink *sink)
{
	/* Else the others would miss what has changed since. */
	bool first = (m->marks_of[base] & ~slots) == 0;

	tell_begin(m, "markprice.options.", chain_bases[base].index_name, "");
	buf_addc(&m->text, '[');
	for (size_t n = 0; n < m->count; n++) {
		if (!is_option_of(m, n, base))
			continue;
		if (first || m->walk[n].told_iv == 0)
			mark_take(m, n);
		mark_text(m, n, now_us);
	}
	buf_addc(&m->text, ']');
	tell_end(m, slots, sink);
}

/* A ticker is told at least so often, changed or not. */
static void tickers_tell(
    struct market *m, size_t n, int64_t now_us, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[n];

	for (unsigned k = 0; k < MARKET_INTERVALS; k++) {
		if (w->subs[STREAM_TICKER + k] == 0 ||
		    now_us - w->ticker_us[k] < TICKER_US)
			continue;
		tell_begin(m, "ticker.", m->chain[n].name, tell_tails[k]);
		text_ticker(&m->text, m, n, now_us / 1000, &m->beside);
		w->ticker_us[k] = now_us;
		tell_end(m, w->subs[STREAM_TICKER + k], sink);
	}
	incremental_idle(m, (uint32_t)n, now_us, sink);
}

static void second(struct market *m, int64_t now_us, struct market_sink *sink)
{
	m->seconds++;
	for (unsigned b = 0; b < CHAIN_BASES; b++) {
		if (m->index_of[b] != 0)
			index_tell(m, b, now_us, sink);
		if (m->volatility_of[b] != 0)
			volatility_tell(m, b, now_us, sink);
		if (m->ranking_of[b] != 0)
			ranking_tell(m, b, now_us, sink);
		if (m->statistics_of[b] != 0 && m->seconds % STATISTICS_S == 0)
			statistics_tell(m, b, sink);
		if (m->estimate_of[b] != 0)
			estimate_tell(m, b, now_us, sink);
		if (m->marks_of[b] != 0)
			marks_tell(m, b, now_us, sink);
	}
	for (size_t n = 0; n < m->count; n++)
		if (chain_is_open(&m->chain[n]))
			tickers_tell(m, n, now_us, sink);
	candle_idle(m, now_us, sink);
}

void market_beside(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	life_turn(m, mono_us, now_us, sink);
	if (mono_us - m->second_us < SECOND_US)
		return;
	m->second_us = mono_us;
	second(m, now_us, sink);
}
