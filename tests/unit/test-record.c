/* From the text of a message to the lines of its records. */
#include <stdlib.h>

#include "deribit/rpc.h"
#include "record/record.h"
#include "tap.h"

#define RECEIVED 1790133840888348
#define AT "\"received_at\":1790133840888348"
#define SUB "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":"
#define OPTION(type) \
	"{\"type\":\"" type "\",\"kind\":\"option\",\"currency\":\"ETH\"," AT
#define PERPETUAL(type)                                               \
	"{\"type\":\"" type "\",\"kind\":\"perpetual\",\"currency\":" \
	"\"BTC\"," AT

static struct record_writer writer;

/* As the collector does it, in short.  Returns the lines, to be freed. */
static char *lines_of(const char *message)
{
	static char out[8192];
	size_t len = strlen(message), used = 0, n;
	char *text = malloc(len + 1); /* exact: for the sanitizer */
	struct record_head head;
	struct channel channel;
	struct name name;
	struct rpc m;
	bool named, array;

	memcpy(text, message, len + 1);
	out[0] = '\0';
	if (rpc_parse(&m, text, len) == -1) {
		struct fault f;

		rpc_fault(&m, &f);
		snprintf(out, sizeof(out), "%s", f.text);
		free(text);
		return out;
	}
	if (m.kind != RPC_NOTIFICATION) {
		snprintf(out, sizeof(out), "rpc %d", (int)m.kind);
		free(text);
		return out;
	}
	channel_parse(m.channel.p, m.channel.len, &channel);
	named = name_parse(
		    channel.instrument.p, channel.instrument.len, &name) == 0;
	record_head_make(
	    &head, &channel, m.channel.p, m.channel.len, named ? &name : NULL);
	array = json_peek(&m.json) == JSON_ARRAY;
	if (array)
		json_array_begin(&m.json);
	while (!array || json_array_next(&m.json) == 1) {
		n = record_write(&writer, &head, RECEIVED, &m.json, out + used);
		used += n;
		if (n == 0 || !array)
			break;
	}
	if (rpc_finish(&m) == -1) {
		struct fault f;

		rpc_fault(&m, &f);
		snprintf(out, sizeof(out), "%s", f.text);
	} else {
		out[used] = '\0';
	}
	record_head_free(&head);
	free(text);
	return out;
}

struct record_case {
	const char *name;
	const char *message;
	const char *want;
};

static const struct record_case cases[] = {
    {"a quote",
	SUB "{\"channel\":\"quote.ETH-25DEC26-4000-C\",\"data\":{"
	    "\"timestamp\":1790133840880,"
	    "\"instrument_name\":\"ETH-25DEC26-4000-C\","
	    "\"best_bid_price\":0.0415,\"best_bid_amount\":12.0,"
	    "\"best_ask_price\":4.3e-2,\"best_ask_amount\":1.0}}}",
	OPTION("quote") ",\"timestamp\":1790133840880,"
			"\"instrument_name\":\"ETH-25DEC26-4000-C\","
			"\"best_bid_price\":0.0415,\"best_bid_amount\":12.0,"
			"\"best_ask_price\":4.3e-2,\"best_ask_amount\":1.0}\n"},
    {"numbers stay the text that was sent",
	SUB "{\"channel\":\"ticker.BTC-PERPETUAL.100ms\",\"data\":{"
	    "\"a\":6.4e4,\"b\":1.0,\"c\":9007199254740993,\"d\":-0.0,"
	    "\"e\":1E+2,\"f\":0.1000,\"g\":227538549002481664}}}",
	PERPETUAL("ticker") ",\"a\":6.4e4,\"b\":1.0,\"c\":9007199254740993,"
			    "\"d\":-0.0,\"e\":1E+2,\"f\":0.1000,"
			    "\"g\":227538549002481664}\n"},
    {"both sides empty",
	SUB "{\"channel\":\"quote.ETH-25DEC26-4000-C\",\"data\":{"
	    "\"best_bid_price\":0.0,\"best_ask_price\":0,"
	    "\"best_bid_amount\":0,\"best_ask_amount\":0.00e5,\"x\":1}}}",
	OPTION("quote") ",\"best_bid_price\":null,\"best_ask_price\":null,"
			"\"best_bid_amount\":null,\"best_ask_amount\":null,"
			"\"x\":1}\n"},
    {"an empty side, null beside 0.0",
	SUB "{\"channel\":\"quote.ETH-25DEC26-4000-C\",\"data\":{"
	    "\"best_ask_amount\":0.0,\"best_bid_price\":0.001,"
	    "\"best_bid_amount\":0.5,\"best_ask_price\":null}}}",
	OPTION("quote") ",\"best_ask_amount\":null,\"best_bid_price\":0.001,"
			"\"best_bid_amount\":0.5,\"best_ask_price\":null}\n"},
    {"a price of 0.0 with an amount is no empty side",
	SUB "{\"channel\":\"quote.ETH-25DEC26-4000-C\",\"data\":{"
	    "\"best_bid_price\":0.0,\"best_bid_amount\":2.0}}}",
	OPTION("quote") ",\"best_bid_price\":0.0,\"best_bid_amount\":2.0}\n"},
    {"0.0 elsewhere stays",
	SUB "{\"channel\":\"ticker.ETH-25DEC26-4000-C.raw\",\"data\":{"
	    "\"mark_price\":0.0,\"bid_iv\":0.0}}}",
	OPTION("ticker") ",\"mark_price\":0.0,\"bid_iv\":0.0}\n"},
    {"greeks and stats are hoisted",
	SUB "{\"channel\":\"ticker.ETH-25DEC26-4000-C.raw\",\"data\":{"
	    "\"stats\":{\"volume\":1.5,\"high\":null},\"iv\":0.5,"
	    "\"greeks\":{\"delta\":0.1,\"vega\":2e0,\"type\":1},\"x\":[]}}}",
	OPTION("ticker") ",\"stats_volume\":1.5,\"stats_high\":null,"
			 "\"iv\":0.5,\"delta\":0.1,\"vega\":2e0,\"x\":[]}\n"},
    {"greeks that are no object stay",
	SUB "{\"channel\":\"ticker.ETH-25DEC26-4000-C.raw\",\"data\":{"
	    "\"greeks\":null,\"stats\":{}}}}",
	OPTION("ticker") ",\"greeks\":null}\n"},
    {"a member that bears one of our names",
	SUB "{\"channel\":\"book.BTC-PERPETUAL.100ms\",\"data\":{"
	    "\"type\":\"snapshot\",\"kind\":\"future\",\"currency\":\"X\","
	    "\"received_at\":1,\"change_id\":5,"
	    "\"bids\":[ [\"new\", 1.0,\n 2.0] ],\"asks\":[]}}}",
	PERPETUAL(
	    "book_change") ",\"update_type\":\"snapshot\",\"change_id\":5,"
			   "\"bids\":[[\"new\",1.0,2.0]],\"asks\":[]}\n"},
    {"params before method, data before channel",
	"{\"params\":{\"data\":{\"timestamp\":1},"
	"\"channel\":\"quote.BTC-PERPETUAL\"},\"method\":\"subscription\","
	"\"jsonrpc\":\"2.0\"}",
	PERPETUAL("quote") ",\"timestamp\":1}\n"},
    {"white space, a member more, escapes",
	"{ \"jsonrpc\" : \"2.0\",\n\t\"method\": \"subscription\", \"new\": "
	"[1], \"params\" : { \"channel\" : \"quote.BTC-PERPETUAL\" ,\r\n"
	"\"data\" : { \"s\" : \"a \\\"b\\\" \\u00e9 \\\\\" , \"n\": 1.0 } ,"
	"\"more\" : {} } , \"usOut\": 3 }\n",
	PERPETUAL("quote") ",\"s\":\"a \\\"b\\\" \\u00e9 \\\\\",\"n\":1.0}\n"},
    {"nested values stay, strings in them too",
	SUB "{\"channel\":\"trades.BTC-PERPETUAL.raw\",\"data\":[{"
	    "\"legs\":[ {\"a b\" : \"c  \\\" d\", \"e\":1e3} ]},{\"x\":1}]}}",
	PERPETUAL("trade") ",\"legs\":[{\"a b\":\"c  \\\" "
			   "d\",\"e\":1e3}]}\n" PERPETUAL(
			       "trade") ",\"x\":1}\n"},
    {"no trades", SUB "{\"channel\":\"trades.BTC-PERPETUAL.raw\",\"data\":[]}}",
	""},
    {"a fraction becomes percent",
	SUB "{\"channel\":\"markprice.options.btc_usd\",\"data\":[{"
	    "\"iv\":0.3706,\"mark_price\":5.0e-3},{\"iv\":null}]}}",
	"{\"type\":\"markprice\",\"kind\":null,\"currency\":\"BTC\"," AT
	",\"iv\":37.06,\"mark_price\":5.0e-3}\n"
	"{\"type\":\"markprice\",\"kind\":null,\"currency\":\"BTC\"," AT
	",\"iv\":null}\n"},
    {"the instrument of a channel whose data lack it",
	SUB "{\"channel\":\"perpetual.BTC-PERPETUAL.100ms\",\"data\":{"
	    "\"interest\":1.4e-4}}}",
	PERPETUAL("perpetual") ",\"instrument_name\":\"BTC-PERPETUAL\","
			       "\"interest\":1.4e-4}\n"},
    {"a candle",
	SUB "{\"channel\":\"chart.trades.BTC-PERPETUAL.1\",\"data\":{"
	    "\"tick\":1,\"instrument_name\":\"other\",\"open\":2.0}}}",
	PERPETUAL("candle") ",\"instrument_name\":\"BTC-PERPETUAL\","
			    "\"resolution\":\"1\",\"tick\":1,\"open\":2.0}\n"},
    {"an index",
	SUB "{\"channel\":\"deribit_price_index.sol_usdc\",\"data\":{"
	    "\"price\":1.0}}}",
	"{\"type\":\"index\",\"kind\":null,\"currency\":\"SOL\"," AT
	",\"price\":1.0}\n"},
    {"a class nobody knows",
	SUB "{\"channel\":\"block_rfq.trades.BTC\",\"data\":{\"a\":1}}}",
	"{\"type\":\"block_rfq\",\"kind\":null,\"currency\":null," AT
	",\"channel\":\"block_rfq.trades.BTC\",\"a\":1}\n"},
    {"data that are no object",
	SUB "{\"channel\":\"announcements\",\"data\":\"hello\"}}",
	"{\"type\":\"announcements\",\"kind\":null,\"currency\":null," AT
	",\"channel\":\"announcements\",\"data\":\"hello\"}\n"},
    {"invalid JSON in the data",
	SUB "{\"channel\":\"quote.X\",\"data\":{\"a\":01}}}",
	"invalid JSON at byte 83 of a message: number with a leading zero"},
    {"invalid JSON behind the data",
	SUB "{\"channel\":\"quote.X\",\"data\":{\"a\":1}}]",
	"invalid JSON at byte 86 of a message: comma or end expected"},
    {"invalid JSON in the envelope", "{\"jsonrpc\":\"2.0\",}",
	"invalid JSON at byte 17 of a message: member name expected"},
    {"nothing at all", "",
	"invalid JSON at byte 0 of a message: value expected"},
    {"a heartbeat",
	"{\"params\":{\"type\":\"heartbeat\"},\"method\":\"heartbeat\"}",
	"rpc 1"},
    {"a test request",
	"{\"jsonrpc\":\"2.0\",\"method\":\"heartbeat\",\"params\":{"
	"\"type\":\"test_request\"}}",
	"rpc 2"},
    {"a test request, the other way round",
	"{\"params\":{\"type\":\"test_request\"},\"method\":\"heartbeat\","
	"\"jsonrpc\":\"2.0\"}",
	"rpc 2"},
    {"a reply", "{\"result\":[],\"id\":7}", "rpc 3"},
    {"an error", "{\"error\":{\"code\":1},\"id\":7}", "rpc 4"},
    {"a method nobody knows", "{\"method\":\"shout\",\"params\":{}}", "rpc 5"},
    {"no object", "[1,2]", "rpc 6"},
    {"a notification without data",
	SUB "{\"channel\":\"quote.BTC-PERPETUAL\"}}", "rpc 6"},
};

static void test_percent(const char *number, const char *want)
{
	char out[80];
	size_t n = record_percent(
	    (struct json_span){number, strlen(number)}, out);

	out[n] = '\0';
	is_str(out, want, number);
}

static void test_integer(int64_t v)
{
	char out[24], want[24];

	out[record_integer(v, out)] = '\0';
	snprintf(want, sizeof(want), "%" PRId64, v);
	is_str(out, want, want);
}

static void test_integers(void)
{
	static const int64_t some[] = {0, 1, 9, 10, 11, 99, 100, 101, 999, 1000,
	    1001, 12345, 1790133840888348, INT64_MAX, -1, -10, -100, INT64_MIN};
	size_t i;

	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		test_integer(some[i]);
}

static void test_error_reply(void)
{
	static const char text[] =
	    "{\"id\":5,\"error\":{\"message\":\"Invalid params\",\"data\":{"
	    "\"reason\":\"invalid currency\"},\"code\":-32602}}";
	struct rpc m;

	is_int(rpc_parse(&m, text, strlen(text)), 0, "an error reply");
	is_int(m.kind, RPC_ERROR, "its kind");
	is_int(m.id, 5, "its id");
	is_int(m.code, -32602, "its code");
	ok(json_span_is(m.message, "Invalid params"), "its message");
	ok(json_span_is(m.reason, "invalid currency"), "its reason");
}

static void test_gap(void)
{
	struct record_gap gap = {"option", "ETH", NULL, "trades.option.ETH",
	    "overflow", 5, 6, -1, 9, 3};
	struct buf b;

	buf_init(&b, 4096);
	record_gap(&b, &gap, 7);
	is_str(buf_str(&b),
	    "{\"type\":\"gap\",\"kind\":\"option\",\"currency\":\"ETH\","
	    "\"received_at\":7,\"instrument_name\":null,"
	    "\"channel\":\"trades.option.ETH\",\"from\":5,\"to\":6,"
	    "\"from_seq\":null,\"to_seq\":9,\"reason\":\"overflow\","
	    "\"dropped\":3,\"repaired\":false}\n",
	    "a gap");
	buf_free(&b);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		is_str(
		    lines_of(cases[i].message), cases[i].want, cases[i].name);
		is_str(lines_of(cases[i].message), cases[i].want,
		    "the same, guessed");
	}
	test_percent("0.3706", "37.06");
	test_percent("0.5", "50");
	test_percent("1", "100");
	test_percent("0.005", "0.5");
	test_percent("0.0001", "0.01");
	test_percent("0.370600", "37.0600");
	test_percent("-0.25", "-25");
	test_percent("12.345", "1234.5");
	test_percent("0.0", "0");
	test_percent("0", "0");
	test_percent("3.706e-1", "3.706e1");
	test_percent("5e-03", "5e-1");
	test_percent("1E+2", "1E4");
	test_percent("1e9999999999", "1e9999999999");
	test_integers();
	test_error_reply();
	test_gap();
	return done_testing();
}
