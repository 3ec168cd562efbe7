#!/bin/sh
# What the audit makes of book summaries: a quiet channel of quotes whose best
# price moves is subscribed anew; not when the price is back each time, when the
# summaries are old, or while nothing shows that its connection is up to date.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"

at_exit stop_peer
quiet=ETH-27MAR26-3100-C

# audited BEHAVIOUR: until it was asked so often that all was seen.
audited()
{
	start_peer "$1"
	: >"$tmp/err"
	deribit-ws-stream --url "$PEER_URL" --cacert "$PEER_CACERT" \
		--channels quotes -i ETH-27MAR26-3000-C -i $quiet \
		--silence-timeout 5m --reply-timeout 2m --audit-interval 1s \
		>"$tmp/out" 2>"$tmp/err" &
	client=$!
	at_exit "stop_pid $client"
	wait_for "grep -q '^event 1 enough' '$tmp/peer.out'" 120
	ok $? "$1: audited"
	kill "$client"
	wait "$client"
	is $? 0 "$1: exit 0"
	stop_peer
}

audited price-moves
like "$(cat "$tmp/err")" "quote.$quiet is silent for [0-9]+ s, and prices moved" \
	'a channel that is silent while its price moves is found'
is "$(grep " is silent" "$tmp/err" | grep -vc "quote.$quiet")" 0 \
	'and no other one'
is "$(jq -r 'select(.type == "gap") | "\(.channel) \(.reason) "' "$tmp/out" |
	sort -u)" "quote.$quiet stall " 'and its gap is told'

for name in price-flickers price-old price-unticked; do
	audited $name
	is "$(grep -c 'is silent' "$tmp/err") $(grep -c '"type":"gap"' \
		"$tmp/out")" '0 0' "$name: nobody is suspected"
done
done_testing
