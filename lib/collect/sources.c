#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"
#include "collect/sweep.h"

/* How often a class of channels speaks at the least (the exchange's
 * subscriptions pages): the index every second; a ticker is resent every 5 s,
 * of an incremental one the whole after a minute of silence.  With room for a
 * slow one. */
#define EXPECT_INDEX_MS 10000
#define EXPECT_TICKER_MS 30000
#define EXPECT_INCREMENTAL_MS 180000

static int no_memory(struct fault *fault)
{
	return fault_set(fault, EX_OSERR, "out of memory");
}

static char *upper(struct json_span s)
{
	char *text = strndup(s.p, s.len);
	size_t i;

	for (i = 0; text != NULL && i < s.len; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	return text;
}

static void gap_strings(struct source *s)
{
	struct record_gap what = {
	    .kind = s->kind,
	    .currency = s->currency,
	    .instrument_name = s->instrument,
	    .channel = s->name,
	    .dropped = -1,
	};

	s->cut.what = what;
	s->overflow.what = what;
	s->overflow.what.reason = "overflow";
	s->overflow.what.dropped = 0;
}

/* What the channel's name says of the instrument. */
static int name_instrument(struct source *s)
{
	struct json_span i = s->channel.instrument;
	bool named;
	struct name name;

	named = i.len > 0 && name_parse(i.p, i.len, &name) == 0;
	if (i.len > 0) {
		s->instrument = strndup(i.p, i.len);
		if (s->instrument == NULL)
			return -1;
	}
	if (named) {
		s->kind = strdup(name_kind_text(name.kind));
		s->currency = upper(name.base);
		if (s->kind == NULL || s->currency == NULL)
			return -1;
	}
	return record_head_make(
	    &s->head, &s->channel, s->name, s->len, named ? &name : NULL);
}

static int64_t expectation(const struct channel *channel)
{
	switch (channel->id) {
	case CHANNEL_INDEX: return EXPECT_INDEX_MS;
	case CHANNEL_TICKER: return EXPECT_TICKER_MS;
	case CHANNEL_INCREMENTAL_TICKER: return EXPECT_INCREMENTAL_MS;
	default: return 0;
	}
}

static struct source *source_new(const char *name, size_t len)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->name = strndup(name, len);
	s->len = len;
	if (s->name == NULL || strlen(s->name) != len)
		goto out;
	channel_parse(s->name, len, &s->channel);
	s->expect_ms = expectation(&s->channel);
	if (name_instrument(s) == -1)
		goto out;
	gap_strings(s);
	return s;
out:
	source_free(s);
	return NULL;
}

void source_free(struct source *s)
{
	if (s == NULL)
		return;
	sweep_free(s->sweep);
	merge_free(s->merge);
	record_head_free(&s->head);
	free(s->instrument);
	free(s->kind);
	free(s->currency);
	free(s->name);
	free(s);
}

/* Room for one more pointer. */
static int grow(void *array, size_t n, size_t *size)
{
	void **p = array;
	void *bigger;
	size_t want;

	if (n < *size)
		return 0;
	want = *size > 0 ? *size * 2 : 64;
	bigger = realloc(*p, want * sizeof(void *));
	if (bigger == NULL)
		return -1;
	*p = bigger;
	*size = want;
	return 0;
}

struct source *source_get(
    struct collector *c, const char *name, size_t len, struct fault *fault)
{
	struct source *s = table_find(&c->channels, name, len);

	if (s != NULL)
		return s;
	if (len > CHANNEL_LEN_MAX || c->sources >= SOURCES_MAX) {
		fault_set(fault, EX_PROTOCOL,
		    len > CHANNEL_LEN_MAX
			? "a channel's name is too long"
			: "too many channels that were not asked for");
		return NULL;
	}
	s = source_new(name, len);
	if (s == NULL || grow(&c->source, c->sources, &c->sources_size) == -1 ||
	    table_add(&c->channels, s->name, len, s) == -1) {
		source_free(s);
		no_memory(fault);
		return NULL;
	}
	s->id = ++c->last_id;
	c->source[c->sources++] = s;
	return s;
}

/* Trades of it are missing, and are asked for. */
static bool has_holes(const struct collector *c, const struct source *s)
{
	const struct instrument *i;

	for (i = c->holes; i != NULL; i = i->next_hole)
		if (i->trades == s)
			return true;
	return false;
}

static bool is_free(const struct collector *c, const struct source *s)
{
	return s->place[0].feed == NULL && s->place[1].feed == NULL &&
	       !s->cut.waits && !s->overflow.waits &&
	       s->overflow.what.dropped == 0 && s->lost_ms == 0 &&
	       (s->sweep == NULL ||
		   (!sweep_asks(s->sweep) && !has_holes(c, s)));
}

static void forget_source(struct collector *c, struct source *s)
{
	size_t i;

	table_remove(&c->channels, s->name, s->len);
	for (i = 0; s->sweep != NULL && i < c->n_instruments; i++) {
		struct instrument *in = c->instrument[i];

		if (in->trades == s)
			in->trades = NULL;
		if (in->skipped.what.channel == s->name)
			in->skipped.what.channel = NULL;
	}
	source_free(s);
}

void sources_reap(struct collector *c)
{
	size_t i = 0;

	while (c->n_gone > 0 && i < c->sources) {
		struct source *s = c->source[i];

		if (!s->gone || !is_free(c, s)) {
			i++;
			continue;
		}
		c->source[i] = c->source[--c->sources];
		c->n_gone--;
		forget_source(c, s);
	}
}

static struct instrument *instrument_new(
    struct collector *c, struct json_span name)
{
	struct instrument *i = calloc(1, sizeof(*i));
	struct name parsed;

	if (i == NULL)
		return NULL;
	i->c = c;
	i->since_ms = collector_now_ms();
	i->name = strndup(name.p, name.len);
	if (i->name == NULL || strlen(i->name) != name.len)
		goto out;
	if (name_parse(i->name, name.len, &parsed) == 0) {
		i->named = true;
		i->kind = name_kind_text(parsed.kind);
		i->currency = upper(parsed.base);
		if (i->currency == NULL)
			goto out;
	}
	i->skipped.what = (struct record_gap){
	    .kind = i->kind,
	    .currency = i->currency,
	    .instrument_name = i->name,
	    .reason = "sequence",
	    .dropped = -1,
	};
	return i;
out:
	instrument_free(i);
	return NULL;
}

void instrument_free(struct instrument *i)
{
	if (i == NULL)
		return;
	tape_free(&i->tape);
	record_head_free(&i->head);
	free(i->currency);
	free(i->name);
	free(i);
}

struct instrument *instrument_get(
    struct collector *c, struct json_span name, struct fault *fault)
{
	struct instrument *i = table_find(&c->instruments, name.p, name.len);

	if (i != NULL)
		return i;
	if (name.len > NAME_MAX_LEN || c->n_instruments >= INSTRUMENTS_MAX) {
		fault_set(fault, EX_PROTOCOL,
		    name.len > NAME_MAX_LEN ? "an instrument's name is too long"
					    : "too many instruments");
		return NULL;
	}
	i = instrument_new(c, name);
	if (i == NULL ||
	    grow(&c->instrument, c->n_instruments, &c->instruments_size) ==
		-1 ||
	    table_add(&c->instruments, i->name, name.len, i) == -1) {
		instrument_free(i);
		no_memory(fault);
		return NULL;
	}
	c->instrument[c->n_instruments++] = i;
	return i;
}

/* Whether rows of its trades would be taken for new ones. */
static bool is_recalled(const struct instrument *i)
{
	const struct source *s = i->trades;

	return s != NULL && s->sweep != NULL &&
	       (sweep_asks(s->sweep) ||
		   (s->carried && sweep_recalls(s->sweep, i->traded_ms)));
}

bool instrument_forget(struct collector *c, struct instrument *i)
{
	size_t n;

	if (i->holed || i->call.busy || i->skipped.waits || is_recalled(i))
		return false;
	for (n = 0; n < c->n_instruments; n++)
		if (c->instrument[n] == i)
			break;
	if (n < c->n_instruments)
		c->instrument[n] = c->instrument[--c->n_instruments];
	table_remove(&c->instruments, i->name, strlen(i->name));
	instrument_free(i);
	return true;
}

const struct record_head *instrument_head(
    struct instrument *i, const struct source *s, struct fault *fault)
{
	struct name name;
	bool named;

	if (i->head_of == s->id)
		return &i->head;
	record_head_free(&i->head);
	i->head_of = 0;
	named = name_parse(i->name, strlen(i->name), &name) == 0;
	if (record_head_make(&i->head, &s->channel, s->name, s->len,
		named ? &name : NULL) == -1) {
		no_memory(fault);
		return NULL;
	}
	i->head_of = s->id;
	return &i->head;
}
