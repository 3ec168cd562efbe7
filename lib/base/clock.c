#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Of a machine that slept, the hole is as long as its sleep. */
#ifdef CLOCK_BOOTTIME
#define CLOCK_STEADY CLOCK_BOOTTIME
#else
#define CLOCK_STEADY CLOCK_MONOTONIC
#endif

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_STEADY);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

/* Days from civil: Howard Hinnant, chrono-compatible low-level date
 * algorithms. */
int64_t clock_days(int64_t year, int month, int day)
{
	int64_t era, yoe, doy;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	yoe = year - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool digits(const char **p, const char *end, int n, int *value)
{
	int v = 0;

	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++) {
		char c = (*p)[i];

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (c - '0');
	}
	*p += n;
	*value = v;
	return true;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

static int month_days(int year, int month)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool fraction(const char **p, const char *end, int64_t *us)
{
	int64_t unit = 100000;
	bool any = false;

	*us = 0;
	if (!literal(p, end, '.'))
		return true;
	for (int i = 0; *p < end && **p >= '0' && **p <= '9'; ++*p, i++) {
		if (i < 6)
			*us += (**p - '0') * unit;
		else if (i == 6 && **p >= '5')
			++*us;
		unit /= 10;
		any = true;
	}
	return any;
}

static bool offset(const char **p, const char *end, int64_t *us)
{
	int sign, hour, minute;

	*us = 0;
	if (literal(p, end, 'Z') || literal(p, end, 'z'))
		return true;
	sign = literal(p, end, '+') ? 1 : literal(p, end, '-') ? -1 : 0;
	if (sign == 0 || !digits(p, end, 2, &hour))
		return false;
	literal(p, end, ':');
	if (!digits(p, end, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*us = sign * (hour * 60 + minute) * INT64_C(60000000);
	return true;
}

int clock_rfc3339(const char *text, size_t len, int64_t *us)
{
	const char *p = text, *end = text + len;
	int year, month, day, hour = 0, minute = 0, second = 0;
	int64_t part = 0, zone = 0;

	if (!digits(&p, end, 4, &year) || !literal(&p, end, '-') ||
	    !digits(&p, end, 2, &month) || !literal(&p, end, '-') ||
	    !digits(&p, end, 2, &day))
		return -1;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return -1;
	if (p < end) {
		if (*p != 'T' && *p != 't' && *p != ' ')
			return -1;
		p++;
		if (!digits(&p, end, 2, &hour) || !literal(&p, end, ':') ||
		    !digits(&p, end, 2, &minute) || !literal(&p, end, ':') ||
		    !digits(&p, end, 2, &second) || !fraction(&p, end, &part) ||
		    !offset(&p, end, &zone) || p != end)
			return -1;
		if (hour > 23 || minute > 59 || second > 60)
			return -1;
	}
	*us = (clock_days(year, month, day) * 86400 + hour * 3600 +
		  minute * 60 + second) *
	          INT64_C(1000000) +
	      part - zone;
	return 0;
}

static int64_t unit_of(const char *s)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000},
	    {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(s, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

int clock_duration(
    const char *text, int64_t unit_ms, int64_t *ms, struct fault *fault)
{
	int64_t unit;
	long long n;
	char *end;

	errno = 0;
	n = strtoll(text, &end, 10);
	unit = *end == '\0' ? unit_ms : unit_of(end);
	if (text[0] < '0' || text[0] > '9' || errno != 0 || unit == 0 ||
	    n > INT64_MAX / unit / 2)
		return fault_set(fault, EX_USAGE,
		    "'%s' is not a duration like 200ms, 30s, 10m, 48h or 7d",
		    text);
	*ms = n * unit;
	return 0;
}

int clock_parse(const char *text, int64_t *ms, struct fault *fault)
{
	int64_t now = clock_wall_us() / 1000, value;
	size_t len = strlen(text);
	char *end;

	if (strcmp(text, "now") == 0) {
		*ms = now;
		return 0;
	}
	if (text[0] == '-' && len > 2 &&
	    !(text[len - 1] >= '0' && text[len - 1] <= '9') &&
	    clock_duration(text + 1, 0, &value, NULL) == 0) {
		*ms = now - value;
		return 0;
	}
	if (clock_rfc3339(text, len, &value) == 0) {
		*ms = value / 1000;
		return 0;
	}
	errno = 0;
	value = strtoll(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	    len >= 12) {
		*ms = value;
		return 0;
	}
	return fault_set(fault, EX_USAGE,
	    "'%s' is not a time: 2026-01-01, 2026-01-01T00:00:00Z, "
	    "milliseconds since the epoch, or -48h",
	    text);
}

void clock_format_ms(int64_t ms, char *out, size_t size)
{
	int part = (int)(ms % 1000);
	time_t t = (time_t)(ms / 1000 - (part < 0));
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL) {
		snprintf(out, size, "%" PRId64, ms);
		return;
	}
	/* Not strftime(): glibc's %Y writes the year 476 with three digits. */
	snprintf(out, size, "%04ld-%02d-%02dT%02d:%02d:%02d.%03dZ",
	    tm.tm_year + 1900L, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, part < 0 ? part + 1000 : part);
}
