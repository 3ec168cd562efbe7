/*
 * A growable run of bytes with a cap from birth: what comes from outside can
 * never make it larger than its owner allowed.
 *
 *	data            data + start            data + len        data + size
 *	  | consumed bytes  | bytes to be read     | free             |
 *
 * start <= len <= size <= cap.  Only buf_consume() moves start, and only the
 * functions below move the bytes.  The owner of the struct owns the memory.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data;
	size_t start;
	size_t len;
	size_t size;
	size_t cap;
};

/* An empty buffer that will not hold more than cap bytes; allocates nothing. */
void buf_init(struct buf *b, size_t cap);

/* Frees the bytes and leaves an empty buffer with the same cap. */
void buf_free(struct buf *b);

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *b);

/* Makes room for n more bytes at data + len; -1 beyond the cap or without
 * memory (errno: EFBIG or ENOMEM).  May move the bytes. */
int buf_reserve(struct buf *b, size_t n);

/* Appends; -1 as buf_reserve(), and then nothing was appended. */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_addc(struct buf *b, char c);
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes n unread bytes from the front. */
void buf_consume(struct buf *b, size_t n);

/* The unread bytes as a C string, *borrowed*, until the next change; a NUL is
 * put behind them (not counted).  NULL as buf_reserve(). */
char *buf_str(struct buf *b);

static inline char *buf_head(const struct buf *b)
{
	/* An empty buffer may have no bytes to point into. */
	return b->start > 0 ? b->data + b->start : b->data;
}

static inline size_t buf_used(const struct buf *b)
{
	return b->len - b->start;
}

#endif
