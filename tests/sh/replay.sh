# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# deribit-replay in the background: after tap.sh.  Exports DERIBIT_WS_URL,
# DERIBIT_REST_URL and DERIBIT_CACERT once it is ready; stopped at exit.

REPLAY_PID=

# start_replay ARGUMENT...
start_replay()
{
	: >"$tmp/replay.out"
	deribit-replay "$@" >"$tmp/replay.out" 2>"$tmp/replay.err" &
	REPLAY_PID=$!
	at_exit "stop_pid $REPLAY_PID"
	if ! wait_for 'replay_ready || ! tap_alive $REPLAY_PID' 30 ||
	    ! replay_ready; then
		tap_comment "$(cat "$tmp/replay.err")"
		echo "Bail out! deribit-replay $* is not ready"
		exit 1
	fi
	DERIBIT_WS_URL=$(replay_line DERIBIT_WS_URL)
	DERIBIT_REST_URL=$(replay_line DERIBIT_REST_URL)
	DERIBIT_CACERT=$(replay_line DERIBIT_CACERT)
	export DERIBIT_WS_URL DERIBIT_REST_URL DERIBIT_CACERT
}

stop_replay()
{
	[ -z "$REPLAY_PID" ] || stop_pid "$REPLAY_PID"
	REPLAY_PID=
}

# Complete lines only: the last of the three may be half written.
replay_ready()
{
	[ "$(grep -c '^DERIBIT_[A-Z_]*=' "$tmp/replay.out")" -ge 3 ] &&
	    [ -z "$(tail -c 1 "$tmp/replay.out" | tr -d '\n')" ]
}

replay_line()
{
	sed -n "s/^$1=//p" "$tmp/replay.out"
}
