#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256

void buf_init(struct buf *b, size_t cap)
{
	memset(b, 0, sizeof(*b));
	b->cap = cap;
}

void buf_free(struct buf *b)
{
	free(b->data);
	buf_init(b, b->cap);
}

void buf_clear(struct buf *b)
{
	b->start = b->len = 0;
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t used = buf_used(b);
	size_t size;
	char *p;

	assert(b->start <= b->len && b->len <= b->size);
	if (n <= b->size - b->len)
		return 0;
	if (n > b->cap || used > b->cap - n) {
		errno = EFBIG;
		return -1;
	}
	if (b->start > 0 && b->start >= b->size / 2 && n <= b->size - used) {
		memmove(b->data, b->data + b->start, used);
		b->start = 0;
		b->len = used;
		return 0;
	}
	size = b->size < BUF_FIRST ? BUF_FIRST : b->size;
	while (size < b->len + n)
		size *= 2;
	if (size > b->cap) {
		if (b->start > 0) {
			memmove(b->data, b->data + b->start, used);
			b->start = 0;
			b->len = used;
		}
		size = b->cap;
	}
	if (size > b->size) {
		p = realloc(b->data, size);
		if (p == NULL)
			return -1;
		b->data = p;
		b->size = size;
	}
	return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	if (buf_reserve(b, n) == -1)
		return -1;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	return 0;
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(b, (size_t)n + 1) == -1)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_used(b));
	b->start += n;
	if (b->start == b->len)
		b->start = b->len = 0;
}

char *buf_str(struct buf *b)
{
	if (buf_reserve(b, 1) == -1)
		return NULL;
	b->data[b->len] = '\0';
	return b->data + b->start;
}
