/*
 * Recorded server messages, one a line, to be sent as they stand.  What a line
 * holds is not judged: a broken message is a fine thing to send to a client
 * under test.  Only its time is looked for.
 */
#ifndef REPLAY_FRAMES_H
#define REPLAY_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct frames_line {
	const char *text; /* in the file's bytes */
	size_t len;
	int64_t at_ms; /* from the first frame on; never less than before */
};

struct frames {
	char *bytes;
	struct frames_line *line;
	size_t count;
};

/* Reads the whole file; empty lines are skipped.  A line without a timestamp
 * keeps its predecessor's time. */
int frames_open(struct frames *f, const char *path, struct fault *fault);
void frames_close(struct frames *f);

#endif
