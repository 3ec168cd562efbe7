#!/bin/sh
# Order books that deribit-ws-stream asks for: each once an interval, within the
# exchange's limits, whatever fails; and what tsdb-load makes of them and of the
# records that have no table.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/postgres.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 200ms "$@" \
		>"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# asked_for METHOD: how often, by the server's count.
asked_for()
{
	kill -USR1 "$REPLAY_PID"
	wait_for '[ "$(grep -c "requests," "$tmp/replay.err")" -gt '"$asked"' ]' 10
	asked=$(grep -c "requests," "$tmp/replay.err")
	sed -n "\$s/.*public\\/$1 \\([0-9]*\\).*/\\1/p" "$tmp/replay.err"
}

limited()
{
	sed -n '$s/.* \([0-9]*\) calls limited.*/\1/p' "$tmp/replay.err"
}

# rounds N: each of 12 instruments has N books or more.
rounds()
{
	[ "$(jq -r 'select(.type == "book").instrument_name' "$tmp/out" |
		sort | uniq -c | awk -v n="$1" '$1 >= n' | wc -l)" -eq 12 ]
}

# ------------------------------------------------------------- the usual run
start_replay --synthetic 7 --rate 300
asked=0
start_stream ETH --top 12 --channels book --depth 10 --depth-interval 1s
wait_for 'rounds 3' 30
ok $? 'each instrument of the chain, again and again'
stop_pid "$STREAM_PID"
is "$(jq -r 'select(.type == "book").instrument_name' "$tmp/out" | sort |
	uniq -c | awk 'NR == 1 { low = high = $1 }
	{ if ($1 < low) low = $1; if ($1 > high) high = $1 }
	END { print high - low <= 1 }')" 1 'by turns: none more often than another'
jq -es 'map(select(.type == "book")) | all(.kind == "option" and
	.currency == "ETH" and (.instrument_name | startswith("ETH-")) and
	.received_at > 1500000000000000 and (.bids | type) == "array" and
	(.asks | type) == "array" and (.bids | length) <= 10 and
	(.bids + .asks | all(length == 2)) and .change_id > 0 and
	has("delta") and has("stats_volume") and (has("greeks") | not) and
	(has("stats") | not))' "$tmp/out" >"$tmp/jq"
ok $? 'with --depth levels, greeks and statistics as members'
jq -es 'map(select(.type == "book") | select(.bids == [])) |
	all(.best_bid_price == null and .best_bid_amount == null)' \
	"$tmp/out" >"$tmp/jq"
ok $? 'an empty side is null'
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'no gap'
asked_for get_order_book >"$tmp/calls"
is "$(limited)" 0 'no call was refused'
stop_replay

# ----------------------------------------------------- a chain that is large
start_replay --synthetic 7 --rate 100
asked=0
began=$(date +%s)
start_stream ETH --channels book --depth-interval 1s
wait_for '[ "$(wc -l <"$tmp/out")" -ge 50 ]' 30
calls=$(asked_for get_order_book)
took=$(($(date +%s) - began + 1))
stop_pid "$STREAM_PID"
[ "$calls" -ge 50 ] && [ "$calls" -le $((10 * took + 10)) ]
ok $? "at most 10 calls a second: $calls in $took s"
is "$(limited)" 0 'and none is refused'
is "$(jq -r 'select(.type == "book").instrument_name' "$tmp/out" | sort |
	uniq -d | wc -l)" 0 'none twice in a round'
stop_replay
# Five instruments and an interval of 100 ms: a round takes longer.
start_replay --synthetic 7 --rate 100
start_stream ETH --top 5 --channels book --depth-interval 100ms
wait_for 'grep -q "5 order books at 10 calls a second take 0.5 s, more" \
	"$tmp/err"' 30
ok $? 'an interval that is too short is said'
stop_pid "$STREAM_PID"
stop_replay

# ------------------------------------------------------------- what fails
start_replay --synthetic 7 --rate 100 --fault page-error:rate=0.3 \
	--fault page-lost:rate=0.02 --fault cut:every=2
start_stream ETH --top 12 --channels book --depth-interval 1s \
	--reply-timeout 1s
wait_for 'rounds 4' 60
ok $? 'errors, lost replies, cuts: they are asked again'
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'what is asked for has no gap'
stop_replay

# ------------------------------------------------------------- the database
database && apply_schema >"$tmp/schema"
start_replay --synthetic 7 --rate 300 --list-every 0.5
deribit-ws-stream ETH BTC --top 6 --channels book --depth 5 \
	--depth-interval 1s --duration 6s 2>"$tmp/err" |
	tee "$tmp/out" | tsdb-load >"$tmp/load" 2>&1
is "$? $(grep -vc 'has no column: passed by$' "$tmp/load")" '0 0' \
	'into the database, and nothing to complain of'
for currency in eth btc; do
	is "$(sql "SELECT count(*) FROM ${currency}_option_orderbook_depth")" \
		"$(grep -c "\"type\":\"book\".*\"currency\":\"$(echo $currency |
			tr '[:lower:]' '[:upper:]')\"" "$tmp/out")" \
		"every book of $currency has its row"
done
# The levels of one, as they were sent, and in the table.
line=$(jq -c 'select(.type == "book" and .currency == "ETH" and
	(.bids | length) > 1 and (.asks | length) > 0)' "$tmp/out" | head -1)
name=$(echo "$line" | jq -r .instrument_name)
at=$(echo "$line" | jq -r .received_at)
is "$(sql "SELECT bids[1][1] || ' ' || bids[1][2] || ' ' || bids[2][1] || ' ' ||
	asks[1][1] || ' ' || array_length(bids, 1) || ' ' ||
	array_length(asks, 1) FROM eth_option_orderbook_depth
	WHERE instrument_name = '$name' AND
	received_at = to_timestamp($at / 1000000) + $at % 1000000 * interval '1 microsecond'")" \
	"$(echo "$line" | jq -r '"\(.bids[0][0]) \(.bids[0][1]) \(.bids[1][0]) \(
	.asks[0][0]) \(.bids | length) \(.asks | length)"')" \
	'its levels are the array that was sent'

# Whether there is a record of each of these types.
has_types()
{
	for type in "$@"; do
		grep -q "\"type\":\"$type\"" "$tmp/out" || return 1
	done
}

mkfifo "$tmp/records"
: >"$tmp/err"
deribit-ws-stream ETH --book incremental \
	--channels book,states,instruments,ticker,platform,index \
	>"$tmp/records" 2>"$tmp/err" &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
: >"$tmp/out"
{
	tee "$tmp/out" <"$tmp/records" | tsdb-load >"$tmp/load" 2>&1
	echo $? >"$tmp/status"
} &
loader=$!
wait_for 'has_types book_change instrument_state platform_state index ticker' 90
stop_pid "$STREAM_PID"
wait "$loader"
is "$(cat "$tmp/status")" 0 'records without a table are no error'
for type in book_change instrument_state platform_state index; do
	grep -q "\"type\":\"$type\"" "$tmp/out" &&
		[ "$(grep -c "$type" "$tmp/load")" -eq 1 ]
	ok $? "$type: passed by, and said once"
done
grep -q '"type":"ticker"' "$tmp/out" &&
	[ "$(grep -c "ticker" "$tmp/load")" -eq 1 ]
ok $? 'ticker likewise'
unlike "$(cat "$tmp/load")" 'error|reject' 'nothing is rejected'
listed=$(jq -r 'select(.type == "instrument").instrument_name' "$tmp/out" |
	sort -u)
[ -n "$listed" ] && is "$(sql "SELECT instrument_name FROM instruments
	WHERE instrument_name = ANY(regexp_split_to_array('$listed', E'\\n'))
	ORDER BY instrument_name COLLATE \"C\"")" "$listed" \
	'what instrument.creation tells is in the table of instruments'
stop_replay

done_testing
