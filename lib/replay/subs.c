/*
 * Channel names, and the masks of who listens (replay/market.h).
 */
#include <string.h>

#include "replay/beside.h"
#include "replay/greet.h"
#include "replay/market.h"

struct word {
	const char *p;
	size_t len;
};

static bool is(struct word w, const char *text)
{
	return strlen(text) == w.len && memcmp(w.p, text, w.len) == 0;
}

/* The position of w in a list that ends with NULL, or -1. */
static int find(struct word w, const char *const *list)
{
	for (int i = 0; list[i] != NULL; i++)
		if (is(w, list[i]))
			return i;
	return -1;
}

/* Splits at dots; at most max words, -1 beyond. */
static int split(const char *name, size_t len, struct word *words, int max)
{
	int n = 0;
	const char *end = name + len;

	for (;;) {
		const char *dot = memchr(name, '.', (size_t)(end - name));
		const char *stop = dot != NULL ? dot : end;

		if (n == max)
			return -1;
		words[n++] = (struct word){name, (size_t)(stop - name)};
		if (dot == NULL)
			return n;
		name = dot + 1;
	}
}

const char *const market_kinds[] = {
    "any", "option", "future", "spot", "future_combo", "option_combo", NULL};
const char *const market_currencies[] = {
    "any", "BTC", "ETH", "USDC", "USDT", "EURR", NULL};
static const char *const intervals[] = {"100ms", "agg2", "raw", NULL};
static const char *const depths[] = {"1", "10", "20", NULL};
static const char *const raws[] = {
    "book", "ticker", "trades", "perpetual", NULL};

unsigned market_kind_at(const struct chain_instrument *i)
{
	static const unsigned char at[] = {[CHAIN_OPTION] = 1,
	    [CHAIN_FUTURE] = 2,
	    [CHAIN_SPOT] = 3,
	    [CHAIN_FUTURE_COMBO] = 4,
	    [CHAIN_OPTION_COMBO] = 5};

	return at[i->kind];
}

unsigned market_currency_at(const struct chain_instrument *i)
{
	/* Of the bases, in their order: BTC, ETH, USDC, and ETH_BTC. */
	static const unsigned char at[CHAIN_BASES] = {1, 2, 3, 3, 3, 3, 1};

	return at[i->base];
}

static uint64_t *of_group(struct market *m, const struct word *w)
{
	int kind, currency, interval;
	bool state = is(w[1], "state"), creation = is(w[1], "creation");

	if (is(w[0], "instrument") && (state || creation)) {
		kind = find(w[2], market_kinds);
		currency = find(w[3], market_currencies);
		if (kind == -1 || currency == -1)
			return NULL;
		return state ? &m->state_of[kind][currency]
		             : &m->creation_of[kind][currency];
	}
	kind = find(w[1], market_kinds);
	currency = find(w[2], market_currencies);
	interval = find(w[3], intervals);
	if (!is(w[0], "trades") || kind == -1 || currency == -1 ||
	    interval == -1)
		return NULL;
	return &m->trades_of[kind][currency][interval];
}

static uint64_t *of_instrument(
    struct market *m, const struct word *w, enum market_stream stream)
{
	long n = market_find(m, w[1].p, w[1].len);

	return n == -1 ? NULL : &m->walk[n].subs[stream];
}

static uint64_t *of_chart(struct market *m, const struct word *w)
{
	int resolution = find(w[3], candle_resolutions);

	if (!is(w[0], "chart") || !is(w[1], "trades") || resolution == -1)
		return NULL;
	return of_instrument(m, w + 1, STREAM_CHART + (unsigned)resolution);
}

static uint64_t *of_perpetual(
    struct market *m, const struct word *w, unsigned interval)
{
	long n = market_find(m, w[1].p, w[1].len);

	if (n == -1 || !m->chain[n].perpetual)
		return NULL;
	return &m->walk[n].subs[STREAM_PERPETUAL + interval];
}

/* The base whose index has this name, or -1. */
static int find_index(struct word w)
{
	for (unsigned b = 0; b < CHAIN_BASES; b++)
		if (is(w, chain_bases[b].index_name))
			return (int)b;
	return -1;
}

static uint64_t *of_index(struct market *m, struct word what, struct word name)
{
	int b = find_index(name);

	if (b == -1)
		return NULL;
	if (is(what, "deribit_price_index"))
		return &m->index_of[b];
	if (is(what, "deribit_price_ranking"))
		return &m->ranking_of[b];
	if (is(what, "deribit_price_statistics"))
		return &m->statistics_of[b];
	if (is(what, "estimated_expiration_price"))
		return &m->estimate_of[b];
	if (is(what, "deribit_volatility_index") &&
	    beside_has_volatility((unsigned)b))
		return &m->volatility_of[b];
	if (is(what, "options") && beside_has_options((unsigned)b))
		return &m->marks_of[b];
	return NULL;
}

static uint64_t *of_interval(struct market *m, const struct word *w)
{
	int interval = find(w[2], intervals);

	if (is(w[0], "markprice") && is(w[1], "options"))
		return of_index(m, w[1], w[2]);
	if (interval == -1)
		return NULL;
	if (is(w[0], "ticker"))
		return of_instrument(m, w, STREAM_TICKER + (unsigned)interval);
	if (is(w[0], "trades"))
		return of_instrument(m, w, STREAM_TRADES + (unsigned)interval);
	if (is(w[0], "book"))
		return of_instrument(m, w, STREAM_BOOK + (unsigned)interval);
	if (is(w[0], "perpetual"))
		return of_perpetual(m, w, (unsigned)interval);
	return NULL;
}

/* book.{i}.none.{depth}.{interval}, of which there is no raw. */
static uint64_t *of_window(struct market *m, const struct word *w)
{
	int depth = find(w[3], depths), interval = find(w[4], intervals);

	if (!is(w[0], "book") || !is(w[2], "none") || depth == -1 ||
	    interval == -1 || is(w[4], "raw"))
		return NULL;
	return of_instrument(
	    m, w, STREAM_WINDOW + (unsigned)depth * 2 + (unsigned)interval);
}

static uint64_t *of_pair(struct market *m, const struct word *w)
{
	if (is(w[0], "quote"))
		return of_instrument(m, w, STREAM_QUOTE);
	if (is(w[0], "incremental_ticker"))
		return of_instrument(m, w, STREAM_INCREMENTAL);
	if (is(w[0], "platform_state") && is(w[1], "public_methods_state"))
		return &m->platform[1];
	return of_index(m, w[0], w[1]);
}

static uint64_t *of_one(struct market *m, struct word w)
{
	if (is(w, "platform_state"))
		return &m->platform[0];
	return is(w, "announcements") ? &m->platform[2] : NULL;
}

/* Whether the mask is one of an instrument that has expired. */
static bool of_expired(const struct market *m, const uint64_t *subs)
{
	const char *p = (const char *)subs, *walk = (const char *)m->walk;

	return p >= walk && p < (const char *)(m->walk + m->count) &&
	       !chain_is_open(&m->chain[(size_t)(p - walk) / sizeof(*m->walk)]);
}

enum market_channel market_channel(
    struct market *m, const char *name, size_t len, uint64_t **subs)
{
	struct word w[6];
	int n = split(name, len, w, 6);

	*subs = NULL;
	if (n < 1)
		return CHANNEL_UNKNOWN;
	switch (n) {
	case 1: *subs = of_one(m, w[0]); break;
	case 2: *subs = of_pair(m, w); break;
	case 3: *subs = of_interval(m, w); break;
	case 4:
		*subs = is(w[0], "chart") ? of_chart(m, w) : of_group(m, w);
		break;
	case 5: *subs = of_window(m, w); break;
	default: break;
	}
	if (*subs != NULL && of_expired(m, *subs))
		return CHANNEL_EXPIRED;
	if (n > 2 && is(w[n - 1], "raw") && find(w[0], raws) != -1)
		return CHANNEL_RAW;
	return *subs == NULL ? CHANNEL_UNKNOWN : CHANNEL_OK;
}

bool market_subscribe(struct market *m, uint64_t *subs, unsigned slot)
{
	uint64_t bit = UINT64_C(1) << slot;
	bool fresh = (*subs & bit) == 0;

	*subs |= bit;
	m->stale |= fresh;
	if (fresh)
		greet_add(m, subs, slot);
	return fresh;
}

bool market_unsubscribe(struct market *m, uint64_t *subs, unsigned slot)
{
	uint64_t bit = UINT64_C(1) << slot;
	bool was = (*subs & bit) != 0;

	*subs &= ~bit;
	m->stale |= was;
	return was;
}

static void clear(uint64_t *subs, size_t n, uint64_t bit)
{
	for (size_t i = 0; i < n; i++)
		subs[i] &= ~bit;
}

void market_leave(struct market *m, unsigned slot)
{
	uint64_t bit = UINT64_C(1) << slot;

	for (size_t i = 0; i < m->count; i++)
		clear(m->walk[i].subs, STREAM_COUNT, bit);
	for (int k = 0; k < MARKET_KINDS; k++) {
		for (int c = 0; c < MARKET_CURRENCIES; c++)
			clear(m->trades_of[k][c], MARKET_INTERVALS, bit);
		clear(m->state_of[k], MARKET_CURRENCIES, bit);
		clear(m->creation_of[k], MARKET_CURRENCIES, bit);
	}
	clear(m->index_of, CHAIN_BASES, bit);
	clear(m->volatility_of, CHAIN_BASES, bit);
	clear(m->marks_of, CHAIN_BASES, bit);
	clear(m->estimate_of, CHAIN_BASES, bit);
	clear(m->ranking_of, CHAIN_BASES, bit);
	clear(m->statistics_of, CHAIN_BASES, bit);
	clear(m->platform, 3, bit);
	greet_forget(m, slot);
	m->stale = true;
}
