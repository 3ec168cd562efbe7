/*
 * What an instrument's name says (the exchange's naming page): kind and base
 * currency.  Not its expiry or strike: the instrument's record has those.
 * Spans are *borrowed* from the name; nothing is allocated.
 */
#ifndef DERIBIT_NAME_H
#define DERIBIT_NAME_H

#include <stddef.h>

#include "io/json.h"

#define NAME_MAX_LEN 128

enum name_kind {
	NAME_OPTION,
	NAME_FUTURE,
	NAME_PERPETUAL,
	NAME_SPOT,
	NAME_OPTION_COMBO,
	NAME_FUTURE_COMBO,
	NAME_KINDS
};

struct name {
	enum name_kind kind;
	struct json_span base;  /* BTC, of BTC_USDC-PERPETUAL too */
	struct json_span quote; /* USDC of BTC_USDC-...; empty: inverse */
};

/* 0, or -1 when the text is no instrument's name. */
int name_parse(const char *p, size_t len, struct name *out);

/* "option", "future", ...: the word that records bear. */
const char *name_kind_text(enum name_kind kind);

/* The settlement currency that the market of the instrument goes by in the
 * exchange's parameters and channels: of an inverse one the base, else the
 * quote (a spot pair has no other).  Cut to size; NAME_MAX_LEN + 1 holds all.
 */
void name_settlement(const struct name *n, char *out, size_t size);

/* The kind that a word stands for, -1 for none. */
int name_kind_parse(const char *text);

#endif
