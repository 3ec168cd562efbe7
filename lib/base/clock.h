/*
 * Time.  Deadlines use the monotonic clock; records use the wall clock.  All
 * integers, with the unit in the name.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/* Milliseconds of the monotonic clock: for deadlines only. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Microseconds since the epoch, UTC. */
int64_t clock_wall_us(void);

/* Days since 1970-01-01 of a Gregorian date (proleptic); no range check. */
int64_t clock_days(int64_t year, int month, int day);

/* RFC 3339 text (date-time with Z or offset; 'T', 't' or a space between;
 * a date alone is its midnight UTC) to microseconds since the epoch.  Digits
 * beyond the microsecond are rounded half up.  -1 if it is none. */
int clock_rfc3339(const char *text, size_t len, int64_t *us);

/* A TIME argument: RFC 3339, epoch milliseconds, "now", or relative like
 * -48h, -90m, -7d, -30s.  Milliseconds since the epoch to *ms. */
int clock_parse(const char *text, int64_t *ms, struct fault *fault);

/* A DURATION argument: 200ms, 30s, 10m, 48h, 7d; a bare number is in unit_ms.
 * Milliseconds to *ms. */
int clock_duration(
    const char *text, int64_t unit_ms, int64_t *ms, struct fault *fault);

/* Writes 2026-11-23T00:00:00.000Z (25 bytes with NUL; longer years more) to
 * out, which has size bytes. */
void clock_format_ms(int64_t ms, char *out, size_t size);

#endif
