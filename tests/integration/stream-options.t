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
wrong '--channels tikcer: no such word; did you mean ticker? --list-channels prints them (full names of channels have a dot)' \
	ETH --channels trades,tikcer
wrong '--count x: a whole number, 1 or more, is needed' ETH --count x
wrong '--heartbeat 5: a time from 10s to 1d is needed' ETH --heartbeat 5
wrong '--queue-max 1: a size in bytes from 64K to 1T is needed' ETH --queue-max 1
wrong '--spool-max 1: a size in bytes of 64K or more is needed' ETH --spool-max 1
wrong '--channels stuff: no such word; --list-channels prints them (full names of channels have a dot)' \
	ETH --channels stuff
wrong '--channels: book.BTC-PERPETUAL.raw and book.BTC-PERPETUAL.agg2: the changes of a book may be had at one interval only' \
	--channels book.BTC-PERPETUAL.raw,quotes,book.BTC-PERPETUAL.agg2
wrong 'book.BTC-PERPETUAL.agg2 and book.BTC-PERPETUAL.100ms: the changes of a book may be had at one interval only' \
	-i BTC-PERPETUAL --book incremental -c book,book.BTC-PERPETUAL.agg2
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
wrong '--from-raw makes records of all that was recorded: not with --raw, --instrument, --channels, --book or a CURRENCY' \
	--from-raw - ETH
wrong '--spool-max needs --spool' ETH --spool-max 1G
wrong '--spool-segment needs --spool' \
	ETH --spool-segment 1M
wrong '--from-raw asks nobody what was missed: not with --state' \
	--from-raw - --state x
wrong '--url may be given twice' ETH --url a --url b --url c
wrong '--url twice is two feeds: not with --redundancy 1' \
	ETH --url a --url b --redundancy 1
wrong '--state and --metrics are two files' ETH --state x --metrics x
wrong "--top is of a CURRENCY's instruments" -i BTC-PERPETUAL --top 5
wrong 'spot pairs have no open interest to rank them by' \
	BTC --kind spot --top 5
for words in 'ETH' '-i ETH-PERPETUAL' '-c platform'; do
	# shellcheck disable=SC2086 # words
	wrong "--kind: 'options' is no kind: option, future, perpetual, spot, option_combo, future_combo or all" \
		$words --kind options
	# shellcheck disable=SC2086 # words
	wrong "--settlement: '-1' is no settlement currency (such as USDC)" \
		$words --settlement -1
done
wrong '--from-raw makes records of all that was recorded: not with --raw, --instrument, --channels, --book or a CURRENCY' \
	--from-raw - --channels trades
# A variable that is not set must not pass for no option.
for option in state spool from-raw metrics credentials rest-url cacert jq; do
	wrong "option --$option needs a value" --channels platform "--$option="
done
# Each option that has a value, without one, and with one that is none.
deribit-ws-stream --help | sed -n 's/^[ a-z,-]* --\([a-z-]*\)=.*/\1/p' |
	sort -u >"$tmp/valued"
while read -r option; do
	wrong "option --$option needs a value" ETH "--$option"
done <"$tmp/valued"
deribit-ws-stream --help | sed -En 's/^[ a-z,-]* --([a-z-]*)=(TIME|SIZE|N)( .*)?$/\1/p' |
	sort -u >"$tmp/numbers"
while read -r option; do
	for value in '' x -1 1x 99999999999999999999 1e3 0x10 ' 1'; do
		run timeout 60 deribit-ws-stream ETH "--$option" "$value" </dev/null
		[ "$status" -eq 64 ] && [ "$(wc -l <"$tmp/err")" -eq 2 ] &&
			grep -q "^deribit-ws-stream: error: --$option" "$tmp/err" ||
			echo "--$option '$value': $status $(cat "$tmp/err")"
	done
done <"$tmp/numbers" >"$tmp/taken"
[ "$(wc -l <"$tmp/numbers")" -ge 20 ]
is "$? $(cat "$tmp/taken")" '0 ' \
	"no number, time or size: $(wc -l <"$tmp/numbers") options refuse it"

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
sed -En 's/^ +(-[a-zA-Z], )?--([a-z-]*).*/\2/p' "$tmp/out" | sort -u >"$tmp/helped"
sed -n 's/^\.It .*Fl -\([a-z-]*\).*/\1/p' "$srcdir/man/deribit-ws-stream.1" |
	sort -u >"$tmp/manual"
is "$(comm -3 "$tmp/helped" "$tmp/manual" | tr -d '\t' | tr '\n' ' ')" '' \
	"and has the manual's options: $(wc -l <"$tmp/manual")"

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

run timeout 60 deribit-ws-stream --rest-url https://localhost:1/api/v2 ETH \
	--duration 1 --no-cache
is "$status" 0 'or the list of instruments is not to be had'
run timeout 60 deribit-ws-stream --rest-url https://localhost:1/api/v2 ETH \
	--cacert "$tmp/nosuch" --no-cache
is "$status $(wc -l <"$tmp/err" | tr -d ' ')" '66 1' \
	'a file of certificates that is not there is no matter of trying again'
like "$(cat "$tmp/err")" 'error: .*/nosuch: the file of certificate authorities \(--cacert\): No such file or directory$' \
	'and it is named'

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
: >"$tmp/err"
deribit-ws-stream ETH --no-cache --rest-url "https${PEER_URL#wss}" \
	--cacert "$PEER_CACERT" >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for "$accepted"
kill_pid USR1 "$pid"
kill_pid TERM "$pid"
wait "$pid"
is $? 0 'SIGUSR1 before there is anything to report'
stop_peer
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
unset DERIBIT_CACERT
interrupted 'it waits' 'grep -q "retry in" "$tmp/err"' --retry-delay 1h \
	--instrument BTC-PERPETUAL --url wss://localhost:1/

# The queue waits for its reader: who stopped it is told.
start_replay --synthetic 7 --rate 3000
mkfifo "$tmp/fifo"
{
	exec 3<"$tmp/fifo"
	wait_for '[ -e "$tmp/go" ]' 60
	cat <&3 >"$tmp/out"
} &
: >"$tmp/err"
deribit-ws-stream ETH >"$tmp/fifo" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
queued()
{
	kill_pid USR1 "$pid"
	sleep 0.2
	grep -q " [1-9][0-9]* bytes in the queue" "$tmp/err"
}
wait_for 'grep -q subscribed "$tmp/err"'
wait_for queued
kill "$pid"
wait_for 'grep -q "wait to be written" "$tmp/err"' 20
: >"$tmp/go"
wait "$pid"
is $? 0 "a reader that is late is waited for"
like "$(cat "$tmp/err")" 'info: [1-9][0-9]* bytes wait to be written; another signal ends it at once, without them' \
	'which is said'
stop_replay

{
	DERIBIT_CACERT='' deribit-ws-stream --instrument BTC-PERPETUAL \
		--url wss://localhost:1/ 2>"$tmp/err"
	echo $? >"$tmp/status"
} | :
wait_for '[ -s "$tmp/status" ]' 20
is "$(cat "$tmp/status") $(grep -c 'error' "$tmp/err")" '141 0' \
	'a reader that leaves while the exchange is away'

done_testing
