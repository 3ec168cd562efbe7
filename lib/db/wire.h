/*
 * Integers in network order at the end of a buffer that has room for them
 * (buf_reserve() before), and in place.  Nothing else.
 */
#ifndef DB_WIRE_H
#define DB_WIRE_H

#include <assert.h>
#include <stdint.h>

#include "base/buf.h"

static inline void wire_set16(char *p, uint16_t v)
{
	p[0] = (char)(v >> 8);
	p[1] = (char)v;
}

static inline void wire_set32(char *p, uint32_t v)
{
	p[0] = (char)(v >> 24);
	p[1] = (char)(v >> 16);
	p[2] = (char)(v >> 8);
	p[3] = (char)v;
}

static inline void wire_put8(struct buf *b, uint8_t v)
{
	assert(b->len < b->size);
	b->data[b->len++] = (char)v;
}

static inline void wire_put16(struct buf *b, uint16_t v)
{
	assert(b->size - b->len >= 2);
	wire_set16(b->data + b->len, v);
	b->len += 2;
}

static inline void wire_put32(struct buf *b, uint32_t v)
{
	assert(b->size - b->len >= 4);
	wire_set32(b->data + b->len, v);
	b->len += 4;
}

static inline void wire_put64(struct buf *b, uint64_t v)
{
	wire_put32(b, (uint32_t)(v >> 32));
	wire_put32(b, (uint32_t)v);
}

#endif
