/*
 * Which instruments a CURRENCY argument means.  A CURRENCY is a base currency:
 * BTC and ETH mean the inverse market, others the USDC-settled one
 * (get_instruments filters by settlement currency), unless a settlement
 * currency is asked for.  Replies become records by maps/instruments.jq and are
 * cached on disk for an hour, or as the query says; what comes from the cache
 * bears the received_at of its fetch.
 */
#ifndef DERIBIT_CHAIN_H
#define DERIBIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "deribit/rest.h"

/* Characters of a currency's name, at most. */
#define CHAIN_CURRENCY_MAX 20

struct chain_query {
	const char *currency; /* base, any case */
	/* option, future, perpetual, spot, option_combo, future_combo; NULL:
	 * all. */
	const char *kind;
	const char *settlement; /* NULL: by the rule above */
	int64_t top;   /* 0: all; else by open interest, largest first */
	bool no_cache; /* ask, whatever is on disk */
	/* open_interest and volume_usd are wanted even if top is 0. */
	bool summary;
	bool inactive; /* what is over as well, as long as it is listed */
	bool expired;  /* only what has expired of late; instead of what is
	                  listed */
	int64_t cache_age_ms; /* what is on disk is no older; 0: an hour */
};

struct chain_instrument {
	char *name;
	char *kind;
	char *currency;       /* base, upper case */
	char *settlement;     /* settlement_currency, "" for spot */
	char *record;         /* the whole `instrument` record, no newline */
	double open_interest; /* for ranking; -1: none known */
};

struct chain {
	struct chain_instrument *instrument;
	size_t n;
};

/* Fills *chain (the caller frees it with chain_free()).  0 instruments is no
 * error.  A fault of EX_USAGE: the exchange knows no such currency; the
 * sentence has those that it knows. */
int chain_fetch(struct rest *rest, const struct chain_query *query,
    struct chain *chain, struct fault *fault);
void chain_free(struct chain *chain);

/* Checks the query's words before anything is fetched: -1 with *fault
 * (EX_USAGE).  chain_fetch() does so too. */
int chain_query_check(const struct chain_query *query, struct fault *fault);

/* The currency parameter that asks the exchange for this query: it filters by
 * settlement currency, which a spot pair has not ("any").  Upper case; size is
 * CHAIN_CURRENCY_MAX + 1 or more.  The query has passed chain_query_check(). */
void chain_filter(const struct chain_query *query, char *out, size_t size);

/* The exchange's word for a kind of ours: its "future" has the perpetuals. */
const char *chain_kind_filter(const char *kind);

/* For a chain of 0 instruments: what was looked for, where, and what to try. */
void chain_nothing(const struct chain_query *query, char *out, size_t size);

#endif
