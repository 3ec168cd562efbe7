/*
 * Lines of a stream, whatever it holds.  Reads a descriptor into one capped
 * buffer and hands out lines with their number and byte offset.  A line longer
 * than the cap is skipped whole and reported with its first bytes; a last line
 * without a newline is reported as torn.  Knows nothing of JSON.
 */
#ifndef IO_NDJSON_H
#define IO_NDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

enum ndjson_line { NDJSON_LINE, NDJSON_TOO_LONG, NDJSON_TORN };

struct ndjson {
	int fd; /* *borrowed* */
	struct buf in;
	size_t line_max;
	size_t scanned;   /* bytes of in already searched for a newline */
	uint64_t line;    /* number of the line last handed out, from 1 */
	uint64_t offset;  /* byte in the stream of the first unread byte */
	uint64_t skipped; /* bytes of a too long line thrown away so far */
	bool skipping;
	bool eof;
};

struct ndjson_item {
	enum ndjson_line what;
	const char *p; /* *borrowed* until the next call; without the newline */
	size_t len;    /* of a too long line: of the first bytes kept */
	uint64_t line;
	uint64_t offset; /* of its first byte */
	uint64_t whole;  /* its length in the stream, newline included */
};

/* line_max: the longest line handed out, bytes. */
void ndjson_init(struct ndjson *n, int fd, size_t line_max);
void ndjson_free(struct ndjson *n);

/* One read(2).  1: bytes came; 0: end of input; -1 with errno (EAGAIN when a
 * non-blocking descriptor has nothing).  Call when ndjson_next() gave 0. */
int ndjson_read(struct ndjson *n);

/* 1: an item; 0: more input is needed, or all is handed out when eof. */
int ndjson_next(struct ndjson *n, struct ndjson_item *item);

#endif
