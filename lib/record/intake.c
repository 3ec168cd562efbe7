#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "record/collect.h"

/* Data beyond this are no quote: a book's snapshot, say. */
#define LONG_DATA 4096

/* What must be known of a datum before its record can begin. */
struct datum {
	struct json_value value;
	struct json_span instrument; /* between the quotes; p NULL: none */
	struct json_value seq;       /* trade_seq; only if has_seq */
	bool has_seq;
};

int64_t intake_stamp(struct collector *c)
{
	int64_t us = clock_wall_us();

	if (us <= c->last_us)
		us = c->last_us + 1;
	c->last_us = us;
	return us;
}

/* Now, on the clock of the stamps, which never goes back. */
static int64_t now_ms(const struct collector *c)
{
	int64_t us = clock_wall_us();

	return (us > c->last_us ? us : c->last_us) / 1000;
}

bool intake_full(const struct collector *c)
{
	return c->options.count > 0 && c->records >= (uint64_t)c->options.count;
}

/* The queue is full: what comes is counted until half of it is written. */
static void overflow(struct collector *c, struct source *s)
{
	int64_t at_ms = now_ms(c);
	struct record_gap *what = &s->overflow.what;

	if (!c->overflowing)
		log_warn("the reader of the output is too slow: the queue of "
			 "%zu bytes is full; what is dropped becomes gap "
			 "records",
		    c->out->cap);
	c->overflowing = true;
	c->dropped++;
	if (what->dropped++ == 0)
		what->from_ms = at_ms;
	what->to_ms = at_ms;
}

/* Room for a record in the queue, or NULL and the record is counted as lost. */
static char *room(struct collector *c, struct source *s, size_t n)
{
	char *p = NULL;
	struct fault fault;

	if (!c->overflowing)
		p = out_reserve(c->out, n);
	if (p == NULL && !c->overflowing && !c->blocked &&
	    out_flush(c->out, &fault) == 0)
		p = out_reserve(c->out, n);
	if (p == NULL)
		overflow(c, s);
	return p;
}

static void commit(struct collector *c, size_t n)
{
	out_commit(c->out, n);
	c->records++;
}

/* Data that are one object, of a channel that names the instrument: nearly all
 * messages.  The record is written while its JSON is checked. */
static int take_object(
    struct collector *c, struct source *s, struct rpc *m, struct fault *fault)
{
	char *p = room(c, s, record_bound(&s->head, m->len));
	struct json_value ignored;
	size_t n = 0;

	if (p != NULL)
		n = record_write(
		    &c->writer, &s->head, intake_stamp(c), &m->json, p);
	else if (json_value(&m->json, &ignored) == -1)
		return rpc_fault(m, fault);
	if (rpc_finish(m) == -1)
		return rpc_fault(m, fault);
	if (p != NULL)
		commit(c, n);
	return 0;
}

/* The members that say what a (valid) datum is of. */
static void look(struct datum *d)
{
	struct json_value v;
	struct json_span key;
	struct json j;

	d->instrument = (struct json_span){NULL, 0};
	d->has_seq = false;
	json_init(&j, d->value.text.p, d->value.text.len);
	if (d->value.type != JSON_OBJECT || json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type == JSON_STRING &&
		    json_span_is(key, "instrument_name"))
			d->instrument = json_inside(v.text);
		if (v.type == JSON_NUMBER && json_span_is(key, "trade_seq")) {
			d->seq = v;
			d->has_seq = true;
		}
	}
}

/* A jump of trade_seq is a hole; false: this trade was here before. */
static bool check_sequence(struct collector *c, const struct source *s,
    struct instrument *i, const struct datum *d)
{
	int64_t former = i->sequence.max, seq;
	int64_t at_ms;
	enum sequence_is is;

	if (!d->has_seq ||
	    num_int64(d->seq.text.p, d->seq.text.len, &seq) != NUM_OK ||
	    seq < 0 || seq > INT64_MAX / 2)
		return true;
	at_ms = now_ms(c);
	is = sequence_take(&i->sequence, seq);
	if (is == SEQUENCE_SEEN) {
		c->repeated++;
		return false;
	}
	if (is == SEQUENCE_JUMP) {
		i->skipped.what.channel = s->name;
		gaps_add(&c->gaps, &i->skipped, i->last_ms, at_ms, former + 1,
		    seq - 1);
	} else if (is == SEQUENCE_LATE) {
		gap_fill(&i->skipped, seq);
	}
	i->last_ms = at_ms;
	return true;
}

/* Chain-wide trades hold more currencies than were asked for. */
static bool is_wanted(const struct collector *c, const struct source *s,
    const struct instrument *i)
{
	size_t n;

	if (c->pairs == 0 || !s->wanted || s->instrument != NULL || !i->named)
		return true;
	for (n = 0; n < c->pairs; n++)
		if (strcmp(c->pair[n].kind, i->kind) == 0 &&
		    strcmp(c->pair[n].currency, i->currency) == 0)
			return true;
	return false;
}

/* A long record is made apart and copied, so that the queue holds what it is,
 * not what it might have been. */
static void write_long(struct collector *c, struct source *s,
    const struct record_head *head, struct json *j, size_t bound)
{
	char *apart = malloc(bound);
	size_t n;
	char *p;

	if (apart == NULL) {
		overflow(c, s);
		return;
	}
	n = record_write(&c->writer, head, intake_stamp(c), j, apart);
	p = n > 0 ? room(c, s, n) : NULL;
	if (p != NULL) {
		memcpy(p, apart, n);
		commit(c, n);
	}
	free(apart);
}

static void write_datum(struct collector *c, struct source *s,
    const struct record_head *head, const struct datum *d)
{
	size_t len = d->value.text.len;
	size_t bound = record_bound(head, len);
	struct json j;
	size_t n;
	char *p;

	json_init(&j, d->value.text.p, len);
	if (len > LONG_DATA) {
		write_long(c, s, head, &j, bound);
		return;
	}
	p = room(c, s, bound);
	if (p == NULL)
		return;
	n = record_write(&c->writer, head, intake_stamp(c), &j, p);
	if (n > 0)
		commit(c, n);
}

/* An escape in an instrument's name is strange, but JSON. */
static int plain_name(
    struct json_span *name, struct buf *b, struct fault *fault)
{
	if (memchr(name->p, '\\', name->len) == NULL)
		return 0;
	buf_clear(b);
	if (json_decode(*name, b) == -1)
		return fault_set(
		    fault, EX_PROTOCOL, "a name in a message is too long");
	if (memchr(buf_head(b), '\0', buf_used(b)) != NULL)
		return fault_set(
		    fault, EX_PROTOCOL, "a name in a message holds a NUL");
	*name = (struct json_span){buf_head(b), buf_used(b)};
	return 0;
}

static int take_datum(struct collector *c, struct source *s,
    struct json_value value, struct fault *fault)
{
	const struct record_head *head = &s->head;
	struct datum d = {.value = value};
	struct instrument *i;

	if (intake_full(c))
		return 0;
	look(&d);
	if (d.instrument.p != NULL) {
		if (plain_name(&d.instrument, &c->line, fault) == -1)
			return -1;
		i = instrument_get(c, d.instrument, fault);
		if (i == NULL)
			return -1;
		if (!is_wanted(c, s, i)) {
			c->filtered++;
			return 0;
		}
		if (s->channel.id == CHANNEL_TRADES &&
		    !check_sequence(c, s, i, &d))
			return 0;
		if (s->instrument == NULL)
			head = instrument_head(i, s, fault);
		if (head == NULL)
			return -1;
	}
	write_datum(c, s, head, &d);
	return 0;
}

/* Arrays, and data whose instrument only they name: checked whole first. */
static int take_any(
    struct collector *c, struct source *s, struct rpc *m, struct fault *fault)
{
	struct json_value data, v;
	struct json j;

	if (json_value(&m->json, &data) == -1 || rpc_finish(m) == -1)
		return rpc_fault(m, fault);
	if (data.type != JSON_ARRAY)
		return take_datum(c, s, data, fault);
	json_init(&j, data.text.p, data.text.len);
	if (json_array_begin(&j) == -1)
		return 0;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		if (take_datum(c, s, v, fault) == -1)
			return -1;
	return 0;
}

static struct source *find_source(
    struct collector *c, struct json_span name, struct fault *fault)
{
	struct source *s = table_find(&c->channels, name.p, name.len);

	if (s != NULL)
		return s;
	if (plain_name(&name, &c->line, fault) == -1)
		return NULL;
	s = table_find(&c->channels, name.p, name.len);
	if (s != NULL)
		return s;
	s = source_get(c, name.p, name.len, fault);
	if (s != NULL && c->strangers++ < NAMES_SAID)
		log_info("%s was not asked for; it is passed on", s->name);
	return s;
}

int intake(struct collector *c, struct rpc *m, struct fault *fault)
{
	struct source *s;

	if (c->stopping || c->ended || intake_full(c))
		return 0;
	c->messages++;
	s = find_source(c, m->channel, fault);
	if (s == NULL)
		return -1;
	if (!s->live)
		s->early = true;
	if (s->instrument != NULL && s->channel.id != CHANNEL_TRADES &&
	    m->len <= LONG_DATA && json_peek(&m->json) == JSON_OBJECT)
		return take_object(c, s, m, fault);
	return take_any(c, s, m, fault);
}

static bool write_gap(struct collector *c, const struct record_gap *what)
{
	buf_clear(&c->line);
	if (record_gap(&c->line, what, intake_stamp(c)) == -1 ||
	    out_add(c->out, buf_head(&c->line), buf_used(&c->line)) == -1)
		return false;
	c->records++;
	c->gap_records++;
	return true;
}

/* There is room again: what was dropped meanwhile can be told. */
static void end_overflow(struct collector *c)
{
	size_t i;

	c->overflowing = false;
	log_info("the queue has room again");
	for (i = 0; i < c->sources; i++) {
		struct record_gap *what = &c->source[i]->overflow.what;

		if (what->dropped > 0)
			gaps_add(&c->gaps, &c->source[i]->overflow,
			    what->from_ms, what->to_ms, -1, -1);
	}
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
