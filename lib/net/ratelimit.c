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

int64_t ratelimit_take(struct ratelimit *r, int64_t now_ms)
{
	int64_t full_at = r->full_at_ms > now_ms ? r->full_at_ms : now_ms;
	int64_t ahead = full_at + r->interval_ms - now_ms;
	int64_t most = r->capacity * r->interval_ms;

	if (ahead > most)
		return ahead - most;
	r->full_at_ms = full_at + r->interval_ms;
	return 0;
}

void ratelimit_drain(struct ratelimit *r, int64_t now_ms)
{
	int64_t empty = now_ms + r->capacity * r->interval_ms;

	if (empty > r->full_at_ms)
		r->full_at_ms = empty;
}
