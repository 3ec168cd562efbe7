/*
 * Order books of the synthetic market.  A book is a function of its
 * instrument's walk: the best levels are the quote's, those behind it follow
 * from the seed and from how far the walk has come.  So nothing is kept of a
 * book that nobody listens to; of the others the market keeps what was told
 * last.
 */
#ifndef REPLAY_BOOK_H
#define REPLAY_BOOK_H

#include "replay/market.h"

#define BOOK_LEVELS 20 /* a side */

struct book_level {
	int64_t price, amount; /* mantissas, as in the walk */
};

struct book_side {
	struct book_level level[BOOK_LEVELS]; /* best first */
	int count;
};

struct book {
	uint64_t change_id;
	struct book_side bid, ask;
};

/* The book as it stands. */
void book_make(const struct market *m, size_t instrument, struct book *out);

/* Tells those who listen what a step of the walk changed; returns the number
 * of notifications. */
int book_tell(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink);

/* The whole book for new subscribers of that stream. */
void book_greet(struct market *m, uint32_t n, unsigned stream, uint64_t slots,
    int64_t now_us, struct market_sink *sink);

/* "bids":[[price,amount],...],"asks":[...] with at most depth levels a side;
 * r NULL: numbers in their plain syntax.  -1 when the buffer's cap is
 * reached. */
int book_text(struct buf *out, const struct market *m, size_t instrument,
    const struct book *b, int depth, struct rng *r);

#endif
