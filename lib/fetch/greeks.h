/*
 * One snapshot of option chains: the ticker of every option, many calls under
 * way at a time, as `ticker` records with one snapshot_at.  An option that
 * fails is said by name and the others go on; one that expires meanwhile does
 * not fail.  Follows the exchange's page of public/ticker.  Which options, and
 * when, is its caller's.
 */
#ifndef FETCH_GREEKS_H
#define FETCH_GREEKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/emit.h"
#include "fetch/targets.h"
#include "io/jq.h"

struct greeks {
	struct rest *rest; /* *borrowed*, as emit is */
	struct emit *emit;
	struct jq_map *map;
};

struct greeks_snapshot {
	const struct targets *targets; /* *borrowed* for the run */
	int64_t at_ms;                 /* snapshot_at */
	/* What came of it: written, failed, and expired before they were asked
	 * for or answered; of those that failed the first. */
	size_t written, failed, expired;
	struct fault first;
};

/* -1 with *fault. */
int greeks_init(struct greeks *g, struct rest *rest, struct emit *emit,
    struct fault *fault);
void greeks_free(struct greeks *g);

/* Takes a snapshot.  0, also if some failed; -1 with *fault: stopped
 * (EX_TEMPFAIL), the output (EX_IOERR), no memory. */
int greeks_run(
    struct greeks *g, struct greeks_snapshot *s, struct fault *fault);

/* When the next snapshot is due that follows a time: the next multiple of the
 * interval.  What begins within *late_ms of its time still counts as in time.
 */
int64_t greeks_due(int64_t after_ms, int64_t interval_ms, int64_t *late_ms);

#endif
