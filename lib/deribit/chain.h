/*
 * Which instruments a CURRENCY argument means.  A CURRENCY is a base currency:
 * BTC and ETH mean the inverse market, others the USDC-settled one
 * (deribit-api.md 7.2), unless a settlement currency is asked for.  Replies
 * become records by maps/instruments.jq and are cached on disk for an hour.
 */
#ifndef DERIBIT_CHAIN_H
#define DERIBIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "deribit/rest.h"

struct chain_query {
	const char *currency;   /* base, any case */
	const char *kind;       /* option, future, perpetual, spot,
	                         * option_combo, future_combo; NULL: all */
	const char *settlement; /* NULL: by the rule above */
	int64_t top;            /* 0: all; else by open interest, largest first */
	bool cache;
};

struct chain_instrument {
	char *name;
	char *kind;
	char *currency;         /* base, upper case */
	char *settlement;       /* settlement_currency, "" for spot */
	char *record;           /* the whole `instrument` record, one line, no newline */
};

struct chain {
	struct chain_instrument *instrument;
	size_t n;
};

/* Fills *chain (the caller frees it with chain_free()).  0 instruments is no
 * error.  A fault of EX_DATAERR: the exchange knows no such currency. */
int chain_fetch(struct rest *rest, const struct chain_query *query,
    struct chain *chain, struct fault *fault);
void chain_free(struct chain *chain);

#endif
