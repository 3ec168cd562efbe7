#include "replay/book.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/tell.h"
#include "replay/text.h"

#define LEVELS_MIN 5
#define HOLES 200       /* grid prices looked at, so that a side ends */
#define AMOUNT_EPOCH 16 /* steps of the walk that a level's amount stays */
#define PRICE_EPOCH 64  /* and that it is, or is not, there */

static const int window_depths[MARKET_WINDOWS] = {1, 10, 20};

/* A number for this price of this instrument that changes every so many steps,
 * not for all prices at once. */
static uint64_t draw(
    const struct market *m, size_t n, bool ask, int64_t price, uint64_t epoch)
{
	struct rng r = rng_for(
	    m->seed ^ (uint64_t)n << 32, (uint64_t)price * 2 + ask);
	uint64_t phase = rng_next(&r);

	r.state ^= (m->walk[n].steps + phase % epoch) / epoch * epoch;
	(void)rng_next(&r);
	return rng_next(&r);
}

static int64_t behind(const struct chain_grid *g, bool ask, int64_t price)
{
	return ask ? price + chain_step(g, price)
	           : price - chain_step(g, price - 1);
}

static void side_make(
    const struct market *m, size_t n, bool ask, struct book_side *s)
{
	const struct market_walk *w = &m->walk[n];
	const struct chain_grid *g = chain_grid_of(&m->chain[n]);
	int64_t price = ask ? w->ask : w->bid;
	struct rng r = rng_for(m->seed, n * 2 + ask);
	int depth = LEVELS_MIN +
	            (int)rng_below(&r, BOOK_LEVELS - LEVELS_MIN + 1);

	s->count = 0;
	if (price == 0)
		return;
	s->level[s->count++] = (struct book_level){
	    price, ask ? w->ask_amount : w->bid_amount};
	for (int k = 0; k < HOLES && s->count < depth; k++) {
		price = behind(g, ask, price);
		if (price < g->step)
			return;
		if (draw(m, n, ask, price, PRICE_EPOCH) % 3 == 0)
			continue;
		s->level[s->count++] = (struct book_level){price,
		    1 + (int64_t)(draw(m, n, ask, price, AMOUNT_EPOCH) % 500)};
	}
}

static bool side_same(const struct book_side *a, const struct book_side *b)
{
	return a->count == b->count &&
	       memcmp(a->level, b->level,
		   (size_t)a->count * sizeof(a->level[0])) == 0;
}

static bool book_same(const struct book *a, const struct book *b)
{
	return side_same(&a->bid, &b->bid) && side_same(&a->ask, &b->ask);
}

void book_make(const struct market *m, size_t instrument, struct book *out)
{
	const struct market_walk *w = &m->walk[instrument];

	side_make(m, instrument, false, &out->bid);
	side_make(m, instrument, true, &out->ask);
	out->change_id = w->change_id;
	/* A step that left the book as it was is no change of it. */
	if (w->book != NULL && book_same(w->book, out))
		out->change_id = w->book->change_id;
}

static struct decimal amount_of(const struct market *m, size_t n, int64_t units)
{
	struct decimal d = chain_amount(&m->chain[n]);

	d.mantissa *= units;
	return d;
}

static int number(struct buf *out, struct decimal d, struct rng *r)
{
	char text[DECIMAL_SIZE];

	return buf_adds(out, r != NULL
				 ? decimal_draw(text, d, r)
				 : decimal_format(text, d, DECIMAL_PLAIN));
}

/* [price,amount] or ["action",price,amount]. */
static int level_text(struct buf *out, const struct market *m, size_t n,
    const char *action, struct book_level l, struct rng *r)
{
	bool first = buf_head(out)[buf_used(out) - 1] == '[';
	struct decimal price = {chain_shown(&m->chain[n], l.price),
	    chain_grid_of(&m->chain[n])->scale};

	if (buf_adds(out, first ? "[" : ",[") == -1 ||
	    (action != NULL && buf_addf(out, "\"%s\",", action) == -1) ||
	    number(out, price, r) == -1 || buf_addc(out, ',') == -1 ||
	    number(out, amount_of(m, n, l.amount), r) == -1)
		return -1;
	return buf_addc(out, ']');
}

static int side_text(struct buf *out, const struct market *m, size_t n,
    const char *action, const struct book_side *s, int depth, struct rng *r)
{
	for (int k = 0; k < s->count && k < depth; k++)
		if (level_text(out, m, n, action, s->level[k], r) == -1)
			return -1;
	return buf_addc(out, ']');
}

int book_text(struct buf *out, const struct market *m, size_t instrument,
    const struct book *b, int depth, struct rng *r)
{
	if (buf_adds(out, "\"bids\":[") == -1 ||
	    side_text(out, m, instrument, NULL, &b->bid, depth, r) == -1 ||
	    buf_adds(out, ",\"asks\":[") == -1)
		return -1;
	return side_text(out, m, instrument, NULL, &b->ask, depth, r);
}

/* What must be done to a side to make it another, best first. */
static void side_changes(struct market *m, size_t n, bool ask,
    const struct book_side *from, const struct book_side *to, struct rng *r)
{
	int i = 0, k = 0;

	while (i < from->count || k < to->count) {
		const struct book_level *was = i < from->count ? &from->level[i]
		                                               : NULL;
		const struct book_level *now = k < to->count ? &to->level[k]
		                                             : NULL;

		if (now == NULL || (was != NULL && was->price != now->price &&
				       (was->price < now->price) == ask)) {
			level_text(&m->text, m, n, "delete",
			    (struct book_level){was->price, 0}, r);
			i++;
		} else if (was == NULL || was->price != now->price) {
			level_text(&m->text, m, n, "new", *now, r);
			k++;
		} else {
			if (was->amount != now->amount)
				level_text(&m->text, m, n, "change", *now, r);
			i++;
			k++;
		}
	}
	buf_addc(&m->text, ']');
}

/* The syntaxes of its numbers follow from the change, so that the rest of the
 * market is the same whoever listens to books. */
static struct rng style_of(const struct market *m, uint64_t change_id)
{
	return rng_for(m->seed, change_id);
}

static int change_tell(struct market *m, uint32_t n, unsigned interval,
    const struct book *from, const struct book *to, int64_t now_us,
    struct market_sink *sink)
{
	uint64_t subs = m->walk[n].subs[STREAM_BOOK + interval];
	struct rng r = style_of(m, to->change_id);

	if (subs == 0)
		return 0;
	tell_begin(m, "book.", m->chain[n].name, tell_tails[interval]);
	buf_addf(&m->text,
	    "{\"type\":\"change\",\"timestamp\":%" PRId64
	    ",\"prev_change_id\":%" PRIu64 ",\"change_id\":%" PRIu64
	    ",\"instrument_name\":\"%s\",\"bids\":[",
	    now_us / 1000, from->change_id, to->change_id, m->chain[n].name);
	side_changes(m, n, false, &from->bid, &to->bid, &r);
	buf_adds(&m->text, ",\"asks\":[");
	side_changes(m, n, true, &from->ask, &to->ask, &r);
	buf_addc(&m->text, '}');
	return tell_end(m, subs, sink);
}

static int window_tell(struct market *m, uint32_t n, unsigned stream,
    uint64_t subs, const struct book *b, int64_t now_us,
    struct market_sink *sink)
{
	int depth = window_depths[(stream - STREAM_WINDOW) / 2];
	struct rng r = style_of(m, b->change_id);
	char tail[24];

	if (subs == 0)
		return 0;
	snprintf(tail, sizeof(tail), ".none.%d%s", depth,
	    tell_tails[(stream - STREAM_WINDOW) % 2]);
	tell_begin(m, "book.", m->chain[n].name, tail);
	buf_addf(&m->text,
	    "{\"timestamp\":%" PRId64 ",\"instrument_name\":\"%s\""
	    ",\"change_id\":%" PRIu64 ",",
	    now_us / 1000, m->chain[n].name, b->change_id);
	book_text(&m->text, m, n, b, depth, &r);
	buf_addc(&m->text, '}');
	return tell_end(m, subs, sink);
}

static void note(struct market *m, uint32_t n, const struct book *b,
    int64_t now_us, struct market_sink *sink)
{
	if (sink->note == NULL)
		return;
	buf_clear(&m->text);
	buf_addf(&m->text,
	    "{\"event\":\"book\",\"at\":%" PRId64 ",\"instrument_name\":\"%s\""
	    ",\"change_id\":%" PRIu64 ",",
	    now_us, m->chain[n].name, b->change_id);
	book_text(&m->text, m, n, b, BOOK_LEVELS, NULL);
	buf_addc(&m->text, '}');
	sink->note(sink->arg, buf_head(&m->text), buf_used(&m->text));
}

int book_tell(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[n];
	struct book now;
	uint64_t subs = 0;
	int count = 0;

	for (unsigned k = STREAM_BOOK; k < STREAM_BOOKS_END; k++)
		subs |= w->subs[k];
	/* Without memory for it nobody was greeted. */
	if (subs == 0 || w->book == NULL)
		return 0;
	book_make(m, n, &now);
	if (book_same(w->book, &now))
		return 0;
	for (unsigned k = 0; k < TELL_INTERVALS; k++)
		count += change_tell(m, n, k, w->book, &now, now_us, sink);
	for (unsigned k = STREAM_WINDOW; k < STREAM_BOOKS_END; k++)
		count += window_tell(m, n, k, w->subs[k], &now, now_us, sink);
	*w->book = now;
	note(m, n, &now, now_us, sink);
	return count;
}

static void snapshot_tell(struct market *m, uint32_t n, unsigned interval,
    uint64_t slots, int64_t now_us, struct market_sink *sink)
{
	const struct book *b = m->walk[n].book;
	struct rng r = style_of(m, b->change_id);

	tell_begin(m, "book.", m->chain[n].name, tell_tails[interval]);
	buf_addf(&m->text,
	    "{\"type\":\"snapshot\",\"timestamp\":%" PRId64
	    ",\"change_id\":%" PRIu64 ",\"instrument_name\":\"%s\""
	    ",\"bids\":[",
	    now_us / 1000, b->change_id, m->chain[n].name);
	side_text(&m->text, m, n, "new", &b->bid, BOOK_LEVELS, &r);
	buf_adds(&m->text, ",\"asks\":[");
	side_text(&m->text, m, n, "new", &b->ask, BOOK_LEVELS, &r);
	buf_addc(&m->text, '}');
	tell_end(m, slots, sink);
}

void book_greet(struct market *m, uint32_t n, unsigned stream, uint64_t slots,
    int64_t now_us, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[n];
	struct book now;

	/* What others were told of it last is what it is: this changes a book
	 * only when nobody listens. */
	book_make(m, n, &now);
	if (w->book == NULL)
		w->book = malloc(sizeof(*w->book));
	if (w->book == NULL)
		return;
	*w->book = now;
	note(m, n, &now, now_us, sink);
	if (stream < STREAM_WINDOW)
		snapshot_tell(m, n, stream - STREAM_BOOK, slots, now_us, sink);
	else
		window_tell(m, n, stream, slots, &now, now_us, sink);
}
