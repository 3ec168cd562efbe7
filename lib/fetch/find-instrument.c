/*
 * The numbers of one instrument: two bounds, one behind the other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "deribit/name.h"
#include "fetch/bound.h"
#include "fetch/find-own.h"

/* Rows of a call that asks by time: one would do. */
#define TIME_ROWS 10
#define DAY_MS INT64_C(86400000)

struct instrument {
	struct search search;
	char name[NAME_MAX_LEN + 1];
	int64_t first; /* by number; 0: by time */
	struct bound low, high;
	bool is_high; /* low is known */
};

static struct bound *bound_of(struct instrument *i)
{
	return i->is_high ? &i->high : &i->low;
}

static void query_time(struct search *s, const char *name, const char *sorting,
    int64_t from, int64_t to)
{
	s->method = "public/get_last_trades_by_instrument_and_time";
	snprintf(s->query, sizeof(s->query),
	    "instrument_name=%s&start_timestamp=%" PRId64
	    "&end_timestamp=%" PRId64 "&count=%d&sorting=%s%s",
	    name, from, to, TIME_ROWS, sorting,
	    s->find->options.old ? "&include_old=true" : "");
}

static int instrument_ask(struct search *s)
{
	struct instrument *i = (struct instrument *)s;
	int64_t rows = s->find->options.rows, from, to;
	struct bound *b = bound_of(i);
	enum bound_ask ask = bound_next(b, rows, &from, &to);

	if (ask == BOUND_DONE && !i->is_high) {
		i->is_high = true;
		/* What is known of one helps with the other. */
		b = &i->high;
		if (i->low.before != 0)
			b->before = i->low.before;
		ask = bound_next(b, rows, &from, &to);
	}
	if (ask == BOUND_DONE)
		return 0;
	if (ask == BOUND_BEHIND) {
		to = find_clock_ms(s->find) + DAY_MS;
		query_time(s, i->name, "asc", b->at_ms,
		    to > b->at_ms ? to : b->at_ms + DAY_MS);
	} else if (ask == BOUND_BEFORE) {
		query_time(s, i->name, "desc", 0, b->at_ms - 1);
	} else {
		s->method = "public/get_last_trades_by_instrument";
		snprintf(s->query, sizeof(s->query),
		    "instrument_name=%s&start_seq=%" PRId64 "&end_seq=%" PRId64
		    "&count=%" PRId64 "&sorting=asc%s",
		    i->name, from, to, to - from + 1,
		    s->find->options.old ? "&include_old=true" : "");
	}
	return 1;
}

static void instrument_row(struct search *s, const struct trade_row *row)
{
	struct instrument *i = (struct instrument *)s;

	if (json_span_is(row->instrument, i->name))
		bound_row(bound_of(i), row->seq, row->timestamp_ms);
}

static int instrument_reply(struct search *s, bool more, struct fault *fault)
{
	(void)more;
	(void)fault;
	bound_reply(bound_of((struct instrument *)s));
	return 0;
}

static int instrument_end(struct search *s, struct fault *fault)
{
	const struct find_options *o = &s->find->options;
	struct instrument *i = (struct instrument *)s;
	int64_t first = i->first != 0 ? i->first : bound_first(&i->low);
	int64_t last = bound_last(&i->high), known = find_settled_ms(s->find);

	if (i->first == 0 && i->low.before == 0 && i->low.behind > 1 &&
	    first <= last)
		log_warn("%s: trades before number %" PRId64
			 " are not to be had%s",
		    i->name, i->low.behind,
		    o->old ? "" : "; --history may have them");
	if (resume_add(o->resume, i->name, o->wanted, first, last + 1, fault) ==
	    -1)
		return -1;
	if (bound_is_proven(&i->high) || known > s->to)
		known = s->to;
	if (i->first == 0 && resume_add(o->resume, i->name, o->looked, s->from,
				 known, fault) == -1)
		return -1;
	return resume_save(o->resume, fault);
}

static const struct search_kind instrument_kind = {.ask = instrument_ask,
    .row = instrument_row,
    .reply = instrument_reply,
    .end = instrument_end};

static struct instrument *instrument_new(struct find *f, const char *name,
    int64_t from, int64_t to, struct fault *fault)
{
	struct instrument *i = (struct instrument *)search_new(
	    f, sizeof(*i), &instrument_kind, from, to, fault);

	if (i == NULL)
		return NULL;
	snprintf(i->name, sizeof(i->name), "%s", name);
	snprintf(i->search.label, sizeof(i->search.label),
	    "%s: its trades cannot be found", i->name);
	i->low.at_ms = from;
	i->high.at_ms = to;
	return i;
}

int find_instrument(struct find *f, const char *name, int64_t from, int64_t to,
    struct fault *fault)
{
	int64_t begin, end;

	for (; resume_lacks(f->options.resume, name, f->options.looked, from,
		 to, &begin, &end);
	     from = end)
		if (instrument_new(f, name, begin, end, fault) == NULL)
			return -1;
	return 0;
}

int find_tail(
    struct find *f, const char *name, int64_t first, struct fault *fault)
{
	int64_t at_ms = find_clock_ms(f) + DAY_MS;
	struct instrument *i = instrument_new(f, name, 0, at_ms, fault);

	if (i == NULL)
		return -1;
	i->first = first;
	i->is_high = true;
	i->high.open = true;
	return 0;
}
