# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp, builddir: tap.sh
# shellcheck disable=SC2034 # for the caller
# deribit-ws-stream with more connections than one for a channel, against
# deribit-replay; tests/faults/pair.c compares.  After tap.sh and replay.sh.

PATH=$builddir/tests/faults:$PATH
XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# made: how many messages the market has made.
made()
{
	kill_pid USR1 "$REPLAY_PID"
	sleep 0.5
	tail -n 3 "$tmp/replay.err" |
		sed -n 's/.*[:;,] \([0-9]*\) messages made.*/\1/p' | tail -n 1
}

ended()
{
	n=$(made)
	[ "${n:-0}" -ge "$pair_count" ] || ! tap_alive "$pair_pid"
}

# settled: the comparison is good; else it may become so, while it goes on.
settled()
{
	kill_pid USR1 "$REPLAY_PID"
	pair "$tmp/truth" "$tmp/out" "$tmp/ledger" >"$tmp/pair"
}

# figure NAME: of the last comparison.
figure()
{
	sed -n "s/.*$1 \([0-9]*\).*/\1/p" "$tmp/pair" | tail -n 1
}

# faults KIND: how many were done.
faults()
{
	grep -c "\"event\":\"fault\",\"fault\":\"$1\"" "$tmp/truth"
}

# market SECONDS RATE ARGUMENT...: a server that makes so many messages.
market()
{
	pair_count=$(($1 * $2))
	pair_rate=$2
	shift 2
	start_replay --synthetic 7 --always --rate "$pair_rate" \
		--count "$pair_count" --truth "$tmp/truth" \
		--ledger "$tmp/ledger" "$@"
}

# stream ARGUMENT...: until all is made and written; then compares: the figures
# are in $tmp/pair.
stream()
{
	: >"$tmp/err"
	deribit-ws-stream -v --retry-delay 1ms --retry-max-delay 100ms "$@" \
		>"$tmp/out" 2>"$tmp/err" &
	pair_pid=$!
	at_exit "stop_pid $pair_pid"
	wait_for ended $((pair_count * 4 / pair_rate + 60))
	wait_for settled 20
	stop_pid "$pair_pid"
	settled
	stop_replay
	tap_comment "$(tail -n 3 "$tmp/pair")"
}

# whole NAME: all that was said is written, once and in order, and no gap.
whole()
{
	like "$(tail -n 1 "$tmp/pair")" \
		' lost 0, again 0, strange 0, broken 0, gaps 0, unheard 0, in gaps 0$' \
		"$1: nothing lost, nothing doubled, in order, no gap record" ||
		tap_comment "$(head -n 20 "$tmp/pair")"
}
