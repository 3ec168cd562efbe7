/*
 * The chain of an incremental book channel (book.{instrument}.{interval}): a
 * snapshot, then changes of which each names the change_id before it.  Enough
 * for one who passes messages on and has to know whether they are whole; levels
 * are not kept.  change_id is a counter that many instruments share: it jumps,
 * and only prev_change_id tells a hole.  An all-zero book has seen nothing.
 */
#ifndef RECORD_BOOK_H
#define RECORD_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "io/json.h"

struct book_message {
	bool snapshot;
	bool has_change;
	int64_t change_id;
	bool has_prev;
	int64_t prev;
};

struct book {
	int64_t last; /* the change_id that the next has to name */
	bool valid;   /* whole since its snapshot */
	bool fresh;   /* nothing was taken since the snapshot */
	bool told;    /* while it is not valid: BOOK_GAP was said */
};

enum book_is {
	BOOK_SNAPSHOT, /* begins anew: pass it on */
	BOOK_NEXT,     /* pass it on */
	BOOK_STALE,    /* the book has it already: leave it out */
	BOOK_GAP,      /* the chain is broken: leave all out until a snapshot */
	BOOK_WAITS     /* it is still broken, and was told: leave it out */
};

/* Whether a channel's name is of a chain; those with a group and a depth (a
 * whole window each time) are not. */
bool book_is_chain(struct json_span channel);

/* Reads the members that matter out of an object that the scanner validated.
 * -1: it has no change_id. */
int book_read(struct json_span data, struct book_message *out);

/* Takes the next message of the channel. */
enum book_is book_take(struct book *b, const struct book_message *m);

/* The connection is gone, or the channel is subscribed anew: what comes without
 * a snapshot is a gap of its own. */
void book_lost(struct book *b);

/*
 * Of a channel that two connections carry, the one chain that is passed on:
 * each change once, by whoever brings it first.  An all-zero line has passed
 * nothing on.
 */
struct book_line {
	int64_t last;  /* the change_id that was passed on last */
	bool on[2];    /* this side's chain has met it */
	int64_t at[2]; /* where this side is; 0: nowhere */
};

enum book_turn {
	BOOK_PASS,  /* it follows what was passed on, or begins anew */
	BOOK_SEEN,  /* the other side brought it, or will bring what it tells */
	BOOK_ASTRAY /* this side's chain goes on beside the line, not from it */
};

/* Takes a message that the side's own chain took as BOOK_SNAPSHOT or BOOK_NEXT.
 */
enum book_turn book_line_take(struct book_line *l, unsigned side,
    enum book_is is, const struct book_message *m);

/* The side brings nothing more until its next snapshot. */
void book_line_leave(struct book_line *l, unsigned side);

#endif
