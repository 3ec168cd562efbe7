#!/bin/sh
# deribit-ws-stream against deribit-replay: what it writes is what was sent.
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# In the background; its stderr is $tmp/err.
start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 200ms --retry-max-delay 200ms "$@" \
		2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# Its exit status in $status.
end_stream()
{
	kill "$STREAM_PID"
	wait "$STREAM_PID"
	status=$?
}

count_in()
{
	grep -c -- "$1" "$2"
}

said()
{
	grep -q -- "$1" "$tmp/err"
}

# Each line of a file is a JSON object.
valid()
{
	[ -s "$1" ] && jq -es 'all(type == "object")' "$1" >"$tmp/jq" 2>&1
}

# The data of truth's quotes or trades, an empty side as null; sorted.
sent()
{
	grep -F "\"channel\":\"$1." "$tmp/truth" |
		jq -cS '.message.params.data | if type == "array" then .[]
		    else . end | def none: . == null or . == 0;
		    if has("best_bid_price") then
		      if (.best_bid_price | none) and (.best_bid_amount | none)
		      then .best_bid_price = null | .best_bid_amount = null
		      else . end |
		      if (.best_ask_price | none) and (.best_ask_amount | none)
		      then .best_ask_price = null | .best_ask_amount = null
		      else . end
		    else . end' | sort
}

written()
{
	grep -F "{\"type\":\"$1\"," "$tmp/out" |
		jq -cS 'del(.type, .kind, .currency, .received_at, .repaired)' | sort
}

lines_sent()
{
	grep -c '"message":.*"method":"subscription"' "$tmp/truth"
}

# All of a market without mixed trades messages: a line each.
all_written()
{
	[ "$(count_in '"type":"quote"' "$tmp/out")" = \
		"$(grep -c '"channel":"quote\.' "$tmp/truth")" ] &&
		[ "$(count_in '"type":"trade"' "$tmp/out")" -gt 0 ]
}

# ------------------------------------------------------------ the usual run
start_replay --synthetic 7 --rate 1000

run deribit-ws-stream --instrument BTC-PERPETUAL --count 4
is "$status" 0 '--count ends it with 0'
is "$(wc -l <"$tmp/out")" 4 'after that many records'
valid "$tmp/out"
ok $? 'which are JSON'
like "$(cat "$tmp/out")" \
	'^\{"type":"quote","kind":"perpetual","currency":"BTC","received_at":[0-9]{16},"timestamp"' \
	'and begin as a record does'
like "$(cat "$tmp/err")" 'successfully subscribed to 2 channels' \
	'it says what it subscribed to'

run deribit-ws-stream ETH --top 5 --count 1
like "$(cat "$tmp/err")" 'subscribed to 10 channels' \
	'--top: quotes and trades of each'
run deribit-ws-stream SOL --top 3 --channels quotes --count 3
like "$(cat "$tmp/out")" '"currency":"SOL".*"instrument_name":"SOL_USDC-' \
	'SOL has options settled in USDC'
like "$(cat "$tmp/err")" 'subscribed to 3 channels' '--channels quotes'
CURRENCY='ETH,BTC' TOP_N_INSTRUMENTS=2 run deribit-ws-stream --count 1
like "$(cat "$tmp/err")" 'subscribed to 8 channels' \
	'CURRENCY and TOP_N_INSTRUMENTS of the environment'

run deribit-ws-stream --instrument BTC-PERPETUAL --instrument BTC-1JAN20 \
	--count 1
is "$status" 0 'a channel that is not confirmed does not stop it'
like "$(cat "$tmp/err")" \
	'subscribed to 2 of 4 channels; missing: quote.BTC-1JAN20, trades.BTC-1JAN20.100ms$' \
	'but is named'
run deribit-ws-stream --instrument BTC-1JAN20
is "$status" 69 'none confirmed: 69'
like "$(cat "$tmp/err")" 'took none of the 2 channels: quote.BTC-1JAN20, ' \
	'and a sentence'
run deribit-ws-stream NOSUCH
is "$status" 64 'no such currency: 64'
run deribit-ws-stream
is "$status" 64 'no currency: 64'
run deribit-ws-stream --channels nosuch ETH
is "$status" 64 'no such channels: 64'

start_stream --no-cache --rest-url http://127.0.0.1:1/api/v2 ETH >"$tmp/out"
wait_for 'said "retry in"' 30
ok $? 'a REST API that is away is tried again'
end_stream
is "$status" 0 'SIGTERM then: 0'

# Each example, ended after a few records; the database is no part of this.
mkdir "$tmp/bin" "$tmp/work"
printf '#!/bin/sh\nexec "%s" --count 5 "$@"\n' \
	"$builddir/bin/deribit-ws-stream" >"$tmp/bin/deribit-ws-stream"
printf '#!/bin/sh\nexec cat\n' >"$tmp/bin/tsdb-load"
chmod +x "$tmp/bin/deribit-ws-stream" "$tmp/bin/tsdb-load"
sed -n '/^.Sh EXAMPLES/,/^.Sh SEE/s/^.Dl //p' \
	"$srcdir/man/deribit-ws-stream.1" | sed 's/\\(dq/"/g' >"$tmp/examples"
is "$(grep -c . "$tmp/examples")" 12 'the manual has examples'
while read -r example; do
	(cd "$tmp/work" && PATH=$tmp/bin:$PATH sh -c "$example") \
		</dev/null >"$tmp/out" 2>"$tmp/err"
	is "$? $(grep -c 'warning\|error' "$tmp/err")" '0 0' "$example"
done <"$tmp/examples"

{
	deribit-ws-stream ETH 2>"$tmp/err"
	echo $? >"$tmp/status"
} | head -3 >"$tmp/out"
is "$(cat "$tmp/status")" 141 '| head -3 ends it as SIGPIPE would'
is "$(wc -l <"$tmp/out")" 3 'with three lines'
is "$(grep -vc ': info: ' "$tmp/err")" 0 'quietly'

start_stream --instrument ETH-PERPETUAL >"$tmp/out"
wait_for 'said subscribed' 30
kill -USR1 "$STREAM_PID"
wait_for 'said "messages received"' 30
ok $? 'SIGUSR1 says what was done so far'
kill "$STREAM_PID"
end_stream
is "$status" 0 'SIGTERM, told twice at once as timeout(1) does: 0'
stop_replay

# ----------------------------------------------------- the truth, with cuts
start_replay --synthetic 7 --rate 2000 --count 16000 --cut-every 2.5 \
	--truth "$tmp/truth" --ledger "$tmp/ledger" --exit
start_stream ETH >"$tmp/out"
wait_for "! tap_alive $REPLAY_PID" 60
wait_for all_written 60
ok $? 'all that was sent while connected arrives'
end_stream
is "$status" 0 'SIGTERM while the exchange is away: 0'
sent quote >"$tmp/sent"
written quote >"$tmp/written"
cmp -s "$tmp/sent" "$tmp/written"
ok $? "$(wc -l <"$tmp/sent") quotes: those that were sent, each once"
jq -cS . "$tmp/ledger" | sort >"$tmp/sent"
written trade >"$tmp/written"
cmp -s "$tmp/sent" "$tmp/written"
ok $? "$(wc -l <"$tmp/sent") trades: all that were made, each once"
gaps=$(count_in '"reason":"disconnect"' "$tmp/out")
back=$(sed -n 's/.*connection [12]: successfully subscribed to \([0-9]*\) .*/\1/p' \
	"$tmp/err" | awk '{ n += $1 } END { print n + 0 }')
all=$(grep '"reason":"disconnect"' "$tmp/out" | jq -r .channel | sort -u | wc -l)
[ "$back" -ge $((2 * all)) ] && [ "$gaps" -ge "$back" ] &&
	[ "$gaps" -le $((back + all)) ]
ok $? "a gap for each channel ($all) of each cut ($back, $gaps)"
jq -es '[.[].received_at] | . == (unique)' "$tmp/out" >"$tmp/jq"
ok $? 'received_at is strictly increasing'
jq -es 'map(select(.type == "gap")) | all(.from <= .to and .channel != null
	and .kind == "option" and .currency == "ETH")' "$tmp/out" >"$tmp/jq"
ok $? 'gaps have a kind, a currency, a channel and a time'

# ------------------------------------------------------------------- stalls
start_replay --synthetic 7 --rate 100 --stall-after 1
start_stream --instrument BTC-PERPETUAL --stall-timeout 1s >"$tmp/out"
wait_for "grep -q '\"reason\":\"stall\"' '$tmp/out'" 60
ok $? 'an exchange that falls silent leaves a gap'
like "$(cat "$tmp/err")" 'no heartbeat for 1 s; retry in ' 'and a sentence'
end_stream
jq -es 'map(select(.reason == "stall") | .to - .from) | length > 0 and
	all(. >= 990)' "$tmp/out" >"$tmp/jq"
ok $? 'the gap begins with the silence, not when it was noticed'
stop_replay

# ------------------------------------------------- a reader that is too slow
start_replay --synthetic 7 --rate 20000 --count 30000 --truth "$tmp/truth"
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo"
start_stream ETH --queue-max 256K >"$tmp/fifo"
wait_for 'said "too slow"' 60
ok $? 'a full queue is said'
all_made()
{
	kill -USR1 "$REPLAY_PID"
	n=$(sed -n "s/.*[:;,] \([0-9]*\) messages made.*/\1/p" \
		"$tmp/replay.err" | tail -n 1)
	[ "${n:-0}" -ge 30000 ]
}
made()
{
	kill -USR1 "$STREAM_PID"
	[ "$(sed -n 's/.* and \([0-9]*\) messages received.*/\1/p' "$tmp/err" |
		tail -1)" = "$(lines_sent)" ]
}
wait_for all_made 60
wait_for made 60
ok $? 'the socket is read on'
cat <"$tmp/fifo" >"$tmp/out" 9<&- &
reader=$!
at_exit "stop_pid $reader"
wait_for 'said "room again"' 60
end_stream
exec 9<&-
wait "$reader"
is "$status" 0 'SIGTERM drains the queue'
valid "$tmp/out"
ok $? 'and every line is whole'
dropped=$(grep '"reason":"overflow"' "$tmp/out" | jq -s 'map(.dropped) | add')
quotes=$(grep -c '"channel":"quote\.' "$tmp/truth")
trades=$(grep '"channel":"trades\.' "$tmp/truth" |
	grep -ho '"trade_seq"' | wc -l)
records=$(grep -Ec '"type":"(quote|trade)"' "$tmp/out")
is "$((records + dropped))" "$((quotes + trades))" \
	"what is written ($records) and what gaps count ($dropped) is all"
unlike "$(cut -c1-500 "$tmp/out")" '"reason":"sequence"' \
	'what was dropped here was no jump of trade_seq'
stop_replay

# ------------------------------------------------------- messages as recorded
# Outside strings, the numbers of a file, sorted.
numbers()
{
	sed 's/"[^"]*"/S/g' "$1" |
		grep -oE -e '-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?' | sort
}

# frames FILE: plays it; what comes out is $tmp/out.
frames()
{
	start_replay --frames "$1" --exit
	start_stream --instrument BTC-PERPETUAL >"$tmp/all"
	wait_for "! tap_alive $REPLAY_PID" 60
	wait_for 'said "retry in"' 60
	end_stream
	stop_replay
	grep -v '"type":"gap"' "$tmp/all" >"$tmp/out"
	sed 's/"received_at":[0-9]*,//' "$tmp/out" >"$tmp/verbatim"
	numbers "$tmp/verbatim" >"$tmp/written"
	numbers "$1" >"$tmp/sent"
}

cat >"$tmp/numbers" <<'END'
{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":1765541767174,"instrument_name":"BTC-PERPETUAL","best_ask_price":9.22885e4,"best_bid_price":92288,"best_ask_amount":1.0,"best_bid_amount":1E+2}}}
{"params":{"data":[{"trade_seq":271252854,"starbase_match_id":227538549002481664,"starbase_timestamp":1789939017544100459,"price":6.4e4,"amount":1.000,"iv":0.0,"x":-1.423e-4,"y":9007199254740993,"instrument_name":"BTC-PERPETUAL"}],"channel":"trades.BTC-PERPETUAL.100ms"},"method":"subscription","jsonrpc":"2.0"}
END
frames "$tmp/numbers"
is "$(wc -l <"$tmp/out")" 2 'two messages, two records'
cmp -s "$tmp/sent" "$tmp/written"
ok $? 'exponents, 1.0, integers above 2^53: the text that was sent'
unlike "$(cat "$tmp/err")" 'warning: [^l]|error:' 'nothing to complain of'

RECORDED=${RECORDED:-$srcdir/../shared/recorded}
if [ -d "$RECORDED" ]; then
	for f in "$RECORDED"/nautilus/ws_*.json; do
		tr -d '\n' <"$f"
		echo
	done >"$tmp/recorded"
	cat "$RECORDED"/*/*.ndjson >>"$tmp/recorded"
	sed -n 's/^[0-9.]*: //p' "$RECORDED/cryptofeed/DERIBIT.ws.30.0" \
		>>"$tmp/recorded"
	# Errors and REST replies have tests of their own.
	grep '"subscription"' "$tmp/recorded" >"$tmp/messages"
	frames "$tmp/messages"
	valid "$tmp/out"
	ok $? "$(wc -l <"$tmp/out") records of $(wc -l <"$tmp/messages") recorded messages are JSON"
	[ "$(wc -l <"$tmp/out")" -ge "$(wc -l <"$tmp/messages")" ]
	ok $? 'none is missing'
	# What is sent and not written: empty sides.
	comm -23 "$tmp/sent" "$tmp/written" | sort -u >"$tmp/gone"
	comm -13 "$tmp/sent" "$tmp/written" >"$tmp/new"
	[ ! -s "$tmp/new" ] && ! grep -qvxE '0(\.0)?' "$tmp/gone"
	ok $? 'each number is the text that was sent'
else
	skip 'no recorded payloads' 'recorded messages'
fi

done_testing
