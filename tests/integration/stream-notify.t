#!/bin/sh
# deribit-ws-stream under a service manager: when it is ready, what it says of
# its state, when it is alive.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS WATCHDOG_PID WATCHDOG_USEC

at_exit stop_peer

# A manager that listens at NOTIFY_SOCKET; what it hears is $tmp/heard.
NOTIFY_SOCKET=$tmp/notify
export NOTIFY_SOCKET
: >"$tmp/heard"
"$builddir/tests/peer/notify-peer" "$NOTIFY_SOCKET" >"$tmp/heard" &
manager=$!
at_exit "stop_pid $manager"
wait_for 'grep -q listening "$tmp/heard"' || exit 1

# In the background; its stderr is $tmp/err, what it notifies $tmp/heard.
start_stream()
{
	: >"$tmp/out"
	: >"$tmp/err"
	from=$(wc -l <"$tmp/heard")
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 1s "$@" \
		>"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

end_stream()
{
	kill_pid TERM "$STREAM_PID"
	wait "$STREAM_PID"
	status=$?
}

# What was heard since the stream began.
heard()
{
	tail -n +$((from + 1)) "$tmp/heard"
}

hears()
{
	heard | grep -Eq -- "$1"
}

count_heard()
{
	heard | grep -c -- "$1"
}

# ----------------------------------------------------------- ready, and over
start_replay --synthetic 7 --rate 300
start_stream ETH --top 3
wait_for 'hears "^READY=1$"'
ok $? 'READY=1 when every channel is confirmed'
is "$(heard | grep -A 1 '^READY=1' | tail -1)" \
	'STATUS=6 of 6 channels on 1 of 1 connections' 'with the figures'
like "$(heard | head -1)" '^STATUS=asking for the list of instruments$' \
	'before that it says that it asks for the list'
heard | sed -n '/^READY/q; p' >"$tmp/before"
unlike "$(cat "$tmp/before")" 'STATUS=6 of 6' 'and not that all is there'
end_stream
wait_for "hears stopped"
is "$status $(count_heard '^READY=1$') $(count_heard '^STOPPING=1$')" '0 1 1' \
	'READY=1 and STOPPING=1 once each'
is "$(heard | tail -2 | tr '\n' ';')" \
	'STOPPING=1;STATUS=stopped; what waits is written;' \
	'STOPPING=1 at the end'
is "$(count_heard WATCHDOG)" 0 'no WATCHDOG=1 that nobody waits for'

# ------------------------------------------------------ a channel is refused
start_stream --instrument BTC-PERPETUAL --instrument BTC-1JAN20
wait_for 'hears "^STATUS=2 of 4 channels on 1 of 1 connections; missing: quote.BTC-1JAN20, trades.BTC-1JAN20.100ms$"'
ok $? 'STATUS says which channels are missing'
wait_for '[ "$(grep -c "\"type\":\"quote\"" "$tmp/out")" -ge 100 ]'
ok $? 'the others are recorded'
end_stream
is "$(count_heard '^READY=1$')" 0 'READY=1 does not come'
stop_replay

# ------------------------------------------------------------- after a loss
start_replay --synthetic 7 --rate 300 --ca-file "$tmp/ca.pem"
port=${DERIBIT_WS_URL##*:}
start_stream --instrument BTC-PERPETUAL --channels quotes
wait_for 'hears "^READY=1$"'
stop_replay
wait_for 'hears "^STATUS=0 of 1 channels on 0 of 1 connections; missing: quote.BTC-PERPETUAL$"'
ok $? 'STATUS after a loss'
start_replay --synthetic 7 --rate 300 --ca-file "$tmp/ca.pem" \
	--port "${port%%/*}"
wait_for '[ "$(heard | grep "^STATUS=[01] of 1" | tail -1)" = \
	"STATUS=1 of 1 channels on 1 of 1 connections" ]'
ok $? 'and when it is back'
end_stream
is "$(count_heard '^READY=1$')" 1 'READY=1 once'
stop_replay

# ------------------------------------------------- alive only while data come
WATCHDOG_USEC=400000
export WATCHDOG_USEC
start_replay --synthetic 7 --rate 300
start_stream --instrument BTC-PERPETUAL --channels quotes
wait_for '[ "$(count_heard "^WATCHDOG=1$")" -ge 5 ]'
ok $? 'WATCHDOG=1 while data come'
end_stream
stop_replay

# Acknowledges, says one quote, and from then on only that it is there.
start_peer heartbeats-only
start_stream --url "$PEER_URL" --cacert "$PEER_CACERT" --channels quotes \
	--instrument ETH-27MAR26-3000-C --silence-timeout 0
wait_for 'hears "^READY=1$"'
ok $? 'it is ready, and then only heartbeats come'
wait_for '[ "$(grep -c "answered" "$tmp/peer.out")" -ge 5 ]'
beats=$(count_heard '^WATCHDOG=1$')
wait_for '[ "$(grep -c "answered" "$tmp/peer.out")" -ge 40 ]'
is "$(count_heard '^WATCHDOG=1$')" "$beats" 'heartbeats feed no watchdog'
tap_alive "$STREAM_PID"
ok $? 'though it lives'
end_stream
stop_peer
unset WATCHDOG_USEC

# ------------------------------------------------------- a manager that left
stop_pid "$manager"
start_replay --synthetic 7 --rate 300
run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL --count 20
is "$status" 0 'a manager that is not there is nothing to wait for'
stop_replay

done_testing
