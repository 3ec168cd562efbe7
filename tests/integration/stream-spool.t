#!/bin/sh
# deribit-ws-stream --spool: segments hold what standard output would have had,
# whatever becomes of the disk and of the program.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2034 # read by wait_for
# shellcheck disable=SC2154 # srcdir, builddir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/disk.sh"
. "$srcdir/tests/sh/kept.sh"

# A line is torn when the disk is full.
full_room=1000

# How often the collector is killed.
KILLS=${KILLS:-5}

# lines DIR: how many its segments hold.
lines()
{
	cat "$1"/*.ndjson 2>/dev/null | wc -l | tr -d ' '
}

# names DIR: of its files, in order, a blank behind each.
names()
{
	for name in "$1"/*; do
		printf '%s ' "${name##*/}"
	done
}

# grows DIR N: until it has N lines more.
grows()
{
	grows_dir=$1
	grows_to=$(($(lines "$1") + $2))
	wait_for '[ "$(lines "$grows_dir")" -ge "$grows_to" ]'
}

# whole DIR: each segment ends with a line, and each line is an object.
whole()
{
	for segment in "$1"/*.ndjson; do
		[ -z "$(tail -c 1 "$segment" | tr -d '\n')" ] || {
			echo "$segment is torn"
			return 1
		}
	done
	cat "$1"/*.ndjson | jq -e 'select(type != "object")' >"$tmp/jq" 2>&1
	[ ! -s "$tmp/jq" ]
}

trades()
{
	cat "$1"/*.ndjson | grep '^{"type":"trade"' |
		jq -r '"\(.instrument_name) \(.trade_seq)"'
}

# dense DIR: each trade of an instrument once, in order, none missing.
dense()
{
	trades "$1" | awk '$1 in last && $2 != last[$1] + 1 { print; bad = 1 }
		{ last[$1] = $2 } END { exit bad }' >"$tmp/jumps"
}

# ------------------------------------------------------- as on standard output
start_replay --synthetic 7 --rate 2000 --always
deribit-ws-stream ETH --raw --count 8000 >"$tmp/raw" 2>"$tmp/err"
deribit-ws-stream --from-raw "$tmp/raw" >"$tmp/plain"
run deribit-ws-stream --from-raw "$tmp/raw" --spool "$tmp/spool"
is "$status $(wc -c <"$tmp/out" | tr -d ' ') $(cat "$tmp/err")" '0 0 ' \
	'--spool: nothing on standard output'
is "$(names "$tmp/spool")" '0000000000000001.ndjson lock ' \
	'one segment'
cat "$tmp"/spool/*.ndjson | cmp -s - "$tmp/plain"
ok $? 'which holds what standard output would have had'
run deribit-ws-stream --from-raw "$tmp/raw" --spool "$tmp/small" \
	--spool-segment 64K
n=$(($(names "$tmp/small" | wc -w) - 1))
[ "$n" -ge $(($(wc -c <"$tmp/plain") / 65536)) ] && [ "$n" -ge 10 ]
ok $? "--spool-segment: $n of them"
is "$(find "$tmp/small" -name '*.ndjson' -size +65536c | wc -l)" 0 \
	'none is larger'
cat "$tmp"/small/*.ndjson | cmp -s - "$tmp/plain"
ok $? 'together they hold the same'
whole "$tmp/small"
ok $? 'and each whole lines'
run deribit-ws-stream --from-raw "$tmp/raw" --spool "$tmp/small"
is "$(names "$tmp/small" | cut -d' ' -f$((n + 1)))" \
	"$(printf '%016d.ndjson' $((n + 1)))" 'the next run begins a new one'

# ----------------------------------------------------------- what cannot be one
start_stream "$tmp/out" ETH --spool "$tmp/live"
# What it says is said then.
wait_for 'said subscribed && [ "$(lines "$tmp/live")" -gt 0 ]'
run timeout 60 deribit-ws-stream ETH --spool "$tmp/live"
is "$status $(cat "$tmp/err")" \
	"75 deribit-ws-stream: error: $tmp/live: another writer holds this spool" \
	'a second writer: 75'
end_stream
is "$status" 0 'the first goes on'
run deribit-ws-stream ETH --spool "$tmp/nosuch/spool"
is "$status $(cat "$tmp/err")" \
	"73 deribit-ws-stream: error: $tmp/nosuch/spool: No such file or directory" \
	'a directory of none: 73'
: >"$tmp/file"
run deribit-ws-stream ETH --spool "$tmp/file"
is "$status" 73 'a file in its place: 73'
mkdir "$tmp/strange"
echo 'what?' >"$tmp/strange/lock"
run deribit-ws-stream ETH --spool "$tmp/strange"
is "$status $(cat "$tmp/strange/lock")" '65 what?' "somebody else's lock: 65"

# ------------------------------------------------------------ a disk that is full
if has_full_disk; then
	full=$tmp/full
	start_stream "$tmp/out" ETH --spool "$tmp/disk"
	grows "$tmp/disk" 100
	: >"$full"
	wait_for 'said "/disk/.*: No space left on device; what comes waits in memory"'
	ok $? 'a full disk is said'
	whole "$tmp/disk"
	ok $? 'it holds whole lines'
	before=$(lines "$tmp/disk")
	wait_for 'kill -USR1 "$STREAM_PID" &&
		said "[0-9]\{6,\} bytes in the queue"'
	is "$(lines "$tmp/disk")" "$before" 'what comes waits'
	rm "$full"
	grows "$tmp/disk" 1000
	end_stream
	is "$status $(grep -c warning "$tmp/err") $(grep -c 'there is room again' \
		"$tmp/err")" '0 1 1' 'and is written when there is room: said once'
	dense "$tmp/disk" && whole "$tmp/disk"
	ok $? "$(trades "$tmp/disk" | wc -l) trades, none lost"
	is "$(cat "$tmp"/disk/*.ndjson | grep -c '"type":"gap"')" 0 'no hole'

	start_stream "$tmp/out" ETH --spool "$tmp/over" --queue-max 64K
	grows "$tmp/over" 100
	: >"$full"
	wait_for 'said "the spool has no room: the queue of 65536 bytes is full"'
	ok $? 'a queue that fills meanwhile is said'
	rm "$full"
	wait_for 'cat "$tmp"/over/*.ndjson | grep -q overflow'
	ok $? 'what was dropped is told when there is room'
	end_stream
	whole "$tmp/over"
	ok $? 'whole lines'

	start_stream "$tmp/out" ETH --spool "$tmp/stuck" --state "$tmp/state"
	wait_for 'grep -q "trades\.option" "$tmp/state" 2>/dev/null'
	grows "$tmp/stuck" 100
	: >"$full"
	wait_for 'said "No space left"'
	kill "$STREAM_PID"
	# It may wait for ten seconds; meanwhile:
	stuck=$STREAM_PID
	whole "$tmp/stuck"
	ok $? 'stopped on a full disk'
	wait_for '! tap_alive "$stuck"' 40 || kill_pid KILL "$stuck"
	wait "$stuck"
	is "$?" 74 'it ends with 74'
	like "$(tail -n 1 "$tmp/err")" \
		'error: [0-9]+ bytes could not be written: .*/stuck/.*: No space left on device$' \
		'and a sentence'
	rm "$full"
	full=
	# What was not written is not claimed.
	start_stream "$tmp/out" ETH --spool "$tmp/stuck" --state "$tmp/state"
	wait_for 'cat "$tmp"/stuck/*.ndjson |
		grep -q "trades.option.*\"repaired\":true"'
	end_stream
	is "$status" 0 'the next run goes on'
	trades "$tmp/stuck" | sort | uniq | sort -k1,1 -k2,2n |
		awk '$1 in last && $2 != last[$1] + 1 { print; bad = 1 }
		{ last[$1] = $2 } END { exit bad }' >"$tmp/jumps"
	ok $? 'and lacks no trade'
else
	skip 'no LD_PRELOAD' 'a full disk'
fi

# ------------------------------------------------------------ a limit of our own
start_stream "$tmp/out" ETH --spool "$tmp/limit" --spool-max 256K \
	--spool-segment 64K
wait_for 'said "/limit holds [0-9]* bytes, and may hold 262144; what comes waits"'
ok $? '--spool-max is said'
[ "$(cat "$tmp"/limit/*.ndjson | wc -c)" -le 262144 ]
ok $? 'and kept'
rm "$tmp/limit/0000000000000001.ndjson" "$tmp/limit/0000000000000002.ndjson"
wait_for '[ -f "$tmp/limit/0000000000000006.ndjson" ]'
ok $? 'a reader that removes makes room'
kill "$STREAM_PID"
# All but the newest, as a reader does.
drain()
{
	find "$tmp/limit" -name '*.ndjson' | sort | sed '$d' |
		while read -r segment; do rm "$segment"; done
	! tap_alive "$STREAM_PID"
}
wait_for drain
wait "$STREAM_PID"
is $? 0 'and lets it end'
whole "$tmp/limit"
ok $? 'whole lines'

# -------------------------------------------------------------------- killed
i=0
while [ "$i" -lt "$KILLS" ]; do
	i=$((i + 1))
	start_stream "$tmp/out" ETH --spool "$tmp/killed" --spool-segment 64K \
		--state "$tmp/killed.state" --state-interval 50ms
	grows "$tmp/killed" 1500
	kill_pid KILL "$STREAM_PID"
	wait "$STREAM_PID" 2>/dev/null
	# As a machine that fails leaves it.
	newest=$(find "$tmp/killed" -name '*.ndjson' | sort | tail -n 1)
	printf '{"type":"quote","torn' >>"$newest"
	for segment in "$tmp"/killed/*.ndjson; do
		[ "$segment" = "$newest" ] ||
			[ -z "$(tail -c 1 "$segment" | tr -d '\n')" ] ||
			echo "$segment"
	done >>"$tmp/torn"
done
is "$(wc -l <"$tmp/torn" | tr -d ' ')" 0 \
	"killed $KILLS times: no segment but the newest is ever torn"
# Of this run alone: the last one repaired, too.
of_this_run()
{
	find "$tmp/killed" -name '*.ndjson' | sort |
		awk -v newest="$newest" '$0 > newest' |
		while read -r segment; do cat "$segment"; done
}
start_stream "$tmp/out" ETH --spool "$tmp/killed" --state "$tmp/killed.state"
wait_for 'of_this_run | grep -q "trades.option.*\"repaired\":true"'
end_stream
is "$status" 0 'the next run goes on where it was'
whole "$tmp/killed"
ok $? 'what was torn is cut off'
trades "$tmp/killed" | sort -k1,1 -k2,2n | uniq -c | awk '$2 in last &&
	$3 != last[$2] + 1 { print; bad = 1 } { last[$2] = $3; twice += $1 - 1; n++ }
	END { printf "%d trades, %d came twice\n", n, twice; exit bad }' >"$tmp/sum"
ok $? "none is missing: $(tail -n 1 "$tmp/sum")"
stop_replay

done_testing
