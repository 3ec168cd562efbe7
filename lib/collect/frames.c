/*
 * Frames as they came, and a recording of them in place of the exchange: what
 * was made of them once can be made again.  What else decided then, a search
 * for trades or a number that was known beforehand, stands between the frames
 * as notes, so that the same trades follow in the same order.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/num.h"
#include "collect/collect.h"

#define RECORDED_MAX ((size_t)32 << 20)
#define REPLAY_SAID_MAX 5
#define REPLAY_TURN 256 /* lines, before the output has its turn */
#define REPLAY_QUEUE_MAX ((size_t)4 << 20)
/* Of a recording that does not say which channel a reply was for. */
#define NO_CHANNEL "trades.any.any.100ms"

/* -------------------------------------------------------------- recording */

static void write_frame(struct collector *c, struct source *s,
    const char *whose, struct json_span message)
{
	struct buf *b = &c->record;

	if (record_compact(b, message) == -1 || buf_adds(b, "}\n") == -1)
		log_warn("%s: %s is too large to be recorded", s->name, whose);
	else
		intake_line(c, s, buf_head(b), buf_used(b));
}

void intake_raw(struct collector *c, struct source *s, const struct feed *f,
    const char *text, size_t len)
{
	struct buf *b = &c->record;

	buf_clear(b);
	buf_addf(b,
	    "{\"type\":\"frame\",\"received_at\":%" PRId64
	    ",\"connection\":%u,\"message\":",
	    intake_stamp(c), f != NULL ? f->number : 0);
	write_frame(c, s, "a message", (struct json_span){text, len});
}

void intake_reply(struct collector *c, struct source *s, const struct rpc *m,
    int64_t from_ms, int64_t to_ms)
{
	struct buf *b = &c->record;

	if (!c->options.raw || m == NULL || m->kind != RPC_RESULT)
		return;
	buf_clear(b);
	buf_addf(b,
	    "{\"type\":\"frame\",\"received_at\":%" PRId64
	    ",\"connection\":0,\"channel\":",
	    intake_stamp(c));
	json_encode(b, s->name, s->len);
	if (to_ms != 0)
		buf_addf(
		    b, ",\"from\":%" PRId64 ",\"to\":%" PRId64, from_ms, to_ms);
	buf_adds(b, ",\"message\":");
	write_frame(c, s, "a reply", (struct json_span){m->text, m->len});
}

/* A note is no record: it is not counted.  Without room for it the queue counts
 * as full, and what is known is noted when there is some. */
static void write_note(struct collector *c)
{
	if (buf_adds(&c->line, "}\n") == -1 ||
	    out_add(c->out, buf_head(&c->line), buf_used(&c->line)) == -1)
		c->overflowing = c->notes_missing = true;
}

static bool begin_note(struct collector *c, const char *what)
{
	if (!c->options.raw)
		return false;
	buf_clear(&c->line);
	return buf_addf(&c->line,
		   "{\"type\":\"note\",\"received_at\":%" PRId64
		   ",\"note\":\"%s\"",
		   intake_stamp(c), what) == 0;
}

void frames_begun(struct collector *c, const struct instrument *i)
{
	if (!i->named || !begin_note(c, "begun"))
		return;
	buf_addf(&c->line, ",\"instrument_name\":\"%s\"", i->name);
	write_note(c);
}

void frames_known(struct collector *c, const struct instrument *i)
{
	if (!i->named || i->before || i->tape.next == 0 ||
	    !begin_note(c, "known"))
		return;
	buf_addf(&c->line, ",\"instrument_name\":\"%s\",\"trade_seq\":%" PRId64,
	    i->name, i->tape.next - 1);
	write_note(c);
}

void frames_known_all(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->n_instruments; i++)
		frames_known(c, c->instrument[i]);
}

void frames_begin(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->pairs && begin_note(c, "wanted"); i++) {
		buf_addf(&c->line, ",\"kind\":\"%s\",\"currency\":\"%s\"",
		    c->pair[i].kind, c->pair[i].currency);
		write_note(c);
	}
	frames_known_all(c);
}

/* --------------------------------------------------------------- replayed */

struct recorded {
	struct json_value message;
	struct json_span type, note, instrument, channel, reason;
	struct json_span kind, currency;
	struct json_span stamp; /* the text of received_at */
	int64_t received_us, from_seq, to_seq, seq, from_ms, to_ms; /* or -1 */
};

static int64_t number(const struct json_value *v)
{
	int64_t n;

	if (v->type != JSON_NUMBER ||
	    num_int64(v->text.p, v->text.len, &n) != NUM_OK || n < 0 ||
	    n > INT64_MAX / 2)
		return -1;
	return n;
}

static void take_number(
    struct recorded *r, struct json_span key, const struct json_value *v)
{
	if (json_span_is(key, "received_at")) {
		r->received_us = number(v);
		r->stamp = v->text;
	} else if (json_span_is(key, "from_seq")) {
		r->from_seq = number(v);
	} else if (json_span_is(key, "to_seq")) {
		r->to_seq = number(v);
	} else if (json_span_is(key, "trade_seq")) {
		r->seq = number(v);
	} else if (json_span_is(key, "from")) {
		r->from_ms = number(v);
	} else if (json_span_is(key, "to")) {
		r->to_ms = number(v);
	}
}

static void take_string(
    struct recorded *r, struct json_span key, struct json_span inside)
{
	if (json_span_is(key, "type"))
		r->type = inside;
	else if (json_span_is(key, "note"))
		r->note = inside;
	else if (json_span_is(key, "instrument_name"))
		r->instrument = inside;
	else if (json_span_is(key, "channel"))
		r->channel = inside;
	else if (json_span_is(key, "reason"))
		r->reason = inside;
	else if (json_span_is(key, "kind"))
		r->kind = inside;
	else if (json_span_is(key, "currency"))
		r->currency = inside;
}

static int read_line(struct json_span line, struct recorded *out)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int r;

	memset(out, 0, sizeof(*out));
	out->received_us = out->from_seq = out->to_seq = out->seq = -1;
	out->from_ms = out->to_ms = -1;
	json_init(&j, line.p, line.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		if (json_span_is(key, "message"))
			out->message = v;
		else if (v.type == JSON_STRING)
			take_string(out, key, json_inside(v.text));
		else
			take_number(out, key, &v);
	}
	return r == -1 ? -1 : json_end(&j);
}

/* Whether the call that this row answers, a search or for a hole, took it. */
static bool was_taken(
    const struct recorded *r, const struct instrument *i, const struct datum *d)
{
	const struct tape_trade *tail = i->tape.tail;

	if (r->to_ms < 0)
		return tail != NULL && d->seq <= tail->seq;
	if ((i->tape.next == 0 || i->before) && d->timestamp < r->from_ms)
		return false;
	return (tail != NULL && d->seq < tail->seq) || d->timestamp <= r->to_ms;
}

/* A reply with trades was a repair, one with a book was asked for. */
static int take_reply(struct collector *c, const struct recorded *r,
    const struct rpc *m, struct fault *fault)
{
	struct json_span channel = {NO_CHANNEL, strlen(NO_CHANNEL)};
	struct instrument *i;
	struct json_value v;
	struct source *s;
	struct json rows;
	struct datum d;
	bool more;
	bool trades = trades_rows(m, &rows, &more);

	if (!trades)
		channel = (struct json_span){"get_order_book", 14};
	if (r->channel.p != NULL)
		channel = r->channel;
	s = source_get(c, channel.p, channel.len, fault);
	if (s == NULL)
		return -1;
	s->wanted = true;
	if (!trades) {
		depth_take(c, s, m->result);
		return 0;
	}
	while (json_array_next(&rows) == 1 && json_value(&rows, &v) == 0) {
		datum_look(&d, v);
		if (d.seq != 0 && intake_instrument(c, s, &d, &i, fault) == 1 &&
		    i != NULL && was_taken(r, i, &d))
			trades_take(c, s, i, &d, true);
	}
	return 0;
}

/* Up to this number nothing is missing, or is missing for good. */
static void pass_by(struct instrument *i, int64_t seq)
{
	int64_t from, to;

	i->before = false;
	while (tape_hole(&i->tape, &from, &to) && from <= seq)
		trades_skip(i);
	if (i->tape.next <= seq)
		tape_begin(&i->tape, seq + 1);
}

/* The hole that was given up then is given up now; behind that of a book a
 * snapshot begins anew. */
static void take_gap(struct collector *c, const struct recorded *r)
{
	struct source *s = table_find(
	    &c->channels, r->channel.p, r->channel.len);
	struct instrument *i;

	if (s != NULL && s->channel.id == CHANNEL_BOOK_CHANGE) {
		s->place[0].source = s;
		changes_lost(&s->place[0]);
	}
	if (r->to_seq <= 0 || r->instrument.p == NULL)
		return;
	i = table_find(&c->instruments, r->instrument.p, r->instrument.len);
	if (i != NULL && i->trades != NULL)
		pass_by(i, r->to_seq);
}

/* A gap record as it stands, but for its time: of two records none has the
 * same. */
static int write_gap(struct collector *c, struct json_span line,
    const struct recorded *r, struct fault *fault)
{
	struct buf *b = &c->line;
	const char *behind;

	if (r->stamp.p == NULL)
		return fault_set(fault, EX_DATAERR, "this is no gap of ours");
	behind = r->stamp.p + r->stamp.len;
	buf_clear(b);
	if (buf_add(b, line.p, (size_t)(r->stamp.p - line.p)) == -1 ||
	    buf_addf(b, "%" PRId64, intake_stamp(c)) == -1 ||
	    buf_add(b, behind, (size_t)(line.p + line.len - behind)) == -1 ||
	    buf_addc(b, '\n') == -1 ||
	    intake_line(c, NULL, buf_head(b), buf_used(b)) == -1)
		return fault_set(fault, EX_DATAERR, "this is no gap of ours");
	c->gap_records++;
	return 0;
}

static int take_wanted(
    struct collector *c, const struct recorded *r, struct fault *fault)
{
	char kind[16], currency[24];

	if (r->kind.p == NULL || r->currency.p == NULL ||
	    r->kind.len >= sizeof(kind) || r->currency.len >= sizeof(currency))
		return fault_set(fault, EX_DATAERR, "a note without its words");
	snprintf(kind, sizeof(kind), "%.*s", (int)r->kind.len, r->kind.p);
	snprintf(currency, sizeof(currency), "%.*s", (int)r->currency.len,
	    r->currency.p);
	if (collector_keep(c, kind, currency) == -1)
		return fault_set(fault, EX_OSERR, "out of memory");
	return 0;
}

static int take_note(
    struct collector *c, const struct recorded *r, struct fault *fault)
{
	struct instrument *i;

	if (json_span_is(r->note, "wanted"))
		return take_wanted(c, r, fault);
	if (r->instrument.len == 0 ||
	    memchr(r->instrument.p, '\\', r->instrument.len) != NULL)
		return fault_set(fault, EX_DATAERR, "a note without its words");
	i = instrument_get(c, r->instrument, fault);
	if (i == NULL)
		return -1;
	if (json_span_is(r->note, "begun"))
		trades_begin(c, i);
	else if (json_span_is(r->note, "known") && r->seq >= 0)
		pass_by(i, r->seq);
	return 0;
}

static int replay_line(
    struct collector *c, struct json_span line, struct fault *fault)
{
	struct recorded r;
	struct rpc m;

	if (read_line(line, &r) == -1)
		return fault_set(fault, EX_DATAERR, "this is no record");
	c->replay_us = r.received_us > 0 ? r.received_us : 1;
	if (json_span_is(r.type, "gap")) {
		if (write_gap(c, line, &r, fault) == -1)
			return -1;
		take_gap(c, &r);
		return 0;
	}
	if (json_span_is(r.type, "note"))
		return take_note(c, &r, fault);
	if (!json_span_is(r.type, "frame") || r.message.text.p == NULL)
		return fault_set(fault, EX_DATAERR,
		    "this is no frame, gap or note: --raw writes those");
	if (rpc_parse(&m, r.message.text.p, r.message.text.len) == -1)
		return rpc_fault(&m, fault);
	if (m.kind == RPC_NOTIFICATION)
		return intake_notification(c, NULL, &m, fault);
	return m.kind == RPC_RESULT ? take_reply(c, &r, &m, fault) : 0;
}

static void replay_item(struct collector *c, const struct ndjson_item *item)
{
	struct json_span line = {item->p, item->len};
	struct fault fault;

	if (item->what == NDJSON_LINE && replay_line(c, line, &fault) == 0)
		return;
	if (item->what == NDJSON_TOO_LONG)
		fault_set(&fault, EX_DATAERR, "longer than %zu MiB",
		    RECORDED_MAX >> 20);
	if (item->what == NDJSON_TORN)
		fault_set(&fault, EX_DATAERR, "the last line is not whole");
	if (c->bad_lines++ < REPLAY_SAID_MAX)
		log_warn("%s, line %" PRIu64 ": %s", c->from_name, item->line,
		    fault.text);
}

int frames_result(const struct collector *c, struct fault *fault)
{
	if (c->bad_lines == 0)
		return 0;
	return fault_set(fault, EX_DATAERR, "%s: %" PRIu64 " line%s left out",
	    c->from_name, c->bad_lines, c->bad_lines == 1 ? " was" : "s were");
}

static void end_of_recording(struct collector *c)
{
	loop_watch_remove(c->loop, &c->from_watch);
	collector_stop(c);
}

static void failed(struct collector *c)
{
	fault_errno(&c->why, EX_IOERR, "%s", c->from_name);
	end_of_recording(c);
}

/* A pipe or a terminal is waited for by poll(2), so that signals are heard; a
 * file is always there.  A slow reader: the tick comes back to it. */
static void wait_for_more(struct collector *c, bool full)
{
	c->from_watch.events = !full && c->from_polled ? POLLIN : 0;
	c->from_watch.ready = !full && !c->from_polled;
}

static bool is_full(const struct collector *c)
{
	size_t half = c->out->cap / 2;

	return c->out->queued >
	       (half < REPLAY_QUEUE_MAX ? half : REPLAY_QUEUE_MAX);
}

static void on_recording(void *arg, short revents)
{
	struct collector *c = arg;
	/* Only what poll(2) says is there is read from a pipe. */
	bool may_read = !c->from_polled || revents != 0;
	struct ndjson_item item;
	unsigned n = 0;
	int r;

	wait_for_more(c, true);
	while (
	    n < REPLAY_TURN && !intake_full(c) && !c->stopping && !is_full(c)) {
		if (ndjson_next(&c->from, &item) == 1) {
			replay_item(c, &item);
			n++;
			continue;
		}
		if (c->from.eof) {
			end_of_recording(c);
			return;
		}
		if (!may_read)
			break;
		may_read = !c->from_polled;
		r = ndjson_read(&c->from);
		if (r == -1 && errno != EAGAIN) {
			failed(c);
			return;
		}
		if (r == -1)
			break;
	}
	wait_for_more(c, is_full(c));
	/* Lines that are read already wake no poll(2). */
	c->from_watch.ready |= n == REPLAY_TURN && !is_full(c);
}

void frames_tick(struct collector *c)
{
	if (c->from_name == NULL || is_full(c))
		return;
	wait_for_more(c, false);
	c->from_watch.ready = true;
}

void collector_from(struct collector *c, int fd, const char *name)
{
	struct stat st;

	c->from_name = name;
	c->from_polled = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) &&
	                 !S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode);
	ndjson_init(&c->from, fd, RECORDED_MAX);
	c->from_watch = (struct loop_watch){
	    .fd = fd, .call = on_recording, .arg = c};
	wait_for_more(c, false);
	loop_watch_add(c->loop, &c->from_watch);
}
