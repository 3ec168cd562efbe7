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

/*
 * trade_seq of one instrument: dense, so a jump is a hole.
 */
struct sequence {
	int64_t max;   /* the highest seen, -1: none */
	uint64_t seen; /* bit i: max - i was seen */
};

enum sequence_is { SEQUENCE_NEXT, SEQUENCE_JUMP, SEQUENCE_LATE, SEQUENCE_SEEN };

/* Takes a number.  JUMP: those between the former max and this are missing.
 * LATE: an older one, not known to have been seen.  SEEN: a repetition. */
enum sequence_is sequence_take(struct sequence *s, int64_t seq);

/* A late trade has filled a hole that still waits: makes it smaller.  A hole of
 * which nothing is left has from_seq > to_seq. */
void gap_fill(struct gap *gap, int64_t seq);

#endif
