/*
 * The state file of a backfill: which parts of what was asked for are in the
 * output, so that the next run neither asks for them again nor leaves any out.
 * A part is added when its records are flushed, never before.  One process has
 * the file at a time; what is new is appended and synced, and now and then the
 * file is replaced by a shorter one that says the same.  Knows no exchange: an
 * instrument, a word for what is fetched of it ("candle 1", "funding"), and
 * numbers.
 *
 *	{"state":"deribit-funding","version":2}
 *	{"instrument_name":"BTC-PERPETUAL","what":"funding","from":1,"to":9}
 *	...
 *
 * A part has what is from `from` on and before `to`.  Who asks for other times
 * finds what is there and lacks the rest; another word begins anew.
 */
#ifndef FETCH_RESUME_H
#define FETCH_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct resume;

/* Locks and reads the file; without a path, nothing is kept.  whose: the
 * program's name (*borrowed*, as path is).  NULL with *fault: EX_TEMPFAIL (in
 * use), EX_CONFIG (no state of this program's; it is left as it is),
 * EX_CANTCREAT, EX_NOINPUT, EX_IOERR, EX_OSERR. */
struct resume *resume_open(
    const char *path, const char *whose, struct fault *fault);
void resume_close(struct resume *r);

/* Whether the file was there: this run goes on with another's. */
bool resume_goes_on(const struct resume *r);

/* The first part of [from, to) that is not in the output: 1 and [*begin, *end),
 * or 0. */
int resume_lacks(const struct resume *r, const char *instrument,
    const char *what, int64_t from, int64_t to, int64_t *begin, int64_t *end);

/* [from, to) has been flushed.  -1: no memory. */
int resume_add(struct resume *r, const char *instrument, const char *what,
    int64_t from, int64_t to, struct fault *fault);

/* Calls each() for every part with this word, in the order in which the
 * instruments came; nothing may be added meanwhile.  -1 as soon as each() says
 * so. */
int resume_each(const struct resume *r, const char *what,
    int (*each)(void *arg, const char *instrument, int64_t from, int64_t to),
    void *arg);

/* The sentence of a run that was stopped (EX_TEMPFAIL): how to go on, with this
 * state file or (NULL) without one.  -1. */
int resume_stopped(const char *path, struct fault *fault);

/* Saves what was added since.  -1 with *fault. */
int resume_save(struct resume *r, struct fault *fault);

#endif
