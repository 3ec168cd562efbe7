#include "net/ratelimit.h"

#include <assert.h>

/*
 * One number says it all: the moment when the bucket will be full.  A token
 * taken moves that moment on by one interval; it may not be more than
 * capacity intervals ahead.
 */

void ratelimit_init(struct ratelimit *r, int64_t capacity, int64_t interval_ms)
{
	assert(capacity >= 1 && interval_ms >= 0);
	r->capacity = capacity;
	r->interval_ms = interval_ms;
	r->full_at_ms = INT64_MIN;
}

static int64_t full_at(const struct ratelimit *r, int64_t now_ms)
{
	return r->full_at_ms > now_ms ? r->full_at_ms : now_ms;
}

int64_t ratelimit_wait(
    const struct ratelimit *r, int64_t reserved, int64_t now_ms)
{
	int64_t ahead = full_at(r, now_ms) + (reserved + 1) * r->interval_ms -
	                now_ms;
	int64_t most = r->capacity * r->interval_ms;

	return ahead > most ? ahead - most : 0;
}

void ratelimit_spend(struct ratelimit *r, int64_t now_ms)
{
	r->full_at_ms = full_at(r, now_ms) + r->interval_ms;
}

int64_t ratelimit_take(struct ratelimit *r, int64_t now_ms)
{
	int64_t wait_ms = ratelimit_wait(r, 0, now_ms);

	if (wait_ms == 0)
		ratelimit_spend(r, now_ms);
	return wait_ms;
}

void ratelimit_drain(struct ratelimit *r, int64_t at_ms)
{
	int64_t empty = at_ms + r->capacity * r->interval_ms;

	if (empty > r->full_at_ms)
		r->full_at_ms = empty;
}
