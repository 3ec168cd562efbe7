#include "base/backoff.h"

#include <unistd.h>

#include "base/clock.h"

/* splitmix64: Steele, Lea and Flood, 2014. */
static uint64_t random64(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t backoff_next(struct backoff *b)
{
	int64_t bound = b->base_ms;

	if (b->state == 0)
		b->state = (uint64_t)clock_wall_us() ^
		           ((uint64_t)getpid() << 40) ^ (uint64_t)(uintptr_t)b;
	for (unsigned i = 0; i < b->failures && bound < b->max_ms; i++)
		bound *= 2;
	if (bound > b->max_ms)
		bound = b->max_ms;
	b->failures++;
	return bound <= 0
	           ? 0
	           : (int64_t)(random64(&b->state) % (uint64_t)(bound + 1));
}

void backoff_reset(struct backoff *b)
{
	b->failures = 0;
}
