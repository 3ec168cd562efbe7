#!/bin/sh
# deribit-ws-stream in the corners: what a hole's record says when the usual
# signs are missing, and what it is started with and without.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

at_exit stop_peer

# In the background; its stderr is $tmp/err.
start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 1s "$@" \
		2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# ------------------------------------------------- when trade_seq was skipped
trade()
{
	printf '%s%s%s%s%s\n' '{"jsonrpc":"2.0","method":"subscription",' \
		'"params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[' \
		"{\"trade_seq\":$1,\"timestamp\":$2," \
		'"instrument_name":"BTC-PERPETUAL"}' ']}}'
}
today=$(date +%s)
{
	trade 1 "${today}000"
	trade 5 "$((today + 1))000"
} >"$tmp/frames"
start_replay --frames "$tmp/frames" --speed 1
run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 3 \
	--repair-timeout 500ms
is "$status" 0 'two trades and the gap between them'
jq -es '(map(select(.type == "trade").received_at / 1000 | floor)) as $at |
	map(select(.type == "gap")) | length == 1 and (.[0] | .from_seq == 2 and .to_seq == 4 and
	.from > 1500000000000 and .from <= $at[0] and
	.to > $at[0] and .to <= $at[1])' "$tmp/out" >"$tmp/jq"
ok $? 'a sequence gap lasts from the trade before it to the one after'
stop_replay

# -------------------------------------------------- a message newest first
{
	trade 3 1000 | sed 's/}]}}$/},{"trade_seq":2,"timestamp":1000,"instrument_name":"BTC-PERPETUAL"},{"trade_seq":1,"timestamp":1000,"instrument_name":"BTC-PERPETUAL"}]}}/'
	trade 5 1001
	trade 4 1001
} >"$tmp/frames"
start_replay --frames "$tmp/frames"
run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 5 \
	--repair-timeout 2s
is "$(jq -c 'if .type == "trade" then .trade_seq else .type end' "$tmp/out" |
	tr '\n' ' ')" '1 2 3 4 5 ' 'a message newest first: oldest first, no gap'
stop_replay

# ------------------------------------------ data before their channel's answer
start_peer early-cut 1
start_stream --url "$PEER_URL" --cacert "$PEER_CACERT" --channels quotes \
	--instrument ETH-27MAR26-3000-C --instrument ETH-27MAR26-4000-C \
	>"$tmp/out"
wait_for 'grep -q "^event 2 subscribed" "$tmp/peer.out" &&
	[ "$(grep -c quote "$tmp/out")" -ge 3 ]'
ok $? 'a cut before the answer to subscribe: connects again'
stop_pid "$STREAM_PID"
stop_peer
is "$(jq -r 'select(.type == "gap") | .reason + " " + .channel' "$tmp/out")" \
	'disconnect quote.ETH-27MAR26-3000-C' \
	'the channel whose data had come has its gap, the other had not begun'

# ------------------------------------------------ no answer, half a message
# again BEHAVIOUR SENTENCE: the first connection meets it, the second is good.
again()
{
	start_peer "$1" 1
	start_stream --url "$PEER_URL" --cacert "$PEER_CACERT" \
		--channels quotes --reply-timeout 2s \
		--instrument ETH-27MAR26-3000-C >"$tmp/out"
	wait_for 'grep -q "^event 2 subscribed" "$tmp/peer.out" &&
		grep -q "\"type\":\"quote\"" "$tmp/out"'
	ok $? "$1: connects again, and records"
	stop_pid "$STREAM_PID"
	stop_peer
	like "$(cat "$tmp/err")" "localhost:[0-9]+: $2; retry in" "$1: says why"
}
again no-answer 'no answer to subscribe'
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'nothing had begun: no gap'
again fragment-cut 'connection lost: the server hung up'
# Of the second connection as many quotes as came before it was stopped.
is "$(grep -c '"type":"gap"' "$tmp/out") $(jq -r '.type + " " + .instrument_name' \
	"$tmp/out" | sort -u | tr '\n' ';')" \
	'1 gap ETH-27MAR26-3000-C;quote ETH-27MAR26-3000-C;' \
	'of half a message nothing is written'

trade 1 1000 | sed 's/"BTC-PERPETUAL"/"\\u0000"/' >"$tmp/frames"
start_replay --frames "$tmp/frames"
start_stream --instrument BTC-PERPETUAL >"$tmp/out"
wait_for 'grep -q "retry in" "$tmp/err"'
like "$(cat "$tmp/err")" 'localhost:[0-9]+: a name in a message holds a NUL; ' \
	'an instrument that no name can be'
stop_pid "$STREAM_PID"
stop_replay

# ------------------------------------------------------- a market that is slow
start_replay --synthetic 7 --rate 3
run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 2
is "$status" 0 'three messages a second: they come'
stop_replay

start_replay --synthetic 7 --rate 0
mkfifo "$tmp/fifo"
cat "$tmp/fifo" >"$tmp/out" &
reader=$!
at_exit "stop_pid $reader"
start_stream --instrument BTC-PERPETUAL >"$tmp/fifo"
wait_for 'grep -q subscribed "$tmp/err"'
kill "$reader"
wait_for '! tap_alive $STREAM_PID' 20
ok $? 'a reader that leaves ends it though nothing is there to write'
wait "$STREAM_PID"
is "$? $(grep -vc ': info: ' "$tmp/err")" '141 0' 'as SIGPIPE would, quietly'
stop_replay

# --------------------------------------------------- standard descriptors, words
start_replay --synthetic 7 --rate 1000
run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 300 \
	<&-
is "$status" 0 'without standard input'
deribit-ws-stream ETH --top 5 --count 300 <&- 2>&- >"$tmp/out"
is "$? $(jq -c . "$tmp/out" | wc -l)" '0 300' \
	'what it would say goes into no socket and no pipe of its own'
for tool in deribit-ws-stream deribit-instruments; do
	"$tool" ETH --no-cache >&- 2>"$tmp/err"
	is $? 74 "$tool without standard output: 74"
	is "$(cat "$tmp/err")" \
		"$tool: error: standard output: Bad file descriptor" \
		'and a sentence'
done
deribit-ws-stream ETH >/dev/full 2>"$tmp/err"
is $? 74 'a full disk: 74'
like "$(cat "$tmp/err")" 'error: standard output: No space left' 'and a sentence'

long=$(printf 'BTC,%.0s' $(seq 64))
CURRENCY=$long run timeout 60 deribit-ws-stream --count 1
is "$status" 64 'CURRENCY beyond what is held: 64'
like "$(cat "$tmp/err")" 'CURRENCY is longer than 255 characters' \
	'and not a currency cut in two'

# ----------------------------------------------------------------- the proxy
HTTPS_PROXY=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 \
	run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 1
is "$status" 0 "the environment's proxy is not asked for loopback"
run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 1 \
	--proxy nosuch://127.0.0.1:1
is "$status" 78 'a proxy of no known kind: 78'
like "$(cat "$tmp/err")" \
	"error: localhost:[0-9]+: Unsupported proxy scheme for 'nosuch://127.0.0.1:1'$" \
	'and a sentence'
start_stream --instrument BTC-PERPETUAL --proxy http://127.0.0.1:1
wait_for 'grep -q "retry in" "$tmp/err"'
like "$(cat "$tmp/err")" 'cannot connect: .*127\.0\.0\.1 port 1 .*; retry in' \
	'a proxy that is away is named'
stop_pid "$STREAM_PID"
stop_replay

done_testing
