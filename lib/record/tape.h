/*
 * The trades of one instrument by trade_seq (dense, from 1, in steps of 1):
 * each is passed on once and in order, whatever order and however often they
 * come: live, repeated after a reconnect, from a second connection, from a page
 * of a repair.  What is beyond a hole is held until the hole is filled or given
 * up.  It asks for nothing and waits for nothing: its owner sees the holes,
 * fetches, and decides when it is enough.  An all-zero tape is empty.
 */
#ifndef RECORD_TAPE_H
#define RECORD_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When a trade was made and when it came, by the owner's clock, and when it was
 * made by the exchange's. */
struct tape_times {
	int64_t made_ms, came_ms, stamp_ms;
};

struct tape_trade {
	struct tape_trade *next;
	int64_t seq;
	struct tape_times times;
	bool repaired; /* as it was when it came first */
	size_t len;
	char text[]; /* no NUL behind it */
};

struct tape {
	int64_t next; /* the number to come; 0: the first that comes begins */
	struct tape_trade *held; /* ascending, each once, none below next */
	struct tape_trade *tail;
	struct tape_trade *at; /* where one was held or met last, or NULL */
	size_t held_n;
	size_t held_bytes;       /* texts and their structs */
	struct tape_times times; /* the owner's word on what it gives next */
};

enum tape_is {
	TAPE_NEXT, /* pass it on now, then ask tape_pop() */
	TAPE_SEEN, /* was passed on, is held already, or was given up */
	TAPE_HELD, /* waits behind a hole; its text was copied */
	TAPE_FULL  /* would wait, but there is no room or no memory for it: it
	              was  not taken, and a later one will show the hole */
};

/* What is to come is known: 1 for a new listing, a number from a state file.
 * Held ones below it are dropped; ask tape_pop() if any are held. */
void tape_begin(struct tape *t, int64_t next);

/* Takes a trade; seq is in [1, INT64_MAX / 2].  The text is *borrowed*.  What
 * is held together never exceeds held_max bytes. */
enum tape_is tape_take(struct tape *t, int64_t seq, const char *text,
    size_t len, bool repaired, size_t held_max);

/* The next of those held if its turn has come (the caller frees it with
 * free()), else NULL.  To be asked until it is NULL. */
struct tape_trade *tape_pop(struct tape *t);

/* The first hole, both ends included.  False: there is none. */
bool tape_hole(const struct tape *t, int64_t *from, int64_t *to);

/* The first hole whose end is beyond seq: with 0 and then each *to it walks all
 * of them. */
bool tape_hole_after(
    const struct tape *t, int64_t seq, int64_t *from, int64_t *to);

/* Gives the first hole up, if there is one; then ask tape_pop(). */
void tape_skip(struct tape *t);

/* Frees what is held; the tape is as new. */
void tape_free(struct tape *t);

#endif
