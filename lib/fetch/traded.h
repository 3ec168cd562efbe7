/*
 * Who traded: of a chain of which only what was traded is asked for, one look
 * at the trades of all marks the lives that traded, and finds those that are in
 * no list (any more, or yet).  That one of thousands of trades is missing in a
 * page does no harm unless it was the only one of its option.
 */
#ifndef FETCH_TRADED_H
#define FETCH_TRADED_H

#include <stdint.h>

#include "base/fault.h"
#include "deribit/rest.h"
#include "fetch/candles.h"
#include "fetch/lives.h"
#include "fetch/resume.h"

/* Marks the sparse lives that traded in the pass and notes that of the others
 * nothing is wanted, for which trades are kept; sets candles' sparse_to_ms.  -1
 * with *fault, then nothing is noted and nobody marked. */
int traded_find(struct candles *c, struct rest *rest, struct lives *lives,
    struct resume *resume, struct fault *fault);

#endif
