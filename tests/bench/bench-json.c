/*
 * What slicing one quote notification costs, beside a copy of it and beside
 * libjq.  Prints a table; asserts nothing.  Usage: bench-json [ROUNDS]
 */
#include <jv.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "io/json.h"

static const char quote[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{\"channel\":"
    "\"quote.ETH-27MAR26-3000-C\",\"data\":{\"best_bid_amount\":114.0,"
    "\"best_ask_amount\":97.0,\"best_bid_price\":0.0415,\"best_ask_price\":0."
    "0425,"
    "\"timestamp\":1790133123456,\"instrument_name\":\"ETH-27MAR26-3000-C\","
    "\"index_price\":3021.4521,\"estimated_delivery_price\":3021.4521,"
    "\"underlying_price\":3102.77}}}";

static volatile size_t sink;

static void guess(struct json *j, const char *name, size_t len)
{
	struct json_span key;

	if (!json_object_guess(j, name, len))
		json_object_next(j, &key);
}
#define GUESS(j, name) guess(j, name, sizeof(name) - 1)

static size_t take(struct json *j)
{
	struct json_value value;

	return json_value(j, &value) == 0 ? value.text.len : 0;
}

/* As a collector does: envelope and members in the order last seen. */
static int scan_guessed(const char *text, size_t len)
{
	static const struct json_span names[] = {{"best_bid_amount", 15},
	    {"best_ask_amount", 15}, {"best_bid_price", 14},
	    {"best_ask_price", 14}, {"timestamp", 9}, {"instrument_name", 15},
	    {"index_price", 11}, {"estimated_delivery_price", 24},
	    {"underlying_price", 16}};
	struct json_span key;
	struct json j;
	size_t sum = 0;

	json_init(&j, text, len);
	json_object_begin(&j);
	GUESS(&j, "jsonrpc");
	sum += take(&j);
	GUESS(&j, "method");
	sum += take(&j);
	GUESS(&j, "params");
	json_object_begin(&j);
	GUESS(&j, "channel");
	sum += take(&j);
	GUESS(&j, "data");
	json_object_begin(&j);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		guess(&j, names[i].p, names[i].len);
		sum += take(&j);
	}
	for (int i = 0; i < 3; i++)
		if (json_object_next(&j, &key) != 0)
			return -1;
	sink = sum;
	return json_end(&j);
}

static int scan_members(struct json *j, size_t *sum)
{
	struct json_span key;
	int r;

	if (json_object_begin(j) == -1)
		return -1;
	while ((r = json_object_next(j, &key)) == 1) {
		if (json_peek(j) == JSON_OBJECT) {
			if (scan_members(j, sum) == -1)
				return -1;
		} else {
			*sum += take(j);
		}
	}
	return r;
}

static int scan_unguessed(const char *text, size_t len)
{
	struct json j;
	size_t sum = 0;

	json_init(&j, text, len);
	if (scan_members(&j, &sum) == -1)
		return -1;
	sink = sum;
	return json_end(&j);
}

static int scan_whole(const char *text, size_t len)
{
	struct json j;

	json_init(&j, text, len);
	sink = take(&j);
	return json_end(&j);
}

static int copy(const char *text, size_t len)
{
	static char to[1024];

	memcpy(to, text, len);
	sink = (unsigned char)to[len / 2];
	return 0;
}

static int parse_libjq(const char *text, size_t len)
{
	jv v = jv_parse_sized(text, (int)len);
	int r = jv_is_valid(v) ? 0 : -1;

	jv_free(v);
	return r;
}

static int measure(
    const char *what, int (*call)(const char *, size_t), long rounds)
{
	int64_t best = INT64_MAX, start, took;

	/* The best of five: what others do on the machine only adds. */
	for (int i = 0; i < 5; i++) {
		start = clock_mono_us();
		for (long k = 0; k < rounds; k++)
			if (call(quote, sizeof(quote) - 1) == -1)
				return -1;
		took = clock_mono_us() - start;
		best = took < best ? took : best;
	}
	printf("%-32s %9.1f ns\n", what, (double)best * 1000 / (double)rounds);
	return 0;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 200000;

	if (rounds < 100)
		rounds = 100;
	printf("one quote notification of %zu bytes\n", sizeof(quote) - 1);
	if (measure("memcpy", copy, rounds) == -1 ||
	    measure("scanner, names guessed", scan_guessed, rounds) == -1 ||
	    measure("scanner, names not guessed", scan_unguessed, rounds) ==
		-1 ||
	    measure("scanner, one json_value()", scan_whole, rounds) == -1 ||
	    measure("libjq jv_parse_sized()", parse_libjq, rounds / 50) == -1) {
		fputs("bench-json: the quote was refused\n", stderr);
		return 1;
	}
	return 0;
}
