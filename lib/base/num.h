/*
 * Decimal text to machine numbers.  The text is a JSON number (RFC 8259
 * section 6), already validated by the scanner: plain, with a fraction, with
 * an exponent (64000, 64000.0, 6.4e4).  Numbers stay text until a column's
 * type asks for one of these.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

enum num_result {
	NUM_OK = 0,
	NUM_RANGE = -1,   /* does not fit */
	NUM_INEXACT = -2, /* an integer was asked for; it has a fraction */
	NUM_SYNTAX = -3   /* is no JSON number */
};

/* The correctly rounded double (round to nearest, ties to even); NUM_RANGE
 * where that is infinite.  Does not depend on the locale. */
int num_double(const char *p, size_t len, double *out);

/* The correctly rounded float, from the text (never by way of a double). */
int num_float(const char *p, size_t len, float *out);

/* The integer it is: 64000, 64000.0 and 6.4e4 alike. */
int num_int64(const char *p, size_t len, int64_t *out);

/* Digits of a decimal, as PostgreSQL's numeric has them: value = sum of
 * digit[i] * 10000^(weight - i).  Trailing zeros of the text are kept in
 * dscale, so that 1.0 stays 1.0.  At most NUM_DIGITS groups. */
#define NUM_DIGITS 64
struct num_decimal {
	int negative;
	int weight;
	int dscale;
	int ndigits;
	uint16_t digit[NUM_DIGITS];
};
int num_decimal(const char *p, size_t len, struct num_decimal *out);

#endif
