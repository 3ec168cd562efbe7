/*
 * Trades by their numbers: what is wanted and not yet in the output
 * (fetch/resume.h) is asked for in runs of so many numbers a call, the rows are
 * compared with the numbers (fetch/seqs.h), holes are asked for again in
 * smaller pieces, and the records are emitted, flushed and then noted, of each
 * instrument in the order of the numbers.  What nobody has is told as a gap.
 * Follows the exchange's page of public/get_last_trades_by_instrument.
 */
#ifndef FETCH_TRADES_H
#define FETCH_TRADES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/emit.h"
#include "fetch/resume.h"

/* Everything is *borrowed*. */
struct trades_options {
	struct rest *rest;
	struct emit *emit;
	struct resume *resume;
	const char *wanted, *written; /* the state's words */
	int64_t rows;                 /* of a call */
	int64_t retry;    /* rounds without success before a hole is told */
	int64_t parallel; /* runs of numbers under way at a time */
	bool old;         /* the host of the history */
	bool repaired;    /* the records say so */
	bool late;        /* only those with a liquidation */
};

struct trades_result {
	int64_t missing; /* numbers, as gap records tell */
	size_t failed;   /* calls that failed for good */
	struct fault first;
};

/* 0, also if numbers are missing or calls failed; -1 with *fault: stopped
 * (EX_TEMPFAIL), the output (EX_IOERR), the state, no memory. */
int trades_run(const struct trades_options *options,
    struct trades_result *result, struct fault *fault);

#endif
