#!/bin/sh
# Silence of every kind, all at once: a server and a collector each.  A table
# says how long after it began the collector did what is right, and how often it
# did something without a reason.
#
# It proves that each silence is found: of a connection (half open, or
# acknowledged and without data, which is replaced within 10 s), of the canary,
# of one channel of each class; that its gap record begins when the channel was
# heard last; and that nothing else is suspected: not the channels of a
# connection that is silent, not a market without any news, a busy one, an
# exchange without an index, nor what was not heard because the process was
# stopped.  What is found is waited for; there are no other bounds of time.
# DETECT_SECONDS (30) at least each; from 200 on incremental tickers too.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/peer.sh"

seconds=${DETECT_SECONDS:-30}
# Of what is to be found, behind that.
patience=120
XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS
servers="" collectors=""

# What a collector says when it suspects something.
alarms='subscribing to it again|connection lost|retry in|were not sent'

# manner NAME REPLAY STREAM: in the background; its files are in $tmp/NAME.
manner()
{
	mkdir "$tmp/$1"
	# shellcheck disable=SC2086 # words
	timeout $((seconds + patience + 60)) deribit-replay --synthetic 7 --always \
		--truth "$tmp/$1/truth" --ready-file "$tmp/$1/ready" $2 \
		>"$tmp/$1/replay.out" 2>"$tmp/$1/replay.err" &
	servers="$servers $!"
	at_exit "stop_pid $!"
	if ! wait_for "[ -s '$tmp/$1/ready' ]" 30; then
		echo "Bail out! deribit-replay $2 is not ready"
		exit 1
	fi
	set -a
	# shellcheck disable=SC1090 # made by the server
	. "$tmp/$1/ready"
	set +a
	collect "$1" "$3"
}

# collect NAME STREAM
collect()
{
	# shellcheck disable=SC2086 # words
	deribit-ws-stream --retry-delay 10ms \
		--retry-max-delay 100ms $2 \
		>"$tmp/$1/out" 2>"$tmp/$1/err" &
	collector=$!
	collectors="$collectors $collector"
	at_exit "stop_pid $collector"
}

# The time of the fault, microseconds; empty: there was none.
begun()
{
	sed -n 's/.*"event":"fault".*"at":\([0-9]*\).*/\1/p' "$tmp/$1/truth" |
		head -n 1
}

# The time of the first line of the truth that matches, after that one.
after()
{
	grep -E -- "$3" "$tmp/$1/truth" |
		sed -n 's/.*"\(sent_at\|at\)":\([0-9]\{16\}\).*/\2/p' |
		awk -v t="$2" '$1 > t { print; exit }'
}

# found NAME REGEX SAID: the fault was done; then the server saw this;
# the collector said that, and nothing else that would be an alarm.
found()
{
	at=$(begun "$1")
	seen=$(after "$1" "${at:-0}" "$2")
	n=$(grep -cE "$alarms" "$tmp/$1/err")
	false_ones=$((n - 1))
	late=none
	[ -z "$at" ] || [ -z "$seen" ] || late=$(((seen - at) / 1000))
	row "$1" "$late ms" "$false_ones"
	[ "$late" != none ] && grep -qE -- "$3" "$tmp/$1/err" &&
		[ "$false_ones" -eq 0 ]
	ok $? "$1: found, and nothing else" || tap_comment "$(cat "$tmp/$1/err")"
}

# The machine's pulse: a second each, if it has time for it.
pulse()
{
	while :; do
		date +%s
		sleep 1
	done >"$tmp/pulse"
}

# What it was late in all, ms.
stolen()
{
	awk 'NR > 1 && $1 > last + 2 { late += $1 - last - 2 }
		{ last = $1 } END { print late * 1000 }' "$tmp/pulse"
}

# within NAME MS: of a machine that is not late itself.
within()
{
	at=$(begun "$1")
	seen=$(after "$1" "${at:-0}" '"event":"open"')
	[ -n "$at" ] && [ -n "$seen" ] &&
		[ $(((seen - at) / 1000)) -le $(($2 + $(stolen))) ]
	ok $? "$1: replaced within $2 ms"
}

# quiet NAME: there was nothing to be found.
quiet()
{
	n=$(grep -cE "$alarms" "$tmp/$1/err")
	row "$1" - "$n"
	is "$n $(grep -c '"type":"gap"' "$tmp/$1/out") $(grep -c \
		"successfully subscribed" "$tmp/$1/err")" '0 0 1' \
		"$1: subscribed, and no alarm and no gap" || tap_comment "$(cat "$tmp/$1/err")"
}

rows=
row()
{
	rows="$rows
$(printf '# %-28s %12s %14s' "$1" "$2" "$3")"
}

# gap NAME CHANNEL: it has one gap record, which begins when it was heard last
# (two clocks in whole milliseconds) and ends after the fault.
gap()
{
	jq -es --arg channel "$2" --argjson at "$(begun "$1")" '
		($channel | split(".")[1]) as $of |
		map(select(.type == "gap" and .reason == "stall" and
			.channel == $channel)) as $gaps |
		map(select(.type != "gap" and
			(.instrument_name == $of or .index_name == $of) and
			.received_at < $gaps[0].to * 1000) | .received_at) as
			$heard |
		($gaps | length) == 1 and $gaps[0].to * 1000 > $at and
		($heard == [] or
			$gaps[0].from * 1000 <= ($heard | max) + 2000)' \
		"$tmp/$1/out" >"$tmp/jq"
	ok $? "$1: the gap of $2 begins when it fell silent" ||
		tap_comment "$(grep '"type":"gap"' "$tmp/$1/out")"
}

# The channel that died.
dead()
{
	sed -n 's/.*"fault":"dead".*"channel":"\([^"]*\)".*/\1/p' \
		"$tmp/$1/truth" | head -n 1
}

# Whether all that is to be found has been said, and ended.
all_found()
{
	for name in silent-at-once silent-later half-open silent-audited \
		dead-index dead-ticker dead-quote dead-book dead-trades; do
		grep -q '"type":"gap"' "$tmp/$name/out" || return 1
	done
	for name in dead-canary dead-quote-of-two; do
		grep -q "is silent" "$tmp/$name/err" || return 1
	done
	[ ! -d "$tmp/dead-incremental" ] ||
		grep -q "is silent" "$tmp/dead-incremental/err"
}

pulse &
pulse=$!
at_exit "stop_pid $pulse"
began=$(date +%s)
few='ETH --top 5 --channels quotes'
once='--fault-count 1 --fault-after 4'
manner silent-at-once '--rate 30 --fault silent:every=0.001 --fault-count 1' \
	"$few"
manner silent-later "--rate 30 --fault silent:every=0.1 $once" "$few"
# Audits are answered, and must not take the connection for its channels.
manner silent-audited "--rate 30 --fault silent:every=0.1 $once" \
	"$few --audit-interval 2s --silence-timeout 20s"
manner half-open "--rate 30 --fault half-open:every=0.1 $once" "$few"
manner dead-canary \
	"--rate 30 --fault dead:every=0.1,class=deribit_price_index $once" "$few"
manner dead-index \
	"--rate 30 --fault dead:every=0.1,class=deribit_price_index.btc $once" \
	'--channels deribit_price_index.btc_usd,deribit_price_index.eth_usd'
manner dead-ticker "--rate 30 --fault dead:every=0.1,class=ticker. $once" \
	'ETH --top 5 --channels ticker'
manner dead-quote "--rate 30 --fault dead:every=0.1,class=quote. $once" \
	"$few --audit-interval 15s"
manner dead-book "--rate 30 --fault dead:every=0.1,class=book. $once" \
	'ETH --top 5 --channels book --book incremental --audit-interval 15s'
manner dead-trades "--rate 30 --fault dead:every=0.1,class=trades. $once" \
	'ETH --channels trades --audit-interval 6s'
# On one of the two only.
manner dead-quote-of-two \
	"--rate 30 --fault dead:every=0.1,apart=1,class=quote. $once" \
	"$few --redundancy 2 --audit-interval 0"
manner quiet '--rate 0' 'ETH --channels quotes,trades --audit-interval 15s'
manner quiet-tickers '--rate 0' \
	'ETH --top 100 --channels ticker,incremental_ticker'
manner quiet-pair '--rate 0' \
	'ETH --top 100 --channels quotes,ticker --redundancy 2'
manner busy '--rate 300' 'ETH --audit-interval 15s'
manner stopped '--rate 50 --queue-max 32M' \
	'ETH --top 20 --channels quotes,ticker,deribit_price_index.eth_usd'
stopped=$collector
if [ "$seconds" -ge 200 ]; then
	manner dead-incremental \
		"--rate 30 --fault dead:every=0.1,class=incremental_ticker. $once" \
		'ETH --top 5 --channels incremental_ticker'
fi
# No index to go by: the exchange refuses the canary, and says nothing.
mkdir "$tmp/quiet-without-index"
start_peer quiet
at_exit stop_peer
DERIBIT_WS_URL=$PEER_URL DERIBIT_CACERT=$PEER_CACERT
collect quiet-without-index '--channels quotes -i ETH-27MAR26-3000-C'

# A process that is stopped hears nothing meanwhile: an index, for longer than it
# may be silent.
wait_for "grep -q subscribed '$tmp/stopped/err'"
kill -s STOP "$stopped"
sleep 12
kill -s CONT "$stopped"

wait_for "[ \$(date +%s) -ge $((began + seconds)) ]" $((seconds + 60))
wait_for all_found $patience
failed=0
for collector in $collectors; do
	kill "$collector"
	wait "$collector" || failed=$((failed + 1))
done
is $failed 0 "each collector listened until it was told to end"
for server in $servers; do
	stop_pid "$server"
done
stop_peer

for name in silent-at-once silent-later half-open; do
	found $name '"event":"open"' 'no index tick nor anything else'
	within $name 10000
done
found silent-audited '"event":"open"' 'no index tick nor anything else'
found dead-canary 'result":\["deribit_price_index.btc_usd"\]' \
	'deribit_price_index.btc_usd is silent'
is "$(grep -c '"event":"open"' "$tmp/dead-canary/truth")" 1 \
	'dead-canary: the connection stays'
found dead-index 'result":\["deribit_price_index.btc_usd"\]' 'is silent'
gap dead-index deribit_price_index.btc_usd
for name in dead-ticker dead-quote dead-book; do
	channel=$(dead $name)
	found $name "result\":\[\"$channel\"\]" "$channel is silent"
	gap $name "$channel"
done
found dead-trades 'result":\["trades.option.ETH.100ms"\]' 'were not sent'
is "$(grep -c '"type":"gap"' "$tmp/dead-trades/out")" \
	"$(grep -c '"repaired":true}$' "$tmp/dead-trades/out" |
		awk '{ print ($1 > 0) }')" \
	'dead-trades: they were fetched; one gap that says so'
channel=$(dead dead-quote-of-two)
found dead-quote-of-two "result\":\[\"$channel\"\]" \
	"$channel is silent .* another connection is not"
is "$(grep -c '"type":"gap"' "$tmp/dead-quote-of-two/out")" 0 \
	'dead-quote-of-two: and nothing is missing'
[ "$seconds" -lt 200 ] ||
	found dead-incremental "result\":\[\"$(dead dead-incremental)\"\]" \
		'is silent'
for name in quiet quiet-tickers quiet-pair busy stopped quiet-without-index; do
	quiet $name
done
printf '# %-28s %12s %14s' manner 'found after' 'false alarms'
printf '%s\n' "$rows"

done_testing
