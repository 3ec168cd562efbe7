/* Decimal text to machine numbers, with the C library as oracle. */
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "gen.h"
#include "tap.h"

#define TEXTS 1200000

static bool same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool same_float(float a, float b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* num_double() and num_float() against strtod() and strtof(). */
static bool agrees(const char *text, size_t len)
{
	double want = strtod(text, NULL), got = 0;
	float want_f = strtof(text, NULL), got_f = 0;
	int r = num_double(text, len, &got);
	int rf = num_float(text, len, &got_f);

	if ((isinf(want) ? r != NUM_RANGE
			 : r != NUM_OK || !same_double(got, want)) ||
	    (isinf(want_f) ? rf != NUM_RANGE
			   : rf != NUM_OK || !same_float(got_f, want_f))) {
		printf("# %s: double %a for %a, float %a for %a\n", text, got,
		    want, (double)got_f, (double)want_f);
		return false;
	}
	return true;
}

static void test_random(void)
{
	struct gen g = {1};
	char text[128];
	int bad = 0;

	for (int i = 0; i < TEXTS && bad < 10; i++) {
		size_t len = gen_number(&g, text);

		bad += !agrees(text, len);
	}
	ok(bad == 0, "double and float equal strtod, strtof for %d texts",
	    TEXTS);
}

/* Texts on and beside the midpoint of two floats, and of two doubles: where
 * rounding twice shows. */
static void test_midpoints(void)
{
	struct gen g = {2};
	char text[1200];
	int bad = 0;

	for (int i = 0; i < 20000 && bad < 10; i++) {
		float f = (float)(gen_next(&g) >> 40) *
		          (float)ldexp(1, (int)gen_below(&g, 60) - 40);
		double mid = ((double)f + (double)nextafterf(f, 1e30F)) / 2;
		int len = snprintf(text, sizeof(text), "%.*f", 80, mid);

		bad += !agrees(text, (size_t)len);
		text[len - 1] = '1';
		bad += !agrees(text, (size_t)len);
		len = snprintf(text, sizeof(text), "%.17g",
		    nextafter(mid, gen_below(&g, 2) ? 0 : 1e30));
		bad += !agrees(text, (size_t)len);
		len = snprintf(
		    text, sizeof(text), "%.*g", (int)gen_below(&g, 8) + 8, mid);
		bad += !agrees(text, (size_t)len);
	}
	ok(bad == 0, "texts at the midpoints of floats");
}

static void test_long(void)
{
	/* 2^53 + 1 lies between two doubles: the last digit decides, however
	 * far behind it stands. */
	static char text[200000];
	static const char tie[] = "9007199254740993.";
	double got = 0;
	size_t len = sizeof(text) - 1;

	memset(text, '0', len);
	memcpy(text, tie, sizeof(tie) - 1);
	ok(num_double(text, len, &got) == NUM_OK && got == 9007199254740992.0,
	    "a tie with 200 kB of zeros behind it goes to even");
	text[len - 1] = '1';
	ok(num_double(text, len, &got) == NUM_OK && got == 9007199254740994.0,
	    "a last digit behind 200 kB of zeros breaks the tie");
	memset(text, '0', len);
	text[1] = '.';
	memcpy(text + len - 10, "1e+199980", 10);
	len = len - 1;
	ok(num_double(text, len, &got) == NUM_OK && got < 1e-5 && got > 0,
	    "a long fraction and a long exponent cancel out");
}

static void test_double(void)
{
	static const char *const texts[] = {"0", "-0", "0.0", "-0.0e5",
	    "0e999999999999", "1", "-1", "6.4e4", "64000.0", "0.1", "1e22",
	    "1e23", "9007199254740993", "123456789012345678901234567890",
	    "1.7976931348623157e308", "1.7976931348623159e308", "1e400",
	    "-1e400", "1e99999999999999999999", "4.9e-324", "2.4e-324",
	    "2.5e-324", "1e-400", "1e-99999999999999999999",
	    "2.2250738585072011e-308", "2.2250738585072014e-308",
	    "3.4028235e38", "3.4028236e38", "1.17549435e-38", "7e-46",
	    "1.00000017881393432617187499", "1.000000178813934326171875",
	    "1.00000017881393432617187501", "18446744073709551615",
	    "18446744073709551616", "0.000000000000000000000000000001"};
	double d = 1;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ok(agrees(texts[i], strlen(texts[i])), "%s", texts[i]);
	ok(num_double("-0", 2, &d) == NUM_OK && d == 0 && signbit(d),
	    "-0 keeps its sign");
	ok(num_double("1e5", 2, &d) == NUM_SYNTAX,
	    "nothing behind the length is read");
}

static void test_locale(void)
{
	static const char *const names[] = {
	    "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "de_DE.utf8"};
	const char *set = NULL;
	double d = 0;
	float f = 0;

	for (size_t i = 0; i < 4 && set == NULL; i++)
		set = setlocale(LC_ALL, names[i]);
	ok(num_double("1.25e-300", 9, &d) == NUM_OK &&
		same_double(d, 1.25e-300),
	    "a fraction, locale %s", set ? set : "C (no other is here)");
	ok(num_float("1.25e-30", 8, &f) == NUM_OK && same_float(f, 1.25e-30F),
	    "a float's fraction, in the same locale");
	setlocale(LC_ALL, "C");
}

static void test_syntax(void)
{
	static const char *const texts[] = {"", "-", "+1", "01", "-01", "00",
	    ".5", "-.5", "1.", "1.e5", "1e", "1e+", "1e-", "e5", "1.5.5",
	    "1e5.5", "0x10", "nan", "NaN", "inf", "Infinity", " 1", "1 ", "1,5",
	    "1_0", "1e 5", "--1", "\xd9\xa1"};
	struct num_decimal dec;
	int64_t i64;
	double d;
	float f;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *t = texts[i];
		size_t n = strlen(t);

		ok(num_double(t, n, &d) == NUM_SYNTAX &&
			num_float(t, n, &f) == NUM_SYNTAX &&
			num_int64(t, n, &i64) == NUM_SYNTAX &&
			num_decimal(t, n, &dec) == NUM_SYNTAX,
		    "'%s' is no number", t);
	}
	ok(num_int64("1\0", 2, &i64) == NUM_SYNTAX, "a NUL is no digit");
}

static void test_int64(void)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {{"0", NUM_OK, 0}, {"-0", NUM_OK, 0}, {"-0.0e0", NUM_OK, 0},
	    {"64000", NUM_OK, 64000}, {"64000.0", NUM_OK, 64000},
	    {"6.4e4", NUM_OK, 64000}, {"6.4E+4", NUM_OK, 64000},
	    {"640000e-1", NUM_OK, 64000}, {"0e999999999999", NUM_OK, 0},
	    {"0.000e-999999999999999999999", NUM_OK, 0},
	    {"9223372036854775807", NUM_OK, INT64_MAX},
	    {"9223372036854775808", NUM_RANGE, 0},
	    {"-9223372036854775808", NUM_OK, INT64_MIN},
	    {"-9223372036854775809", NUM_RANGE, 0},
	    {"922337203685477580.7e1", NUM_OK, INT64_MAX},
	    {"0.0000009223372036854775807e25", NUM_OK, INT64_MAX},
	    {"0.0000009223372036854775807e24", NUM_INEXACT, 0},
	    {"99999999999999999999", NUM_RANGE, 0},
	    {"1e18", NUM_OK, 1000000000000000000}, {"1e19", NUM_RANGE, 0},
	    {"1e400", NUM_RANGE, 0}, {"-1e400", NUM_RANGE, 0},
	    {"1e99999999999999999999", NUM_RANGE, 0},
	    {"1e-99999999999999999999", NUM_INEXACT, 0},
	    {"0.5", NUM_INEXACT, 0}, {"1.5", NUM_INEXACT, 0},
	    {"15e-1", NUM_INEXACT, 0}, {"1.5e1", NUM_OK, 15},
	    {"9007199254740993", NUM_OK, 9007199254740993},
	    {"1789939200123", NUM_OK, 1789939200123}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got = 0;
		int r = num_int64(cases[i].text, strlen(cases[i].text), &got);

		ok(r == cases[i].result &&
			(r != NUM_OK || got == cases[i].value),
		    "%s as int64", cases[i].text);
	}
}

/* The same integer with a fraction of zeros, or the point moved. */
static void test_int64_random(void)
{
	struct gen g = {3};
	char text[128], digits[32];
	int bad = 0;

	for (int i = 0; i < 200000 && bad < 10; i++) {
		int64_t want = (int64_t)(gen_next(&g) >> gen_below(&g, 64)),
			got = 0;
		unsigned cut, len;

		if (gen_below(&g, 2))
			want = -(want / 2);
		if (want < 0 && want > -10)
			want = -10;
		snprintf(digits, sizeof(digits), "%" PRId64, want);
		len = (unsigned)strlen(digits);
		cut = len < 3 ? len : 2 + gen_below(&g, len - 2);
		snprintf(text, sizeof(text), "%.*s%s%se%u", (int)cut, digits,
		    cut < len ? "." : "", digits + cut, len - cut);
		bad += num_int64(text, strlen(text), &got) != NUM_OK ||
		       got != want;
		snprintf(text, sizeof(text), "%s.00", digits);
		bad += num_int64(text, strlen(text), &got) != NUM_OK ||
		       got != want;
	}
	ok(bad == 0, "200000 integers, written in two other ways");
}

/* As PostgreSQL prints a numeric; out has size bytes. */
static void decimal_text(const struct num_decimal *d, char *out, size_t size)
{
	size_t n = 0;
	int low = -((d->dscale + 3) / 4);
	int high = d->ndigits > 0 && d->weight > 0 ? d->weight : 0;
	char part[8];

	if (d->negative)
		out[n++] = '-';
	for (int group = high; group >= low && n + 8 < size; group--) {
		int at = d->weight - group;
		int value = at >= 0 && at < d->ndigits ? d->digit[at] : 0;
		int width = group == high ? 1 : 4;

		if (group == -1)
			out[n++] = '.';
		snprintf(part, sizeof(part), "%0*d", width, value);
		memcpy(out + n, part, strlen(part));
		n += strlen(part);
	}
	n -= (size_t)(-low * 4 - d->dscale);
	out[n] = '\0';
}

static void test_decimal(void)
{
	/* The second column is what PostgreSQL 15 prints for '...'::numeric. */
	static const char *const cases[][2] = {{"0", "0"}, {"-0", "0"},
	    {"0.000", "0.000"}, {"1", "1"}, {"1.0", "1.0"}, {"-1.50", "-1.50"},
	    {"64000", "64000"}, {"6.4e4", "64000"}, {"1.50e1", "15.0"},
	    {"1e-3", "0.001"}, {"0.0001", "0.0001"}, {"0.00001", "0.00001"},
	    {"12345678.90", "12345678.90"}, {"10000", "10000"},
	    {"100000000", "100000000"}, {"0e5", "0"}, {"0e-5", "0.00000"},
	    {"9007199254740993", "9007199254740993"},
	    {"123456789012345678901234567890.123456789",
		"123456789012345678901234567890.123456789"},
	    {"1.2345e-10", "0.00000000012345"}, {"1E+8", "100000000"}};
	struct num_decimal d;
	char text[2000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text[0] = '\0';
		if (num_decimal(cases[i][0], strlen(cases[i][0]), &d) == NUM_OK)
			decimal_text(&d, text, sizeof(text));
		is_str(text, cases[i][1], cases[i][0]);
	}
	ok(num_decimal("10000", 5, &d) == NUM_OK && d.ndigits == 1 &&
		d.weight == 1 && d.digit[0] == 1,
	    "no group of zeros at the end is kept");
	ok(num_decimal("0.00001", 7, &d) == NUM_OK && d.ndigits == 1 &&
		d.weight == -2 && d.digit[0] == 1000 && d.dscale == 5,
	    "none in front either");
	ok(num_decimal("-0.0", 4, &d) == NUM_OK && d.ndigits == 0 &&
		!d.negative && d.dscale == 1,
	    "0 has no sign and no digit");
}

static void test_decimal_limits(void)
{
	struct num_decimal d;
	char text[300];

	ok(num_decimal("1e-16383", 8, &d) == NUM_OK && d.dscale == 16383 &&
		d.weight == -4096 && d.ndigits == 1 && d.digit[0] == 10,
	    "16383 places behind the point");
	ok(num_decimal("1e-16384", 8, &d) == NUM_RANGE, "not 16384");
	ok(num_decimal("0e-16384", 8, &d) == NUM_RANGE, "not of a 0 either");
	ok(num_decimal("9e131071", 8, &d) == NUM_OK && d.weight == 32767,
	    "131072 places before it");
	ok(num_decimal("1e131072", 8, &d) == NUM_RANGE, "not 131073");
	ok(num_decimal("1e99999999999999999999", 22, &d) == NUM_RANGE,
	    "an exponent beyond int64");
	ok(num_decimal("0e99999999999999999999", 22, &d) == NUM_OK &&
		d.ndigits == 0 && d.dscale == 0,
	    "which does not matter to 0");
	memset(text, '9', sizeof(text));
	ok(num_decimal(text, NUM_DIGITS * 4, &d) == NUM_OK &&
		d.ndigits == NUM_DIGITS && d.digit[NUM_DIGITS - 1] == 9999,
	    "as many digits as there is room for");
	ok(num_decimal(text, NUM_DIGITS * 4 + 1, &d) == NUM_RANGE,
	    "not one more");
}

/* Plain decimals come back as they were. */
static void test_decimal_random(void)
{
	struct gen g = {4};
	char text[128], back[300];
	struct num_decimal d;
	int bad = 0;

	for (int i = 0; i < 200000 && bad < 10; i++) {
		size_t n = gen_digits(&g, text, 1 + gen_below(&g, 30));

		if (gen_below(&g, 4) > 0) {
			text[n++] = '.';
			n += gen_digits(&g, text + n, 1 + gen_below(&g, 30));
		}
		text[n] = '\0';
		back[0] = '\0';
		if (num_decimal(text, n, &d) == NUM_OK)
			decimal_text(&d, back, sizeof(back));
		if (strcmp(text, back) != 0 && ++bad)
			printf("# %s came back as %s\n", text, back);
		if (d.ndigits > 0 &&
		    (d.digit[0] == 0 || d.digit[d.ndigits - 1] == 0))
			bad++;
	}
	ok(bad == 0, "200000 decimals come back as written");
}

int main(void)
{
	test_double();
	test_long();
	test_random();
	test_midpoints();
	test_locale();
	test_syntax();
	test_int64();
	test_int64_random();
	test_decimal();
	test_decimal_limits();
	test_decimal_random();
	return done_testing();
}
