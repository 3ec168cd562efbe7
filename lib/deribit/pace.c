#include "deribit/pace.h"

#include <string.h>

/* Credits of those who are not logged in are not published; of the others 500
 * of 50 000 a call, back at 10 000 a second.  Half of that, and subscribe calls
 * at half of their 3.3 a second. */
#define SUBSCRIBE_BURST 1
#define SUBSCRIBE_MS 500
/* Whose turn it is not. */
#define TURN_MS 50
#define CALL_BURST 10
#define CALL_MS 100
#define CONNECT_BURST 4
#define CONNECT_MS 100
/* An empty pool of 50 000 is full again after it. */
#define REFILL_MS 5000
#define SLOW_MS 600000
/* While somebody else knocks. */
#define LOOK_AGAIN_MS 250

void pace_init(struct pace *p, int64_t retry_delay_ms, int64_t retry_max_ms)
{
	memset(p, 0, sizeof(*p));
	ratelimit_init(&p->subscribe, SUBSCRIBE_BURST, SUBSCRIBE_MS);
	ratelimit_init(&p->call, CALL_BURST, CALL_MS);
	ratelimit_init(&p->connect, CONNECT_BURST, CONNECT_MS);
	p->backoff.base_ms = retry_delay_ms;
	p->backoff.max_ms = retry_max_ms;
}

static void line_leave(struct pace *p, const void *who)
{
	size_t i, n = 0;

	for (i = 0; i < p->line_n; i++)
		if (p->line[i] != who)
			p->line[n++] = p->line[i];
	p->line_n = n;
}

static bool is_next(struct pace *p, const void *who)
{
	size_t i;

	for (i = 0; i < p->line_n; i++)
		if (p->line[i] == who)
			return i == 0;
	if (p->line_n < PACE_LINE_MAX)
		p->line[p->line_n++] = who;
	return p->line[0] == who;
}

int64_t pace_subscribe(struct pace *p, const void *who, int64_t now_ms)
{
	int64_t wait_ms;

	if (!is_next(p, who))
		return TURN_MS;
	wait_ms = ratelimit_take(&p->subscribe, now_ms);
	if (wait_ms == 0)
		line_leave(p, who);
	return wait_ms;
}

int64_t pace_call(struct pace *p, int64_t now_ms)
{
	p->call.interval_ms = now_ms < p->slow_until_ms ? 2 * CALL_MS : CALL_MS;
	return ratelimit_take(&p->call, now_ms);
}

int64_t pace_connect(struct pace *p, const void *who, int64_t now_ms)
{
	if (p->closed && p->knocks != NULL && p->knocks != who)
		return LOOK_AGAIN_MS;
	if (now_ms < p->open_at_ms)
		return p->open_at_ms - now_ms;
	if (p->closed)
		p->knocks = who;
	return ratelimit_take(&p->connect, now_ms);
}

/* Never at once: who asks to be left alone is not knocked at in the same
 * moment. */
void pace_close(
    struct pace *p, const void *who, int64_t at_least_ms, int64_t now_ms)
{
	int64_t wait_ms;

	line_leave(p, who);
	/* One event closes every socket: it counts once. */
	if (p->closed && p->knocks != who)
		return;
	p->closed = true;
	p->knocks = NULL;
	wait_ms = p->backoff.base_ms + backoff_next(&p->backoff);
	if (wait_ms < at_least_ms)
		wait_ms = at_least_ms;
	p->open_at_ms = now_ms + wait_ms;
}

int64_t pace_wait(const struct pace *p, int64_t wait_ms, int64_t now_ms)
{
	return now_ms + wait_ms < p->open_at_ms ? p->open_at_ms - now_ms
	                                        : wait_ms;
}

void pace_leave(struct pace *p, const void *who)
{
	line_leave(p, who);
	if (p->knocks == who)
		p->knocks = NULL;
}

void pace_open(struct pace *p)
{
	p->closed = false;
	p->knocks = NULL;
	p->open_at_ms = 0;
	backoff_reset(&p->backoff);
}

void pace_spent(struct pace *p, int64_t now_ms)
{
	/* Before it is drained: a bucket is as deep as its calls are long. */
	p->call.interval_ms = 2 * CALL_MS;
	ratelimit_drain(&p->subscribe, now_ms + REFILL_MS);
	ratelimit_drain(&p->call, now_ms + REFILL_MS);
	p->slow_until_ms = now_ms + SLOW_MS;
}
