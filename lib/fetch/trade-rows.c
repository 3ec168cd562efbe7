#include "fetch/trade-rows.h"

#include <string.h>

#include "base/num.h"

int trade_rows_begin(
    struct trade_rows *r, struct json_span result, struct fault *fault)
{
	struct json_span key, trades = {NULL, 0};
	struct json_value v;
	struct json j;
	int n = -1;

	r->has_more = false;
	json_init(&j, result.p, result.len);
	if (json_object_begin(&j) == 0)
		while ((n = json_object_next(&j, &key)) == 1) {
			if (json_value(&j, &v) == -1)
				break;
			if (json_span_is(key, "trades") && v.type == JSON_ARRAY)
				trades = v.text;
			else if (json_span_is(key, "has_more"))
				r->has_more = v.type == JSON_TRUE;
		}
	if (n != 0 || trades.p == NULL)
		return fault_set(
		    fault, EX_PROTOCOL, "the result has no array of trades");
	json_init(&r->json, trades.p, trades.len);
	json_array_begin(&r->json);
	return 0;
}

static int64_t number_of(const struct json_value *v)
{
	int64_t n;

	return v->type == JSON_NUMBER &&
	               num_int64(v->text.p, v->text.len, &n) == NUM_OK
	           ? n
	           : -1;
}

static void member_take(
    struct trade_row *row, struct json_span key, const struct json_value *v)
{
	if (json_span_is(key, "trade_seq"))
		row->seq = number_of(v);
	else if (json_span_is(key, "timestamp"))
		row->timestamp_ms = number_of(v);
	else if (json_span_is(key, "instrument_name") && v->type == JSON_STRING)
		row->instrument = json_inside(v->text);
	else if (json_span_is(key, "liquidation"))
		row->liquidation = v->type == JSON_STRING && v->text.len > 2;
}

int trade_rows_next(
    struct trade_rows *r, struct trade_row *row, struct fault *fault)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int n = json_array_next(&r->json);

	if (n == 0)
		return 0;
	memset(row, 0, sizeof(*row));
	row->seq = row->timestamp_ms = -1;
	if (n == 1 && json_value(&r->json, &v) == 0) {
		row->text = v.text;
		json_init(&j, v.text.p, v.text.len);
		if (json_object_begin(&j) == 0)
			while (json_object_next(&j, &key) == 1 &&
			       json_value(&j, &v) == 0)
				member_take(row, key, &v);
	}
	if (row->seq < 1 || row->seq > INT64_MAX / 2 || row->timestamp_ms < 0 ||
	    row->instrument.p == NULL)
		return fault_set(fault, EX_PROTOCOL,
		    "a trade without trade_seq, timestamp or instrument_name");
	return 1;
}
