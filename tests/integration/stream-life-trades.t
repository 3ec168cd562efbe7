#!/bin/sh
# Options that expire while their trades have a hole: what the exchange has of
# them is fetched to the last one.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/stream.sh"
. "$srcdir/tests/sh/market.sh"

whole()
{
	trades_whole "$1" >"$tmp/whole"
	[ ! -s "$tmp/whole" ]
}

start_replay --synthetic 7 --rate 60 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --expire-every 0.4 \
	--fault drop:rate=0.05,class=trades. --fault page-error:rate=0.1 \
	--fault page-short:rate=0.1
start_stream BTC --top 40 --channels trades --linger 100ms --no-cache \
	--audit-interval 4s --rank-interval 2s --retry-delay 100ms
wait_for '[ "$(events expired 6 | wc -l)" -ge 12 ]' 40
wait_for 'whole 6' 60
ok $? 'trades of what has expired: fetched to the last, or their hole is told' ||
	tap_comment "$(head -5 "$tmp/whole")"
grep -q '"repaired":true}' "$tmp/out"
ok $? 'some were'
stop_pid "$STREAM_PID"
stop_replay

done_testing
