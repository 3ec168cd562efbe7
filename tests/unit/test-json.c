/* The scanner: grammar, spans, state, strings. */
#include "base/buf.h"
#include "base/utf8.h"
#include "io/json.h"
#include "gen.h"
#include "tap.h"

/* 0 when the whole text is one valid value. */
static int check(
    const char *text, size_t len, struct json_value *value, struct json *j)
{
	json_init(j, text, len);
	if (json_value(j, value) == -1)
		return -1;
	return json_end(j);
}

static void test_valid(void)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {{"null", JSON_NULL}, {"true", JSON_TRUE},
	    {"false", JSON_FALSE}, {"0", JSON_NUMBER}, {"-0", JSON_NUMBER},
	    {"-0.0e-00", JSON_NUMBER}, {"6.4e4", JSON_NUMBER},
	    {"1E+400", JSON_NUMBER}, {"12345678901234567890", JSON_NUMBER},
	    {"\"\"", JSON_STRING},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", JSON_STRING},
	    {"\"\\u0000\\uD83D\\uDE00\\uabCD\"", JSON_STRING},
	    {"\"\\ud800\"", JSON_STRING}, {"\"\x7f\"", JSON_STRING},
	    {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", JSON_STRING},
	    {"\"0123456\xf0\x9f\x98\x80 0123456789\"", JSON_STRING},
	    {"[]", JSON_ARRAY}, {"[ ]", JSON_ARRAY}, {"{}", JSON_OBJECT},
	    {"{\t}", JSON_OBJECT}, {"[1,[2,[3]],{}]", JSON_ARRAY},
	    {"{\"\":\"\",\"a\":{\"b\":[null]},\"a\":1}", JSON_OBJECT},
	    {"[1 ,\r\n\t2 ]", JSON_ARRAY}, {"{ \"a\" : 1 }", JSON_OBJECT}};
	struct json_value value;
	struct json j;
	size_t at;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *t = cases[i].text;
		size_t n = strlen(t);
		bool good = check(t, n, &value, &j) == 0;

		ok(good && value.type == cases[i].type && value.text.p == t &&
			value.text.len == n && json_error(&j, &at) == NULL,
		    "case %zu is valid, the span is all of it", i);
	}
	ok(check(" \n[1] \t", 7, &value, &j) == 0 && value.text.len == 3,
	    "white space around a value is not in its span");
}

static void test_invalid(void)
{
	static const struct {
		const char *text;
		size_t at;
		const char *error;
	} cases[] = {{"", 0, "value expected"}, {"  ", 2, "value expected"},
	    {"nul", 0, "value expected"}, {"nulL", 0, "value expected"},
	    {"nan", 0, "value expected"}, {"+1", 0, "value expected"},
	    {".5", 0, "value expected"}, {"-", 1, "digit expected"},
	    {"-a", 1, "digit expected"}, {"-.5", 1, "digit expected"},
	    {"1.", 2, "digit expected"}, {"1.e5", 2, "digit expected"},
	    {"1e", 2, "digit expected"}, {"1e+", 3, "digit expected"},
	    {"01", 0, "number with a leading zero"},
	    {"-01", 1, "number with a leading zero"},
	    {"1 2", 2, "something behind the value"},
	    {"nullx", 4, "something behind the value"},
	    {"1,", 1, "something behind the value"},
	    {"\xef\xbb\xbf"
	     "1",
		0, "value expected"},
	    {"'a'", 0, "value expected"}, {"\"a", 2, "string without an end"},
	    {"\"", 1, "string without an end"},
	    {"\"\\\"", 3, "string without an end"},
	    {"\"\\", 1, "invalid escape in a string"},
	    {"\"\\x\"", 1, "invalid escape in a string"},
	    {"\"\\u12g4\"", 1, "invalid escape in a string"},
	    {"\"\\u123", 1, "invalid escape in a string"},
	    {"\"a\nb\"", 2, "control character in a string"},
	    {"\"01234567\x1f\"", 9, "control character in a string"},
	    {"\"\xc3\"", 1, "invalid UTF-8"}, {"\"\xff\"", 1, "invalid UTF-8"},
	    {"\"\xed\xa0\x80\"", 1, "invalid UTF-8"},
	    {"\"\xc0\xaf\"", 1, "invalid UTF-8"},
	    {"\"\xf4\x90\x80\x80\"", 1, "invalid UTF-8"},
	    {"[", 1, "value expected"}, {"[1", 2, "comma or end expected"},
	    {"[1,", 3, "value expected"}, {"[1,]", 3, "value expected"},
	    {"[,1]", 1, "value expected"},
	    {"[1 2]", 3, "comma or end expected"},
	    {"[1}", 2, "comma or end expected"}, {"]", 0, "value expected"},
	    {"{", 1, "member name expected"}, {"{\"a\"", 4, "colon expected"},
	    {"{\"a\":", 5, "value expected"},
	    {"{\"a\":1", 6, "comma or end expected"},
	    {"{\"a\":1,}", 7, "member name expected"},
	    {"{,}", 1, "member name expected"},
	    {"{a:1}", 1, "member name expected"},
	    {"{1:1}", 1, "member name expected"},
	    {"{\"a\" 1}", 5, "colon expected"},
	    {"{\"a\":1]", 6, "comma or end expected"},
	    {"{\"a\":1 \"b\":2}", 7, "comma or end expected"},
	    {"[1]\v", 3, "something behind the value"},
	    {"[\xc2\xa0"
	     "1]",
		1, "value expected"}};
	struct json_value value;
	struct json j;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t at = 0;
		const char *error;
		int r = check(cases[i].text, strlen(cases[i].text), &value, &j);

		error = json_error(&j, &at);
		ok(r == -1 && at == cases[i].at && error != NULL &&
			strcmp(error, cases[i].error) == 0,
		    "case %zu: %s at byte %zu", i, cases[i].error, cases[i].at);
	}
	ok(check(NULL, 0, &value, &j) == -1, "no bytes at all are no value");
	ok(check("1\0", 2, &value, &j) == -1, "a NUL is not the end");
	ok(check("\"\0\"", 3, &value, &j) == -1, "nor is it in a string");
}

/* Text cut off at any byte is never valid, and no byte behind it is read: the
 * sanitizers see that, with a copy of just that size. */
static void test_cut(void)
{
	static const char text[] =
	    "{\"a\":[1.5e+3,-0,true,false,null,\"x\\u00e9\\n\xc3\xa9\",{}],"
	    "\"instrument_name\":\"ETH-27MAR26-3000-C\"}";
	size_t len = strlen(text);
	struct json_value value;
	struct json j;
	bool good = true;

	for (size_t n = 0; n < len; n++) {
		struct buf copy;

		buf_init(&copy, n + 1);
		good = good && buf_add(&copy, text, n) == 0;
		good = good && check(copy.data, n, &value, &j) == -1;
		good = good && json_value(&j, &value) == -1;
		buf_free(&copy);
	}
	ok(good, "a text cut off anywhere is refused");
	ok(check(text, len, &value, &j) == 0, "whole, it is not");
}

/* Any byte at any place of a long string and of a long number: the steps of
 * eight bytes see what a byte-wise reader sees. */
static void test_bytes(void)
{
	char string[26], number[24];
	struct json_value value;
	struct json j;
	int bad = 0;

	for (int b = 0; b < 256; b++)
		for (size_t at = 0; at < sizeof(number); at++) {
			bool plain = b >= ' ' && b < 0x80 && b != '"' &&
			             b != '\\';
			bool inner = at > 0 && at + 1 < sizeof(number);
			bool digit = b >= '0' && b <= '9' &&
			             (at > 0 || b != '0');

			memset(string, 'a', sizeof(string));
			string[0] = string[sizeof(string) - 1] = '"';
			string[at + 1] = (char)b;
			bad += (check(string, sizeof(string), &value, &j) ==
				   0) != plain;
			memset(number, '1', sizeof(number));
			number[at] = (char)b;
			bad += (check(number, sizeof(number), &value, &j) ==
				   0) !=
			       (digit || (at == 0 && b == '-') ||
				   (inner && b != '\0' &&
				       strchr(".eE", b) != NULL) ||
				   ((at == 0 || at + 1 == sizeof(number)) &&
				       b != '\0' &&
				       strchr(" \t\n\r", b) != NULL));
		}
	ok(bad == 0, "any byte at any place of a string, of a number");
}

static void test_depth(void)
{
	char text[2 * JSON_DEPTH_MAX + 2];
	struct json_value value;
	struct json j;
	size_t at = 0;

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	ok(check(text, 2 * JSON_DEPTH_MAX, &value, &j) == 0,
	    "%d levels are taken", JSON_DEPTH_MAX);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	ok(check(text, sizeof(text), &value, &j) == -1, "one more is not");
	ok(json_error(&j, &at) != NULL && at == JSON_DEPTH_MAX,
	    "the error is at the bracket too many");
}

static void test_members(void)
{
	static const char text[] =
	    "{\"a\":1,\"b\" : [10, 20] ,\"c\":{\"d\":\"x\"},\"e\":null}";
	struct json_value value;
	struct json_span key;
	struct json j;
	int sum = 0;

	json_init(&j, text, sizeof(text) - 1);
	ok(json_peek(&j) == JSON_OBJECT && json_object_begin(&j) == 0, "begin");
	ok(json_object_next(&j, &key) == 1 && json_span_is(key, "a"), "a");
	ok(json_peek(&j) == JSON_NUMBER && json_value(&j, &value) == 0 &&
		value.text.len == 1,
	    "its value");
	ok(json_object_guess(&j, "b", 1) == 0,
	    "a guess with white space behind the name fails");
	ok(json_object_next(&j, &key) == 1 && json_span_is(key, "b"),
	    "and takes nothing");
	ok(json_array_begin(&j) == 0, "into the array");
	while (json_array_next(&j) == 1 && json_value(&j, &value) == 0)
		sum += (value.text.p[0] - '0') * 10;
	is_int(sum, 30, "both elements");
	ok(json_object_next(&j, &key) == 1 && json_span_is(key, "c"), "c");
	ok(json_object_begin(&j) == 0 && json_object_guess(&j, "x", 1) == 0 &&
		json_object_guess(&j, "d", 1) == 1,
	    "into it, by a guess");
	ok(json_value(&j, &value) == 0 && value.type == JSON_STRING &&
		json_span_is(json_inside(value.text), "x"),
	    "a string");
	ok(json_object_next(&j, &key) == 0, "out of it");
	ok(json_object_guess(&j, "e1", 2) == 0 &&
		json_object_guess(&j, "", 0) == 0 &&
		json_object_guess(&j, "e", 1) == 1,
	    "e by the third guess");
	ok(json_peek(&j) == JSON_NULL && json_value(&j, &value) == 0, "null");
	ok(json_object_guess(&j, "f", 1) == 0, "no guess at the end");
	ok(json_object_next(&j, &key) == 0 && json_end(&j) == 0, "the end");
}

static void test_state(void)
{
	struct json_value value;
	struct json_span key;
	struct json j;
	size_t at = 99, later = 98;
	const char *error;

	json_init(&j, "{\"a\":x,\"b\":1}", 13);
	ok(json_object_begin(&j) == 0 && json_object_next(&j, &key) == 1 &&
		json_value(&j, &value) == -1,
	    "a wrong value");
	error = json_error(&j, &at);
	ok(json_value(&j, &value) == -1 && json_object_next(&j, &key) == -1 &&
		json_object_begin(&j) == -1 && json_array_begin(&j) == -1 &&
		json_array_next(&j) == -1 && json_peek(&j) == -1 &&
		json_object_guess(&j, "b", 1) == 0 && json_end(&j) == -1,
	    "after it, every call fails");
	ok(json_error(&j, &later) == error && later == at && at == 5,
	    "and the first error stays");
	json_init(&j, "[1]", 3);
	ok(json_object_begin(&j) == -1, "an array is no object");
	json_init(&j, "{}", 2);
	ok(json_array_begin(&j) == -1, "an object is no array");
	json_init(&j, "1", 1);
	ok(json_object_next(&j, &key) == -1, "no members outside");
	json_init(&j, "1", 1);
	ok(json_array_next(&j) == -1, "no elements outside");
	json_init(&j, "[1]", 3);
	ok(json_array_begin(&j) == 0 && json_array_next(&j) == 1 &&
		json_end(&j) == -1,
	    "the end is not inside");
	json_init(&j, "[\"a\":1]", 7);
	ok(json_array_begin(&j) == 0 && json_object_guess(&j, "a", 1) == 0,
	    "no guess in an array");
	json_init(&j, "1 2", 3);
	ok(json_value(&j, &value) == 0 && json_value(&j, &value) == -1,
	    "no second value");
	json_init(&j, "{}", 2);
	ok(json_end(&j) == -1, "no end before the value");
}

static void test_span_is(void)
{
	static const struct {
		const char *span, *text;
		bool is;
	} cases[] = {{"", "", true}, {"a", "a", true}, {"a", "b", false},
	    {"a", "ab", false}, {"ab", "a", false}, {"\\u0061b", "ab", true},
	    {"a\\/b", "a/b", true}, {"\\n", "\n", true}, {"\\n", "\\n", false},
	    {"\\\\n", "\\n", true}, {"\\u00e1", "\xe1", false},
	    {"a\\u0000", "a", false}, {"\\ud83d\\ude00", "x", false},
	    {"\\", "\\", false}, {"\\u00", "", false},
	    {"\xc3\xa9", "e", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_span s = {cases[i].span, strlen(cases[i].span)};

		ok(json_span_is(s, cases[i].text) == cases[i].is,
		    "case %zu: %s", i, cases[i].is ? "is it" : "is not");
	}
}

static void test_decode(void)
{
	static const char *const cases[][2] = {{"", ""}, {"abc", "abc"},
	    {"a\\n\\t\\\"\\\\\\/z", "a\n\t\"\\/z"}, {"\\b\\f\\r", "\b\f\r"},
	    {"\\u00e9\\u20AC", "\xc3\xa9\xe2\x82\xac"},
	    {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"},
	    {"\\ud83d", "\xef\xbf\xbd"}, {"\\ude00x", "\xef\xbf\xbdx"},
	    {"\\ud83d\\u0041", "\xef\xbf\xbd"
			       "A"},
	    {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
	    {"\\ud83dx", "\xef\xbf\xbdx"}, {"\\ud83d\\n", "\xef\xbf\xbd\n"},
	    {"\xc3\xa9\\u0041", "\xc3\xa9"
				"A"}};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_span s = {cases[i][0], strlen(cases[i][0])};

		buf_clear(&b);
		ok(json_decode(s, &b) == 0, "case %zu is decoded", i);
		is_str(buf_str(&b), cases[i][1], "to what it stands for");
	}
	buf_clear(&b);
	ok(json_decode((struct json_span){"a\\u0000b", 8}, &b) == 0 &&
		buf_used(&b) == 3 && memcmp(buf_head(&b), "a\0b", 3) == 0,
	    "U+0000 is a character");
	buf_free(&b);
	buf_init(&b, 5);
	ok(buf_adds(&b, "xy") == 0 &&
		json_decode((struct json_span){"ab\\u20acc", 9}, &b) == -1,
	    "-1 beyond the cap");
	is_str(buf_str(&b), "xy", "and nothing was appended");
	buf_free(&b);
}

/* Every character, escaped, is what UTF-8 says it is; half of a pair is U+FFFD.
 */
static void test_decode_all(void)
{
	char escape[13], bytes[4];
	struct buf b;
	int bad = 0;

	buf_init(&b, 100);
	for (uint32_t code = 0; code < 0x110000; code++) {
		bool half = code >= 0xd800 && code <= 0xdfff;
		size_t len = utf8_encode(half ? 0xfffd : code, bytes);
		uint32_t rest = code - 0x10000;

		if (code < 0x10000)
			snprintf(
			    escape, sizeof(escape), "\\u%04X", (unsigned)code);
		else
			snprintf(escape, sizeof(escape), "\\u%04x\\u%04X",
			    (unsigned)(0xd800 | (rest >> 10 & 0x3ff)),
			    (unsigned)(0xdc00 | (rest & 0x3ff)));
		buf_clear(&b);
		bad += json_decode((struct json_span){escape, strlen(escape)},
			   &b) != 0 ||
		       buf_used(&b) != len ||
		       memcmp(buf_head(&b), bytes, len) != 0;
	}
	ok(bad == 0, "each character's escape is decoded");
	buf_free(&b);
}

static void test_encode(void)
{
	static const char *const cases[][2] = {{"", "\"\""}, {"a", "\"a\""},
	    {"\"\\/", "\"\\\"\\\\/\""},
	    {"\b\f\n\r\t\v\x01\x1f",
		"\"\\b\\f\\n\\r\\t\\u000b\\u0001\\u001f\""},
	    {"\x7f\xc3\xa9", "\"\x7f\xc3\xa9\""},
	    {"a\xff"
	     "b",
		"\"a\xef\xbf\xbd"
		"b\""},
	    {"\xc3", "\"\xef\xbf\xbd\""},
	    {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&b);
		ok(json_encode(&b, cases[i][0], strlen(cases[i][0])) == 0,
		    "text %zu is encoded", i);
		is_str(buf_str(&b), cases[i][1], "as expected");
	}
	buf_clear(&b);
	ok(json_encode(&b, "a\0", 2) == 0, "with a NUL");
	is_str(buf_str(&b), "\"a\\u0000\"", "as U+0000");
	buf_free(&b);
	buf_init(&b, 6);
	ok(json_encode(&b, "abcd", 4) == 0 && buf_used(&b) == 6,
	    "as many bytes as the cap");
	buf_consume(&b, 5);
	ok(json_encode(&b, "abcd", 4) == -1 && buf_used(&b) == 1,
	    "-1 beyond it, and nothing was appended");
	buf_free(&b);
}

/* Any bytes, encoded, are one valid string; valid UTF-8 comes back. */
static void test_encode_random(void)
{
	struct gen g = {1};
	struct buf text, back;
	struct json_value value;
	struct json j;
	char raw[40];
	bool good = true;

	buf_init(&text, 1000);
	buf_init(&back, 1000);
	for (int i = 0; i < 200000 && good; i++) {
		size_t n = gen_below(&g, sizeof(raw));
		unsigned range = gen_below(&g, 3) ? 128 : 256;

		for (size_t k = 0; k < n; k++)
			raw[k] = (char)gen_below(&g, range);
		buf_clear(&text);
		buf_clear(&back);
		good = json_encode(&text, raw, n) == 0 &&
		       check(buf_head(&text), buf_used(&text), &value, &j) ==
		           0 &&
		       value.type == JSON_STRING &&
		       json_decode(json_inside(value.text), &back) == 0;
		if (range == 128)
			good = good && buf_used(&back) == n &&
			       (n == 0 || memcmp(buf_head(&back), raw, n) == 0);
	}
	ok(good, "200000 byte strings, encoded and decoded");
	buf_free(&text);
	buf_free(&back);
}

int main(void)
{
	test_valid();
	test_invalid();
	test_cut();
	test_bytes();
	test_depth();
	test_members();
	test_state();
	test_span_is();
	test_decode();
	test_decode_all();
	test_encode();
	test_encode_random();
	return done_testing();
}
