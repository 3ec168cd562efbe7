/*
 * A token bucket in whole milliseconds: capacity calls at once, then one every
 * interval.  It never waits itself and never looks at a clock: the caller says
 * what time it is and does the waiting.
 */
#ifndef NET_RATELIMIT_H
#define NET_RATELIMIT_H

#include <stdint.h>

struct ratelimit {
	int64_t capacity;    /* tokens in a full bucket, at least 1 */
	int64_t interval_ms; /* a token comes back every so often */
	int64_t full_at_ms;  /* monotonic; when it will be full again */
};

/* A full bucket.  2 calls a second, 5 at once: capacity 5, interval_ms 500. */
void ratelimit_init(struct ratelimit *r, int64_t capacity, int64_t interval_ms);

/* 0: a token was taken, go ahead.  Else the milliseconds until there is one;
 * nothing was taken, ask again then. */
int64_t ratelimit_take(struct ratelimit *r, int64_t now_ms);

/* The same for a bucket whose tokens are spent when the peer has answered,
 * since only then it is certain that it has counted: the milliseconds until
 * there is one beside those that are reserved for calls under way.  Nothing is
 * taken. */
int64_t ratelimit_wait(
    const struct ratelimit *r, int64_t reserved, int64_t now_ms);

/* Takes a token that was reserved. */
void ratelimit_spend(struct ratelimit *r, int64_t now_ms);

/* The peer says that we were too fast: the bucket is empty then. */
void ratelimit_drain(struct ratelimit *r, int64_t at_ms);

#endif
