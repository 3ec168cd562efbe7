/*
 * Any bytes as a number: all four conversions agree on what is one (and with
 * the scanner), on its value with strtod() and strtof(), and among each other.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "fuzz.h"
#include "io/json.h"

#define LEN_MAX 4096

static int scanned(const char *p, size_t len)
{
	struct json_value value;
	struct json j;

	if (len == 0 || (*p != '-' && (*p < '0' || *p > '9')))
		return 0;
	json_init(&j, p, len);
	return json_value(&j, &value) == 0 && value.text.len == len;
}

static void check_floats(const char *text, size_t len, int r, double d)
{
	double want = strtod(text, NULL);
	float f = 0, want_f = strtof(text, NULL);
	int rf = num_float(text, len, &f);

	EXPECT(isinf(want) ? r == NUM_RANGE
			   : r == NUM_OK && memcmp(&d, &want, sizeof(d)) == 0);
	EXPECT(isinf(want_f)
		   ? rf == NUM_RANGE
		   : rf == NUM_OK && memcmp(&f, &want_f, sizeof(f)) == 0);
}

static void check_int64(const char *text, size_t len, double d)
{
	char plain[32];
	int64_t value = 0, again = 1;
	int r = num_int64(text, len, &value);

	EXPECT(r == NUM_OK || r == NUM_RANGE || r == NUM_INEXACT);
	if (r != NUM_OK)
		return;
	EXPECT((double)value == d);
	snprintf(plain, sizeof(plain), "%" PRId64, value);
	EXPECT(num_int64(plain, strlen(plain), &again) == NUM_OK);
	EXPECT(again == value);
}

/* The groups, written as one integer with an exponent, are the same double. */
static void check_decimal(const char *text, size_t len, double d)
{
	char plain[NUM_DIGITS * 4 + 32];
	struct num_decimal dec;
	size_t n = 0;
	int r = num_decimal(text, len, &dec);
	double back;

	EXPECT(r == NUM_OK || r == NUM_RANGE);
	if (r != NUM_OK)
		return;
	EXPECT(dec.ndigits >= 0 && dec.ndigits <= NUM_DIGITS);
	EXPECT(dec.dscale >= 0 && dec.dscale <= 16383);
	if (dec.ndigits == 0) {
		EXPECT(d == 0);
		return;
	}
	EXPECT(dec.digit[0] != 0 && dec.digit[dec.ndigits - 1] != 0);
	if (dec.negative)
		plain[n++] = '-';
	for (int i = 0; i < dec.ndigits; i++) {
		EXPECT(dec.digit[i] < 10000);
		n += (size_t)snprintf(
		    plain + n, sizeof(plain) - n, "%04d", dec.digit[i]);
	}
	snprintf(plain + n, sizeof(plain) - n, "e%d",
	    4 * (dec.weight - dec.ndigits + 1));
	back = strtod(plain, NULL);
	EXPECT(back == d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[LEN_MAX + 1];
	struct num_decimal dec;
	double d = 0;
	float f;
	int64_t i;
	int r;

	if (size > LEN_MAX)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	r = num_double(text, size, &d);
	EXPECT((r != NUM_SYNTAX) == scanned(text, size));
	if (r == NUM_SYNTAX) {
		EXPECT(num_float(text, size, &f) == NUM_SYNTAX);
		EXPECT(num_int64(text, size, &i) == NUM_SYNTAX);
		EXPECT(num_decimal(text, size, &dec) == NUM_SYNTAX);
		return 0;
	}
	check_floats(text, size, r, d);
	if (r == NUM_RANGE)
		d = text[0] == '-' ? -INFINITY : INFINITY;
	check_int64(text, size, d);
	check_decimal(text, size, d);
	return 0;
}
