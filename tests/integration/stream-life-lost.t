#!/bin/sh
# The life of the chain when it is not told, or not in time: listings and
# expiries while connections are lost, and options that open later than they are
# listed.
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
	deribit-ws-stream --metrics "$tmp/metrics" "$@" >"$tmp/out" \
		2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# each FILE COMMAND: of each instrument (i) in a file of events.
each()
{
	# shellcheck disable=SC2034 # for the command
	[ -s "$1" ] && while read -r i at; do
		eval "$2" || return 1
	done <"$1"
}

quoted()
{
	grep -q "\"type\":\"quote\".*\"instrument_name\":\"$1\"" "$tmp/out"
}

whole()
{
	trades_whole "$1" >"$tmp/whole"
	[ ! -s "$tmp/whole" ]
}

# ---------------------------------------------- while connections are lost
start_replay --synthetic 7 --rate 400 --always --truth "$tmp/truth" \
	--ledger "$tmp/ledger" --list-every 0.2 --expire-every 0.3 \
	--cut-every 3
deribit-instruments BTC >"$tmp/chain"
deribit-instruments ETH >>"$tmp/chain"
sed 's/.*"instrument_name":"\([^"]*\)".*/\1/' "$tmp/chain" >"$tmp/names"
start_stream BTC ETH --linger 500ms --audit-interval 1s --retry-delay 1500ms \
	--retry-max-delay 1500ms
# unheard WHAT: of events, those while no connection was open; not those of the
# first seconds, which the look at the start and the one after it find.
began=$(date +%s)
unheard()
{
	events "$1" 1 | awk -v began="$began" '$2 > (began + 12) * 1000' \
		>"$tmp/events"
	{
		grep -E '"event":"(cut|open)"' "$tmp/truth" | sed -n \
			's/.*"event":"\(cut\|open\)".*"at":\([0-9]*\)[0-9]\{3\}.*/\2 \1/p'
		awk '{ print $2, "event", $1 }' "$tmp/events"
	} | sort -n | awk '
		$2 == "cut" { away = 1 }
		$2 == "open" { away = 0 }
		$2 == "event" && away { print $3, $1 }'
}
enough()
{
	[ "$(unheard listed | wc -l)" -ge 2 ] &&
		[ "$(unheard expired | grep -cFf "$tmp/names")" -ge 2 ]
}
wait_for enough 90
unheard listed >"$tmp/listed"
unheard expired | grep -Ff "$tmp/names" >"$tmp/over"
wait_for 'each "$tmp/listed" "quoted \$i"' 30
ok $? "$(wc -l <"$tmp/listed") listed while no connection was there: found, and heard"
wait_for 'each "$tmp/over" "grep -q \"\$i is over\" \"\$tmp/err\""' 20
ok $? "$(wc -l <"$tmp/over") expired meanwhile: found"
wait_for 'whole 5' 60
ok $? 'trades: none missing, none twice, in order' ||
	tap_comment "$(head -5 "$tmp/whole")"
stop_pid "$STREAM_PID"
kill -USR1 "$REPLAY_PID"
# Of what was told to have ended (half a second before: connections are read one
# after the other) no cut makes a hole.
sed -n 's/.*"sent_at":\([0-9]*\)[0-9]\{3\},.*"state":"delivered","instrument_name":"\([^"]*\)".*/\2 \1/p' \
	"$tmp/truth" >"$tmp/over"
jq -r 'select(.type == "gap" and .instrument_name != null) |
	"\(.instrument_name) \(.from) \(.to)"' "$tmp/out" |
	awk 'NR == FNR { over[$1] = $2; next }
	($1 in over) && $2 > over[$1] + 500 { print }' "$tmp/over" - >"$tmp/false"
is "$(wc -l <"$tmp/false")" 0 'no hole of what was told to have ended' ||
	tap_comment "$(head -3 "$tmp/false")"
jq -r 'select(.type == "gap" and .instrument_name != null) |
	"\(.instrument_name) \(.from)"' "$tmp/out" | sort | uniq -d >"$tmp/twice"
is "$(wc -l <"$tmp/twice")" 0 'no hole is told twice'
stop_replay

# ------------------------------------------ listed now, and open some time later
: >"$tmp/truth"
start_replay --synthetic 7 --rate 400 --truth "$tmp/truth" --list-every 0.2 \
	--open-after 2.5
# Listed under USDC as XRP's are, which nobody wants.
market='^SOL_'
start_stream SOL --retry-delay 100ms --no-cache
wait_for '[ "$(events listed 4 | wc -l)" -ge 3 ]' 40
events listed 4 >"$tmp/listed"
wait_for 'each "$tmp/listed" "quoted \$i"' 10
ok $? "what is listed before it is open is subscribed when it is: $(wc -l \
	<"$tmp/listed")"
stop_pid "$STREAM_PID"
is "$(grep -c '"type":"gap"' "$tmp/out")" 0 'and nothing was missed before'
is "$(grep -c 'XRP_.* is listed' "$tmp/err")" 0 'nor what is of another currency'
stop_replay

# ------------------------------------- opened while nobody listened to states
: >"$tmp/truth"
start_replay --synthetic 7 --rate 400 --always --truth "$tmp/truth" \
	--list-every 0.2 --open-after 1.5 --cut-every 2
start_stream BTC ETH --channels quotes --retry-delay 1s --retry-max-delay 1s \
	--no-cache
# Of what was created, and open in an outage, what was subscribed before a
# summary of the market told of it.
early()
{
	kill -USR1 "$REPLAY_PID"
	sed -n 's/.*"event":"unheard".*"state":"open","instrument_name":"\([BE]T[^"]*\)".*/\1/p' \
		"$tmp/truth" >"$tmp/unheard"
	awk 'NR == FNR { unheard[$1]; next }
	/"result":\[\{/ && /"open_interest"/ {
		for (i in unheard)
			if (index($0, "\"" i "\""))
				listed[i]
	}
	/"result":\["/ {
		for (i in unheard)
			if (index($0, "\"quote." i "\"") && !(i in listed))
				early[i]
	}
	END { for (i in early) print i }' "$tmp/unheard" "$tmp/truth"
}
wait_for '[ "$(early | wc -l)" -ge 2 ]' 60
ok $? 'what is open since an outage is asked for at its end, not at the next look'
stop_pid "$STREAM_PID"
stop_replay
market='^(BTC|ETH)-'

done_testing
