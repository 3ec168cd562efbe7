/*
 * UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above
 * U+10FFFF.  Runs of ASCII are passed eight bytes at a time.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the whole valid character at p, of which len bytes
 * are there; 0 if there is none. */
size_t utf8_char(const char *p, size_t len);

/* How many of the first len bytes form whole valid characters: len if all do.
 * A character cut off by the end counts as invalid here; see utf8_partial(). */
size_t utf8_span(const char *p, size_t len);

/* Whether the bytes p[0..len) (1 to 3) may be the beginning of a character. */
int utf8_partial(const char *p, size_t len);

/* Writes the character (no surrogate, at most U+10FFFF) to out; its length. */
size_t utf8_encode(uint32_t code, char out[4]);

#endif
