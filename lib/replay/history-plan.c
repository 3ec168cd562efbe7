/*
 * How a history (replay/history.h) begins: which instruments trade and how
 * much, since when each exists, and which have expired.
 */
#include <stdlib.h>
#include <string.h>

#include "replay/beside.h"
#include "replay/history.h"
#include "replay/listing.h"

#define EXPIRY_MS (8 * HISTORY_HOUR_MS) /* 08:00 UTC */
#define CREATED_MS 17000                /* a listing is that late, or more */
#define CREATED_JITTER_MS 349000
#define EXPIRED_OF 5 /* of so many lines two have expired */
#define EXPIRED_LIFE_DAYS 7
#define MILLION INT64_C(1000000)
#define SLOT_MIN_MS 64

struct plan {
	struct history *history;
	struct market *market;
	int64_t now_ms, days, trades;
	size_t lines;     /* wanted */
	uint64_t weights; /* of all but perpetuals */
	int64_t left;     /* thousandths of the trades, for those */
};

static uint64_t key_of(const struct market *m, const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ m->seed;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

/* How long before its expiry an instrument is listed. */
static int64_t life_days(const struct chain_instrument *i)
{
	if (strcmp(i->settlement_period, "day") == 0)
		return 5;
	return strcmp(i->settlement_period, "week") == 0 ? 30 : 400;
}

static int64_t created(
    const struct plan *p, const struct chain_instrument *i, int64_t days)
{
	int64_t at_ms = i->expiration_ms - days * HISTORY_DAY_MS + CREATED_MS +
	                (int64_t)(key_of(p->market, i->name) %
				  CREATED_JITTER_MS);

	return at_ms < p->history->begin_ms ? p->history->begin_ms : at_ms;
}

/* Since when each exists, and what it costs: the same on one day whenever the
 * server is started. */
static void settle(struct plan *p)
{
	struct market *m = p->market;

	for (size_t n = 0; n < m->count; n++) {
		struct chain_instrument *i = &m->chain[n];
		struct market_walk *w = &m->walk[n];

		i->creation_ms = i->expiration_ms == CHAIN_PERPETUAL_MS
		                     ? p->history->begin_ms
		                     : created(p, i, life_days(i));
		w->seq = 0;
		if (chain_is_combo(i))
			continue;
		w->anchor = listing_price(i, i->creation_ms);
	}
}

static void line_add(struct plan *p, size_t n)
{
	struct history *h = p->history;
	struct history_line *line = &h->line[h->count++];

	line->instrument = (uint32_t)n;
	line->key = key_of(p->market, p->market->chain[n].name);
	p->market->walk[n].line = (uint32_t)h->count;
}

/* The most active of those that live. */
static void choose(struct plan *p, size_t count)
{
	const struct market *m = p->market;

	for (size_t k = 0; k < m->count && p->history->count < count; k++)
		if (!chain_is_combo(&m->chain[m->rank[k]]))
			line_add(p, m->rank[k]);
}

/* An instrument of this base to take after, -1: there is none. */
static long template_of(
    const struct market *m, unsigned base, enum chain_kind kind)
{
	for (size_t n = 0; n < m->count; n++)
		if (m->chain[n].base == base && m->chain[n].kind == kind &&
		    !m->chain[n].perpetual)
			return (long)n;
	return -1;
}

/* One that has expired: a dated future at times, an option otherwise; of
 * another strike or side for each variant. */
static int expired_add(
    struct plan *p, unsigned base, int64_t day, int64_t variant)
{
	struct market *m = p->market;
	bool future = variant == 0 && day % 3 == 0;
	const struct chain_base *b = &chain_bases[base];
	long n = template_of(m, base, future ? CHAIN_FUTURE : CHAIN_OPTION);
	struct chain_instrument i = m->chain[n];
	int64_t step = b->strike_step[0], strike = b->index.mantissa;

	for (int s = b->index.scale; s < 3; s++)
		strike *= 10;
	for (int s = b->index.scale; s > 3; s--)
		strike /= 10;
	strike += (variant / 2 % 2 ? -1 : 1) * ((variant + 2) / 4) * step;
	i.strike = (struct decimal){strike / step * step, 3};
	i.call = variant % 2 == 0;
	i.expiration_ms = (p->now_ms - EXPIRY_MS) / HISTORY_DAY_MS *
	                      HISTORY_DAY_MS +
	                  EXPIRY_MS - day * HISTORY_DAY_MS;
	chain_relist(&i, m->chain[m->count - 1].id + 1, 0);
	i.creation_ms = created(p, &i, EXPIRED_LIFE_DAYS);
	i.state = CHAIN_ARCHIVIZED;
	n = i.strike.mantissa > 0 ? listing_add(m, &i, i.creation_ms) : -1;
	if (n == -1)
		return -1;
	line_add(p, (size_t)n);
	return 0;
}

static int expired(struct plan *p)
{
	size_t wanted = p->lines - p->history->count, added = 0;
	int64_t days = p->days > 1 ? p->days - 1 : 1;
	int64_t apart = days * 4 / (int64_t)(wanted + 4);

	if (apart < 1)
		apart = 1;
	for (int64_t k = 0; added < wanted; k++) {
		unsigned base = (unsigned)(k % 4);
		int64_t turn = k / 4, of_round = (days + apart - 1) / apart;

		if (!beside_has_options(base))
			continue;
		if (expired_add(p, base, turn % of_round * apart,
			turn / of_round) == -1)
			return -1;
		added++;
	}
	return 0;
}

/* Thousandths of all trades that a perpetual has; 0: as any other. */
static int64_t share_of(const struct chain_instrument *i)
{
	static const int64_t shares[] = {150, 100, 50, 30};

	return i->perpetual && i->base < 4 ? shares[i->base] : 0;
}

/* As Zipf has it, in an order of the seed's. */
static uint64_t weight_of(const struct plan *p, const struct history_line *line)
{
	if (share_of(&p->market->chain[line->instrument]) > 0)
		return 0;
	return MILLION / (5 + line->key % p->lines);
}

/* How many trades it has in its life, as far as that is past. */
static int64_t trades_of(const struct plan *p, const struct history_line *line)
{
	int64_t share = share_of(&p->market->chain[line->instrument]);
	int64_t n;

	if (share > 0)
		return p->trades * share / 1000 + 1;
	n = p->trades * p->left / 1000;
	return (int64_t)((double)n * (double)weight_of(p, line) /
			 (double)p->weights) +
	       1;
}

static void line_begin(struct plan *p, struct history_line *line)
{
	struct market *m = p->market;
	const struct chain_instrument *i = &m->chain[line->instrument];
	struct market_walk *w = &m->walk[line->instrument];
	int64_t end_ms = p->history->begin_ms + p->days * HISTORY_DAY_MS;
	struct history_slot slot = {.line = NULL};

	line->from_ms = i->creation_ms;
	line->to_ms = i->expiration_ms;
	if (end_ms > line->to_ms)
		end_ms = line->to_ms;
	if (end_ms < line->from_ms + HISTORY_DAY_MS)
		end_ms = line->from_ms + HISTORY_DAY_MS;
	line->slot_ms = (end_ms - line->from_ms) * HISTORY_SLOT /
	                trades_of(p, line);
	if (line->slot_ms < SLOT_MIN_MS)
		line->slot_ms = SLOT_MIN_MS;
	w->seq = line->told = history_before(p->history, line, p->now_ms + 1);
	if (w->seq > 0) {
		history_slot(p->history, line, w->seq, &slot);
		w->last = history_deal(p->history, &slot, w->seq).price;
	}
	line->next_ms = history_slot(p->history, line, line->told + 1, &slot);
}

/* Its quotes go on from where its trades are. */
static void walks_begin(struct market *m)
{
	for (size_t n = 0; n < m->count; n++) {
		const struct chain_grid *g = chain_grid_of(&m->chain[n]);
		struct market_walk *w = &m->walk[n];

		w->fair = w->last > 0 ? w->last : w->anchor;
		w->bid = chain_snap(g, w->fair);
		w->ask = chain_snap(g, w->bid + chain_step(g, w->bid));
	}
}

static int plan(struct plan *p)
{
	struct history *h = p->history;
	size_t living = p->lines - p->lines * 2 / EXPIRED_OF;

	h->line = calloc(p->lines, sizeof(*h->line));
	if (h->line == NULL)
		return -1;
	settle(p);
	choose(p, living);
	if (expired(p) == -1)
		return -1;
	p->left = 1000;
	for (size_t k = 0; k < h->count; k++) {
		p->weights += weight_of(p, &h->line[k]);
		p->left -= share_of(&p->market->chain[h->line[k].instrument]);
	}
	for (size_t k = 0; k < h->count; k++)
		line_begin(p, &h->line[k]);
	walks_begin(p->market);
	return 0;
}

/* Ids go on from those of the past. */
struct history *history_new(struct market *m, int64_t now_ms, int64_t days,
    int64_t trades, int64_t instruments, struct fault *fault)
{
	struct history *h = calloc(1, sizeof(*h));
	struct plan p = {.history = h,
	    .market = m,
	    .now_ms = now_ms,
	    .days = days,
	    .trades = trades,
	    .lines = (size_t)instruments};

	if (h == NULL)
		goto out;
	h->market = m;
	h->begin_ms = now_ms / HISTORY_DAY_MS * HISTORY_DAY_MS -
	              days * HISTORY_DAY_MS;
	m->history = h;
	if (plan(&p) == 0)
		return h;
out:
	m->history = NULL;
	history_free(h);
	fault_set(fault, EX_OSERR, "no memory for the history");
	return NULL;
}

void history_free(struct history *h)
{
	if (h == NULL)
		return;
	free(h->line);
	free(h);
}

/* What a line has to tell at its next time; the number of trades. */
static size_t due(struct history *h, struct history_line *line,
    struct history_slot *slot, struct market_trade *t)
{
	int64_t at_ms = line->next_ms;
	size_t n = 0;

	while (line->next_ms == at_ms && n < HISTORY_SLOT) {
		history_trade(h, slot, ++line->told, &t[n]);
		/* Withheld for an hour, and so from the channels. */
		t[n++].liquidation = 0;
		line->next_ms = history_slot(h, line, line->told + 1, slot);
	}
	return n;
}

static void line_turn(struct history *h, struct history_line *line,
    int64_t now_ms, struct market_sink *sink)
{
	struct market_trade t[HISTORY_SLOT];
	struct history_slot slot = {.line = NULL};

	while (line->next_ms <= now_ms && line->next_ms < line->to_ms) {
		size_t n;

		history_slot(h, line, line->told + 1, &slot);
		n = due(h, line, &slot, t);
		market_trades(h->market, t, n, sink);
	}
}

void history_turn(struct history *h, int64_t now_us, struct market_sink *sink)
{
	for (size_t k = 0; k < h->count; k++) {
		struct history_line *line = &h->line[k];

		/* It may have expired before its time. */
		if (chain_has_expired(&h->market->chain[line->instrument]) &&
		    line->to_ms > now_us / 1000)
			line->to_ms = now_us / 1000;
		if (line->next_ms <= now_us / 1000)
			line_turn(h, line, now_us / 1000, sink);
	}
}
