/*
 * A series over a span of time, of many instruments: which calls bring it, so
 * many under way as REST takes, what is emitted, flushed and then noted in the
 * state, how far it is.  What a call asks and what its reply means is its
 * owner's (candles, funding).  A call that fails costs its part, which the
 * state then lacks, and the others go on.
 */
#ifndef FETCH_SERIES_H
#define FETCH_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/emit.h"
#include "fetch/progress.h"
#include "fetch/resume.h"
#include "fetch/targets.h"
#include "fetch/window.h"
#include "io/json.h"

#define SERIES_QUERY_MAX 400

struct series;

/* What a call is for: [from, to) of an instrument, milliseconds. */
struct series_part {
	const struct target *target;
	int64_t from, to;
	/* Asked for before, so often: it was not there, the reply was no
	 * use. */
	int missed, refused;
};

/* How a series is asked for, and what becomes of a reply. */
struct series_kind {
	const char *method;
	const char *what; /* the state's word */
	int64_t span_ms;  /* of one call at most */
	/* The parameters for a part, to out of SERIES_QUERY_MAX bytes. */
	void (*query)(void *arg, const struct series_part *part, char *out);
	/* Emits the records of a reply; *known is how far they are known then:
	 * part->to, or before it when rows may still come.  -1 with *fault:
	 * EX_DATAERR (the reply is none), or as emit_flush().  It may say more
	 * by series_have() and series_again(). */
	int (*take)(void *arg, const struct series_part *part,
	    struct json_span result, int64_t *known, struct fault *fault);
	/* What is wanted of a target, if not all times alike: the first range
	 * that has anything behind `at`; 1, or 0.  May be NULL. */
	int (*wants)(void *arg, const struct target *target, int64_t at,
	    int64_t *from, int64_t *to);
	void *arg;
};

/* Everything is *borrowed* for the run. */
struct series {
	const struct series_kind *kind;
	struct rest *rest;
	struct emit *emit;
	struct resume *resume;
	const struct targets *targets;
	int64_t from, to;                 /* milliseconds, to is not within */
	size_t failed;                    /* calls, of this run */
	struct fault first;               /* of them */
	struct series_list *have, *again; /* of series_run() */
};

/* Fetches what the state lacks of it.  0, also if calls failed (see failed); -1
 * with *fault: stopped (EX_TEMPFAIL), the output (EX_IOERR), the state, no
 * memory. */
int series_run(struct series *s, struct fault *fault);

/* How a program ends whose calls failed: 0 if none did, else -1 with *fault,
 * the exit code of the first; has_state: what is missing can be asked for
 * again. */
int series_end(const struct series *s, bool has_state, struct fault *fault);

/* For take(): [from, to) of the part is known, once it is flushed; and: is to
 * be asked for once more, before what has not been asked for.  -1: no memory.
 */
int series_have(struct series *s, const struct series_part *part, int64_t from,
    int64_t to, struct fault *fault);
int series_again(
    struct series *s, const struct series_part *part, struct fault *fault);

#endif
