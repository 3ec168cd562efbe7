/* Replies of the get_last_trades methods, good and bad. */
#include "fetch/trade-rows.h"

#include "tap.h"

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static void good(void)
{
	const char *text =
	    "{\"has_more\":true,\"trades\":[ {\"trade_seq\":6.4e4,\"timestamp\""
	    ":1789939017544,\"instrument_name\":\"BTC-PERPETUAL\","
	    "\"legs\":[{\"trade_seq\":1}],\"starbase_match_id\":"
	    "227538549002481664}, {\"timestamp\":1,\"liquidation\":\"MT\","
	    "\"instrument_name\":\"X\",\"trade_seq\":2}],\"x\":1}";
	struct trade_rows r;
	struct trade_row row;
	struct fault fault;

	is_int(trade_rows_begin(&r, span(text), &fault), 0, "a reply");
	ok(r.has_more, "has more");
	is_int(trade_rows_next(&r, &row, &fault), 1, "a row");
	is_int(row.seq, 64000, "its number, however it is written");
	is_int(row.timestamp_ms, INT64_C(1789939017544), "its time");
	ok(json_span_is(row.instrument, "BTC-PERPETUAL"), "its instrument");
	ok(!row.liquidation, "no liquidation");
	ok(row.text.len > 0 && row.text.p[0] == '{' &&
		row.text.p[row.text.len - 1] == '}',
	    "its text");
	is_int(trade_rows_next(&r, &row, &fault), 1, "another");
	ok(row.seq == 2 && row.liquidation, "with a liquidation");
	is_int(trade_rows_next(&r, &row, &fault), 0, "and no more");
	is_int(trade_rows_begin(&r, span("{\"trades\":[]}"), &fault), 0,
	    "an empty one");
	is_int(trade_rows_next(&r, &row, &fault), 0, "has no row");
}

static const char *const none[] = {
    "[]",
    "null",
    "{}",
    "",
    "{\"trades\":{}}",
    "{\"trades\":null}",
    "{\"trades\":[]",
};

static const char *const no_rows[] = {
    "{\"trades\":[1]}",
    "{\"trades\":[[]]}",
    "{\"trades\":[{}]}",
    "{\"trades\":[{\"trade_seq\":0,\"timestamp\":1,"
    "\"instrument_name\":\"X\"}]}",
    "{\"trades\":[{\"trade_seq\":-3,\"timestamp\":1,"
    "\"instrument_name\":\"X\"}]}",
    "{\"trades\":[{\"trade_seq\":1.5,\"timestamp\":1,"
    "\"instrument_name\":\"X\"}]}",
    "{\"trades\":[{\"trade_seq\":9223372036854775807,\"timestamp\":1,"
    "\"instrument_name\":\"X\"}]}",
    "{\"trades\":[{\"trade_seq\":\"1\",\"timestamp\":1,"
    "\"instrument_name\":\"X\"}]}",
    "{\"trades\":[{\"trade_seq\":1,\"instrument_name\":\"X\"}]}",
    "{\"trades\":[{\"trade_seq\":1,\"timestamp\":1}]}",
    "{\"trades\":[{\"trade_seq\":1,\"timestamp\":1,"
    "\"instrument_name\":null}]}",
};

int main(void)
{
	struct trade_rows r;
	struct trade_row row;
	struct fault fault;
	size_t i;

	good();
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		memset(&fault, 0, sizeof(fault));
		ok(trade_rows_begin(&r, span(none[i]), &fault) == -1 &&
			fault.exit_code == EX_PROTOCOL,
		    "no reply: %s", none[i]);
	}
	for (i = 0; i < sizeof(no_rows) / sizeof(no_rows[0]); i++) {
		memset(&fault, 0, sizeof(fault));
		ok(trade_rows_begin(&r, span(no_rows[i]), &fault) == 0 &&
			trade_rows_next(&r, &row, &fault) == -1 &&
			fault.exit_code == EX_PROTOCOL,
		    "no row: %s", no_rows[i]);
	}
	return done_testing();
}
