/*
 * Lines that could not be loaded: with a file, one JSON object a line with the
 * line's number, the reason and the line; without one, a warning on stderr.
 */
#ifndef DB_REJECT_H
#define DB_REJECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

struct reject {
	int fd; /* *borrowed*; -1: stderr */
	uint64_t count;
	struct buf out;
};

void reject_init(struct reject *r, int fd);
void reject_free(struct reject *r);

/* Says one line's fate; -1 with *fault (EX_IOERR) if it cannot be written:
 * nothing may be lost unseen. */
int reject_line(struct reject *r, uint64_t line, const char *reason,
    const char *text, size_t len, struct fault *fault);

#endif
