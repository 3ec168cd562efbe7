/*
 * Any bytes through the scanner, three ways: whole, member by member, and by
 * the spans it hands out.  All must agree, and the text put together again
 * from spans must be one that the scanner takes for the same.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "io/json.h"

static int emit(struct json *j, struct buf *out);

static int emit_object(struct json *j, struct buf *out)
{
	struct json_span key, again;
	struct json before;
	int more, n = 0;

	if (json_object_begin(j) == -1)
		return -1;
	buf_addc(out, '{');
	for (;;) {
		before = *j;
		more = json_object_next(j, &key);
		if (more != 1)
			break;
		/* A guess may refuse the name, never take another. */
		if (json_object_guess(&before, key.p, key.len) == 1)
			EXPECT(before.p == j->p && !before.fresh);
		else
			EXPECT(json_object_next(&before, &again) == 1 &&
			       again.p == key.p && again.len == key.len);
		if (n++ > 0)
			buf_addc(out, ',');
		buf_add(out, key.p - 1, key.len + 2);
		buf_addc(out, ':');
		if (emit(j, out) == -1)
			return -1;
	}
	buf_addc(out, '}');
	return more;
}

static int emit_array(struct json *j, struct buf *out)
{
	int more, n = 0;

	if (json_array_begin(j) == -1)
		return -1;
	buf_addc(out, '[');
	while ((more = json_array_next(j)) == 1) {
		if (n++ > 0)
			buf_addc(out, ',');
		if (emit(j, out) == -1)
			return -1;
	}
	buf_addc(out, ']');
	return more;
}

static void check_string(struct json_span text)
{
	struct buf plain, again, back;

	buf_init(&plain, 4 * text.len + 16);
	buf_init(&again, 24 * text.len + 64);
	buf_init(&back, 24 * text.len + 64);
	EXPECT(json_decode(json_inside(text), &plain) == 0);
	EXPECT(buf_used(&plain) <= text.len);
	EXPECT(
	    utf8_span(buf_head(&plain), buf_used(&plain)) == buf_used(&plain));
	EXPECT(json_encode(&again, buf_head(&plain), buf_used(&plain)) == 0);
	EXPECT(json_decode((struct json_span){buf_head(&again) + 1,
			       buf_used(&again) - 2},
		   &back) == 0);
	EXPECT(
	    buf_used(&back) == buf_used(&plain) &&
	    (buf_used(&back) == 0 || memcmp(buf_head(&back), buf_head(&plain),
					 buf_used(&back)) == 0));
	buf_free(&plain);
	buf_free(&again);
	buf_free(&back);
}

/* Appends what the cursor stands before without white space. */
static int emit(struct json *j, struct buf *out)
{
	struct json_value value;

	switch (json_peek(j)) {
	case JSON_OBJECT: return emit_object(j, out);
	case JSON_ARRAY: return emit_array(j, out);
	default: break;
	}
	if (json_value(j, &value) == -1)
		return -1;
	if (value.type == JSON_STRING)
		check_string(value.text);
	return buf_add(out, value.text.p, value.text.len);
}

/* The offset at which the text is wrong, or -1. */
static long whole(const char *text, size_t len, struct json_value *value)
{
	struct json j;
	size_t at = 0;

	json_init(&j, text, len);
	if (json_value(&j, value) == 0 && json_end(&j) == 0) {
		EXPECT(json_error(&j, &at) == NULL);
		return -1;
	}
	EXPECT(json_error(&j, &at) != NULL && at <= len);
	EXPECT(json_peek(&j) == -1 && json_value(&j, value) == -1);
	return (long)at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct json_value value, again;
	struct buf out, twice;
	struct json j;
	size_t at = 0;
	long wrong;
	int r;

	wrong = whole(text, size, &value);
	buf_init(&out, size + 64);
	buf_init(&twice, size + 64);
	json_init(&j, text, size);
	r = emit(&j, &out);
	if (r == 0)
		r = json_end(&j);
	json_error(&j, &at);
	EXPECT((r == -1) == (wrong != -1));
	EXPECT(r == 0 || (long)at == wrong);
	if (r == 0) {
		EXPECT(buf_used(&out) <= value.text.len);
		EXPECT(whole(buf_head(&out), buf_used(&out), &again) == -1);
		EXPECT(again.type == value.type);
		json_init(&j, buf_head(&out), buf_used(&out));
		EXPECT(emit(&j, &twice) == 0);
		EXPECT(buf_used(&twice) == buf_used(&out) &&
		       memcmp(buf_head(&twice), buf_head(&out),
			   buf_used(&out)) == 0);
	}
	buf_free(&out);
	buf_free(&twice);
	return 0;
}
