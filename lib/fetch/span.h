/*
 * --since and --until: a span of time, of which what is relative is so to the
 * exchange's clock, which is known only when it has been asked.
 */
#ifndef FETCH_SPAN_H
#define FETCH_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/rest.h"

struct span {
	int64_t since_ms, until_ms; /* until 0: no end */
	bool since_relative, until_relative;
};

/* From the options' arguments; -1 with *fault (EX_USAGE). */
int span_since(struct span *s, const char *value, struct fault *fault);
int span_until(struct span *s, const char *value, struct fault *fault);

/* -1 with *fault (EX_USAGE): it has no time in it, or goes on and has an end.
 */
int span_check(const struct span *s, bool follow, struct fault *fault);

/* Moves what is relative to the exchange's clock; once. */
void span_settle(struct span *s, const struct rest *rest);

#endif
