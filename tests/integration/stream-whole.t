#!/bin/sh
# The whole exchange in one process: four currencies, every kind; connections of
# at most 500 channels, evenly filled, neighbours in the chain on different ones.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

start_replay --synthetic 7 --rate 3000
: >"$tmp/err"
deribit-ws-stream -v --metrics "$tmp/metrics" BTC ETH SOL XRP --kind all \
	--channels quotes,trades,index >"$tmp/out" 2>"$tmp/err" &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
wait_for 'grep -q "subscribed to" "$tmp/err"' 60
like "$(grep 'subscribed to' "$tmp/err" | head -1)" \
	'successfully subscribed to [0-9]+ channels' 'every channel is acknowledged'
# Of each kind the quotes, the trades, of its currencies.
all_there()
{
	for kind in option future perpetual spot option_combo future_combo; do
		for type in quote trade; do
			grep -q "^{\"type\":\"$type\",\"kind\":\"$kind\"," \
				"$tmp/out" || return 1
		done
	done
	for currency in BTC ETH SOL XRP; do
		for type in quote trade index; do
			grep -q "^{\"type\":\"$type\",.*\"currency\":\"$currency\"" \
				"$tmp/out" || return 1
		done
	done
}
wait_for all_there 60
ok $? 'quotes and trades of six kinds, in the trades of five markets each'
[ ! -r "/proc/$STREAM_PID/status" ] ||
	tap_comment "$(grep VmHWM "/proc/$STREAM_PID/status")"
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'no gap'
jq -es 'map(.currency) | unique == ["BTC", "ETH", "SOL", "XRP"]' "$tmp/out" \
	>"$tmp/jq"
ok $? 'of the currencies that were asked for, and no others'
kill -USR1 "$REPLAY_PID"
wait_for 'grep -q "calls limited" "$tmp/replay.err"' 10
like "$(tail -1 "$tmp/replay.err")" ' 0 calls limited' 'within the limits'

# ------------------------------------------------------------- the placement
sed -n 's/.*debug: connection \([0-9]*\) carries \(.*\)/\1 \2/p' "$tmp/err" \
	>"$tmp/placed"
cut -d' ' -f1 "$tmp/placed" | sort -n | uniq -c |
	awk '{ if (NR == 1) low = high = $1; if ($1 < low) low = $1
	if ($1 > high) high = $1; n++; all += $1 }
	END { print n, all, low, high }' >"$tmp/sizes"
read -r sockets channels low high <"$tmp/sizes"
[ "$channels" -gt 3000 ] && [ "$high" -le 500 ] && [ $((high - low)) -le 1 ]
ok $? "$channels channels on $sockets connections, $low to $high each"
# An expiry's calls, and its puts, by strike: no two in a row on one connection.
neighbours()
{
	sed -n 's/.*connection \([0-9]*\) carries quote\.\([^-]*-[^-]*\)-\([0-9d]*\)-\([CP]\)$/\2-\4 \3 \1/p' \
		"$tmp/err" | sed 's/d/./' | sort -k1,1 -k2,2n |
		awk '{ if ($1 == was && $3 == on) { print; bad++ }
		was = $1; on = $3; n++ } END { print n > "/dev/stderr" }' \
		>"$tmp/neighbours" 2>"$tmp/options"
	is "$(wc -l <"$tmp/neighbours")" 0 \
		"neighbours of $(cat "$tmp/options") options are on different connections"
}
neighbours

# Two connections, which is where calls and puts might be parted.
deribit-ws-stream -v BTC --channels quotes --count 1 >"$tmp/out" 2>"$tmp/err"
is "$(sed -n 's/.*debug: connection \([0-9]*\) carries.*/\1/p' "$tmp/err" |
	sort -u | tr '\n' ' ')" '1 2 ' 'a chain on two connections'
neighbours

done_testing
