/*
 * What the arguments CURRENCY|INSTRUMENT... of a REST tool mean: instruments,
 * each once, in the order of the arguments.  A currency is looked up in the
 * exchange's lists (deribit/chain.h); an instrument is taken by its name, for
 * one that has expired is in no list.  A name like BTC_USDC is the spot pair,
 * or, where another kind is asked for, that market of its base currency.
 */
#ifndef FETCH_TARGETS_H
#define FETCH_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/table.h"
#include "deribit/chain.h"
#include "deribit/name.h"
#include "deribit/rest.h"

struct targets_query {
	const char *kind;       /* as struct chain_query; NULL: all */
	const char *settlement; /* NULL: the usual one of each currency */
	bool every_settlement;  /* or all: BTC and BTC_USDC alike */
	/* What only instruments of the kind have ("funding"): others are
	 * refused by name, too.  NULL: an instrument may be of any kind. */
	const char *sole;
	bool no_cache, inactive;
	int64_t top;          /* 0: all; as struct chain_query */
	int64_t cache_age_ms; /* likewise */
};

struct target {
	char *name;
	char *kind;     /* "" for a name that tells none */
	char *currency; /* base, upper case */
	char *record;   /* the `instrument` record; NULL: given by name */
};

struct targets {
	struct target *target;
	size_t n, size;
	struct table names;
};

/* Whether the words can mean anything, before any question: -1 with *fault
 * (EX_USAGE). */
int targets_check(
    const struct targets_query *query, char *const *words, struct fault *fault);

/* Fills *targets; a currency without such instruments is a warning.  -1:
 * EX_USAGE (the exchange knows no such currency; the sentence has those that
 * it knows), or as chain_fetch(). */
int targets_find(struct rest *rest, const struct targets_query *query,
    char *const *words, struct targets *targets, struct fault *fault);

/* Puts what is listed now in the place of *targets, for one who looks again and
 * again; if that is not to be had, what there is stays, with a warning.  -1: as
 * targets_find(), if there is nothing yet, or stopped. */
int targets_renew(struct rest *rest, const struct targets_query *query,
    char *const *words, struct targets *targets, struct fault *fault);
void targets_free(struct targets *targets);

/* A word taken apart. */
struct targets_word {
	bool is_instrument;
	char name[NAME_MAX_LEN + 1];             /* of the instrument */
	char currency[CHAIN_CURRENCY_MAX + 1];   /* else: base, upper case */
	char settlement[CHAIN_CURRENCY_MAX + 1]; /* "": none was said */
};

/* -1 with *fault (EX_USAGE), as targets_check(). */
int targets_word(const struct targets_query *query, const char *text,
    struct targets_word *word, struct fault *fault);

#endif
