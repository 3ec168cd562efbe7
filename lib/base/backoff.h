/*
 * Exponential back-off with full jitter: the next wait is uniform between 0
 * and a bound that doubles with every failure, so that a thousand clients cut
 * at once do not come back at once.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t base_ms; /* the first bound */
	int64_t max_ms;  /* the last */
	unsigned failures;
	uint64_t state; /* of the generator; seeded at the first use */
};

/* The wait before the next try, milliseconds; counts one more failure. */
int64_t backoff_next(struct backoff *b);

/* After a healthy minute: the next failure waits briefly again. */
void backoff_reset(struct backoff *b);

#endif
