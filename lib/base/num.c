#include "base/num.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double is decided by at most 767 digits and whether anything but zeros
 * follows them (Bruce Dawson); a float needs fewer. */
#define DIGITS_DECISIVE 800
/* Far beyond every type here, far from overflow in sums with text lengths. */
#define EXPONENT_HUGE (INT64_C(1) << 40)
/* NUMERIC_DSCALE_MAX and NUMERIC_WEIGHT_MAX of PostgreSQL's numeric.c. */
#define DSCALE_MAX 16383
#define WEIGHT_MAX 32767

/* A number's text, taken apart.  Its digits are those of both parts in a row;
 * of those that count, the i-th stands for 10^(top - i).  A value of 0 has
 * none. */
struct parts {
	const char *whole, *fraction;
	size_t nwhole, nfraction;
	int64_t exponent;
	bool negative;
	size_t first; /* index of the first digit that is not 0 */
	size_t count; /* digits from there to the last that is not 0 */
	int64_t top;  /* power of ten of the first */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits_at(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && is_digit(*q))
		q++;
	return (size_t)(q - p);
}

static char digit_at(const struct parts *n, size_t i)
{
	return i < n->nwhole ? n->whole[i] : n->fraction[i - n->nwhole];
}

static bool read_exponent(const char *p, const char *end, int64_t *out)
{
	bool negative = p < end && *p == '-';
	int64_t value = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (!is_digit(*p))
			return false;
		if (value < EXPONENT_HUGE)
			value = value * 10 + (*p - '0');
	}
	*out = negative ? -value : value;
	return true;
}

/* RFC 8259 section 6. */
static int split(const char *p, size_t len, struct parts *n)
{
	const char *end;

	memset(n, 0, sizeof(*n));
	if (len == 0)
		return NUM_SYNTAX;
	end = p + len;
	n->negative = p < end && *p == '-';
	p += n->negative;
	n->whole = p;
	n->nwhole = digits_at(p, end);
	p += n->nwhole;
	if (n->nwhole == 0 || (n->nwhole > 1 && *n->whole == '0'))
		return NUM_SYNTAX;
	if (p < end && *p == '.') {
		n->fraction = ++p;
		n->nfraction = digits_at(p, end);
		p += n->nfraction;
		if (n->nfraction == 0)
			return NUM_SYNTAX;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		if (!read_exponent(p + 1, end, &n->exponent))
			return NUM_SYNTAX;
	} else if (p != end) {
		return NUM_SYNTAX;
	}
	return NUM_OK;
}

/* split(), then where the digits that count begin and end. */
static int parse(const char *p, size_t len, struct parts *n)
{
	int r = split(p, len, n);
	size_t last = n->nwhole + n->nfraction;

	if (r != NUM_OK)
		return r;
	while (n->first < last && digit_at(n, n->first) == '0')
		n->first++;
	while (last > n->first && digit_at(n, last - 1) == '0')
		last--;
	n->count = last - n->first;
	n->top = (int64_t)n->nwhole - 1 - (int64_t)n->first + n->exponent;
	return NUM_OK;
}

/* The first n significant digits as an integer; n is at most 19. */
static uint64_t leading(const struct parts *n, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		value = value * 10 +
		        (uint64_t)(digit_at(n, n->first + i) - '0');
	return value;
}

/* William Clinger, How to Read Floating Point Numbers Accurately (1990): an
 * exact integer times or over an exact power of ten rounds once.  Not with
 * x87's wider registers, which round twice. */
static bool exact_double(const struct parts *n, double *out)
{
	static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
	    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
	    1e19, 1e20, 1e21, 1e22};
	int64_t scale = n->top + 1 - (int64_t)n->count;
	uint64_t mantissa;
	double value;

	if (FLT_EVAL_METHOD != 0 || n->count > 19 || scale < -22 || scale > 22)
		return false;
	mantissa = leading(n, n->count);
	if (mantissa > UINT64_C(1) << 53)
		return false;
	value = (double)mantissa;
	value = scale < 0 ? value / tens[-scale] : value * tens[scale];
	*out = n->negative ? -value : value;
	return true;
}

/* The text for strtod() without a decimal point, so that no locale matters;
 * digits beyond the decisive ones shrink to one that is not 0. */
static void normalise(const struct parts *n, char *out, size_t size)
{
	size_t count = n->count > DIGITS_DECISIVE ? DIGITS_DECISIVE : n->count;
	int64_t scale = n->top + 1 - (int64_t)count;
	size_t len = 0;

	if (n->negative)
		out[len++] = '-';
	for (size_t i = 0; i < count; i++)
		out[len++] = digit_at(n, n->first + i);
	if (count < n->count) {
		out[len++] = '1';
		scale--;
	}
	if (scale > 99999)
		scale = 99999;
	if (scale < -99999)
		scale = -99999;
	snprintf(out + len, size - len, "e%d", (int)scale);
}

#define NORMAL_SIZE (DIGITS_DECISIVE + 16)

int num_double(const char *p, size_t len, double *out)
{
	char text[NORMAL_SIZE];
	struct parts n;
	int r = parse(p, len, &n);

	if (r != NUM_OK)
		return r;
	if (n.count == 0)
		*out = n.negative ? -0.0 : 0.0;
	else if (!exact_double(&n, out)) {
		normalise(&n, text, sizeof(text));
		*out = strtod(text, NULL);
	}
	return isinf(*out) ? NUM_RANGE : NUM_OK;
}

/* Whether rounding the double d to float gives what rounding the decimal d came
 * from would have given.  Rounding is monotonic and every midpoint between two
 * normal floats is a double, so only a d on such a midpoint is in doubt: its 29
 * low bits of 53 are 1 and then zeros. */
static bool float_decided(double d)
{
	double size = fabs(d);
	uint64_t bits;

	if (size < FLT_MIN || size > FLT_MAX / 2)
		return false;
	memcpy(&bits, &d, sizeof(bits));
	return (bits & ((1 << 29) - 1)) != 1 << 28;
}

int num_float(const char *p, size_t len, float *out)
{
	char text[NORMAL_SIZE];
	struct parts n;
	double d;
	int r = parse(p, len, &n);

	if (r != NUM_OK)
		return r;
	if (n.count == 0)
		*out = n.negative ? -0.0F : 0.0F;
	else if (exact_double(&n, &d) && float_decided(d))
		*out = (float)d;
	else {
		normalise(&n, text, sizeof(text));
		*out = strtof(text, NULL);
	}
	return isinf(*out) ? NUM_RANGE : NUM_OK;
}

int num_int64(const char *p, size_t len, int64_t *out)
{
	uint64_t limit, value;
	struct parts n;
	int64_t zeros;
	int r = parse(p, len, &n);

	if (r != NUM_OK)
		return r;
	if (n.count == 0) {
		*out = 0;
		return NUM_OK;
	}
	zeros = n.top + 1 - (int64_t)n.count;
	if (zeros < 0)
		return NUM_INEXACT;
	if (n.top > 18)
		return NUM_RANGE;
	value = leading(&n, n.count);
	while (zeros-- > 0)
		value *= 10;
	limit = n.negative ? UINT64_C(1) << 63 : INT64_MAX;
	if (value > limit)
		return NUM_RANGE;
	/* -2^63 has no positive counterpart to negate. */
	*out = n.negative ? -(int64_t)(value - 1) - 1 : (int64_t)value;
	return NUM_OK;
}

/* Floor of a / 4. */
static int64_t group_of(int64_t power)
{
	return power >= 0 ? power / 4 : -((-power + 3) / 4);
}

int num_decimal(const char *p, size_t len, struct num_decimal *out)
{
	static const uint16_t tens[] = {1, 10, 100, 1000};
	struct parts n;
	int64_t dscale, weight, last;
	int r = parse(p, len, &n);

	if (r != NUM_OK)
		return r;
	memset(out, 0, sizeof(*out));
	dscale = (int64_t)n.nfraction - n.exponent;
	if (dscale > DSCALE_MAX)
		return NUM_RANGE;
	out->dscale = dscale < 0 ? 0 : (int)dscale;
	if (n.count == 0)
		return NUM_OK;
	weight = group_of(n.top);
	last = group_of(n.top + 1 - (int64_t)n.count);
	if (weight > WEIGHT_MAX || weight - last >= NUM_DIGITS)
		return NUM_RANGE;
	for (size_t i = 0; i < n.count; i++) {
		int64_t power = n.top - (int64_t)i;
		int64_t group = group_of(power);

		out->digit[weight - group] +=
		    (uint16_t)((digit_at(&n, n.first + i) - '0') *
			       tens[power - group * 4]);
	}
	out->negative = n.negative;
	out->weight = (int)weight;
	out->ndigits = (int)(weight - last) + 1;
	return NUM_OK;
}
