#!/bin/sh
# The life of the chain: what is listed is subscribed, what has expired is let go
# of, the first by open interest are ranked anew, and nobody's nonsense is
# followed.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/market.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 200ms \
		--metrics "$tmp/metrics" "$@" >"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# Of the server's last statistics.
called()
{
	sed -n "\$s/.*public\\/$1 \\([0-9]*\\).*/\\1/p" "$tmp/replay.err"
}

# each FILE COMMAND: of each instrument (i) in a file of events.
each()
{
	# shellcheck disable=SC2034 # for the command
	[ -s "$1" ] && while read -r i at; do
		eval "$2" || return 1
	done <"$1"
}

logged()
{
	[ "$(grep -c "info: $1 $2\$" "$tmp/err")" -eq 1 ]
}

quoted()
{
	grep -q "\"type\":\"quote\".*\"instrument_name\":\"$1\"" "$tmp/out"
}

# heard NAME: or it is too late to be.
heard()
{
	quoted "$1" || events expired | grep -q "^$1 "
}

# ------------------------------------------------------ listings and expiries
start_replay --synthetic 7 --rate 500 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --list-every 0.3 --expire-every 0.25
deribit-instruments BTC >"$tmp/chain"
deribit-instruments ETH >>"$tmp/chain"
chain=$(wc -l <"$tmp/chain")
start_stream BTC ETH --linger 500ms --audit-interval 1s --rank-interval 2s
# Not what was listed, or expired, before the chain was fetched.
sed 's/.*"instrument_name":"\([^"]*\)".*/\1/' "$tmp/chain" >"$tmp/names"
enough()
{
	events listed 3 | grep -vFf "$tmp/names" >"$tmp/listed"
	events expired 3 | grep -Ff "$tmp/names" >"$tmp/over"
	[ "$(wc -l <"$tmp/listed")" -ge 8 ] &&
		[ "$(wc -l <"$tmp/over")" -ge 30 ]
}
wait_for enough 90
wait_for 'each "$tmp/listed" "heard \$i"' 60
ok $? "the quotes of $(wc -l <"$tmp/listed") new listings arrive, without a restart"
each "$tmp/listed" 'logged $i "is listed"'
ok $? 'each is logged, once'
wait_for 'each "$tmp/over" "logged \$i \"is over\""' 60
ok $? "and $(wc -l <"$tmp/over") that have expired"
whole()
{
	trades_whole 8 >"$tmp/whole"
	[ ! -s "$tmp/whole" ]
}
wait_for whole 30
ok $? 'trades: none missing, none twice, in order' ||
	tap_comment "$(head -5 "$tmp/whole")"
jq -r 'select(.type == "trade") | "\(.instrument_name) \(.trade_seq)"' \
	"$tmp/out" >"$tmp/trades"
each "$tmp/listed" '! grep -q "^$i " "$tmp/trades" ||
	[ "$(grep "^$i " "$tmp/trades" | head -1)" = "$i 1" ]' &&
	each "$tmp/listed" 'grep "^$i 1\$" "$tmp/trades"' >"$tmp/first"
grep -q ' 1$' "$tmp/trades"
ok $? 'those of a new listing begin with number 1'
each "$tmp/listed" '! grep -q "^$i " "$tmp/trades" ||
	grep -q "^$i 1\$" "$tmp/trades"'
ok $? 'each of them'
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'no gap record'
# Only what had expired when it was asked for, at the start ("A, B and 3 more").
events expired >"$tmp/over"
sed -n 's/.*missing: //p' "$tmp/err" | tr -d ',' | tr ' ' '\n' |
	sed -n 's/^quote\.//p' | sort -u >"$tmp/missing"
cut -d' ' -f1 "$tmp/over" >"$tmp/names"
is "$(grep -vFxf "$tmp/names" "$tmp/missing")" '' 'and no channel is missed'
events expired 3 >"$tmp/gone"
events listed >"$tmp/listed"
wanted=$((chain + 2 + $(wc -l <"$tmp/listed") - $(wc -l <"$tmp/gone")))
[ "$(metric channels_wanted)" -le "$wanted" ]
ok $? "channels that are wanted fall back: $(metric channels_wanted) of $wanted"
[ "$(metric channels_known)" -le $((wanted + 8)) ]
ok $? "and those that are remembered: $(metric channels_known)"
events expired 12 >"$tmp/gone"
known=$((chain + $(wc -l <"$tmp/listed") - $(wc -l <"$tmp/gone")))
[ "$(metric instruments_known)" -le "$known" ]
ok $? "and instruments: $(metric instruments_known) of $known"
kill -USR1 "$REPLAY_PID"
stop_replay
is "$(called get_instruments)" 2 'get_instruments was not asked again'
like "$(tail -1 "$tmp/replay.err")" ' 0 calls limited' 'no limit was met'

# -------------------------------------------------------------- the first ten
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --always --truth "$tmp/truth" \
	--interest-every 0.3
start_stream BTC --top 10 --rank-interval 2s --linger 300ms --no-cache -v
wait_for '[ "$(grep -c "is among the first" "$tmp/err")" -ge 6 ] &&
	[ "$(grep -c "is not among the first any more" "$tmp/err")" -ge 6 ]' 40
ok $? '--top is ranked anew'
entered=$(sed -n 's/.*info: \(.*\) is among the first/\1/p' "$tmp/err" |
	sort -u | head -1)
wait_for "quoted $entered" 20
ok $? 'who comes in is subscribed'
wait_for 'kill -USR1 "$STREAM_PID" && grep -q "of 20 channels" "$tmp/err"' 20
ok $? 'quotes and trades of ten, when it has settled'
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'no gap, of those that stay neither'
# What stays is subscribed once: it was never taken off and placed again.
sed -n 's/.*carries quote\.//p' "$tmp/err" | sort >"$tmp/placed"
sed -n 's/.*info: \(.*\) is among the first/\1/p' "$tmp/err" | sort |
	uniq -d >"$tmp/again"
is "$(uniq -d "$tmp/placed" | grep -vFxf "$tmp/again")" '' \
	'what stays is not subscribed again'
stop_replay

# ------------------------------------------------- an instrument that is named
: >"$tmp/truth"
start_replay --synthetic 7 --rate 200 --truth "$tmp/truth" --expire-every 1 \
	--cut-every 4
name=$(grep -o '"instrument_name":"BTC-[^"]*' "$tmp/chain" | head -1 |
	sed 's/.*"//')
start_stream -i "$name" -i BTC-PERPETUAL --linger 200ms
wait_for 'grep -q "$name is over" "$tmp/err"' 20
ok $? "$name, which was named, expires"
wait_for '[ "$(grep -c "successfully subscribed to 2 channels" "$tmp/err")" -ge 2 ]' 20
ok $? 'its channels are taken off, the others go on'
stop_pid "$STREAM_PID"
unlike "$(cat "$tmp/err")" 'missing' 'and after a cut it is not missed'
is "$(grep '"type":"gap"' "$tmp/out" | grep -c "$name")" 0 'nor has it a gap'
stop_replay

# ------------------------------------------------------------------- nonsense
# told CHANNEL DATA
told()
{
	printf '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"%s","data":%s}}\n' \
		"$1" "$2"
}
{
	for c in instrument.creation.option.BTC instrument.state.option.BTC; do
		for name in '""' '"-"' '"BTC"' '"BTC-"' '"BTC-1JAN27-1-X"' \
			'"BTC-PERPETUAL"' '"ETH-1JAN27-1000-C"' '"btc-1jan27-1-c"' \
			'"BTC-1JAN27-1\u0000-C"' '"BTC-1JAN27-\"-C"' null 17 '[]' \
			'{}' '"BTC-1JAN27-1000-C.raw"' '"quote.BTC-1JAN27-1-C"' \
			"\"BTC-1JAN27-$(printf '%0300d' 1)-C\""; do
			told "$c" "{\"instrument_name\":$name,\"state\":\"open\"}"
		done
		for state in '""' null 1 '[]' '"unheard_of"' '"settlement"' \
			'"halted"' '"locked"'; do
			told "$c" "{\"instrument_name\":\"$(sed -n \
				'1s/.*"instrument_name":"\([^"]*\)".*/\1/p' \
				"$tmp/chain")\",\"state\":$state}"
		done
		for data in null 1 '"x"' '[]' '[1]' '{}' '[{}]' \
			'[{"instrument_name":"BTC-2JAN27-1-C","state":"open"}]'; do
			told "$c" "$data"
		done
	done
	told instrument.state.option.BTC \
		'{"instrument_name":"BTC-3JAN27-1-C","state":"delivered"}'
	i=0
	while [ $((i += 1)) -le 300 ]; do
		told instrument.creation.option.BTC \
			"{\"instrument_name\":\"BTC-4JAN27-$i-C\",\"state\":\"open\"}"
		told instrument.state.option.BTC \
			"{\"instrument_name\":\"BTC-4JAN27-$i-C\",\"state\":\"delivered\"}"
	done
	told platform_state '{"maintenance":"yes"}'
	told platform_state '[true]'
	told instrument.creation.option.BTC \
		'{"instrument_name":"BTC-5JAN27-60000-C","state":"open","kind":"option"}'
	told quote.BTC-5JAN27-60000-C \
		'{"instrument_name":"BTC-5JAN27-60000-C","best_bid_price":1}'
} >"$tmp/frames"
start_replay --frames "$tmp/frames"
start_stream BTC --linger 0
wait_for 'quoted BTC-5JAN27-60000-C' 20
ok $? 'names that are none, states unknown, a flood: it goes on'
wait_for 'grep -q "BTC-4JAN27-300-C is over" "$tmp/err"' 10
is "$(sed -n 's/.*info: \(.*\) is listed/\1/p' "$tmp/err" | grep -v 4JAN27 |
	sort | tr '\n' ' ')" 'BTC-5JAN27-60000-C ' 'what is no listing is none'
is "$(grep ' is over' "$tmp/err" | grep -vc 4JAN27)" 0 \
	'and what is not said to be over is not'
wait_for 'kill -USR1 "$STREAM_PID" && grep -q "of 914 channels" "$tmp/err"' 20
ok $? 'the flood is gone'
stop_pid "$STREAM_PID"
[ "$(metric channels_known)" -lt 930 ]
ok $? "nothing of it is remembered: $(metric channels_known) channels"
stop_replay

done_testing
