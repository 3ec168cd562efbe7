#!/bin/sh
# Trades and quotes whose names, numbers and times are none, or beyond all bounds:
# they harm nothing, neither now nor in the next run.
# shellcheck disable=SC2016,SC2034 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# told CHANNEL DATA
told()
{
	printf '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"%s","data":%s}}\n' \
		"$1" "$2"
}

# trade NAME SEQ TIMESTAMP, as JSON
trade()
{
	printf '{"instrument_name":%s,"trade_seq":%s,"timestamp":%s,"trade_id":"1","price":1.0,"amount":1.0,"direction":"buy"}' \
		"$1" "$2" "$3"
}

now=$(date +%s)000
cat >"$tmp/names" <<END
""
"/"
"../../etc/passwd"
"BTC-1JAN37-1000-C/../x"
"BTC-1JAN37-1000-C\\n{\\"end\\":true}"
"BTC-1JAN37-1000-C\\u001b[2J"
"BTC-1JAN37-1000-C\\",\\"count\\":1"
"ÄÖ-🂡"
"%s%n%n"
null
17
[]
{"a":1}
END
cat >"$tmp/seqs" <<'END'
0
-1
-9223372036854775808
9007199254740993
9223372036854775807
9223372036854775808
99999999999999999999999999
1.5
1e3
"7"
null
[]
END
cat >"$tmp/times" <<'END'
0
-1
1
253402300800000
9223372036854775807
9223372036854775808
1e300
1.5
"now"
null
{}
END
{
	while read -r name; do
		for c in trades.option.BTC.100ms trades.BTC-PERPETUAL.100ms; do
			told "$c" "[$(trade "$name" 5 "$now")]"
			told "$c" "[$(trade "$name" 9 "$now")]"
		done
		told quote.BTC-PERPETUAL \
			"{\"instrument_name\":$name,\"timestamp\":$now,\"best_bid_price\":1}"
	done <"$tmp/names"
	n=0
	while read -r seq; do
		n=$((n + 1))
		for c in trades.option.BTC.100ms trades.BTC-PERPETUAL.100ms; do
			told "$c" "[$(trade '"BTC-PERPETUAL"' "$seq" "$now"),$(
				trade "\"BTC-2JAN37-$n-C\"" "$seq" "$now"),$(
				trade "\"BTC-2JAN37-$n-C\"" 3 "$now")]"
		done
	done <"$tmp/seqs"
	n=0
	while read -r time; do
		n=$((n + 1))
		for c in trades.option.BTC.100ms trades.BTC-PERPETUAL.100ms; do
			told "$c" "[$(trade "\"BTC-3JAN37-$n-C\"" 1 "$time"),$(
				trade "\"BTC-3JAN37-$n-C\"" 4 "$time")]"
		done
		told quote.BTC-PERPETUAL "{\"instrument_name\":\"BTC-PERPETUAL\",\"timestamp\":$time,\"best_bid_price\":1}"
	done <"$tmp/times"
	told trades.option.BTC.100ms "[$(trade '"BTC-4JAN37-1-C"' 1 "$now")]"
	told quote.BTC-PERPETUAL "{\"instrument_name\":\"BTC-PERPETUAL\",\"timestamp\":$now,\"best_bid_price\":4711}"
} >"$tmp/frames"
start_replay --frames "$tmp/frames"
for run in 1 2; do
	: >"$tmp/err"
	deribit-ws-stream --state "$tmp/state" --state-interval 50ms \
		--repair-timeout 1s --metrics "$tmp/metrics" --linger 0 \
		--channels trades.option.BTC.100ms,quotes,trades \
		-i BTC-PERPETUAL >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	at_exit "stop_pid $pid"
	wait_for 'grep -q 4711 "$tmp/out"' 20
	ok $? "run $run: it goes on to the last"
	wait_for 'grep -q "^deribit_ws_stream_holes_open 0$" "$tmp/metrics" ||
		! kill -USR1 $pid' 30
	ok $? 'no hole stays for ever' || tap_comment "$(tail -n 2 "$tmp/err")"
	kill "$pid"
	wait_for "! tap_alive $pid" 20
	wait "$pid"
	is "$? $(grep -c error: "$tmp/err")" '0 0' 'and ends well' ||
		tap_comment "$(tail -n 30 "$tmp/err")"
	jq -e . "$tmp/out" >"$tmp/jq" 2>&1
	ok $? 'each line is JSON' || tap_comment "$(tail -n 3 "$tmp/jq")"
	is "$(jq -r 'select(.type == "gap" and .from_seq != null) |
		select(.from_seq < 1 or .to_seq < .from_seq) | .from_seq' \
		"$tmp/out")" '' 'no hole is before number 1, nor ends before it begins'
	jq -e . "$tmp/state" >"$tmp/jq" 2>&1
	ok $? 'and so is each of the state' || tap_comment "$(tail -n 3 "$tmp/jq")"
	is "$(jq -r 'select(.trade_seq != null and .trade_seq < 0)' "$tmp/state")" '' \
		'whose numbers are some'
	is "$(LC_ALL=C grep -c '[[:cntrl:]]' "$tmp/err")" 0 \
		'no control character is said'
done
stop_replay

# One that is longer than any can be.
told quote.BTC-PERPETUAL \
	"{\"instrument_name\":\"$(printf '%05000d' 7)\"}" >"$tmp/frames"
start_replay --frames "$tmp/frames"
: >"$tmp/err"
deribit-ws-stream --channels quotes -i BTC-PERPETUAL --retry-delay 10ms \
	>"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for 'grep -q "an instrument.s name is too long; retry in" "$tmp/err"' 20
ok $? 'a name that is too long costs the connection, which is said'
stop_pid "$pid"
stop_replay

done_testing
