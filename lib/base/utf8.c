#include "base/utf8.h"

#include <string.h>

#include "base/swar.h"

/* What a first byte promises: RFC 3629 section 4.  Only the second byte's
 * range differs by the first; the others are 80..BF. */
struct lead {
	size_t len; /* 0: cannot begin a character */
	unsigned char low, high;
};

static struct lead lead_of(unsigned char c)
{
	if (c < 0x80)
		return (struct lead){1, 0, 0};
	if (c < 0xc2 || c > 0xf4)
		return (struct lead){0, 0, 0};
	if (c < 0xe0)
		return (struct lead){2, 0x80, 0xbf};
	if (c < 0xf0)
		return (struct lead){
		    3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
	return (struct lead){
	    4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
}

static int follows(const char *p, size_t len, struct lead lead)
{
	const unsigned char *b = (const unsigned char *)p;

	if (len > 1 && (b[1] < lead.low || b[1] > lead.high))
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return 1;
}

size_t utf8_char(const char *p, size_t len)
{
	struct lead lead;

	if (len == 0)
		return 0;
	lead = lead_of((unsigned char)*p);
	if (lead.len > len || !follows(p, lead.len, lead))
		return 0;
	return lead.len;
}

size_t utf8_span(const char *p, size_t len)
{
	size_t i = 0, n;

	while (i < len) {
		if (len - i >= 8) {
			uint64_t high = swar_load(p + i) & SWAR_HIGH;

			if (high == 0) {
				i += 8;
				continue;
			}
			i += swar_first(high);
		}
		n = utf8_char(p + i, len - i);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

int utf8_partial(const char *p, size_t len)
{
	struct lead lead;

	if (len == 0)
		return 0;
	lead = lead_of((unsigned char)*p);
	return len < lead.len && follows(p, len, lead);
}

size_t utf8_encode(uint32_t code, char out[4])
{
	unsigned char *o = (unsigned char *)out;

	if (code < 0x80) {
		o[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		o[0] = (unsigned char)(0xc0 | code >> 6);
		o[1] = (unsigned char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		o[0] = (unsigned char)(0xe0 | code >> 12);
		o[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
		o[2] = (unsigned char)(0x80 | (code & 0x3f));
		return 3;
	}
	o[0] = (unsigned char)(0xf0 | code >> 18);
	o[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
	o[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
	o[3] = (unsigned char)(0x80 | (code & 0x3f));
	return 4;
}
