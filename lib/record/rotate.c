/* What feeds need now and then: connections renewed, channels that are silent
 * or were refused asked for again. */
#include <stdlib.h>

#include "base/log.h"
#include "record/collect.h"

/* Two connections carry the same for so long, once both are settled. */
#define OVERLAP_MS 2000
/* What a feed that is not aligned brought is held at most so long. */
#define MERGE_WAIT_MS 2000
/* A channel that is silent in spite of new subscriptions is asked ever more
 * rarely. */
#define EXPECT_MAX_MS 3600000

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

static bool all_whole(const struct collector *c)
{
	size_t i;

	for (i = 0; i < c->feeds; i++)
		if (!is_whole(c->feed[i]) || c->feed[i]->heir != NULL)
			return false;
	return true;
}

static bool any_waits(const struct collector *c, const struct feed *f)
{
	size_t i;

	for (i = 0; i < c->sources; i++)
		if (c->source[i]->place[f->side].feed == f &&
		    c->source[i]->merge != NULL &&
		    merge_waiting(c->source[i]->merge))
			return true;
	return false;
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
		    now_ms - f->heir->settled_ms >= OVERLAP_MS &&
		    !any_waits(c, f->heir)) {
			retire(c, f);
			return;
		}
		if (oldest == NULL || f->born_ms < oldest->born_ms)
			oldest = f;
	}
	if (oldest != NULL && all_whole(c) &&
	    now_ms - oldest->born_ms >= c->options.rotate_ms)
		renew(c, oldest, now_ms);
}

static void again(struct collector *c, struct source *s, const char *reason)
{
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++) {
		struct place *p = &s->place[side];

		if (p->feed == NULL)
			continue;
		if (p->live)
			feeds_place_lost(c, p, reason, s->suspect_ms);
		session_again(p->feed->session, &p->channel);
	}
}

void feeds_again(struct collector *c, struct source *s, int64_t since_ms)
{
	s->suspect_ms = since_ms;
	c->resyncs++;
	again(c, s, "stall");
}

/* Its class speaks at least so often, and it does not. */
static void expect(struct collector *c, struct source *s, int64_t now_ms)
{
	int64_t silent_ms = now_ms - s->heard_ms;

	if (s->live == 0 || silent_ms < s->patience_ms)
		return;
	log_info("%s is silent for %lld s; subscribing to it again", s->name,
	    (long long)(silent_ms / 1000));
	feeds_again(c, s, collector_wall_ms() - silent_ms);
	s->heard_ms = now_ms;
	if (s->patience_ms < EXPECT_MAX_MS)
		s->patience_ms *= 2;
}

static void tick_source(struct collector *c, struct source *s, int64_t now_ms)
{
	if (s->expect_ms > 0 && s->carried)
		expect(c, s, now_ms);
	if (s->channel.id == CHANNEL_BOOK_CHANGE)
		changes_tick(c, s, now_ms);
	if (s->refused_ms != 0 && now_ms >= s->refused_ms && s->carried) {
		s->refused_ms = 0;
		again(c, s, "disconnect");
	}
	if (s->merge == NULL || !merge_waiting(s->merge)) {
		s->merge_ms = 0;
	} else if (s->merge_ms == 0) {
		s->merge_ms = now_ms;
	} else if (now_ms - s->merge_ms >= MERGE_WAIT_MS) {
		merge_settle(s->merge);
		intake_merged(c, s);
		s->merge_ms = 0;
	}
}

void feeds_tick(struct collector *c, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < c->sources; i++)
		tick_source(c, c->source[i], now_ms);
	if (c->options.rotate_ms > 0)
		rotate(c, now_ms);
}
