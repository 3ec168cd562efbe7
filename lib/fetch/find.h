/*
 * Which trade numbers a time means: those between which it lies, for an
 * instrument (fetch/bound.h); for a market those that were seen, read page by
 * page (record/reach.h), which also tells which instruments have traded at all.
 * What is found is noted in the state (fetch/resume.h) as numbers that are
 * wanted, and so is the time that was looked through, so that nothing is looked
 * for twice.  Emits nothing: fetch/trades.h asks for what is wanted.
 */
#ifndef FETCH_FIND_H
#define FETCH_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/resume.h"

/* Everything is *borrowed*. */
struct find_options {
	struct rest *rest;  /* has the trades */
	struct rest *clock; /* knows the time; may be the same */
	struct resume *resume;
	int64_t rows;       /* of a call */
	bool old;           /* the host of the history */
	const char *wanted; /* the state's words: "wanted", */
	const char *looked; /* "looked through" */
};

struct find;

struct find *find_new(const struct find_options *options, struct fault *fault);
void find_free(struct find *f);

/* What is to be found, as far as the state does not know: [from, to), ms.  A
 * market is all of a base currency that is settled in one: settlement is the
 * exchange's currency parameter; kind is ours, or NULL for all; loose: it is
 * the exchange's, whose futures have perpetuals among them.  -1: no memory. */
int find_market(struct find *f, const char *name, const char *settlement,
    const char *kind, bool loose, int64_t from, int64_t to,
    struct fault *fault);
int find_instrument(struct find *f, const char *name, int64_t from, int64_t to,
    struct fault *fault);

/* Numbers from first to the last that there is. */
int find_tail(
    struct find *f, const char *name, int64_t first, struct fault *fault);

/* Asks until all is found.  0, also if calls failed (see find_failed()); -1
 * with *fault: stopped (EX_TEMPFAIL), the state, no memory. */
int find_run(struct find *f, struct fault *fault);

/* How many searches failed, and why the first did. */
size_t find_failed(const struct find *f, struct fault *first);

#endif
