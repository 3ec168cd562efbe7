#!/bin/sh
# deribit-ws-stream --metrics: text that Prometheus reads, whole at any time,
# and true: beside the output and what SIGUSR1 says.
# shellcheck disable=SC2016,SC2034 # $ in single quotes: wait_for, awk
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS
file=$tmp/stream.prom

# In the background; its stderr is $tmp/err.
start_stream()
{
	rm -f "$file"
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 100ms \
		--metrics "$file" "$@" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

end_stream()
{
	kill_pid TERM "$STREAM_PID"
	wait "$STREAM_PID"
	status=$?
}

# The exposition format, as strict as what we write: HELP, TYPE, one sample of
# that name; counters are integers and end in _total; no name twice.
cat >"$tmp/grammar.awk" <<'AWK'
BEGIN { want = "HELP" }
$1 == "#" && $2 != want || $1 != "#" && want != "sample" { bad("order") }
/^# HELP / {
	if ($3 !~ /^deribit_ws_stream_[a-z]+(_[a-z]+)*$/ || seen[$3]++ ||
	    NF < 5 || /\\/ || !/\.$/) bad("HELP")
	name = $3; want = "TYPE"; next
}
/^# TYPE / {
	if ($3 != name || NF != 4 || $4 !~ /^(counter|gauge)$/ ||
	    ($4 == "counter") != (name ~ /_total$/)) bad("TYPE")
	type = $4; want = "sample"; next
}
{
	if ($1 != name || NF != 2 || $0 != $1 " " $2 ||
	    $2 !~ (type == "counter" ? "^[0-9]+$" : "^-?[0-9]+(\\.[0-9]+)?$") ||
	    ($2 ~ /\./) != (name ~ /_seconds$/)) bad("sample")
	want = "HELP"; n++
}
function bad(what) { print FILENAME ":" FNR ": " what ": " $0; failed = 1 }
END {
	if (want != "HELP" || n == 0) { print "cut, " n + 0; failed = 1 }
	exit failed
}
AWK
grammar()
{
	awk -f "$tmp/grammar.awk" "$1" >"$tmp/awk" && [ -s "$1" ] &&
		[ -z "$(tail -c 1 "$1" | tr -d '\n')" ]
}

# figure NAME [FILE]
figure()
{
	sed -n "s/^deribit_ws_stream_$1 //p" "${2:-$file}"
}

# ask: SIGUSR1, until the answer is there; it is $tmp/said and $tmp/figures.
# Without wait_for, whose conditions ask.
ask()
{
	asked=$(grep -c 'messages received' "$tmp/err")
	kill -USR1 "$STREAM_PID"
	for _ in $(seq 400); do
		[ "$(grep -c 'messages received' "$tmp/err")" -gt "$asked" ] && break
		sleep 0.05
	done
	grep 'messages received' "$tmp/err" | tail -1 >"$tmp/said"
	cp "$file" "$tmp/figures"
}

# said PATTERN: the number before it.
said()
{
	sed -n "s/.* \([0-9]*\) $1.*/\1/p" "$tmp/said"
}

# The least and the greatest lag of the records there are, ms.
lags()
{
	grep '"timestamp"' "$tmp/out" |
		jq -s 'map(.received_at / 1000 - .timestamp | floor) |
		"\(min) \(max)"' -r
}

# -------------------------------------------------------------- a good market
start_replay --synthetic 7 --rate 500
start_stream --instrument BTC-PERPETUAL --instrument ETH-PERPETUAL \
	--channels quotes,ticker,index >"$tmp/out"
wait_for '[ -s "$file" ]'
grammar "$file"
ok $? 'the first file, before anything is there' || tap_comment "$(cat "$tmp/awk")"
is "$(figure channels_wanted) $(figure connections)" "6 1" "says what is wanted"
wait_for '[ "$(wc -l <"$tmp/out")" -ge 300 ]'
ask
grammar "$tmp/figures"
ok $? 'a later one is Prometheus text' || tap_comment "$(cat "$tmp/awk")"
for pair in 'messages_total messages received' \
	'records_total records and' 'written_bytes_total bytes written' \
	'gap_records_total gap records' 'reconnects_total reconnects' \
	'dropped_records_total dropped' \
	'repeated_messages_total repeated messages' \
	'repaired_trades_total trades fetched' 'holes_open holes open' \
	'queue_bytes bytes in the queue'; do
	is "$(figure "${pair%% *}" "$tmp/figures")" "$(said "${pair#* }")" \
		"${pair%% *} is what SIGUSR1 says"
done
like "$(cat "$tmp/said")" ' 1 of 1 connections live, 6 of 6 channels; ' \
	'SIGUSR1: connections and channels'
is "$(figure connections_live) $(figure connections) $(figure channels_wanted) \
$(figure channels_acknowledged)" '1 1 6 6' 'and the file has them'
[ "$(figure received_bytes_total)" -gt "$(figure messages_total)" ]
ok $? 'bytes received are more than messages'
awk -v lag="$(figure lag_seconds "$tmp/figures")" \
	'BEGIN { exit !(lag != "" && lag >= 0 && lag < 5) }'
ok $? 'the lag of a made-up market is plausible'
lags >"$tmp/lags"
read -r least greatest <"$tmp/lags"
awk -v lag="$(figure lag_seconds "$tmp/figures")" -v a="$least" -v b="$greatest" \
	'BEGIN { lag *= 1000; exit !(a - 2 <= lag && lag <= b + 2) }'
ok $? "and one of those that the records have ($least to $greatest ms)" ||
	tap_comment "$(figure lag_seconds "$tmp/figures")"
now=$(date +%s)
awk -v at="$(figure last_message_timestamp_seconds)" -v now="$now" \
	'BEGIN { exit !(at > now - 60 && at <= now + 1) }'
ok $? 'last_message is now'
success=$(figure last_success_timestamp_seconds)
moved()
{
	ask
	awk -v a="$1" -v b="$(figure last_success_timestamp_seconds)" \
		'BEGIN { exit !(b > a) }'
}
wait_for 'moved $success' 20
ok $? 'last_success moves'

# Whole at any time: read while it is written.
torn=0
for _ in $(seq 60); do
	kill -USR1 "$STREAM_PID"
	cat "$file" >"$tmp/copy" && grammar "$tmp/copy" || torn=$((torn + 1))
done
is "$torn" 0 'read sixty times while it was written: whole each time'
is "$(stat -c %a "$file" 2>/dev/null || stat -f %Lp "$file")" 644 \
	'others may read it'
sed -n 's/^deribit_ws_stream_\([a-z_]*\) .*/\1/p' "$file" >"$tmp/names"
while read -r name; do
	sed -n '/^.Ss Metrics/,/^.Ss Service/s/^.It Li //p' \
		"$srcdir/man/deribit-ws-stream.1" | tr -s " ," "\n" |
		grep -qx "$name" || echo "$name"
done <"$tmp/names" >"$tmp/undocumented"
[ -s "$tmp/names" ]
is "$? $(cat "$tmp/undocumented")" '0 ' \
	'each of the figures is in the manual'
end_stream
is "$(find "$tmp" -name 'stream.prom*' | wc -l)" 1 'nothing lies beside it'
grammar "$file"
ok $? 'the last file' || tap_comment "$(cat "$tmp/awk")"
is "$(figure records_total) $(figure written_bytes_total)" \
	"$(wc -l <"$tmp/out") $(wc -c <"$tmp/out" | tr -d ' ')" \
	'has what the output has: lines and bytes'
is "$(figure connections_live) $(figure channels_acknowledged)" '0 0' \
	'and nothing lives any more'
stop_replay

# ---------------------------------------------------------- losses, and gaps
start_replay --synthetic 7 --rate 300 --cut-every 1
start_stream --instrument BTC-PERPETUAL --channels quotes >"$tmp/out"
wait_for '[ "$(grep -c "retry in" "$tmp/err")" -ge 2 ]'
wait_for '[ "$(grep -c "\"type\":\"gap\"" "$tmp/out")" -ge 2 ]'
end_stream
is "$(figure reconnects_total) $(figure gap_records_total)" \
	"$(grep -c 'retry in' "$tmp/err") $(grep -c '"type":"gap"' "$tmp/out")" \
	'losses and gaps are counted'
stop_replay

# ------------------------------------------------------- a lag that is known
printf '%s%s%s\n' '{"jsonrpc":"2.0","method":"subscription","params":{' \
	'"channel":"quote.BTC-PERPETUAL","data":{"timestamp":1500000000000,' \
	'"instrument_name":"BTC-PERPETUAL","best_bid_price":1}}}' >"$tmp/frames"
start_replay --frames "$tmp/frames"
start_stream --instrument BTC-PERPETUAL --channels quotes >"$tmp/out"
wait_for '[ -s "$tmp/out" ]'
end_stream
awk -v lag="$(figure lag_seconds)" -v at="$(jq -s '.[0].received_at' "$tmp/out")" \
	'BEGIN { d = at / 1000000 - 1500000000 - lag; exit !(d >= -1 && d <= 1) }'
ok $? "a record's own lag is the lag" || tap_comment "$(figure lag_seconds)"
stop_replay

# -------------------------------------------------- an output that never rests
start_replay --synthetic 7 --rate 20000
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo"
start_stream ETH --queue-max 1M >"$tmp/fifo"
wait_for 'grep -q "too slow" "$tmp/err"'
ask
stuck=$(figure last_message_timestamp_seconds)
later()
{
	ask
	awk -v a="$stuck" -v b="$(figure last_message_timestamp_seconds)" \
		'BEGIN { exit !(b > a + 4) }'
}
wait_for later 30
awk -v a="$stuck" -v b="$(figure last_success_timestamp_seconds)" \
	'BEGIN { exit !(b != "" && b < a + 2) }'
ok $? 'a reader that does not read: no success, however much is received'
# Reads less than comes, and all the time.
while dd bs=65536 count=1 2>"$tmp/dd"; do
	sleep 0.1
done <"$tmp/fifo" >"$tmp/dd.out" 9<&- &
reader=$!
at_exit "kill $reader 2>/dev/null"
success=$(figure last_success_timestamp_seconds)
wait_for 'moved $success && [ "$(figure queue_bytes)" -gt 0 ]' 20
ok $? 'one that reads slowly: success, though the queue is never empty'
kill "$reader"
cat <"$tmp/fifo" >"$tmp/all" 9<&- &
at_exit "stop_pid $!"
end_stream
exec 9<&-
is "$status" 0 'it ends when all is written'
stop_replay

# ------------------------------------------------------- where it cannot be
unset DERIBIT_CACERT
# refused FILE SENTENCE: 73, before anybody is asked.
refused()
{
	run timeout 60 deribit-ws-stream --metrics "$1" \
		--instrument BTC-PERPETUAL --url wss://localhost:1/ws/api/v2
	is "$status $(cat "$tmp/err") $(wc -c <"$tmp/out" | tr -d ' ')" \
		"73 deribit-ws-stream: error: $1$2 0" "refused: ${1##*/tmp/}$2"
}
refused "$tmp/none/file" ': No such file or directory'
refused "$tmp/err/file" ': Not a directory'
mkdir "$tmp/dir"
refused "$tmp/dir" ' is not a regular file'
if [ "$(id -u)" -ne 0 ]; then
	mkdir "$tmp/locked"
	chmod 500 "$tmp/locked"
	refused "$tmp/locked/file" ': Permission denied'
fi
is "$(find "$tmp/dir" | wc -l | tr -d ' ')" 1 'nothing is left there'

# ------------------------------------------------------- one that goes away
start_replay --synthetic 7 --rate 300
mkdir "$tmp/home"
file=$tmp/home/stream.prom
start_stream --instrument BTC-PERPETUAL >"$tmp/out"
wait_for '[ -s "$file" ] && [ -s "$tmp/out" ]'
is "$(find "$tmp/home" | wc -l | tr -d ' ')" 2 'nothing lies beside it'
mv "$tmp/home" "$tmp/away"
wait_for 'kill -USR1 "$STREAM_PID" &&
	grep -q "the metrics are not written: $file: No such file" "$tmp/err"'
ok $? 'a directory that goes is said'
n=$(wc -l <"$tmp/out")
wait_for 'kill -USR1 "$STREAM_PID" && [ "$(wc -l <"$tmp/out")" -ge $((n + 20)) ]'
ok $? 'and the records go on'
mv "$tmp/away" "$tmp/home"
wait_for 'kill -USR1 "$STREAM_PID" && grep -q "metrics are written again" "$tmp/err"'
ok $? 'it comes back: said too'
end_stream
is "$status $(grep -c warning "$tmp/err")" '0 1' 'each once'
stop_replay

done_testing
