#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "record/collect.h"

/* Places a session begins with: so that listings find room on it. */
#define PLACES_FIRST 460
/* Before a channel that was refused is asked for again: one that was listed a
 * moment ago may not be open yet.  Twice as long each time. */
#define REFUSED_MS 1000
#define REFUSED_DOUBLINGS 5
/* The record of a hole that may never end tells so much of it. */
#define PIECE_MS 3600000

/* ------------------------------------------------------------ what is lost */

void feeds_hole(
    struct collector *c, struct source *s, int64_t to_ms, bool repaired)
{
	if (!s->wanted)
		return;
	s->cut.what.reason = s->reason;
	s->cut.what.repaired = repaired;
	gaps_add(&c->gaps, &s->cut, s->lost_ms,
	    to_ms > s->lost_ms ? to_ms : s->lost_ms, -1, -1);
}

/* Data flow again.  Trades that were missed can be asked for, and the hole is
 * told when they have come or will not. */
void feeds_back(struct collector *c, struct source *s)
{
	if (s->lost_ms == 0)
		return;
	if (s->sweep != NULL)
		sweep_begin(s->sweep, s->lost_ms);
	else
		feeds_hole(c, s, collector_wall_ms(), false);
	s->lost_ms = 0;
	if (s->channel.id == CHANNEL_INSTRUMENT ||
	    s->channel.id == CHANNEL_INSTRUMENT_STATE)
		life_missed(c, s);
}

static void place_live(struct collector *c, struct place *p)
{
	struct source *s = p->source;

	if (p->live)
		return;
	p->live = true;
	p->live_ms = collector_now_ms();
	p->early = false;
	s->live++;
	s->begun = true;
	s->refused_ms = 0;
	s->refusals = 0;
	if (s->expect_ms > 0)
		s->heard_ms = collector_now_ms();
	if (s->merge != NULL)
		merge_join(s->merge, p->feed->side);
	/* The hole of an incremental book ends with its snapshot. */
	if (s->channel.id != CHANNEL_BOOK_CHANGE)
		feeds_back(c, s);
}

void feeds_place_lost(
    struct collector *c, struct place *p, const char *reason, int64_t heard_ms)
{
	struct source *s = p->source;

	if (!p->live && !p->early)
		return;
	if (p->live)
		s->live--;
	p->live = p->early = false;
	changes_lost(p);
	if (s->merge != NULL) {
		merge_leave(s->merge, p->feed->side);
		intake_merged(c, s);
	}
	/* Lost before, and not confirmed since: one hole. */
	if (s->live > 0 || s->lost_ms != 0 || !s->carried)
		return;
	s->reason = reason;
	s->lost_ms = heard_ms != 0 ? heard_ms : collector_wall_ms();
}

/* ------------------------------------------------ what sessions tell us */

static int on_notification(void *arg, struct rpc *m, struct fault *fault)
{
	return intake(arg, m, fault);
}

static struct session_channel *on_find(void *arg, struct json_span name)
{
	struct feed *f = arg;
	struct source *s = table_find(&f->c->channels, name.p, name.len);

	if (s != NULL && s->place[f->side].feed == f)
		return &s->place[f->side].channel;
	if (f->canary.channel.name != NULL &&
	    json_span_is(name, f->canary.channel.name))
		return &f->canary.channel;
	return NULL;
}

static struct place *place_of(struct session_channel *channel)
{
	return (struct place *)(void *)channel;
}

static void on_acknowledged(void *arg, struct session_channel *channel)
{
	struct feed *f = arg;
	struct place *p = place_of(channel);

	if (p->source != NULL)
		place_live(f->c, p);
}

size_t feeds_wanted(const struct collector *c, size_t *live)
{
	size_t i, n = 0;

	*live = 0;
	for (i = 0; i < c->sources; i++)
		if (c->source[i]->wanted && c->source[i]->carried) {
			n++;
			*live += c->source[i]->live > 0;
		}
	return n;
}

static bool is_on(const struct source *s, const struct feed *f)
{
	return f == NULL || s->place[f->side].feed == f;
}

/* The wanted channels of a feed (NULL: of all), how many of them live, and the
 * names of those that do not. */
static size_t count_live(const struct collector *c, const struct feed *f,
    size_t *live, char *out, size_t size)
{
	size_t i, n = 0, said = 0, used = 0;

	*live = 0;
	out[0] = '\0';
	for (i = 0; i < c->sources; i++) {
		const struct source *s = c->source[i];

		if (!s->wanted || !s->carried || !is_on(s, f))
			continue;
		n++;
		if (f != NULL ? s->place[f->side].live : s->live > 0) {
			++*live;
			continue;
		}
		if (said++ >= NAMES_SAID || used >= size)
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s",
		    said > 1 ? ", " : "", s->name);
	}
	if (said > NAMES_SAID && used < size)
		snprintf(out + used, size - used, " and %zu more",
		    said - NAMES_SAID);
	return n;
}

static void say_subscribed(const struct collector *c, const struct feed *f)
{
	const char *label = f != NULL ? f->label : "";
	char names[900];
	size_t live, n;

	n = count_live(c, f, &live, names, sizeof(names));
	if (n == 0)
		return;
	if (live == n)
		log_info("%ssuccessfully subscribed to %zu channel%s", label, n,
		    n == 1 ? "" : "s");
	else
		log_warn("%ssubscribed to %zu of %zu channels; missing: %s",
		    label, live, n, names);
}

/* Whether there is something to say: a channel that was subscribed anew is no
 * news. */
static bool is_news(const struct collector *c, struct feed *f)
{
	char names[900];
	size_t live, n = count_live(c, f, &live, names, sizeof(names));
	bool news = !f->said || n != f->said_n || live != f->said_live;

	f->said = true;
	f->said_n = n;
	f->said_live = live;
	return news;
}

/* All sessions have been answered for the first time. */
static void begin_live(struct collector *c)
{
	struct fault fault;
	char names[900];
	size_t live, n;

	c->begun = true;
	n = count_live(c, NULL, &live, names, sizeof(names));
	if (live > 0 || n == 0) {
		say_subscribed(c, NULL);
		return;
	}
	fault_set(&fault, EX_UNAVAILABLE,
	    "the exchange took none of the %zu channels: %s", n, names);
	collector_end(c, &fault);
}

static void look_for_begin(struct collector *c)
{
	size_t i;

	if (c->begun)
		return;
	for (i = 0; i < c->feeds; i++)
		if (!c->feed[i]->settled)
			return;
	begin_live(c);
}

static void refused(struct source *s)
{
	unsigned n = s->refusals++;

	s->refused_ms = collector_now_ms() +
	                ((int64_t)REFUSED_MS
			    << (n < REFUSED_DOUBLINGS ? n : REFUSED_DOUBLINGS));
}

/* What was not taken stays missing, or is missing from the beginning: told
 * piece by piece, so that the record does not wait for an end that may never
 * come. */
static void look_for_refused(struct feed *f)
{
	struct collector *c = f->c;
	int64_t wall_ms = collector_wall_ms();
	bool first;
	size_t i;

	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (!is_on(s, f) ||
		    s->place[f->side].channel.state != CHANNEL_REFUSED)
			continue;
		first = s->refusals == 0;
		if (s->refused_ms == 0)
			refused(s);
		if (s->live > 0 || s->lost_ms == 0 ||
		    (!first && wall_ms - s->lost_ms < PIECE_MS))
			continue;
		feeds_hole(c, s, wall_ms, false);
		s->lost_ms = wall_ms;
	}
}

static void on_settled(void *arg)
{
	struct feed *f = arg;
	struct collector *c = f->c;
	bool first = !f->settled, news;

	look_for_refused(f);
	f->settled_ms = collector_now_ms();
	f->settled = true;
	news = is_news(c, f);
	if (news && (!first || (c->begun && c->feeds > 1)))
		say_subscribed(c, f);
	if (first)
		look_for_begin(c);
}

static void on_left(void *arg, struct session_channel *channel)
{
	struct place *p = place_of(channel);
	struct feed *f = arg;

	if (p->source == NULL)
		return;
	feeds_place_lost(f->c, p, "disconnect", 0);
	p->feed = NULL;
	f->n--;
}

static void on_lost(void *arg, enum session_loss loss, int64_t heard_ms)
{
	const char *reason = loss == SESSION_STALL ? "stall" : "disconnect";
	struct feed *f = arg;
	size_t i;

	f->said = false;
	for (i = 0; i < f->c->sources; i++) {
		struct source *s = f->c->source[i];

		if (is_on(s, f))
			feeds_place_lost(
			    f->c, &s->place[f->side], reason, heard_ms);
	}
	life_lost(f->c);
}

static void on_failed(void *arg, const struct fault *why)
{
	struct feed *f = arg;

	collector_end(f->c, why);
}

static const struct session_calls session_calls = {
    .notification = on_notification,
    .find = on_find,
    .acknowledged = on_acknowledged,
    .settled = on_settled,
    .left = on_left,
    .lost = on_lost,
    .failed = on_failed,
};

/* --------------------------------------------------------------- placement */

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
}

/* The one with the most room: neighbours in the list of strikes are on
 * different sockets, so that a loss thins every smile instead of taking one. */
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

static int prepare(struct collector *c, struct source *s, struct fault *fault)
{
	bool doubled = c->options.redundancy > 1 || c->options.rotate_ms > 0;

	if (doubled && s->merge == NULL && needs_merge(s)) {
		s->merge = merge_new();
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
	else if (s->lost_ms != 0 && s->lost_ms < until_ms && s->refused_ms == 0)
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

static void add_canary(struct feed *f)
{
	const char *name = f->c->options.canary;
	struct source *s;

	if (name == NULL)
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
	    c->options.url[side], &session_calls, f, f->label);
	if (f->session == NULL) {
		free(f);
		return no_memory(fault);
	}
	c->feed[c->feeds++] = f;
	if (c->started)
		add_canary(f);
	return 0;
}

void feeds_end(struct feed *f)
{
	session_free(f->session);
	free(f);
}

void feeds_free(struct collector *c)
{
	size_t i, side;

	for (i = 0; i < c->feeds; i++)
		feeds_end(c->feed[i]);
	c->feeds = 0;
	for (i = 0; i < c->sources; i++)
		for (side = 0; side < COLLECTOR_SIDES; side++)
			c->source[i]->place[side] = (struct place){
			    .live = false};
}

int feeds_start(struct collector *c, struct fault *fault)
{
	size_t n = c->sources / PLACES_FIRST + (c->sources % PLACES_FIRST > 0);
	size_t i, sides = (size_t)c->options.redundancy;

	if (c->sources <= places_max(c))
		n = 1;
	if (n * sides > COLLECTOR_SESSIONS_MAX)
		return too_many(c, fault);
	for (i = 0; i < n * sides; i++)
		if (feeds_new(c, (unsigned)(i % sides), fault) == -1)
			return -1;
	for (i = 0; i < c->feeds && c->feeds > 1; i++)
		snprintf(c->feed[i]->label, sizeof(c->feed[i]->label),
		    "connection %u: ", c->feed[i]->number);
	for (i = 0; i < c->sources; i++)
		if (c->source[i]->carried &&
		    feeds_place(c, c->source[i], fault) == -1)
			return -1;
	for (i = 0; i < c->feeds; i++)
		add_canary(c->feed[i]);
	return 0;
}

struct feed *feeds_live(struct collector *c, const struct source *on)
{
	size_t i, side;

	for (side = 0; on != NULL && side < COLLECTOR_SIDES; side++) {
		struct feed *f = on->place[side].feed;

		if (f != NULL && session_is_live(f->session))
			return f;
	}
	for (i = 0; i < c->feeds; i++)
		if (session_is_live(c->feed[i]->session))
			return c->feed[i];
	return NULL;
}

void feeds_holes(struct collector *c)
{
	int64_t wall_ms = collector_wall_ms();
	size_t i;

	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (s->lost_ms == 0)
			continue;
		feeds_hole(c, s, wall_ms, false);
		s->lost_ms = 0;
	}
}
