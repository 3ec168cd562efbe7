#include "replay/market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/text.h"

#define YEAR_MS 31557600000.0
#define TEXT_MAX (1 << 20)
#define TRADE_PERCENT 4 /* of the events, where both kinds are wanted */
#define MATCH_ID_FIRST UINT64_C(227538549002481664)

static double normal(double x)
{
	return 0.5 * erfc(-x / sqrt(2.0));
}

static double as_double(struct decimal d)
{
	return (double)d.mantissa / pow(10.0, d.scale);
}

/* Black-76, so that the chain looks like one: deep options are dear, far ones
 * cheap.  Where it begins only; from there it walks. */
static double fair_option(const struct chain_base *b,
    const struct chain_instrument *i, int64_t now_ms)
{
	double f = as_double(b->index), k = as_double(i->strike);
	double t = (double)(i->expiration_ms - now_ms) / YEAR_MS;
	double sd = b->volatility * sqrt(t > 0 ? t : 1e-6);
	double d1 = log(f / k) / sd + sd / 2, d2 = d1 - sd;
	double call = f * normal(d1) - k * normal(d2);
	double price = i->call ? call : call - f + k;

	return b->linear ? price : price / f;
}

static void walk_begin(struct market *m, size_t n, int64_t now_ms)
{
	const struct chain_instrument *i = &m->chain[n];
	const struct chain_base *b = &chain_bases[i->base];
	const struct chain_grid *g = chain_grid_of(i);
	struct market_walk *w = &m->walk[n];
	struct rng r = rng_for(m->seed, n);
	double fair = i->kind == CHAIN_OPTION ? fair_option(b, i, now_ms)
	                                      : as_double(b->index);
	int64_t heavy = rng_below(&r, 1000);

	w->anchor = chain_snap(g, (int64_t)(fair * pow(10.0, g->scale)));
	w->fair = w->anchor;
	w->iv = (int64_t)(b->volatility * 10000) + rng_below(&r, 1500);
	w->open_interest = heavy * heavy * heavy / 10000;
	w->seq = (uint64_t)(i->perpetual ? 295692526 : rng_below(&r, 900));
	w->bid = w->anchor;
	w->ask = chain_snap(g, w->anchor + chain_step(g, w->anchor));
	w->bid_amount = 1 + rng_below(&r, 200);
	w->ask_amount = 1 + rng_below(&r, 200);
}

static size_t hash_name(const char *name, size_t len)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ (h >> 32));
}

static void name_add(struct market *m, size_t n)
{
	const char *name = m->chain[n].name;
	size_t at = hash_name(name, strlen(name));

	while (m->names[at % m->names_size] != 0)
		at++;
	m->names[at % m->names_size] = (uint32_t)n + 1;
}

long market_find(const struct market *m, const char *name, size_t len)
{
	for (size_t at = hash_name(name, len);; at++) {
		uint32_t n = m->names[at % m->names_size];

		if (n == 0)
			return -1;
		if (strlen(m->chain[n - 1].name) == len &&
		    memcmp(m->chain[n - 1].name, name, len) == 0)
			return (long)n - 1;
	}
}

/* Who is how active: perpetuals first, the rest in an order of the seed. */
static void rank_begin(struct market *m)
{
	struct rng r = rng_for(m->seed, 77);
	size_t first = 0;

	for (size_t i = 0; i < m->count; i++)
		m->rank[i] = (uint32_t)i;
	for (size_t i = m->count - 1; i > 0; i--) {
		size_t j = (size_t)rng_below(&r, (int64_t)i + 1);
		uint32_t swap = m->rank[i];

		m->rank[i] = m->rank[j];
		m->rank[j] = swap;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (m->chain[m->rank[i]].perpetual) {
			uint32_t swap = m->rank[i];

			m->rank[i] = m->rank[first];
			m->rank[first++] = swap;
		}
	}
}

static int market_allocate(struct market *m)
{
	m->names_size = m->count * 2 + 1;
	m->walk = calloc(m->count, sizeof(*m->walk));
	m->rank = calloc(m->count, sizeof(*m->rank));
	m->names = calloc(m->names_size, sizeof(*m->names));
	m->memory = calloc(MARKET_TRADES, sizeof(*m->memory));
	m->quotes.member = calloc(m->count, sizeof(uint32_t));
	m->quotes.weight = calloc(m->count, sizeof(uint64_t));
	m->trades.member = calloc(m->count, sizeof(uint32_t));
	m->trades.weight = calloc(m->count, sizeof(uint64_t));
	return m->walk == NULL || m->rank == NULL || m->names == NULL ||
	               m->memory == NULL || m->quotes.member == NULL ||
	               m->quotes.weight == NULL || m->trades.member == NULL ||
	               m->trades.weight == NULL
	           ? -1
	           : 0;
}

struct market *market_new(uint64_t seed, int64_t now_ms, struct fault *fault)
{
	struct market *m = calloc(1, sizeof(*m));

	if (m == NULL)
		goto out;
	m->seed = seed;
	m->rng = rng_for(seed, 1);
	m->match_id = MATCH_ID_FIRST + seed;
	buf_init(&m->text, TEXT_MAX);
	m->chain = chain_new(now_ms, &m->count);
	if (m->chain == NULL || market_allocate(m) == -1)
		goto out;
	for (unsigned b = 0; b < CHAIN_BASES; b++) {
		m->index[b] = chain_bases[b].index.mantissa;
		m->trade_id[b] = b == 0 ? 445682190 : 15;
	}
	for (size_t i = 0; i < m->count; i++) {
		walk_begin(m, i, now_ms);
		name_add(m, i);
	}
	rank_begin(m);
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
	free(m->chain);
	free(m->walk);
	free(m->rank);
	free(m->names);
	free(m->memory);
	free(m->quotes.member);
	free(m->quotes.weight);
	free(m->trades.member);
	free(m->trades.weight);
	buf_free(&m->text);
	free(m);
}

int64_t market_mark(const struct market *m, size_t instrument)
{
	const struct market_walk *w = &m->walk[instrument];

	return w->fair * 10000 + (w->anchor * 7919 + w->fair * 31) % 10000;
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

static const unsigned kind_at[] = {[CHAIN_OPTION] = 1, [CHAIN_FUTURE] = 2};

static unsigned currency_at(const struct chain_instrument *i)
{
	return i->base < 2 ? i->base + 1 : 3; /* BTC, ETH, USDC */
}

/* The four chain-wide channels an instrument's trades appear on. */
static uint64_t *chain_subs(struct market *m, const struct chain_instrument *i,
    unsigned which, unsigned interval)
{
	return &m->trades_of[which & 1 ? 0 : kind_at[i->kind]]
	                    [which & 2 ? 0 : currency_at(i)][interval];
}

static bool trades_wanted(struct market *m, uint32_t n)
{
	uint64_t any = m->walk[n].subs[STREAM_TRADES_100MS] |
	               m->walk[n].subs[STREAM_TRADES_AGG2];

	for (unsigned w = 0; w < 4; w++)
		any |= *chain_subs(m, &m->chain[n], w, 0) |
		       *chain_subs(m, &m->chain[n], w, 1);
	return any != 0;
}

static void pools_build(struct market *m)
{
	m->quotes.count = 0;
	m->trades.count = 0;
	for (size_t k = 0; k < m->count; k++) {
		uint32_t n = m->rank[k];
		const uint64_t *subs = m->walk[n].subs;

		if ((subs[STREAM_QUOTE] | subs[STREAM_TICKER_100MS] |
			subs[STREAM_TICKER_AGG2]) != 0)
			pool_add(&m->quotes, n);
		if (trades_wanted(m, n))
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

static int emit(struct market *m, uint64_t subs, struct market_sink *sink)
{
	if (text_end(&m->text) == -1)
		return 0;
	sink->emit(sink->arg, subs, buf_head(&m->text), buf_used(&m->text));
	return 1;
}

static void begin(
    struct market *m, const char *head, const char *name, const char *tail)
{
	char channel[160];

	snprintf(channel, sizeof(channel), "%s%s%s", head, name, tail);
	buf_clear(&m->text);
	text_begin(&m->text, channel);
}

static int quote_event(
    struct market *m, int64_t now_us, struct market_sink *sink)
{
	static const char *const tails[] = {".100ms", ".agg2"};
	uint32_t n = pool_draw(&m->quotes, &m->rng);
	const struct chain_instrument *i = &m->chain[n];
	const uint64_t *subs = m->walk[n].subs;
	int count = 0;

	walk_step(m, n);
	if (i->perpetual)
		index_step(m, i->base);
	if (subs[STREAM_QUOTE] != 0) {
		begin(m, "quote.", i->name, "");
		text_quote(&m->text, m, n, now_us / 1000, &m->rng);
		count += emit(m, subs[STREAM_QUOTE], sink);
	}
	for (unsigned k = 0; k < 2; k++) {
		if (subs[STREAM_TICKER_100MS + k] == 0)
			continue;
		begin(m, "ticker.", i->name, tails[k]);
		text_ticker(&m->text, m, n, now_us / 1000, &m->rng);
		count += emit(m, subs[STREAM_TICKER_100MS + k], sink);
	}
	return count;
}

static unsigned char tick_direction(struct market_walk *w, int64_t price)
{
	unsigned char d = price > w->last ? 0 : price < w->last ? 2 : 1;

	w->last = price;
	return d;
}

static void trade_make(struct market *m, uint32_t n, int64_t now_us)
{
	struct market_walk *w = &m->walk[n];
	const struct chain_instrument *i = &m->chain[n];
	struct market_trade *t = &m->memory[++m->traded % MARKET_TRADES];
	int64_t side;

	memset(t, 0, sizeof(*t));
	t->instrument = n;
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
}

/* One message with the trades from number `first` on that are of instrument n,
 * or with all of them when n is -1. */
static int trades_tell(struct market *m, uint64_t first, long n, uint64_t subs,
    const char *name, const char *tail, struct market_sink *sink)
{
	bool any = false;

	if (subs == 0)
		return 0;
	begin(m, "trades.", name, tail);
	buf_addc(&m->text, '[');
	for (uint64_t k = first; k <= m->traded; k++) {
		const struct market_trade *t = market_trade_at(m, k);

		if (n != -1 && t->instrument != (uint32_t)n)
			continue;
		if (any)
			buf_addc(&m->text, ',');
		text_trade(&m->text, m, t);
		any = true;
	}
	buf_addc(&m->text, ']');
	return any ? emit(m, subs, sink) : 0;
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
		count += trades_tell(m, first, (long)n,
		    subs[STREAM_TRADES_100MS], m->chain[n].name, ".100ms",
		    sink);
		count += trades_tell(m, first, (long)n,
		    subs[STREAM_TRADES_AGG2], m->chain[n].name, ".agg2", sink);
	}
	return count;
}

static int chains_tell(struct market *m, uint64_t first,
    const struct chain_instrument *i, struct market_sink *sink)
{
	const char *kind = i->kind == CHAIN_OPTION ? "option" : "future";
	int count = 0;
	char name[32];

	for (unsigned w = 0; w < 4; w++) {
		snprintf(name, sizeof(name), "%s.%s", w & 1 ? "any" : kind,
		    w & 2 ? "any" : chain_bases[i->base].currency);
		count += trades_tell(m, first, -1, *chain_subs(m, i, w, 0),
		    name, ".100ms", sink);
		count += trades_tell(
		    m, first, -1, *chain_subs(m, i, w, 1), name, ".agg2", sink);
	}
	return count;
}

static bool is_alike(
    const struct chain_instrument *a, const struct chain_instrument *b)
{
	return a->kind == b->kind && currency_at(a) == currency_at(b);
}

/* One taker order may meet several instruments' books: one to four trades of
 * one kind and currency. */
static int trade_event(
    struct market *m, int64_t now_us, struct market_sink *sink)
{
	uint32_t n = pool_draw(&m->trades, &m->rng);
	const struct chain_instrument *i = &m->chain[n];
	uint64_t first = m->traded + 1;
	int64_t more = rng_below(&m->rng, 4);

	trade_make(m, n, now_us);
	while (more-- > 0) {
		uint32_t other = rng_below(&m->rng, 2)
		                     ? n
		                     : pool_draw(&m->trades, &m->rng);

		if (is_alike(i, &m->chain[other]))
			trade_make(m, other, now_us);
	}
	return chains_tell(m, first, i, sink) +
	       instruments_tell(m, first, sink);
}

int market_step(struct market *m, int64_t now_us, struct market_sink *sink)
{
	bool trade;

	if (m->stale)
		pools_build(m);
	if (m->quotes.count == 0 && m->trades.count == 0)
		return 0;
	trade = m->quotes.count == 0 ||
	        (m->trades.count > 0 &&
		    rng_below(&m->rng, 100) < TRADE_PERCENT);
	return trade ? trade_event(m, now_us, sink)
	             : quote_event(m, now_us, sink);
}

void market_indexes(struct market *m, int64_t now_us, struct market_sink *sink)
{
	for (unsigned b = 0; b < CHAIN_BASES; b++) {
		const struct chain_base *c = &chain_bases[b];

		if (m->index_of[b] == 0)
			continue;
		begin(m, "deribit_price_index.", c->index_name, "");
		buf_addf(&m->text,
		    "{\"timestamp\":%lld,\"index_name\":\"%s\",\"price\":",
		    (long long)(now_us / 1000), c->index_name);
		text_number(&m->text, m->index[b], c->index.scale, &m->rng);
		buf_addc(&m->text, '}');
		emit(m, m->index_of[b], sink);
	}
}
