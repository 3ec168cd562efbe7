/*
 * Which channels a user means: words such as "quotes" to names of channels, of
 * an instrument, an index or a market (the exchange's subscriptions pages).
 * Makes names; subscribes and fetches nothing.
 */
#ifndef RECORD_WANTS_H
#define RECORD_WANTS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/fault.h"
#include "deribit/name.h"

enum wants_word {
	WANTS_QUOTES = 1,
	WANTS_TRADES = 2,
	WANTS_BOOK = 4, /* whole windows, asked for now and then */
	WANTS_BOOK_CHANGES = 8,
	WANTS_TICKER = 16,
	WANTS_INCREMENTAL_TICKER = 32,
	WANTS_MARKPRICE = 64,
	WANTS_PERPETUAL = 128,
	WANTS_INDEX = 256,
	WANTS_VOLATILITY = 512,
	WANTS_EXPIRATION = 1024,
	WANTS_CANDLES = 2048,
	WANTS_INSTRUMENTS = 4096, /* creation */
	WANTS_STATES = 8192,
	WANTS_PLATFORM = 16384
};

#define WANTS_NAMES_MAX 64

struct wants {
	unsigned words;         /* of enum wants_word */
	bool each;              /* trades by instrument, not by market */
	const char *interval;   /* 100ms, agg2, raw */
	const char *resolution; /* of candles */
	/* Channels by their full names; *borrowed*. */
	const char *name[WANTS_NAMES_MAX];
	size_t names;
};

/* "quotes,trades,deribit_price_index.btc_usd": words and full names.  The text
 * is cut up and *borrowed*.  -1 with *fault (EX_USAGE). */
int wants_parse(struct wants *w, char *list, struct fault *fault);

/* Every word with what it stands for, a line each. */
void wants_print(FILE *f);

/* What takes a channel's name; kind and currency are for the records of one
 * that names no instrument, else NULL.  -1 with *fault ends it. */
typedef int wants_take(void *arg, const char *channel, const char *kind,
    const char *currency, struct fault *fault);

/* The channels of one instrument alone. */
int wants_instrument(const struct wants *w, const char *name, wants_take *take,
    void *arg, struct fault *fault);

/* Those of the index and the market that it is of: the same for many. */
int wants_market(const struct wants *w, const char *name, wants_take *take,
    void *arg, struct fault *fault);

/* Those of the whole exchange. */
int wants_exchange(
    const struct wants *w, wants_take *take, void *arg, struct fault *fault);

#endif
