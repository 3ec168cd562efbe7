/* Connections are made and ended, and channels put on them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collect/collect.h"
#include "collect/sweep.h"

/* Places a session begins with: so that listings find room on it. */
#define PLACES_FIRST 460

static int no_memory(struct fault *fault)
{
	return fault_set(fault, EX_OSERR, "out of memory");
}

void feeds_put(struct source *s, struct feed *f)
{
	struct place *p = &s->place[f->side];

	memset(p, 0, sizeof(*p));
	p->channel.name = s->name;
	p->source = s;
	p->feed = f;
	f->n++;
	session_add(f->session, &p->channel);
	if (f->canary.channel.name != NULL &&
	    strcmp(f->canary.channel.name, s->name) == 0) {
		session_remove(f->session, &f->canary.channel);
		session_canary(f->session, &p->channel);
	}
	log_debug("connection %u carries %s", f->number, s->name);
}

/* The one with the most room. */
static struct feed *roomiest(
    const struct collector *c, unsigned side, size_t limit)
{
	struct feed *best = NULL;
	size_t i;

	for (i = 0; i < c->feeds; i++) {
		struct feed *f = c->feed[i];

		/* With one side, rotation takes turns with both. */
		if ((c->options.redundancy > 1 && f->side != side) ||
		    f->heir != NULL || f->n >= limit)
			continue;
		if (best == NULL || f->n < best->n)
			best = f;
	}
	return best;
}

/* The canary is one of the channels. */
static size_t places_max(const struct collector *c)
{
	return SESSION_CHANNELS_MAX - (c->options.canary != NULL);
}

static int place_on_side(
    struct collector *c, struct source *s, unsigned side, struct fault *fault)
{
	struct feed *f = roomiest(c, side, places_max(c));

	if (f == NULL) {
		if (feeds_new(c, side, fault) == -1)
			return -1;
		f = c->feed[c->feeds - 1];
	}
	feeds_put(s, f);
	return 0;
}

/* What has no number of its own is brought to one sequence by its content. */
static bool needs_merge(const struct source *s)
{
	return s->channel.id != CHANNEL_TRADES &&
	       s->channel.id != CHANNEL_BOOK_CHANGE;
}

/* Channels whose subscription begins with the whole of something (the
 * exchange's subscriptions pages). */
static bool greets(const struct source *s)
{
	return s->channel.id == CHANNEL_INCREMENTAL_TICKER ||
	       s->channel.id == CHANNEL_BOOK ||
	       s->channel.id == CHANNEL_MARKPRICE ||
	       s->channel.id == CHANNEL_VOLATILITY_INDEX;
}

static int prepare(struct collector *c, struct source *s, struct fault *fault)
{
	bool doubled = c->options.redundancy > 1 || c->options.rotate_ms > 0;

	if (doubled && s->merge == NULL && needs_merge(s)) {
		s->merge = merge_new(greets(s));
		if (s->merge == NULL)
			return no_memory(fault);
	}
	if (s->channel.id == CHANNEL_TRADES && s->sweep == NULL) {
		s->sweep = sweep_new(c, s);
		if (s->sweep == NULL)
			return no_memory(fault);
	}
	return 0;
}

int feeds_place(struct collector *c, struct source *s, struct fault *fault)
{
	unsigned side;

	if (prepare(c, s, fault) == -1)
		return -1;
	if (c->options.redundancy == 1 &&
	    (s->place[0].feed != NULL || s->place[1].feed != NULL))
		return 0;
	for (side = 0; side < (unsigned)c->options.redundancy; side++)
		if (s->place[side].feed == NULL &&
		    place_on_side(c, s, side, fault) == -1)
			return -1;
	return 0;
}

void feeds_displace(struct collector *c, struct source *s, int64_t until_ms)
{
	unsigned side;

	s->carried = false;
	/* What was refused had ended by then, and that is told. */
	if (s->lost_ms != 0 && s->sweep != NULL)
		sweep_begin(s->sweep, s->lost_ms);
	else if (s->sweep != NULL)
		sweep_last(s->sweep);
	else if (s->lost_ms != 0 && s->lost_ms < until_ms && s->refusals == 0)
		feeds_hole(c, s, until_ms, false);
	s->lost_ms = s->refused_ms = 0;
	if (!s->gone) {
		s->gone = true;
		c->n_gone++;
	}
	for (side = 0; side < COLLECTOR_SIDES; side++)
		if (s->place[side].feed != NULL)
			session_remove(s->place[side].feed->session,
			    &s->place[side].channel);
}

static int too_many(const struct collector *c, struct fault *fault)
{
	return fault_set(fault, EX_USAGE,
	    "%zu channels are too many: the exchange allows %d connections of "
	    "%d",
	    c->sources, COLLECTOR_SESSIONS_MAX, SESSION_CHANNELS_MAX);
}

void feeds_canary(struct feed *f)
{
	const char *name = f->c->options.canary;
	struct source *s;

	if (name == NULL || f->canary.channel.state != CHANNEL_APART)
		return;
	f->canary.channel.name = name;
	f->canary.feed = f;
	s = table_find(&f->c->channels, name, strlen(name));
	if (s != NULL && s->place[f->side].feed == f) {
		session_canary(f->session, &s->place[f->side].channel);
		return;
	}
	session_add(f->session, &f->canary.channel);
	session_canary(f->session, &f->canary.channel);
}

int feeds_new(struct collector *c, unsigned side, struct fault *fault)
{
	struct feed *f;

	if (c->feeds == COLLECTOR_SESSIONS_MAX)
		return too_many(c, fault);
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return no_memory(fault);
	f->c = c;
	f->side = side;
	f->number = (unsigned)++c->feeds_made;
	f->born_ms = collector_now_ms();
	if (c->started)
		snprintf(
		    f->label, sizeof(f->label), "connection %u: ", f->number);
	f->session = session_new(c->loop, &c->options.session, &c->pace,
	    c->options.url[side], &feeds_calls, f, f->label);
	if (f->session == NULL) {
		free(f);
		return no_memory(fault);
	}
	c->feed[c->feeds++] = f;
	/* The others go on meanwhile. */
	if (c->begun)
		session_insist(f->session);
	if (c->started)
		feeds_canary(f);
	return 0;
}

void feeds_end(struct feed *f)
{
	f->c->received_gone += session_received(f->session);
	f->c->losses_gone += session_losses(f->session);
	session_free(f->session);
	free(f);
}

void feeds_free(struct collector *c)
{
	size_t i, side;

	/* Who is told that a call has no answer looks for no other session. */
	while (c->feeds > 0)
		feeds_end(c->feed[--c->feeds]);
	for (i = 0; i < c->sources; i++) {
		c->source[i]->live = 0;
		for (side = 0; side < COLLECTOR_SIDES; side++)
			c->source[i]->place[side] = (struct place){
			    .live = false};
	}
}

static int place_all(struct collector *c, struct fault *fault)
{
	struct source **order = place_order(c);
	size_t i;
	int r = order != NULL ? 0 : no_memory(fault);

	for (i = 0; r == 0 && i < c->sources; i++)
		if (order[i]->carried)
			r = feeds_place(c, order[i], fault);
	free(order);
	return r;
}

int feeds_start(struct collector *c, struct fault *fault)
{
	size_t i, n, carried = 0, sides = (size_t)c->options.redundancy;

	for (i = 0; i < c->sources; i++)
		carried += c->source[i]->carried;
	n = carried / PLACES_FIRST + (carried % PLACES_FIRST > 0);
	if (carried <= places_max(c))
		n = 1;
	if (n * sides > COLLECTOR_SESSIONS_MAX)
		return too_many(c, fault);
	for (i = 0; i < n * sides; i++)
		if (feeds_new(c, (unsigned)(i % sides), fault) == -1)
			return -1;
	for (i = 0; i < c->feeds && c->feeds > 1; i++)
		snprintf(c->feed[i]->label, sizeof(c->feed[i]->label),
		    "connection %u: ", c->feed[i]->number);
	if (place_all(c, fault) == -1)
		return -1;
	for (i = 0; i < c->feeds; i++)
		feeds_canary(c->feed[i]);
	return 0;
}
