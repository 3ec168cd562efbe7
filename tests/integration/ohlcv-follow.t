#!/bin/sh
# deribit-ohlcv --follow through midnight and through an expiry, of an exchange
# whose clock is not ours: no candle that has not closed, and none missing.
# shellcheck disable=SC2086,SC2119 # words; no arguments
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/candles.sh"

rate=0
past='--synthetic 5 --history 20 --history-trades 2000000
    --now 2026-11-25T10:30:00Z'

# follow NAME ARGUMENT...: in the background, $tmp/NAME its output; $pid.
follow()
{
	follow_name=$1
	shift
	deribit-ohlcv --follow --rate 100 "$@" >"$tmp/$follow_name" \
		2>"$tmp/$follow_name.err" &
	pid=$!
	at_exit "stop_pid $pid"
}

# end PID NAME
end()
{
	kill -INT "$1"
	wait "$1"
	is $? 0 "$2: a signal ends it"
	is "$(rows "$tmp/$2" | uniq -d | head -n 3)" '' "$2: no candle twice"
}

# has NAME TICK
has()
{
	grep -q "\"tick\":$2" "$tmp/$1"
}

# --- midnight

now=2026-11-25T23:58:50Z
exchange
follow midnight --since -10m BTC-PERPETUAL
midnight=$pid
follow five --since -20m -r 5 ETH
five=$pid

# --- the expiry of options and futures at 08:00, 3 s ahead of our clock

REPLAY_PID=
rm "$tmp/requests"
now=2026-11-26T07:59:17Z
past="$past --clock-offset 3s"
exchange
deribit-replay $past --clock "$now" --dump instruments >"$tmp/all"
expires=$(jq -r 'select(.kind == "option" and .base_currency == "BTC" and
    .quote_currency == "BTC" and .expiration_timestamp == 1795680000000) |
    .instrument_name' "$tmp/all" | head -n 1)
tap_comment "$expires expires"
follow options -k option --since -30m BTC
options=$pid
follow expired --since -5m "$expires" BTC-PERPETUAL
expired=$pid

wait_for 'has midnight 1795651140000 && has midnight 1795651200000' 200
ok $? 'midnight: the last candle of the day, and the first of the next'
wait_for 'has five 1795650900000' 200
ok $? 'five minutes: the last of the day'
end "$midnight" midnight
end "$five" five
past="${past% --clock-offset 3s}"
clock=2026-11-26T00:05:00Z
rows "$tmp/midnight" >"$tmp/got"
last=$(jq .tick "$tmp/midnight" | sort -n | tail -n 1)
truth 1 2026-11-25T23:48:50Z "$last" BTC-PERPETUAL >"$tmp/want"
cp "$tmp/midnight.err" "$tmp/err"
same 'midnight: all, as they were when they had closed'
rows "$tmp/five" >"$tmp/got"
last=$(jq .tick "$tmp/five" | sort -n | tail -n 1)
truth 5 2026-11-25T23:38:50Z "$last" ETH-PERPETUAL >"$tmp/want"
same 'five minutes: all, as they were when they had closed'

wait_for 'grep BTC-PERPETUAL "$tmp/expired" | grep -q "\"tick\":1795680000000"' 200
ok $? 'the expiry: the minute after it'
end "$expired" expired
end "$options" options
clock=2026-11-26T08:04:00Z
rows "$tmp/expired" >"$tmp/got"
last=$(jq .tick "$tmp/expired" | sort -n | tail -n 1)
truth 1 2026-11-26T07:54:20Z "$last" "$expires" BTC-PERPETUAL >"$tmp/want"
cp "$tmp/expired.err" "$tmp/err"
same "$expires: to its last minute"
is "$(jq -r "select(.instrument_name == \"$expires\") | .tick" \
	"$tmp/expired" | tail -n 1)" 1795679940000 'which is 07:59'

# Every candle that has a trade in it is there, and every one is true.
last=$(jq .tick "$tmp/options" | sort -n | tail -n 1)
deribit-replay $past --clock "$clock" \
	--dump "trades:BTC:2026-11-26T07:30:00Z:$((last + 59999))" |
	jq -r 'select(.instrument_name |
	    test("^BTC-[0-9]+[A-Z]+[0-9]+-[0-9]+-[CP]$")) |
	    "\(.instrument_name) \(.timestamp - .timestamp % 60000)"' |
	sort -u >"$tmp/want"
jq -r 'select(.type == "candle") | "\(.instrument_name) \(.tick)"' \
	"$tmp/options" | sort -u >"$tmp/ticks"
LC_ALL=C comm -23 "$tmp/want" "$tmp/ticks" >"$tmp/missing"
[ -s "$tmp/want" ] && [ ! -s "$tmp/missing" ]
ok $? "options: each of $(wc -l <"$tmp/want" | tr -d ' ') minutes with trades" ||
	tap_comment "$(head -n 5 "$tmp/missing")"
rows "$tmp/options" >"$tmp/got"
# shellcheck disable=SC2046 # words
truth 1 2026-11-26T07:29:00Z "$last" \
	$(jq -r .instrument_name "$tmp/options" | sort -u) >"$tmp/want"
is "$(LC_ALL=C comm -13 "$tmp/want" "$tmp/got" | head -n 3)" '' \
	"options: $(wc -l <"$tmp/got" | tr -d ' ') candles, all true"
jq -c 'select(.mark_iv != null) | .tick' "$tmp/options" | sort -n |
	uniq -c >"$tmp/marks"
[ "$(wc -l <"$tmp/marks")" -ge 2 ]
ok $? "mark_iv of what just closed: $(tr -s ' \n' ' ,' <"$tmp/marks")"
is "$(jq -c 'select(.mark_iv != null and .tick < 1795679880000)' \
	"$tmp/options" | head -n 1)" '' 'and of nothing before'

done_testing
