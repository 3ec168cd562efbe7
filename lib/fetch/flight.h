/*
 * The calls of one owner that are under way, so that all of them can be dropped
 * at once.  A call is part of what its owner allocates for it, at the front;
 * the owner frees it after its answer, and this does when it is dropped.  Knows
 * no method and takes no turn.
 */
#ifndef FETCH_FLIGHT_H
#define FETCH_FLIGHT_H

#include <stdbool.h>

#include "base/fault.h"
#include "deribit/rest.h"

struct flight_call {
	struct flight_call *next, *prev;
	struct rest_call rest;
};

struct flight {
	struct rest *rest; /* *borrowed* */
	struct flight_call *first;
};

/* Submits call->rest.  -1 with *fault, as rest_submit(); the call is its
 * owner's then. */
int flight_begin(
    struct flight *f, struct flight_call *call, struct fault *fault);

/* It was answered; the owner frees it. */
void flight_end(struct flight *f, struct flight_call *call);

/* Cancels and frees all of them. */
void flight_drop(struct flight *f);

static inline bool flight_is_empty(const struct flight *f)
{
	return f->first == NULL;
}

#endif
