/*
 * The methods that tell trades again (replay/methods.h): what was sent on the
 * channels, in the same words, as far back as the market remembers.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay/methods.h"
#include "replay/pages.h"
#include "replay/text.h"

#define TRADES_DEFAULT 10

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
	bool ascending;
};

static int id_param(struct rpc_call *c, const char *name, struct trade_id *id)
{
	char text[48], *digits, *end;
	int r = string_param(c, name, text, sizeof(text));

	if (r != 1)
		return r;
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

static int query_params(struct rpc_call *c, struct query *q)
{
	char sorting[16] = "default";

	q->end_seq = q->end_ms = INT64_MAX;
	q->count = TRADES_DEFAULT;
	if (integer_param(c, "start_seq", &q->start_seq) == -1 ||
	    integer_param(c, "end_seq", &q->end_seq) == -1 ||
	    integer_param(c, "start_timestamp", &q->start_ms) == -1 ||
	    integer_param(c, "end_timestamp", &q->end_ms) == -1 ||
	    integer_param(c, "count", &q->count) == -1 ||
	    string_param(c, "sorting", sorting, sizeof(sorting)) == -1)
		return -1;
	if (q->count < 1 || q->count > PAGES_ROWS_MAX)
		return rpc_invalid(c, "must be between 1 and 1000", "count");
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
	int code;

	if (f != NULL && pages_refuse(f, connection, &code, &message) == -1) {
		c->lost = code == 0;
		return c->lost ? 0 : rpc_fail(c, code, message);
	}
	page_collect(c->rpc->market, q, &p);
	if (f != NULL) {
		if (faults_has(f, FAULTS_PAGE_SHIFT))
			page_edges(c->rpc->market, q, &p);
		pages_harm(f, &p, connection);
	}
	return page_tell(c, &p, q->ascending);
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
