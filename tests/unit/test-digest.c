/* Digests: equal for one value in two texts, else different. */
#include <stdlib.h>

#include "gen-json.h"
#include "record/digest.h"
#include "tap.h"

#define GENERATED 20000
#define TEXT_MAX 65536

static uint64_t digest(const char *text)
{
	return digest_data((struct json_span){text, strlen(text)}, NULL);
}

static void test_equal(void)
{
	static const char *const pairs[][2] = {{"64000", "64000.0"},
	    {"64000", "6.4e4"}, {"64000", "6.4E+4"}, {"64000", "640000e-1"},
	    {"64000", "0.64e5"}, {"64000", "0.00064e8"},
	    {"64000", "64000.000e0"}, {"0", "-0"}, {"0", "0.0"}, {"0", "-0e7"},
	    {"0", "0.000e-7"}, {"1e-3", "0.001"}, {"1.0e-4", "0.0001"},
	    {"-1.50", "-15e-1"}, {"1e9000", "10e8999"},
	    {"1e18446744073709551616", "1e18446744073709551617"},
	    {"123456789012345678901234567890",
		"12345678901234567890123456789e1"},
	    {"\"abc\"", "\"a\\u0062c\""}, {"\"/\"", "\"\\/\""},
	    {"\"\\n\"", "\"\\u000A\""}, {"\"\xc3\xa9\"", "\"\\u00e9\""},
	    {"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\uDE00\""},
	    {"\"12345678abc\"", "\"1234567\\u0038abc\""},
	    {"\"12345678abc\"", "\"\\u00312345678abc\""},
	    {"\"\\ud800\"", "\"\\ufffd\""},
	    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
	    {"{\"a\":1,\"b\":{\"c\":[1,{}],\"d\":null}}",
		" { \"b\" : { \"d\" : null , \"c\" : [ 1.0 , { } ] } , "
		"\"\\u0061\" : 1 } "},
	    {"[1,2]", " [\n1 ,\t2\r] "}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		ok(digest(pairs[i][0]) == digest(pairs[i][1]), "equal: %s, %s",
		    pairs[i][0], pairs[i][1]);
}

/* Each of these differs from every other. */
static void test_unequal(void)
{
	static const char *const texts[] = {"null", "false", "true", "0", "1",
	    "-1", "10", "100", "0.1", "0.01", "11", "101", "1001", "110", "1.1",
	    "12", "21", "1e20", "1e-20", "12345678", "123456789",
	    "1234567890123", "64000", "64000.1", "64000.00000000000000000001",
	    "64000.5", "9007199254740992", "9007199254740993", "\"\"", "\"0\"",
	    "\"1\"", "\"null\"", "\"a\"", "\"A\"", "\"ab\"", "\"ba\"", "\"a \"",
	    "\"\\u0000\"", "\"\\u0000\\u0000\"", "\"a\\u0000\"", "\"12345678\"",
	    "\"12345678\\u0000\"", "\"1234567812345678\"",
	    "\"8765432112345678\"", "[]", "{}", "[[]]", "[{}]", "[null]", "[0]",
	    "[1]", "[\"\"]", "[1,2]", "[2,1]", "[1,2,3]", "[[1,2],3]",
	    "[1,[2,3]]", "[[1],[2]]", "[1,1]", "[1,1,1]", "[[1,1]]",
	    "{\"a\":1}", "{\"a\":2}", "{\"b\":1}", "{\"1\":\"a\"}",
	    "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":1}",
	    "{\"a\":2,\"b\":2}", "{\"a\":{\"b\":1}}", "{\"b\":{\"a\":1}}",
	    "{\"a\":[1]}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":null}",
	    "{\"a\":{\"b\":2},\"c\":1}", "{\"a\":{\"b\":1},\"c\":2}",
	    "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":1,\"a\":1}",
	    "[{\"a\":1},{\"b\":2}]", "[{\"b\":2},{\"a\":1}]",
	    "[{\"a\":1,\"b\":2}]"};
	size_t count = sizeof(texts) / sizeof(texts[0]);
	unsigned bad = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (digest(texts[i]) == digest(texts[k])) {
				printf("# %s and %s\n", texts[i], texts[k]);
				bad++;
			}
	is_int(bad, 0, "different values, different digests");
}

/*
 * Writes a value in another way: another order, other white space, escapes and
 * exponents.  The scalar number `spoil` (of those met) is made another value.
 */
struct rewriter {
	struct gen g;
	struct buf *out;
	long spoil;
};

static void rewrite(struct rewriter *r, struct json_span value);

static void rewrite_string(
    struct rewriter *r, struct json_span inside, bool spoil)
{
	struct buf plain;
	char escape[8];

	buf_init(&plain, TEXT_MAX);
	json_decode(inside, &plain);
	if (spoil)
		buf_addc(&plain, 'x');
	buf_addc(r->out, '"');
	for (size_t i = 0; i < buf_used(&plain); i++) {
		unsigned char c = (unsigned char)buf_head(&plain)[i];

		snprintf(escape, sizeof(escape), "\\u%04x", c);
		if (c < ' ' || c == '"' || c == '\\' ||
		    (c < 0x80 && gen_below(&r->g, 20) == 0))
			buf_adds(r->out, escape);
		else
			buf_addc(r->out, (char)c);
	}
	buf_addc(r->out, '"');
	buf_free(&plain);
}

static void add_zeros(struct rewriter *r, unsigned n)
{
	while (n-- > 0)
		buf_addc(r->out, '0');
}

static void rewrite_number(struct rewriter *r, struct json_span s, bool spoil)
{
	const char *p = s.p, *end = s.p + s.len, *e = p;
	unsigned zeros = gen_below(&r->g, 4);
	char text[32];
	long exponent;

	while (e < end && *e != 'e' && *e != 'E')
		e++;
	snprintf(text, sizeof(text), "%.*s", (int)(end - e), e);
	exponent = e < end ? strtol(text + 1, NULL, 10) : 0;
	if (*p == '-')
		buf_addc(r->out, *p++);
	if (memchr(p, '.', (size_t)(e - p)) != NULL) {
		buf_add(r->out, p, (size_t)(e - p));
		add_zeros(r, zeros);
	} else if (gen_below(&r->g, 2)) {
		buf_adds(r->out, "0.");
		add_zeros(r, zeros);
		buf_add(r->out, p, (size_t)(e - p));
		exponent += (long)(e - p) + zeros;
	} else {
		buf_add(r->out, p, (size_t)(e - p));
		if (*p != '0') {
			add_zeros(r, zeros);
			exponent -= (long)zeros;
		}
		buf_adds(r->out, ".0");
	}
	if (spoil)
		buf_addc(r->out, '1');
	snprintf(text, sizeof(text), "%c%s%ld", "eE"[gen_below(&r->g, 2)],
	    exponent >= 0 && gen_below(&r->g, 2) ? "+" : "", exponent);
	if (exponent != 0 || gen_below(&r->g, 2))
		buf_adds(r->out, text);
}

static void rewrite_object(struct rewriter *r, struct json *j)
{
	struct json_span key[8];
	struct json_value value[8];
	size_t n = 0, k;

	json_object_begin(j);
	while (n < 8 && json_object_next(j, &key[n]) == 1)
		json_value(j, &value[n++]);
	buf_addc(r->out, '{');
	for (; n > 0; n--) {
		k = gen_below(&r->g, (unsigned)n);
		gen_space(&r->g, r->out);
		rewrite_string(r, key[k], r->spoil-- == 0);
		gen_space(&r->g, r->out);
		buf_addc(r->out, ':');
		rewrite(r, value[k].text);
		if (n > 1)
			buf_addc(r->out, ',');
		key[k] = key[n - 1];
		value[k] = value[n - 1];
	}
	buf_addc(r->out, '}');
}

static void rewrite_array(struct rewriter *r, struct json *j)
{
	struct json_value value;
	bool first = true;

	json_array_begin(j);
	buf_addc(r->out, '[');
	while (json_array_next(j) == 1) {
		json_value(j, &value);
		if (!first)
			buf_addc(r->out, ',');
		first = false;
		rewrite(r, value.text);
	}
	buf_addc(r->out, ']');
}

static void rewrite(struct rewriter *r, struct json_span value)
{
	struct json_value scalar;
	struct json j;
	int type;

	gen_space(&r->g, r->out);
	json_init(&j, value.p, value.len);
	type = json_peek(&j);
	if (type == JSON_OBJECT) {
		rewrite_object(r, &j);
	} else if (type == JSON_ARRAY) {
		rewrite_array(r, &j);
	} else {
		bool spoil = r->spoil-- == 0;

		json_value(&j, &scalar);
		if (type == JSON_STRING)
			rewrite_string(r, json_inside(scalar.text), spoil);
		else if (type == JSON_NUMBER)
			rewrite_number(r, scalar.text, spoil);
		else if (spoil)
			buf_adds(r->out, type == JSON_NULL ? "true" : "null");
		else
			buf_add(r->out, scalar.text.p, scalar.text.len);
	}
	gen_space(&r->g, r->out);
}

static struct json_span span_of(struct buf *b)
{
	return (struct json_span){buf_head(b), buf_used(b)};
}

static void test_generated(void)
{
	struct buf text, again;
	struct rewriter r = {{7}, &again, -1};
	unsigned equal = 0, spoilt = 0, differ = 0;

	buf_init(&text, TEXT_MAX);
	buf_init(&again, TEXT_MAX);
	for (int i = 0; i < GENERATED; i++) {
		uint64_t digest;

		buf_clear(&text);
		buf_clear(&again);
		gen_value(&r.g, &text, 4);
		digest = digest_data(span_of(&text), NULL);
		r.spoil = -1;
		rewrite(&r, span_of(&text));
		equal += digest == digest_data(span_of(&again), NULL);
		buf_clear(&again);
		r.spoil = gen_below(&r.g, 3);
		rewrite(&r, span_of(&text));
		if (r.spoil >= 0)
			continue;
		spoilt++;
		differ += digest != digest_data(span_of(&again), NULL);
	}
	is_int(equal, GENERATED, "generated values, written in another way");
	ok(differ == spoilt && spoilt > GENERATED / 2,
	    "%u with one scalar changed", spoilt);
	buf_free(&text);
	buf_free(&again);
}

/* Not validated: anything but a fault. */
static void test_hostile(void)
{
	struct gen g = {3};
	struct buf text;
	char deep[300];
	uint64_t sum = 0;

	buf_init(&text, TEXT_MAX);
	for (int i = 0; i < GENERATED; i++) {
		buf_clear(&text);
		gen_value(&g, &text, 4);
		gen_damage(&g, &text, NULL, 0);
		sum += digest_data(span_of(&text), NULL);
	}
	memset(deep, '[', sizeof(deep));
	sum += digest_data((struct json_span){deep, sizeof(deep)}, NULL);
	sum += digest_data((struct json_span){NULL, 0}, NULL);
	ok(sum != 0, "damaged texts do no harm");
	buf_free(&text);
}

int main(void)
{
	test_equal();
	test_unequal();
	test_generated();
	test_hostile();
	return done_testing();
}
