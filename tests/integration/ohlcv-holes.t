#!/bin/sh
# deribit-ohlcv and an exchange that lacks candles, is out of order, or late;
# gap records as input; and each way in which it ends.
# shellcheck disable=SC2086,SC2119 # words; no arguments
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status, peer, err: tap.sh and others
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/http-peer.sh"
. "$srcdir/tests/sh/candles.sh"

noon=1793534400000 # 2026-11-01T12:00:00Z

# chart MINUTE...: of noon, as a result.
chart()
{
	printf '%s\n' "$@" | jq -cs --argjson noon "$noon" '
	    {status: (if . == [] then "no_data" else "ok" end),
	    ticks: map($noon + . * 60000), open: map(. + 0.5), high: ., low: .,
	    close: ., volume: map(0), cost: map(0)}'
}

# script NUMBER MINUTE...: what the request of that number is answered.
script()
{
	number=$1
	shift
	chart "$@" | result "$number"
}

# peer_begin CREATION: a peer, and the answers that come before charts.
peer_begin()
{
	start_peer
	echo 1795604400000 | result 1
	echo "{\"instrument_name\":\"BTC-PERPETUAL\",\"creation_timestamp\":$1,
	    \"expiration_timestamp\":32503708800000}" | result 2
}

# five ARGUMENT...: the minutes from 12:00 to 12:05.
five()
{
	ohlcv --parallel 1 --retry 0 --max-time 5 --since "$noon" \
		--until 2026-11-01T12:05:00Z "$@" BTC-PERPETUAL
}

minutes()
{
	jq -c "select(.type == \"candle\") | (.tick - $noon) / 60000" \
		"$tmp/out" | tr '\n' ' '
}

# --- holes

peer_begin 1500000000000
script 3 0 1 3 4
script 4 1 3
script 5 1 3
script 6 1 3
five --state "$tmp/state"
is "$status, $(minutes), $(requests)" '0, 0 1 3 4 , 6' \
	'a hole is asked for three times more'
is "$(sed -n 4p "$peer/requests" | sed 's/.*start_/start_/; s/ .*//')" \
	"start_timestamp=$((noon + 60000))&end_timestamp=$((noon + 239999))&resolution=1" \
	'with the candles beside it'
is "$(jq -c 'select(.type == "gap") | del(.received_at)' "$tmp/out")" \
	"{\"type\":\"gap\",\"kind\":\"perpetual\",\"currency\":\"BTC\",\
\"instrument_name\":\"BTC-PERPETUAL\",\"channel\":\"chart.trades.BTC-PERPETUAL.1\",\
\"from\":$((noon + 120000)),\"to\":$((noon + 179999)),\"from_seq\":null,\
\"to_seq\":null,\"reason\":\"sequence\",\"repaired\":false}" 'and is a gap record then'
like "$err" 'warning: BTC-PERPETUAL has no candles from 2026-11-01T12:02' \
	'said in a sentence'
cp "$tmp/out" "$tmp/holed"
peer_begin 1500000000000
five --state "$tmp/state"
is "$status, $(wc -c <"$tmp/out" | tr -d ' '), $(requests)" '0, 0, 2' \
	'with a state it is told once'

peer_begin 1500000000000
script 3 0 1 3 4
script 4 1 2 3
five
is "$status, $(jq -c .type "$tmp/out" | sort -u), $(minutes)" \
	'0, "candle", 0 1 3 4 2 ' 'what comes when asked again closes it'
peer_begin 1500000000000
script 3 2 3 4
script 4 1 2
script 5 0 1
five
is "$status, $(jq -c .type "$tmp/out" | sort -u), $(minutes)" \
	'0, "candle", 2 3 4 1 0 ' 'so at the begin, piece by piece'

# --- nothing

peer_begin 1500000000000
script 3 3 4
script 4 3
script 5 3
script 6 3
five -v
is "$status, $(jq -c .type "$tmp/out" | sort -u), $(requests)" \
	'0, "candle", 6' 'nothing before the first candle: no gap'
like "$err" 'no data for 3 candles' 'but said with -v'
peer_begin "$((noon + 120000))"
script 3 2 3 4
five
is "$status, $(minutes), $(requests)" '0, 2 3 4 , 3' \
	'what was before the listing is not asked for'
start_peer
echo 1795604400000 | result 1
echo '{"error":{"code":-32602,"message":"Invalid params"}}' |
	reply 2 400 application/json
script 3
five -v
is "$status, $(wc -c <"$tmp/out" | tr -d ' '), $(requests)" '0, 0, 3' \
	'no_data of an instrument that is unknown by now: once'
like "$err" 'no data for 5 candles' 'said with -v'

# --- out of order

peer_begin 1500000000000
script 3 0 1 3 2 4
script 4 0 1 1 3 4
chart 0 1 2 3 4 | sed 's/"volume":\[0,/"volume":[/' | result 5
chart 0 1 2 3 4 | sed 's/"ticks":\[17/"ticks":[1/' | result 6
chart 0 1 2 3 4 | sed "s/$noon/$((noon + 1))/" | result 7
echo '{"status":"ok"}' | result 8
script 9 0 1 2 3 4
five
is "$status, $(minutes), $(requests)" '0, 0 1 2 3 4 , 9' \
	'six replies that are no row of candles are asked for again'
start_peer
for i in 3 4 5 6 7 8 9 10; do
	script "$i" 0 1 3 2 4
done
echo 1795604400000 | result 1
echo '{}' | result 2
five
is "$status, $(wc -c <"$tmp/out" | tr -d ' ')" '76, 0' 'for ever: 76'
like "$err" 'is not to be had: its candles are not in order' 'and said'

# --- late

peer_begin 1500000000000
for i in 3 4 5 6; do
	script "$i"
done
ohlcv --parallel 1 --since -3m BTC-PERPETUAL
is "$status, $(wc -c <"$tmp/out" | tr -d ' ')" '0, 0' 'what is recent is late'
like "$err" 'warning: [23] candles are not there yet$' 'which is said'

# --- numbers stay as they were sent

peer_begin 1500000000000
printf '{"volume":[1.0,2e-7,9007199254740993,0.0,1],"ticks":[%s,%s,%s,%s,%s],
"status":"ok","open":[1,2,3,4,5],"high":[1.10,2,3,4,5],"low":[1,2,3,4,5],
"close":[1,2,3,4,6.4e4],"cost":[0,1,2,3,4],"more":[null,2,"x",{"y":1.0},5]}' \
	"$noon" $((noon + 60000)) $((noon + 120000)) $((noon + 180000)) \
	$((noon + 240000)) | result 3
five
is "$(sed -n '1s/.*"tick"/"tick"/p; 3s/.*"tick"/"tick"/p; 5s/.*"tick"/"tick"/p' \
	"$tmp/out")" \
	"\"tick\":$noon,\"open\":1,\"high\":1.10,\"low\":1,\"close\":1,\
\"volume\":1.0,\"cost\":0,\"more\":null}
\"tick\":$((noon + 120000)),\"open\":3,\"high\":3,\"low\":3,\"close\":3,\
\"volume\":9007199254740993,\"cost\":2,\"more\":\"x\"}
\"tick\":$((noon + 240000)),\"open\":5,\"high\":5,\"low\":5,\"close\":6.4e4,\
\"volume\":1,\"cost\":4,\"more\":5}" 'each number as it was sent'

# --- gap records

now=2026-11-25T10:30:10Z
exchange
cat >"$tmp/gaps" <<END
{"type":"quote","instrument_name":"BTC-PERPETUAL"}
{"type":"gap","kind":"perpetual","currency":"BTC","instrument_name":"BTC-PERPETUAL","channel":"chart.trades.BTC-PERPETUAL.1","from":1795132830000,"to":1795132890000,"reason":"disconnect","repaired":false}
{"type":"gap","kind":"perpetual","currency":"ETH","instrument_name":"ETH-PERPETUAL","channel":"quote.ETH-PERPETUAL","from":1795132830000,"to":1795132890000,"reason":"disconnect","repaired":false}
{"type":"gap","kind":"perpetual","currency":"SOL","instrument_name":"SOL_USDC-PERPETUAL","channel":"chart.trades.SOL_USDC-PERPETUAL.1","from":1795132800000,"to":1795132800000,"reason":"stall","repaired":false}
{"type":"gap","kind":"perpetual","currency":"SOL","instrument_name":"SOL_USDC-PERPETUAL","channel":"chart.trades.SOL_USDC-PERPETUAL.1","from":1795132920000,"to":1795132979999,"reason":"sequence","repaired":false}
END
ohlcv --ranges - <"$tmp/gaps"
is "$status" 0 '--ranges -'
rows "$tmp/out" >"$tmp/got"
{
	truth 1 1795132800000 1795132889000 BTC-PERPETUAL
	truth 1 1795132800000 1795132800000 SOL_USDC-PERPETUAL
	truth 1 1795132920000 1795132920000 SOL_USDC-PERPETUAL
} >"$tmp/want"
same 'the candles that lie in the gaps, and no other'
timeout 60 deribit-ohlcv --ranges - <"$tmp/holed" >"$tmp/out" 2>"$tmp/err"
is "$?, $(jq .tick "$tmp/out")" "0, $((noon + 120000))" \
	'its own gap record asks for what is missing'
printf '{"type":"gap","channel":"chart.trades.X.1"}\nx\n' >>"$tmp/gaps"
ohlcv --ranges - <"$tmp/gaps"
is "$status, $(wc -l <"$tmp/out" | tr -d ' ')" '65, 4' 'bad lines: 65'
like "$err" 'line 6 is passed by' 'and said'

# --- ways to end

# ends STATUS SENTENCE ARGUMENT...
ends()
{
	want=$1
	sentence=$2
	shift 2
	ohlcv "$@" </dev/null
	is "$status, $(wc -c <"$tmp/out" | tr -d ' ')" "$want, 0" "$want: $*"
	like "$err" "$sentence" 'said in a sentence'
}

ends 64 'which CURRENCY or INSTRUMENT'
ends 64 "'x-y' is neither a currency nor an instrument" x-y
ends 64 'knows no currency DOGE' DOGE
ends 64 'did you mean --state' --stade x BTC
ends 64 "no '2'" -r 2 BTC
ends 64 "no 'bond'" -k bond BTC
ends 64 '--until is not after' --since -1h --until -2h BTC
ends 64 'follow has no end' --follow --until now BTC
ends 64 'since: ' --since yesterday BTC
ends 64 'gap records come on standard input' --ranges x
ends 64 'BTC: --ranges goes without CURRENCY' --ranges - BTC
ends 64 'the gaps have their times' --ranges - --since -1h
ends 64 'the gaps have their times' --ranges - --follow
ends 65 'BTC-1JAN20-1-C from .* is not to be had' BTC-1JAN20-1-C
ends 69 '127.0.0.1:1: ' --url http://127.0.0.1:1/api/v2 --retry 0 BTC
echo '{"state":"deribit-funding"}' >"$tmp/foreign"
ends 78 'foreign is no state of deribit-ohlcv' --state "$tmp/foreign" BTC
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
exec 9>"$tmp/fifo"
exec 8>&-
deribit-ohlcv BTC >&9 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" '141: ' 'a reader that left: as SIGPIPE would'
exec 9>&-
ohlcv --version
like "$(cat "$tmp/out")" 'libcurl' '--version names the libraries'
# Without what needs a database, or has no end.
cd "$tmp" || exit 1
sed -n 's/^\.Dl //p' "$srcdir/man/deribit-ohlcv.1" |
	sed 's/ . tsdb-load .*//' >"$tmp/examples"
while IFS= read -r example; do
	case $example in *--follow*) continue ;; esac
	run sh -c "$example"
	is "$status" 0 "runs: $example"
done <"$tmp/examples"
is "$(wc -l <"$tmp/examples" | tr -d ' ')" 3 'examples of the manual'

start_peer
echo 1795604400000 | result get_time
deribit-ohlcv --state "$tmp/used" BTC-PERPETUAL >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(requests)" = 2 ]'
timeout 60 deribit-ohlcv --state "$tmp/used" BTC-PERPETUAL 2>"$tmp/err2"
is $? 75 'a state that is in use'
kill -INT "$pid"
wait "$pid"
is $? 75 'stopped: 75'
like "$(cat "$tmp/err")" 'stopped; the same command goes on' 'and how to go on'

done_testing
