/*
 * What reached the client and what did not, by the truth file; and the output's
 * quotes and gaps beside it (tests/faults/judge.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "judge.h"

/* Beside the slowest record: a turn of the client's, and milliseconds. */
#define SLACK_US 50000
/* What was sent just before a reset, the other system throws away. */
#define RESET_US 50000

/* -------------------------------------------------------------- the truth */

static struct connection *connection_of(struct judge *j, int64_t number)
{
	char key[24];
	int n = snprintf(key, sizeof(key), "%" PRId64, number);
	struct connection *c = table_find(&j->connections, key, (size_t)n);

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL || table_add(&j->connections,
			     span_copy((struct json_span){key, (size_t)n}),
			     (size_t)n, c) == -1)
		abort();
	c->number = (uint64_t)number;
	return c;
}

static struct channel *channel_of(struct judge *j, struct json_span name)
{
	struct channel *c = table_find(&j->channels, name.p, name.len);

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->name = span_copy(name);
	if (table_add(&j->channels, c->name, name.len, c) == -1)
		abort();
	j->channel = grow(j->channel, j->n_channels, &j->channels_size,
	    sizeof(struct channel *));
	j->channel[j->n_channels++] = c;
	return c;
}

static void spans_add(struct spans *s, struct span span)
{
	s->v = grow(s->v, s->n, &s->size, sizeof(*s->v));
	s->v[s->n++] = span;
}

static bool begins(struct json_span s, const char *word)
{
	return s.len > strlen(word) && memcmp(s.p, word, strlen(word)) == 0;
}

static bool is_quote(struct json_span channel)
{
	return begins(channel, "quote.");
}

/* 0, 0.0, 0e5, null */
static bool is_nothing(const struct json_value *v)
{
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_NUMBER)
		return false;
	for (size_t i = 0; i < v->text.len; i++) {
		if (v->text.p[i] == 'e' || v->text.p[i] == 'E')
			break;
		if (v->text.p[i] >= '1' && v->text.p[i] <= '9')
			return false;
	}
	return true;
}

static uint64_t mix(uint64_t hash, const char *p, size_t len)
{
	/* FNV-1a, and a byte that no text holds. */
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
	return (hash ^ 0xff) * UINT64_C(1099511628211);
}

/* Of a quote's members from this one on; an empty side is null and null. */
static uint64_t digest(const struct members *m, size_t from)
{
	bool no_bid = is_nothing(members_find(m, "best_bid_price")) &&
	              is_nothing(members_find(m, "best_bid_amount"));
	bool no_ask = is_nothing(members_find(m, "best_ask_price")) &&
	              is_nothing(members_find(m, "best_ask_amount"));
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = from; i < m->n; i++) {
		struct json_span k = m->key[i], v = m->value[i].text;

		if ((no_bid && begins(k, "best_bid_")) ||
		    (no_ask && begins(k, "best_ask_")))
			v = (struct json_span){"null", 4};
		hash = mix(mix(hash, k.p, k.len), v.p, v.len);
	}
	return hash;
}

static void take_sent(struct judge *j, struct connection *by, int64_t at_us,
    const struct members *params, struct json_span name)
{
	const struct json_value *data = members_find(params, "data");
	struct channel *c = channel_of(j, name);
	struct members m;

	if (data == NULL || members_read(&m, data->text) == -1)
		return;
	c->sent = grow(c->sent, c->n, &c->size, sizeof(*c->sent));
	c->sent[c->n++] = (struct sent){digest(&m, 0), at_us, by};
}

/* Whether the channel is one of those; it is acknowledged. */
static bool is_market(struct judge *j, struct json_span name, int64_t at_us)
{
	for (size_t i = 0; i < j->markets; i++) {
		if (!json_span_is(name, j->market[i].channel))
			continue;
		if (j->market[i].ack_us == 0)
			j->market[i].ack_us = at_us;
		channel_of(j, name)->is_market = true;
		return true;
	}
	return false;
}

/* The channels that a reply grants.  To unsubscribe names them as well: of one
 * that is found dead, just before it is granted again. */
static void take_granted(struct judge *j, struct connection *by, int64_t at_us,
    struct json_span list)
{
	struct json_value v;
	struct json json;

	json_init(&json, list.p, list.len);
	if (json_array_begin(&json) == -1)
		return;
	while (json_array_next(&json) == 1 && json_value(&json, &v) == 0) {
		struct json_span name = json_inside(v.text);

		if (v.type != JSON_STRING)
			return;
		if (is_quote(name) || is_market(j, name, at_us))
			spans_add(&channel_of(j, name)->live,
			    (struct span){at_us, 0, by});
	}
}

static void take_message(struct judge *j, struct connection *by, int64_t at_us,
    const struct json_value *message)
{
	const struct json_value *v;
	struct json_span name;
	struct members m, params;

	if (members_read(&m, message->text) == -1)
		return;
	v = members_find(&m, "result");
	if (v != NULL && v->type == JSON_ARRAY)
		take_granted(j, by, at_us, v->text);
	if (!json_span_is(members_text(&m, "method"), "subscription"))
		return;
	by->heard_us = at_us;
	v = members_find(&m, "params");
	if (v == NULL || members_read(&params, v->text) == -1)
		return;
	name = members_text(&params, "channel");
	if (is_quote(name))
		take_sent(j, by, at_us, &params, name);
}

static void take_event(struct judge *j, struct connection *by,
    const struct members *m, struct json_span event)
{
	static const char *const ends[] = {
	    "cut", "reset", "half-open", "silent", "limit", "stall", "close"};
	bool is_fault = json_span_is(event, "fault"), ended = false;
	struct json_span what = is_fault ? members_text(m, "fault") : event;
	int64_t at_us = members_number(m, "at");

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		ended |= json_span_is(what, ends[i]);
	if (!ended)
		return;
	if (json_span_is(what, "close")) {
		if (!by->hurt && !j->maintenance && at_us < j->until_us)
			j->closed_unhurt++;
		by->gone = true;
	} else {
		by->hurt = true;
	}
	if (by->end_us == 0)
		by->end_us = at_us;
}

void truth_line(struct judge *j, const struct members *m)
{
	const struct json_value *message = members_find(m, "message");
	struct json_span event = members_text(m, "event");
	int64_t number = members_number(m, "connection");

	if (number == 0 && json_span_is(event, "maintenance-end"))
		j->maintenance = false;
	if (number == 0 &&
	    json_span_is(members_text(m, "fault"), "maintenance"))
		j->maintenance = true;
	if (number < 1)
		return;
	if (event.len > 0)
		take_event(j, connection_of(j, number), m, event);
	else if (message != NULL)
		take_message(j, connection_of(j, number),
		    members_number(m, "sent_at"), message);
}

/* ------------------------------------------------------------- the output */

static bool in_gap(
    const struct judge *j, const struct channel *c, int64_t at_us)
{
	for (size_t i = c->gaps.n; i > 0; i--)
		if (c->gaps.v[i - 1].to_us >= at_us &&
		    c->gaps.v[i - 1].from_us <= at_us + j->lag_us + SLACK_US)
			return true;
	return false;
}

/* The client gave the connection up and left these unread: the last ones of the
 * connection, in a gap. */
static bool were_unread(
    struct judge *j, const struct channel *c, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (c->sent[i].by == c->sent[to].by || !c->sent[i].by->gone ||
		    !in_gap(j, c, c->sent[i].at_us))
			return false;
	j->quotes_unread += to - from;
	return true;
}

static void quote_wrong(struct judge *j, const struct channel *c, size_t at)
{
	j->quotes_wrong++;
	complain(j, "%s: record %zu is not what was sent", c->name, at + 1);
}

void quote_record(struct judge *j, const struct members *m)
{
	struct json_span name = members_text(m, "instrument_name");
	uint64_t d = digest(m, 4);
	char text[160];
	int n = snprintf(
	    text, sizeof(text), "quote.%.*s", (int)name.len, name.p);
	struct channel *c = table_find(&j->channels, text, (size_t)n);
	size_t at;

	j->quotes++;
	if (c == NULL) {
		j->quotes_wrong++;
		complain(j, "%s was never sent", text);
		return;
	}
	for (at = c->next; at < c->n && c->sent[at].digest != d; at++)
		;
	if (at == c->n || (at > c->next && !were_unread(j, c, c->next, at))) {
		quote_wrong(j, c, c->next);
		return;
	}
	c->next = at + 1;
	if (members_number(m, "received_at") - c->sent[at].at_us > j->lag_us)
		j->lag_us = members_number(m, "received_at") -
		            c->sent[at].at_us;
}

/* Of a market: it says that what was missed was fetched. */
static void market_gap(struct judge *j, const struct members *m)
{
	const struct json_value *repaired = members_find(m, "repaired");
	struct json_span name = members_text(m, "channel");

	if (repaired != NULL && repaired->type == JSON_TRUE) {
		numbers_add(
		    &j->outages, members_number(m, "received_at") / 1000 -
				     members_number(m, "from"));
		return;
	}
	j->open_gaps++;
	complain(j, "%.*s: open from %" PRId64 " to %" PRId64, (int)name.len,
	    name.p, members_number(m, "from"), members_number(m, "to"));
}

void gap_record(struct judge *j, const struct members *m)
{
	struct json_span name = members_text(m, "channel");
	struct json_span reason = members_text(m, "reason");
	int64_t from_ms = members_number(m, "from");
	int64_t to_ms = members_number(m, "to");

	if (json_span_is(reason, "overflow")) {
		j->overflows++;
		return;
	}
	if (json_span_is(reason, "sequence")) {
		trades_declared(j, m);
		return;
	}
	if (!is_quote(name))
		market_gap(j, m);
	/* The whole of its last millisecond. */
	spans_add(&channel_of(j, name)->gaps,
	    (struct span){from_ms * 1000, to_ms * 1000 + 999, NULL});
}

/* ---------------------------------------------------------------- verdict */

/* When the channel was heard last by this subscription. */
static int64_t end_of(const struct span *live, int64_t never)
{
	const struct connection *c = live->by;

	if (c->end_us == 0)
		return never;
	return c->end_us > c->heard_us ? c->end_us : c->heard_us;
}

/* The times without delivery; those at the end go on until the end. */
static struct spans holes_of(const struct judge *j, const struct channel *c)
{
	struct spans holes = {NULL, 0, 0};

	for (size_t i = 0; i < c->live.n; i++) {
		int64_t from_us = end_of(&c->live.v[i], j->until_us);
		int64_t to_us = i + 1 < c->live.n ? c->live.v[i + 1].from_us
		                                  : j->until_us;

		if (from_us < to_us)
			spans_add(&holes,
			    (struct span){from_us, to_us, c->live.v[i].by});
	}
	return holes;
}

static bool is_covered(
    const struct judge *j, const struct channel *c, const struct span *hole)
{
	int64_t at_us = hole->from_us + j->lag_us + SLACK_US;

	/* They were written in the order of their times. */
	for (size_t i = 0; i < c->gaps.n; i++)
		if (c->gaps.v[i].from_us <= at_us && c->gaps.v[i].to_us > at_us)
			at_us = c->gaps.v[i].to_us;
	return at_us >= hole->to_us;
}

static void judge_holes(
    struct judge *j, const struct channel *c, const struct spans *holes)
{
	uint64_t *open = c->is_market ? &j->market_holes_open : &j->holes_open;

	*(c->is_market ? &j->market_holes : &j->holes) += holes->n;
	for (size_t i = 0; i < holes->n; i++) {
		const struct span *h = &holes->v[i];

		if (!c->is_market)
			j->hole_us += h->to_us - h->from_us;
		if (is_covered(j, c, h))
			continue;
		++*open;
		complain(j,
		    "%s: not delivered from %" PRId64 " (connection %" PRIu64
		    ") to %" PRId64 " us, and no gap says so",
		    c->name, h->from_us, h->by->number, h->to_us);
	}
}

/* The earliest hole that the gap overlaps, or NULL. */
static const struct span *hole_of(
    const struct spans *holes, const struct span *gap)
{
	for (size_t i = 0; i < holes->n; i++)
		if (holes->v[i].from_us <= gap->to_us &&
		    holes->v[i].to_us >= gap->from_us)
			return &holes->v[i];
	return NULL;
}

static void judge_gaps(
    struct judge *j, const struct channel *c, const struct spans *holes)
{
	for (size_t i = 0; i < c->gaps.n; i++) {
		const struct span *g = &c->gaps.v[i];
		const struct span *h = hole_of(holes, g);

		if (h == NULL && g->from_us > j->until_us)
			continue;
		j->gaps++;
		j->gap_us += g->to_us - g->from_us;
		if (h == NULL) {
			j->gaps_false++;
			complain(j,
			    "%s: a gap from %" PRId64 " to %" PRId64
			    " us, and all was delivered",
			    c->name, g->from_us, g->to_us);
		} else if (g->from_us + RESET_US < h->by->heard_us) {
			j->gaps_early++;
			complain(j,
			    "%s: a gap from %" PRId64 " us, and "
			    "connection %" PRIu64 " was heard at %" PRId64,
			    c->name, g->from_us, h->by->number,
			    h->by->heard_us);
		}
	}
}

void quotes_verdict(struct judge *j)
{
	for (size_t k = 0; k < j->n_channels; k++) {
		struct channel *c = j->channel[k];
		struct spans holes = holes_of(j, c);

		for (size_t i = c->next; i < c->n; i++)
			if (c->sent[i].at_us <= j->until_us) {
				j->quotes_missing++;
				complain(j, "%s: message %zu of %zu is missing",
				    c->name, i + 1, c->n);
				break;
			}
		judge_holes(j, c, &holes);
		/* Those of trades may tell of some that were left out. */
		if (!c->is_market)
			judge_gaps(j, c, &holes);
		free(holes.v);
	}
}
