# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp, builddir: tap.sh
# shellcheck disable=SC2034 # for the caller
# The hostile peer (tests/peer/peer.c) in the background: after tap.sh.

PEER_PID=

# start_peer BEHAVIOUR [TIMES]: sets PEER_URL and PEER_CACERT; what it meets is
# in $tmp/peer.out, one "event CONNECTION WHAT" a line.
start_peer()
{
	: >"$tmp/peer.out"
	"$builddir/tests/peer/peer" "$1" "$tmp" "${2:-1000000}" \
	    >"$tmp/peer.out" 2>"$tmp/peer.err" &
	PEER_PID=$!
	if ! wait_for "grep -q '^PEER_CACERT=..*' '$tmp/peer.out' ||
	    ! tap_alive $PEER_PID" 30 || ! tap_alive "$PEER_PID"; then
		tap_comment "$(cat "$tmp/peer.err")"
		echo "Bail out! the peer is not ready"
		exit 1
	fi
	PEER_URL=$(sed -n 's/^PEER_URL=//p' "$tmp/peer.out")
	PEER_CACERT=$(sed -n 's/^PEER_CACERT=//p' "$tmp/peer.out")
}

stop_peer()
{
	[ -z "$PEER_PID" ] || stop_pid "$PEER_PID"
	PEER_PID=
}
