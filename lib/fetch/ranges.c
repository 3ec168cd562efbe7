#include "fetch/ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "io/json.h"
#include "io/ndjson.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
/* Of a name, a kind or a currency. */
#define WORD_MAX 128

/* The members of a record that matter. */
struct gap {
	bool is_gap, repaired;
	struct json_span name, kind, currency, channel; /* p NULL: null */
	int64_t from, to, from_seq, to_seq;             /* negative: null */
};

static void number_take(const struct json_value *v, int64_t *out)
{
	int64_t n;

	if (v->type == JSON_NUMBER &&
	    num_int64(v->text.p, v->text.len, &n) == NUM_OK)
		*out = n;
}

static void member_take(
    struct gap *g, struct json_span key, const struct json_value *v)
{
	struct json_span none = {NULL, 0};
	struct json_span word = v->type == JSON_STRING ? json_inside(v->text)
	                                               : none;

	if (json_span_is(key, "type"))
		g->is_gap = word.p != NULL && json_span_is(word, "gap");
	else if (json_span_is(key, "instrument_name"))
		g->name = word;
	else if (json_span_is(key, "kind"))
		g->kind = word;
	else if (json_span_is(key, "currency"))
		g->currency = word;
	else if (json_span_is(key, "channel"))
		g->channel = word;
	else if (json_span_is(key, "repaired"))
		g->repaired = v->type == JSON_TRUE;
	else if (json_span_is(key, "from"))
		number_take(v, &g->from);
	else if (json_span_is(key, "to"))
		number_take(v, &g->to);
	else if (json_span_is(key, "from_seq"))
		number_take(v, &g->from_seq);
	else if (json_span_is(key, "to_seq"))
		number_take(v, &g->to_seq);
}

/* NULL, or what is wrong with the line. */
static const char *gap_parse(const struct ndjson_item *item, struct gap *g)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	size_t at;
	int r;

	memset(g, 0, sizeof(*g));
	g->from = g->to = g->from_seq = g->to_seq = -1;
	json_init(&j, item->p, item->len);
	if (json_peek(&j) != JSON_OBJECT || json_object_begin(&j) == -1)
		return "no JSON object";
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			break;
		member_take(g, key, &v);
	}
	if (r != 0 || json_end(&j) == -1)
		return json_error(&j, &at);
	return NULL;
}

static bool is_word(struct json_span s)
{
	return s.len <= WORD_MAX && memchr(s.p, '\\', s.len) == NULL;
}

/* NULL, or why the gap says nothing that could be asked for. */
static const char *gap_check(const struct gap *g)
{
	if (g->from_seq < 0 && g->to_seq < 0 && (g->from < 0 || g->to < 0))
		return "a gap without from and to";
	if ((g->from_seq < 0) != (g->to_seq < 0))
		return "a gap with one of from_seq and to_seq";
	if (g->from_seq > g->to_seq || (g->from_seq < 0 && g->from > g->to))
		return "a gap that ends before it begins";
	if (g->from_seq >= 0 && g->name.p == NULL)
		return "a gap with numbers of no instrument";
	if (g->name.p == NULL && g->currency.p == NULL)
		return "a gap of neither instrument nor currency";
	if ((g->name.p != NULL && (g->name.len == 0 || !is_word(g->name))) ||
	    (g->kind.p != NULL && !is_word(g->kind)) ||
	    (g->currency.p != NULL && !is_word(g->currency)))
		return "a gap of no such instrument";
	return NULL;
}

int ranges_list_add(struct range_list *l, int64_t from, int64_t to)
{
	struct range *grown;

	/* Grows at the powers of two. */
	if ((l->n & (l->n - 1)) == 0) {
		grown = realloc(
		    l->range, (l->n > 0 ? l->n * 2 : 1) * sizeof(*grown));
		if (grown == NULL)
			return -1;
		l->range = grown;
	}
	l->range[l->n++] = (struct range){from, to};
	return 0;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

void ranges_list_settle(struct range_list *l)
{
	size_t i, n = 0;

	if (l->n == 0)
		return;
	qsort(l->range, l->n, sizeof(*l->range), range_compare);
	for (i = 1; i < l->n; i++) {
		struct range *last = &l->range[n];

		/* None begins before another. */
		if (l->range[i].from <= last->to ||
		    l->range[i].from - 1 == last->to) {
			if (l->range[i].to > last->to)
				last->to = l->range[i].to;
		} else {
			l->range[++n] = l->range[i];
		}
	}
	l->n = n + 1;
}

static char *copy(struct json_span s)
{
	char *text = malloc(s.len + 1);

	if (text != NULL) {
		if (s.len > 0)
			memcpy(text, s.p, s.len);
		text[s.len] = '\0';
	}
	return text;
}

static void set_free(struct range_set *s)
{
	free(s->name);
	free(s->kind);
	free(s->currency);
	free(s->key);
	free(s->times.range);
	free(s->seqs.range);
}

static int set_add(struct ranges *r, const struct gap *g, const char *key)
{
	struct range_set *grown, *s;

	if ((r->n & (r->n - 1)) == 0) {
		grown = realloc(
		    r->set, (r->n > 0 ? r->n * 2 : 1) * sizeof(*grown));
		if (grown == NULL)
			return -1;
		r->set = grown;
	}
	s = &r->set[r->n];
	memset(s, 0, sizeof(*s));
	s->name = copy(g->name);
	s->kind = copy(g->kind);
	s->currency = copy(g->currency);
	s->key = strdup(key);
	/* The sets move when they grow: the table has their places + 1. */
	if (s->name == NULL || s->kind == NULL || s->currency == NULL ||
	    s->key == NULL ||
	    table_add(&r->table, s->key, strlen(s->key),
		(void *)(uintptr_t)(r->n + 1)) == -1) {
		set_free(s);
		return -1;
	}
	r->n++;
	return 0;
}

static struct range_set *set_get(struct ranges *r, const struct gap *g)
{
	char key[3 * WORD_MAX + 4];
	uintptr_t place;

	if (g->name.p != NULL)
		snprintf(key, sizeof(key), "%.*s", (int)g->name.len, g->name.p);
	else
		snprintf(key, sizeof(key), " %.*s %.*s", (int)g->kind.len,
		    g->kind.p != NULL ? g->kind.p : "", (int)g->currency.len,
		    g->currency.p);
	place = (uintptr_t)table_find(&r->table, key, strlen(key));
	if (place == 0 && set_add(r, g, key) == -1)
		return NULL;
	return &r->set[place == 0 ? r->n - 1 : place - 1];
}

static int gap_take(struct ranges *r, const struct gap *g)
{
	struct range_set *s = set_get(r, g);

	if (s == NULL)
		return -1;
	if (g->from_seq >= 0)
		return ranges_list_add(&s->seqs, g->from_seq, g->to_seq);
	return ranges_list_add(&s->times, g->from, g->to);
}

static bool is_wanted(const struct gap *g, const char *prefix)
{
	size_t len = prefix != NULL ? strlen(prefix) : 0;

	if (!g->is_gap || g->repaired)
		return false;
	return prefix == NULL || g->channel.p == NULL ||
	       (g->channel.len >= len &&
		   memcmp(g->channel.p, prefix, len) == 0);
}

static int line_take(
    struct ranges *r, const struct ndjson_item *item, const char *prefix)
{
	const char *wrong = NULL;
	struct gap g = {0};

	if (item->what == NDJSON_TOO_LONG)
		wrong = "longer than 1 MiB";
	else if (item->what == NDJSON_TORN)
		wrong = "torn: no newline at its end";
	else
		wrong = gap_parse(item, &g);
	if (wrong == NULL && is_wanted(&g, prefix)) {
		wrong = gap_check(&g);
		if (wrong == NULL) {
			r->gaps++;
			return gap_take(r, &g);
		}
	}
	if (wrong == NULL) {
		r->others++;
		return 0;
	}
	r->bad++;
	log_warn("line %" PRIu64 " is passed by: %s", item->line, wrong);
	return 0;
}

static int lines_read(
    struct ranges *r, struct ndjson *in, const char *prefix, int fd)
{
	struct ndjson_item item;
	struct pollfd p = {fd, POLLIN, 0};

	for (;;) {
		while (ndjson_next(in, &item) == 1)
			if (line_take(r, &item, prefix) == -1)
				return -1;
		if (in->eof)
			return 0;
		if (ndjson_read(in) != -1)
			continue;
		if (errno == EAGAIN)
			poll(&p, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
}

int ranges_read(
    struct ranges *r, int fd, const char *prefix, struct fault *fault)
{
	struct ndjson in;
	int result;

	memset(r, 0, sizeof(*r));
	ndjson_init(&in, fd, LINE_MAX_BYTES);
	result = lines_read(r, &in, prefix, fd);
	if (result == -1)
		fault_errno(fault, errno == ENOMEM ? EX_OSERR : EX_IOERR,
		    "the ranges on standard input");
	ndjson_free(&in);
	for (size_t i = 0; i < r->n; i++) {
		ranges_list_settle(&r->set[i].times);
		ranges_list_settle(&r->set[i].seqs);
	}
	if (result == -1)
		ranges_free(r);
	return result;
}

void ranges_free(struct ranges *r)
{
	for (size_t i = 0; i < r->n; i++)
		set_free(&r->set[i]);
	free(r->set);
	table_free(&r->table);
	memset(r, 0, sizeof(*r));
}
