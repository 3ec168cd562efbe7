/* What stands in the output queue: room for a record, the user's filter, what
 * does not fit, and the gaps. */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "collect/collect.h"

/* How often a filter's failure is said. */
#define JQ_SAID_MAX 5
/* A recording that waits for room looks for it so often, without a pipe. */
#define ROOM_MS 200

int64_t intake_stamp(struct collector *c)
{
	int64_t us = c->replay_us > 0 ? c->replay_us : clock_wall_us();

	if (us <= c->last_us)
		us = c->last_us + 1;
	c->last_us = us;
	return us;
}

bool intake_full(const struct collector *c)
{
	return c->options.count > 0 && c->records >= (uint64_t)c->options.count;
}

/* ------------------------------------------------------------ to the queue */

/* Now, on the clock of the stamps, which never goes back. */
static int64_t stamp_ms(const struct collector *c)
{
	int64_t us = clock_wall_us();

	return (us > c->last_us ? us : c->last_us) / 1000;
}

/* The queue is full: what comes is counted until half of it is written. */
void queue_overflow(struct collector *c, struct source *s)
{
	int64_t at_ms = stamp_ms(c);
	struct record_gap *what = &s->overflow.what;

	if (!c->overflowing)
		log_warn("%s: the queue of %zu bytes is full; what is dropped "
			 "becomes gap records",
		    c->waits_for_room ? "the spool has no room"
				      : "the reader of the output is too slow",
		    c->out->cap);
	c->overflowing = true;
	c->dropped++;
	if (what->dropped++ == 0)
		what->from_ms = at_ms;
	what->to_ms = at_ms;
}

/* A recording, of which one line may become many records, waits for those who
 * take them; but not when it is stopped by a signal. */
static void wait_for_room(struct collector *c, size_t n)
{
	struct pollfd p = {.fd = c->out->fd, .events = POLLOUT};
	struct out *o = c->out;
	struct fault fault;

	if (c->from_name == NULL || n > o->cap)
		return;
	while (!c->ended && o->queued > o->cap - n &&
	       (c->stopped_ms == 0 || c->from.eof)) {
		if (out_flush(o, &fault) == -1)
			collector_end(c, &fault);
		else if (o->queued > o->cap - n && poll(&p, 1, ROOM_MS) == -1)
			return;
	}
}

/* Room for a record in the queue, or NULL and the record is counted as lost. */
char *queue_room(struct collector *c, struct source *s, size_t n)
{
	char *p = NULL;
	struct fault fault;

	wait_for_room(c, n);
	if (!c->overflowing)
		p = out_reserve(c->out, n);
	if (p == NULL && !c->overflowing && !c->blocked &&
	    out_flush(c->out, &fault) == 0)
		p = out_reserve(c->out, n);
	if (p == NULL)
		queue_overflow(c, s);
	return p;
}

static int add_filtered(void *arg, const char *json, size_t len)
{
	struct collector *c = arg;

	if (buf_add(&c->outputs, json, len) == -1 ||
	    buf_addc(&c->outputs, '\n') == -1)
		return -1;
	c->outputs_n++;
	return 0;
}

/* No more than was asked for. */
static size_t count_lines(const struct collector *c, uint64_t *n)
{
	const char *p = buf_head(&c->outputs);
	uint64_t left = (uint64_t)c->options.count - c->records;
	const char *at = p;

	*n = c->outputs_n;
	if (c->options.count == 0 || *n <= left)
		return buf_used(&c->outputs);
	for (*n = 0; *n < left; ++*n)
		at += strcspn(at, "\n") + 1;
	return (size_t)(at - p);
}

static void say_failed(struct collector *c, const char *why, size_t len)
{
	if (c->jq_failed++ < JQ_SAID_MAX)
		log_warn("--jq: %s; the record is left out: %.*s", why,
		    (int)(len < 200 ? len - 1 : 200), buf_head(&c->record));
}

/* What the user's filter makes of a record, all of it or nothing.  -1: it does
 * not fit into the queue now. */
static int filter(struct collector *c, const char *record, size_t len)
{
	static const char too_much[] = "it makes too much of a record";
	struct fault fault = {0};
	uint64_t n;
	size_t size;

	buf_clear(&c->record);
	buf_clear(&c->outputs);
	c->outputs_n = 0;
	if (buf_add(&c->record, record, len) == -1)
		return -1;
	if (jq_map_text(c->jq, buf_head(&c->record), len, add_filtered, c,
		&fault) == -1)
		say_failed(
		    c, fault.text[0] != '\0' ? fault.text : too_much, len);
	size = count_lines(c, &n);
	if (size > c->out->cap) {
		say_failed(c, too_much, len);
		return 0;
	}
	wait_for_room(c, size);
	if (size > 0 && out_add(c->out, buf_head(&c->outputs), size) == -1)
		return -1;
	c->records += n;
	return 0;
}

int intake_line(
    struct collector *c, struct source *s, const char *line, size_t len)
{
	char *p;

	if (intake_full(c))
		return 0;
	if (c->jq != NULL)
		return filter(c, line, len);
	if (s == NULL)
		wait_for_room(c, len);
	p = s != NULL ? queue_room(c, s, len) : out_reserve(c->out, len);
	if (p == NULL)
		return -1;
	memcpy(p, line, len);
	out_commit(c->out, len);
	c->records++;
	return 0;
}

/* A record stands in the room that was made for it. */
void queue_commit(
    struct collector *c, struct source *s, const char *p, size_t n)
{
	if (c->jq == NULL) {
		out_commit(c->out, n);
		c->records++;
	} else if (filter(c, p, n) == -1) {
		queue_overflow(c, s);
	}
}

/* ------------------------------------------------------------------- gaps */

static bool write_gap(struct collector *c, const struct record_gap *what)
{
	buf_clear(&c->line);
	if (record_gap(&c->line, what, intake_stamp(c)) == -1)
		return false;
	if (c->jq != NULL) {
		if (filter(c, buf_head(&c->line), buf_used(&c->line)) == -1)
			return false;
	} else {
		if (out_add(c->out, buf_head(&c->line), buf_used(&c->line)) ==
		    -1)
			return false;
		c->records++;
	}
	c->gap_records++;
	return true;
}

/* There is room again: what was dropped meanwhile can be told. */
static void end_overflow(struct collector *c)
{
	bool trades = c->notes_missing;
	size_t i;

	c->overflowing = c->notes_missing = false;
	log_info("the queue has room again");
	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];
		struct record_gap *what = &s->overflow.what;

		if (what->dropped == 0)
			continue;
		gaps_add(
		    &c->gaps, &s->overflow, what->from_ms, what->to_ms, -1, -1);
		trades |= s->channel.id == CHANNEL_TRADES;
		if (s->channel.id == CHANNEL_BOOK_CHANGE)
			changes_dropped(c, s);
	}
	if (trades)
		frames_known_all(c);
}

void intake_gaps(struct collector *c)
{
	struct gap *gap;

	if (c->overflowing && c->out->queued <= c->out->cap / 2)
		end_overflow(c);
	while ((gap = gaps_first(&c->gaps)) != NULL && !intake_full(c)) {
		struct record_gap *what = &gap->what;

		if (what->from_seq <= what->to_seq && !write_gap(c, what))
			return;
		gaps_shift(&c->gaps);
		if (what->dropped > 0)
			what->dropped = 0;
	}
}
