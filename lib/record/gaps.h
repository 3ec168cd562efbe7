/*
 * Holes that wait to be written.  A gap record is never lost: it waits here
 * until the output queue takes it, and a hole that grows meanwhile is merged
 * into the one that waits.  The structs live in their owners'.
 */
#ifndef RECORD_GAPS_H
#define RECORD_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"

struct gap {
	struct record_gap what; /* its strings are *borrowed* */
	bool waits;
	struct gap *next;
};

struct gaps {
	struct gap *first, *last;
};

/* Lets a hole wait.  One of this gap that waits already grows to hold both. */
void gaps_add(struct gaps *g, struct gap *gap, int64_t from_ms, int64_t to_ms,
    int64_t from_seq, int64_t to_seq);

/* The first that waits, NULL for none; and takes it off. */
struct gap *gaps_first(struct gaps *g);
void gaps_shift(struct gaps *g);

#endif
