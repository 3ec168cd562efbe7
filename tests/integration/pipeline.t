#!/bin/sh
# The main job against the truth: what the exchange says that it sent while
# connected is what stands in the tables, each column of each row, once; and
# each cut has a gap row for every channel that it cost.
# MARKET_SECONDS (60), RATE (5000) and CUTS (10) may be set smaller by hand.
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"
. "$srcdir/tests/sh/replay.sh"

seconds=${MARKET_SECONDS:-60}
rate=${RATE:-5000}
cuts=${CUTS:-10}

database && apply_schema
start_replay --synthetic 7 --rate "$rate" --count $((seconds * rate)) \
	--cut-every "$(awk "BEGIN { print $seconds / ($cuts + 0.5) }")" \
	--truth "$tmp/truth" --ledger "$tmp/ledger" --exit
replay=$REPLAY_PID

mkfifo "$tmp/pipe"
tsdb-load --reject "$tmp/reject" <"$tmp/pipe" 2>"$tmp/load.err" &
load=$!
at_exit "stop_pid $load"
deribit-ws-stream ETH --retry-delay 100ms --retry-max-delay 300ms \
	>"$tmp/pipe" 2>"$tmp/stream.err" &
stream=$!
at_exit "stop_pid $stream"

wait_for "! tap_alive $replay" $((seconds * 3 + 60))
ok $? "the market of $seconds s at $rate messages/s ends"

sql "CREATE TABLE lines (line jsonb)"
psql -X -q -d "$DATABASE_URL" -c "\\copy lines from '$tmp/truth' with \
(format csv, quote E'\\x01', delimiter E'\\x02')"
sql "CREATE TABLE made (t jsonb)"
psql -X -q -d "$DATABASE_URL" -c "\\copy made from '$tmp/ledger' with \
(format csv, quote E'\\x01', delimiter E'\\x02')"
sql "CREATE TABLE sent AS
	SELECT line->>'connection' AS connection,
	    line#>>'{message,params,channel}' AS channel,
	    line#>'{message,params,data}' AS data
	FROM lines
	WHERE NOT line ? 'event' AND line#>>'{message,method}' = 'subscription'
	  AND split_part(line#>>'{message,params,channel}', '.', 1)
	      IN ('quote', 'trades')
	ORDER BY line->>'sent_at';
CREATE FUNCTION at_ms(ms text) RETURNS timestamptz LANGUAGE sql AS
	'SELECT to_timestamp(0) + ms::numeric * interval ''1 ms''';
CREATE FUNCTION side(price text, amount text, value text) RETURNS float8
	LANGUAGE sql AS
	'SELECT CASE WHEN price::numeric = 0 AND amount::numeric = 0 THEN NULL
	    ELSE value::float8 END';
CREATE VIEW truth_quotes AS SELECT
	at_ms(data->>'timestamp') AS timestamp,
	data->>'instrument_name' AS instrument_name,
	side(data->>'best_bid_price', data->>'best_bid_amount',
	    data->>'best_bid_price') AS best_bid_price,
	side(data->>'best_bid_price', data->>'best_bid_amount',
	    data->>'best_bid_amount') AS best_bid_amount,
	side(data->>'best_ask_price', data->>'best_ask_amount',
	    data->>'best_ask_price') AS best_ask_price,
	side(data->>'best_ask_price', data->>'best_ask_amount',
	    data->>'best_ask_amount') AS best_ask_amount
	FROM sent WHERE channel LIKE 'quote.ETH-%';
CREATE VIEW truth_trades AS SELECT
	at_ms(t->>'timestamp') AS timestamp, t->>'instrument_name' AS name,
	(t->>'trade_seq')::bigint AS seq, t->>'trade_id' AS id,
	t->>'direction' AS direction, (t->>'price')::float8 AS price,
	(t->>'amount')::float8 AS amount, (t->>'iv')::float8 AS iv,
	(t->>'mark_price')::float8 AS mark_price,
	(t->>'index_price')::float8 AS index_price,
	(t->>'starbase_match_id')::bigint AS match_id,
	(t->>'starbase_timestamp')::bigint AS starbase_timestamp
	FROM made WHERE t->>'instrument_name' LIKE 'ETH-%';
CREATE VIEW loaded_quotes AS SELECT timestamp, instrument_name,
	best_bid_price, best_bid_amount, best_ask_price, best_ask_amount
	FROM eth_option_quotes;
CREATE VIEW loaded_trades AS SELECT timestamp, instrument_name, trade_seq,
	trade_id, direction, price, amount, iv, mark_price, index_price,
	starbase_match_id, starbase_timestamp FROM eth_option_trades;"

quotes=$(sql "SELECT count(*) FROM truth_quotes")
trades=$(sql "SELECT count(*) FROM truth_trades")
[ "$quotes" -gt $((seconds * rate / 10)) ]
ok $? "the truth holds quotes enough: $quotes"
[ "$trades" -gt 0 ]
ok $? "and trades: $trades"
wait_for "[ \"\$(sql 'SELECT count(*) FROM eth_option_quotes')\" -ge $quotes ]" 60
ok $? "as many quotes arrive"

kill "$stream"
wait "$stream"
is $? 0 "SIGTERM ends the collector with 0"
wait "$load"
is $? 0 "the end of its input ends the loader with 0"
is "$(wc -c <"$tmp/reject" 2>/dev/null || echo 0)" 0 "nothing was rejected"

difference()
{
	sql "SELECT count(*) FROM (SELECT * FROM $1 EXCEPT ALL
	    SELECT * FROM $2) AS d"
}
is "$(difference truth_quotes loaded_quotes)" 0 "no quote is missing"
is "$(difference loaded_quotes truth_quotes)" 0 "no quote is there twice"
# What was made at the very end, when the exchange was gone, has its gap row.
sql "CREATE VIEW fetchable_trades AS SELECT * FROM truth_trades
	WHERE timestamp < coalesce((SELECT min(\"from\") FROM collection_gaps
	    WHERE channel LIKE 'trades.%' AND NOT repaired), 'infinity')"
is "$(difference fetchable_trades loaded_trades)" 0 "no trade is missing"
is "$(sql "SELECT count(*) FROM truth_trades WHERE timestamp < (SELECT
    max(timestamp) - interval '10 s' FROM truth_trades) AND NOT EXISTS (SELECT
    FROM loaded_trades l WHERE l.instrument_name = name AND trade_seq = seq)")" \
    0 "but what was made in the last seconds"
is "$(difference loaded_trades truth_trades)" 0 "no trade is there twice"
is "$(sql "SELECT count(*) FROM (SELECT received_at FROM eth_option_quotes
    GROUP BY 1 HAVING count(*) > 1) AS d")" 0 "received_at is unique"

# A cut costs each channel that its connection had been granted.
sql "CREATE TABLE cut AS
	SELECT line->>'connection' AS connection,
	    to_timestamp((line->>'at')::numeric / 1000000) AS at
	FROM lines WHERE line->>'event' = 'cut';
CREATE TABLE granted AS
	SELECT line->>'connection' AS connection, channel
	FROM lines, jsonb_array_elements_text(CASE
	    WHEN jsonb_typeof(line#>'{message,result}') = 'array'
	    THEN line#>'{message,result}' END) AS channel
	WHERE NOT line ? 'event'
	  AND split_part(channel, '.', 1) IN ('quote', 'trades');"
cut_times=$(sql "SELECT count(*) FROM (SELECT at, lag(at) OVER (ORDER BY at) AS
    before FROM cut) AS c WHERE before IS NULL OR at - before > '1 s'")
[ "$cut_times" -ge "$cuts" ]
ok $? "the connections were cut $cut_times times"
is "$(sql "SELECT count(*) FROM cut JOIN granted USING (connection)
    WHERE NOT EXISTS (SELECT FROM collection_gaps g
	WHERE g.channel = granted.channel AND g.reason = 'disconnect'
	  AND g.\"from\" <= cut.at + interval '1 s' AND g.\"to\" >= cut.at)")" 0 \
    "each channel of each cut has its gap row"
# The connections that lived to the end of the market leave holes to the stop.
# Two losses of trades while they are fetched are one.
is "$(sql "SELECT count(*) FROM collection_gaps WHERE reason = 'disconnect'
    AND channel LIKE 'quote.%'")" \
    "$(sql "SELECT count(*) FROM granted WHERE channel LIKE 'quote.%'")" \
    "and there is no other such row"
is "$(sql "SELECT count(*) FROM truth_trades t JOIN collection_gaps g
    ON g.reason = 'sequence' AND g.instrument_name = t.name
    AND t.seq BETWEEN g.from_seq AND g.to_seq")" 0 \
    "a trade that was received is in no sequence gap"
is "$(sql "SELECT count(*) FROM collection_gaps g
    WHERE repaired IS DISTINCT FROM channel LIKE 'trades.%'
      AND reason = 'disconnect' AND \"to\" < (SELECT max(\"to\") FROM collection_gaps)")" 0 \
    "what was missed of trades has been fetched, but at the very end"
is "$(sql "SELECT count(*) FROM collection_gaps
    WHERE reason NOT IN ('disconnect', 'sequence')")" 0 "nothing else happened"
done_testing
