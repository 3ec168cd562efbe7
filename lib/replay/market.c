#include "replay/market.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/book.h"
#include "replay/candle.h"
#include "replay/incremental.h"
#include "replay/listing.h"
#include "replay/tell.h"
#include "replay/text.h"

#define TEXT_MAX (1 << 20)
#define TRADE_PERCENT 4 /* of the events, where both kinds are wanted */
#define SILENT_MAX 16   /* events of which nobody hears, in a row */
#define MATCH_ID_FIRST UINT64_C(227538549002481664)
#define CHANGE_ID_FIRST UINT64_C(193809618511)

/* The ids of a currency, which its instruments share, jump. */
void market_change(struct market *m, size_t n)
{
	struct market_walk *w = &m->walk[n];
	uint64_t *last = &m->change_id[market_currency_at(&m->chain[n])];

	*last += (uint64_t)(w->bid_amount * 7 + w->ask_amount);
	w->change_id = *last;
}

struct market *market_new(uint64_t seed, int64_t now_ms, struct fault *fault)
{
	struct market *m = calloc(1, sizeof(*m));

	if (m == NULL)
		goto out;
	m->seed = seed;
	m->rng = rng_for(seed, 1);
	m->beside = rng_for(seed, 2);
	m->match_id = MATCH_ID_FIRST + seed;
	buf_init(&m->text, TEXT_MAX);
	for (unsigned b = 0; b < CHAIN_BASES; b++) {
		m->index[b] = chain_bases[b].index.mantissa;
		m->trade_id[b] = b == 0 ? 445682190 : 15;
		m->volatility[b] = (int64_t)(chain_bases[b].volatility * 10000);
	}
	for (unsigned c = 0; c < MARKET_CURRENCIES; c++)
		m->change_id[c] = CHANGE_ID_FIRST + c * UINT64_C(1000000007);
	m->memory = calloc(MARKET_TRADES, sizeof(*m->memory));
	if (m->memory == NULL || listing_begin(m, now_ms) == -1)
		goto out;
	return m;
out:
	market_free(m);
	fault_set(fault, EX_OSERR, "no memory for the synthetic market");
	return NULL;
}

void market_free(struct market *m)
{
	if (m == NULL)
		return;
	listing_free(m);
	free(m->greeting);
	free(m->memory);
	buf_free(&m->text);
	free(m);
}

void market_live(
    struct market *m, int64_t list_every_us, int64_t expire_every_us)
{
	m->list.every_us = list_every_us;
	m->expire.every_us = expire_every_us;
}

void market_news(
    struct market *m, int64_t open_after_us, int64_t interest_every_us)
{
	m->open_after_us = open_after_us;
	m->interest.every_us = interest_every_us;
}

void market_expire_by_clock(struct market *m)
{
	m->expiry_ms = 1;
}

int64_t market_mark(const struct market *m, size_t instrument)
{
	const struct market_walk *w = &m->walk[instrument];

	return chain_shown(&m->chain[instrument], w->fair) * 10000 +
	       (w->anchor * 7919 + w->fair * 31) % 10000;
}

const struct market_trade *market_trade_at(
    const struct market *m, uint64_t number)
{
	if (number == 0 || number > m->traded ||
	    m->traded - number >= MARKET_TRADES)
		return NULL;
	return &m->memory[number % MARKET_TRADES];
}

/* Zipf's law over the ranks: activity of rank k goes with 1/(k+5). */
static void pool_add(struct market_pool *p, uint32_t instrument)
{
	uint64_t before = p->count > 0 ? p->weight[p->count - 1] : 0;

	p->member[p->count] = instrument;
	p->weight[p->count] = before + UINT64_C(1000000000) / (p->count + 5);
	p->count++;
}

static uint32_t pool_draw(const struct market_pool *p, struct rng *r)
{
	uint64_t roll = (uint64_t)rng_below(
	    r, (int64_t)p->weight[p->count - 1]);
	size_t low = 0, high = p->count - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (p->weight[middle] > roll)
			high = middle;
		else
			low = middle + 1;
	}
	return p->member[low];
}

/* The four chain-wide channels an instrument's trades appear on. */
static uint64_t *chain_subs(struct market *m, const struct chain_instrument *i,
    unsigned which, unsigned interval)
{
	return &m->trades_of[which & 1 ? 0 : market_kind_at(i)]
	                    [which & 2 ? 0 : market_currency_at(i)][interval];
}

static bool trades_wanted(struct market *m, uint32_t n)
{
	uint64_t any = 0;

	for (unsigned k = STREAM_TRADES; k < STREAM_COUNT; k++)
		any |= m->walk[n].subs[k];
	for (unsigned w = 0; w < 4; w++)
		for (unsigned k = 0; k < MARKET_INTERVALS; k++)
			any |= *chain_subs(m, &m->chain[n], w, k);
	return any != 0;
}

static bool quotes_wanted(const struct market *m, uint32_t n)
{
	uint64_t any = 0;

	for (unsigned k = 0; k < STREAM_QUOTES_END; k++)
		any |= m->walk[n].subs[k];
	return any != 0;
}

/* With a history, trades come at their time and not at the rate. */
static void pools_build(struct market *m)
{
	m->quotes.count = 0;
	m->trades.count = 0;
	for (size_t k = 0; k < m->count; k++) {
		uint32_t n = m->rank[k];

		if (!chain_is_open(&m->chain[n]))
			continue;
		if (quotes_wanted(m, n))
			pool_add(&m->quotes, n);
		if (m->history == NULL && trades_wanted(m, n))
			pool_add(&m->trades, n);
	}
	m->stale = false;
}

/* Pulled back to where it began, so that a long run stays a market. */
static void walk_step(struct market *m, uint32_t n)
{
	const struct chain_grid *g = chain_grid_of(&m->chain[n]);
	struct market_walk *w = &m->walk[n];
	int64_t step = chain_step(g, w->fair);
	int64_t pull = w->fair > w->anchor ? -1 : 1;
	int64_t width;

	w->fair = chain_snap(
	    g, w->fair + step * (rng_below(&m->rng, 3) - 1) +
		   (rng_below(&m->rng, 8) == 0 ? pull * step : 0));
	width = 1 + rng_below(&m->rng, 3);
	w->bid = chain_snap(g, w->fair);
	w->ask = chain_snap(g, w->bid + width * chain_step(g, w->bid));
	if (w->ask <= w->bid)
		w->ask = chain_snap(g, w->bid + chain_step(g, w->bid));
	w->bid_amount = 1 + rng_below(&m->rng, 300);
	w->ask_amount = 1 + rng_below(&m->rng, 300);
	w->steps++;
	market_change(m, n);
	if (m->chain[n].kind != CHAIN_OPTION)
		return;
	w->iv += rng_below(&m->rng, 11) - 5;
	if (w->iv < 1000)
		w->iv = 1000;
	if (rng_below(&m->rng, 20) == 0)
		w->bid = 0;
	if (rng_below(&m->rng, 40) == 0)
		w->ask = 0;
}

static void index_step(struct market *m, unsigned base)
{
	int64_t begin = chain_bases[base].index.mantissa;
	int64_t step = begin / 20000 + 1;

	m->index[base] += step * (rng_below(&m->rng, 3) - 1);
	if (m->index[base] < begin * 9 / 10 || m->index[base] > begin * 11 / 10)
		m->index[base] = begin;
}

static int quote_event(
    struct market *m, int64_t now_us, struct market_sink *sink)
{
	uint32_t n = pool_draw(&m->quotes, &m->rng);
	const struct chain_instrument *i = &m->chain[n];
	const uint64_t *subs = m->walk[n].subs;
	int count = 0;

	walk_step(m, n);
	if (i->perpetual)
		index_step(m, i->base);
	if (subs[STREAM_QUOTE] != 0) {
		tell_begin(m, "quote.", i->name, "");
		text_quote(&m->text, m, n, now_us / 1000, &m->rng);
		count += tell_end(m, subs[STREAM_QUOTE], sink);
	}
	for (unsigned k = 0; k < MARKET_INTERVALS; k++) {
		if (subs[STREAM_TICKER + k] == 0)
			continue;
		tell_begin(m, "ticker.", i->name, tell_tails[k]);
		text_ticker(&m->text, m, n, now_us / 1000, &m->rng);
		m->walk[n].ticker_us[k] = now_us;
		count += tell_end(m, subs[STREAM_TICKER + k], sink);
	}
	return count + incremental_tell(m, n, now_us, sink) +
	       perpetual_tell(m, n, now_us, sink) +
	       book_tell(m, n, now_us, sink);
}

static unsigned char tick_direction(struct market_walk *w, int64_t price)
{
	unsigned char d = price > w->last ? 0 : price < w->last ? 2 : 1;

	w->last = price;
	return d;
}

static struct market_trade *trade_make(
    struct market *m, uint32_t n, int64_t now_us)
{
	struct market_walk *w = &m->walk[n];
	const struct chain_instrument *i = &m->chain[n];
	struct market_trade *t = &m->memory[++m->traded % MARKET_TRADES];
	int64_t side;

	memset(t, 0, sizeof(*t));
	t->instrument = n;
	t->number = m->traded;
	t->buy = rng_below(&m->rng, 2);
	side = t->buy ? w->ask : w->bid;
	t->price = side > 0 ? side : w->fair;
	t->amount = 1 + rng_below(&m->rng, 50);
	t->seq = ++w->seq;
	t->id = ++m->trade_id[i->base];
	t->tick_direction = tick_direction(w, t->price);
	t->at_ms = now_us / 1000;
	t->nanoseconds = rng_below(&m->rng, 1000000);
	t->mark = market_mark(m, n);
	t->index = m->index[i->base];
	t->has_iv = i->kind == CHAIN_OPTION && rng_below(&m->rng, 10) > 0;
	t->iv = rng_below(&m->rng, 40) == 0 ? 0 : w->iv;
	m->match_id += 1 + (uint64_t)rng_below(&m->rng, 9);
	t->match_id = m->match_id;
	if (rng_below(&m->rng, 100) == 0)
		t->block = m->traded;
	t->prev = w->last_trade;
	t->style = rng_next(&m->rng);
	w->last_trade = m->traded;
	w->volume += t->amount;
	return t;
}

/* A combo's trade is one of each of its legs, too. */
static void combo_make(struct market *m, uint32_t n, int64_t now_us)
{
	const struct market_trade *whole = trade_make(m, n, now_us);

	for (unsigned k = 0; k < CHAIN_LEGS; k++) {
		const struct chain_leg *l = &m->chain[n].leg[k];
		struct market_trade *t = trade_make(
		    m, (uint32_t)l->instrument, now_us);
		struct market_walk *w = &m->walk[l->instrument];

		w->volume += whole->amount - t->amount;
		t->amount = whole->amount;
		t->buy = whole->buy == (l->ratio > 0);
		t->block = 0;
		t->combo = n;
		t->combo_id = whole->id;
	}
}

/* One message with the trades from number `first` on that are of instrument n
 * and of this kind, -1 for any. */
static int trades_tell(struct market *m, uint64_t first, long n, int kind,
    uint64_t subs, const char *name, const char *tail, struct market_sink *sink)
{
	bool any = false;

	if (subs == 0)
		return 0;
	tell_begin(m, "trades.", name, tail);
	buf_addc(&m->text, '[');
	for (uint64_t k = first; k <= m->traded; k++) {
		const struct market_trade *t = market_trade_at(m, k);

		if ((n != -1 && t->instrument != (uint32_t)n) ||
		    (kind != -1 &&
			m->chain[t->instrument].kind != (unsigned)kind))
			continue;
		if (any)
			buf_addc(&m->text, ',');
		text_trade(&m->text, m, t);
		any = true;
	}
	buf_addc(&m->text, ']');
	return any ? tell_end(m, subs, sink) : 0;
}

/* Whether an earlier trade of the event was of the same instrument. */
static bool told(const struct market *m, uint64_t first, uint64_t k)
{
	for (uint64_t e = first; e < k; e++)
		if (market_trade_at(m, e)->instrument ==
		    market_trade_at(m, k)->instrument)
			return true;
	return false;
}

static int instruments_tell(
    struct market *m, uint64_t first, struct market_sink *sink)
{
	int count = 0;

	for (uint64_t k = first; k <= m->traded; k++) {
		uint32_t n = market_trade_at(m, k)->instrument;
		const uint64_t *subs = m->walk[n].subs;

		if (told(m, first, k))
			continue;
		for (unsigned v = 0; v < MARKET_INTERVALS; v++)
			count += trades_tell(m, first, (long)n, -1,
			    subs[STREAM_TRADES + v], m->chain[n].name,
			    tell_tails[v], sink);
	}
	return count;
}

/* The channels of its kind, and of any unless the kind is of legs only. */
static int chains_tell(struct market *m, uint64_t first,
    const struct chain_instrument *i, bool legs, struct market_sink *sink)
{
	const char *kind = market_kinds[market_kind_at(i)];
	int count = 0;
	char name[32];

	for (unsigned w = 0; w < 4; w += legs ? 2 : 1) {
		snprintf(name, sizeof(name), "%s.%s", w & 1 ? "any" : kind,
		    w & 2 ? "any" : market_currencies[market_currency_at(i)]);
		for (unsigned v = 0; v < MARKET_INTERVALS; v++)
			count += trades_tell(m, first, -1,
			    w & 1 ? -1 : (int)i->kind, *chain_subs(m, i, w, v),
			    name, tell_tails[v], sink);
	}
	return count;
}

static bool is_alike(
    const struct chain_instrument *a, const struct chain_instrument *b)
{
	return a->kind == b->kind &&
	       market_currency_at(a) == market_currency_at(b);
}

/* One taker order may meet several instruments' books: one to four trades of
 * one kind and currency. */
static int trade_event(
    struct market *m, int64_t now_us, struct market_sink *sink)
{
	uint32_t n = pool_draw(&m->trades, &m->rng);
	const struct chain_instrument *i = &m->chain[n];
	uint64_t first = m->traded + 1;
	bool combo = chain_is_combo(i);
	int64_t more = combo ? 0 : rng_below(&m->rng, 4);
	int count;

	if (combo)
		combo_make(m, n, now_us);
	else
		trade_make(m, n, now_us);
	while (more-- > 0) {
		uint32_t other = rng_below(&m->rng, 2)
		                     ? n
		                     : pool_draw(&m->trades, &m->rng);

		if (is_alike(i, &m->chain[other]))
			trade_make(m, other, now_us);
	}
	count = chains_tell(m, first, i, false, sink);
	if (combo)
		count += chains_tell(
		    m, first, &m->chain[i->leg[0].instrument], true, sink);
	count += instruments_tell(m, first, sink);
	for (uint64_t k = first; k <= m->traded; k++)
		count += candle_tell(m, market_trade_at(m, k), sink);
	return count;
}

int market_trades(struct market *m, const struct market_trade *t, size_t count,
    struct market_sink *sink)
{
	uint64_t first = m->traded + 1;
	struct market_walk *w = &m->walk[t->instrument];
	const struct chain_instrument *i = &m->chain[t->instrument];
	int told;

	for (size_t k = 0; k < count; k++) {
		struct market_trade *out =
		    &m->memory[++m->traded % MARKET_TRADES];

		*out = t[k];
		out->number = m->traded;
		out->prev = w->last_trade;
		w->last_trade = m->traded;
		w->seq = out->seq;
		w->last = out->price;
		w->volume += out->amount;
	}
	told = chains_tell(m, first, i, false, sink) +
	       instruments_tell(m, first, sink);
	for (uint64_t k = first; k <= m->traded; k++)
		told += candle_tell(m, market_trade_at(m, k), sink);
	return told;
}

static int event(struct market *m, int64_t now_us, struct market_sink *sink)
{
	bool trade = m->quotes.count == 0 ||
	             (m->trades.count > 0 &&
			 rng_below(&m->rng, 100) < TRADE_PERCENT);

	return trade ? trade_event(m, now_us, sink)
	             : quote_event(m, now_us, sink);
}

int market_step(struct market *m, int64_t now_us, struct market_sink *sink)
{
	int n = 0;

	if (m->stale)
		pools_build(m);
	if (m->quotes.count == 0 && m->trades.count == 0)
		return 0;
	/* A book that is empty and stays so says nothing. */
	for (int k = 0; k < SILENT_MAX && n == 0; k++)
		n = event(m, now_us, sink);
	return n;
}
