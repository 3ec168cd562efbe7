/*
 * Decimal numbers and the ways in which the exchange prints them: plain, with
 * a fraction of zero, with an exponent.  Values are whole numbers with a
 * scale; nothing here is rounded.
 */
#ifndef REPLAY_DECIMAL_H
#define REPLAY_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "replay/rng.h"

/* mantissa * 10^-scale */
struct decimal {
	int64_t mantissa;
	int scale;
};

enum decimal_style {
	DECIMAL_PLAIN,   /* 64000, 0.0015 */
	DECIMAL_POINT,   /* 64000.0, 0.0015 */
	DECIMAL_EXPONENT /* 6.4e4, 1.5e-3 */
};

#define DECIMAL_SIZE 48

/* Writes the text with a NUL to out (DECIMAL_SIZE bytes); returns out. */
char *decimal_format(char *out, struct decimal d, enum decimal_style style);

/* As decimal_format(), in a style drawn from r: mostly what the exchange would
 * choose, sometimes another that means the same. */
char *decimal_draw(char *out, struct decimal d, struct rng *r);

#endif
