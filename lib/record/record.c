#include "record/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NULL_TEXT "null"
/* received_at, the newline, and the strides that copy() writes in excess. */
#define BOUND_FIXED 128
#define STRIDE 32

/* What is done with a member; the first is 0, what nearly all are. */
enum action {
	ACTION_VERBATIM,
	ACTION_OMIT,    /* ours stands in its place */
	ACTION_RENAME,  /* type */
	ACTION_GREEKS,  /* its members, as they are called */
	ACTION_STATS,   /* its members, with stats_ before */
	ACTION_PERCENT, /* iv */
	ACTION_SIDE /* + 0..3: bid price, bid amount, ask price and amount */
};
#define SIDE_MEMBERS 4

/* Members that follow each other in the text, unchanged and without white
 * space, are copied as one run. */
struct emit {
	char *o;
	const char *run, *run_end; /* NULL: none */
	const char *text_end;      /* no byte beyond it is read */
	/* Where a member of a side that may be empty stands in the output. */
	struct {
		char *at;
		size_t len;
	} empty[SIDE_MEMBERS];
};

static inline char *copy(char *o, const char *p, size_t n, const char *end)
{
	size_t i;

	if (n > 256 || (size_t)(end - p) < n + STRIDE) {
		memcpy(o, p, n);
		return o + n;
	}
	for (i = 0; i < n; i += STRIDE)
		memcpy(o + i, p + i, STRIDE);
	return o + n;
}

static void flush_run(struct emit *e)
{
	if (e->run == NULL)
		return;
	*e->o++ = ',';
	e->o = copy(e->o, e->run, (size_t)(e->run_end - e->run), e->text_end);
	e->run = NULL;
}

/* A container's text without the white space between its tokens: a record is
 * one line. */
static char *copy_compact(char *o, struct json_span text)
{
	const char *p = text.p, *end = p + text.len;
	bool inside = false;

	for (; p < end; p++) {
		if (inside && *p == '\\')
			*o++ = *p++;
		else if (*p == '"')
			inside = !inside;
		else if (!inside && (unsigned char)*p <= ' ')
			continue;
		*o++ = *p;
	}
	return o;
}

int record_compact(struct buf *out, struct json_span text)
{
	if (buf_reserve(out, text.len) == -1)
		return -1;
	out->len = (size_t)(copy_compact(out->data + out->len, text) -
			    out->data);
	return 0;
}

static void emit_value(struct emit *e, const struct json_value *v)
{
	if (v->type >= JSON_ARRAY)
		e->o = copy_compact(e->o, v->text);
	else
		e->o = copy(e->o, v->text.p, v->text.len, e->text_end);
}

static void emit_bytes(struct emit *e, const char *p, size_t n)
{
	memcpy(e->o, p, n);
	e->o += n;
}

static void emit_member(struct emit *e, const char *prefix,
    struct json_span key, const struct json_value *v)
{
	flush_run(e);
	emit_bytes(e, ",\"", 2);
	emit_bytes(e, prefix, strlen(prefix));
	e->o = copy(e->o, key.p, key.len, e->text_end);
	emit_bytes(e, "\":", 2);
	emit_value(e, v);
}

/* The same, under a name of ours. */
static void emit_named(
    struct emit *e, const char *name, const struct json_value *v)
{
	flush_run(e);
	emit_bytes(e, ",\"", 2);
	emit_bytes(e, name, strlen(name));
	emit_bytes(e, "\":", 2);
	emit_value(e, v);
}

static void emit_verbatim(
    struct emit *e, struct json_span key, const struct json_value *v)
{
	const char *begin = key.p - 1;
	const char *end = v->text.p + v->text.len;

	if (v->type >= JSON_ARRAY || key.p + key.len + 2 != v->text.p) {
		emit_member(e, "", key, v);
		return;
	}
	if (e->run != NULL && begin == e->run_end + 1) {
		e->run_end = end;
		return;
	}
	flush_run(e);
	e->run = begin;
	e->run_end = end;
}

/* 0, 0.0, -0, 0e5, null */
static bool is_nothing(const struct json_value *v)
{
	size_t i;

	if (v->type == JSON_NULL)
		return true;
	if (v->type != JSON_NUMBER)
		return false;
	for (i = 0; i < v->text.len; i++) {
		char c = v->text.p[i];

		if (c == 'e' || c == 'E')
			return true;
		if (c >= '1' && c <= '9')
			return false;
	}
	return true;
}

static void emit_side(struct emit *e, unsigned which, struct json_span key,
    const struct json_value *v)
{
	if (!is_nothing(v)) {
		e->empty[which].at = NULL;
		emit_verbatim(e, key, v);
		return;
	}
	emit_member(e, "", key, v);
	e->empty[which].at = e->o - v->text.len;
	e->empty[which].len = v->text.len;
}

/* Puts null in the place of one value; what follows it moves. */
static void put_null(struct emit *e, unsigned which)
{
	char *at = e->empty[which].at;
	size_t len = e->empty[which].len;
	size_t want = sizeof(NULL_TEXT) - 1;
	unsigned i;

	memmove(at + want, at + len, (size_t)(e->o - (at + len)));
	memcpy(at, NULL_TEXT, want);
	e->o = e->o - len + want;
	for (i = 0; i < SIDE_MEMBERS; i++)
		if (e->empty[i].at != NULL && e->empty[i].at > at)
			e->empty[i].at = e->empty[i].at - len + want;
}

static void empty_sides(struct emit *e)
{
	unsigned i;

	for (i = 0; i < SIDE_MEMBERS; i += 2)
		if (e->empty[i].at != NULL && e->empty[i + 1].at != NULL) {
			put_null(e, i);
			put_null(e, i + 1);
		}
}

static void emit_percent(
    struct emit *e, struct json_span key, const struct json_value *v)
{
	if (v->type != JSON_NUMBER) {
		emit_verbatim(e, key, v);
		return;
	}
	flush_run(e);
	emit_bytes(e, ",\"", 2);
	emit_bytes(e, key.p, key.len);
	emit_bytes(e, "\":", 2);
	e->o += record_percent(v->text, e->o);
}

static unsigned action_of(struct json_span key, unsigned change);

/* The members of an object become members of the record, unless one bears the
 * name of ours. */
static int hoist(struct emit *e, const char *prefix, struct json *j)
{
	struct json_value v;
	struct json_span key;
	int r;

	if (json_object_begin(j) == -1)
		return -1;
	while ((r = json_object_next(j, &key)) == 1) {
		if (json_value(j, &v) == -1)
			return -1;
		if (*prefix != '\0' || action_of(key, 0) == ACTION_VERBATIM)
			emit_member(e, prefix, key, &v);
	}
	return r;
}

static int take_member(
    struct emit *e, unsigned action, struct json_span key, struct json *j)
{
	struct json_value v;

	if ((action == ACTION_GREEKS || action == ACTION_STATS) &&
	    json_peek(j) == JSON_OBJECT)
		return hoist(e, action == ACTION_STATS ? "stats_" : "", j);
	if (json_value(j, &v) == -1)
		return -1;
	switch (action) {
	case ACTION_OMIT: break;
	case ACTION_RENAME: emit_named(e, "update_type", &v); break;
	case ACTION_VERBATIM:
	case ACTION_GREEKS:
	case ACTION_STATS: emit_verbatim(e, key, &v); break;
	case ACTION_PERCENT: emit_percent(e, key, &v); break;
	default: emit_side(e, action - ACTION_SIDE, key, &v);
	}
	return 0;
}

/* How a member of this name is treated in records of this change. */
static unsigned action_of(struct json_span key, unsigned change)
{
	static const struct {
		const char *key;
		unsigned change; /* any of; 0: always */
		unsigned action;
	} rules[] = {
	    {"type", 0, ACTION_RENAME},
	    {"kind", 0, ACTION_OMIT},
	    {"currency", 0, ACTION_OMIT},
	    {"received_at", 0, ACTION_OMIT},
	    {"instrument_name", CHANNEL_ADD_NAME, ACTION_OMIT},
	    {"index_name", CHANNEL_ADD_INDEX, ACTION_OMIT},
	    {"resolution", CHANNEL_ADD_RESOLUTION, ACTION_OMIT},
	    {"channel", CHANNEL_ADD_CHANNEL, ACTION_OMIT},
	    {"greeks", CHANNEL_HOIST, ACTION_GREEKS},
	    {"stats", CHANNEL_HOIST, ACTION_STATS},
	    {"iv", CHANNEL_IV_PERCENT, ACTION_PERCENT},
	    {"best_bid_price", CHANNEL_SIDES, ACTION_SIDE},
	    {"best_bid_amount", CHANNEL_SIDES, ACTION_SIDE + 1},
	    {"best_ask_price", CHANNEL_SIDES, ACTION_SIDE + 2},
	    {"best_ask_amount", CHANNEL_SIDES, ACTION_SIDE + 3},
	};
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if ((rules[i].change == 0 || (rules[i].change & change)) &&
		    json_span_is(key, rules[i].key))
			return rules[i].action;
	return ACTION_VERBATIM;
}

/* The next member's name and action; 1, 0 at the end, -1. */
static int next_member(struct json *j, struct record_guess *guess,
    unsigned change, struct json_span *key, unsigned *action)
{
	int r;

	if (guess != NULL && guess->len > 0 &&
	    json_object_guess(j, guess->key, guess->len)) {
		/* The cursor is behind the colon that follows the name. */
		*key = (struct json_span){j->p - 2 - guess->len, guess->len};
		*action = guess->action;
		return 1;
	}
	r = json_object_next(j, key);
	if (r != 1)
		return r;
	*action = action_of(*key, change);
	if (guess != NULL && key->len <= RECORD_GUESS_LEN &&
	    memchr(key->p, '\\', key->len) == NULL) {
		memcpy(guess->key, key->p, key->len);
		guess->len = (unsigned char)key->len;
		guess->action = (unsigned char)*action;
	}
	return 1;
}

static int write_members(struct record_writer *w,
    const struct record_head *head, struct emit *e, struct json *j)
{
	struct record_guess *guess = w->guess[head->id];
	struct json_span key;
	unsigned action, n = 0;
	int r;

	if (json_object_begin(j) == -1)
		return -1;
	while ((r = next_member(j, n < RECORD_GUESSES ? &guess[n] : NULL,
		    head->change, &key, &action)) == 1) {
		if (take_member(e, action, key, j) == -1)
			return -1;
		n++;
	}
	flush_run(e);
	empty_sides(e);
	return r;
}

static int write_other(struct emit *e, struct json *j)
{
	struct json_value v;

	if (json_value(j, &v) == -1)
		return -1;
	emit_named(e, "data", &v);
	return 0;
}

size_t record_bound(const struct record_head *head, size_t data_len)
{
	/* The shortest member, "a":1, of 6 bytes with its comma, grows by the
	 * 6 of stats_ or the 10 of update_type. */
	return head->len + head->added_len + 3 * data_len + BOUND_FIXED;
}

size_t record_write(struct record_writer *w, const struct record_head *head,
    int64_t received_us, struct json *data, char *out)
{
	struct emit e = {.o = out, .text_end = data->end};
	int r;

	emit_bytes(&e, head->text, head->len);
	e.o += record_integer(received_us, e.o);
	if (head->added_len > 0)
		emit_bytes(&e, head->added, head->added_len);
	if (json_peek(data) == JSON_OBJECT)
		r = write_members(w, head, &e, data);
	else
		r = write_other(&e, data);
	if (r == -1)
		return 0;
	emit_bytes(&e, "}\n", 2);
	return (size_t)(e.o - out);
}

/* Two digits a division: each record has sixteen of them. */
size_t record_integer(int64_t v, char *out)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	char text[20];
	size_t n = sizeof(text), len = 0;

	for (; u >= 10; u /= 100) {
		n -= 2;
		memcpy(text + n, pairs + u % 100 * 2, 2);
	}
	if (u > 0 || n == sizeof(text))
		text[--n] = (char)('0' + u);
	if (v < 0)
		out[len++] = '-';
	memcpy(out + len, text + n, sizeof(text) - n);
	return len + sizeof(text) - n;
}
