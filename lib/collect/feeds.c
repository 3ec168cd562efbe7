#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collect/collect.h"
#include "collect/sweep.h"

/* Before a channel that was refused is asked for again: one that was listed a
 * moment ago may not be open yet.  Twice as long each time. */
#define REFUSED_MS 1000
#define REFUSED_DOUBLINGS 5
#define CANARY_MS 30000
/* As long as that a connection that is well may be silent. */
#define LATELY_MS 2000
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
	p->since_ms = collector_wall_ms();
	p->live_ms = p->spoke_ms = collector_now_ms();
	p->behind_ms = 0;
	p->misses = 0;
	p->early = false;
	s->live++;
	c->state_lacks |= !s->begun;
	s->begun = true;
	s->refusals = 0;
	if (s->merge != NULL)
		merge_join(s->merge, p->feed->side);
	/* The hole of an incremental book ends with its snapshot. */
	if (s->channel.id != CHANNEL_BOOK_CHANGE)
		feeds_back(c, s);
	if (s->sweep != NULL)
		sweep_live(s->sweep);
}

/* Until when a place brought all that there was.  What ends by itself was well
 * until then, if it was heard from lately: every connection speaks each second.
 */
static int64_t well_until(const char *reason, int64_t heard_ms)
{
	int64_t now_ms = collector_wall_ms();

	if (heard_ms == 0 || (strcmp(reason, "disconnect") == 0 &&
				 now_ms - heard_ms <= LATELY_MS))
		return now_ms;
	return heard_ms;
}

/* The other place lives, but did not all the time: what this one, as is known
 * now, did not bring either is a hole. */
static void look_back(struct collector *c, struct source *s, unsigned side,
    int64_t from_ms, const char *reason)
{
	const struct place *other = &s->place[!side];

	if (s->ended_ms[!side] > from_ms)
		from_ms = s->ended_ms[!side];
	if (!other->live || other->since_ms <= from_ms || s->lost_ms != 0 ||
	    !s->carried)
		return;
	s->reason = reason;
	if (s->sweep != NULL) {
		sweep_begin(s->sweep, from_ms);
		return;
	}
	s->lost_ms = from_ms;
	feeds_hole(c, s, other->since_ms, false);
	s->lost_ms = 0;
}

/* Nothing of the source comes any more: since when. */
static int64_t lost_since(const struct source *s, unsigned side)
{
	int64_t from_ms = s->ended_ms[side], other_ms = s->ended_ms[!side];

	/* The other place was lost first, and well for longer. */
	if (other_ms > from_ms && s->place[!side].since_ms <= from_ms)
		return other_ms;
	return from_ms;
}

/* Whether the other place goes on with what there is. */
static bool goes_on(const struct source *s, unsigned side)
{
	const struct place *other = &s->place[!side];

	if (s->channel.id == CHANNEL_BOOK_CHANGE)
		return other->book.valid;
	return other->live || other->early;
}

static void leave_merge(
    struct collector *c, struct source *s, unsigned side, int64_t well_ms)
{
	const struct place *other = &s->place[!side];

	if (s->merge == NULL)
		return;
	merge_leave(s->merge, side,
	    other->live && other->since_ms <= well_ms - PLACE_GREETING_MS);
	intake_merged(c, s);
}

void feeds_place_lost(
    struct collector *c, struct place *p, const char *reason, int64_t heard_ms)
{
	struct source *s = p->source;
	unsigned side = (unsigned)(p - s->place);
	int64_t well_ms = well_until(reason, heard_ms);

	if (!p->live && !p->early)
		return;
	s->ended_ms[side] = heard_ms != 0 ? heard_ms : collector_wall_ms();
	if (p->live)
		s->live--;
	p->live = p->early = false;
	changes_lost(p);
	leave_merge(c, s, side, well_ms);
	if (goes_on(s, side)) {
		look_back(c, s, side, well_ms, reason);
		return;
	}
	/* Lost before, and not confirmed since: one hole. */
	if (s->lost_ms != 0 || !s->carried)
		return;
	s->reason = reason;
	s->lost_ms = lost_since(s, side);
}

/* A channel that was given up as dead speaks.  While the exchange has not been
 * asked it is kept: it was silent, and is well.  Later on it is heard until it
 * has left.  A book whose chain is broken begins anew in any case, and trades
 * have numbers. */
void feeds_place_early(struct collector *c, struct place *p)
{
	struct source *s = p->source;
	int64_t now_ms = collector_wall_ms();
	bool first = !p->early;

	p->early = true;
	if (!p->channel.again || s->channel.id == CHANNEL_BOOK_CHANGE ||
	    s->sweep != NULL)
		return;
	if (session_keep(p->feed->session, &p->channel)) {
		log_info("%s%s speaks; it is kept", p->feed->label, s->name);
		place_live(c, p);
	} else if (s->lost_ms != 0) {
		if (first)
			feeds_hole(c, s, now_ms, false);
		s->lost_ms = now_ms;
	}
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

/* It was listed a moment ago: nobody has answered yet. */
static bool is_pending(const struct source *s)
{
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++)
		if (s->place[side].feed != NULL &&
		    s->place[side].channel.state != CHANNEL_WAITS &&
		    s->place[side].channel.state != CHANNEL_ASKED)
			return false;
	return true;
}

/* It was refused, and may have expired: for as long as its market takes to be
 * looked at. */
static bool is_in_question(const struct collector *c, const struct source *s)
{
	return s->refusals > 0 && s->refusals <= REFUSED_DOUBLINGS &&
	       life_asks(c, s);
}

/* Whom count_live() counts. */
enum whom {
	WHOM_KNOWN,    /* those of which it is known whether they live */
	WHOM_ANSWERED, /* and those that were refused, perhaps rightly */
	WHOM_ALL       /* and those that nobody has answered yet */
};

static bool is_counted(
    const struct collector *c, const struct source *s, enum whom whom)
{
	if (whom < WHOM_ALL && is_pending(s))
		return false;
	return whom > WHOM_KNOWN || !is_in_question(c, s);
}

/* The wanted channels of a feed (NULL: of all), how many of them live, and the
 * names of those that do not. */
static size_t count_live(const struct collector *c, const struct feed *f,
    enum whom whom, size_t *live, char *out, size_t size)
{
	size_t i, n = 0, said = 0, used = 0;

	*live = 0;
	out[0] = '\0';
	for (i = 0; i < c->sources; i++) {
		const struct source *s = c->source[i];

		if (!s->wanted || !s->carried || !is_on(s, f) ||
		    !is_counted(c, s, whom))
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

size_t feeds_missing(
    const struct collector *c, size_t *live, char *out, size_t size)
{
	return count_live(c, NULL, WHOM_ALL, live, out, size);
}

static void say_subscribed(const struct collector *c, const struct feed *f)
{
	const char *label = f != NULL ? f->label : "";
	char names[900];
	size_t live, n;

	n = count_live(c, f, WHOM_KNOWN, &live, names, sizeof(names));
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
 * news, and one that was listed has been said. */
static bool is_news(const struct collector *c, struct feed *f)
{
	char names[900];
	size_t live,
	    n = count_live(c, f, WHOM_KNOWN, &live, names, sizeof(names));
	bool news = !f->said || n - live != f->said_missing;

	f->said = true;
	f->said_missing = n - live;
	return news;
}

/* All sessions have been answered for the first time. */
static void begin_live(struct collector *c)
{
	struct fault fault;
	char names[900];
	size_t live, n;

	c->begun = true;
	n = count_live(c, NULL, WHOM_ANSWERED, &live, names, sizeof(names));
	if (live > 0 || n == 0) {
		say_subscribed(c, NULL);
		return;
	}
	fault_set(&fault, EX_UNAVAILABLE,
	    "the exchange took none of the %zu channel%s: %s", n,
	    n == 1 ? "" : "s", names);
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

	if (f->canary.channel.state == CHANNEL_REFUSED)
		f->canary_ms = collector_now_ms() + CANARY_MS;
	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (!is_on(s, f) ||
		    s->place[f->side].channel.state != CHANNEL_REFUSED)
			continue;
		first = s->refusals == 0;
		if (s->refused_ms == 0)
			refused(s);
		if (first)
			life_refused(c, s);
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
	feeds_canary(f);
}

/* A wanted index is the canary, too. */
static void on_silent(
    void *arg, struct session_channel *channel, int64_t since_ms)
{
	struct place *p = place_of(channel);
	struct feed *f = arg;

	if (p->source != NULL && p->live)
		feeds_place_lost(f->c, p, "stall", since_ms);
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

const struct session_calls feeds_calls = {
    .notification = on_notification,
    .find = on_find,
    .acknowledged = on_acknowledged,
    .settled = on_settled,
    .left = on_left,
    .silent = on_silent,
    .lost = on_lost,
    .failed = on_failed,
};

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
	size_t i;

	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (s->merge != NULL) {
			merge_settle(s->merge);
			intake_merged(c, s);
		}
		/* Of trades the next run fetches it. */
		if (s->lost_ms == 0 || s->lost_ms >= c->stopped_ms ||
		    (keep_carries(c) && s->channel.id == CHANNEL_TRADES))
			continue;
		feeds_hole(c, s, c->stopped_ms, false);
		s->lost_ms = 0;
	}
}
