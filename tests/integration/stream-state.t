#!/bin/sh
# deribit-ws-stream --state: stopped or killed, and started again, it loses no
# trade and says what it did not hear.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2034 # read by wait_for
# shellcheck disable=SC2154 # srcdir, builddir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/disk.sh"
. "$srcdir/tests/sh/kept.sh"

# How often the collector is killed.
KILLS=${KILLS:-10}

# tsv: of trades on stdin instrument, trade_seq, timestamp.
tsv()
{
	jq -r '"\(.instrument_name) \(.trade_seq) \(.timestamp)"'
}

# trades FILE...: of outputs, whose last line may be torn.
trades()
{
	grep -h '^{"type":"trade".*}$' "$@" | tsv
}

# made KIND FROM TO: trades of an option of this currency between these times,
# ends excluded, that the market made.
made()
{
	grep -h "\"instrument_name\":\"$1-[^\"]*-[CP]\"" "$tmp/ledger" | tsv |
		awk -v from="$2" -v to="$3" '$3 > from && $3 < to' | sort
}

# compare FROM TO FILE...: what of the outputs is missing, and how many came
# twice.
compare()
{
	compare_from=$1
	compare_to=$2
	shift 2
	made ETH "$compare_from" "$compare_to" >"$tmp/made"
	trades "$@" | awk -v from="$compare_from" -v to="$compare_to" \
	    '$3 > from && $3 < to' | sort >"$tmp/got"
	sort -u "$tmp/got" >"$tmp/once"
	missing=$(comm -23 "$tmp/made" "$tmp/once" | wc -l | tr -d ' ')
	strange=$(comm -13 "$tmp/made" "$tmp/once" | wc -l | tr -d ' ')
	doubled=$(($(wc -l <"$tmp/got") - $(wc -l <"$tmp/once")))
	compared=$(wc -l <"$tmp/made" | tr -d ' ')
}

# in_order FILE...: each for itself.
in_order()
{
	for in_order_file; do
		trades "$in_order_file" | awk '$1 in last && $2 <= last[$1] {
			print; exit 1 } { last[$1] = $2 }' || return 1
	done
}

# first_ms FILE, last_ms FILE: the times of the first and the last live trade.
first_ms()
{
	grep '^{"type":"trade".*}$' "$1" | grep -v '"repaired":true}$' |
		head -n 1 | jq .timestamp
}

last_ms()
{
	grep '^{"type":"trade".*}$' "$1" | grep -v '"repaired":true}$' |
		tail -n 1 | jq .timestamp
}

# The lines of the ledger, as far as the market is.
ledger_lines()
{
	kill -USR1 "$REPLAY_PID"
	wc -l <"$tmp/ledger"
}

# grows N: the market makes so many more trades.
grows()
{
	grows_to=$(($(ledger_lines) + $1))
	wait_for '[ "$(ledger_lines)" -ge "$grows_to" ]'
}

# lively N OUT: N trades that are not repaired are in it.
lively()
{
	[ "$(grep '^{"type":"trade".*}$' "$2" |
		grep -vc '"repaired":true}')" -ge "$1" ]
}

# goes_on N OUT: until they are.
goes_on()
{
	goes_on_n=$1
	goes_on_out=$2
	wait_for 'lively "$goes_on_n" "$goes_on_out"'
}

# state_of FILE: instrument and number.
state_of()
{
	sed -n 's/^{"instrument_name":"\(.*\)","trade_seq":\([0-9]*\)}$/\1 \2/p' \
	    "$1"
}

# claimed STATE FILE: how many trades the state claims beyond what was written.
claimed()
{
	trades "$2" | awk 'NR == FNR { if ($2 > n[$1]) n[$1] = $2; next }
		($1 in n) && $2 > n[$1] { more += $2 - n[$1] }
		!($1 in n) { more++ }
		END { print more + 0 }' - "$1"
}

# told FILE: how many trades it says to have been dropped: this machine may be
# so busy that the reader was too slow before.
told()
{
	grep '^{"type":"gap".*}$' "$1" | jq -s 'map(select(.reason == "overflow" and
		.channel == "trades.option.ETH.100ms").dropped) | add // 0'
}

# ------------------------------------------------------- stopped, and on again
start_replay --synthetic 7 --rate 2000 --always --ledger "$tmp/ledger" \
	--expire-every 1 --list-every 1
start_stream "$tmp/out1" ETH --state "$tmp/state" --no-cache
goes_on 200 "$tmp/out1"
end_stream
is "$status" 0 'stopped by SIGTERM'
saved_ms=$(($(sed -n 's/.*"saved_at":\([0-9]*\).*/\1/p' "$tmp/state") / 1000))
is "$(head -c 8 "$tmp/state") $(tail -n 1 "$tmp/state")" \
	'{"state" {"end":true}' 'it leaves a state'
is "$(state_of "$tmp/state" | sort)" \
	"$(trades "$tmp/out1" | awk '{ n[$1] = $2 } END { for (i in n)
		print i, n[i] }' | sort)" \
	'which knows the last trade of each instrument'
cp "$tmp/state" "$tmp/state1"
grows 400
start_stream "$tmp/out2" ETH --state "$tmp/state" --no-cache
goes_on 200 "$tmp/out2"
end_stream
is "$status" 0 'started with it, and stopped again'
compare "$(first_ms "$tmp/out1")" "$(last_ms "$tmp/out2")" \
	"$tmp/out1" "$tmp/out2"
is "$missing missing, $strange strange, $doubled doubled" \
	'0 missing, 0 strange, 0 doubled' "$compared trades over both outputs"
made ETH "$saved_ms" 9999999999999 | cut -d' ' -f1,2 | sort >"$tmp/pause"
grep '"repaired":true}$' "$tmp/out2" | grep '"type":"trade"' | tsv |
	cut -d' ' -f1,2 | sort >"$tmp/repaired"
[ "$(wc -l <"$tmp/repaired")" -ge 300 ]
ok $? "$(wc -l <"$tmp/repaired") of them are marked as repaired"
in_order "$tmp/out1" "$tmp/out2"
ok $? 'in order, each output'
jq -r 'select(.channel and (.channel | startswith("quote."))).channel' \
	"$tmp/state1" | sort >"$tmp/heard"
jq -r "select(.type == \"gap\" and .reason == \"disconnect\" and
	.from == $saved_ms).channel" "$tmp/out2" | grep '^quote\.' |
	sort >"$tmp/told"
cmp -s "$tmp/heard" "$tmp/told"
ok $? "a gap record for the pause of each of $(wc -l <"$tmp/heard") quotes"
# The first quote after the pause comes behind the acknowledgement.
grep -E '^\{"type":"(quote|gap)"' "$tmp/out2" | jq -r 'if .type == "gap" then
	"gap \(.channel) \(.to)" else
	"quote quote.\(.instrument_name) \(.received_at / 1000 | floor)" end' |
	awk -v started="$saved_ms" '$1 == "gap" { if ($3 <= started) print; to[$2] = $3; next }
	$2 in to && $3 < to[$2] { print }' >"$tmp/early"
is "$(wc -l <"$tmp/early" | tr -d ' ')" 0 'which ends when the channel is heard'
is "$(jq -r 'select(.type == "gap" and .channel == "trades.option.ETH.100ms") |
	"\(.reason) \(.repaired) \(.from)"' "$tmp/out2")" \
	"disconnect true $saved_ms" 'and one, repaired, for the trades'
# The exchange is away when it is stopped.
start_stream "$tmp/outa" ETH --state "$tmp/statea" --stall-timeout 1s
goes_on 50 "$tmp/outa"
kill -STOP "$REPLAY_PID"
wait_for 'kill -USR1 "$STREAM_PID" && grep "connections live" "$tmp/err" |
	tail -n 1 | grep -q " 0 of 2 connections live"'
end_stream
kill -CONT "$REPLAY_PID"
grows 100
start_stream "$tmp/outb" ETH --state "$tmp/statea"
goes_on 50 "$tmp/outb"
wait_for 'grep -q "\"trades.option.*\"repaired\":true}" "$tmp/outb"'
end_stream
compare "$(first_ms "$tmp/outa")" "$(last_ms "$tmp/outb")" \
	"$tmp/outa" "$tmp/outb"
is "$missing missing, $strange strange, $doubled doubled" \
	'0 missing, 0 strange, 0 doubled' \
	"stopped without a connection: $compared trades over both outputs" ||
	tap_comment "$(comm -23 "$tmp/made" "$tmp/once" | head -n 5; head -n 1 "$tmp/statea")"
is "$(grep -h '"type":"gap"' "$tmp/outa" "$tmp/outb" | jq -r 'select(.channel ==
	"trades.option.ETH.100ms") | "\(.reason) \(.repaired)"')" \
	'disconnect true' 'the hole in the trades is told when it is filled'
grep -h '"type":"gap"' "$tmp/outa" "$tmp/outb" | jq -r 'select(.channel |
	startswith("quote.")) | "\(.channel) \(.from) \(.to)"' |
	awk '$1 in to { n++; apart += $2 != to[$1] } { to[$1] = $3 }
	END { print (n >= 400), apart + 0 }' >"$tmp/apart"
is "$(cat "$tmp/apart")" '1 0' \
	'and of the quotes the second hole begins where the first ends'

# What this run does not listen to any more.
start_stream "$tmp/out3" --instrument ETH-PERPETUAL \
	--instrument BTC-PERPETUAL --state "$tmp/state3"
goes_on 5 "$tmp/out3"
end_stream
grows 400
start_stream "$tmp/out4" --instrument BTC-PERPETUAL --state "$tmp/state3"
wait_for 'grep "trades.ETH-PERPETUAL" "$tmp/out4" | grep -q "repaired\":true"'
ok $? 'a channel that is not asked for any more has its hole filled'
end_stream
! grep -q 'channel.*ETH-PERPETUAL' "$tmp/state3"
ok $? 'and is then forgotten'
is "$(jq -r 'select(.type == "gap" and .instrument_name == "ETH-PERPETUAL") |
	"\(.channel) \(.repaired)"' "$tmp/out4" | sort | tr '\n' ' ')" \
	'quote.ETH-PERPETUAL false trades.ETH-PERPETUAL.100ms true ' \
	'each of its channels is told once'

# --------------------------------------------------------- files that are none
# refused FILE EXIT SENTENCE NAME: as a state; nothing of it is changed.
refused()
{
	rm -f "$tmp/before"
	[ ! -f "$1" ] || cp "$1" "$tmp/before"
	run timeout 30 deribit-ws-stream ETH --state "$1" --count 1
	is "$status" "$2" "$4: $2"
	like "$(cat "$tmp/err")" "^deribit-ws-stream: error: $3" 'and a sentence'
	is "$(wc -l <"$tmp/err" | tr -d ' ') $(wc -c <"$tmp/out" | tr -d ' ')" \
	    '1 0' 'one, and no record'
	[ ! -f "$tmp/before" ] || cmp -s "$1" "$tmp/before"
	ok $? 'and the file is as it was'
}
bad=$tmp/bad
none='this is no state of deribit-ws-stream; remove the file to begin without'
head -n 20 "$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line 21: the state is not whole; remove the file to begin without$" \
	'a state without its end'
head -c 1000 "$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line [0-9]+: the state is not whole" 'a torn one'
{
	cat "$tmp/state"
	echo '{}'
} >"$bad"
refused "$bad" 65 "$bad, line [0-9]+: $none" 'one that goes on behind its end'
: >"$bad"
refused "$bad" 65 "$bad, line 1: the state is not whole" 'an empty file'
head -n 5 "$tmp/out1" >"$bad"
refused "$bad" 65 "$bad, line 1: $none" 'a file of records'
sed '3s/.*/{"instrument_name":"BTC-PERPETUAL"}/' "$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line 3: $none" 'a line without its number'
sed '3s/.*/{"instrument_name":"B","trade_seq":99999999999999999999}/' \
	"$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line 3: $none" 'a number that is none'
sed '3s/.*/{"channel":"quote.\\u0000"}/' "$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line 3: $none" 'a channel with a NUL'
sed '3s/.*/\x00\xff{[/' "$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line 3: $none" 'bytes'
sed '1s/"saved_at":[0-9]*/"saved_at":4102444800000000/' "$tmp/state" >"$bad"
refused "$bad" 65 "$bad, line 1: saved [0-9]+ s in the future: the clock is wrong, or was; " \
	'a time to come'
awk 'BEGIN { print "{\"state\":\"deribit-ws-stream\",\"saved_at\":1}"
	for (i = 0; i < 300000; i++) printf "{\"channel\":\"quote.X-%d\"}\n", i
	print "{\"end\":true}" }' >"$bad"
refused "$bad" 65 "$bad, line [0-9]+: too many channels" 'more than there can be'
mkdir "$tmp/dir"
refused "$tmp/dir" 73 "$tmp/dir is not a regular file$" 'a directory'
mkfifo "$tmp/pipe"
refused "$tmp/pipe" 73 "$tmp/pipe is not a regular file$" 'a pipe that nobody writes'
cp "$tmp/state" "$bad"
if [ "$(id -u)" -ne 0 ]; then
	chmod 0 "$bad"
	refused "$bad" 66 "$bad: Permission denied" 'a file that is not ours to read'
	chmod 600 "$bad"
fi
refused "$tmp/nosuch/state" 73 "$tmp/nosuch/state: No such file or directory" \
	'a directory that is not there'
: >"$tmp/file"
refused "$tmp/file/state" 73 "$tmp/file/state: Not a directory" \
	'a file in its place'
if [ "$(id -u)" -ne 0 ]; then
	mkdir "$tmp/locked"
	chmod 500 "$tmp/locked"
	refused "$tmp/locked/state" 73 "$tmp/locked/state: Permission denied" \
		'a directory that is not ours to write'
fi
# The exchange is not asked before.
run timeout 30 deribit-ws-stream ETH --state "$tmp/nosuch/state" --no-cache \
	--rest-url https://localhost:1/api/v2 --url wss://localhost:1/ws/api/v2
is "$status $(cat "$tmp/err")" \
	"73 deribit-ws-stream: error: $tmp/nosuch/state: No such file or directory" \
	'which is seen before anything is asked'
cp "$tmp/state3" "$bad"
refused "$bad" 65 "$bad is the state of other channels: none of its 2 is wanted now; name another file$" \
	"another currency's"

# ------------------------------------------------- a disk that is gone, or full
mkdir "$tmp/home"
start_stream "$tmp/out5" --instrument ETH-PERPETUAL --state "$tmp/home/state" \
	--state-interval 50ms
wait_for '[ -s "$tmp/home/state" ]'
mv "$tmp/home" "$tmp/away"
wait_for 'said "the state is not saved: $tmp/home/state"'
ok $? 'a directory that goes is said'
n=$(wc -l <"$tmp/out5")
wait_for '[ "$(wc -l <"$tmp/out5")" -ge $((n + 20)) ]'
ok $? 'and the records go on'
mv "$tmp/away" "$tmp/home"
wait_for 'said "the state is saved again"'
ok $? 'it comes back: said too'
end_stream
is "$status $(grep -c warning "$tmp/err")" '0 1' 'each once'

if has_full_disk; then
	full=$tmp/full
	: >"$full"
	start_stream "$tmp/out5" --instrument ETH-PERPETUAL \
		--state "$tmp/state5" --state-interval 50ms
	wait_for 'said "the state is not saved: $tmp/state5: No space left"'
	ok $? 'a full disk is said'
	wait_for '[ "$(wc -l <"$tmp/out5")" -ge 20 ]'
	ok $? 'and the records go on'
	is "$(find "$tmp" -name 'state5*')" '' \
		'nothing is left of what found no room'
	rm "$full"
	wait_for '[ -s "$tmp/state5" ] && said "the state is saved again"'
	ok $? 'room is said too'
	end_stream
	is "$status $(grep -c warning "$tmp/err")" '0 1' 'each once'
	full=

	# The disk forgets: what follows a sync that failed claims nothing.
	(
		full_disk "$tmp/unsynced"
		unset FAILING_IO_WRITE
		FAILING_IO_FSYNC=EIO
		FAILING_IO_FILE=$tmp/spool11/0000000000000001.ndjson
		export FAILING_IO_FSYNC FAILING_IO_FILE
		exec deribit-ws-stream --instrument ETH-PERPETUAL \
			--spool "$tmp/spool11" --state "$tmp/state11" \
			--state-interval 50ms 2>"$tmp/err"
	) &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
	wait_for '[ -s "$tmp/state11" ]'
	: >"$tmp/unsynced"
	wait "$STREAM_PID"
	is "$? $(grep -v info: "$tmp/err")" \
		"74 deribit-ws-stream: error: $tmp/spool11/0000000000000001.ndjson: Input/output error" \
		'a spool that cannot be synced ends it, with a sentence'
	is "$(find "$tmp" -name 'state11?*')" '' 'nothing lies beside the state'
	state_of "$tmp/state11" >"$tmp/claims"
	cat "$tmp"/spool11/*.ndjson >"$tmp/out11"
	is "$(claimed "$tmp/claims" "$tmp/out11")" 0 \
		'which claims what is in the spool'
else
	skip 'no LD_PRELOAD' 'a full disk'
fi
stop_replay

# ------------------------------------------------------------ killed, again
start_replay --synthetic 7 --rate 3000 --always --ledger "$tmp/ledger"
pause=$(awk -v n="$KILLS" 'BEGIN { srand(7); for (i = 0; i < n; i++)
	printf "%.2f ", 0.3 + rand() }')
n=0
outs=
for seconds in $pause; do
	n=$((n + 1))
	cp "$tmp/state8" "$tmp/state8.$n" 2>/dev/null || : >"$tmp/state8.$n"
	start_stream "$tmp/out8.$n" ETH --state "$tmp/state8" \
		--state-interval 100ms
	outs="$outs $tmp/out8.$n"
	wait_for 'grep -q "{\"type\":\"trade\"" "$tmp/out8.$n"'
	sleep "$seconds"
	kill_pid KILL "$STREAM_PID"
	wait "$STREAM_PID" 2>/dev/null
done
cp "$tmp/state8" "$tmp/state8.last"
start_stream "$tmp/out8.last" ETH --state "$tmp/state8"
outs="$outs $tmp/out8.last"
goes_on 50 "$tmp/out8.last"
wait_for 'grep -q "\"trades.option.*\"repaired\":true}" "$tmp/out8.last"'
end_stream
# shellcheck disable=SC2086 # words
compare "$(first_ms "$tmp/out8.1")" "$(last_ms "$tmp/out8.last")" $outs
is "$missing missing, $strange strange" '0 missing, 0 strange' \
	"killed $n times: $compared trades, $doubled came twice"
# shellcheck disable=SC2086 # words
in_order $outs
ok $? 'in order, each output'
# What was saved is not told again.
for at in $(seq 2 "$n") last; do
	state_of "$tmp/state8.$at" >"$tmp/known"
	trades "$tmp/out8.$at" | awk 'NR == FNR { n[$1] = $2; next }
		$1 in n && $2 <= n[$1]' "$tmp/known" - >>"$tmp/again"
done
is "$(wc -l <"$tmp/again" | tr -d ' ')" 0 \
	'none of them had been written when the state was saved'

# ------------------------------------------------ killed with a queue that is full
mkfifo "$tmp/fifo"
cat "$tmp/fifo" >"$tmp/out9" &
reader=$!
at_exit "kill_pid KILL $reader"
start_stream "$tmp/fifo" ETH --state "$tmp/state9" --state-interval 20ms \
	--queue-max 2M
wait_for '[ "$(state_of "$tmp/state9" 2>/dev/null | wc -l)" -ge 20 ]'
kill_pid STOP "$reader"
wait_for 'said "too slow"'
ok $? 'a reader that does not read'
kill_pid KILL "$STREAM_PID"
wait "$STREAM_PID" 2>/dev/null
kill_pid CONT "$reader"
wait "$reader"
state_of "$tmp/state9" >"$tmp/claims"
[ "$(claimed "$tmp/claims" "$tmp/out9")" -le "$(told "$tmp/out9")" ]
ok $? "killed then: the $(wc -l <"$tmp/claims") trades of the state were written"
cp "$tmp/state9" "$tmp/state9.1"
start_stream "$tmp/out10" ETH --state "$tmp/state9"
goes_on 50 "$tmp/out10"
wait_for 'grep -q "\"trades.option.*\"repaired\":true}" "$tmp/out10"'
end_stream
compare "$(first_ms "$tmp/out9")" "$(last_ms "$tmp/out10")" \
	"$tmp/out9" "$tmp/out10"
[ "$missing" -gt "$(told "$tmp/out9")" ] || missing=no
is "$missing missing, $strange strange" 'no missing, 0 strange' \
	"the next run has the rest of $compared trades"
stop_replay

# --------------------------------------------- stopped while a hole is open
start_replay --synthetic 7 --rate 2000 --always --ledger "$tmp/ledger" \
	--fault drop:rate=0.3,class=trades. --fault page-lost:rate=1 \
	--fault-count 30
start_stream "$tmp/out6" ETH --state "$tmp/state6"
# The faults are done, and some of what they cost is still missing.
holed()
{
	kill -USR1 "$STREAM_PID" "$REPLAY_PID"
	grep -q ' 30 faults' "$tmp/replay.err" &&
		said 'trades fetched, [1-9][0-9]* holes open'
}
goes_on 20 "$tmp/out6" && wait_for holed
ok $? 'the exchange drops trades, and replies' ||
	tap_comment "$(tail -n 5 "$tmp/err")"
end_stream
is "$(grep -c '"reason":"sequence"' "$tmp/out6") $(grep '"type":"gap"' \
	"$tmp/out6" | grep -c '"channel":"trades')" '0 0' \
	'stopped with holes: they are left to the next run'
grows 100
start_stream "$tmp/out7" ETH --state "$tmp/state6"
wait_for 'grep -q "\"trades.option.*\"repaired\":true}" "$tmp/out7"' &&
	goes_on 50 "$tmp/out7"
ok $? 'which fetches them'
end_stream
compare "$(first_ms "$tmp/out6")" "$(last_ms "$tmp/out7")" \
	"$tmp/out6" "$tmp/out7"
# What was dropped before an instrument's first trade is not known to be.
missing=$(comm -23 "$tmp/made" "$tmp/once" | awk 'NR == FNR { if (!($1 in n) ||
	$2 < n[$1]) n[$1] = $2; next } $1 in n && $2 > n[$1]' "$tmp/got" - |
	wc -l | tr -d ' ')
is "$missing missing, $strange strange, $doubled doubled" \
	'0 missing, 0 strange, 0 doubled' "$compared trades over both outputs"
in_order "$tmp/out6" "$tmp/out7"
ok $? 'in order, each output'
stop_replay

done_testing
