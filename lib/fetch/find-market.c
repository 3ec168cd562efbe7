/*
 * The instruments of a market that traded in a time: its trades page by page,
 * in the order of time, each page joined to the one before by a row that both
 * have.  Before the first page such a row is looked for; at the end the last
 * page is asked for again until it holds nothing new, unless a row behind the
 * time proves that it was reached.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "deribit/chain.h"
#include "deribit/name.h"
#include "fetch/find-own.h"
#include "record/reach.h"

#define ANCHOR_ROWS 10
/* Nothing, so often in a row, is nothing. */
#define QUIET_MAX 4
#define QUIET_MS 300
#define DAY_MS INT64_C(86400000)
/* What is younger may be missing though later rows are there. */
#define LAG_MS 5000

enum market_step {
	STEP_BEFORE, /* a row before the time, to join the first page to */
	STEP_FIRST,  /* there is none: the first row ever */
	STEP_PASS
};

/* What was seen of an instrument. */
struct seen {
	struct seen *next;
	int64_t first, last;
	bool changed;
	char name[NAME_MAX_LEN + 1];
};

/* A base currency whose instruments are looked for: one search has all those of
 * a market and a time, lest its pages be read for each of them. */
struct base {
	struct base *next;
	char name[CHAIN_CURRENCY_MAX + 1];
	char looked[FIND_LABEL_MAX]; /* the state's word */
};

struct market {
	struct search search;
	struct base *bases;
	char settlement[CHAIN_CURRENCY_MAX + 1];
	const char *kind; /* or NULL; static */
	bool loose;
	int64_t end_ms; /* of what is asked for: beyond now */
	enum market_step step;
	unsigned quiet;
	bool over, broken, failed; /* broken: failed, and said so */
	struct reach reach;
	struct reach_mark first; /* of STEP_FIRST */
	int64_t whole_ms;        /* as the pass began */
	struct seen *seen;
	struct table names;
};

static void query_make(struct market *m, const char *sorting, int64_t from,
    int64_t to, int64_t rows)
{
	struct search *s = &m->search;

	s->method = "public/get_last_trades_by_currency_and_time";
	snprintf(s->query, sizeof(s->query),
	    "currency=%s%s%s&start_timestamp=%" PRId64 "&end_timestamp=%" PRId64
	    "&count=%" PRId64 "&sorting=%s%s",
	    m->settlement, m->kind != NULL ? "&kind=" : "",
	    m->kind != NULL ? chain_kind_filter(m->kind) : "", from, to, rows,
	    sorting, s->find->options.old ? "&include_old=true" : "");
}

static void pass_begin(struct market *m)
{
	int64_t limit_ms = find_clock_ms(m->search.find) - LAG_MS;
	int64_t last_ms = m->search.to - 1;

	m->step = STEP_PASS;
	m->whole_ms = m->reach.whole_ms;
	reach_begin(
	    &m->reach, limit_ms < last_ms ? limit_ms : last_ms, last_ms);
}

static int market_ask(struct search *s)
{
	struct market *m = (struct market *)s;
	int64_t rows = s->find->options.rows;

	if (m->over)
		return 0;
	if (m->step == STEP_BEFORE)
		query_make(m, "desc", 0, s->from - 1, ANCHOR_ROWS);
	else if (m->step == STEP_FIRST)
		query_make(m, "asc", s->from, m->end_ms, ANCHOR_ROWS);
	else
		query_make(m, "asc", m->reach.cursor_ms, m->end_ms, rows);
	reach_page(&m->reach);
	return 1;
}

static struct seen *seen_get(struct market *m, struct json_span name)
{
	struct seen *e = table_find(&m->names, name.p, name.len);

	if (e != NULL)
		return e;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	memcpy(e->name, name.p, name.len);
	if (table_add(&m->names, e->name, name.len, e) == -1) {
		free(e);
		return NULL;
	}
	e->next = m->seen;
	m->seen = e;
	return e;
}

static bool has_base(const struct market *m, struct json_span name)
{
	const struct base *b;

	for (b = m->bases; b != NULL; b = b->next)
		if (json_span_is(name, b->name))
			return true;
	return false;
}

static bool is_ours(const struct market *m, const struct trade_row *row)
{
	struct name n;

	if (row->timestamp_ms < m->search.from ||
	    row->timestamp_ms >= m->search.to ||
	    row->instrument.len > NAME_MAX_LEN ||
	    name_parse(row->instrument.p, row->instrument.len, &n) == -1 ||
	    !has_base(m, n.base))
		return false;
	return m->kind == NULL || m->loose ||
	       strcmp(name_kind_text(n.kind), m->kind) == 0;
}

static void market_row(struct search *s, const struct trade_row *row)
{
	struct market *m = (struct market *)s;
	struct seen *e;

	/* A page may hold others than were asked for. */
	if ((m->step == STEP_FIRST && row->timestamp_ms < s->from) ||
	    (m->step == STEP_BEFORE && row->timestamp_ms >= s->from))
		return;
	reach_row(&m->reach, row->instrument, row->seq, row->timestamp_ms);
	if (!is_ours(m, row))
		return;
	e = seen_get(m, row->instrument);
	if (e == NULL) {
		m->failed = true;
		return;
	}
	if (e->first == 0 || row->seq < e->first) {
		e->first = row->seq;
		e->changed = true;
	}
	if (row->seq > e->last) {
		e->last = row->seq;
		e->changed = true;
	}
}

/* Rows that were seen, then the time until which all were. */
static int note(struct market *m, int64_t known, struct fault *fault)
{
	const struct find_options *o = &m->search.find->options;
	int64_t to = known < m->search.to ? known : m->search.to;
	const struct base *b;

	for (struct seen *e = m->seen; e != NULL; e = e->next) {
		if (!e->changed)
			continue;
		if (resume_add(o->resume, e->name, o->wanted, e->first,
			e->last + 1, fault) == -1)
			return -1;
		e->changed = false;
	}
	for (b = m->bases; b != NULL && !m->broken; b = b->next)
		if (resume_add(o->resume, b->name, b->looked, m->search.from,
			to, fault) == -1)
			return -1;
	return resume_save(o->resume, fault);
}

/* A row of before the time, or else the first row of it. */
static void anchor_reply(struct market *m)
{
	struct reach *r = &m->reach;
	struct reach_mark found = r->last;

	if (m->step == STEP_FIRST) {
		if (r->oldest.key != 0 &&
		    (m->first.key == 0 || r->oldest.ms < m->first.ms))
			m->first = r->oldest;
		found = m->first;
		m->quiet++;
		if (m->quiet < QUIET_MAX)
			return;
	}
	if (found.key != 0) {
		memset(r, 0, sizeof(*r));
		r->anchor = found;
		r->whole_ms = m->search.from;
		m->quiet = 0;
		pass_begin(m);
	} else if (++m->quiet >= QUIET_MAX) {
		m->quiet = 0;
		m->over = m->step == STEP_FIRST;
		m->step = STEP_FIRST;
	}
}

static void pages_do_not_join(struct market *m)
{
	struct fault fault;
	char at[40];

	if (m->broken)
		return;
	clock_format_ms(m->reach.cursor_ms, at, sizeof(at));
	fault_set(&fault, EX_DATAERR,
	    "its pages do not join at %s: trades may be missing", at);
	m->broken = true;
	search_failed(&m->search, &fault);
}

static int pass_end(struct market *m, struct fault *fault)
{
	bool proof = reach_is_proof(&m->reach);
	int64_t known = find_settled_ms(m->search.find);

	reach_end(&m->reach);
	if (m->broken || proof) {
		m->over = true;
		return note(m, m->reach.whole_ms + 1, fault);
	}
	m->quiet = m->reach.whole_ms > m->whole_ms ? 0 : m->quiet + 1;
	if (m->quiet < QUIET_MAX) {
		m->search.due_ms = clock_mono_ms() + QUIET_MS;
		if (note(m, m->reach.whole_ms, fault) == -1)
			return -1;
		pass_begin(m);
		return 0;
	}
	m->over = true;
	return note(
	    m, known > m->reach.whole_ms ? known : m->reach.whole_ms, fault);
}

static int market_reply(struct search *s, bool more, struct fault *fault)
{
	struct market *m = (struct market *)s;
	enum reach_turn turn;

	if (m->failed)
		return fault_errno(fault, EX_OSERR, "no memory");
	if (m->step != STEP_PASS) {
		anchor_reply(m);
		return 0;
	}
	turn = reach_page_end(&m->reach, more);
	if (turn == REACH_AGAIN)
		return 0;
	if (!m->reach.chained)
		pages_do_not_join(m);
	if (turn == REACH_END || m->reach.rows.beyond)
		return pass_end(m, fault);
	return note(m, m->reach.cursor_ms, fault);
}

static int market_end(struct search *s, struct fault *fault)
{
	(void)s;
	(void)fault;
	return 0;
}

static void market_free(struct search *s)
{
	struct market *m = (struct market *)s;
	struct base *b;
	struct seen *e;

	while ((b = m->bases) != NULL) {
		m->bases = b->next;
		free(b);
	}
	while ((e = m->seen) != NULL) {
		m->seen = e->next;
		free(e);
	}
	table_free(&m->names);
}

static const struct search_kind market_kind = {.ask = market_ask,
    .row = market_row,
    .reply = market_reply,
    .end = market_end,
    .free = market_free};

/* The search of this market and time; NULL: no memory. */
static struct market *market_get(struct find *f, const struct market *like,
    int64_t from, int64_t to, struct fault *fault)
{
	struct search *s;
	struct market *m;

	for (s = f->first; s != NULL; s = s->next) {
		m = (struct market *)s;
		if (s->kind == &market_kind && s->from == from && s->to == to &&
		    strcmp(m->settlement, like->settlement) == 0 &&
		    m->kind == like->kind && m->loose == like->loose)
			return m;
	}
	m = (struct market *)search_new(
	    f, sizeof(*m), &market_kind, from, to, fault);
	if (m == NULL)
		return NULL;
	memcpy(m->settlement, like->settlement, sizeof(m->settlement));
	m->kind = like->kind;
	m->loose = like->loose;
	m->end_ms = find_clock_ms(f) + DAY_MS;
	snprintf(m->search.label, sizeof(m->search.label), "trades under %s",
	    m->settlement);
	return m;
}

static int base_add(
    struct market *m, const struct base *like, struct fault *fault)
{
	struct base *b = malloc(sizeof(*b));

	if (b == NULL)
		return fault_errno(fault, EX_OSERR, "no memory");
	*b = *like;
	b->next = m->bases;
	m->bases = b;
	return 0;
}

int find_market(struct find *f, const char *name, const char *settlement,
    const char *kind, bool loose, int64_t from, int64_t to, struct fault *fault)
{
	struct market like = {.loose = loose}, *m;
	struct base base = {.next = NULL};
	int64_t begin, end;

	if (kind != NULL)
		like.kind = name_kind_text(
		    (enum name_kind)name_kind_parse(kind));
	snprintf(base.name, sizeof(base.name), "%s", name);
	snprintf(like.settlement, sizeof(like.settlement), "%s", settlement);
	snprintf(base.looked, sizeof(base.looked), "%s %s %s%s",
	    f->options.looked, like.settlement, kind != NULL ? kind : "all",
	    loose ? " of theirs" : "");
	for (; resume_lacks(
		 f->options.resume, name, base.looked, from, to, &begin, &end);
	     from = end) {
		m = market_get(f, &like, begin, end, fault);
		if (m == NULL || base_add(m, &base, fault) == -1)
			return -1;
	}
	return 0;
}
