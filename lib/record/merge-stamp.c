/*
 * Two feeds whose messages bear the exchange's time, which does not go back
 * within a channel.  What is older than the last one that was passed on has
 * been passed on, or is superseded; what is newer is new.  Contents decide
 * among those of one millisecond.
 *
 * A side that joins beside another one waits until that one has brought one of
 * its messages, or a newer one: from there on it lacks nothing.  If it leaves
 * before that, what it has brought waits all the same: nobody else may have it.
 * With the first message of a subscription the exchange may tell a state that
 * it tells nobody else; it is left out when the other side goes on.
 */
#include "record/merge-own.h"

#include <stdlib.h>

/* Of the only side there is: older by so much, or so many that are older and
 * unknown, and the times began anew.  Those that are no older than a side may
 * be late are many when the other one, which was ahead, has left. */
#define AGE_MAX_MS 3600000
#define LATE_MAX_MS 10000
#define STRAYS_MAX MERGE_HELD_MAX
#define STRAYS_LATE_MAX MERGE_TIMED_MAX

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

bool merge_pass_held(struct merge *m)
{
	bool own = false;

	while (m->held_count > 0) {
		struct merge_message *h = merge_shift_held(m);

		own |= !h->orphan;
		merge_add(m, h);
	}
	return own;
}

void merge_orphan(struct merge *m)
{
	struct merge_message *h;

	for (h = m->held.first; h != NULL; h = h->next)
		h->orphan = true;
}

/* The side waits no longer: its next message is at this place or later, or
 * behind what is held of it, which is passed on.  Orphans it may yet bring. */
static void join_at(struct merge *m, struct side *s, int64_t place)
{
	if (merge_pass_held(m))
		place = m->end;
	merge_align(s, place, false);
}

/* The other one brought this message.  What is held of the side is of the same
 * millisecond: a state that it alone was told, or what the other one has yet to
 * bring.  Some that follow may stand in the log already. */
static void met_at(struct merge *m, struct side *s, int64_t place)
{
	if (m->greets && m->held_count > 0 && m->held.first->first &&
	    !m->held.first->orphan)
		free(merge_shift_held(m));
	merge_pass_held(m);
	merge_align(s, place + 1, false);
}

void merge_settle_stamped(struct merge *m, struct side *s, bool alone)
{
	/* It may be for this side alone, and is, if the other one goes on. */
	if (!alone && merge_is_greeting(m))
		return;
	join_at(m, s, m->end);
}

/* From this held one on, the first that is the same, or NULL. */
static struct merge_message *find_same(
    struct merge_message *h, const struct merge_news *news)
{
	while (h != NULL && h->stamp <= news->stamp &&
	       (h->stamp != news->stamp || h->digest != news->digest))
		h = h->next;
	return h != NULL && h->stamp == news->stamp ? h : NULL;
}

static enum merge_is take_waiting(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	int64_t place = find(m, s, news->digest);
	struct merge_message *h = NULL;

	/* Mostly it is newer than all of them. */
	if (m->held_count > 0 && news->stamp <= m->held.last->stamp)
		h = find_same(m->held.first, news);
	while (h != NULL && !h->orphan)
		h = find_same(h->next, news);
	if (place != -1) {
		met_at(m, s, place);
		return MERGE_SEEN;
	}
	if (m->end > 0 && news->stamp < m->stamp) {
		join_at(m, s, m->stamp_from);
		return MERGE_SEEN;
	}
	/* An earlier connection of this side has brought it. */
	if (h != NULL) {
		h->orphan = false;
		s->fresh = false;
		return MERGE_SEEN;
	}
	if (merge_hold(m, s, news)) {
		s->fresh = false;
		return MERGE_HELD;
	}
	merge_settle_stamped(m, s, true);
	return merge_lead(m, s, news);
}

/* What is held from before this message, which the side brings: it will not
 * bring them any more.  *own: some of it the other side brought, which is there
 * still. Whether that one brought this message, too. */
static bool meet(struct merge *m, const struct side *s,
    const struct merge_news *news, bool *own)
{
	const struct merge_message *same = find_same(m->held.first, news);
	bool met = same != NULL && !same->orphan;

	*own = false;
	while (m->held_count > 0) {
		struct merge_message *h = m->held.first;
		bool is_last = h == same;

		if (same == NULL && h->stamp >= news->stamp)
			break;
		h = merge_shift_held(m);
		*own |= !h->orphan;
		if (is_last || (h->first && !s->fresh))
			free(h);
		else
			merge_add(m, h);
		if (is_last)
			break;
	}
	return met;
}

static enum merge_is lead(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	struct side *other = merge_other(m, s);
	bool own, met = meet(m, s, news, &own);
	enum merge_is is = merge_lead(m, s, news);

	if (other->is != SIDE_WAITING)
		return is;
	if (met)
		join_at(m, other, m->end);
	else if (own && m->held_count == 0)
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
	int64_t age_ms = m->stamp - news->stamp;
	int64_t max = age_ms > LATE_MAX_MS ? STRAYS_MAX : STRAYS_LATE_MAX;

	return age_ms > AGE_MAX_MS ||
	       (!is_known(m, news->digest) && ++s->strays > max);
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
