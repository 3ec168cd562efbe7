# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# shellcheck disable=SC2034 # for the caller
# shellcheck disable=SC2016 # expanded by wait_for
# deribit-ws-stream in the background, which is stopped, or killed, and started
# again, on a disk that may be full: after tap.sh, replay.sh and disk.sh.

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# The disk is full, but for $full_room bytes, while this file exists; empty: it
# never is.
full=
full_room=0

# start_stream OUT ARGUMENT...: what it says is $tmp/err.
start_stream()
{
	stream_out=$1
	shift
	: >"$tmp/err"
	[ -p "$stream_out" ] || : >"$stream_out"
	(
		[ -z "$full" ] || full_disk "$full" "$full_room"
		exec deribit-ws-stream --retry-delay 100ms \
		    --retry-max-delay 1s "$@" >"$stream_out" 2>"$tmp/err"
	) &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

end_stream()
{
	kill "$STREAM_PID"
	wait "$STREAM_PID"
	status=$?
}

said()
{
	grep -q -- "$1" "$tmp/err"
}
