/* JSON values to COPY BINARY fields, against what PostgreSQL's receive
 * functions take (src/backend/utils/adt). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/value.h"
#include "tap.h"

static struct value_form form(enum value_type type)
{
	return (struct value_form){.type = type, .name = "that type"};
}

/* The field as hexadecimal text, or "!" and the reason. */
static const char *field(const struct value_form *f, const char *text)
{
	static char out[4096];
	struct fault fault = {0};
	struct json_value v;
	struct json j;
	struct buf b;

	buf_init(&b, 1 << 20);
	json_init(&j, text, strlen(text));
	if (json_value(&j, &v) == -1)
		return "(test: not JSON)";
	if (value_encode(f, &v, &b, &fault) == -1) {
		snprintf(out, sizeof(out), "!%s", fault.text);
	} else {
		out[0] = '\0';
		for (size_t i = 0; i < buf_used(&b) && i < 1000; i++)
			sprintf(out + 2 * i, "%02x",
			    (unsigned char)buf_head(&b)[i]);
	}
	buf_free(&b);
	return out;
}

static void check(
    enum value_type type, const char *text, const char *want, const char *what)
{
	struct value_form f = form(type);

	is_str(field(&f, text), want, what);
}

static void numbers(void)
{
	check(VALUE_INT2, "32767", "000000027fff", "int2");
	check(VALUE_INT2, "-32768", "000000028000", "int2, least");
	check(VALUE_INT2, "32768", "!32768 is out of range for that type",
	    "int2, too large");
	check(VALUE_INT4, "6.4e4", "000000040000fa00", "int4 with exponent");
	check(VALUE_INT4, "2147483648",
	    "!2147483648 is out of range for that type", "int4, too large");
	check(VALUE_INT8, "9007199254740993", "000000080020000000000001",
	    "int8 above 2^53");
	check(VALUE_INT8, "-9223372036854775808", "000000088000000000000000",
	    "int8, least");
	check(VALUE_INT8, "1.5", "!a fraction where that type is needed",
	    "int8 of a fraction");
	check(VALUE_FLOAT8, "0.1", "000000083fb999999999999a", "float8");
	check(VALUE_FLOAT8, "1e400", "!1e400 is out of range for that type",
	    "float8, infinite");
	check(VALUE_FLOAT8, "\"0.1\"", "!a string where that type is needed",
	    "a string is no number");
	check(VALUE_FLOAT8, "true", "!true where that type is needed",
	    "true is no number");
	check(VALUE_FLOAT4, "0.1", "000000043dcccccd", "float4");
	check(VALUE_FLOAT4, "1e39", "!1e39 is out of range for that type",
	    "float4, infinite");
	check(VALUE_NUMERIC, "1.0", "0000000a00010000000000010001",
	    "numeric keeps 1.0");
	check(VALUE_NUMERIC, "-12345.678",
	    "0000000e0003000140000003000109291a7c", "numeric, three digits");
	check(VALUE_NUMERIC, "\"1\"", "!a string where that type is needed",
	    "numeric of a string");
}

static void texts(void)
{
	struct value_form varchar3 = form(VALUE_TEXT);

	varchar3.length_max = 3;
	check(VALUE_TEXT, "\"ab\"", "000000026162", "text");
	check(VALUE_TEXT, "\"\"", "00000000", "empty text is not NULL");
	check(VALUE_TEXT, "\"a\\n\\u00e9\"", "00000004610ac3a9", "escapes");
	check(VALUE_TEXT, "\"a\\u0000b\"",
	    "!\\u0000 cannot be stored in PostgreSQL", "NUL in a text");
	check(VALUE_TEXT, "1.50", "00000004312e3530", "a number's own text");
	check(VALUE_TEXT, "[1, 2]", "000000065b312c20325d", "an array's text");
	is_str(field(&varchar3, "\"\\u00e9\\u00e9\\u00e9\""),
	    "00000006c3a9c3a9c3a9", "varchar(3) counts characters");
	is_str(field(&varchar3, "\"abcd\""), "!too long for that type",
	    "varchar(3), too long");
	check(VALUE_JSONB, "{\"a\":1.0}", "0000000a017b2261223a312e307d",
	    "jsonb");
	check(VALUE_JSON, "\"x\"", "00000003227822", "json keeps the quotes");
	check(VALUE_TEXT, "null", "ffffffff", "null");
	check(VALUE_UUID, "\"00112233-4455-6677-8899-AABBccddeeff\"",
	    "0000001000112233445566778899aabbccddeeff", "uuid");
	check(VALUE_UUID, "\"00112233\"", "!not a uuid", "half a uuid");
	check(VALUE_UUID, "\"00112233-4455-6677-8899-aabbccddeef\"",
	    "!not a uuid", "a uuid with 31 digits");
	check(VALUE_UUID, "\"00112233-4455-6677-8899-aabbccddeeff0\"",
	    "!not a uuid", "a uuid with 33 digits");
	check(VALUE_BOOL, "true", "0000000101", "true");
	check(VALUE_BOOL, "1", "!a number where that type is needed",
	    "1 is no boolean");
}

static void epochs(void)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
	    {"0", 0},
	    {"1765541767", 1765541767000000},
	    {"1765541767.5", 1765541767500000},
	    {"1765541767.1234567", 1765541767123457},
	    {"-1.5", -1500000},
	    {"99999999999", 99999999999000000},
	    {"100000000000", 100000000000000},
	    {"1765541767174", 1765541767174000},
	    {"1765541767174.25", 1765541767174250},
	    {"1.765541767174e12", 1765541767174000},
	    {"1765541767174001", 1765541767174001},
	    {"1765541767174001499", 1765541767174001},
	    {"1765541767174001500", 1765541767174002},
	    {"-1765541767174", -1765541767174000},
	};
	int64_t us;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		us = -1;
		value_epoch_us(cases[i].text, strlen(cases[i].text), &us);
		is_int(us, cases[i].us, cases[i].text);
	}
	is_int(value_epoch_us("1e30", 4, &us), -1, "1e30 is no time");
	is_int(value_epoch_us("-9223372036854775808", 20, &us), -1,
	    "nor the least int64");
	is_int(value_epoch_us("1.23456e2", 9, &us), -1,
	    "nor a fraction with an exponent");
}

static void stamps(void)
{
	check(VALUE_TIMESTAMP, "946684800", "000000080000000000000000",
	    "2000-01-01 is 0");
	check(VALUE_TIMESTAMP, "\"2000-01-01T01:00:00+01:00\"",
	    "000000080000000000000000", "the same with an offset");
	check(VALUE_TIMESTAMP, "\"1999-12-31T23:59:59.999999Z\"",
	    "00000008ffffffffffffffff", "a microsecond before");
	check(VALUE_TIMESTAMP, "\"yesterday\"",
	    "!neither RFC 3339 nor an epoch number", "words are no time");
	check(VALUE_TIMESTAMP, "{}", "!an object where that type is needed",
	    "an object is no time");
	check(VALUE_DATE, "\"2000-01-02\"", "0000000400000001", "a date");
	check(VALUE_DATE, "946684799", "00000004ffffffff",
	    "a second before 2000 is the day before");
	check(VALUE_DATE, "-1", "00000004ffffd532", "a second before 1970");
}

static void arrays(void)
{
	struct value_form f = form(VALUE_INT4);
	struct value_form j = form(VALUE_JSONB);

	f.array = j.array = true;
	f.element_oid = 23;
	j.element_oid = 3802;
	is_str(field(&f, "[1, null]"),
	    "00000020"
	    "00000001"
	    "00000001"
	    "00000017"
	    "00000002"
	    "00000001"
	    "00000004"
	    "00000001"
	    "ffffffff",
	    "an array with a null");
	is_str(field(&f, "[]"),
	    "0000000c"
	    "00000000"
	    "00000000"
	    "00000017",
	    "an empty array");
	is_str(field(&f, "[[],[]]"),
	    "0000000c"
	    "00000000"
	    "00000000"
	    "00000017",
	    "an array of empty arrays is empty");
	is_str(field(&f, "[[1,2],[3,4]]"),
	    "0000003c"
	    "00000002"
	    "00000000"
	    "00000017"
	    "00000002"
	    "00000001"
	    "00000002"
	    "00000001"
	    "0000000400000001"
	    "0000000400000002"
	    "0000000400000003"
	    "0000000400000004",
	    "two dimensions");
	is_str(field(&f, "[[1],[2,3]]"),
	    "!an array whose rows differ in length", "a ragged array");
	is_str(field(&f, "[[1],2]"), "!an array whose rows differ in depth",
	    "an uneven array");
	is_str(field(&f, "[1,[2]]"), "!an array where that type is needed",
	    "an uneven array, the other way");
	is_str(field(&f, "[[[[[[[1]]]]]]]"), "!an array deeper than 6",
	    "too many dimensions");
	is_str(field(&f, "1"), "!a number where that type is needed",
	    "a number is no array");
	is_str(field(&j, "[[1]]"),
	    "0000001c"
	    "00000001"
	    "00000000"
	    "00000eda"
	    "00000001"
	    "00000001"
	    "00000004"
	    "015b315d",
	    "of jsonb the elements are any JSON");
}

int main(void)
{
	numbers();
	texts();
	epochs();
	stamps();
	arrays();
	return done_testing();
}
