/*
 * Seeded test data: the same seed gives the same bytes everywhere.  Not good
 * randomness, and no test may ask the clock for a seed.
 */
#ifndef TESTS_GEN_H
#define TESTS_GEN_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct gen {
	uint64_t state;
};

/* splitmix64: Steele, Lea and Flood, 2014. */
static inline uint64_t gen_next(struct gen *g)
{
	uint64_t z = (g->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to n - 1. */
static inline unsigned gen_below(struct gen *g, unsigned n)
{
	return (unsigned)(gen_next(g) % n);
}

/* n decimal digits at out, no NUL; a first digit of 0 only when n is 1. */
static inline size_t gen_digits(struct gen *g, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (char)('0' + gen_below(g, 10));
	if (n > 1 && out[0] == '0')
		out[0] = '1';
	return n;
}

/* A JSON number of one of several shapes as a C string; out has 128 bytes. */
static inline size_t gen_number(struct gen *g, char *out)
{
	size_t n = 0;
	unsigned shape = gen_below(g, 8);

	if (gen_below(g, 4) == 0)
		out[n++] = '-';
	if (shape == 0) /* any double, shortest digits not kept */
		n += (size_t)sprintf(out + n, "%.*e", (int)gen_below(g, 20),
		    (double)(gen_next(g) >> 11) * 0x1p-60);
	else
		n += gen_digits(g, out + n,
		    1 + gen_below(g, shape == 1   ? 30
				     : shape == 2 ? 17
						  : 6));
	if (shape == 0)
		return n;
	if (shape != 3 && shape != 7) {
		out[n++] = '.';
		n += gen_digits(
		    g, out + n, 1 + gen_below(g, shape == 4 ? 40 : 8));
	}
	if (shape == 5 || shape == 7)
		n += (size_t)sprintf(out + n, "%c%d", "eE"[gen_below(g, 2)],
		    (int)gen_below(g, 50) - 25);
	if (shape == 6) /* near overflow, underflow and among the subnormals */
		n += (size_t)sprintf(out + n, "e%s%u",
		    gen_below(g, 2) ? "-" : "+", 290 + gen_below(g, 45));
	out[n] = '\0';
	return n;
}

#endif
