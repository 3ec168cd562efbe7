/*
 * Which of a run of trade numbers are there, and which are to be asked for
 * (again).  Pure: asks nobody, keeps no rows.  Numbers may come in any order,
 * twice, and from outside of the run.
 */
#ifndef FETCH_SEQS_H
#define FETCH_SEQS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seqs {
	int64_t first;
	size_t n, have;
	unsigned char *is; /* a bit for each */
};

/* None of n numbers from first on is there; n is 1 or more.  -1: no memory. */
int seqs_init(struct seqs *s, int64_t first, size_t n);
void seqs_free(struct seqs *s);

enum seqs_is { SEQS_NEW, SEQS_SEEN, SEQS_OUTSIDE };

/* Notes a number, and says what it is. */
enum seqs_is seqs_take(struct seqs *s, int64_t seq);

bool seqs_has(const struct seqs *s, int64_t seq);

/* The first hole that begins after this number, no longer than max: both ends
 * within.  With first - 1 and then each *to it walks all of them, long ones in
 * pieces.  False: there is none. */
bool seqs_hole(const struct seqs *s, int64_t after, size_t max, int64_t *from,
    int64_t *to);

/* How long the pieces are in which holes are asked for after so many rounds
 * that brought nothing. */
size_t seqs_piece(const struct seqs *s, unsigned fruitless);

#endif
