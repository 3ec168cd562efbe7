/*
 * How fast all sessions together may ask: calls by the exchange's credits, and
 * attempts to connect.  While the exchange says that it is closed (maintenance,
 * HTTP 429 or 503, error 10028) one session at a time knocks, ever more rarely;
 * the others wait for it, so that many sockets make no storm.  Follows the
 * exchange's rate limits page for those who are not logged in.  Waits for
 * nothing itself: the caller says what time it is and does the waiting.
 */
#ifndef DERIBIT_PACE_H
#define DERIBIT_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backoff.h"
#include "net/ratelimit.h"

/* Sessions that may wait for their turn. */
#define PACE_LINE_MAX 64

struct pace {
	struct ratelimit subscribe; /* subscribe and unsubscribe */
	struct ratelimit call;      /* every other method */
	struct ratelimit connect;
	const void *line[PACE_LINE_MAX]; /* who waits to subscribe, in turn */
	size_t line_n;
	bool closed;
	const void *knocks; /* who may try while it is closed; or NULL */
	int64_t open_at_ms; /* nobody tries before */
	struct backoff backoff;
	int64_t slow_until_ms; /* calls at half the rate until then */
};

/* retry_delay_ms, retry_max_ms: bounds of the waits while it is closed. */
void pace_init(struct pace *p, int64_t retry_delay_ms, int64_t retry_max_ms);

/* 0: go ahead; else the milliseconds after which to ask again.  Who was told to
 * wait for a subscribe call keeps its turn until it goes ahead or leaves:
 * however busy others are, nobody waits for ever. */
int64_t pace_subscribe(struct pace *p, const void *who, int64_t now_ms);
int64_t pace_call(struct pace *p, int64_t now_ms);
int64_t pace_connect(struct pace *p, const void *who, int64_t now_ms);

/* wait_ms, or longer, when the exchange is closed until then. */
int64_t pace_wait(const struct pace *p, int64_t wait_ms, int64_t now_ms);

/* The exchange is closed, says what happened to this session.  at_least_ms:
 * what it asked for (Retry-After), 0 for nothing. */
void pace_close(
    struct pace *p, const void *who, int64_t at_least_ms, int64_t now_ms);

/* This session was refused or lost for another reason, has nothing more to
 * subscribe to, or is no more. */
void pace_leave(struct pace *p, const void *who);

/* This session is live: so the exchange is open. */
void pace_open(struct pace *p);

/* The exchange says that we asked too much: the credits are spent, and calls
 * go at half the rate for some minutes. */
void pace_spent(struct pace *p, int64_t now_ms);

#endif
