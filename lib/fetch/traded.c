#include "fetch/traded.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "fetch/markets.h"

#define HOUR_MS INT64_C(3600000)
/* The exchange keeps the trades of all for about a day. */
#define KEPT_MS (25 * HOUR_MS)
/* A trade may be told so late. */
#define OVERLAP_MS INT64_C(60000)
#define ROWS 1000
/* Rows that two pages share, so that one that is shifted loses none. */
#define SHARED 10
#define REPLY_MAX ((size_t)16 << 20)

struct sweep {
	struct rest *rest;
	struct lives *lives;
	const char *settlement;
	int64_t from_ms, to_ms; /* both within */
	struct buf reply;
	int64_t at_ms[ROWS]; /* of a page */
	size_t n;
	bool more;
};

/* Whether the option is of one of the chains that are followed. */
static bool is_followed(const struct lives *lives, const struct name *name)
{
	char settlement[NAME_MAX_LEN + 1], other[NAME_MAX_LEN + 1];
	struct name of;

	name_settlement(name, settlement, sizeof(settlement));
	for (size_t i = 0; i < lives->n; i++) {
		const struct life *f = lives->life[i];

		if (!f->sparse || strlen(f->currency) != name->base.len ||
		    memcmp(f->currency, name->base.p, name->base.len) != 0 ||
		    name_parse(f->name, strlen(f->name), &of) == -1)
			continue;
		name_settlement(&of, other, sizeof(other));
		if (strcmp(settlement, other) == 0)
			return true;
	}
	return false;
}

static int name_take(struct lives *lives, struct json_span s)
{
	char text[NAME_MAX_LEN + 1], base[NAME_MAX_LEN + 1];
	struct life *f = table_find(&lives->names, s.p, s.len);
	struct name name;

	if (f != NULL) {
		f->traded = true;
		return 0;
	}
	if (s.len > NAME_MAX_LEN || name_parse(s.p, s.len, &name) == -1 ||
	    name.kind != NAME_OPTION || !is_followed(lives, &name))
		return 0;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	memcpy(base, name.base.p, name.base.len);
	base[name.base.len] = '\0';
	f = lives_get(lives, text, name_kind_text(name.kind), base);
	if (f == NULL)
		return -1;
	log_debug("%s traded and is in no list", text);
	f->sparse = f->traded = true;
	return 0;
}

static int row_take(struct sweep *s, struct json_span row)
{
	struct json_span key, name = {"", 0};
	struct json_value v;
	struct json j;
	int64_t at = -1;

	json_init(&j, row.p, row.len);
	if (json_object_begin(&j) == -1)
		return 0;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (json_span_is(key, "instrument_name") &&
		    v.type == JSON_STRING)
			name = json_inside(v.text);
		else if (json_span_is(key, "timestamp") &&
			 v.type == JSON_NUMBER)
			num_int64(v.text.p, v.text.len, &at);
	}
	if (at < s->from_ms || at > s->to_ms)
		return 0;
	if (s->n < ROWS)
		s->at_ms[s->n++] = at;
	return name_take(s->lives, name);
}

static int page_take(struct sweep *s)
{
	struct json_span key;
	struct json_value v;
	struct json j;

	json_init(&j, buf_head(&s->reply), buf_used(&s->reply));
	if (json_object_begin(&j) == -1)
		return 0;
	while (json_object_next(&j, &key) == 1) {
		if (json_span_is(key, "trades") &&
		    json_peek(&j) == JSON_ARRAY && json_array_begin(&j) == 0) {
			while (
			    json_array_next(&j) == 1 && json_value(&j, &v) == 0)
				if (row_take(s, v.text) == -1)
					return -1;
			continue;
		}
		if (json_value(&j, &v) == -1)
			return 0;
		if (json_span_is(key, "has_more"))
			s->more = v.type == JSON_TRUE;
	}
	return 0;
}

static int page_ask(struct sweep *s, int64_t cursor_ms, struct fault *fault)
{
	char query[300];

	snprintf(query, sizeof(query),
	    "currency=%s&kind=option&start_timestamp=%" PRId64
	    "&end_timestamp=%" PRId64 "&count=%d&sorting=asc",
	    s->settlement, cursor_ms, s->to_ms, ROWS);
	s->n = 0;
	s->more = false;
	if (rest_call(s->rest, "public/get_last_trades_by_currency_and_time",
		query, &s->reply, fault) == -1)
		return -1;
	if (page_take(s) == -1)
		return fault_errno(fault, EX_OSERR, "no memory");
	return 0;
}

static int time_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Where the next page begins. */
static int64_t cursor_next(struct sweep *s, int64_t cursor_ms)
{
	int64_t newest;

	qsort(s->at_ms, s->n, sizeof(s->at_ms[0]), time_compare);
	newest = s->at_ms[s->n - 1];
	if (s->n > SHARED && s->at_ms[s->n - 1 - SHARED] > cursor_ms)
		return s->at_ms[s->n - 1 - SHARED];
	return newest > cursor_ms ? newest : cursor_ms + 1;
}

/* Ends when two pages in a row have nothing new and say that there is no
 * more. */
static int market_sweep(struct sweep *s, struct fault *fault)
{
	int64_t cursor_ms = s->from_ms, next_ms, newest_ms = s->from_ms - 1;
	int idle = 0;

	while (idle < 2 && cursor_ms <= s->to_ms) {
		if (page_ask(s, cursor_ms, fault) == -1)
			return -1;
		idle++;
		if (s->n == 0)
			continue;
		next_ms = cursor_next(s, cursor_ms);
		if (s->more || s->at_ms[s->n - 1] > newest_ms)
			idle = 0;
		if (s->more)
			cursor_ms = next_ms;
		newest_ms = s->at_ms[s->n - 1];
	}
	return 0;
}

static int sweep(struct rest *rest, struct lives *lives, int64_t from_ms,
    int64_t to_ms, struct fault *fault)
{
	struct sweep *s = calloc(1, sizeof(*s));
	struct markets markets;
	int result = 0;

	if (s == NULL)
		return fault_errno(fault, EX_OSERR, "no memory");
	s->rest = rest;
	s->lives = lives;
	s->from_ms = from_ms;
	s->to_ms = to_ms;
	buf_init(&s->reply, REPLY_MAX);
	markets_find(&markets, lives, true);
	for (size_t i = 0; i < markets.n && result == 0; i++) {
		s->settlement = markets.settlement[i];
		result = market_sweep(s, fault);
	}
	buf_free(&s->reply);
	free(s);
	return result;
}

/* What a sparse life lacks first, of the time for which trades are kept. */
static bool lacks(const struct candles *c, const struct resume *resume,
    const struct life *f, int64_t kept_ms, int64_t *begin, int64_t *end)
{
	int64_t from, to, ignored;

	if (!f->sparse || !candles_alive(c, f, &from, &to))
		return false;
	if (from < kept_ms)
		from = kept_ms;
	*end = to;
	return from < to && resume_lacks(resume, f->name, c->what, from, to,
				begin, &ignored);
}

static int idle_note(const struct candles *c, const struct lives *lives,
    struct resume *resume, int64_t kept_ms, struct fault *fault)
{
	int64_t overlap = c->step_ms > OVERLAP_MS ? c->step_ms : OVERLAP_MS;
	int64_t begin, end;

	for (size_t i = 0; i < lives->n; i++) {
		const struct life *f = lives->life[i];

		if (f->traded || !lacks(c, resume, f, kept_ms, &begin, &end))
			continue;
		if (end == c->to_ms)
			end -= overlap;
		if (resume_add(resume, f->name, c->what, begin, end, fault) ==
		    -1)
			return -1;
	}
	return 0;
}

int traded_find(struct candles *c, struct rest *rest, struct lives *lives,
    struct resume *resume, struct fault *fault)
{
	int64_t kept_ms = window_floor(c->to_ms - KEPT_MS, c->grid_ms);
	int64_t from_ms = INT64_MAX, begin, end;

	c->sparse_to_ms = kept_ms;
	for (size_t i = 0; i < lives->n; i++) {
		lives->life[i]->traded = false;
		if (lacks(c, resume, lives->life[i], kept_ms, &begin, &end) &&
		    begin < from_ms)
			from_ms = begin;
	}
	if (from_ms == INT64_MAX)
		return 0;
	if (sweep(rest, lives, from_ms, c->to_ms - c->grid_ms + c->step_ms - 1,
		fault) == -1) {
		for (size_t i = 0; i < lives->n; i++)
			lives->life[i]->traded = false;
		return -1;
	}
	return idle_note(c, lives, resume, kept_ms, fault);
}
