#!/bin/sh
# Incremental books: rebuilt from what deribit-ws-stream writes they are the
# server's after every record, whatever happens to their messages; what is
# missing has a gap record, and nothing else has one.
# BOOKS: messages a scenario, 2500 by default; SEED: of the market and the faults.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, builddir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS
messages=${BOOKS:-2500}
seed=${SEED:-7}

# start_stream ARGUMENT...: in the background; its output is $tmp/out.
start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 200ms \
		--channels book --book incremental "$@" >"$tmp/out" \
		2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

books()
{
	"$builddir/tests/faults/books" "$tmp/out" "$tmp/truth" >"$tmp/books"
}

# told WHAT: how many, by its last line: 4 books, 3004 records, 4 snapshots, ...
told()
{
	sed -n "\$s/.*\\b\\([0-9][0-9]*\\) $1.*/\\1/p" "$tmp/books"
}

all_made()
{
	kill -USR1 "$REPLAY_PID"
	[ "$(sed -n 's/.* \([0-9]*\) messages made.*/\1/p' "$tmp/replay.err" |
		tail -1)" -ge "${1:-$messages}" ] 2>/dev/null
}

# play NAME REPLAY-OPTIONS STREAM-OPTIONS: four busy books, to the end.
play()
{
	: >"$tmp/truth"
	# shellcheck disable=SC2086 # options
	start_replay --synthetic "$seed" --rate 800 --always --count "$messages" \
		--truth "$tmp/truth" $2
	# shellcheck disable=SC2086 # options
	start_stream -i BTC-PERPETUAL -i ETH-PERPETUAL -i SOL_USDC-PERPETUAL \
		-i XRP_USDC-PERPETUAL $3
	wait_for all_made 60
	wait_for books 30
	stop_pid "$STREAM_PID"
	kill -USR1 "$REPLAY_PID"
	stop_replay
	books
	ok $? "$1: each book is the server's after each record"
	tap_comment "$(cat "$tmp/books")"
}

# ------------------------------------------------------ nothing is wrong
play 'a quiet network' '' ''
is "$(told snapshots) $(told gaps) $(told cuts) $(told 'changes missing')" \
	'4 0 0 0' 'one snapshot each, no gap, no change missing'

# --------------------------------------------------- messages are harmed
play 'dropped, reordered, doubled' \
	'--fault drop:rate=0.01,class=book. --fault reorder:rate=0.01,class=book. --fault duplicate:rate=0.01,class=book. --fault-count 40' ''
[ "$(told gaps)" -ge 4 ] && [ "$(told 'changes missing')" -ge 4 ]
ok $? 'changes were missing, and gap records say so'
is "$(told cuts)" 0 'of sequence alone'
is "$(sed -n 's/.* \([0-9]*\) calls limited.*/\1/p' "$tmp/replay.err" |
	tail -1)" 0 'subscribing anew was within the limits'
play 'doubled only' '--fault duplicate:rate=0.1,class=book.' ''
is "$(told snapshots) $(told gaps) $(told 'changes missing')" '4 0 0' \
	'what comes twice is left out, and is no gap'

# ------------------------------------------------- connections are harmed
play 'cuts, silences' \
	'--fault drop:rate=0.003,class=book. --fault cut:every=0.7 --fault silent:every=3 --fault-after 0.5 --fault-count 20' \
	'--silence-timeout 1s --stall-timeout 2s'
[ "$(told cuts)" -ge 4 ] && [ "$(told snapshots)" -ge 8 ]
ok $? 'a gap record each, and a snapshot behind it'

play 'a pair, cut by turns' '--fault cut:every=0.3,apart=0.8' '--redundancy 2'
is "$(told snapshots) $(told gaps) $(told cuts) $(told 'changes missing')" \
	'4 0 0 0' 'one chain, not a change missing'
grep -q '"event":"cut"' "$tmp/truth" && [ "$(told records)" -ge "$messages" ]
ok $? 'though they were cut'
play 'a pair that loses messages' \
	'--fault drop:rate=0.002,class=book. --fault-count 8' '--redundancy 2'
play 'renewed connections' '' '--rotate 1s'
is "$(told snapshots) $(told gaps) $(told cuts) $(told 'changes missing')" \
	'4 0 0 0' 'one chain over all of them'

# ----------------------------------------------------- the reader is slow
: >"$tmp/truth"
start_replay --synthetic "$seed" --rate 3000 --count $((3 * messages)) \
	--truth "$tmp/truth"
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo"
: >"$tmp/err"
deribit-ws-stream --channels book --book incremental -i BTC-PERPETUAL \
	-i ETH-PERPETUAL -i SOL_USDC-PERPETUAL -i XRP_USDC-PERPETUAL \
	--queue-max 64K >"$tmp/fifo" 2>"$tmp/err" &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
while dd bs=30000 count=1 2>"$tmp/dd" >"$tmp/chunk"; [ -s "$tmp/chunk" ]; do
	cat "$tmp/chunk"
	sleep 0.05
done <"$tmp/fifo" >"$tmp/out" 9<&- &
reader=$!
at_exit "stop_pid $reader"
wait_for '[ "$(grep -c "has room again" "$tmp/err")" -ge 3 ]' 60
ok $? 'the queue was full some times'
wait_for "all_made $((3 * messages))" 60
wait_for books 30
stop_pid "$STREAM_PID"
exec 9<&-
wait "$reader"
stop_replay
books
ok $? 'behind what was dropped a snapshot begins anew'
tap_comment "$(cat "$tmp/books")"

# -------------------------------------------------------------- recorded
RECORDED=${RECORDED:-$srcdir/../shared/recorded}
if [ -d "$RECORDED" ]; then
	{
		for f in "$RECORDED"/nautilus/ws_*.json; do
			tr -d '\n' <"$f"
			echo
		done
		cat "$RECORDED"/*/*.ndjson
		sed -n 's/^[0-9.]*: //p' "$RECORDED/cryptofeed/DERIBIT.ws.30.0"
	} | grep '"subscription"' | grep '"channel": *"book\.' >"$tmp/frames"
	# By other means: the channels whose recorded chain is broken.
	jq -rs 'map(.params | select(.channel | split(".") | length == 3)) |
		group_by(.channel)[] | .[0].channel as $c |
		reduce .[].data as $d ({last: null, broken: false};
		if ($d.type // "") == "snapshot" or ($d.prev_change_id == null)
		then .last = $d.change_id
		elif $d.prev_change_id == .last then .last = $d.change_id
		else .broken = true end) | select(.broken) | $c' \
		"$tmp/frames" | sort >"$tmp/broken"
	names=$(jq -r .params.channel "$tmp/frames" | sort -u | tr '\n' ,)
	start_replay --frames "$tmp/frames" --exit
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 200ms \
		--channels "${names%,}" >"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
	wait_for '! tap_alive $REPLAY_PID' 60
	wait_for 'grep -q "retry in" "$tmp/err"' 30
	stop_pid "$STREAM_PID"
	jq -r 'select(.type == "gap" and .reason == "sequence") | .channel' \
		"$tmp/out" | sort >"$tmp/gaps"
	is "$(cat "$tmp/gaps")" "$(cat "$tmp/broken")" \
		'recorded books: gap records for the chains that are broken'
	is "$(wc -l <"$tmp/broken")" 2 'the collections of single messages'
	grep -cvFf "$tmp/broken" "$tmp/frames" >"$tmp/sent"
	jq -r 'select(.type == "book_change" or .type == "book") |
		.instrument_name' "$tmp/out" | wc -l >"$tmp/written"
	[ "$(cat "$tmp/written")" -ge "$(cat "$tmp/sent")" ]
	ok $? 'and no message of the others is missing'
else
	skip 'no recorded payloads' 'recorded books'
fi

done_testing
