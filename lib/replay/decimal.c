#include "replay/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *sign_of(int64_t mantissa)
{
	return mantissa < 0 ? "-" : "";
}

static uint64_t magnitude(int64_t mantissa)
{
	return mantissa < 0 ? -(uint64_t)mantissa : (uint64_t)mantissa;
}

static char *format_exponent(char *out, struct decimal d)
{
	char digits[24];
	int n, exponent;

	while (d.mantissa % 10 == 0) {
		d.mantissa /= 10;
		d.scale--;
	}
	n = snprintf(digits, sizeof(digits), "%" PRIu64, magnitude(d.mantissa));
	exponent = n - 1 - d.scale;
	snprintf(out, DECIMAL_SIZE, "%s%c.%se%d", sign_of(d.mantissa),
	    digits[0], n > 1 ? digits + 1 : "0", exponent);
	return out;
}

static char *format_fixed(char *out, struct decimal d)
{
	uint64_t unit = 1, m = magnitude(d.mantissa);
	int digits = d.scale < 18 ? d.scale : 18;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	snprintf(out, DECIMAL_SIZE, "%s%" PRIu64 ".%0*" PRIu64,
	    sign_of(d.mantissa), m / unit, digits, m % unit);
	return out;
}

char *decimal_format(char *out, struct decimal d, enum decimal_style style)
{
	if (d.mantissa == 0)
		return strcpy(out, style == DECIMAL_PLAIN ? "0" : "0.0");
	if (style == DECIMAL_EXPONENT)
		return format_exponent(out, d);
	while (d.scale > 0 && d.mantissa % 10 == 0) {
		d.mantissa /= 10;
		d.scale--;
	}
	if (d.scale > 0)
		return format_fixed(out, d);
	snprintf(out, DECIMAL_SIZE, "%" PRId64 "%s", d.mantissa,
	    style == DECIMAL_POINT ? ".0" : "");
	return out;
}

/* Java's Double.toString() turns to exponents below 10^-3; so does the
 * exchange (1.0e-4). */
static int is_small(struct decimal d)
{
	uint64_t m = magnitude(d.mantissa);

	for (int i = 3; i < d.scale; i++)
		m /= 10;
	return d.scale >= 3 && m == 0;
}

char *decimal_draw(char *out, struct decimal d, struct rng *r)
{
	int64_t roll = rng_below(r, 100);

	if (is_small(d))
		return decimal_format(
		    out, d, roll < 85 ? DECIMAL_EXPONENT : DECIMAL_PLAIN);
	if (roll < 75)
		return decimal_format(out, d, DECIMAL_POINT);
	return decimal_format(
	    out, d, roll < 88 ? DECIMAL_PLAIN : DECIMAL_EXPONENT);
}
