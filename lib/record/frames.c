/* Frames as they came, and a recording of them in place of the exchange: what
 * was made of them once can be made again. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "record/collect.h"

#define REPLAYED "trades.any.any.100ms"
#define RECORDED_MAX ((size_t)32 << 20)
#define REPLAY_SAID_MAX 5
#define REPLAY_TURN 256 /* lines, before the output has its turn */
#define REPLAY_QUEUE_MAX ((size_t)4 << 20)

static void write_frame(struct collector *c, struct source *s, unsigned number,
    const char *text, size_t len)
{
	struct json_span message = {text, len};
	struct buf *b = &c->record;

	buf_clear(b);
	if (buf_addf(b,
		"{\"type\":\"frame\",\"received_at\":%" PRId64
		",\"connection\":%u,\"message\":",
		intake_stamp(c), number) == -1 ||
	    record_compact(b, message) == -1 || buf_adds(b, "}\n") == -1)
		return;
	intake_line(c, s, buf_head(b), buf_used(b));
}

void intake_raw(struct collector *c, struct source *s, const struct feed *f,
    const char *text, size_t len)
{
	write_frame(c, s, f != NULL ? f->number : 0, text, len);
}

void intake_reply(struct collector *c, struct source *s, const struct rpc *m)
{
	if (c->options.raw && m != NULL && m->kind == RPC_RESULT)
		write_frame(c, s, 0, m->text, m->len);
}

/* --------------------------------------------------------------- replayed */

struct recorded {
	struct json_value message;
	struct json_span type, instrument;
	int64_t received_us, from_seq, to_seq;
};

static int64_t number(const struct json_value *v)
{
	int64_t n;

	return v->type == JSON_NUMBER &&
	               num_int64(v->text.p, v->text.len, &n) == NUM_OK
	           ? n
	           : -1;
}

static int read_line(struct json_span line, struct recorded *out)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int r;

	memset(out, 0, sizeof(*out));
	out->from_seq = out->to_seq = -1;
	json_init(&j, line.p, line.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		if (json_span_is(key, "message"))
			out->message = v;
		else if (json_span_is(key, "received_at"))
			out->received_us = number(&v);
		else if (json_span_is(key, "from_seq"))
			out->from_seq = number(&v);
		else if (json_span_is(key, "to_seq"))
			out->to_seq = number(&v);
		else if (v.type == JSON_STRING && json_span_is(key, "type"))
			out->type = json_inside(v.text);
		else if (v.type == JSON_STRING &&
			 json_span_is(key, "instrument_name"))
			out->instrument = json_inside(v.text);
	}
	return r == -1 ? -1 : json_end(&j);
}

/* A reply with trades was a repair, one with a book was asked for. */
static int take_reply(
    struct collector *c, const struct rpc *m, struct fault *fault)
{
	struct source *s;
	struct instrument *i;
	struct json_value v;
	struct json rows;
	struct datum d;
	bool more;

	if (!trades_rows(m, &rows, &more)) {
		s = source_get(c, "get_order_book", 14, fault);
		if (s == NULL)
			return -1;
		s->wanted = true;
		depth_take(c, s, m->result);
		return 0;
	}
	s = source_get(c, REPLAYED, strlen(REPLAYED), fault);
	if (s == NULL)
		return -1;
	while (json_array_next(&rows) == 1 && json_value(&rows, &v) == 0) {
		datum_look(&d, v);
		if (d.seq == 0 || intake_instrument(c, s, &d, &i, fault) != 1 ||
		    i == NULL || i->tape.tail == NULL ||
		    d.seq > i->tape.tail->seq)
			continue;
		trades_take(c, s, i, &d, true);
	}
	return 0;
}

/* The hole that was given up then is given up now. */
static void take_gap(struct collector *c, const struct recorded *r)
{
	struct instrument *i = table_find(
	    &c->instruments, r->instrument.p, r->instrument.len);

	if (i != NULL && i->trades != NULL && r->from_seq > 0 &&
	    i->tape.next == r->from_seq)
		trades_skip(i);
}

static int replay_line(
    struct collector *c, const char *line, size_t len, struct fault *fault)
{
	struct json_span text = {line, len};
	struct recorded r;
	struct rpc m;

	if (read_line(text, &r) == -1)
		return fault_set(fault, EX_DATAERR, "this is no record");
	if (json_span_is(r.type, "gap")) {
		take_gap(c, &r);
		intake_line(c, NULL, line, len);
		return 0;
	}
	if (!json_span_is(r.type, "frame") || r.message.text.p == NULL)
		return fault_set(fault, EX_DATAERR,
		    "this is neither a frame nor a gap: --raw writes those");
	c->replay_us = r.received_us > 0 ? r.received_us : 1;
	if (rpc_parse(&m, r.message.text.p, r.message.text.len) == -1)
		return rpc_fault(&m, fault);
	if (m.kind == RPC_NOTIFICATION)
		return intake_notification(c, NULL, &m, fault);
	return m.kind == RPC_RESULT ? take_reply(c, &m, fault) : 0;
}

static void replay_item(struct collector *c, const struct ndjson_item *item)
{
	struct fault fault;

	if (item->what == NDJSON_LINE &&
	    replay_line(c, item->p, item->len, &fault) == 0)
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

static void end_of_recording(struct collector *c)
{
	struct fault fault;

	loop_watch_remove(c->loop, &c->from_watch);
	collector_stop(c);
	if (c->bad_lines == 0)
		return;
	fault_set(&fault, EX_DATAERR, "%s: %" PRIu64 " lines were left out",
	    c->from_name, c->bad_lines);
	c->why = fault;
}

static void on_recording(void *arg, short revents)
{
	struct collector *c = arg;
	struct ndjson_item item;
	unsigned n = 0;
	int r;

	(void)revents;
	/* A slow reader: the tick comes back to it. */
	c->from_watch.events = 0;
	c->from_watch.ready = false;
	if (c->out->queued > REPLAY_QUEUE_MAX)
		return;
	while (n++ < REPLAY_TURN && !intake_full(c)) {
		if (ndjson_next(&c->from, &item) == 1) {
			replay_item(c, &item);
			continue;
		}
		r = c->from.eof ? 0 : ndjson_read(&c->from);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			log_warn("%s: %s", c->from_name, strerror(errno));
		if (r != 1 && ndjson_next(&c->from, &item) == 1)
			replay_item(c, &item);
		if (r != 1) {
			end_of_recording(c);
			return;
		}
	}
	c->from_watch.ready = true;
}

void frames_tick(struct collector *c)
{
	if (c->from_name != NULL && !c->stopping)
		c->from_watch.ready = true;
}

void collector_from(struct collector *c, int fd, const char *name)
{
	c->from_name = name;
	ndjson_init(&c->from, fd, RECORDED_MAX);
	c->from_watch = (struct loop_watch){
	    .fd = fd, .ready = true, .call = on_recording, .arg = c};
	loop_watch_add(c->loop, &c->from_watch);
}
