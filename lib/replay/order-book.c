/*
 * public/get_order_book (replay/rpc.h).
 */
#include <inttypes.h>

#include "replay/book.h"
#include "replay/pages.h"
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

/* As a page of trades may be refused, or lost. */
static int refuse(struct rpc_call *c)
{
	uint64_t connection = c->session != NULL ? c->session->number : 0;
	const char *message = NULL;
	int code;

	if (c->rpc->faults == NULL ||
	    pages_refuse(c->rpc->faults, connection, &code, &message) == 0)
		return 0;
	c->lost = code == 0;
	return c->lost ? 0 : rpc_fail(c, code, message);
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
	if (refuse(c) == -1 || c->lost)
		return c->lost ? 0 : -1;
	book_make(m, n, &b);
	r = rng_for(m->seed, n);
	if (text_ticker_open(c->result, m, n, c->now_us / 1000, &r) == -1 ||
	    buf_addf(c->result, ",\"change_id\":%" PRIu64 ",", b.change_id) ==
		-1 ||
	    book_text(c->result, m, n, &b, depth, &r) == -1)
		return -1;
	return buf_addc(c->result, '}');
}
