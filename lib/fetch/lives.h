/*
 * The instruments that are followed, and when each lives: from its creation to
 * its expiry, as its `instrument` record says or, of one that came by its name,
 * public/get_instrument.  One that is over stays: its last rows are still to be
 * asked for.  Knows nothing of what is fetched.
 */
#ifndef FETCH_LIVES_H
#define FETCH_LIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/table.h"
#include "deribit/rest.h"
#include "fetch/ranges.h"
#include "fetch/targets.h"

struct life {
	char *name, *kind, *currency;
	int64_t begin_ms, end_ms; /* if known: lives in [begin, end) */
	bool known, asked;        /* not known though asked: it is over */
	bool sparse;              /* wanted only when it traded */
	bool traded;              /* in the time in question */
	struct range_list ranges; /* wanted are these only; none: all times */
	int64_t gap_to_ms;        /* the end of the hole told last */
};

struct lives {
	struct life **life;
	size_t n;
	struct table names;
	struct targets view; /* see lives_view() */
};

void lives_free(struct lives *l);

/* The life of that name, made if there is none: NULL if there is no memory. */
struct life *lives_get(
    struct lives *l, const char *name, const char *kind, const char *currency);

/* Takes in what was found.  Whose first mention this is, is sparse or not. */
int lives_take(struct lives *l, const struct targets *targets, bool sparse,
    struct fault *fault);

/* Asks for the lives that are not known, each once; that nobody knows one is no
 * error.  -1: stopped, no memory. */
int lives_ask(struct lives *l, struct rest *rest, struct fault *fault);

/* All of them as targets, in their order: view.target[i] is life[i].
 * *borrowed* until the next call, or the next life.  NULL: no memory. */
const struct targets *lives_view(struct lives *l);

#endif
