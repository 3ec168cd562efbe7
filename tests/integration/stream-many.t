#!/bin/sh
# Many channels that each have a hole at once: a call of its own for each, at the
# pace that the exchange grants, and none is given up while it stands in line.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/stream.sh"
. "$srcdir/tests/sh/market.sh"

# How many channels, and how long one may be asked for in vain: far less than
# all of them take at ten calls a second.
MANY=${MANY:-80}
PATIENCE=${PATIENCE:-3s}

# holes FILTER: gap records of trades channels of which it is true.
holes()
{
	jq -r "select(.type == \"gap\" and (.channel | startswith(\"trades.\"))
		and ($1)).channel" "$tmp/out" 2>"$tmp/jq" | sort
}

whole()
{
	trades_whole 8 >"$tmp/whole"
	[ ! -s "$tmp/whole" ]
}

start_replay --synthetic 7 --rate 300 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --fault cut:every=1 --fault-after 8 \
	--fault-count 1
start_stream BTC --top "$MANY" --channels trades --no-cache \
	--repair-timeout "$PATIENCE" --retry-delay 100ms --retry-max-delay 100ms
wait_for '[ "$(holes true | wc -l)" -ge "$MANY" ]' 90
ok $? "each of $MANY channels has a record of the loss"
is "$(holes true | uniq -d | wc -l | tr -d ' ')" 0 'and one'
is "$(holes '.repaired != true' | wc -l | tr -d ' ')" 0 'each is filled'
wait_for whole 30
ok $? 'trades: none missing, none twice, in order' ||
	tap_comment "$(head -5 "$tmp/whole")"
stop_pid "$STREAM_PID"
kill -USR1 "$REPLAY_PID"
stop_replay
like "$(tail -1 "$tmp/replay.err")" ' 0 calls limited' 'no limit was met'

done_testing
