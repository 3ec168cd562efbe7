#include "record/book.h"

#include <string.h>

#include "base/num.h"

#define CHAIN_WORDS 3 /* book, instrument, interval */

bool book_is_chain(struct json_span channel)
{
	static const char book[] = "book.";
	size_t words = 1;

	if (channel.len < sizeof(book) - 1 ||
	    memcmp(channel.p, book, sizeof(book) - 1) != 0)
		return false;
	for (size_t i = 0; i < channel.len; i++)
		words += channel.p[i] == '.';
	return words == CHAIN_WORDS;
}

static bool read_id(const struct json_value *value, int64_t *out)
{
	return value->type == JSON_NUMBER &&
	       num_int64(value->text.p, value->text.len, out) == NUM_OK;
}

int book_read(struct json_span data, struct book_message *out)
{
	struct json j;
	struct json_span key;
	struct json_value value;
	bool has_type = false;

	memset(out, 0, sizeof(*out));
	json_init(&j, data.p, data.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &value) == 0) {
		if (json_span_is(key, "change_id")) {
			out->has_change = read_id(&value, &out->change_id);
		} else if (json_span_is(key, "prev_change_id")) {
			out->has_prev = read_id(&value, &out->prev);
		} else if (json_span_is(key, "type") &&
			   value.type == JSON_STRING) {
			has_type = true;
			out->snapshot = json_span_is(
			    json_inside(value.text), "snapshot");
		}
	}
	/* Before 2021 there was no type, and a snapshot named no other. */
	if (!has_type && !out->has_prev)
		out->snapshot = true;
	return out->has_change ? 0 : -1;
}

/* A change of 0 is one of a book that was empty until then. */
static bool begins(const struct book *b, const struct book_message *m)
{
	return m->snapshot || (!b->valid && m->has_prev && m->prev == 0);
}

/* What was under way when the snapshot was made is in it.  Later, an older
 * number is no old message, but a counter that began anew; only the same again
 * is nothing new. */
static bool is_stale(const struct book *b, const struct book_message *m)
{
	return m->change_id == b->last || (b->fresh && m->change_id < b->last);
}

enum book_is book_take(struct book *b, const struct book_message *m)
{
	if (begins(b, m)) {
		if (b->valid && b->fresh && m->change_id == b->last)
			return BOOK_STALE;
		*b = (struct book){m->change_id, true, true, false};
		return BOOK_SNAPSHOT;
	}
	if (b->valid && is_stale(b, m))
		return BOOK_STALE;
	if (b->valid && m->has_prev && m->prev == b->last) {
		b->last = m->change_id;
		b->fresh = false;
		return BOOK_NEXT;
	}
	b->valid = false;
	if (b->told)
		return BOOK_WAITS;
	b->told = true;
	return BOOK_GAP;
}

void book_lost(struct book *b)
{
	memset(b, 0, sizeof(*b));
}

enum book_turn book_line_take(struct book_line *l, unsigned side,
    enum book_is is, const struct book_message *m)
{
	bool follows = is == BOOK_SNAPSHOT ? !l->on[1 - side]
	                                   : m->has_prev && m->prev == l->last;

	l->at[side] = m->change_id;
	if (follows) {
		l->last = m->change_id;
		l->on[side] = true;
		/* The other side was ahead, and need not say more. */
		if (l->at[1 - side] == l->last)
			l->on[1 - side] = true;
		return BOOK_PASS;
	}
	if (m->change_id == l->last) {
		l->on[side] = true;
		return BOOK_SEEN;
	}
	/* One that lags may meet the line yet; so may a snapshot that is ahead,
	 * when the other side has come to it. */
	if (is == BOOK_SNAPSHOT)
		l->on[side] = false;
	if (is == BOOK_SNAPSHOT || m->change_id < l->last)
		return BOOK_SEEN;
	l->on[side] = false;
	return BOOK_ASTRAY;
}

void book_line_leave(struct book_line *l, unsigned side)
{
	l->on[side] = false;
	l->at[side] = 0;
}
