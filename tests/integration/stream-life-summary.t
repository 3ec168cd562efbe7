#!/bin/sh
# The market is looked at, and the summary of one kind is refused, or empty:
# nothing of that kind is let go, and the others are ranked without it.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/stream.sh"

stream_options="--retry-delay 100ms --retry-max-delay 200ms --linger 300ms
    --no-cache --channels quotes"

# said WHAT: the names of which this was logged.
said()
{
	sed -n "s/.*info: \\(.*\\) $1\$/\\1/p" "$tmp/err" | sort -u
}

# faults N: so many were done.
faults()
{
	kill -USR1 "$REPLAY_PID"
	[ "$(grep -c '"event":"fault"' "$tmp/truth")" -ge "$1" ]
}

# Names of future combos, of which no summary tells here.
combos='-FS-'

for how in refused empty; do
	: >"$tmp/truth"
	start_replay --synthetic 7 --rate 300 --truth "$tmp/truth" \
		--interest-every 0.3 \
		--fault "summary-$how:rate=1,class=future_combo."
	deribit-instruments BTC --kind all | jq -r 'select(.kind == "future" or
		.kind == "perpetual" or .kind == "future_combo").instrument_name' \
		>"$tmp/names"
	is "$(grep -c -e "$combos" "$tmp/names" | grep -c '^[1-9]')" 1 \
		"$how: there are combos of futures"
	start_stream BTC --kind all --rank-interval 2s --audit-interval 0 \
		--top $(($(wc -l <"$tmp/names") + 10))
	wait_for 'faults 2 && [ "$(said "is among the first" | wc -l)" -ge 2 ] &&
		[ "$(said "is not among the first any more" | wc -l)" -ge 2 ]'
	ok $? "$how: the others are ranked"
	said 'is not among the first any more' >"$tmp/left"
	said 'is over' >>"$tmp/left"
	is "$(grep -e "$combos" "$tmp/left")" '' "$how: its kind stays"
	[ "$how" = empty ] ||
		like "$(cat "$tmp/err")" \
			'warning: the exchange does not say what BTC future_combo there is: error -32602 ' \
			'it is said'
	stop_pid "$STREAM_PID"
	is "$(grep -c '"type":"gap"' "$tmp/out")" 0 "$how: no gap"
	stop_replay
done

# A whole chain that seems to be gone.
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --truth "$tmp/truth" \
	--fault 'summary-empty:rate=1,class=option.BTC'
start_stream BTC --rank-interval 1s
wait_for 'faults 4'
ok $? 'a market that is empty, again and again'
stop_pid "$STREAM_PID"
is "$(said 'is over' | wc -l | tr -d ' ')" 0 'is not believed to be'
stop_replay

# Half of a chain is missing for once, and nobody asks to look again.
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --truth "$tmp/truth" \
	--fault 'summary-short:rate=1,class=option.BTC' --fault-after 5 \
	--fault-count 1
start_stream BTC --rank-interval 1h --audit-interval 0 --linger 20s
# ticks N: of the index have come since, one a second.
ticks()
{
	kill -USR1 "$REPLAY_PID"
	[ "$(sed -n '/"event":"fault"/,$p' "$tmp/truth" |
		grep -c '"channel":"deribit_price_index.btc_usd"')" -ge "$1" ]
}
wait_for 'faults 1' && wait_for 'said "is over" | grep -q .'
ok $? 'a market of which half is missing'
# Each of two connections has them.
wait_for 'ticks 50' 90
wait_for 'kill -USR1 "$STREAM_PID" && grep -q " of 912 channels" "$tmp/err"' 5
ok $? 'is looked at again before any of it is let go'
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'no gap'
stop_replay

done_testing
