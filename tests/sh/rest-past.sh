# shellcheck shell=sh
# shellcheck disable=SC2016,SC2154 # of wait_for; srcdir, tmp: tap.sh
# shellcheck disable=SC2034,SC2086 # for the caller; words
# The REST collectors against deribit-replay with a past: after tap.sh and
# replay.sh.  The caller has set
#
#	past	what deribit-replay is told of the past, words
#	now	where its clock begins
#	asks	the methods that asked and repeats are about, an expression
#
# and rate, where it is not 10 calls a second.

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset DERIBIT_CACERT

# exchange ARGUMENT...: another one, with another log of its requests.
exchange()
{
	stop_replay
	[ ! -f "$tmp/requests" ] || mv "$tmp/requests" "$tmp/requests.before"
	start_replay $past --clock "$now" --rest-rate "${rate:-10}" \
		--requests "$tmp/requests" "$@"
}

# same WHAT: $tmp/got is $tmp/want, and that is something.
same()
{
	[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
	ok $? "$1: $(wc -l <"$tmp/want" | tr -d ' ') rows" || tap_comment \
		"$(diff "$tmp/want" "$tmp/got" | cut -c 1-200 | head -n 5
			tail -n 5 "$tmp/err")"
}

# asked: the calls that were answered as they should be, sorted.
asked()
{
	jq -r --arg asks "$asks" 'select(.status == 200 and .fault == null and
	    (.method | test($asks))) | .method + " " + .query' \
		"$tmp/requests" | sort
}

# in_rate: and that is tested.
in_rate()
{
	is "$(jq -r 'select(.fault == null and .status != 200)' \
		"$tmp/requests")" '' 'the rate is never exceeded'
}

# harmed N: there were so many kinds of faults at least.
harmed()
{
	jq -r 'select(.fault != null) | .fault' "$tmp/requests" | sort |
		uniq -c >"$tmp/harm"
	[ "$(wc -l <"$tmp/harm")" -ge "$1" ]
	ok $? "faults: $(tr -s ' \n' ' ,' <"$tmp/harm")"
}

# kill_runs TIMES MORE COMMAND...: COMMAND again and again, killed as soon as so
# many more requests were made (an expression in kills), until it ends before
# that, or so often.  $kills: how often; $tmp/parts: what all runs wrote.
kill_runs()
{
	kill_times=$1
	kill_more=$2
	shift 2
	kills=0
	: >"$tmp/parts"
	: >"$tmp/kills"
	while [ "$kills" -lt "$kill_times" ]; do
		"$@" >"$tmp/out" 2>"$tmp/err" &
		pid=$!
		# shellcheck disable=SC2004 # an expression
		n=$(($(wc -l <"$tmp/requests") + $kill_more))
		wait_for '[ "$(wc -l <"$tmp/requests")" -ge '"$n"' ] ||
		    ! tap_alive '"$pid" 60
		kill_pid KILL "$pid"
		wait "$pid" 2>/dev/null
		killed=$?
		cat "$tmp/out" >>"$tmp/parts"
		[ "$killed" -eq 137 ] || break
		wc -l <"$tmp/requests" >>"$tmp/kills"
		kills=$((kills + 1))
	done
}

# repeats: of the calls that were answered as they should be, how many there
# were, how many of these came again behind a kill, and the most of one kill.
# $tmp/kills has how many lines the log had at each.
repeats()
{
	jq -r --arg asks "$asks" '(if .status == 200 and .fault == null and
	    (.method | test($asks)) then "y " else "n " end) + .method +
	    "?" + .query' "$tmp/requests" >"$tmp/log"
	awk 'NR == FNR { kill[++kills] = $1; next }
	{
		while (at < kills && FNR > kill[at + 1])
			at++
		if ($1 != "y")
			next
		answers++
		if ($2 in seen && seen[$2] != at) {
			repeats++
			of[seen[$2]]++
			if (of[seen[$2]] > most)
				most = of[seen[$2]]
		}
		seen[$2] = at
	} END { print answers + 0, repeats + 0, most + 0 }' \
		"$tmp/kills" "$tmp/log"
}
