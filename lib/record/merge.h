/*
 * Two feeds of one channel become one sequence.  Each side, while it is joined,
 * brings a contiguous run of the channel's messages in order; the runs may be
 * offset against each other, and each may be cut and begin again later.  Every
 * message is passed on once, in order, and none is missing while a side stays
 * joined.  No I/O and no clock; a message is known by its digest alone (see
 * record/digest.h), and by the exchange's time if it has one; texts are copied
 * only while they are held.
 *
 * While all messages of a channel have a time, these decide, and contents among
 * those of one millisecond: what is older than the last one that was passed on
 * is left out, what is newer is new.  A side that joins beside another one is
 * held until that one has brought a message that this one has, or a newer one;
 * what it has brought is held even if it leaves before that.  What follows is
 * about channels without times.
 *
 * The digests of the last MERGE_LOG messages that were passed on are the log;
 * an aligned side has its place in it.  What stands there has been seen; the
 * side at the log's end leads: what it brings is new.  Places decide and not
 * membership, since equal messages may follow each other.
 *
 * A side that joins beside an aligned one has no place yet.  Its messages are
 * held until they can lie at one place of the log only: by MERGE_MATCH of them
 * in a row, not all equal.  Those beyond the log's end are then passed on.
 * Without the other side (it left), or without more time (merge_settle(), or
 * the caps below while the other one is silent), the longest overlap decides:
 * of repetitions rather one too few than one too many.  Without an overlap the
 * held ones are the continuation; but if the other side goes on with messages
 * that are none of them they are dropped, and the side is in reserve.
 *
 * A message of an aligned side that is behind, not found further on in the log,
 * is left out (MERGE_SEEN) and the side keeps its place: the exchange dropped
 * it for, or conflated it into another one of, the side that was faster.  What
 * is newer has been passed on already, and order is worth more here than a
 * state that was superseded.  After MERGE_MATCH of these in a row the side is
 * held and aligned anew; when it is alone it leads after as many as it is
 * behind.  So two sides that are conflated differently yield the course of one
 * of them, not a mixture.  A side that is behind by more than the log has
 * counts its messages until it is not.
 *
 * In both cases, what is promised wants less than MERGE_HELD_MAX messages (with
 * times MERGE_TIMED_MAX) between the two sides.  A side alone is not told again
 * what the last MERGE_LOG / 2 messages were, so that a state repeated on a new
 * connection is not doubled.
 */
#ifndef RECORD_MERGE_H
#define RECORD_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERGE_LOG 128
#define MERGE_MATCH 3
#define MERGE_HELD_MAX 64
#define MERGE_HELD_BYTES (256 * 1024)
/* Of messages with times: what a busy channel says in two seconds. */
#define MERGE_TIMED_MAX 4096
#define MERGE_TIMED_BYTES (1024 * 1024)

struct merge;

enum merge_is {
	MERGE_PASS, /* pass it on now; then ask merge_pop() */
	MERGE_SEEN, /* the other side brought it, or something newer */
	MERGE_HELD  /* waits, the text was copied; ask merge_pop() too */
};

struct merge_news {
	uint64_t digest;
	int64_t stamp; /* the exchange's time, ms; 0: it has none */
	const char *text;
	size_t len;
};

struct merge_message {
	struct merge_message *next;
	uint64_t digest;
	int64_t stamp;
	bool first;  /* of its side */
	bool orphan; /* its side has left since */
	size_t len;
	char text[];
};

/* greets: what a subscription begins with may be a state that only it is told,
 * which is left out while the other side goes on (of messages with times).
 * NULL: no memory. */
struct merge *merge_new(bool greets);
void merge_free(struct merge *m);

/* The side (0 or 1) has been acknowledged on a fresh connection.  Again, or
 * after its first message: nothing changes. */
void merge_join(struct merge *m, unsigned side);

/* Its connection is lost; well: it had brought all that there was until now, so
 * that with which the other one began is nothing new.  Then ask merge_pop(). */
void merge_leave(struct merge *m, unsigned side, bool well);

/* Takes a message; its text is *borrowed*.  A message that would have to be
 * copied for which there is no memory is as if the side had not brought it. */
enum merge_is merge_take(
    struct merge *m, unsigned side, const struct merge_news *news);

/* The next held message whose turn has come; the caller frees it.  NULL: none.
 * Whoever passes one on before all that came are popped breaks the order. */
struct merge_message *merge_pop(struct merge *m);

/* Whether something is held, whose turn has not come. */
bool merge_waiting(const struct merge *m);

/* It has waited long enough: what is held is let go, and the side counts as
 * aligned.  Longer than one side may lag behind the other, or what only the
 * slower one was about to bring is overtaken and left out. */
void merge_settle(struct merge *m);

#endif
