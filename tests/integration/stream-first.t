#!/bin/sh
# The first trades of instruments, when the exchange does not say what came
# before them: what is missing since the channel was confirmed is told.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# untold CONFIRMED: trades of the ledger from after that (ms), of instruments of
# which later ones are in the output, that are neither there nor in a gap record.
untold()
{
	jq -rs --argjson from "$1" --slurpfile out "$tmp/whole.out" '
		($out | map(select(.type == "trade"))) as $got |
		($got | map({key: "\(.instrument_name) \(.trade_seq)", value: 1}) |
			from_entries) as $there |
		(reduce $got[] as $t ({};
			.[$t.instrument_name] = $t.trade_seq)) as $last |
		($out | map(select(.type == "gap")) |
			group_by(.instrument_name) |
			map({key: (.[0].instrument_name // ""), value: .}) |
			from_entries) as $gaps |
		.[] | . as $t | select(.timestamp > $from and
			.trade_seq < ($last[.instrument_name] // 0)) |
		"\(.instrument_name) \(.trade_seq)" as $key |
		select($there[$key] | not) |
		select([$gaps[$t.instrument_name], $gaps[""]] | map(. // []) | add |
			any(.from <= $t.timestamp and $t.timestamp <= .to and
				(.from_seq == null or (.from_seq <= $t.trade_seq and
				$t.trade_seq <= .to_seq))) | not) |
		"\($key) \(.timestamp)"' "$tmp/whole.ledger"
}

# read_ledger CHANNEL NAMES: for untold; $confirmed.
read_ledger()
{
	confirmed=$(grep "\"result\":\\[\"trades.$1.100ms" "$tmp/truth" |
		head -1 | sed 's/.*"sent_at":\([0-9]*\)[0-9]\{3\},.*/\1/')
	sed -n '/}$/p' "$tmp/out" >"$tmp/whole.out"
	grep "^{.*$2.*}\$" "$tmp/ledger" >"$tmp/whole.ledger"
}

start_replay --synthetic 98 --rate 60 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --fault drop:rate=0.2,class=trades. \
	--fault page-lost:rate=1
deribit-ws-stream ETH --channels trades --no-cache --reply-timeout 500ms \
	--repair-timeout 2s --state "$tmp/state" >"$tmp/out" 2>"$tmp/err" &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
wait_for '[ "$(grep -c "\"type\":\"gap\"" "$tmp/out")" -ge 100 ]' 60
ok $? 'first trades are written in the end, and what may be missing is told'
stop_pid "$STREAM_PID"
stop_replay
read_ledger option.ETH '"ETH-'
is "$(untold $((confirmed + 50)))" '' 'no trade is missing untold'
jq -es 'map(select(.type == "gap")) |
	all(.from > 1000000000000 and .from <= .to)' "$tmp/out" >"$tmp/jq"
ok $? 'from some time to a later one'

# ------------------------------------ stopped before anything could be found out
start_replay --synthetic 98 --rate 60 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --fault drop:rate=0.2,class=trades. \
	--fault page-lost:rate=1
: >"$tmp/err"
deribit-ws-stream ETH --channels trades --no-cache >"$tmp/out" 2>"$tmp/err" &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
wait_for 'grep -q subscribed "$tmp/err"'
wait_for 'kill -USR1 "$STREAM_PID"
	grep -q "and [3-9][0-9][0-9] messages received" "$tmp/err"' 60
ok $? 'some messages have come'
stop_pid "$STREAM_PID"
stop_replay
read_ledger option.ETH '"ETH-'
[ "$(grep -c '"type":"trade"' "$tmp/out")" -ge 50 ]
ok $? 'at the end they are'
is "$(untold $((confirmed + 50)))" '' 'and what may be missing is told'

# ------------------------------------- no search by time: each by its numbers
start_replay --synthetic 98 --rate 5 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --fault drop:rate=0.2,class=trades.
: >"$tmp/err"
deribit-ws-stream --channels trades.any.any.100ms -v >"$tmp/out" \
	2>"$tmp/err" &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
wait_for '[ "$(grep -c "whole again" "$tmp/err")" -ge 30 ]' 60
ok $? 'where markets cannot be searched, instruments are asked for by number'
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'and nothing is missing'
stop_pid "$STREAM_PID"
stop_replay
read_ledger any.any instrument_name
is "$(untold $((confirmed + 50)))" '' 'no trade is missing untold'

done_testing
