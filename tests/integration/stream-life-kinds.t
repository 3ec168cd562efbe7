#!/bin/sh
# The life of a chain of every kind: what the list of the start has and the
# market has not is let go, what it lacks is followed; and --top ranks all kinds
# together.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/market.sh"
. "$srcdir/tests/sh/http-peer.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 200ms "$@" \
		>"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# said WHAT: the names of which this was logged.
said()
{
	sed -n "s/.*info: \\(.*\\) $1\$/\\1/p" "$tmp/err" | sort -u
}

# names KIND: of the list.
names()
{
	jq -r --arg kind "$1" 'select(.kind == $kind).instrument_name' \
		"$tmp/chain"
}

# ------------------------------------------------- a list that is not of today
start_replay --synthetic 7 --rate 300 --always --truth "$tmp/truth"
deribit-instruments BTC --kind all >"$tmp/chain"
# Of each kind one bears another name than it has at the exchange.
for kind in option future option_combo future_combo; do
	name=$(names "$kind" | grep '[A-Z]\{3\}[0-9]' | tail -n 1)
	echo "$kind $name $(echo "$name" | sed 's/\([A-Z]\{3\}\)[0-9]/\19/')"
done >"$tmp/renamed"
is "$(awk 'NF == 3 && $2 != $3' "$tmp/renamed" | wc -l | tr -d ' ')" 4 \
	'four kinds end some day'
while read -r kind name other; do
	echo "s/\"$name\"/\"$other\"/g"
done <"$tmp/renamed" >"$tmp/rename"
# The exchange by REST, of another day: its answers lie in the cache, behind
# three lines, the second of which is the question.
start_peer
find "$tmp/cache" -type f >"$tmp/cached"
while read -r file; do
	sed '1,3d' "$file" | sed -f "$tmp/rename" |
		result "$(sed -n '2s,.*/,,p' "$file")"
done <"$tmp/cached"
start_stream BTC --kind all --linger 200ms --audit-interval 0
cut -d' ' -f2 "$tmp/renamed" | sort >"$tmp/real"
cut -d' ' -f3 "$tmp/renamed" | sort >"$tmp/gone"
wait_for 'said "is over" | cmp -s - "$tmp/gone"' 30
is "$(said 'is over' | tr '\n' ' ')" "$(tr '\n' ' ' <"$tmp/gone")" \
	'of each kind, what is not there any more is over'
wait_for 'said "is listed" | cmp -s - "$tmp/real"' 30
is "$(said 'is listed' | tr '\n' ' ')" "$(tr '\n' ' ' <"$tmp/real")" \
	'and what was not in the list is followed'
heard()
{
	while read -r name; do
		grep -q "\"type\":\"quote\".*\"instrument_name\":\"$name\"" \
			"$tmp/out" || return 1
	done <"$tmp/real"
}
wait_for heard
ok $? 'and heard'
stop_pid "$STREAM_PID"
is "$(requests)" 1 'which was asked for once'
stop_replay

# ------------------------------------------------------------- ranks of all kinds
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --always --truth "$tmp/truth" \
	--interest-every 0.3
# More than there are futures, whose interest is always larger.
n=$(($(names future | wc -l) + $(names perpetual | wc -l) + \
	$(names future_combo | wc -l) + 10))
start_stream BTC --kind all --top "$n" --rank-interval 2s --linger 300ms \
	--no-cache --channels quotes
wait_for '[ "$(said "is among the first" | wc -l)" -ge 4 ] &&
	[ "$(said "is not among the first any more" | wc -l)" -ge 4 ]'
ok $? '--top ranks them anew, with --kind all as well'
wait_for 'kill -USR1 "$STREAM_PID" && grep -q " of $n channels" "$tmp/err"'
ok $? "$n of them are followed when it has settled"
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'no gap'
stop_replay

done_testing
