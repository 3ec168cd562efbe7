/*
 * The hourly funding of perpetuals as a series (fetch/series.h): what is asked
 * for and what a reply means.  Follows the exchange's page of
 * public/get_funding_rate_history.
 */
#ifndef FETCH_FUNDING_H
#define FETCH_FUNDING_H

#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/emit.h"
#include "fetch/series.h"
#include "io/jq.h"

struct funding {
	struct rest *rest; /* *borrowed*, for its clock */
	struct emit *emit; /* *borrowed* */
	struct jq_map *map;
};

/* Fills *kind as well, which borrows *f.  -1 with *fault. */
int funding_init(struct funding *f, struct rest *rest, struct emit *emit,
    struct series_kind *kind, struct fault *fault);
void funding_free(struct funding *f);

#endif
