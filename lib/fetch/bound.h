/*
 * Where a time lies among the trade numbers of an instrument: which is the last
 * before it, and which the first at or after it.  It is proven when the two are
 * neighbours, whatever the pages were like that they came from.  Pure: says
 * what to ask, and is told the rows.  All-zero but at_ms is the beginning.
 */
#ifndef FETCH_BOUND_H
#define FETCH_BOUND_H

#include <stdbool.h>
#include <stdint.h>

struct bound {
	int64_t at_ms;
	bool open;              /* the time is beyond all trades */
	int64_t before, behind; /* numbers; 0: none is known */
	unsigned asked, quiet;  /* calls; those in a row that brought nothing */
	bool moved;             /* by this call */
};

enum bound_ask {
	BOUND_DONE,
	BOUND_BEHIND, /* the first ones by time, from at_ms on */
	BOUND_BEFORE, /* the last ones by time, before at_ms */
	BOUND_NUMBERS /* those from *from to *to */
};

/* What to ask next; *from and *to for BOUND_NUMBERS only.  rows: of a call. */
enum bound_ask bound_next(
    const struct bound *b, int64_t rows, int64_t *from, int64_t *to);

/* A row of the reply; then the reply's end. */
void bound_row(struct bound *b, int64_t seq, int64_t timestamp_ms);
void bound_reply(struct bound *b);

/* Whether the two are neighbours, or the first is number 1. */
bool bound_is_proven(const struct bound *b);

/* When done: the first number at or after the time, the last before it (0:
 * there is none).  Numbers between the two that nobody has are both after it
 * and before it, so that they will be missed. */
int64_t bound_first(const struct bound *b);
int64_t bound_last(const struct bound *b);

#endif
