/* What feeds need now and then: connections renewed, channels that are silent
 * or were refused asked for again. */
#include <stdlib.h>

#include "base/log.h"
#include "collect/collect.h"

/* Two connections carry the same for so long, once both are settled. */
#define OVERLAP_MS 2000
/* What a feed that is not aligned brought is held at most so long. */
#define MERGE_WAIT_MS 2000
/* A channel that is silent in spite of new subscriptions is asked ever more
 * rarely. */
#define PATIENCE_MAX_MS 3600000
/* One of two connections may be later than the other by so much. */
#define LAG_MS 2000
/* What one of them has brought the other one has to bring within it. */
#define BEHIND_MS 8000
/* A tick that is later than this says that we did not listen. */
#define DEAF_MS 1000

static void move_place(struct collector *c, struct source *s, struct feed *from)
{
	struct place *p = &s->place[from->side];

	feeds_place_lost(c, p, "disconnect", 0);
	p->feed = NULL;
}

/* Its heir carries all that it carried: it ends. */
static void retire(struct collector *c, struct feed *f)
{
	size_t i;

	log_debug("%sreplaced by connection %u", f->label, f->heir->number);
	for (i = 0; i < c->sources; i++)
		if (c->source[i]->place[f->side].feed == f)
			move_place(c, c->source[i], f);
	for (i = 0; i < c->feeds; i++)
		if (c->feed[i] == f)
			break;
	c->feed[i] = c->feed[--c->feeds];
	feeds_end(f);
}

/* A second connection that carries the same, before the first one ends. */
static void make_heir(struct collector *c, struct feed *f, int64_t now_ms)
{
	struct fault fault;
	struct feed *heir;
	size_t i;

	/* Whatever comes of it, the next try is a whole time away. */
	f->born_ms = now_ms;
	if (feeds_new(c, 1 - f->side, &fault) == -1) {
		log_warn("%sis not renewed: %s", f->label, fault.text);
		return;
	}
	heir = c->feed[c->feeds - 1];
	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];

		if (s->place[f->side].feed == f && s->carried &&
		    s->place[heir->side].feed == NULL)
			feeds_put(s, heir);
	}
	f->heir = heir;
}

static bool is_whole(const struct feed *f)
{
	return session_is_live(f->session) &&
	       session_answered(f->session) == session_channels(f->session);
}

static bool all_whole(const struct collector *c, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < c->feeds; i++)
		if (!is_whole(c->feed[i]) || c->feed[i]->heir != NULL ||
		    now_ms - c->feed[i]->settled_ms < OVERLAP_MS)
			return false;
	return true;
}

static void renew(struct collector *c, struct feed *f, int64_t now_ms)
{
	if (c->options.redundancy == 1) {
		make_heir(c, f, now_ms);
		return;
	}
	f->born_ms = now_ms;
	session_renew(f->session, "renewed; the other connection goes on");
}

/* One at a time, the oldest first. */
static void rotate(struct collector *c, int64_t now_ms)
{
	struct feed *oldest = NULL;
	size_t i;

	for (i = 0; i < c->feeds; i++) {
		struct feed *f = c->feed[i];

		if (f->heir != NULL && is_whole(f->heir) &&
		    now_ms - f->heir->settled_ms >= OVERLAP_MS) {
			retire(c, f);
			return;
		}
		if (oldest == NULL || f->born_ms < oldest->born_ms)
			oldest = f;
	}
	if (oldest != NULL && all_whole(c, now_ms) &&
	    now_ms - oldest->born_ms >= c->options.rotate_ms)
		renew(c, oldest, now_ms);
}

/* Data of this place may be missing since then, our clock. */
static void lose(
    struct collector *c, struct place *p, const char *reason, int64_t since_ms)
{
	if (p->live)
		feeds_place_lost(c, p, reason, since_ms);
	p->tries++;
	session_again(p->feed->session, &p->channel);
}

void feeds_place_again(struct collector *c, struct place *p, int64_t since_ms)
{
	c->resyncs++;
	lose(c, p, "stall", since_ms);
}

void feeds_again(struct collector *c, struct source *s, int64_t since_ms)
{
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++)
		if (s->place[side].feed != NULL)
			feeds_place_again(c, &s->place[side], since_ms);
}

/* The limit, doubled for each new subscription that changed nothing. */
static int64_t patience(const struct place *p, int64_t limit_ms)
{
	unsigned n = p->tries < 16 ? p->tries : 16;

	if (limit_ms << n > PATIENCE_MAX_MS)
		return limit_ms > PATIENCE_MAX_MS ? limit_ms : PATIENCE_MAX_MS;
	return limit_ms << n;
}

static void silent(
    struct collector *c, struct place *p, const char *why, int64_t silent_ms)
{
	log_info("%s%s is silent for %lld s%s; subscribing to it again",
	    p->feed->label, p->source->name, (long long)(silent_ms / 1000),
	    why);
	feeds_place_again(c, p, collector_wall_ms() - silent_ms);
}

/* Its class speaks at least so often, and it does not. */
static void expect(struct collector *c, struct place *p, int64_t now_ms)
{
	int64_t silent_ms = now_ms - p->spoke_ms;

	if (silent_ms >= patience(p, p->source->expect_ms))
		silent(c, p, "", silent_ms);
}

/* Two feeds of a channel say the same: what one lacks for so long it does not
 * get. */
static void compare(struct collector *c, struct place *p,
    const struct place *other, int64_t now_ms)
{
	if (p->behind_ms != 0 && p->spoke_ms >= p->behind_ms)
		p->behind_ms = 0;
	if (p->behind_ms == 0) {
		if (other->told_ms - p->spoke_ms > LAG_MS)
			p->behind_ms = now_ms;
		return;
	}
	if (now_ms - p->behind_ms < patience(p, BEHIND_MS))
		return;
	p->behind_ms = 0;
	silent(c, p, " and another connection is not", now_ms - p->spoke_ms);
}

/* States of the exchange are told to each connection in its first minute. */
static bool is_comparable(const struct source *s)
{
	return s->expect_ms == 0 && s->channel.id != CHANNEL_PLATFORM_STATE;
}

static void tick_places(struct collector *c, struct source *s, int64_t now_ms)
{
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++) {
		struct place *p = &s->place[side], *other = &s->place[!side];

		if (!p->live || p->channel.state != CHANNEL_LIVE)
			continue;
		if (p->misses > 0 && audit_doubt(c, p, now_ms))
			continue;
		if (s->expect_ms > 0)
			expect(c, p, now_ms);
		else if (other->live && is_comparable(s))
			compare(c, p, other, now_ms);
	}
}

static void ask_refused(struct source *s, int64_t now_ms)
{
	unsigned side;

	if (s->refused_ms == 0 || now_ms < s->refused_ms)
		return;
	s->refused_ms = 0;
	for (side = 0; side < COLLECTOR_SIDES; side++) {
		struct place *p = &s->place[side];

		if (p->feed != NULL && p->channel.state == CHANNEL_REFUSED)
			session_again(p->feed->session, &p->channel);
	}
}

/* Since when what is held can be told by the other place, too: a place that
 * came back meanwhile is not to overtake the other one at once. */
static int64_t waits_since(const struct source *s)
{
	int64_t ms = s->merge_ms;
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++)
		if (s->place[side].live && s->place[side].live_ms > ms)
			ms = s->place[side].live_ms;
	return ms;
}

/* What is held of a feed that is not aligned. */
static void tick_merge(struct collector *c, struct source *s, int64_t now_ms)
{
	if (!merge_waiting(s->merge)) {
		s->merge_ms = 0;
	} else if (s->merge_ms == 0) {
		s->merge_ms = now_ms;
	} else if (now_ms - waits_since(s) >= MERGE_WAIT_MS) {
		merge_settle(s->merge);
		intake_merged(c, s);
		s->merge_ms = 0;
	}
}

static void tick_source(struct collector *c, struct source *s, int64_t now_ms)
{
	if (s->carried) {
		tick_places(c, s, now_ms);
		ask_refused(s, now_ms);
	}
	if (s->merge != NULL)
		tick_merge(c, s, now_ms);
	if (s->channel.id == CHANNEL_BOOK_CHANGE)
		changes_tick(c, s, now_ms);
}

static void tick_canary(struct feed *f, int64_t now_ms)
{
	if (f->canary_ms == 0 || now_ms < f->canary_ms)
		return;
	f->canary_ms = 0;
	if (f->canary.channel.state == CHANNEL_REFUSED)
		session_again(f->session, &f->canary.channel);
}

/* We did not listen for so long (the process was stopped, say): what was not
 * heard meanwhile is no silence. */
static void forgive(struct collector *c, int64_t deaf_ms)
{
	size_t i, side;

	for (i = 0; i < c->sources; i++)
		for (side = 0; side < COLLECTOR_SIDES; side++) {
			struct place *p = &c->source[i]->place[side];

			p->spoke_ms += deaf_ms;
			p->told_ms += deaf_ms;
			p->behind_ms = 0;
		}
}

void feeds_tick(struct collector *c, int64_t now_ms)
{
	int64_t passed_ms = now_ms - c->feeds_ms;
	size_t i;

	if (c->feeds_ms != 0 && passed_ms > DEAF_MS)
		forgive(c, passed_ms);
	c->feeds_ms = now_ms;
	for (i = 0; i < c->sources; i++)
		tick_source(c, c->source[i], now_ms);
	for (i = 0; i < c->feeds; i++)
		tick_canary(c->feed[i], now_ms);
	if (c->options.rotate_ms > 0)
		rotate(c, now_ms);
}
