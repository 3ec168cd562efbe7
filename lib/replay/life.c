#include "replay/life.h"

#include <inttypes.h>
#include <stdio.h>

#include "replay/beside.h"
#include "replay/listing.h"
#include "replay/tell.h"
#include "replay/text.h"

#define ARCHIVE_US INT64_C(3000000) /* after delivery */
#define INTEREST_STEP 100           /* of the smallest amount */

/* Calls each() for the four channels <head>.{kind}.{currency} that an
 * instrument's news appear on, any included, if they are listened to. */
static void news_tell(struct market *m, size_t n, const char *head,
    uint64_t (*of)[MARKET_CURRENCIES], struct market_sink *sink,
    void (*data)(struct market *m, size_t n, int64_t now_ms, const char *state),
    int64_t now_us, const char *state)
{
	unsigned kind = market_kind_at(&m->chain[n]);
	unsigned currency = market_currency_at(&m->chain[n]);

	for (unsigned w = 0; w < 4; w++) {
		unsigned k = w & 1 ? 0 : kind, c = w & 2 ? 0 : currency;
		char name[32];

		if (of[k][c] == 0)
			continue;
		snprintf(name, sizeof(name), "%s.%s", market_kinds[k],
		    market_currencies[c]);
		tell_begin(m, head, name, "");
		data(m, n, now_us / 1000, state);
		tell_end(m, of[k][c], sink);
	}
}

static void state_data(
    struct market *m, size_t n, int64_t now_ms, const char *state)
{
	buf_addf(&m->text,
	    "{\"timestamp\":%" PRId64 ",\"state\":\"%s\""
	    ",\"instrument_name\":\"%s\"}",
	    now_ms, state, m->chain[n].name);
}

static void creation_data(
    struct market *m, size_t n, int64_t now_ms, const char *state)
{
	(void)state;
	text_instrument_open(&m->text, m, n);
	buf_addf(&m->text, ",\"timestamp\":%" PRId64 "}", now_ms);
}

static void state_tell(struct market *m, size_t n, const char *state,
    int64_t now_us, struct market_sink *sink)
{
	news_tell(m, n, "instrument.state.", m->state_of, sink, state_data,
	    now_us, state);
}

static void note(struct market *m, size_t n, const char *event, int64_t now_us,
    struct market_sink *sink)
{
	char line[256];
	int len;

	if (sink->note == NULL)
		return;
	len = snprintf(line, sizeof(line),
	    "{\"event\":\"%s\",\"at\":%" PRId64 ",\"instrument_name\":\"%s\"}",
	    event, now_us, m->chain[n].name);
	sink->note(sink->arg, line, (size_t)len);
}

/* An open option, of this base unless it is -1, and of the subscribed ones if
 * those are wanted; -1: there is none. */
static long draw(struct market *m, long base, bool subscribed)
{
	long n = -1;
	int64_t met = 0;

	for (size_t k = 0; k < m->count; k++) {
		uint64_t any = 0;

		if (m->chain[k].kind != CHAIN_OPTION ||
		    !chain_is_open(&m->chain[k]) ||
		    (base != -1 && m->chain[k].base != (unsigned)base))
			continue;
		for (unsigned s = 0; subscribed && s < STREAM_COUNT; s++)
			any |= m->walk[k].subs[s];
		if (subscribed && any == 0)
			continue;
		/* Each of those met so far is as likely. */
		if (rng_below(&m->beside, ++met) == 0)
			n = (long)k;
	}
	return n;
}

static bool is_sibling(
    const struct chain_instrument *a, const struct chain_instrument *b)
{
	return a->kind == b->kind && a->base == b->base &&
	       a->expiration_ms == b->expiration_ms;
}

/* The next option beyond the expiry's highest strike: its put, if that strike
 * has a call alone. */
static void next_option(const struct market *m,
    const struct chain_instrument *of, struct chain_instrument *out)
{
	int64_t highest = 0, second = 0;
	int calls = 0, puts = 0;

	for (size_t k = 0; k < m->count; k++) {
		const struct chain_instrument *i = &m->chain[k];
		int64_t strike = i->strike.mantissa;

		if (!is_sibling(i, of) || strike < second)
			continue;
		if (strike > highest) {
			second = highest;
			highest = strike;
			calls = puts = 0;
		} else if (strike < highest) {
			second = strike;
		}
		calls += strike == highest && i->call;
		puts += strike == highest && !i->call;
	}
	*out = *of;
	out->call = calls == 0 || puts > 0;
	out->strike.mantissa = out->call ? highest + (highest - second)
	                                 : highest;
}

static long draw_base(struct market *m)
{
	long base;

	do
		base = (long)rng_below(&m->beside, CHAIN_BASES);
	while (!beside_has_options((unsigned)base));
	return base;
}

static void list(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	struct chain_instrument i;
	long n = draw(m, draw_base(m), false);

	if (n == -1)
		return;
	next_option(m, &m->chain[n], &i);
	chain_relist(&i, m->chain[m->count - 1].id + 1, now_us / 1000);
	i.turned_us = mono_us;
	if (m->open_after_us > 0)
		i.state = CHAIN_CREATED;
	n = listing_add(m, &i, now_us / 1000);
	if (n == -1)
		return;
	m->created += m->open_after_us > 0;
	note(m, (size_t)n, "listed", now_us, sink);
	news_tell(m, (size_t)n, "instrument.creation.", m->creation_of, sink,
	    creation_data, now_us, NULL);
	if (m->open_after_us == 0)
		state_tell(m, (size_t)n, "open", now_us, sink);
}

/* What was created is open. */
static void open(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	for (size_t n = 0; n < m->count && m->created > 0; n++) {
		struct chain_instrument *i = &m->chain[n];

		if (i->state != CHAIN_CREATED ||
		    mono_us - i->turned_us < m->open_after_us)
			continue;
		i->state = CHAIN_OPEN;
		m->created--;
		m->stale = true;
		state_tell(m, n, "open", now_us, sink);
	}
}

/* One option has more open interest than any other of its base. */
static void interest(struct market *m, int64_t now_us, struct market_sink *sink)
{
	long base = draw_base(m), n = draw(m, base, false);
	int64_t most = 0;

	for (size_t k = 0; k < m->count && n != -1; k++)
		if (m->chain[k].kind == CHAIN_OPTION &&
		    m->chain[k].base == (unsigned)base &&
		    m->walk[k].open_interest > most)
			most = m->walk[k].open_interest;
	if (n == -1)
		return;
	m->walk[n].open_interest = most + INTEREST_STEP;
	note(m, (size_t)n, "interest", now_us, sink);
}

static void last_tickers(
    struct market *m, size_t n, int64_t now_us, struct market_sink *sink)
{
	for (unsigned k = 0; k < MARKET_INTERVALS; k++) {
		uint64_t subs = m->walk[n].subs[STREAM_TICKER + k];

		if (subs == 0)
			continue;
		tell_begin(m, "ticker.", m->chain[n].name, tell_tails[k]);
		text_ticker(&m->text, m, n, now_us / 1000, &m->beside);
		tell_end(m, subs, sink);
	}
}

static void deliver(struct market *m, size_t n, int64_t mono_us, int64_t now_us,
    struct market_sink *sink)
{
	m->chain[n].state = CHAIN_DELIVERED;
	m->chain[n].turned_us = mono_us;
	m->delivered++;
	m->stale = true;
	note(m, n, "expired", now_us, sink);
	last_tickers(m, n, now_us, sink);
	state_tell(m, n, "settlement", now_us, sink);
	state_tell(m, n, "delivered", now_us, sink);
}

static bool has_leg(const struct chain_instrument *i, size_t n)
{
	return chain_is_combo(i) &&
	       (i->leg[0].instrument == n || i->leg[1].instrument == n);
}

/* And the combos that it is a leg of. */
static void expire(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	long n = draw(m, -1, true);

	if (n == -1)
		n = draw(m, -1, false);
	if (n == -1)
		return;
	deliver(m, (size_t)n, mono_us, now_us, sink);
	for (size_t k = 0; k < m->count; k++)
		if (chain_is_open(&m->chain[k]) &&
		    has_leg(&m->chain[k], (size_t)n))
			deliver(m, k, mono_us, now_us, sink);
}

static void archive(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	for (size_t n = 0; n < m->count && m->delivered > 0; n++) {
		if (m->chain[n].state != CHAIN_DELIVERED ||
		    mono_us - m->chain[n].turned_us < ARCHIVE_US)
			continue;
		m->chain[n].state = CHAIN_ARCHIVIZED;
		m->delivered--;
		state_tell(m, n, "archivized", now_us, sink);
	}
}

/* Everything dated whose time has come; and when it is time again. */
static void expire_due(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	if (m->expiry_ms == 0 || now_us / 1000 < m->expiry_ms)
		return;
	m->expiry_ms = CHAIN_PERPETUAL_MS;
	for (size_t n = 0; n < m->count; n++) {
		struct chain_instrument *i = &m->chain[n];

		if (!chain_is_open(i) && i->state != CHAIN_CREATED)
			continue;
		if (i->expiration_ms > now_us / 1000) {
			if (i->expiration_ms < m->expiry_ms)
				m->expiry_ms = i->expiration_ms;
			continue;
		}
		m->created -= i->state == CHAIN_CREATED;
		deliver(m, n, mono_us, now_us, sink);
	}
}

/* Whether it is time again; the first time is when there has been one. */
static bool is_due(struct market_schedule *s, int64_t mono_us)
{
	if (s->every_us == 0)
		return false;
	if (s->last_us == 0)
		s->last_us = mono_us;
	if (mono_us - s->last_us < s->every_us)
		return false;
	s->last_us += (mono_us - s->last_us) / s->every_us * s->every_us;
	return true;
}

void life_turn(
    struct market *m, int64_t mono_us, int64_t now_us, struct market_sink *sink)
{
	if (is_due(&m->list, mono_us))
		list(m, mono_us, now_us, sink);
	if (m->created > 0)
		open(m, mono_us, now_us, sink);
	if (is_due(&m->interest, mono_us))
		interest(m, now_us, sink);
	if (is_due(&m->expire, mono_us))
		expire(m, mono_us, now_us, sink);
	expire_due(m, mono_us, now_us, sink);
	if (m->delivered > 0)
		archive(m, mono_us, now_us, sink);
}
