#!/bin/sh
# deribit-ws-stream against a peer that does one thing wrong: one clear sentence
# on stderr, and the right exit, or another connection, or it goes on.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"

at_exit stop_peer

# client: in the background, in $client.
client()
{
	: >"$tmp/err"
	deribit-ws-stream --url "$PEER_URL" --cacert "$PEER_CACERT" \
	    --channels quotes -i ETH-27MAR26-3000-C -i ETH-27MAR26-4000-C \
	    --connect-timeout "${deadline:-10s}" \
	    --reply-timeout "${deadline:-10s}" \
	    --stall-timeout "${deadline:-20s}" \
	    --retry-delay 100ms --retry-max-delay 1s \
	    >"$tmp/out" 2>"$tmp/err" &
	client=$!
	at_exit "kill_pid TERM $client"
}

# Waits for the client; its exit in $status.
client_ends()
{
	if ! wait_for "! tap_alive $client" 60; then
		kill -9 "$client"
	fi
	wait "$client" 2>/dev/null
	status=$?
}

quotes()
{
	grep -c '"type":"quote"' "$tmp/out"
}

# What was said, without what is said of a good connection.
sentences()
{
	grep -v ': info: ' "$tmp/err"
}

# ends BEHAVIOUR EXIT SENTENCE: it never was live, and trying again is useless.
ends()
{
	start_peer "$1"
	client
	client_ends
	stop_peer
	is "$status" "$2" "$1: exit $2"
	like "$(sentences)" "$3" "$1: says why"
	is "$(sentences | wc -l | tr -d ' ')" 1 "$1: in one sentence"
}

# again BEHAVIOUR SENTENCE [QUOTES]: the first connection meets it, the second
# is good; at least so many quotes arrived by then.
again()
{
	start_peer "$1" 1
	client
	wait_for "grep -q '^event 2 subscribed' '$tmp/peer.out'" 60 &&
	    wait_for "[ \"\$(quotes)\" -gt ${3:-0} ]" 60
	ok $? "$1: connects again, and records"
	kill "$client"
	client_ends
	stop_peer
	is "$status" 0 "$1: exit 0 at SIGTERM"
	like "$(sentences)" "$2; retry in [0-9.]+ s" "$1: says why"
	is "$(sentences | wc -l | tr -d ' ')" 1 "$1: in one sentence"
}

# goes_on BEHAVIOUR EVENT QUOTES [SENTENCE]: the same connection lives.
goes_on()
{
	start_peer "$1"
	client
	wait_for "grep -q '^event 1 $2' '$tmp/peer.out'" 60 &&
	    wait_for "[ \"\$(quotes)\" -ge $3 ]" 60
	ok $? "$1: goes on"
	kill "$client"
	client_ends
	stop_peer
	is "$status" 0 "$1: exit 0 at SIGTERM"
	is "$(grep -c accepted "$tmp/peer.out")" 1 "$1: one connection"
	if [ -n "${4:-}" ]; then
		like "$(sentences)" "$4" "$1: says so"
	else
		is "$(sentences)" '' "$1: nothing to say"
	fi
}

at='localhost:[0-9]+: '

ends wrong-certificate 78 \
    "${at}certificate not trusted: unable to get local issuer certificate$"
ends wrong-host 78 "${at}the certificate is not valid for this name$"
ends http-404 78 "${at}HTTP 404 Not Found instead of a WebSocket; is the URL right\?$"
ends bad-accept 76 "${at}.* wrong Sec-WebSocket-Accept$"
ends no-accept 76 "${at}.* no Sec-WebSocket-Accept$"
ends extension 76 "${at}.*Sec-WebSocket-Extensions that was not offered$"
ends empty-result 69 'took none of the 2 channels: quote.ETH-27MAR26-3000-C, '
ends auth-error 77 "${at}.*error 13778"

deadline=1s
again accept-and-say-nothing "${at}no connection within 1000 ms .*"
again tls-and-say-nothing "${at}the upgrade was not answered within 1000 ms"
again upgrade-and-say-nothing "${at}no answer to hello and set_heartbeat"
again stall "${at}connection lost: no heartbeat for 1 s"
deadline=
again http-302 "${at}HTTP 302 Found .*; it points to https://elsewhere.example/"
again http-429 "${at}HTTP 429 Too Many Requests instead of a .*"
again http-503 "${at}HTTP 503 Service Unavailable instead of a .*"
again no-http "${at}the upgrade was answered by no valid HTTP"
again bad-header "${at}the upgrade was answered by no valid HTTP"
again huge-header "${at}.*header is larger than 16 KiB"
again rate-limit "${at}.*error 10028 \\(too_many_requests\\)"
again maintenance "${at}.*error 11051 \\(system_maintenance\\)"
again invalid-json "${at}invalid JSON at byte [0-9]+ of a message: .*"
again invalid-utf8 "${at}protocol error: a text message is not valid UTF-8"
again binary-frame "${at}protocol error: a binary message where .*"
again masked-frame "${at}protocol error: the server masked a frame"
again reserved-bit "${at}protocol error: a frame with a reserved bit set"
again long-ping "${at}protocol error: a frame with an impossible header"
again lone-continuation "${at}protocol error: a continuation of no message"
again huge-message "${at}protocol error: a message of 20971520 bytes .*"
again close-4000 "${at}the server closed the connection: 4000 heartbeat close"
# What came whole before the cut is all there: 1 + 500, and the next one's.
again cut "${at}connection lost: the server hung up" 501
again reset "${at}connection lost: .*[Rr]eset.*"

goes_on unknown-method subscribed 3 'unknown method: public/surprise$'
goes_on error-without-id subscribed 3 'ignored: error 11050 \(bad_request\)$'
goes_on partial-result subscribed 3 \
    'subscribed to 1 of 2 channels; missing: quote.ETH-27MAR26-4000-C$'
goes_on fragmented-ok subscribed 3
like "$(cat "$tmp/out")" '"timestamp":4242,.*"note":"é"' \
    'fragmented-ok: five fragments and the pings between them are one message'
goes_on ping-flood 'survived some pongs' 2
goes_on heartbeat 'heartbeat answered' 20000

# What the WebSocket client knows of a refusal, whoever asks it.
# probe BEHAVIOUR REFUSED
probe()
{
	start_peer "$1"
	like "$(DERIBIT_WS_URL=$PEER_URL DERIBIT_CACERT=$PEER_CACERT \
	    "$builddir/tests/peer/ws-probe" x 2>&1)" "$2" "$1: the client knows"
	stop_peer
}

probe http-429 "refused: 429, retry after 7000 ms"
probe http-503 "refused: 503, retry after 0 ms"
probe http-404 "refused: 404, retry after 0 ms"

done_testing
