/*
 * Candles as a series (fetch/series.h): what is asked for and what a reply is
 * worth.  Follows the exchange's page of public/get_tradingview_chart_data.
 * Taken are candles that have closed.  A reply is believed as far as it is a
 * row of candles without a hole; a hole is asked for again, with the candles
 * beside it, and what stays missing is one of three: nothing (the exchange has
 * no candle before it), late (it is recent), or a gap record.
 */
#ifndef FETCH_CANDLES_H
#define FETCH_CANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/emit.h"
#include "fetch/lives.h"
#include "fetch/marks.h"
#include "fetch/series.h"
#include "io/jq.h"

struct candles {
	struct rest *rest; /* *borrowed*, as all of these are */
	struct emit *emit;
	struct lives *lives;       /* whose view the series has */
	const struct marks *marks; /* of options, at to_ms; may be NULL */
	struct series *series;     /* which takes it */

	const char *resolution;
	int64_t step_ms;  /* of a candle */
	int64_t grid_ms;  /* candles begin at multiples of it, all parts too */
	int64_t phase_ms; /* beyond a multiple of step; -1: not known yet */
	char what[24];    /* the state's word */

	int64_t from_ms, to_ms;      /* of the pass, by candles_span() */
	int64_t sparse_to_ms;        /* of a sparse life that did not trade */
	int64_t none, late, missing; /* candles that were not had, of a pass */

	struct jq_map *map;
	struct buf input;
	int64_t *tick;
};

/* -1 with *fault: EX_USAGE (the exchange has no such resolution).  sparse:
 * parts of such lives are noted apart.  Members that are borrowed are the
 * caller's to set; *kind borrows *c. */
int candles_init(struct candles *c, const char *resolution, bool sparse,
    struct series_kind *kind, struct fault *fault);
void candles_free(struct candles *c);

/* Sets the pass to what begins in [since, until) and has closed; until 0: all.
 */
void candles_span(struct candles *c, int64_t since_ms, int64_t until_ms);

/* When the next one closes and may be asked for, by the exchange's clock. */
int64_t candles_next_ms(const struct candles *c);

/* The candles within which the times from to to lie, as [*begin, *end). */
void candles_around(const struct candles *c, int64_t from_ms, int64_t to_ms,
    int64_t *begin_ms, int64_t *end_ms);

/* The part of a life that can have candles in the pass: 1, or 0. */
int candles_alive(const struct candles *c, const struct life *life,
    int64_t *from_ms, int64_t *to_ms);

#endif
