/*
 * A page of trades on its way into a reply, and what the plan of faults does to
 * it: as pages of the exchange were seen (shifted at the edges, short without
 * has_more), and worse.  Knows no reply and no range.
 */
#ifndef REPLAY_PAGES_H
#define REPLAY_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "replay/faults.h"
#include "replay/market.h"

#define PAGES_ROWS_MAX 10000
#define PAGES_EDGE 3 /* rows that a fault adds, or moves over an edge */

struct page {
	/* Newest first, as are those beyond its edges: newer[0] and older[0]
	 * are the next to it.  All *borrowed* from the market. */
	const struct market_trade *row[PAGES_ROWS_MAX + PAGES_EDGE];
	const struct market_trade *newer[PAGES_EDGE], *older[PAGES_EDGE];
	size_t count, newer_count, older_count;
	bool has_more;
};

/* Whether there is to be no page but an error, and which: 0, or -1 with the
 * code and message, or with code 0 when there is to be no reply. */
int pages_refuse(
    struct faults *f, uint64_t connection, int *code, const char **message);

/* Does to the page what the dice say; harm that changes nothing is not done. */
void pages_harm(struct faults *f, struct page *p, uint64_t connection);

#endif
