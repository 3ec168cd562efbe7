#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "collect/collect.h"
#include "record/digest.h"

/* Data beyond this are no quote: a book's snapshot, say. */
#define LONG_DATA 4096

static const char repaired_text[] = ",\"repaired\":true}\n";

/* --------------------------------------------------------------- one datum */

/* Data that are one object, of a channel that names the instrument: nearly all
 * messages.  The record is written while its JSON is checked. */
static int take_object(
    struct collector *c, struct source *s, struct rpc *m, struct fault *fault)
{
	char *p = queue_room(c, s, record_bound(&s->head, m->len));
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
		queue_commit(c, s, p, n);
	return 0;
}

static int64_t number(const struct json_value *v)
{
	int64_t n;

	if (num_int64(v->text.p, v->text.len, &n) != NUM_OK || n < 0 ||
	    n > INT64_MAX / 2)
		return 0;
	return n;
}

void datum_look(struct datum *d, struct json_value value)
{
	struct json_value v;
	struct json_span key;
	struct json j;

	*d = (struct datum){.value = value};
	json_init(&j, value.text.p, value.text.len);
	if (value.type != JSON_OBJECT || json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type == JSON_STRING &&
		    json_span_is(key, "instrument_name"))
			d->instrument = json_inside(v.text);
		if (v.type == JSON_NUMBER && json_span_is(key, "trade_seq"))
			d->seq = number(&v);
		if (v.type == JSON_NUMBER && json_span_is(key, "timestamp"))
			d->timestamp = number(&v);
	}
}

static size_t write_record(struct collector *c, const struct record_head *head,
    struct json_span text, bool repaired, char *out)
{
	struct json j;
	size_t n;

	json_init(&j, text.p, text.len);
	n = record_write(&c->writer, head, intake_stamp(c), &j, out);
	if (n == 0 || !repaired)
		return n;
	n -= 2; /* the brace and the newline */
	memcpy(out + n, repaired_text, sizeof(repaired_text) - 1);
	return n + sizeof(repaired_text) - 1;
}

/* A long record is made apart and copied, so that the queue holds what it is,
 * not what it might have been. */
static void write_long(struct collector *c, struct source *s,
    const struct record_head *head, struct json_span text, bool repaired,
    size_t bound)
{
	char *apart = malloc(bound);
	size_t n;
	char *p;

	if (apart == NULL) {
		queue_overflow(c, s);
		return;
	}
	n = write_record(c, head, text, repaired, apart);
	p = n > 0 ? queue_room(c, s, n) : NULL;
	if (p != NULL) {
		memcpy(p, apart, n);
		queue_commit(c, s, p, n);
	}
	free(apart);
}

void intake_write(struct collector *c, struct source *s,
    const struct record_head *head, struct json_span text, bool repaired)
{
	size_t bound = record_bound(head, text.len) + sizeof(repaired_text);
	size_t n;
	char *p;

	if (c->options.raw || intake_full(c))
		return;
	if (text.len > LONG_DATA) {
		write_long(c, s, head, text, repaired, bound);
		return;
	}
	p = queue_room(c, s, bound);
	if (p == NULL)
		return;
	n = write_record(c, head, text, repaired, p);
	if (n > 0)
		queue_commit(c, s, p, n);
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

int intake_instrument(struct collector *c, struct source *s, struct datum *d,
    struct instrument **i, struct fault *fault)
{
	*i = NULL;
	if (d->instrument.p == NULL)
		return 1;
	if (plain_name(&d->instrument, &c->line, fault) == -1)
		return -1;
	*i = instrument_get(c, d->instrument, fault);
	if (*i == NULL)
		return -1;
	if (is_wanted(c, s, *i))
		return 1;
	c->filtered++;
	return 0;
}

static int take_datum(struct collector *c, struct source *s,
    struct json_value value, struct fault *fault)
{
	const struct record_head *head = &s->head;
	struct instrument *i;
	struct datum d;
	int r;

	if (intake_full(c))
		return 0;
	datum_look(&d, value);
	r = intake_instrument(c, s, &d, &i, fault);
	if (r != 1)
		return r;
	if (i != NULL && s->channel.id == CHANNEL_TRADES && d.seq > 0) {
		trades_take(c, s, i, &d, false);
		return 0;
	}
	if (i != NULL && s->instrument == NULL)
		head = instrument_head(i, s, fault);
	if (head == NULL)
		return -1;
	intake_write(c, s, head, value.text, false);
	return 0;
}

int intake_data(struct collector *c, struct source *s, struct json_value data,
    struct fault *fault)
{
	struct json_value v;
	struct json j;
	int r = 0;

	if (data.type != JSON_ARRAY)
		return take_datum(c, s, data, fault);
	json_init(&j, data.text.p, data.text.len);
	if (json_array_begin(&j) == -1)
		return 0;
	while (r == 0 && json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		r = take_datum(c, s, v, fault);
	return r;
}

/* --------------------------------------------------------- a notification */

static struct json_value value_of(const char *text, size_t len)
{
	struct json_value v = {{text, len}, JSON_NULL};
	struct json j;

	json_init(&j, text, len);
	json_value(&j, &v);
	return v;
}

void intake_merged(struct collector *c, struct source *s)
{
	struct merge_message *m;
	struct fault fault;

	while ((m = merge_pop(s->merge)) != NULL) {
		if (s->wanted &&
		    intake_data(c, s, value_of(m->text, m->len), &fault) == -1)
			log_warn("%s: %s", s->name, fault.text);
		free(m);
	}
}

/* Of two feeds the one sequence. */
static int take_merged(struct collector *c, struct source *s,
    const struct feed *f, struct json_value data, struct fault *fault)
{
	struct merge_news news = {.text = data.text.p, .len = data.text.len};
	int r = 0;

	news.digest = digest_data(data.text, &news.stamp);
	switch (merge_take(s->merge, f->side, &news)) {
	case MERGE_PASS:
		if (s->wanted)
			r = intake_data(c, s, data, fault);
		break;
	case MERGE_SEEN: c->repeated++; break;
	case MERGE_HELD: break;
	}
	intake_merged(c, s);
	return r;
}

/* Changes of a book that no place brought: of a recording, or never asked for;
 * beside those of a place they are nothing. */
static bool takes_change(struct collector *c, struct source *s, struct feed *f,
    struct place *p, struct json_value data)
{
	if (p == NULL && (s->place[0].feed != NULL || s->place[1].feed != NULL))
		return false;
	if (p == NULL && f != NULL)
		return true; /* never asked for: as it stands */
	if (p == NULL) {
		p = &s->place[0];
		p->source = s;
	}
	return changes_take(c, p, data);
}

/* A source's data are known to the end: what of them concerns us, and the
 * records. */
static int take_whole(struct collector *c, struct source *s, struct feed *f,
    struct json_value data, struct fault *fault)
{
	struct place *p = f != NULL ? &s->place[f->side] : NULL;

	if (p != NULL && p->feed != f)
		p = NULL; /* it was never asked for */
	if (s->channel.id == CHANNEL_BOOK_CHANGE &&
	    !takes_change(c, s, f, p, data))
		return 0;
	if (c->from_name == NULL)
		life_take(c, s, data);
	if (s->merge != NULL && p != NULL)
		return take_merged(c, s, f, data, fault);
	return s->wanted ? intake_data(c, s, data, fault) : 0;
}

/* Arrays, and data whose instrument only they name: checked whole first. */
static int take_any(struct collector *c, struct source *s, struct feed *f,
    struct rpc *m, struct fault *fault)
{
	struct json_value data;

	if (json_value(&m->json, &data) == -1 || rpc_finish(m) == -1)
		return rpc_fault(m, fault);
	if (take_whole(c, s, f, data, fault) == -1)
		return -1;
	/* Behind the gap record that it may end. */
	if (c->options.raw && s->wanted && !intake_full(c))
		intake_raw(c, s, f, m->text, m->len);
	return 0;
}

static bool is_canary(const struct feed *f, struct json_span name)
{
	return f != NULL && f->canary.channel.name != NULL &&
	       json_span_is(name, f->canary.channel.name);
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
	if (s == NULL)
		return NULL;
	s->wanted = true;
	if (c->from_name == NULL && c->strangers++ < NAMES_SAID)
		log_info("%s was not asked for; it is passed on", s->name);
	return s;
}

/* Whether the shortest way will do. */
static bool is_plain(
    const struct collector *c, const struct source *s, struct rpc *m)
{
	return s->instrument != NULL && s->merge == NULL && s->wanted &&
	       s->channel.id != CHANNEL_TRADES &&
	       s->channel.id != CHANNEL_BOOK_CHANGE && !c->options.raw &&
	       m->len <= LONG_DATA && json_peek(&m->json) == JSON_OBJECT;
}

int intake_notification(
    struct collector *c, struct feed *f, struct rpc *m, struct fault *fault)
{
	struct source *s;
	struct place *p;

	if (c->closing || c->stopping || c->ended || intake_full(c))
		return 0;
	c->messages++;
	s = find_source(c, m->channel, fault);
	if (s == NULL)
		return -1;
	p = f != NULL ? &s->place[f->side] : NULL;
	if (p != NULL && p->feed == f) {
		if (!p->live)
			feeds_place_early(c, p);
		place_spoke(p, c->tick_ms);
	}
	if (is_plain(c, s, m))
		return take_object(c, s, m, fault);
	return take_any(c, s, f, m, fault);
}

/* Of a message now and then: how far its time is behind our clock. */
static void look_at_lag(struct collector *c, const struct rpc *m)
{
	static const char member[] = "\"timestamp\":";
	const size_t len = sizeof(member) - 1;
	const char *p = m->text, *end = p + m->len;
	struct json_value v = {{NULL, 0}, JSON_NUMBER};
	int64_t lag_ms;

	if (m->len > LONG_DATA)
		return;
	while ((p = memchr(p, '"', (size_t)(end - p))) != NULL &&
	       ((size_t)(end - p) <= len || memcmp(p, member, len) != 0))
		p++;
	if (p == NULL)
		return;
	v.text.p = p + len;
	while (v.text.p + v.text.len < end && v.text.p[v.text.len] >= '0' &&
	       v.text.p[v.text.len] <= '9')
		v.text.len++;
	if (number(&v) == 0)
		return;
	lag_ms = collector_wall_ms() - number(&v);
	if (!c->lag_seen || lag_ms < c->lag_least_ms)
		c->lag_least_ms = lag_ms;
	c->lag_seen = true;
	c->sample = false;
}

int intake(struct feed *f, struct rpc *m, struct fault *fault)
{
	struct json_value ignored;

	if (f->c->sample)
		look_at_lag(f->c, m);
	/* The canary of one session may be wanted of another. */
	if (!is_canary(f, m->channel) ||
	    f->canary.channel.state == CHANNEL_APART)
		return intake_notification(f->c, f, m, fault);
	f->c->messages++;
	if (json_value(&m->json, &ignored) == -1 || rpc_finish(m) == -1)
		return rpc_fault(m, fault);
	return 0;
}
