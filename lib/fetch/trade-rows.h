/*
 * The reply of the get_last_trades methods, taken apart: rows as spans and what
 * of them decides anything.  Knows no call and keeps nothing; spans are
 * *borrowed* from the reply.
 */
#ifndef FETCH_TRADE_ROWS_H
#define FETCH_TRADE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "io/json.h"

struct trade_row {
	struct json_span text;
	struct json_span instrument;
	int64_t seq, timestamp_ms;
	bool liquidation;
};

struct trade_rows {
	struct json json;
	bool has_more;
};

/* -1 with *fault (EX_PROTOCOL): it is no such reply. */
int trade_rows_begin(
    struct trade_rows *r, struct json_span result, struct fault *fault);

/* 1: a row; 0: there are no more.  -1 with *fault (EX_PROTOCOL): a row that is
 * none; the rest is not to be had. */
int trade_rows_next(
    struct trade_rows *r, struct trade_row *row, struct fault *fault);

#endif
