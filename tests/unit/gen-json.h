/*
 * Seeded JSON texts, valid ones and broken ones, for tests that compare two
 * readers of them.
 */
#ifndef TESTS_GEN_JSON_H
#define TESTS_GEN_JSON_H

#include "base/buf.h"
#include "base/utf8.h"
#include "gen.h"

static inline void gen_space(struct gen *g, struct buf *out)
{
	while (gen_below(g, 12) == 0)
		buf_addc(out, " \t\n\r"[gen_below(g, 4)]);
}

static inline void gen_character(struct gen *g, struct buf *out)
{
	static const char *const escapes[] = {"\\\"", "\\\\", "\\/", "\\b",
	    "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001F", "\\u00e9",
	    "\\u20AC", "\\ud83d\\ude00", "\\uDBFF\\uDFFF", "\\uffff"};
	char bytes[4];
	uint32_t code;

	switch (gen_below(g, 12)) {
	case 0: buf_adds(out, escapes[gen_below(g, 15)]); break;
	case 1:
		code = gen_below(g, 0x110000);
		if (code >= 0x80 && (code < 0xd800 || code > 0xdfff))
			buf_add(out, bytes, utf8_encode(code, bytes));
		break;
	default: buf_addc(out, (char)('a' + gen_below(g, 26)));
	}
}

static inline void gen_string(struct gen *g, struct buf *out)
{
	unsigned n = gen_below(g, 3) ? gen_below(g, 12) : gen_below(g, 40);

	buf_addc(out, '"');
	while (n-- > 0)
		gen_character(g, out);
	buf_addc(out, '"');
}

/* Appends one valid value; depth bounds what it nests. */
static inline void gen_value(struct gen *g, struct buf *out, int depth)
{
	static const char *const words[] = {"null", "true", "false"};
	char number[128];
	unsigned kind = gen_below(g, depth > 0 ? 8 : 4), n;

	gen_space(g, out);
	if (kind == 0)
		buf_adds(out, words[gen_below(g, 3)]);
	else if (kind == 1)
		gen_string(g, out);
	else if (kind < 4)
		buf_add(out, number, gen_number(g, number));
	else {
		buf_addc(out, kind < 6 ? '[' : '{');
		n = gen_below(g, 6);
		gen_space(g, out);
		for (unsigned i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(out, ',');
			if (kind >= 6) {
				gen_space(g, out);
				gen_string(g, out);
				gen_space(g, out);
				buf_addc(out, ':');
			}
			gen_value(g, out, depth - 1);
		}
		buf_addc(out, kind < 6 ? ']' : '}');
	}
	gen_space(g, out);
}

/* Damages the text in one place: a byte or its bit changed, some cut out,
 * doubled, or replaced by a piece of other. */
static inline void gen_damage(
    struct gen *g, struct buf *text, const char *other, size_t other_len)
{
	static const char bytes[] =
	    "\"\\{}[]:,.-+eE019 \n\tnulltrue\x80\xc3\xff\x1f";
	size_t len = buf_used(text);
	size_t at = len ? gen_below(g, (unsigned)len) : 0, n, from;
	struct buf out;
	char *p = buf_head(text);

	if (len == 0)
		return;
	n = 1 + gen_below(g, gen_below(g, 4) ? 3 : 60);
	if (n > len - at)
		n = len - at;
	buf_init(&out, text->cap);
	buf_add(&out, p, at);
	switch (gen_below(g, 6)) {
	case 0:
		p[at] = (char)(p[at] ^
			       (1 << gen_below(g, 8))); /* fall through */
	case 1: n = 0; break;                           /* insert below */
	case 2:
		buf_add(&out, p + at, n);
		n = 0;
		break; /* doubled */
	case 3: break; /* cut out */
	case 4:
		buf_addc(&out, (char)gen_below(g, 256));
		n = 1;
		break;
	default:
		if (other_len == 0)
			break;
		from = gen_below(g, (unsigned)other_len);
		buf_add(&out, other + from,
		    other_len - from < 60 ? other_len - from : 60);
	}
	if (n == 0 && gen_below(g, 2))
		buf_addc(&out, bytes[gen_below(g, sizeof(bytes) - 1)]);
	buf_add(&out, p + at + n, len - at - n);
	buf_free(text);
	*text = out;
}

#endif
