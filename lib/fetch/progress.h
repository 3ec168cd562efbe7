/*
 * How far long work has come, for the one who waits: on a terminal a bar with
 * rate and remaining time, drawn over itself and gone at the end; elsewhere a
 * sentence a minute.  Nothing at all if the work is short, or if only errors
 * are to be said.  What is logged meanwhile stands on a line of its own.  The
 * one thing in lib/ but the log that writes to stderr.
 */
#ifndef FETCH_PROGRESS_H
#define FETCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_SAMPLES 32

struct progress {
	int fd;           /* *borrowed* */
	const char *unit; /* "calls"; *borrowed* */
	bool terminal, drawn, shown;
	int64_t total, done; /* of the unit */
	int64_t begun_ms, drawn_ms, said_ms;
	struct {
		int64_t at_ms, done;
	} sample[PROGRESS_SAMPLES]; /* of the last half minute */
	size_t samples;             /* ever taken */
};

/* Shows nothing yet.  One a process.  total 0: not known. */
void progress_begin(struct progress *p, int fd, const char *unit, int64_t total,
    int64_t now_ms);

/* Draws or says what is due; to be called often. */
void progress_tick(struct progress *p, int64_t now_ms);

/* Takes the bar away; the log is as it was. */
void progress_end(struct progress *p);

/* "1234 of 5000 calls, 25 %, 9.8/s, 6 min left" to out; what is not known is
 * left out. */
void progress_text(
    const struct progress *p, int64_t now_ms, char *out, size_t size);

#endif
