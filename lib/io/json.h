/*
 * The slicing scanner: one pass over a JSON text (RFC 8259, UTF-8) that
 * validates all of it and hands out spans of it.  It builds no values and
 * allocates nothing: a number stays the text that was sent.  It is not a
 * parser for configuration; what is not hot goes through libjq (io/jq.h).
 *
 * The cursor stands before a value.  The caller either takes it whole with
 * json_value(), or steps into it with json_object_begin()/json_array_begin()
 * and pulls members.  Each byte is looked at once.  After an error every call
 * fails; json_error() says what and where.  Spans are *borrowed* from the text.
 *
 *	json_init(&j, text, len);
 *	if (json_object_begin(&j) == -1) ...
 *	while ((r = json_object_next(&j, &key)) == 1)
 *		json_value(&j, &value);		(or step into it)
 *	if (r == -1 || json_end(&j) == -1) ...
 */
#ifndef IO_JSON_H
#define IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

#define JSON_DEPTH_MAX 128

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING, /* the span of a value includes the quotes */
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_span {
	const char *p;
	size_t len;
};

struct json_value {
	struct json_span text; /* as sent, without white space around it */
	enum json_type type;
};

struct json {
	const char *p;
	const char *end;
	const char *begin;
	const char *error; /* NULL, or what is wrong at p */
	unsigned depth;
	bool fresh; /* just behind [ or {: no comma is due */
	bool is_object[JSON_DEPTH_MAX + 1];
};

void json_init(struct json *j, const char *text, size_t len);

/* The type of the value that the cursor stands before, -1 if there is none.
 * Judged by its first byte: json_value() may still refuse it. */
int json_peek(struct json *j);

/* Takes the value whole, whatever it nests: 0, or -1. */
int json_value(struct json *j, struct json_value *value);

/* Steps into the object: 0, or -1 (also if it is no object). */
int json_object_begin(struct json *j);

/* 1: *key is the next member's name between the quotes, escapes as sent, and
 * the cursor stands before its value.  0: the object ended.  -1: error. */
int json_object_next(struct json *j, struct json_span *key);

/* The caller's guess at the next member's name, without white space or escape
 * in it: 1 if it is right (the cursor then stands before the value), 0 if not
 * (nothing was taken; ask json_object_next()). */
int json_object_guess(struct json *j, const char *key, size_t len);

/* Steps into the array; 1: the cursor stands before the next element. */
int json_array_begin(struct json *j);
int json_array_next(struct json *j);

/* 0 if nothing but white space is left behind the outermost value, else -1. */
int json_end(struct json *j);

/* What is wrong, in a few words, and the byte (from 0) where; NULL if nothing
 * is. */
const char *json_error(const struct json *j, size_t *offset);

/* Whether a span (of a key, or of a string value with its quotes taken off)
 * stands for this ASCII text; escapes in the span are understood. */
bool json_span_is(struct json_span span, const char *text);

/* The content between the quotes of a string value. */
static inline struct json_span json_inside(struct json_span s)
{
	return (struct json_span){s.p + 1, s.len - 2};
}

/* Appends the string that the span (without quotes) encodes, as UTF-8; a lone
 * surrogate escape becomes U+FFFD.  -1: the buffer's cap. */
int json_decode(struct json_span inside, struct buf *out);

/* The character that the escape at p (a backslash) stands for; *behind is set
 * behind it, at end at most. */
uint32_t json_unescape(const char *p, const char *end, const char **behind);

/* Appends text as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
int json_encode(struct buf *out, const char *text, size_t len);

#endif
