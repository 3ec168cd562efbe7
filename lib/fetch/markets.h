/*
 * The settlement currencies that options go by in the exchange's parameters:
 * those of a list of lives, each once.
 */
#ifndef FETCH_MARKETS_H
#define FETCH_MARKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "deribit/name.h"
#include "fetch/lives.h"

/* There are three: BTC, ETH, USDC. */
#define MARKETS_MAX 16

struct markets {
	char settlement[MARKETS_MAX][NAME_MAX_LEN + 1];
	size_t n;
};

/* Of all options, or of those that are sparse. */
void markets_find(struct markets *m, const struct lives *lives, bool sparse);

#endif
