/*
 * What a channel's name says (the exchange's subscriptions pages): which class
 * it is of, hence the type of its records and what is changed in them, and what
 * its data leave to the name (instrument, index, resolution).  Spans are
 * *borrowed*.
 */
#ifndef DERIBIT_CHANNEL_H
#define DERIBIT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "io/json.h"

#define CHANNEL_LEN_MAX 256 /* a longer name is nobody's */

enum channel_id {
	CHANNEL_QUOTE,
	CHANNEL_TRADES,
	CHANNEL_TICKER,
	CHANNEL_INCREMENTAL_TICKER,
	CHANNEL_BOOK,        /* a whole window */
	CHANNEL_BOOK_CHANGE, /* a link of a chain */
	CHANNEL_CANDLE,
	CHANNEL_PERPETUAL,
	CHANNEL_MARKPRICE,
	CHANNEL_INDEX,
	CHANNEL_VOLATILITY_INDEX,
	CHANNEL_EXPIRATION_PRICE,
	CHANNEL_INSTRUMENT, /* its creation */
	CHANNEL_INSTRUMENT_STATE,
	CHANNEL_PLATFORM_STATE,
	CHANNEL_OTHER,
	CHANNEL_IDS
};

enum channel_change {
	CHANNEL_SIDES = 1,      /* an empty side becomes null */
	CHANNEL_HOIST = 2,      /* greeks and stats become members */
	CHANNEL_IV_PERCENT = 4, /* iv is a fraction */
	CHANNEL_ADD_NAME = 8,   /* instrument_name comes from the channel */
	CHANNEL_ADD_INDEX = 16, /* index_name does */
	CHANNEL_ADD_RESOLUTION = 32,
	CHANNEL_ADD_CHANNEL = 64 /* nothing else says what the data are of */
};

struct channel {
	enum channel_id id;
	unsigned change;             /* of enum channel_change */
	struct json_span type;       /* of the record */
	struct json_span instrument; /* empty: not in the name */
	struct json_span index;      /* btc_usd; empty: none */
	struct json_span resolution; /* of candles */
};

/* Never fails: a name of no known class is CHANNEL_OTHER, its type the first
 * word. */
void channel_parse(const char *p, size_t len, struct channel *out);

#endif
