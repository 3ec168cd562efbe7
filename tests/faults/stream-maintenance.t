#!/bin/sh
# Twelve sockets and an exchange that closes for five seconds: one of them
# knocks, the others wait; then they come back in good order.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# What the exchange's statistics say of a word: "17 refused".
figure()
{
	said=$(wc -l <"$tmp/replay.err")
	kill_pid USR1 "$REPLAY_PID"
	wait_for "[ \$(wc -l <'$tmp/replay.err') -gt $said ]" 10
	sed -n "s/.*[:;,] \([0-9]*\) $1.*/\1/p" "$tmp/replay.err" | tail -n 1
}

# Whether all channels live, on so many sockets.
whole()
{
	grep -q 'successfully subscribed' "$tmp/err" || return 1
	kill_pid USR1 "$stream" || return 0
	sleep 0.2
	grep 'connections live' "$tmp/err" | tail -n 1 |
		grep -q ": $sockets of $sockets connections live, \([0-9]*\) of \1 channels"
}

# closed SOCKETS AFTER FAULT CURRENCY...
closed()
{
	sockets=$1
	fault=$3
	start_replay --synthetic 5 --rate 500 --always --truth "$tmp/truth" \
		--queue-max 16M --fault-count 1 --fault-after "$2" --fault "$3"
	shift 3
	: >"$tmp/err"
	deribit-ws-stream "$@" --channels quotes,trades,candles \
		--retry-delay 100ms --retry-max-delay 2s \
		>"$tmp/out" 2>"$tmp/err" &
	stream=$!
	at_exit "stop_pid $stream"
	wait_for whole
	ok $? "$fault: $sockets sockets"
	wait_for 'grep -q maintenance-end "$tmp/truth"'
	ok $? 'closed, and open again'
	wait_for whole
	ok $? 'all are back'
	kill "$stream"
	wait "$stream"
	is $? 0 'SIGTERM ends it with 0'
	is "$(figure 'calls limited')" 0 'not one call too many'
	upgrades=$(figure 'upgrades a second')
	[ "$upgrades" -le 15 ]
	ok $? "$upgrades upgrades a second at most"
	# All are cut; then the one that knocks waits ever longer.
	tries=$(grep -c 'retry in' "$tmp/err")
	[ "$tries" -gt "$sockets" ] && [ "$tries" -le $((sockets + 18)) ]
	ok $? "$tries losses and refusals"
	like "$(cat "$tmp/err")" 'the exchange announces maintenance' \
		'it says what happens'
	stop_replay
}

closed 12 7 maintenance:every=0.5,for=5 BTC ETH SOL
closed 4 3 maintenance:every=0.5,for=3,mode=503 ETH
done_testing
