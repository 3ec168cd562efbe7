/*
 * What is missing, as gap records say it (deribit-ndjson(5)): lines of a
 * descriptor to lists of times and of trade numbers, each instrument's own,
 * sorted, those that overlap or touch made one.  Other records pass by.  A bad
 * line costs a sentence with its number, and the rest goes on.
 */
#ifndef FETCH_RANGES_H
#define FETCH_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/table.h"

struct range {
	int64_t from, to; /* both within */
};

struct range_list {
	struct range *range;
	size_t n;
};

/* What is missing of an instrument, or of all instruments of a kind and
 * currency (as the gap of a channel of many says it): then name is "". */
struct range_set {
	char *name;
	char *kind, *currency;   /* "" where the record has none */
	struct range_list times; /* milliseconds */
	struct range_list seqs;  /* trade_seq */
	char *key;
};

struct ranges {
	struct range_set *set; /* in the order in which they came */
	size_t n;
	uint64_t gaps, others, bad; /* lines */
	struct table table;
};

/* Reads until the end of input.  Taken are the gaps whose channel begins with
 * prefix (NULL: of all), also those that name none; not those that say that
 * they are repaired.  0, also if lines were bad (see bad: EX_DATAERR is to be
 * the program's end); -1: input cannot be read, no memory. */
int ranges_read(
    struct ranges *r, int fd, const char *prefix, struct fault *fault);
void ranges_free(struct ranges *r);

/* Adds one by hand.  -1: no memory. */
int ranges_list_add(struct range_list *l, int64_t from, int64_t to);

/* Sorts and merges. */
void ranges_list_settle(struct range_list *l);

#endif
