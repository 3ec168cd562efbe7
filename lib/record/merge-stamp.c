/*
 * Two feeds whose messages bear the exchange's time, which does not go back
 * within a channel.  What is older than the last one that was passed on has
 * been passed on, or is superseded; what is newer is new.  Contents decide
 * among those of one millisecond.
 *
 * A side that joins beside another one waits until that one has brought one of
 * its messages, or a newer one: from there on it lacks nothing.  With the first
 * message of a subscription the exchange may tell a state that it tells nobody
 * else; it is left out when the other side goes on.
 */
#include "record/merge-own.h"

#include <stdlib.h>

/* Of the only side there is: older by so much, or so many that are older and
 * unknown, and the times began anew. */
#define AGE_MAX_MS 3600000
#define STRAYS_MAX MERGE_HELD_MAX

/* Where the message stands in the log, from the side's place on; or -1. */
static int64_t find(struct merge *m, const struct side *s, uint64_t digest)
{
	int64_t place = merge_higher(s->at, merge_oldest(m));

	if (s->is == SIDE_WAITING)
		place = merge_higher(m->stamp_from, merge_oldest(m));
	for (; place < m->end; place++)
		if (*merge_entry(m, place) == digest)
			return place;
	return -1;
}

static void pass_held(struct merge *m)
{
	while (m->held_count > 0)
		merge_add(m, merge_shift_held(m));
}

void merge_settle_stamped(struct merge *m, struct side *s, bool alone)
{
	/* It may be for this side alone, and is, if the other one goes on. */
	if (!alone && merge_is_greeting(m))
		return;
	pass_held(m);
	merge_align(s, m->end, false);
}

/* The side waits no longer: its next message is at this place or later. */
static void join_at(struct merge *m, struct side *s, int64_t place)
{
	merge_align(s, place, false);
	if (m->held_count > 0) {
		pass_held(m);
		s->at = m->end;
	}
}

static enum merge_is take_waiting(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	int64_t place = find(m, s, news->digest);

	if (place != -1) {
		join_at(m, s, place + 1);
		return MERGE_SEEN;
	}
	if (m->end > 0 && news->stamp < m->stamp) {
		join_at(m, s, m->stamp_from);
		return MERGE_SEEN;
	}
	if (merge_hold(m, s, news)) {
		s->fresh = false;
		return MERGE_HELD;
	}
	merge_settle_stamped(m, s, true);
	return merge_lead(m, s, news);
}

/* Whether it is among the held ones. */
static bool is_held(const struct merge *m, const struct merge_news *news)
{
	const struct merge_message *h = m->held.first;

	while (h != NULL && h->stamp <= news->stamp &&
	       (h->stamp != news->stamp || h->digest != news->digest))
		h = h->next;
	return h != NULL && h->stamp == news->stamp;
}

/* What the other side holds from before this message, which the side brings: it
 * will not bring them any more.  True: the other one holds the message, too. */
static bool meet(struct merge *m, const struct side *s,
    const struct side *other, const struct merge_news *news)
{
	bool met = other->is == SIDE_WAITING && is_held(m, news);

	while (other->is == SIDE_WAITING && m->held_count > 0) {
		struct merge_message *h = m->held.first;
		bool same = h->stamp == news->stamp &&
		            h->digest == news->digest;

		if (!met && h->stamp >= news->stamp)
			break;
		h = merge_shift_held(m);
		if (same || (h->first && !s->fresh))
			free(h);
		else
			merge_add(m, h);
		if (same)
			break;
	}
	return met;
}

static enum merge_is lead(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	struct side *other = merge_other(m, s);
	bool held = m->held_count > 0;
	bool met = meet(m, s, other, news);
	enum merge_is is = merge_lead(m, s, news);

	if (met)
		join_at(m, other, m->end);
	else if (held && m->held_count == 0)
		/* This one is ahead of all that it brought. */
		join_at(m, other, m->end - 1);
	return is;
}

static bool is_known(struct merge *m, uint64_t digest)
{
	int64_t place = merge_oldest(m);

	while (place < m->end && *merge_entry(m, place) != digest)
		place++;
	return place < m->end;
}

static bool began_anew(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	return m->stamp - news->stamp > AGE_MAX_MS ||
	       (!is_known(m, news->digest) && ++s->strays > STRAYS_MAX);
}

/* Whether a message that is not in the log is passed on. */
static bool is_news(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	if (news->stamp >= m->stamp || s->at >= m->end)
		return true;
	/* Behind by more than the log has: counted, as far as it is not. */
	if (s->at < merge_oldest(m)) {
		s->at++;
		return false;
	}
	if (!merge_is_alone(m, s) || !began_anew(m, s, news))
		return false;
	m->stamp = news->stamp;
	m->stamp_from = m->end;
	return true;
}

enum merge_is merge_take_stamped(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	int64_t place;

	if (s->is == SIDE_WAITING)
		return take_waiting(m, s, news);
	place = find(m, s, news->digest);
	if (place != -1) {
		merge_align(s, place + 1, false);
		return MERGE_SEEN;
	}
	if (is_news(m, s, news))
		return lead(m, s, news);
	s->fresh = false;
	return MERGE_SEEN;
}
