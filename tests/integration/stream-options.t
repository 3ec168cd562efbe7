#!/bin/sh
# deribit-ws-stream's command line: what its words mean together, what it says
# to those that mean nothing, and how it ends, whatever it is about.
# shellcheck disable=SC2016,SC2034 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS DERIBIT_CLIENT_ID DERIBIT_CLIENT_SECRET

at_exit stop_peer

collect()
{
	run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL "$@"
}

# --------------------------------------------------------------- wrong words
# wrong SENTENCE WORD...: 64, this sentence, and where there is help.
wrong()
{
	sentence=$1
	shift
	run timeout 60 deribit-ws-stream "$@" </dev/null
	is "$status;$(tr '\n' ';' <"$tmp/err")" \
		"64;deribit-ws-stream: error: $sentence;Try 'deribit-ws-stream --help'.;" \
		"$*"
	[ ! -s "$tmp/out" ] || ok 1 'nothing is written'
}
wrong 'there is no option --chanels; did you mean --channels?' --chanels quotes
wrong 'there is no option --no-such-thing-at-all' --no-such-thing-at-all
wrong 'there is no option -x' -x ETH
wrong 'option --count needs a value' ETH --count
wrong 'option --raw takes no value' ETH --raw=yes
wrong 'which CURRENCY (such as ETH), or which --instrument?' --count 5
wrong 'ETH-PERPETUAL is an instrument, not a currency: use --instrument' \
	ETH-PERPETUAL
wrong "--instrument btc: this is no instrument's name (such as BTC-PERPETUAL or ETH-25DEC26-4000-C)" \
	--instrument btc
wrong '--interval 1s: 100ms, agg2 or raw is needed' ETH --interval 1s
wrong '--resolution 7: 1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720 or 1D is needed' \
	ETH --resolution 7
wrong '--book all: snapshots or incremental is needed' ETH --book all
wrong '--channels quote: no such word; --list-channels prints them (full names of channels have a dot)' \
	ETH --channels quote
wrong '--channels: there is an empty word; commas stand between words' \
	ETH --channels quotes,
wrong "--duration: 'ETH' is not a duration like 200ms, 30s, 10m, 48h or 7d" \
	--duration ETH
wrong '--redundancy 3: a whole number from 1 to 2 is needed' ETH --redundancy 3
wrong '--raw writes frames as they came: not with --jq' ETH --raw --jq .
wrong '--raw writes what one connection says: not with --redundancy 2 nor --rotate' \
	ETH --raw --redundancy 2
wrong '--raw writes what one connection says: not with --redundancy 2 nor --rotate' \
	ETH --raw --rotate 1h
wrong '--from-raw makes records of all that was recorded: not with --raw, --instrument or a CURRENCY' \
	--from-raw - ETH
wrong '--spool-max is the size of what --spool writes' ETH --spool-max 1G
wrong '--spool-segment is the size of what --spool writes' \
	ETH --spool-segment 1M
wrong '--from-raw asks nobody what was missed: not with --state' \
	--from-raw - --state x
wrong '--url may be given twice' ETH --url a --url b --url c

# ------------------------------------------------------------ --list-channels
run deribit-ws-stream --list-channels
is "$status $(wc -l <"$tmp/err" | tr -d ' ')" '0 0' '--list-channels'
sed -n 's/^\([a-z_]\{1,\}\) .*/\1/p' "$tmp/out" | sort >"$tmp/listed"
sed -n '/^.Ss Channels/,/^.El/s/^.It Li \([a-z_]*\) Ta .*/\1/p' \
	"$srcdir/man/deribit-ws-stream.1" | sort >"$tmp/manual"
is "$(tr '\n' ' ' <"$tmp/listed")" "$(tr '\n' ' ' <"$tmp/manual")" \
	"has the words of the manual's table"
if [ -w /dev/full ]; then
	deribit-ws-stream --list-channels >/dev/full 2>"$tmp/err"
	is "$? $(cat "$tmp/err")" '74 deribit-ws-stream: error: standard output: No space left on device' \
		'and says when nobody can read it'
fi
run deribit-ws-stream --help
awk 'length > 79 { print; n = 1 } END { exit n }' "$tmp/out" >"$tmp/long"
ok $? '--help fits a terminal' || tap_comment "$(cat "$tmp/long")"

# --------------------------------------------------------- how long it lasts
start_replay --synthetic 7 --rate 300 --cut-every 1
collect --channels quotes --count 700 --retry-delay 50ms
is "$status $(wc -l <"$tmp/out" | tr -d ' ')" '0 700' '--count: lines'
[ "$(grep -c '"type":"gap"' "$tmp/out")" -ge 1 ]
ok $? 'gap records are among them'
jq -es 'length == 700' "$tmp/out" >"$tmp/jq"
ok $? 'all of them whole'
stop_replay

start_replay --synthetic 7 --rate 2000
collect --duration 1500ms
is "$status" 0 '--duration ends it with 0'
[ "$(wc -l <"$tmp/out")" -gt 0 ] && jq -c . "$tmp/out" >"$tmp/jq"
ok $? 'with whole lines'
run timeout 60 deribit-ws-stream --url wss://localhost:1/ --duration 1 \
	--instrument BTC-PERPETUAL --retry-delay 100ms
is "$status" 0 'also while the exchange is away'
like "$(cat "$tmp/err")" 'localhost:1: cannot connect: .*; retry in [0-9.]+ s$' \
	'which is said'

# -------------------------------------------------- books, in either order
# books WANT WORD...: how many channels, and which types come.
books()
{
	want=$1
	shift
	: >"$tmp/out"
	: >"$tmp/err"
	deribit-ws-stream --instrument BTC-PERPETUAL --depth-interval 300ms \
		"$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	at_exit "stop_pid $pid"
	for type in ${want#*:}; do
		wait_for 'grep -q "^{\"type\":\"$type\"" "$tmp/out"' 30
	done
	wait_for 'grep -q "subscribed to" "$tmp/err"' 30
	stop_pid "$pid"
	n=$(sed -n 's/.*subscribed to \([0-9]*\) channel.*/\1/p' "$tmp/err")
	is "${n:-0}: $(jq -r .type "$tmp/out" | sort -u | tr '\n' ' ')" \
		"$want " "$*"
}
books '2: book_change trade' --book incremental --channels trades
books '2: book_change trade' --channels trades --book incremental
books '1: book_change' --channels book --book incremental
books '1: book_change' --book incremental --channels book
books '1: book quote' --book snapshots --channels quotes
books '1: book quote' --channels quotes,book
books '2: book_change quote' --channels quotes,book.BTC-PERPETUAL.100ms
books '3: book_change quote trade' --book incremental

# ---------------------------------------------- Ctrl-C, a reader that leaves
# interrupted NAME CONDITION OPTION...: SIGINT then, and it ends at once.
interrupted()
{
	name=$1
	condition=$2
	shift 2
	: >"$tmp/out"
	: >"$tmp/err"
	deribit-ws-stream "$@" >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	at_exit "stop_pid $pid"
	wait_for "$condition"
	kill_pid INT "$pid"
	wait_for "! tap_alive $pid" 20 || kill_pid KILL "$pid"
	wait "$pid"
	is "$? $(grep -c 'error' "$tmp/err")" '0 0' "Ctrl-C: $name"
}
interrupted 'live' '[ -s "$tmp/out" ]' --instrument BTC-PERPETUAL
stop_replay
accepted='grep -q "^event 1 accepted" "$tmp/peer.out"'
start_peer accept-and-say-nothing
interrupted 'the list is asked for' "$accepted" ETH --no-cache \
	--rest-url "https${PEER_URL#wss}" --cacert "$PEER_CACERT"
stop_peer
start_peer accept-and-say-nothing
interrupted 'it connects' "$accepted" --instrument BTC-PERPETUAL \
	--url "$PEER_URL" --cacert "$PEER_CACERT"
stop_peer
start_peer no-answer
interrupted 'it subscribes' 'grep -q silent "$tmp/peer.out"' \
	--instrument BTC-PERPETUAL --url "$PEER_URL" --cacert "$PEER_CACERT"
stop_peer
interrupted 'it waits' 'grep -q "retry in" "$tmp/err"' --retry-delay 1h \
	--instrument BTC-PERPETUAL --url wss://localhost:1/

{
	deribit-ws-stream --instrument BTC-PERPETUAL --url wss://localhost:1/ \
		2>"$tmp/err"
	echo $? >"$tmp/status"
} | :
wait_for '[ -s "$tmp/status" ]' 20
is "$(cat "$tmp/status") $(grep -c 'error' "$tmp/err")" '141 0' \
	'a reader that leaves while the exchange is away'

done_testing
