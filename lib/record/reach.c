#include "record/reach.h"

#include <stddef.h>

/* How long before what is asked about a pass begins; and without an anchor,
 * since the exchange will have some row of that time. */
#define MARGIN_MS 1000
#define UNANCHORED_MS 10000
/* Without an anchor the first page of so many more passes has to begin with the
 * same row. */
#define AGREED 2
/* A page that breaks the chain so often in a row: the link is no more. */
#define BROKEN_MAX 8

void reach_begin(struct reach *r, int64_t limit_ms, int64_t proof_ms)
{
	int64_t ms = r->whole_ms;
	int64_t margin_ms = r->anchor.key != 0 ? MARGIN_MS : UNANCHORED_MS;

	if (r->anchor.key != 0 && r->anchor.ms < ms)
		ms = r->anchor.ms;
	r->cursor_ms = ms > margin_ms ? ms - margin_ms : 1;
	r->limit_ms = limit_ms;
	r->proof_ms = proof_ms;
	r->link = r->anchor.key != 0 ? r->anchor : r->first;
	r->chained = true;
	r->begun = false;
	r->broken = 0;
	r->rows = (struct reach_rows){{0, 0}, false, false};
}

void reach_page(struct reach *r)
{
	r->linked = r->link.key == 0;
	r->oldest = r->last = (struct reach_mark){0, 0};
	r->page = (struct reach_rows){{0, 0}, false, false};
	r->tail = 0;
}

static uint64_t mix(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * UINT64_C(1099511628211); /* FNV-1a */
}

static struct reach_mark mark_of(
    struct json_span instrument, int64_t seq, int64_t ms)
{
	uint64_t key = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < instrument.len; i++)
		key = mix(key, (unsigned char)instrument.p[i]);
	for (i = 0; i < 64; i += 8)
		key = mix(key, (unsigned char)((uint64_t)seq >> i));
	return (struct reach_mark){ms, key | 1};
}

/* Keeps the latest times. */
static void note_tail(struct reach *r, int64_t ms)
{
	unsigned i;

	if (r->tail == REACH_OVERLAP && ms <= r->tail_ms[0])
		return;
	if (r->tail == REACH_OVERLAP)
		for (i = 0; i + 1 < r->tail; i++)
			r->tail_ms[i] = r->tail_ms[i + 1];
	else
		r->tail++;
	for (i = r->tail - 1; i > 0 && r->tail_ms[i - 1] > ms; i--)
		r->tail_ms[i] = r->tail_ms[i - 1];
	r->tail_ms[i] = ms;
}

void reach_row(struct reach *r, struct json_span instrument, int64_t seq,
    int64_t timestamp_ms)
{
	struct reach_mark m = mark_of(instrument, seq, timestamp_ms);

	note_tail(r, m.ms);
	r->linked |= m.key == r->link.key;
	r->page.past |= m.ms > r->limit_ms;
	r->page.beyond |= m.ms > r->proof_ms;
	if (r->oldest.key == 0 || m.ms < r->oldest.ms)
		r->oldest = m;
	if (m.ms >= r->last.ms)
		r->last = m;
	if (m.ms >= r->page.newest.ms && m.ms <= r->limit_ms)
		r->page.newest = m;
}

/* The first page of a pass without an anchor: whether no row was cut off before
 * it.  One of the time before ours is an anchor; else pages have to agree. */
static bool begins_whole(struct reach *r)
{
	const struct reach_mark *m = &r->oldest;

	if (r->anchor.key != 0 || (m->key != 0 && m->ms < r->whole_ms))
		return true;
	if (m->key != 0 && (r->first.key == 0 || m->ms < r->first.ms)) {
		r->first = *m;
		r->agreed = 0;
	} else if (r->linked) {
		r->agreed++;
	}
	return r->agreed >= AGREED;
}

/* The next page begins some rows before the end of this one.  False: this one
 * was of one millisecond, which has more than a page. */
static bool move_on(struct reach *r)
{
	int64_t next_ms = r->last.ms;
	bool moves;

	if (r->tail == REACH_OVERLAP && r->tail_ms[0] > r->cursor_ms)
		next_ms = r->tail_ms[0];
	moves = next_ms > r->cursor_ms;
	r->cursor_ms = moves ? next_ms : r->cursor_ms + 1;
	return moves;
}

static void advance(struct reach *r)
{
	r->link = r->last;
	if (!move_on(r))
		r->link.key = 0; /* nobody can have it */
}

/* So many trades were made before the anchor that the page ends before it. */
static bool is_short_of_anchor(const struct reach *r, bool more)
{
	return !r->begun && r->anchor.key != 0 && !r->linked && more &&
	       r->last.key != 0 && r->last.ms <= r->link.ms;
}

static void forget_link(struct reach *r)
{
	r->chained = false;
	if (r->begun)
		return;
	r->anchor.key = r->first.key = 0;
	r->agreed = 0;
}

enum reach_turn reach_page_end(struct reach *r, bool more)
{
	if (is_short_of_anchor(r, more)) {
		move_on(r);
		return REACH_NEXT;
	}
	if (!r->linked && ++r->broken < BROKEN_MAX)
		return REACH_AGAIN;
	r->broken = 0;
	if (!r->linked)
		forget_link(r);
	else if (!r->begun)
		r->chained &= begins_whole(r);
	r->begun = true;
	if (r->page.newest.key != 0 && r->page.newest.ms >= r->rows.newest.ms)
		r->rows.newest = r->page.newest;
	r->rows.past |= r->page.past;
	r->rows.beyond |= r->page.beyond;
	if (!more || r->last.key == 0)
		return REACH_END;
	advance(r);
	return REACH_NEXT;
}

void reach_end(struct reach *r)
{
	int64_t ms = r->rows.past ? r->limit_ms : r->rows.newest.ms;

	if (!r->chained)
		return;
	if (ms > r->whole_ms)
		r->whole_ms = ms;
	if (r->rows.newest.key != 0)
		r->anchor = r->rows.newest;
}

bool reach_is_proof(const struct reach *r)
{
	return r->chained && r->rows.beyond;
}
