#include "replay/listing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_MS 31557600000.0
#define LISTED_RANK 8 /* a new instrument is traded at once */
#define FIRST_ROOM 64 /* for new ones */

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

int64_t listing_price(const struct chain_instrument *i, int64_t at_ms)
{
	const struct chain_base *b = &chain_bases[i->base];
	const struct chain_grid *g = chain_grid_of(i);
	double fair = i->kind == CHAIN_OPTION ? fair_option(b, i, at_ms)
	                                      : as_double(b->index);

	return chain_snap(g, (int64_t)(fair * pow(10.0, g->scale)));
}

static void walk_begin(struct market *m, size_t n, int64_t now_ms)
{
	const struct chain_instrument *i = &m->chain[n];
	const struct chain_base *b = &chain_bases[i->base];
	const struct chain_grid *g = chain_grid_of(i);
	struct market_walk *w = &m->walk[n];
	struct rng r = rng_for(m->seed, n);
	int64_t heavy = rng_below(&r, 1000);

	w->anchor = listing_price(i, now_ms);
	if (chain_is_combo(i))
		w->anchor = i->shift + g->step * (rng_below(&r, 9) - 4);
	w->fair = w->anchor;
	w->iv = (int64_t)(b->volatility * 10000) + rng_below(&r, 1500);
	w->open_interest = heavy * heavy * heavy / 10000;
	w->seq = (uint64_t)(i->perpetual ? 295692526 : rng_below(&r, 900));
	w->bid = w->anchor;
	w->ask = chain_snap(g, w->anchor + chain_step(g, w->anchor));
	w->bid_amount = 1 + rng_below(&r, 200);
	w->ask_amount = 1 + rng_below(&r, 200);
	market_change(m, n);
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

/* Who is how active: perpetuals first, then what is no option or dated future,
 * the rest in an order of the seed. */
static void rank_begin(struct market *m)
{
	struct rng r = rng_for(m->seed, 77);
	size_t first = 0, shuffled = m->count;

	for (size_t i = 0; i < m->count; i++)
		m->rank[i] = (uint32_t)i;
	/* Spot pairs and combos are as active as perpetuals, nearly. */
	while (m->chain[shuffled - 1].kind >= CHAIN_SPOT)
		shuffled--;
	for (size_t i = shuffled - 1; i > 0; i--) {
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
	memmove(&m->rank[first + m->count - shuffled], &m->rank[first],
	    (shuffled - first) * sizeof(*m->rank));
	for (size_t i = shuffled; i < m->count; i++)
		m->rank[first++] = (uint32_t)i;
}

/* The array with room for size elements, the new ones zero; NULL without
 * memory, and then it is as it was. */
static void *grown(void *array, size_t count, size_t size, size_t element)
{
	char *p = realloc(array, size * element);

	if (p != NULL)
		memset(p + count * element, 0, (size - count) * element);
	return p;
}

static int names_grow(struct market *m, size_t size)
{
	uint32_t *names = calloc(size * 2 + 1, sizeof(*names));

	if (names == NULL)
		return -1;
	free(m->names);
	m->names = names;
	m->names_size = size * 2 + 1;
	for (size_t n = 0; n < m->count; n++)
		name_add(m, n);
	return 0;
}

/* Each array is larger, or as it was: the market is whole in any case. */
static int room(struct market *m, size_t size)
{
	struct {
		void **array;
		size_t element;
	} arrays[] = {
	    {(void **)&m->chain, sizeof(*m->chain)},
	    {(void **)&m->walk, sizeof(*m->walk)},
	    {(void **)&m->rank, sizeof(*m->rank)},
	    {(void **)&m->quotes.member, sizeof(*m->quotes.member)},
	    {(void **)&m->quotes.weight, sizeof(*m->quotes.weight)},
	    {(void **)&m->trades.member, sizeof(*m->trades.member)},
	    {(void **)&m->trades.weight, sizeof(*m->trades.weight)},
	};

	for (size_t k = 0; k < sizeof(arrays) / sizeof(arrays[0]); k++) {
		void *p = grown(
		    *arrays[k].array, m->room, size, arrays[k].element);

		if (p == NULL)
			return -1;
		*arrays[k].array = p;
	}
	if (names_grow(m, size) == -1)
		return -1;
	m->room = size;
	return 0;
}

int listing_begin(struct market *m, int64_t now_ms)
{
	size_t count;
	struct chain_instrument *first = chain_new(now_ms, &count);

	if (first == NULL || room(m, count + FIRST_ROOM) == -1) {
		free(first);
		return -1;
	}
	memcpy(m->chain, first, count * sizeof(*first));
	free(first);
	m->count = count;
	for (size_t n = 0; n < count; n++) {
		walk_begin(m, n, now_ms);
		name_add(m, n);
	}
	rank_begin(m);
	return 0;
}

void listing_free(struct market *m)
{
	for (size_t n = 0; n < m->count; n++) {
		free(m->walk[n].book);
		free(m->walk[n].told);
		free(m->walk[n].candles);
	}
	free(m->chain);
	free(m->walk);
	free(m->rank);
	free(m->names);
	free(m->quotes.member);
	free(m->quotes.weight);
	free(m->trades.member);
	free(m->trades.weight);
}

long listing_add(
    struct market *m, const struct chain_instrument *i, int64_t now_ms)
{
	size_t n = m->count;
	size_t rank = n < LISTED_RANK ? n : LISTED_RANK;

	if (n == LISTING_MAX || (n == m->room && room(m, n * 2) == -1))
		return -1;
	m->chain[n] = *i;
	memset(&m->walk[n], 0, sizeof(m->walk[n]));
	m->count++;
	walk_begin(m, n, now_ms);
	m->walk[n].seq = 0;
	m->walk[n].open_interest = 0;
	name_add(m, n);
	memmove(
	    &m->rank[rank + 1], &m->rank[rank], (n - rank) * sizeof(*m->rank));
	m->rank[rank] = (uint32_t)n;
	m->stale = true;
	return (long)n;
}
