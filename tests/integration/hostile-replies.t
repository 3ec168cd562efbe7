#!/bin/sh
# deribit-ws-stream against a peer that answers wrongly, late, twice or not at
# all: it goes on, or connects again and says why.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"

at_exit stop_peer
option=ETH-27MAR26-3000-C

# client ARGUMENT...: in the background, in $client.
client()
{
	: >"$tmp/err"
	deribit-ws-stream --url "$PEER_URL" --cacert "$PEER_CACERT" \
		--retry-delay 10ms --retry-max-delay 100ms "$@" \
		>"$tmp/out" 2>"$tmp/err" &
	client=$!
	at_exit "stop_pid $client"
}

quotes()
{
	grep -c '"type":"quote"' "$tmp/out"
}

sentences()
{
	grep -v ': info: ' "$tmp/err"
}

# ended NAME: it can still be ended well.
ended()
{
	kill "$client"
	wait_for "! tap_alive $client" 20 || kill -9 "$client"
	wait "$client" 2>/dev/null
	is $? 0 "$1: exit 0 at SIGTERM" || tap_comment "$(tail -n 30 "$tmp/err")"
	stop_peer
}

# goes_on BEHAVIOUR EVENT SENTENCE STREAM...: on one connection.
goes_on()
{
	name=$1 event=$2 sentence=$3
	shift 3
	start_peer "$name"
	client "$@"
	wait_for "grep -q '^event 1 $event' '$tmp/peer.out'" 60 &&
		wait_for "[ \"\$(quotes)\" -ge 3 ]" 60
	ok $? "$name: goes on" || tap_comment "$(tail -n 30 "$tmp/err")"
	# Three more quotes after what was wrong.
	n=$(quotes)
	wait_for "[ \"\$(quotes)\" -ge $((n + 3)) ]" 60
	ok $? "$name: and records"
	ended "$name"
	is "$(grep -c accepted "$tmp/peer.out")" 1 "$name: one connection"
	if [ -n "$sentence" ]; then
		like "$(sentences)" "$sentence" "$name: says so"
	else
		is "$(sentences)" '' "$name: nothing to say"
	fi
}

# again BEHAVIOUR SENTENCE STREAM...: the first connection meets it.
again()
{
	name=$1 sentence=$2
	shift 2
	start_peer "$name" 1
	client "$@"
	wait_for "grep -q '^event 2 subscribed' '$tmp/peer.out'" 60 &&
		wait_for "[ \"\$(quotes)\" -ge 3 ]" 60
	ok $? "$name: connects again, and records"
	ended "$name"
	like "$(sentences)" "localhost:[0-9]+: $sentence; retry in" \
		"$name: says why"
}

channel="--channels quotes -i $option"
all="--channels quotes,trades,book -i $option --depth-interval 100ms
    --audit-interval 500ms"

# shellcheck disable=SC2086 # words
{
	goes_on double-replies subscribed \
		'ignored: error 10040 \(retry\)$' $channel
	goes_on hello-error subscribed 'ignored: error -32601 ' $channel
	goes_on subscribe-later subscribed \
		'subscribe is asked again: error 10040 \(retry\)$' $channel
	goes_on unsubscribe-later unsubscribed \
		'error 13028 \(temporarily_unavailable\)$' \
		$channel --silence-timeout 500ms
	goes_on junk-replies 'all junk' 'order book is not to be had' $all
	goes_on error-replies 'all errors' 'order book is not to be had' $all
	goes_on endless-pages 'thirty pages' '' --channels quotes,trades \
		-i $option --audit-interval 500ms

	again string-ids 'no answer to hello and set_heartbeat' \
		$channel --reply-timeout 1s
	again heartbeat-error \
		'set_heartbeat was refused: error 11029 \(invalid_arguments\)' \
		$channel
	again subscribe-error \
		'subscribe was refused: error 11050 \(bad_request\)' $channel
	again subscribe-no-list 'the reply to subscribe is no list' $channel
	again unsubscribe-lost 'no answer to unsubscribe' \
		$channel --silence-timeout 500ms --reply-timeout 1s
	is "$(grep -c '"type":"gap"' "$tmp/out")" 1 \
		'unsubscribe-lost: one gap, of the loss'

	# The first connection is cut at its first request, the second at its
	# second, ...
	start_peer cut-at-request 8
	client $all
	wait_for "grep -q '^event 9 subscribed' '$tmp/peer.out'" 60 &&
		wait_for "[ \"\$(quotes)\" -ge 3 ]" 60
	ok $? 'cut at each of eight requests: connects again, and records'
	ended cut-at-request
	is "$(grep -c 'cut at request' "$tmp/peer.out")" 8 'eight cuts'
}

done_testing
