/*
 * Channel names, and the masks of who listens (replay/market.h).
 */
#include <string.h>

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

static const char *const kinds[] = {
    "any", "option", "future", "spot", "future_combo", "option_combo", NULL};
static const char *const currencies[] = {
    "any", "BTC", "ETH", "USDC", "USDT", "EURR", NULL};
static const char *const intervals[] = {"100ms", "agg2", NULL};
static const char *const raws[] = {
    "book", "ticker", "trades", "perpetual", NULL};

static uint64_t *of_group(struct market *m, const struct word *w)
{
	int kind, currency, interval;
	bool state = is(w[1], "state"), creation = is(w[1], "creation");

	if (is(w[0], "instrument") && (state || creation)) {
		kind = find(w[2], kinds);
		currency = find(w[3], currencies);
		if (kind == -1 || currency == -1)
			return NULL;
		return state ? &m->state_of[kind][currency]
		             : &m->creation_of[kind][currency];
	}
	kind = find(w[1], kinds);
	currency = find(w[2], currencies);
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

static uint64_t *of_interval(struct market *m, const struct word *w)
{
	int interval = find(w[2], intervals);

	if (interval == -1)
		return NULL;
	if (is(w[0], "ticker"))
		return of_instrument(
		    m, w, STREAM_TICKER_100MS + (unsigned)interval);
	if (is(w[0], "trades"))
		return of_instrument(
		    m, w, STREAM_TRADES_100MS + (unsigned)interval);
	return NULL;
}

static uint64_t *of_pair(struct market *m, const struct word *w)
{
	if (is(w[0], "quote"))
		return of_instrument(m, w, STREAM_QUOTE);
	if (is(w[0], "platform_state") && is(w[1], "public_methods_state"))
		return &m->platform[1];
	for (unsigned b = 0; b < CHAIN_BASES; b++)
		if (is(w[0], "deribit_price_index") &&
		    is(w[1], chain_bases[b].index_name))
			return &m->index_of[b];
	return NULL;
}

static uint64_t *of_one(struct market *m, struct word w)
{
	if (is(w, "platform_state"))
		return &m->platform[0];
	return is(w, "announcements") ? &m->platform[2] : NULL;
}

enum market_channel market_channel(
    struct market *m, const char *name, size_t len, uint64_t **subs)
{
	struct word w[6];
	int n = split(name, len, w, 6);

	*subs = NULL;
	if (n < 1)
		return CHANNEL_UNKNOWN;
	if (n > 2 && is(w[n - 1], "raw") && find(w[0], raws) != -1)
		return CHANNEL_RAW;
	switch (n) {
	case 1: *subs = of_one(m, w[0]); break;
	case 2: *subs = of_pair(m, w); break;
	case 3: *subs = of_interval(m, w); break;
	case 4: *subs = of_group(m, w); break;
	default: break;
	}
	return *subs == NULL ? CHANNEL_UNKNOWN : CHANNEL_OK;
}

bool market_subscribe(struct market *m, uint64_t *subs, unsigned slot)
{
	uint64_t bit = UINT64_C(1) << slot;
	bool fresh = (*subs & bit) == 0;

	*subs |= bit;
	m->stale |= fresh;
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
			clear(m->trades_of[k][c], 2, bit);
		clear(m->state_of[k], MARKET_CURRENCIES, bit);
		clear(m->creation_of[k], MARKET_CURRENCIES, bit);
	}
	clear(m->index_of, CHAIN_BASES, bit);
	clear(m->platform, 3, bit);
	m->stale = true;
}
