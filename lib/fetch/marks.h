/*
 * The mark IV of options at a moment, by the summary of their whole chain
 * (public/get_book_summary_by_currency), which the exchange makes anew every
 * two seconds.  Knows nothing of what was before.
 */
#ifndef FETCH_MARKS_H
#define FETCH_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/table.h"
#include "deribit/rest.h"
#include "fetch/lives.h"
#include "io/json.h"

struct marks_row;

struct marks {
	int64_t close_ms; /* the moment */
	struct buf text;  /* rows, behind one another */
	struct marks_row *row;
	size_t n, size;
	struct table names;
};

/* Asks, for all options among the lives, what was marked within ten seconds
 * from close on.  A chain of which that is not to be had is said and has no
 * marks. -1 with *fault: stopped, no memory. */
int marks_ask(struct marks *m, struct rest *rest, const struct lives *lives,
    int64_t close_ms, struct fault *fault);
void marks_free(struct marks *m);

/* The number as it was sent, *borrowed*; p NULL: none. */
struct json_span marks_find(const struct marks *m, const char *name);

#endif
