/*
 * What outlives the process: the state file, which says up to which trade
 * everything was written and which channels were being heard, and the metrics
 * file.  The state is saved when what it speaks of has been written: it never
 * claims more than the reader of the output has.
 */
#include <inttypes.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "io/replace.h"
#include "record/collect.h"

#define STATE_MAX ((size_t)64 << 20)
#define FILE_MODE 0640
/* Of what the state names and nothing follows any more. */
#define STALE_MS 600000

/* ---------------------------------------------------------------- reading */

struct state_line {
	struct json_span channel, instrument;
	int64_t seq, saved_us;
};

static int read_line(struct json_span line, struct state_line *out)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int r;

	memset(out, 0, sizeof(*out));
	json_init(&j, line.p, line.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		if (v.type == JSON_STRING && json_span_is(key, "channel"))
			out->channel = json_inside(v.text);
		if (v.type == JSON_STRING &&
		    json_span_is(key, "instrument_name"))
			out->instrument = json_inside(v.text);
		if (v.type == JSON_NUMBER && json_span_is(key, "trade_seq") &&
		    num_int64(v.text.p, v.text.len, &out->seq) != NUM_OK)
			return -1;
		if (v.type == JSON_NUMBER && json_span_is(key, "saved_at") &&
		    num_int64(v.text.p, v.text.len, &out->saved_us) != NUM_OK)
			return -1;
	}
	return r == -1 ? -1 : json_end(&j);
}

static int take_line(
    struct collector *c, const struct state_line *l, struct fault *fault)
{
	struct instrument *i;
	struct source *s;

	if (l->saved_us > 0)
		c->saved_ms = l->saved_us / 1000;
	if (l->channel.p != NULL) {
		s = table_find(&c->channels, l->channel.p, l->channel.len);
		if (s != NULL && s->carried && c->saved_ms > 0) {
			s->lost_ms = c->saved_ms;
			s->reason = "disconnect";
		}
	}
	if (l->instrument.p == NULL)
		return 0;
	if (l->seq < 0 || l->seq > INT64_MAX / 2)
		return fault_set(fault, EX_DATAERR, "no trade_seq");
	i = instrument_get(c, l->instrument, fault);
	if (i == NULL)
		return -1;
	tape_begin(&i->tape, l->seq + 1);
	if (!i->followed) {
		i->ends = END_ABSENT;
		i->over_ms = collector_now_ms() + STALE_MS;
	}
	return 0;
}

static int read_all(const char *path, struct buf *b, struct fault *fault)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return fault_errno(fault, EX_NOINPUT, "%s", path);
	while (n > 0) {
		if (buf_reserve(b, 65536) == -1) {
			fault_set(fault, EX_DATAERR,
			    "%s: is larger than %zu MiB", path,
			    STATE_MAX >> 20);
			close(fd);
			return -1;
		}
		n = read(fd, b->data + b->len, b->size - b->len);
		if (n > 0)
			b->len += (size_t)n;
	}
	if (n == -1)
		fault_errno(fault, EX_IOERR, "%s", path);
	close(fd);
	return n == -1 ? -1 : 0;
}

int keep_read(struct collector *c, struct fault *fault)
{
	const char *path = c->options.state, *p, *end, *stop;
	struct state_line l;
	size_t number = 0;
	struct buf b;
	int r;

	if (path == NULL)
		return 0;
	buf_init(&b, STATE_MAX);
	r = read_all(path, &b, fault);
	p = buf_head(&b);
	stop = p + buf_used(&b);
	for (; r == 0 && buf_used(&b) > 0 && p < stop; p = end + 1) {
		number++;
		end = memchr(p, '\n', (size_t)(stop - p));
		if (end == NULL ||
		    read_line((struct json_span){p, (size_t)(end - p)}, &l) ==
			-1)
			r = fault_set(fault, EX_DATAERR,
			    "%s, line %zu: this is no state; remove the file "
			    "to begin without",
			    path, number);
		else if (take_line(c, &l, fault) == -1)
			r = fault_prefix(fault, "%s, line %zu", path, number);
		if (end == NULL)
			break;
	}
	buf_free(&b);
	return r;
}

/* ----------------------------------------------------------------- saving */

static int add_sources(struct collector *c, struct buf *b)
{
	size_t i;

	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (!s->carried || !s->wanted ||
		    (s->live == 0 && s->lost_ms == 0))
			continue;
		if (buf_adds(b, "{\"channel\":") == -1 ||
		    json_encode(b, s->name, s->len) == -1 ||
		    buf_adds(b, "}\n") == -1)
			return -1;
	}
	return 0;
}

static int add_instruments(struct collector *c, struct buf *b)
{
	size_t i;

	for (i = 0; i < c->n_instruments; i++) {
		struct instrument *in = c->instrument[i];

		if (in->tape.next == 0 || in->before)
			continue;
		if (buf_adds(b, "{\"instrument_name\":") == -1 ||
		    json_encode(b, in->name, strlen(in->name)) == -1 ||
		    buf_addf(b, ",\"trade_seq\":%" PRId64 "}\n",
			in->tape.next - 1) == -1)
			return -1;
	}
	return 0;
}

/* A channel that is lost, or a market whose hole is being filled, was whole
 * until then. */
static int64_t whole_until_ms(const struct collector *c)
{
	int64_t ms = collector_wall_ms();
	size_t i;

	for (i = 0; i < c->sources; i++) {
		const struct source *s = c->source[i];
		int64_t lost_ms = s->lost_ms;

		if (s->sweep != NULL && sweep_runs(s->sweep))
			lost_ms = sweep_lost_ms(s->sweep);
		if (lost_ms != 0 && s->sweep != NULL && lost_ms < ms)
			ms = lost_ms;
	}
	return ms;
}

static int state_text(struct collector *c, struct buf *b)
{
	buf_clear(b);
	if (buf_addf(b, "{\"saved_at\":%" PRId64 "}\n",
		whole_until_ms(c) * 1000) == -1 ||
	    add_sources(c, b) == -1)
		return -1;
	return add_instruments(c, b);
}

static void save(struct collector *c)
{
	struct fault fault;

	if (replace_file(c->options.state, buf_head(&c->state),
		buf_used(&c->state), FILE_MODE, &fault) == -1) {
		if (!c->state_failed)
			log_warn("the state is not saved: %s", fault.text);
		c->state_failed = true;
	} else {
		c->state_failed = false;
	}
}

static void tick_state(struct collector *c, int64_t now_ms)
{
	if (c->state_waits && c->out->written >= c->state_mark) {
		c->state_waits = false;
		save(c);
	}
	if (c->state_waits || now_ms < c->state_due_ms)
		return;
	c->state_due_ms = now_ms + c->options.state_ms;
	if (state_text(c, &c->state) == -1)
		return;
	c->state_mark = c->out->written + c->out->queued;
	c->state_waits = true;
}

void keep_last(struct collector *c)
{
	if (c->options.state != NULL && !out_pending(c->out) && c->begun &&
	    state_text(c, &c->state) == 0)
		save(c);
	if (c->options.metrics != NULL)
		metrics_write(c);
}

void keep_tick(struct collector *c, int64_t now_ms)
{
	if (c->options.state != NULL && c->begun)
		tick_state(c, now_ms);
	if (c->options.metrics != NULL && now_ms >= c->metrics_due_ms) {
		c->metrics_due_ms = now_ms + c->options.metrics_ms;
		metrics_write(c);
	}
	manager_tick(c, now_ms);
}

void keep_free(struct collector *c)
{
	buf_free(&c->state);
}
