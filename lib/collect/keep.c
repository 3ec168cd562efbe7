/*
 * What outlives the process: the state file, which says up to which trade of
 * each instrument everything was written and which channels were heard until
 * when.  It is saved when what it speaks of has been written: it never claims
 * more than the output has.  What it does not claim the next run fetches, or
 * tells as a hole.
 *
 *	{"state":"deribit-ws-stream","saved_at":1795397091220317}
 *	{"channel":"quote.ETH-25DEC26-4000-C"}
 *	{"channel":"trades.option.ETH.100ms","until":1795397089110000,
 *	 "audited":1795396990000}
 *	{"instrument_name":"ETH-25DEC26-4000-C","trade_seq":11752}
 *	{"end":true}
 *
 * (each in a line).  Times are microseconds by our clock, of the audit
 * milliseconds by the exchange's; until stands where a channel was whole only
 * until then.  A file without its last line is torn.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "io/replace.h"
#include "collect/collect.h"
#include "collect/sweep.h"

#define STATE_MAX ((size_t)64 << 20)
#define FILE_MODE 0640
#define WHOSE "deribit-ws-stream"
/* Of what the state names and nothing follows any more. */
#define STALE_MS 600000
/* A clock that was set back by more is wrong, or was. */
#define FUTURE_MAX_MS 60000
/* Before it is saved for the sake of a channel that is new. */
#define SOON_MS 1000
/* What is held may be seen to be so late: a tick, and some. */
#define SEEN_MS 200

/* ---------------------------------------------------------------- reading */

struct state_line {
	struct json_span whose, channel, instrument;
	int64_t seq, saved_us, until_us, audited_ms; /* negative: not there */
	bool end;
};

struct reading {
	struct collector *c;
	int64_t now_ms, saved_ms;
	size_t lines, channels, carried;
	bool ended;
	struct buf name;
};

static int64_t number_of(const struct json_value *v)
{
	int64_t n;

	if (v->type != JSON_NUMBER ||
	    num_int64(v->text.p, v->text.len, &n) != NUM_OK ||
	    n > INT64_MAX / 2)
		return -1;
	return n;
}

static void take_member(
    struct state_line *l, struct json_span key, const struct json_value *v)
{
	struct json_span none = {NULL, 0};
	struct json_span inside = v->type == JSON_STRING ? json_inside(v->text)
	                                                 : none;

	if (json_span_is(key, "state"))
		l->whose = inside;
	else if (json_span_is(key, "channel"))
		l->channel = inside;
	else if (json_span_is(key, "instrument_name"))
		l->instrument = inside;
	else if (json_span_is(key, "trade_seq"))
		l->seq = number_of(v);
	else if (json_span_is(key, "saved_at"))
		l->saved_us = number_of(v);
	else if (json_span_is(key, "until"))
		l->until_us = number_of(v);
	else if (json_span_is(key, "audited"))
		l->audited_ms = number_of(v);
	else if (json_span_is(key, "end"))
		l->end = v->type == JSON_TRUE;
}

static int read_line(struct json_span line, struct state_line *out)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int r;

	memset(out, 0, sizeof(*out));
	out->seq = out->saved_us = out->until_us = out->audited_ms = -1;
	json_init(&j, line.p, line.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		take_member(out, key, &v);
	}
	return r == -1 ? -1 : json_end(&j);
}

static int no_state(struct fault *fault)
{
	return fault_set(fault, EX_DATAERR,
	    "this is no state of " WHOSE "; remove the file to begin without");
}

static int take_first(
    struct reading *r, const struct state_line *l, struct fault *fault)
{
	if (l->whose.p == NULL || !json_span_is(l->whose, WHOSE) ||
	    l->saved_us <= 0)
		return no_state(fault);
	r->saved_ms = l->saved_us / 1000;
	if (r->saved_ms > r->now_ms + FUTURE_MAX_MS)
		return fault_set(fault, EX_DATAERR,
		    "saved %" PRId64 " s in the future: the clock is wrong, or "
		    "was; remove the file to begin without",
		    (r->saved_ms - r->now_ms) / 1000);
	return 0;
}

/* What the last run heard and this one does not: an instrument that is over,
 * or what is no longer asked for.  Its hole is told, of trades filled. */
static int take_former(
    struct reading *r, struct source **out, struct fault *fault)
{
	struct source *s = source_get(
	    r->c, buf_head(&r->name), buf_used(&r->name), fault);

	*out = s;
	if (s == NULL) {
		fault->exit_code = EX_DATAERR;
		return -1;
	}
	s->wanted = true;
	r->c->former = true;
	if (!s->gone) {
		s->gone = true;
		r->c->n_gone++;
	}
	return 0;
}

static int take_channel(
    struct reading *r, const struct state_line *l, struct fault *fault)
{
	int64_t until_ms = l->until_us > 0 ? l->until_us / 1000 : r->saved_ms;
	struct source *s;

	buf_clear(&r->name);
	if (json_decode(l->channel, &r->name) == -1 ||
	    buf_used(&r->name) == 0 ||
	    memchr(buf_head(&r->name), '\0', buf_used(&r->name)) != NULL)
		return no_state(fault);
	r->channels++;
	s = table_find(&r->c->channels, buf_head(&r->name), buf_used(&r->name));
	if (s != NULL && s->carried) {
		r->carried++;
		if (!s->wanted)
			return 0;
	} else if (take_former(r, &s, fault) == -1) {
		return -1;
	}
	s->lost_ms = until_ms < r->now_ms ? until_ms : r->now_ms;
	s->audited_ms = l->audited_ms > 0 ? l->audited_ms : 0;
	s->reason = "disconnect";
	return 0;
}

/* Whether a channel that is asked for may bring a trade of it. */
static bool may_trade(const struct collector *c, const struct instrument *i)
{
	size_t n;

	if (i->followed || c->n_followed > 0)
		return i->followed;
	for (n = 0; n < c->sources; n++) {
		const struct source *s = c->source[n];

		if (s->carried && s->channel.id == CHANNEL_TRADES &&
		    (s->instrument == NULL ||
			strcmp(s->instrument, i->name) == 0))
			return true;
	}
	return false;
}

static int take_instrument(
    struct reading *r, const struct state_line *l, struct fault *fault)
{
	struct instrument *i;

	if (l->seq < 0 || l->instrument.len == 0 ||
	    memchr(l->instrument.p, '\\', l->instrument.len) != NULL)
		return no_state(fault);
	i = instrument_get(r->c, l->instrument, fault);
	if (i == NULL) {
		fault->exit_code = EX_DATAERR;
		return -1;
	}
	tape_begin(&i->tape, l->seq + 1);
	if (!may_trade(r->c, i)) {
		i->ends = END_ABSENT;
		i->over_ms = collector_now_ms() + STALE_MS;
	}
	return 0;
}

static int take_line(
    struct reading *r, struct json_span line, struct fault *fault)
{
	struct state_line l;

	if (r->ended || read_line(line, &l) == -1)
		return no_state(fault);
	if (r->lines == 1)
		return take_first(r, &l, fault);
	if (l.channel.p != NULL)
		return take_channel(r, &l, fault);
	if (l.instrument.p != NULL)
		return take_instrument(r, &l, fault);
	if (!l.end)
		return no_state(fault);
	r->ended = true;
	return 0;
}

static int take_lines(struct reading *r, struct buf *b, struct fault *fault)
{
	const char *path = r->c->options.state;
	const char *p = buf_head(b), *stop = p + buf_used(b), *end;

	for (; p < stop; p = end + 1) {
		r->lines++;
		end = memchr(p, '\n', (size_t)(stop - p));
		if (end == NULL)
			break;
		if (take_line(r, (struct json_span){p, (size_t)(end - p)},
			fault) == -1)
			return fault_prefix(
			    fault, "%s, line %zu", path, r->lines);
	}
	if (!r->ended || p < stop)
		return fault_set(fault, EX_DATAERR,
		    "%s, line %zu: the state is not whole; remove the file to "
		    "begin without",
		    path, r->lines + (p >= stop));
	if (r->channels > 0 && r->carried == 0)
		return fault_set(fault, EX_DATAERR,
		    "%s is the state of other channels: none of its %zu is "
		    "wanted now; name another file",
		    path, r->channels);
	return 0;
}

/* 1: it was read; 0: there is none; -1. */
static int read_all(const char *path, struct buf *b, struct fault *fault)
{
	/* A pipe without a writer must not make us wait. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = 1;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		return fault_errno(fault, EX_NOINPUT, "%s", path);
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return fault_set(
		    fault, EX_NOINPUT, "%s is not a regular file", path);
	}
	while (n > 0) {
		if (buf_reserve(b, 65536) == -1) {
			close(fd);
			return fault_set(fault, EX_DATAERR,
			    "%s: is larger than %zu MiB", path,
			    STATE_MAX >> 20);
		}
		do
			n = read(fd, b->data + b->len, b->size - b->len);
		while (n == -1 && errno == EINTR);
		if (n > 0)
			b->len += (size_t)n;
	}
	if (n == -1)
		fault_errno(fault, EX_IOERR, "%s", path);
	close(fd);
	return n == -1 ? -1 : 1;
}

int keep_check(const struct collector_options *o, struct fault *fault)
{
	if (o->state != NULL && replace_check(o->state, fault) == -1)
		return -1;
	return o->metrics != NULL ? replace_check(o->metrics, fault) : 0;
}

int keep_read(struct collector *c, struct fault *fault)
{
	struct reading r = {.c = c, .now_ms = collector_wall_ms()};
	struct buf b;
	int result;

	if (c->options.state == NULL)
		return 0;
	buf_init(&b, STATE_MAX);
	buf_init(&r.name, CHANNEL_LEN_MAX);
	result = read_all(c->options.state, &b, fault);
	if (result == 1) {
		result = take_lines(&r, &b, fault);
		c->state_there = result == 0;
	}
	buf_free(&r.name);
	buf_free(&b);
	return result;
}

/* The exchange can be asked: what former channels missed. */
static void fill_former(struct collector *c)
{
	int64_t wall_ms = collector_wall_ms();
	size_t i;

	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (!s->gone || s->carried || s->lost_ms == 0)
			continue;
		if (s->channel.id == CHANNEL_TRADES && s->sweep == NULL)
			s->sweep = sweep_new(c, s);
		if (s->sweep != NULL)
			sweep_begin(s->sweep, s->lost_ms);
		else
			feeds_hole(c, s, wall_ms, false);
		s->lost_ms = 0;
	}
}

/* ----------------------------------------------------------------- saving */

bool keep_carries(const struct collector *c)
{
	return c->options.state != NULL && c->state_there;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return b_ms != 0 && b_ms < a_ms ? b_ms : a_ms;
}

/* How long something may have been held by the merging of two feeds. */
static int64_t merged_ms(const struct source *s)
{
	int64_t now_ms = collector_now_ms();

	return (s->merge_ms != 0 ? now_ms - s->merge_ms : 0) + SEEN_MS;
}

/* Until when all of a channel is in the output, or in a gap record there. */
static int64_t whole_until_ms(
    const struct collector *c, const struct source *s, int64_t wall_ms)
{
	int64_t ms = earlier(wall_ms, s->lost_ms);
	const struct instrument *i;

	if (s->sweep != NULL && sweep_runs(s->sweep))
		ms = earlier(ms, sweep_lost_ms(s->sweep));
	if (s->cut.waits)
		ms = earlier(ms, s->cut.what.from_ms);
	if (s->overflow.what.dropped > 0)
		ms = earlier(ms, s->overflow.what.from_ms);
	if (s->merge != NULL && merge_waiting(s->merge))
		ms = earlier(ms, wall_ms - merged_ms(s));
	for (i = s->sweep != NULL ? c->holes : NULL; i != NULL;
	     i = i->next_hole)
		if (i->trades == s && i->tape.held != NULL)
			ms = earlier(ms, i->tape.held->times.came_ms);
	return ms;
}

static bool is_kept(const struct source *s)
{
	if (!s->wanted)
		return false;
	if (s->carried)
		return s->begun || s->lost_ms != 0;
	return s->gone && (s->lost_ms != 0 || s->cut.waits ||
			      (s->sweep != NULL && sweep_runs(s->sweep)));
}

static int add_source(
    struct collector *c, const struct source *s, int64_t wall_ms, struct buf *b)
{
	int64_t until_ms = whole_until_ms(c, s, wall_ms);

	if (buf_adds(b, "{\"channel\":") == -1 ||
	    json_encode(b, s->name, s->len) == -1 ||
	    (until_ms < wall_ms &&
		buf_addf(b, ",\"until\":%" PRId64, until_ms * 1000) == -1))
		return -1;
	if (s->sweep != NULL && sweep_audited_ms(s->sweep) != 0 &&
	    buf_addf(b, ",\"audited\":%" PRId64, sweep_audited_ms(s->sweep)) ==
		-1)
		return -1;
	return buf_adds(b, "}\n");
}

static int add_instruments(struct collector *c, struct buf *b)
{
	size_t i;

	for (i = 0; i < c->n_instruments; i++) {
		struct instrument *in = c->instrument[i];

		if (in->tape.next == 0 || in->before || !in->named)
			continue;
		if (buf_addf(b,
			"{\"instrument_name\":\"%s\",\"trade_seq\":%" PRId64
			"}\n",
			in->name, in->tape.next - 1) == -1)
			return -1;
	}
	return 0;
}

/* 1; 0: there is nothing to keep yet; -1: no memory. */
static int state_text(struct collector *c, struct buf *b)
{
	/* Nothing was heard after the end, however long it took to write. */
	int64_t wall_ms = c->stopping ? c->stopped_ms : collector_wall_ms();
	size_t i, n = 0;

	buf_clear(b);
	if (buf_addf(b, "{\"state\":\"" WHOSE "\",\"saved_at\":%" PRId64 "}\n",
		wall_ms * 1000) == -1)
		return -1;
	for (i = 0; i < c->sources; i++) {
		if (!is_kept(c->source[i]))
			continue;
		if (add_source(c, c->source[i], wall_ms, b) == -1)
			return -1;
		n++;
	}
	if (n == 0)
		return 0;
	if (add_instruments(c, b) == -1 ||
	    buf_adds(b, "{\"end\":true}\n") == -1)
		return -1;
	return 1;
}

/* The state must not be on the disk before what it speaks of. */
static int sync_output(struct collector *c, struct fault *fault)
{
	struct spool *s = c->options.spool;

	return s != NULL ? spool_sync(s, collector_now_ms(), fault) : 0;
}

static void save(struct collector *c)
{
	struct fault fault;

	/* What could not be synced is lost, and the next sync would not say so.
	 */
	if (sync_output(c, &fault) == -1) {
		collector_end(c, &fault);
		return;
	}
	if (replace_file(c->options.state, buf_head(&c->state),
		buf_used(&c->state), FILE_MODE, &fault) == -1) {
		if (!c->state_failed)
			log_warn("the state is not saved: %s", fault.text);
		c->state_failed = true;
		return;
	}
	if (c->state_failed)
		log_info("the state is saved again");
	c->state_failed = false;
	c->state_there = true;
}

static void tick_state(struct collector *c, int64_t now_ms)
{
	if (c->state_waits && c->out->written >= c->state_mark) {
		c->state_waits = false;
		save(c);
	}
	/* A channel that the file does not name would leave no hole. */
	if (c->state_lacks && c->state_due_ms > c->state_made_ms + SOON_MS)
		c->state_due_ms = c->state_made_ms + SOON_MS;
	if (c->state_waits || now_ms < c->state_due_ms)
		return;
	/* What was dropped is neither written nor told yet. */
	if (c->overflowing || gaps_first(&c->gaps) != NULL)
		return;
	c->state_due_ms = now_ms + c->options.state_ms;
	c->state_made_ms = now_ms;
	c->state_lacks = false;
	if (state_text(c, &c->state) != 1)
		return;
	c->state_mark = c->out->written + c->out->queued;
	c->state_waits = true;
}

void keep_last(struct collector *c)
{
	if (c->options.state != NULL && !out_pending(c->out) &&
	    c->from_name == NULL && state_text(c, &c->state) == 1)
		save(c);
	if (c->options.metrics != NULL)
		metrics_write(c);
}

void keep_tick(struct collector *c, int64_t now_ms)
{
	if (c->former && c->begun) {
		c->former = false;
		fill_former(c);
	}
	if (c->options.state != NULL)
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
