# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# shellcheck disable=SC2034 # for the caller
# deribit-ws-stream in the background, with an output of its own: after tap.sh
# and replay.sh.

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# What each of them is told before its own arguments; words.
stream_options=

# start_stream ARGUMENT...: records in $tmp/out, what it says in $tmp/err.
start_stream()
{
	: >"$tmp/err"
	# shellcheck disable=SC2086 # words
	deribit-ws-stream $stream_options "$@" >"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}
