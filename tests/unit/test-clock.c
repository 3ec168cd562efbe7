/* Times: RFC 3339 both ways, durations, arguments. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "gen.h"
#include "tap.h"

static void test_rfc3339(void)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {{"1970-01-01", 0}, {"1970-01-01T00:00:00Z", 0},
	    {"1970-01-01t00:00:00z", 0}, {"1970-01-01 00:00:01Z", 1000000},
	    {"2026-11-23T01:02:03Z", 1795395723000000},
	    {"2026-11-23T01:02:03.5Z", 1795395723500000},
	    {"2026-11-23T01:02:03.123456Z", 1795395723123456},
	    {"2026-11-23T01:02:03.1234564Z", 1795395723123456},
	    {"2026-11-23T01:02:03.1234565Z", 1795395723123457},
	    {"2026-11-23T01:02:03.9999999Z", 1795395724000000},
	    {"2026-11-23T01:02:03.12345649999999999999999999999999999999Z",
		1795395723123456},
	    {"2026-11-23T03:02:03+02:00", 1795395723000000},
	    {"2026-11-22T19:32:03-05:30", 1795395723000000},
	    {"2024-02-29", 1709164800000000}, {"2000-02-29", 951782400000000},
	    {"1969-12-31T23:59:59.999999Z", -1},
	    {"1960-01-01T00:00:00Z", -315619200000000},
	    {"0001-01-01T00:00:00Z", -62135596800000000},
	    {"9999-12-31T23:59:59.999999Z", 253402300799999999},
	    {"2016-12-31T23:59:60Z", 1483228800000000}};
	int64_t us;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *t = cases[i].text;

		us = 12345;
		ok(clock_rfc3339(t, strlen(t), &us) == 0 && us == cases[i].us,
		    "%s is %" PRId64, t, us);
	}
}

static void test_no_rfc3339(void)
{
	static const char *const texts[] = {"", "2026", "2026-11", "2026-11-",
	    "2026-1-23", "26-11-23", "2026-13-01", "2026-00-01", "2026-11-00",
	    "2026-11-31", "2026-02-29", "1900-02-29", "2026-11-23T",
	    "2026-11-23T01", "2026-11-23T01:02", "2026-11-23T01:02Z",
	    "2026-11-23T01:02:03", "2026-11-23T01:02:03.Z",
	    "2026-11-23T24:00:00Z", "2026-11-23T01:60:00Z",
	    "2026-11-23T01:02:61Z", "2026-11-23T01:02:03ZZ",
	    "2026-11-23T01:02:03+24:00", "2026-11-23T01:02:03+01:60",
	    "2026-11-23T01:02:03+1", "2026-11-23T01:02:03+", "-026-11-23",
	    " 2026-11-23", "2026-11-23 ", "2026/11/23", "+2026-11-23",
	    "2026-11-23T-1:02:03Z", "2026-11-23T01:02:03.5"};
	int64_t us;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ok(clock_rfc3339(texts[i], strlen(texts[i]), &us) == -1,
		    "'%s' is none", texts[i]);
	ok(clock_rfc3339("2026-11-23T01:02:03Z", 19, &us) == -1,
	    "nothing behind the length is read");
}

/* What clock_format_ms() writes, clock_rfc3339() reads; gmtime_r() agrees. */
static void test_round_trip(void)
{
	struct gen g = {1};
	char text[64], want[64];
	int bad = 0;

	for (int i = 0; i < 200000 && bad < 10; i++) {
		int64_t ms = (int64_t)(gen_next(&g) % 315537897600000) -
		             62135596800000;
		int64_t us = 0;
		time_t t = (time_t)((ms - ((ms % 1000) + 1000) % 1000) / 1000);
		struct tm tm;

		clock_format_ms(ms, text, sizeof(text));
		if (clock_rfc3339(text, strlen(text), &us) == -1 ||
		    us != ms * 1000) {
			printf("# %" PRId64 " was written %s\n", ms, text);
			bad++;
		}
		gmtime_r(&t, &tm);
		snprintf(want, sizeof(want),
		    "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		    (int)(((ms % 1000) + 1000) % 1000));
		if (strcmp(text, want) != 0 && ++bad)
			printf("# %" PRId64 ": %s for %s\n", ms, text, want);
	}
	ok(bad == 0, "200000 times of the years 1 to 9999, there and back");
	clock_format_ms(0, text, sizeof(text));
	is_str(text, "1970-01-01T00:00:00.000Z", "the epoch");
	clock_format_ms(-1, text, sizeof(text));
	is_str(text, "1969-12-31T23:59:59.999Z", "a millisecond before");
	clock_format_ms(INT64_MAX, text, sizeof(text));
	ok(strlen(text) > 0, "the last millisecond is %s", text);
	clock_format_ms(INT64_MIN, text, sizeof(text));
	ok(strlen(text) > 0, "the first is %s", text);
}

static void test_days(void)
{
	int64_t day = clock_days(1, 1, 1);
	bool good = true;

	is_int(clock_days(1970, 1, 1), 0, "the epoch's day");
	is_int(clock_days(2000, 3, 1), 11017, "2000-03-01");
	is_int(clock_days(-1, 12, 31) + 1, clock_days(0, 1, 1), "the year 0");
	for (int year = 1; year < 3000; year++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) ||
		            year % 400 == 0;

		good = good && clock_days(year, 1, 1) == day &&
		       clock_days(year, 12, 31) == day + 364 + leap &&
		       clock_days(year, 3, 1) == day + 59 + leap;
		day += 365 + leap;
	}
	ok(good, "3000 years of 365 or 366 days");
}

static void test_duration(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {{"200ms", 200}, {"30s", 30000}, {"10m", 600000},
	    {"10min", 600000}, {"48h", 172800000}, {"7d", 604800000},
	    {"2w", 1209600000}, {"5", 5000}, {"0", 0}, {"0s", 0}};
	static const char *const wrong[] = {"", "s", "-5s", "+5s", " 5s", "5 s",
	    "5.5s", "5x", "5ss", "99999999999999999999s",
	    "9223372036854775807w", "1e3"};
	struct fault fault;
	int64_t ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ms = -1;
		ok(clock_duration(cases[i].text, 1000, &ms, &fault) == 0 &&
			ms == cases[i].ms,
		    "%s is %" PRId64 " ms", cases[i].text, ms);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fault.exit_code = 0;
		ok(clock_duration(wrong[i], 1000, &ms, &fault) == -1 &&
			fault.exit_code == EX_USAGE &&
			strstr(fault.text, wrong[i]) != NULL,
		    "'%s' is no duration", wrong[i]);
	}
}

static void test_parse(void)
{
	static const char *const wrong[] = {"", "-", "yesterday", "-5", "-48x",
	    "48h", "123", "1e12", "99999999999999999999", "2026-13-01",
	    "1789939200123ms", "--5h", "-h"};
	struct fault fault;
	int64_t ms = 0, before;

	ok(clock_parse("1789939200123", &ms, &fault) == 0 &&
		ms == 1789939200123,
	    "milliseconds since the epoch");
	ok(clock_parse("2026-01-01", &ms, &fault) == 0 && ms == 1767225600000,
	    "a date");
	ok(clock_parse("2026-01-01T00:00:00.5+01:00", &ms, &fault) == 0 &&
		ms == 1767222000500,
	    "a date and a time");
	before = clock_wall_us() / 1000;
	ok(clock_parse("now", &ms, &fault) == 0 && ms >= before &&
		ms <= clock_wall_us() / 1000,
	    "now");
	before = clock_wall_us() / 1000 - 172800000;
	ok(clock_parse("-48h", &ms, &fault) == 0 && ms >= before &&
		ms <= clock_wall_us() / 1000 - 172800000,
	    "48 hours ago");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fault.exit_code = 0;
		ok(clock_parse(wrong[i], &ms, &fault) == -1 &&
			fault.exit_code == EX_USAGE,
		    "'%s' is no time", wrong[i]);
	}
}

static void test_clocks(void)
{
	int64_t a = clock_mono_us(), b = clock_mono_us();

	ok(b >= a, "the monotonic clock does not go back");
	ok(clock_mono_ms() >= a / 1000, "in milliseconds too");
	ok(clock_wall_us() > INT64_C(1600000000000000),
	    "the wall clock is in microseconds");
}

int main(void)
{
	setenv("TZ", "America/New_York", 1);
	tzset();
	test_rfc3339();
	test_no_rfc3339();
	test_round_trip();
	test_days();
	test_duration();
	test_parse();
	test_clocks();
	return done_testing();
}
