/*
 * A book rebuilt from a channel's messages, for tests: two books can be
 * compared as text.  A price is a decimal value, never its text (0.1 and 1.0e-1
 * are the same level) and never a double.  No collector keeps levels.
 */
#ifndef TESTS_LEVELS_H
#define TESTS_LEVELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "io/json.h"

#define LEVELS_MAX 100000 /* of both sides together */
#define LEVELS_DIGITS 32

/* sign * 0.DIGITS * 10^point; the first and the last digit are not 0. */
struct levels_number {
	int sign; /* 0: it is 0, and all else is */
	int point;
	size_t n;
	char digit[LEVELS_DIGITS];
};

struct level {
	struct levels_number price, amount;
};

struct levels_side {
	struct level *level; /* best first */
	size_t n, size;
};

struct levels {
	struct levels_side bids, asks;
};

/* Sets the sizes that a message's bids and asks name ([action, price, amount]
 * or [price, amount]); 0 deletes.  Of a snapshot the caller first clears.  -1:
 * it is not understood, or is too much; what stood before that is applied. */
int levels_apply(struct levels *l, struct json_span data);

/* Appends "bid PRICE AMOUNT" and "ask PRICE AMOUNT" lines, best first; the same
 * book gives the same text.  -1: the buffer's cap. */
int levels_text(const struct levels *l, struct buf *out);

/* Whether the best bid is not below the best ask. */
bool levels_crossed(const struct levels *l);

/* Forgets the levels, keeps the memory; and frees it. */
void levels_clear(struct levels *l);
void levels_free(struct levels *l);

#endif
