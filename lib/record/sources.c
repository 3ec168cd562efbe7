#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "record/collect.h"

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

static int gap_strings(struct source *s)
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
	return 0;
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
	if (name_instrument(s) == -1 || gap_strings(s) == -1)
		goto out;
	return s;
out:
	source_free(s);
	return NULL;
}

void source_free(struct source *s)
{
	if (s == NULL)
		return;
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
	c->source[c->sources++] = s;
	return s;
}

static struct instrument *instrument_new(struct json_span name)
{
	struct instrument *i = calloc(1, sizeof(*i));
	struct name parsed;

	if (i == NULL)
		return NULL;
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
	i->sequence.max = -1;
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
	i = instrument_new(name);
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

const struct record_head *instrument_head(
    struct instrument *i, const struct source *s, struct fault *fault)
{
	struct name name;
	bool named;

	if (i->head_of == s)
		return &i->head;
	record_head_free(&i->head);
	i->head_of = NULL;
	named = name_parse(i->name, strlen(i->name), &name) == 0;
	if (record_head_make(&i->head, &s->channel, s->name, s->len,
		named ? &name : NULL) == -1) {
		no_memory(fault);
		return NULL;
	}
	i->head_of = s;
	return &i->head;
}
