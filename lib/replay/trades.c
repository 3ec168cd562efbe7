/*
 * The methods that tell trades again (replay/methods.h): what was sent on the
 * channels, in the same words, as far back as the market remembers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/history.h"
#include "replay/methods.h"
#include "replay/pages.h"
#include "replay/text.h"

#define TRADES_DEFAULT 10
#define ROWS_MAX 1000 /* of a page, unless there is an option */

/* 445682190, ETH-15, SOL_USDC-16: what stands before the number says whose. */
struct trade_id {
	char prefix[24];
	uint64_t number;
	bool given;
};

/* What a call asks for. */
struct query {
	long instrument; /* -1: those that the filter takes */
	struct filter filter;
	int64_t start_seq, end_seq, start_ms, end_ms, count;
	struct trade_id start_id, end_id;
	int64_t now_ms;
	bool ascending;
};

static int id_param(struct rpc_call *c, const char *name, struct trade_id *id)
{
	char text[48], *digits, *end;
	struct json_value v;
	struct json_span s;

	if (rpc_param(c, name, &v) == 0)
		return 0;
	/* A query string makes a number of an id of BTC. */
	s = v.type == JSON_STRING ? json_inside(v.text) : v.text;
	if (s.len >= sizeof(text))
		return rpc_invalid(c, "invalid trade id", name);
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	digits = strrchr(text, '-');
	if (digits != NULL)
		*digits++ = '\0';
	else
		digits = text;
	id->number = strtoull(digits, &end, 10);
	if (digits[0] < '0' || digits[0] > '9' || *end != '\0' ||
	    (digits != text && strlen(text) >= sizeof(id->prefix)))
		return rpc_invalid(c, "invalid trade id", name);
	strcpy(id->prefix, digits == text ? "BTC" : text);
	id->given = true;
	return 1;
}

/* How many rows are wanted. */
static int count_param(struct rpc_call *c, struct query *q)
{
	int64_t max = c->rpc->rows_max > 0 ? c->rpc->rows_max : ROWS_MAX;
	char reason[48];

	q->count = TRADES_DEFAULT;
	if (integer_param(c, "count", &q->count) == -1)
		return -1;
	if (q->count >= 1 && q->count <= max)
		return 0;
	snprintf(reason, sizeof(reason), "must be between 1 and %" PRId64, max);
	return rpc_invalid(c, reason, "count");
}

static int query_params(struct rpc_call *c, struct query *q)
{
	char sorting[16] = "default";

	q->now_ms = c->now_us / 1000;
	q->end_seq = q->end_ms = INT64_MAX;
	if (integer_param(c, "start_seq", &q->start_seq) == -1 ||
	    integer_param(c, "end_seq", &q->end_seq) == -1 ||
	    integer_param(c, "start_timestamp", &q->start_ms) == -1 ||
	    integer_param(c, "end_timestamp", &q->end_ms) == -1 ||
	    count_param(c, q) == -1 ||
	    string_param(c, "sorting", sorting, sizeof(sorting)) == -1)
		return -1;
	if (strcmp(sorting, "asc") != 0 && strcmp(sorting, "desc") != 0 &&
	    strcmp(sorting, "default") != 0)
		return rpc_invalid(c, "invalid sorting", "sorting");
	q->ascending = strcmp(sorting, "asc") == 0;
	return 0;
}

/* Ids of two currencies have no order. */
static bool id_takes(
    const struct market *m, const struct query *q, const struct market_trade *t)
{
	const char *prefix = chain_bases[m->chain[t->instrument].base].prefix;

	if (q->start_id.given && (strcmp(prefix, q->start_id.prefix) != 0 ||
				     t->id < q->start_id.number))
		return false;
	return !q->end_id.given || (strcmp(prefix, q->end_id.prefix) == 0 &&
				       t->id <= q->end_id.number);
}

static bool range_takes(
    const struct market *m, const struct query *q, const struct market_trade *t)
{
	int64_t seq = (int64_t)t->seq;

	return seq >= q->start_seq && seq <= q->end_seq &&
	       t->at_ms >= q->start_ms && t->at_ms <= q->end_ms &&
	       id_takes(m, q, t);
}

/* Walks from the newest trade (*number as walk_begin() says) to the oldest,
 * over all that the query is about, whatever their range; NULL at the end. */
static uint64_t walk_begin(const struct market *m, const struct query *q)
{
	return q->instrument == -1 ? m->traded
	                           : m->walk[q->instrument].last_trade;
}

static const struct market_trade *walk_next(
    const struct market *m, const struct query *q, uint64_t *number)
{
	const struct market_trade *t;

	while ((t = market_trade_at(m, *number)) != NULL) {
		*number = q->instrument == -1 ? *number - 1 : t->prev;
		if (q->instrument != -1 ||
		    filter_takes(&q->filter, &m->chain[t->instrument]))
			return t;
	}
	return NULL;
}

/* Nothing older can match: the numbers of an instrument only rise. */
static bool is_behind(const struct query *q, const struct market_trade *t)
{
	return q->instrument != -1 && (int64_t)t->seq < q->start_seq;
}

/* Collects the matching trades, newest first, as many as the call wants: the
 * newest, or in ascending order the oldest. */
static void page_collect(
    const struct market *m, const struct query *q, struct page *p)
{
	const struct market_trade *ring[PAGES_ROWS_MAX], *t;
	uint64_t number = walk_begin(m, q);
	size_t size = (size_t)q->count, n = 0;

	while ((t = walk_next(m, q, &number)) != NULL && !is_behind(q, t)) {
		if (!range_takes(m, q, t))
			continue;
		if (n < size || q->ascending)
			ring[n % size] = t;
		n++;
		if (n > size && !q->ascending)
			break;
	}
	p->has_more = n > size;
	p->count = p->has_more ? size : n;
	for (size_t i = 0; i < p->count; i++)
		p->row[i] = ring[q->ascending ? (n - p->count + i) % size : i];
}

/* What is next to the page on both sides, whatever the range. */
static void page_edges(
    const struct market *m, const struct query *q, struct page *p)
{
	uint64_t number = walk_begin(m, q);
	const struct market_trade *t;

	if (p->count == 0)
		return;
	while ((t = walk_next(m, q, &number)) != NULL && t != p->row[0]) {
		if (p->newer_count < PAGES_EDGE)
			p->newer_count++;
		for (size_t i = p->newer_count - 1; i > 0; i--)
			p->newer[i] = p->newer[i - 1];
		p->newer[0] = t;
	}
	while (t != NULL && t != p->row[p->count - 1])
		t = walk_next(m, q, &number);
	while (p->older_count < PAGES_EDGE &&
	       (t = walk_next(m, q, &number)) != NULL)
		p->older[p->older_count++] = t;
}

/* A trade of the history as REST has it by now. */
static struct market_trade *keep(const struct query *q,
    struct market_trade *store, const struct market_trade *t)
{
	*store = *t;
	if (t->at_ms > q->now_ms - HISTORY_HOUR_MS)
		store->liquidation = 0;
	return store;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The trades of one line that the query may take: by number and time, and by
 * id roughly. */
static void line_add(struct history_cursor *c, const struct query *q,
    const struct history_line *line)
{
	const struct history *h = c->history;
	int64_t start_ms = q->start_ms, end_ms = smaller(q->end_ms, q->now_ms);
	int64_t low, high;

	if (q->start_id.given)
		start_ms = larger(
		    start_ms, history_id_ms(h, q->start_id.number));
	if (q->end_id.given)
		end_ms = smaller(end_ms, history_id_ms(h, q->end_id.number));
	low = (int64_t)history_before(h, line, start_ms) + 1;
	high = (int64_t)history_before(h, line, end_ms + 1);
	low = larger(low, q->start_seq);
	high = smaller(high, q->end_seq);
	history_cursor_add(c, line, (uint64_t)low, (uint64_t)larger(high, 0));
}

static bool is_prefix(const struct trade_id *id, const char *prefix)
{
	return !id->given || strcmp(id->prefix, prefix) == 0;
}

static int lines_add(struct history_cursor *c, const struct history *h,
    const struct query *q, bool ascending)
{
	if (history_cursor_begin(c, h, ascending) == -1)
		return -1;
	for (size_t k = 0; k < h->count; k++) {
		uint32_t n = h->line[k].instrument;
		const struct chain_instrument *i = &h->market->chain[n];
		const char *prefix = chain_bases[i->base].prefix;

		if (q->instrument == -1 ? filter_takes(&q->filter, i)
					: q->instrument == (long)n)
			if (is_prefix(&q->start_id, prefix) &&
			    is_prefix(&q->end_id, prefix))
				line_add(c, q, &h->line[k]);
	}
	return 0;
}

/* As page_collect(), of a market with a history; -1 without memory. */
static int history_collect(const struct history *h, const struct query *q,
    struct page *p, struct market_trade *store)
{
	struct history_cursor c;
	struct market_trade t;
	size_t size = (size_t)q->count, n = 0;

	if (lines_add(&c, h, q, q->ascending) == -1)
		return -1;
	while (n <= size && history_cursor_next(&c, &t)) {
		if (!range_takes(h->market, q, &t))
			continue;
		if (n < size)
			p->row[n] = keep(q, &store[n], &t);
		n++;
	}
	history_cursor_end(&c);
	p->has_more = n > size;
	p->count = p->has_more ? size : n;
	for (size_t i = 0; q->ascending && i < p->count / 2; i++) {
		const struct market_trade *swap = p->row[i];

		p->row[i] = p->row[p->count - 1 - i];
		p->row[p->count - 1 - i] = swap;
	}
	return 0;
}

/* Up to PAGES_EDGE trades next to the page on one side, to edge[]. */
static size_t history_edge(const struct history *h, const struct query *q,
    const struct market_trade *last, bool newer,
    const struct market_trade **edge, struct market_trade *store)
{
	struct query all = {.instrument = q->instrument,
	    .filter = q->filter,
	    .end_seq = INT64_MAX,
	    .start_ms = newer ? last->at_ms : 0,
	    .end_ms = newer ? INT64_MAX : last->at_ms,
	    .now_ms = q->now_ms};
	struct history_cursor c;
	struct market_trade t;
	bool met = false;
	size_t n = 0;

	if (lines_add(&c, h, &all, newer) == -1)
		return 0;
	while (n < PAGES_EDGE && history_cursor_next(&c, &t)) {
		if (met) {
			edge[n] = keep(q, &store[n], &t);
			n++;
		}
		met |= t.instrument == last->instrument && t.seq == last->seq;
	}
	history_cursor_end(&c);
	return n;
}

static int history_page(struct rpc_call *c, const struct query *q,
    struct page *p, bool edges, struct market_trade *store)
{
	const struct history *h = c->rpc->market->history;

	if (history_collect(h, q, p, store) == -1)
		return -1;
	if (!edges || p->count == 0)
		return 0;
	store += p->count;
	p->newer_count = history_edge(h, q, p->row[0], true, p->newer, store);
	store += PAGES_EDGE;
	p->older_count = history_edge(
	    h, q, p->row[p->count - 1], false, p->older, store);
	return 0;
}

static int page_tell(struct rpc_call *c, const struct page *p, bool ascending)
{
	buf_adds(c->result, "{\"trades\":[");
	for (size_t i = 0; i < p->count; i++) {
		if (i > 0)
			buf_addc(c->result, ',');
		text_trade(c->result, c->rpc->market,
		    p->row[ascending ? p->count - 1 - i : i]);
	}
	return buf_addf(
	    c->result, "],\"has_more\":%s}", p->has_more ? "true" : "false");
}

static int trades_answer(struct rpc_call *c, const struct query *q)
{
	struct faults *f = c->rpc->faults;
	uint64_t connection = c->session != NULL ? c->session->number : 0;
	struct page p = {.count = 0};
	const char *message = NULL;
	struct market_trade *store = NULL;
	bool edges = f != NULL && faults_has(f, FAULTS_PAGE_SHIFT);
	int code, r = 0;

	if (f != NULL && pages_refuse(f, connection, &code, &message) == -1) {
		c->lost = code == 0;
		return c->lost ? 0 : rpc_fail(c, code, message);
	}
	if (c->rpc->market->history != NULL) {
		store = calloc(
		    (size_t)q->count + 2 * PAGES_EDGE, sizeof(*store));
		if (store == NULL)
			return rpc_fail(c, 13028, "temporarily_unavailable");
		r = history_page(c, q, &p, edges, store);
	} else {
		page_collect(c->rpc->market, q, &p);
		if (edges)
			page_edges(c->rpc->market, q, &p);
	}
	if (f != NULL)
		pages_harm(f, &p, connection);
	c->rpc->rows = (long)p.count;
	if (r == 0)
		r = page_tell(c, &p, q->ascending);
	else
		rpc_fail(c, 13028, "temporarily_unavailable");
	free(store);
	return r;
}

int trades_by_instrument(struct rpc_call *c)
{
	struct query q = {.instrument = -1};
	size_t instrument;

	if (instrument_param(c, &instrument) == -1 || query_params(c, &q) == -1)
		return -1;
	q.instrument = (long)instrument;
	return trades_answer(c, &q);
}

int trades_by_currency(struct rpc_call *c)
{
	struct query q = {.instrument = -1};

	if (filter_params(c, &q.filter, false) == -1 ||
	    query_params(c, &q) == -1 ||
	    id_param(c, "start_id", &q.start_id) == -1 ||
	    id_param(c, "end_id", &q.end_id) == -1)
		return -1;
	return trades_answer(c, &q);
}
