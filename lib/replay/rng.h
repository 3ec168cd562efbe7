/*
 * The generator behind the synthetic market: splitmix64, so that a seed gives
 * the same market on every machine.  Not for secrets.
 */
#ifndef REPLAY_RNG_H
#define REPLAY_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

/* The next 64 bits. */
static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A whole number in [0, n); n > 0.  The bias of the modulo does not matter
 * here. */
static inline int64_t rng_below(struct rng *r, int64_t n)
{
	return (int64_t)(rng_next(r) % (uint64_t)n);
}

/* A generator of its own for one thing: the same key gives the same run. */
static inline struct rng rng_for(uint64_t seed, uint64_t key)
{
	struct rng r = {seed ^ (key * UINT64_C(0xd1342543de82ef95))};

	(void)rng_next(&r);
	return r;
}

#endif
