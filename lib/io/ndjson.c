#include "io/ndjson.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE (256 * 1024)
#define KEPT 4096 /* bytes shown of a line that is too long */

void ndjson_init(struct ndjson *n, int fd, size_t line_max)
{
	memset(n, 0, sizeof(*n));
	n->fd = fd;
	n->line_max = line_max;
	buf_init(&n->in, line_max + READ_SIZE + KEPT);
}

void ndjson_free(struct ndjson *n)
{
	buf_free(&n->in);
}

int ndjson_read(struct ndjson *n)
{
	ssize_t got;

	if (n->eof)
		return 0;
	if (buf_reserve(&n->in, READ_SIZE) == -1)
		return -1;
	do
		got = read(n->fd, n->in.data + n->in.len, READ_SIZE);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return -1;
	if (got == 0) {
		n->eof = true;
		return 0;
	}
	n->in.len += (size_t)got;
	return 1;
}

static void take(
    struct ndjson *n, struct ndjson_item *item, size_t len, size_t whole)
{
	item->p = buf_head(&n->in);
	item->len = len;
	item->line = ++n->line;
	item->offset = n->offset;
	item->whole = whole + n->skipped;
	n->offset += item->whole;
	n->skipped = 0;
	n->scanned = 0;
	/* The bytes stay where they are until the next buf_reserve(). */
	buf_consume(&n->in, whole);
}

/* Of a line that is too long the first bytes are kept, the rest goes. */
static void skip(struct ndjson *n)
{
	size_t used = buf_used(&n->in);

	n->skipping = true;
	if (used > KEPT) {
		n->skipped += used - KEPT;
		n->in.len -= used - KEPT;
	}
	n->scanned = buf_used(&n->in);
}

int ndjson_next(struct ndjson *n, struct ndjson_item *item)
{
	const char *head = buf_head(&n->in), *newline;
	size_t used = buf_used(&n->in), len;

	newline = used > n->scanned
	              ? memchr(head + n->scanned, '\n', used - n->scanned)
	              : NULL;
	if (newline == NULL && !n->eof) {
		if (n->skipping || used > n->line_max)
			skip(n);
		else
			n->scanned = used;
		return 0;
	}
	if (newline == NULL && used == 0)
		return 0;
	len = newline != NULL ? (size_t)(newline - head) : used;
	item->what = n->skipping || len > n->line_max ? NDJSON_TOO_LONG
	             : newline == NULL                ? NDJSON_TORN
	                                              : NDJSON_LINE;
	take(n, item, item->what == NDJSON_TOO_LONG && len > KEPT ? KEPT : len,
	    len + (newline != NULL));
	n->skipping = false;
	return 1;
}
