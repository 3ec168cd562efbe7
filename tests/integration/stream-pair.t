#!/bin/sh
# Two connections for each channel, cut at random, never both: what is written is
# what the market said, each message once and in order, and there is no gap
# record.  PAIR_SECONDS (25) of a market, with a cut about every second.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/pair.sh"

seconds=${PAIR_SECONDS:-25}
rate=${PAIR_RATE:-1000}
every=${PAIR_EVERY:-0.3}

market "$seconds" "$rate" --fault "cut:every=$every,apart=0.3" --fault-after 2
stream ETH --redundancy 2
whole "$(faults cut) cuts in $seconds s"
[ "$(faults cut)" -ge 5 ]
ok $? "there were cuts: $(faults cut)"
[ "$(figure written)" -ge "$pair_count" ]
ok $? "$(figure written) messages of a market that made $pair_count"

market 4 1000 --fault cut:every=0.3,apart=0.3 --fault-after 2
stream ETH --url "$DERIBIT_WS_URL" \
	--url "$(echo "$DERIBIT_WS_URL" | sed s/localhost/127.0.0.1/)"
whole '--url twice'
like "$(cat "$tmp/err")" 'connection [0-9]*: 127\.0\.0\.1:.*hung up|connection [0-9]*: localhost:.*hung up' \
	'each connection has a host of its own'

done_testing
