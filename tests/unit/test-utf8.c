/* UTF-8 against a slow definition of it, byte by byte. */
#include "base/utf8.h"
#include "gen.h"
#include "tap.h"

/* RFC 3629 section 4 by arithmetic: decode, then see whether the shortest form
 * of that code has this length. */
static size_t slow_char(const unsigned char *p, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf8 ? 0 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc0 || n == 0 || n > len)
		return 0;
	code = p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || code >> 11 == 0x1b)
		return 0;
	return n;
}

static size_t slow_span(const char *p, size_t len)
{
	size_t i = 0, n;

	while (i < len) {
		n = slow_char((const unsigned char *)p + i, len - i);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

static void put(char *p, uint32_t bytes)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(bytes >> (24 - 8 * i));
}

/* Every pair of first bytes with every kind of third and fourth. */
static void test_all_heads(void)
{
	static const unsigned char tails[] = {
	    0x00, 0x22, 0x7f, 0x80, 0x9f, 0xbf, 0xc0, 0xff};
	char text[4];
	int bad = 0;

	for (uint32_t head = 0; head < 0x10000; head++)
		for (uint32_t t = 0; t < 64; t++)
			for (size_t len = 1; len <= 4; len++) {
				put(text, head << 16 |
					      (uint32_t)tails[t / 8] << 8 |
					      tails[t % 8]);
				bad += utf8_char(text, len) !=
				       slow_char((unsigned char *)text, len);
				bad += utf8_span(text, len) !=
				       slow_span(text, len);
			}
	ok(bad == 0, "all first and second bytes, at all lengths");
}

static void test_codes(void)
{
	char text[4], beyond[4];
	int bad = 0;

	for (uint32_t code = 0; code < 0x110000; code++) {
		size_t n = utf8_encode(code, text);
		bool surrogate = code >= 0xd800 && code <= 0xdfff;

		bad += utf8_char(text, n) != (surrogate ? 0 : n);
		for (size_t cut = 1; cut < n && !surrogate; cut++)
			bad += !utf8_partial(text, cut);
		memcpy(beyond, text, n);
		bad += !surrogate && utf8_partial(beyond, n);
	}
	ok(bad == 0,
	    "each code there and back, each of its beginnings partial");
}

static void test_random(void)
{
	struct gen g = {1};
	char text[64];
	int bad = 0;

	for (int i = 0; i < 300000; i++) {
		size_t len = gen_below(&g, sizeof(text)), n = 0;

		while (n + 4 <= len) {
			unsigned kind = gen_below(&g, 8);

			if (kind > 2)
				text[n++] = (char)gen_below(&g, 128);
			else if (kind > 0)
				n += utf8_encode(
				    0x80 + gen_below(&g, 0x10ff80), text + n);
			else if (gen_below(&g, 8) == 0)
				text[n++] = (char)gen_below(&g, 256);
		}
		bad += utf8_span(text, n) != slow_span(text, n);
	}
	ok(bad == 0, "300000 mixtures of ASCII, other characters and bytes");
}

static void test_partial(void)
{
	ok(utf8_partial("\xc3", 1), "C3 may begin a character");
	ok(utf8_partial("\xe2\x82", 2), "E2 82 may");
	ok(utf8_partial("\xf0\x9f\x98", 3), "F0 9F 98 may");
	ok(!utf8_partial("a", 1), "a whole one is no part");
	ok(!utf8_partial("\xc3\xa9", 2), "nor are two bytes of two");
	ok(!utf8_partial("\x80", 1), "80 begins none");
	ok(!utf8_partial("\xc0", 1), "C0 would be overlong");
	ok(!utf8_partial("\xe0\x80", 2), "E0 80 would be");
	ok(!utf8_partial("\xed\xa0", 2), "ED A0 would be a surrogate");
	ok(!utf8_partial("\xf4\x90", 2), "F4 90 would be beyond U+10FFFF");
	ok(!utf8_partial("\xf5", 1), "and F5");
	ok(!utf8_partial("", 0), "nothing begins nothing");
	is_int(
	    (int64_t)utf8_span("abc\xc3", 4), 3, "a cut character is invalid");
	is_int((int64_t)utf8_span("", 0), 0, "no bytes");
}

int main(void)
{
	test_all_heads();
	test_codes();
	test_random();
	test_partial();
	return done_testing();
}
