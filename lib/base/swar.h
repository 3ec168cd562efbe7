/*
 * Eight bytes at a time, in portable C: the byte at p is the lowest of the
 * word whatever the machine's order, and a mask has 0x80 in each byte that was
 * found.  Compilers turn swar_load() into one load.  A mask made with borrows
 * or carries is right up to its first hit, so only swar_first() is asked.
 */
#ifndef BASE_SWAR_H
#define BASE_SWAR_H

#include <stdint.h>

#define SWAR_HIGH UINT64_C(0x8080808080808080)

/* The word made of the eight bytes at p. */
static inline uint64_t swar_load(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
	       (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
	       (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
	       (uint64_t)b[7] << 56;
}

/* The same byte eight times. */
static inline uint64_t swar_fill(unsigned char c)
{
	return UINT64_C(0x0101010101010101) * c;
}

/* Which byte (0 to 7) is the first found of a mask that is not 0. */
static inline unsigned swar_first(uint64_t mask)
{
	uint64_t lowest = (mask & (~mask + 1)) >> 7;

	return (unsigned)(lowest * UINT64_C(0x0001020304050607) >> 56);
}

/* The bytes that end a run of plain characters in a JSON string: a quote, a
 * backslash, a control character, anything beyond ASCII. */
static inline uint64_t swar_not_plain(uint64_t w)
{
	uint64_t quote = (w ^ swar_fill('"')) - swar_fill(1);
	uint64_t backslash = (w ^ swar_fill('\\')) - swar_fill(1);

	return (w | (w - swar_fill(' ')) | quote | backslash) & SWAR_HIGH;
}

/* The bytes that are no decimal digit. */
static inline uint64_t swar_not_digit(uint64_t w)
{
	uint64_t x = w ^ swar_fill('0');

	return (x | (x + swar_fill(0x80 - 10))) & SWAR_HIGH;
}

#endif
