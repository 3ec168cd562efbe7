/*
 * The truth file: NDJSON, a line for every message that was really handed to a
 * socket, and for what was done to connections.  A message is in it exactly
 * when a client that reads until end of file receives it whole; the server
 * calls truth_message() when the kernel has taken all of it.
 */
#ifndef REPLAY_TRUTH_H
#define REPLAY_TRUTH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fault.h"

struct truth {
	FILE *file;       /* NULL: none is written */
	const char *path; /* *borrowed* */
	int failed;       /* errno of a write that failed */
};

/* Creates the file anew; path NULL: every later call does nothing. */
int truth_open(struct truth *t, const char *path, struct fault *fault);

/* The message's text stands verbatim in the line. */
void truth_message(struct truth *t, uint64_t connection, int64_t sent_us,
    const char *text, size_t len);

/* event: open, cut, reset, close, stall, maintenance-end; with a text also:
 * drop, unheard. */
void truth_event(struct truth *t, uint64_t connection, const char *event,
    const char *text, size_t len);

/* Adds the text, a JSON object, as a line of its own. */
/* A fault of --fault that was done; detail: JSON members, "" for none. */
void truth_fault(
    struct truth *t, uint64_t connection, const char *kind, const char *detail);

/* A line that stands for itself (a ledger). */
void truth_note(struct truth *t, const char *text, size_t len);

void truth_flush(struct truth *t);

/* -1 if any line could not be written. */
int truth_close(struct truth *t, struct fault *fault);

#endif
