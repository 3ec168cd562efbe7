#!/bin/sh
# Options that expire while nobody listens to states: the market is looked at as
# soon as the connection is back, whatever else there is to ask, and what the
# exchange refuses since is not said to be missing.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/stream.sh"
. "$srcdir/tests/sh/market.sh"

stream_options=--no-cache

# cuts N: so many have been.
cuts()
{
	kill -USR1 "$REPLAY_PID"
	[ "$(grep -c '"event":"cut"' "$tmp/truth")" -ge "$1" ]
}

# unheard: what expired while no connection was open, and was listed at first.
unheard()
{
	kill -USR1 "$REPLAY_PID"
	grep -E '"event":"(cut|open|expired)"' "$tmp/truth" |
		jq -r '"\(.event) \(.instrument_name)"' | awk '
		$1 == "cut" { away = 1 }
		$1 == "open" { away = 0 }
		$1 == "expired" && away { print $2 }' | grep -Fxf "$tmp/names"
}

# each_over FILE: it was found.
each_over()
{
	while read -r i; do
		grep -q "$i is over" "$tmp/err" || return 1
	done <"$1"
}

# ------------------------------------------------- expired while it was away
start_replay --synthetic 7 --rate 300 --always --truth "$tmp/truth" \
	--expire-every 0.1 --cut-every 6
deribit-instruments BTC | jq -r .instrument_name >"$tmp/names"
start_stream BTC --channels quotes --audit-interval 0 --retry-delay 2s \
	--retry-max-delay 2s
wait_for 'cuts 4 && unheard >"$tmp/unheard"' 60
wait_for 'each_over "$tmp/unheard"' 40
[ -s "$tmp/unheard" ] && each_over "$tmp/unheard"
ok $? "$(wc -l <"$tmp/unheard") expired while connections were lost: found"
stop_pid "$STREAM_PID"
is "$(sed -n 's/.*missing: //p' "$tmp/err")" '' \
	'none of them is said to be missing'
stop_replay

# ---------------------------------------------------------- and at once
# books WHICH: how many books were sent after the cut between the confirmation
# of states and a summary; each is asked for in its turn.
books()
{
	kill -USR1 "$REPLAY_PID"
	awk '
	/"event":"cut"/ { cut = 1 }
	cut && /"result":\[.*"instrument.state.option/ { heard = 1 }
	heard && /"result":\{.*"change_id"/ { n++ }
	heard && /"result":\[\{/ && /"open_interest"/ { print n + 0; exit }' \
		"$tmp/truth"
}
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --truth "$tmp/truth" \
	--fault cut:every=1000,first=6
start_stream BTC --channels quotes,book --top 20 --depth-interval 10s \
	--audit-interval 0 --retry-delay 100ms --retry-max-delay 100ms
wait_for '[ -n "$(books)" ]'
[ "$(books)" -le 3 ]
ok $? "it is looked at before the next book is asked for: $(books)"
stop_pid "$STREAM_PID"
stop_replay

# ----------------------------------------------- much else there is to ask
: >"$tmp/truth"
start_replay --synthetic 7 --rate 400 --always --truth "$tmp/truth" \
	--expire-every 0.5 --cut-every 4
start_stream BTC --top 40 --audit-interval 0 --retry-delay 500ms \
	--retry-max-delay 500ms
wait_for 'cuts 6'
stop_pid "$STREAM_PID"
sed -n '/"event":"cut"/,$p' "$tmp/truth" | grep '"result":\[{' |
	grep -c '"open_interest"' >"$tmp/looks"
[ "$(cat "$tmp/looks")" -ge 3 ]
ok $? "nor do the trades of 40 instruments with a hole each keep it waiting: $(
	cat "$tmp/looks") looks in six losses"
stop_replay

# ------------------------------------- everybody's hour, and two of the chain
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --always --truth "$tmp/truth" \
	--clock 2026-11-26T07:59:49Z \
	--fault maintenance:every=1000,first=5,for=12
deribit-instruments BTC | jq -r .instrument_name >"$tmp/names"
ends=$(grep -m 1 '26NOV26.*-C$' "$tmp/names")
start_stream -i "$ends" -i BTC-4DEC26-60000-C -i BTC-1JAN30-60000-C \
	--linger 300ms --retry-delay 100ms --retry-max-delay 500ms \
	--metrics "$tmp/metrics"
wait_for 'grep -q "$ends is over" "$tmp/err"' 40
ok $? 'one that was named, too, is found to have expired in an outage'
wait_for 'kill -USR1 "$STREAM_PID" && grep -q "2 of 4 channels" "$tmp/err"'
ok $? 'its channels are taken off'
is "$(grep -c ' is over' "$tmp/err")" 1 \
	'and not those of what may be listed some day'
unlike "$(sed -n 's/.*missing: //p' "$tmp/err")" "$ends" 'it is not missing'
stop_pid "$STREAM_PID"
stop_replay

done_testing
