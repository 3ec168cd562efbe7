/* A tiny TAP producer: ok(), is_int(), is_str(), done_testing(). */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool ok(
    bool pass, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (!pass)
		tap_failed++;
	return pass;
}

__attribute__((unused)) static bool is_int(
    int64_t got, int64_t want, const char *what)
{
	bool pass = ok(got == want, "%s", what);

	if (!pass)
		printf("#   got %" PRId64 "\n#  want %" PRId64 "\n", got, want);
	return pass;
}

__attribute__((unused)) static bool is_str(
    const char *got, const char *want, const char *what)
{
	bool pass = ok(got != NULL && strcmp(got, want) == 0, "%s", what);

	if (!pass)
		printf(
		    "#   got '%s'\n#  want '%s'\n", got ? got : "(null)", want);
	return pass;
}

__attribute__((unused)) static int done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed > 0;
}

#endif
