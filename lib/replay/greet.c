#include "replay/greet.h"

#include <stdlib.h>
#include <string.h>

#include "replay/beside.h"
#include "replay/book.h"
#include "replay/incremental.h"
#include "replay/tell.h"

/* About as many as the exchange sends in the first minute. */
#define PLATFORM_STATES 100

/* Of a mask that is no instrument's. */
static bool greeting_beside(
    const struct market *m, const uint64_t *subs, struct market_greeting *g)
{
	for (unsigned b = 0; b < CHAIN_BASES; b++) {
		g->instrument = b;
		g->kind = GREET_VOLATILITY;
		if (subs == &m->volatility_of[b])
			return true;
		g->kind = GREET_MARKS;
		if (subs == &m->marks_of[b])
			return true;
	}
	g->kind = GREET_PLATFORM;
	if (subs == &m->platform[0])
		return true;
	g->kind = GREET_METHODS;
	return subs == &m->platform[1];
}

/* What the mask is of; false: nobody is greeted there. */
static bool greeting_of(
    const struct market *m, const uint64_t *subs, struct market_greeting *g)
{
	const char *p = (const char *)subs, *walk = (const char *)m->walk;

	if (p < walk || p >= (const char *)(m->walk + m->count))
		return greeting_beside(m, subs, g);
	g->kind = GREET_STREAM;
	g->instrument = (uint32_t)((size_t)(p - walk) / sizeof(*m->walk));
	g->stream = (unsigned)(subs - m->walk[g->instrument].subs);
	return (g->stream >= STREAM_BOOK && g->stream < STREAM_BOOKS_END) ||
	       g->stream == STREAM_INCREMENTAL;
}

void greet_add(struct market *m, const uint64_t *subs, unsigned slot)
{
	struct market_greeting g = {.slot = slot};

	if (!greeting_of(m, subs, &g))
		return;
	if (m->greetings == m->greetings_size) {
		size_t size = m->greetings_size * 2 + 16;
		void *list = realloc(m->greeting, size * sizeof(g));

		if (list == NULL)
			return;
		m->greeting = list;
		m->greetings_size = size;
	}
	m->greeting[m->greetings++] = g;
}

void greet_forget(struct market *m, unsigned slot)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->greetings; i++)
		if (m->greeting[i].slot != slot)
			m->greeting[kept++] = m->greeting[i];
	m->greetings = kept;
}

/* Takes the slot's oldest greeting out of the list. */
static bool greeting_take(
    struct market *m, unsigned slot, struct market_greeting *g)
{
	for (size_t i = 0; i < m->greetings; i++) {
		if (m->greeting[i].slot != slot)
			continue;
		*g = m->greeting[i];
		memmove(&m->greeting[i], &m->greeting[i + 1],
		    (--m->greetings - i) * sizeof(*g));
		return true;
	}
	return false;
}

/* As the exchange does: that no index is locked, one by one. */
static void greet_platform(
    struct market *m, uint64_t slots, struct market_sink *sink)
{
	static const char *const indexes[] = {"ada_usdc", "algo_usdc",
	    "alt_usdc", "avax_usdc", "bch_usdc", "btc_usd", "btc_usdc",
	    "doge_usdc", "eth_usd", "eth_usdc", "sol_usdc", "xrp_usdc"};

	for (unsigned k = 0; k < PLATFORM_STATES; k++) {
		tell_begin(m, "platform_state", "", "");
		buf_addf(&m->text,
		    "{\"locked\":false,\"price_index\":\"%s\""
		    ",\"reasons\":[]}",
		    indexes[k % (sizeof(indexes) / sizeof(indexes[0]))]);
		tell_end(m, slots, sink);
	}
}

static void greet_methods(
    struct market *m, uint64_t slots, struct market_sink *sink)
{
	tell_begin(m, "platform_state.public_methods_state", "", "");
	buf_adds(&m->text, "{\"allow_unauthenticated_public_requests\":true}");
	tell_end(m, slots, sink);
}

static void greet(struct market *m, const struct market_greeting *g,
    int64_t now_us, struct market_sink *sink)
{
	uint64_t bit = UINT64_C(1) << g->slot;

	switch (g->kind) {
	case GREET_STREAM:
		if (g->stream == STREAM_INCREMENTAL)
			incremental_greet(m, g->instrument, bit, now_us, sink);
		else
			book_greet(
			    m, g->instrument, g->stream, bit, now_us, sink);
		break;
	case GREET_VOLATILITY:
		beside_greet_volatility(m, g->instrument, bit, now_us, sink);
		break;
	case GREET_MARKS:
		beside_greet_marks(m, g->instrument, bit, now_us, sink);
		break;
	case GREET_PLATFORM: greet_platform(m, bit, sink); break;
	case GREET_METHODS: greet_methods(m, bit, sink); break;
	}
}

void market_greet(
    struct market *m, unsigned slot, int64_t now_us, struct market_sink *sink)
{
	struct market_greeting g;

	/* One by one: the slot may leave while it is told. */
	while (greeting_take(m, slot, &g))
		greet(m, &g, now_us, sink);
}
