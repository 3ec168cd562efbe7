/*
 * public/get_order_book (replay/rpc.h).
 */
#include <inttypes.h>

#include "replay/book.h"
#include "replay/rpc.h"
#include "replay/text.h"

#define DEPTH_DEFAULT 5

/* A depth that is none of these is the next one. */
static const int depths[] = {1, 5, 10, 20, 50, 100, 1000, 10000};

static int depth_param(struct rpc_call *c, int *depth)
{
	int64_t wanted = DEPTH_DEFAULT;

	if (integer_param(c, "depth", &wanted) == -1)
		return -1;
	if (wanted < 1)
		return rpc_invalid(c, "must be positive", "depth");
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		*depth = depths[i];
		if (wanted <= *depth)
			break;
	}
	return 0;
}

int method_order_book(struct rpc_call *c)
{
	const struct market *m = c->rpc->market;
	struct book b;
	struct rng r;
	size_t n;
	int depth = 0;

	if (instrument_param(c, &n) == -1 || depth_param(c, &depth) == -1)
		return -1;
	book_make(m, n, &b);
	r = rng_for(m->seed, n);
	if (text_ticker_open(c->result, m, n, c->now_us / 1000, &r) == -1 ||
	    buf_addf(c->result, ",\"change_id\":%" PRIu64 ",", b.change_id) ==
		-1 ||
	    book_text(c->result, m, n, &b, depth, &r) == -1)
		return -1;
	return buf_addc(c->result, '}');
}
