/* The strings of json.h: between the quotes and the bytes they stand for. */
#include "base/utf8.h"
#include "io/json.h"

#define REPLACEMENT 0xfffd

/* An empty text may have no address, to which nothing may be added. */
static inline const char *end_of(const char *p, size_t len)
{
	return len > 0 ? p + len : p;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit == -1)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static uint32_t unescape_short(char c)
{
	switch (c) {
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	default: return (unsigned char)c;
	}
}

/* Spans come from the scanner, yet a wrong one does no harm. */
uint32_t json_unescape(const char *p, const char *end, const char **behind)
{
	int32_t high, low;

	*behind = end;
	if (end - p < 2)
		return REPLACEMENT;
	*behind = p + 2;
	if (p[1] != 'u')
		return unescape_short(p[1]);
	high = hex4(p + 2, end);
	if (high == -1)
		return REPLACEMENT;
	*behind = p + 6;
	if (high < 0xd800 || high > 0xdfff)
		return (uint32_t)high;
	if (high > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return REPLACEMENT;
	low = hex4(p + 8, end);
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT;
	*behind = p + 12;
	return 0x10000 + ((uint32_t)(high - 0xd800) << 10) +
	       (uint32_t)(low - 0xdc00);
}

bool json_span_is(struct json_span span, const char *text)
{
	const char *p = span.p, *end = end_of(span.p, span.len);

	for (; p < end && *text != '\0'; text++) {
		uint32_t code = (unsigned char)*p;

		if (code == '\\')
			code = json_unescape(p, end, &p);
		else
			p++;
		if (code > 0x7f || code != (unsigned char)*text)
			return false;
	}
	return p == end && *text == '\0';
}

static int add_code(struct buf *out, uint32_t code)
{
	char bytes[4];

	return buf_add(out, bytes, utf8_encode(code, bytes));
}

/* What was appended since the buffer held used bytes is taken back. */
static int give_back(struct buf *out, size_t used)
{
	out->len = out->start + used;
	return -1;
}

int json_decode(struct json_span inside, struct buf *out)
{
	const char *p = inside.p, *end = end_of(p, inside.len), *stop;
	size_t used = buf_used(out);

	while (p < end) {
		stop = memchr(p, '\\', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		if (buf_add(out, p, (size_t)(stop - p)) == -1)
			return give_back(out, used);
		p = stop;
		if (p < end && add_code(out, json_unescape(p, end, &p)) == -1)
			return give_back(out, used);
	}
	return 0;
}

static int add_escaped(struct buf *out, unsigned char c)
{
	static const char letters[] = "btn?fr"; /* from U+0008 */
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', (char)c, '0', '0'};

	if (c == '"' || c == '\\')
		return buf_add(out, text, 2);
	if (c >= '\b' && c <= '\r' && c != '\v') {
		text[1] = letters[c - '\b'];
		return buf_add(out, text, 2);
	}
	text[1] = 'u';
	text[4] = hex[c >> 4];
	text[5] = hex[c & 15];
	return buf_add(out, text, 6);
}

int json_encode(struct buf *out, const char *text, size_t len)
{
	const char *p = text, *end = end_of(text, len);
	size_t used = buf_used(out);
	int r = buf_addc(out, '"');

	while (r == 0 && p < end) {
		const char *run = p;
		size_t n = 1;

		while (p < end && (unsigned char)*p >= ' ' && *p != '"' &&
		       *p != '\\' && (n = utf8_char(p, (size_t)(end - p))) > 0)
			p += n;
		r = buf_add(out, run, (size_t)(p - run));
		if (r == -1 || p == end)
			continue;
		r = n == 0 ? add_code(out, REPLACEMENT)
		           : add_escaped(out, (unsigned char)*p);
		p++;
	}
	if (r == -1 || buf_addc(out, '"') == -1)
		return give_back(out, used);
	return 0;
}
