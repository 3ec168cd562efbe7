/*
 * The arrays of the synthetic market, one element an instrument: how they
 * begin, and how they grow when an instrument is listed.  An instrument's
 * number never changes, nor does its name ever go.
 */
#ifndef REPLAY_LISTING_H
#define REPLAY_LISTING_H

#include "replay/market.h"

#define LISTING_MAX (1 << 16) /* instruments, those that expired included */

/* The market of the first day; -1 without memory. */
int listing_begin(struct market *m, int64_t now_ms);
void listing_free(struct market *m);

/* Adds a new one without trades, and among the active; its number, or -1
 * without room.  Pointers into the arrays are void then. */
long listing_add(
    struct market *m, const struct chain_instrument *i, int64_t now_ms);

/* What it costs at that time while its index is where it began; in its walk. */
int64_t listing_price(const struct chain_instrument *i, int64_t at_ms);

#endif
