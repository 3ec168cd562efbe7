#include "record/merge-own.h"

#include <stdlib.h>
#include <string.h>

/* How many messages may be passed on between the moment from which a side is
 * subscribed and the one at which its acknowledgement is read; one whose first
 * message comes later than that is late. */
#define SLACK (MERGE_LOG / 2)

/* So many that the other side brought, and nothing of what is held among them,
 * are no accident: its course is another one. */
#define ANSWERS 8

static int64_t lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void append(struct list *l, struct merge_message *message)
{
	message->next = NULL;
	if (l->first == NULL)
		l->first = message;
	else
		l->last->next = message;
	l->last = message;
}

static struct merge_message *shift(struct list *l)
{
	struct merge_message *message = l->first;

	if (message != NULL)
		l->first = message->next;
	return message;
}

struct merge_message *merge_copy(
    const struct side *s, const struct merge_news *news)
{
	struct merge_message *message = malloc(sizeof(*message) + news->len);

	if (message == NULL)
		return NULL;
	message->digest = news->digest;
	message->stamp = news->stamp;
	message->first = s->fresh;
	message->orphan = false;
	message->len = news->len;
	if (news->len > 0)
		memcpy(message->text, news->text, news->len);
	return message;
}

struct merge_message *merge_shift_held(struct merge *m)
{
	struct merge_message *message = shift(&m->held);

	m->held_count--;
	m->held_bytes -= message->len;
	return message;
}

void merge_drop_held(struct merge *m)
{
	while (m->held_count > 0)
		free(merge_shift_held(m));
}

static void log_add(struct merge *m, uint64_t digest, int64_t stamp)
{
	if (stamp > m->stamp || m->end == 0) {
		m->stamp = stamp;
		m->stamp_from = m->end;
	}
	*merge_entry(m, m->end) = digest;
	m->end++;
}

void merge_add(struct merge *m, struct merge_message *message)
{
	log_add(m, message->digest, message->stamp);
	append(&m->ready, message);
}

enum merge_is merge_lead(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	struct merge_message *message = NULL;

	/* It must not overtake what has not been popped. */
	if (m->ready.first != NULL) {
		message = merge_copy(s, news);
		if (message == NULL)
			return MERGE_SEEN;
		append(&m->ready, message);
	}
	log_add(m, news->digest, news->stamp);
	merge_align(s, m->end, false);
	return message != NULL ? MERGE_HELD : MERGE_PASS;
}

/*
 * A place for a side that has brought nothing yet, by when it appeared.  The
 * lowest that it may be: looking forward finds the right one.  A side that is
 * late counts its messages until the log has the place.
 */
static void align_unheard(struct merge *m, struct side *s)
{
	merge_align(s, merge_higher(0, s->appeared - SLACK),
	    m->end - s->appeared < SLACK);
	s->fresh = true;
}

/* The held ones, of which the first has that place, take theirs: they are seen,
 * or new.  Whether the last one is new. */
static bool align_held(struct merge *m, struct side *s, int64_t place)
{
	bool is_new = false;

	for (; m->held_count > 0; place++) {
		struct merge_message *message = merge_shift_held(m);

		is_new = place >= m->end;
		if (is_new) {
			merge_add(m, message);
		} else {
			free(message);
		}
	}
	merge_align(s, place, false);
	return is_new;
}

struct overlap {
	int64_t place; /* of the first held one */
	size_t len;    /* equal ones at the end of what both have */
	bool whole;    /* nothing that both have differs */
	bool sure;
};

static struct overlap overlap_at(
    struct merge *m, const uint64_t *held, size_t count, int64_t place)
{
	struct overlap o = {.place = place};
	int64_t begin = merge_higher(0, merge_oldest(m) - place);
	int64_t end = lower((int64_t)count, m->end - place), i = end;
	bool changes = false;

	while (i > begin && held[i - 1] == *merge_entry(m, place + i - 1)) {
		i--;
		if (i + 1 < end && held[i] != held[i + 1])
			changes = true;
	}
	o.len = (size_t)(end - i);
	o.whole = i == begin && o.len > 0;
	o.sure = changes && o.len >= MERGE_MATCH;
	return o;
}

/* How the held ones lie on the log: the longest overlap, of several the
 * last; but the first of a run of repetitions.  Returns how many are sure. */
static unsigned find_overlap(
    struct merge *m, const struct side *s, struct overlap *best)
{
	uint64_t held[MERGE_HELD_MAX];
	size_t count = 0;
	unsigned sure = 0;
	int64_t place, last = 0;

	for (const struct merge_message *h = m->held.first; h != NULL;
	     h = h->next)
		held[count++] = h->digest;
	*best = (struct overlap){.len = 0};
	place = merge_higher(
	    merge_oldest(m) - (int64_t)count + 1, s->appeared - SLACK);
	for (; place < m->end; place++) {
		struct overlap o = overlap_at(m, held, count, place);

		sure += o.sure;
		if ((!o.whole && !o.sure) || o.len < best->len)
			continue;
		if (o.len > best->len || place > last + 1)
			*best = o;
		last = place;
	}
	return sure;
}

/* The other side goes on, yet brings nothing of what is held. */
static bool goes_on(struct merge *m, const struct side *s)
{
	return !merge_is_alone(m, s) && m->answers >= ANSWERS &&
	       2 * m->answers >= m->held_count;
}

static struct side *waiting_side(struct merge *m)
{
	for (int i = 0; i < 2; i++)
		if (m->side[i].is == SIDE_WAITING)
			return &m->side[i];
	return NULL;
}

/* Aligns the side as well as can be told now. */
static void settle(struct merge *m, struct side *s)
{
	struct overlap best;

	if (m->held_count == 0) {
		align_unheard(m, s);
		return;
	}
	if (m->stamped) {
		merge_settle_stamped(m, s, merge_is_alone(m, s));
		return;
	}
	find_overlap(m, s, &best);
	if (best.len > 0) {
		align_held(m, s, best.place);
	} else if (goes_on(m, s)) {
		merge_drop_held(m);
		merge_align(s, m->end, true);
	} else {
		align_held(m, s, m->end);
	}
}

/* Aligns the side if there is no doubt.  Whether the last held one is new. */
static bool align_if_sure(struct merge *m, struct side *s)
{
	struct overlap best;

	if (find_overlap(m, s, &best) != 1 || !best.sure)
		return false;
	return align_held(m, s, best.place);
}

/* All that the log has from the side's place on repeats what it brought last,
 * so that something else stands behind it. */
static bool only_repeats(struct merge *m, const struct side *s)
{
	int64_t place = s->at;

	if (place <= merge_oldest(m))
		return false;
	while (place < m->end &&
	       *merge_entry(m, place) == *merge_entry(m, s->at - 1))
		place++;
	return place == m->end;
}

/* Whether the message, not found from the side's place on, is new. */
static bool may_lead(struct merge *m, struct side *s, uint64_t digest)
{
	int64_t behind = m->end - s->at;

	/* One more of those that it brought last: too few of them were taken to
	 * be different ones when a place among them was a guess. */
	if (behind > 0 && s->at > merge_oldest(m) &&
	    *merge_entry(m, s->at - 1) == digest)
		return false;
	if (s->unsure)
		return merge_is_alone(m, s);
	if (behind == 0 || only_repeats(m, s))
		return true;
	s->strays++;
	return merge_is_alone(m, s) && s->strays > behind;
}

static enum merge_is hold(
    struct merge *m, struct side *s, const struct merge_news *news);

/* A message of an aligned side. */
static enum merge_is follow(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	s->fresh = false;
	if (s->at < merge_oldest(m)) {
		s->at++;
		return MERGE_SEEN;
	}
	for (int64_t place = s->at; place < m->end; place++)
		if (*merge_entry(m, place) == news->digest) {
			merge_align(s, place + 1,
			    s->unsure && place + 1 < m->end &&
				merge_is_alone(m, s));
			return MERGE_SEEN;
		}
	if (may_lead(m, s, news->digest))
		return merge_lead(m, s, news);
	if (s->unsure || s->strays < MERGE_MATCH || merge_is_alone(m, s))
		return MERGE_SEEN;
	/* Its place is a wrong one, or the log has a hole. */
	s->is = SIDE_WAITING;
	s->appeared = m->end;
	return hold(m, s, news);
}

/* The first message of a side that leads: if the other one, which was
 * acknowledged later but began earlier, has brought it already, what is held
 * before it is not left out. */
static bool begins_within_held(
    struct merge *m, const struct side *s, uint64_t digest)
{
	const struct merge_message *h = m->held.first;

	if (!s->fresh || m->held_count == 0)
		return false;
	while (h != NULL && h->digest != digest)
		h = h->next;
	return h != NULL;
}

/* Whether one more may be held.  The oldest are let go while the other side
 * goes on, which brings or brought them. */
static bool make_room(struct merge *m, const struct side *s, size_t len)
{
	size_t max = m->stamped ? MERGE_TIMED_MAX : MERGE_HELD_MAX;
	size_t bytes = m->stamped ? MERGE_TIMED_BYTES : MERGE_HELD_BYTES;

	while (m->held_count >= max || len > bytes - m->held_bytes) {
		if (m->held_count == 0 || !goes_on(m, s))
			return false;
		free(merge_shift_held(m));
	}
	return true;
}

bool merge_hold(struct merge *m, struct side *s, const struct merge_news *news)
{
	struct merge_message *message = NULL;

	if (make_room(m, s, news->len))
		message = merge_copy(s, news);
	if (message == NULL)
		return false;
	if (m->held_count == 0)
		m->answers = 0;
	append(&m->held, message);
	m->held_count++;
	m->held_bytes += news->len;
	return true;
}

/* A message of the side that waits. */
static enum merge_is hold(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	bool is_new;

	if (!merge_hold(m, s, news)) {
		settle(m, s);
		return follow(m, s, news);
	}
	is_new = align_if_sure(m, s);
	return s->is == SIDE_WAITING || is_new ? MERGE_HELD : MERGE_SEEN;
}

struct merge *merge_new(bool greets)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->stamped = true;
	m->greets = greets;
	return m;
}

void merge_free(struct merge *m)
{
	struct merge_message *message;

	if (m == NULL)
		return;
	merge_drop_held(m);
	while ((message = merge_pop(m)) != NULL)
		free(message);
	free(m);
}

void merge_join(struct merge *m, unsigned side)
{
	struct side *s = &m->side[side];

	if (s->is != SIDE_AWAY)
		return;
	s->appeared = m->end;
	s->is = SIDE_WAITING;
	s->fresh = true;
	/* Nobody else to wait for. */
	if (merge_other(m, s)->is == SIDE_AWAY)
		align_unheard(m, s);
}

void merge_leave(struct merge *m, unsigned side, bool well)
{
	struct side *s = &m->side[side], *waiting;

	if (s->is == SIDE_WAITING && m->stamped && !merge_is_greeting(m))
		merge_orphan(m);
	else if (s->is == SIDE_WAITING)
		merge_drop_held(m);
	s->is = SIDE_AWAY;
	waiting = waiting_side(m);
	if (waiting != NULL && well && merge_is_greeting(m))
		merge_drop_held(m);
	if (waiting != NULL)
		settle(m, waiting);
	else if (merge_other(m, s)->is == SIDE_AWAY)
		merge_pass_held(m);
}

static enum merge_is take(
    struct merge *m, struct side *s, const struct merge_news *news)
{
	struct side *other = merge_other(m, s);
	enum merge_is is;

	if (s->is == SIDE_WAITING && m->held_count == 0 &&
	    m->end - s->appeared >= SLACK)
		align_unheard(m, s);
	if (s->is == SIDE_WAITING)
		return hold(m, s, news);
	if (begins_within_held(m, s, news->digest)) {
		settle(m, other);
		follow(m, s, news);
		return MERGE_HELD;
	}
	is = follow(m, s, news);
	if (other->is == SIDE_WAITING) {
		m->answers++;
		align_if_sure(m, other);
	}
	return is;
}

/* From now on contents decide.  More may be held than they are good for. */
static void lose_times(struct merge *m)
{
	if (m->held_count > MERGE_HELD_MAX || m->held_bytes > MERGE_HELD_BYTES)
		merge_settle(m);
	m->stamped = false;
}

enum merge_is merge_take(
    struct merge *m, unsigned side, const struct merge_news *news)
{
	merge_join(m, side);
	if (news->stamp <= 0 && m->stamped)
		lose_times(m);
	if (m->stamped)
		return merge_take_stamped(m, &m->side[side], news);
	return take(m, &m->side[side], news);
}

struct merge_message *merge_pop(struct merge *m)
{
	return shift(&m->ready);
}

bool merge_waiting(const struct merge *m)
{
	/* A greeting waits for the other side, however long. */
	return m->held_count > 0 && !merge_is_greeting(m);
}

void merge_settle(struct merge *m)
{
	struct side *s = waiting_side(m);

	if (s == NULL)
		merge_pass_held(m);
	else if (m->held_count > 0)
		settle(m, s);
}
