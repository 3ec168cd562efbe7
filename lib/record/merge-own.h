/*
 * What the files of a merge share; nobody else includes it.
 *
 *	merge.c		by contents alone
 *	merge-stamp.c	by contents and the exchange's times
 */
#ifndef RECORD_MERGE_OWN_H
#define RECORD_MERGE_OWN_H

#include "record/merge.h"

enum side_is { SIDE_AWAY, SIDE_WAITING, SIDE_ALIGNED };

struct side {
	enum side_is is;
	bool unsure;      /* its place is a lower bound */
	bool fresh;       /* it has brought nothing yet */
	int64_t strays;   /* not found, in a row */
	int64_t at;       /* its place: of its next message, from the first */
	int64_t appeared; /* the log's end when it joined */
};

struct list {
	struct merge_message *first, *last;
};

struct merge {
	bool stamped;  /* every message so far had a stamp */
	bool greets;   /* the first message of a subscription is for it alone */
	int64_t stamp; /* of the last message that was passed on */
	int64_t stamp_from; /* the place of the first with this stamp */
	int64_t end;        /* how many messages were passed on */
	struct side side[2];
	struct list held;  /* of the side that waits; there is one at most */
	struct list ready; /* to be popped */
	size_t held_count, held_bytes;
	size_t answers; /* what the other one brought since the first held */
	uint64_t log[MERGE_LOG];
};

_Static_assert(sizeof(struct merge) <= 1536, "there is one for every channel");

static inline int64_t merge_higher(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline struct side *merge_other(struct merge *m, const struct side *s)
{
	return &m->side[s == &m->side[0]];
}

static inline bool merge_is_alone(struct merge *m, const struct side *s)
{
	return merge_other(m, s)->is != SIDE_ALIGNED;
}

/* The oldest place that the log still has. */
static inline int64_t merge_oldest(const struct merge *m)
{
	return merge_higher(0, m->end - MERGE_LOG);
}

static inline uint64_t *merge_entry(struct merge *m, int64_t place)
{
	return &m->log[place % MERGE_LOG];
}

/* Whether nothing is held but what may be told to its side alone. */
static inline bool merge_is_greeting(const struct merge *m)
{
	return m->stamped && m->greets && m->held_count == 1 &&
	       m->held.first->first;
}

static inline void merge_align(struct side *s, int64_t place, bool unsure)
{
	s->is = SIDE_ALIGNED;
	s->unsure = unsure;
	s->fresh = false;
	s->at = place;
	s->strays = 0;
}

/* merge.c: a copy, or NULL without memory; the side's first one is that. */
struct merge_message *merge_copy(
    const struct side *s, const struct merge_news *news);

/* Holds it, or not (false) without room. */
bool merge_hold(struct merge *m, struct side *s, const struct merge_news *news);
struct merge_message *merge_shift_held(struct merge *m);
void merge_drop_held(struct merge *m);

/* A held message's turn has come: it is passed on. */
void merge_add(struct merge *m, struct merge_message *message);

/* The message of an aligned side is the next. */
enum merge_is merge_lead(
    struct merge *m, struct side *s, const struct merge_news *news);

/* merge-stamp.c: what merge_take() and merge_settle() do, by stamps. */
enum merge_is merge_take_stamped(
    struct merge *m, struct side *s, const struct merge_news *news);
/* All that is held is passed on.  Whether some of it is no orphan. */
bool merge_pass_held(struct merge *m);
/* The side that waits has left. */
void merge_orphan(struct merge *m);
void merge_settle_stamped(struct merge *m, struct side *s, bool alone);

#endif
