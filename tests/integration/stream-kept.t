#!/bin/sh
# A channel that was given up as dead, and speaks before it has left: it is kept
# when the exchange has not been asked yet; else what it says meanwhile lies in
# no gap record.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"

PEER_GO=$tmp/go
export PEER_GO
at_exit stop_peer

start_peer speak-late
: >"$tmp/err"
deribit-ws-stream --url "$PEER_URL" --cacert "$PEER_CACERT" \
	--channels quotes,book,deribit_price_index.eth_usd,deribit_price_index.sol_usd \
	-i ETH-27MAR26-3000-C --depth-interval 200ms --silence-timeout 5m \
	--reply-timeout 2m --audit-interval 0 >"$tmp/out" 2>"$tmp/err" &
client=$!
at_exit "stop_pid $client"

wait_for "grep -q 'sol_usd is silent' '$tmp/err'" 60
ok $? 'two indices fall silent, one behind the other' ||
	tap_comment "$(cat "$tmp/err")"
: >"$PEER_GO"

# gaps INDEX
gaps()
{
	jq -c --arg channel "deribit_price_index.$1" \
		'select(.type == "gap" and .channel == $channel)' "$tmp/out"
}

wait_for "grep -q 'sol_usd speaks; it is kept' '$tmp/err'" 30
ok $? 'the one that waits for its turn is kept'
wait_for '[ "$(gaps eth_usd | wc -l)" -ge 2 ]' 30
ok $? 'the other one comes back'
kill "$client"
wait "$client"
is $? 0 'exit 0'
stop_peer

is "$(sed -n 's/^event 1 unsubscribe //p' "$tmp/peer.out" | head -n 1)" \
	'["deribit_price_index.eth_usd"]' 'one is unsubscribed'
is "$(gaps sol_usd | jq -rs 'map(.reason, .to > .from) | join(" ")')" \
	'stall true' 'what was kept was silent until it spoke'
is "$(gaps eth_usd | jq -rs '[length, .[0].to == .[1].from,
	.[0].from < .[0].to, .[1].reason] | map(tostring) | join(" ")')" \
	'2 true true stall' 'the other one was silent twice'
done_testing
