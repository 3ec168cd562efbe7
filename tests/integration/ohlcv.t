#!/bin/sh
# deribit-ohlcv against an exchange with a past: the truth and nothing else,
# under faults, after kills, of chains of options, by gap records.
# shellcheck disable=SC2086,SC2119 # words; no arguments
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status, peer: tap.sh, http-peer.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/http-peer.sh"
. "$srcdir/tests/sh/candles.sh"

now=2026-11-25T10:30:10Z
begin=2026-08-28T00:00:00Z

# --- the truth

exchange
ohlcv --since "$begin" BTC-PERPETUAL
is "$status: $err" '0: ' 'a perpetual by its name'
rows "$tmp/out" >"$tmp/got"
truth 1 "$begin" "$now" BTC-PERPETUAL >"$tmp/want"
same 'all minutes of its past'
is "$(tail -n 1 "$tmp/out" | jq -c '[.type, .kind, .currency, .resolution]')" \
	'["candle","perpetual","BTC","1"]' 'what a record begins with'
is "$(sed 's/.*"received_at":\([0-9]*\).*/\1/' "$tmp/out" | sort -nu |
	wc -l | tr -d ' ')" "$(wc -l <"$tmp/out" | tr -d ' ')" \
	'received_at grows with every record'
is "$(asked | wc -l | tr -d ' ')" 26 'in calls of 5000'
is "$(asked | sed 's/.*start_timestamp=\([0-9]*\)&end_timestamp=\([0-9]*\).*/\1 \2/' |
	sort -n | awk 'NR > 1 && $1 != end + 1 { print } { end = $2 }')" '' \
	'without hole or overlap'
ohlcv BTC
rows "$tmp/out" >"$tmp/got"
truth 1 2026-11-24T10:30:11Z "$now" BTC-PERPETUAL >"$tmp/want"
same 'of a currency the perpetual, 24 hours by default'
ohlcv --since 2026-11-20T00:00:30Z --until 2026-11-20T00:03:00Z ETH-PERPETUAL
is "$(jq .tick "$tmp/out" | tr '\n' ' ')" '1795132860000 1795132920000 ' \
	'--since is within, --until is not'
for resolution in 5 60 180 1D; do
	ohlcv -r "$resolution" --since 2026-10-01 SOL_USDC-PERPETUAL
	rows "$tmp/out" >"$tmp/got"
	truth "$resolution" 2026-10-01T00:00:00Z "$now" SOL_USDC-PERPETUAL \
		>"$tmp/want"
	same "--resolution $resolution"
done
ohlcv -k future -r 60 --since "$begin" BTC
rows "$tmp/out" >"$tmp/got"
# shellcheck disable=SC2046 # words
truth 60 "$begin" "$now" $(deribit-instruments --kind future BTC |
	jq -r .instrument_name) >"$tmp/want"
same 'futures, each from its listing on'
expired=$(deribit-replay $past --dump instruments | jq -r 'select(
	.kind == "option" and .expiration_timestamp < 1792000000000 and
	.base_currency == "BTC") | .instrument_name' | head -n 1)
ohlcv -v -r 60 --since "$begin" "$expired"
rows "$tmp/out" >"$tmp/got"
truth 60 "$begin" "$now" "$expired" >"$tmp/want"
same "$expired, which expired long ago"
like "$err" 'no data for [0-9]+ candles' 'and how much there is not'
is "$(grep -vc debug: "$tmp/err")" 0 'else nothing is said'

# --- chains of options

ohlcv -k option --since 2026-11-25T06:00:00Z BTC
rows "$tmp/out" >"$tmp/got"
deribit-replay $past --clock "$now" \
	--dump "trades:BTC:2026-11-25T06:00:00Z:2026-11-25T10:29:59.999Z" |
	jq -r .instrument_name |
	grep '^BTC-[0-9]*[A-Z]*[0-9]*-[0-9]*-[CP]$' | sort -u >"$tmp/traded"
# shellcheck disable=SC2046 # words
truth 1 2026-11-25T06:00:00Z "$now" $(cat "$tmp/traded") >"$tmp/want"
same "options: only the $(wc -l <"$tmp/traded" | tr -d ' ') that traded"
ohlcv -k option --all -r 720 --since 2026-11-20 BTC
is "$(jq -r .instrument_name "$tmp/out" | sort -u | wc -l)" \
	"$(deribit-instruments --kind option BTC | wc -l)" '--all: all of them'
is "$(grep -c mark_iv "$tmp/out")" 0 'and no mark_iv of the past'

# --- on the exchange's bad days

exchange --fault http-429:rate=0.05 --fault http-502:rate=0.05 \
	--fault http-empty:rate=0.03 --fault http-limit:rate=0.05 \
	--fault http-reset:rate=0.05 --fault http-truncated:rate=0.05 \
	--fault page-shift:rate=0.04 --fault page-duplicate:rate=0.04 \
	--fault page-reorder:rate=0.04 --fault page-short:rate=0.04 \
	--fault page-empty:rate=0.04 --fault page-late:rate=0.04
ohlcv --since "$begin" --retry 30 BTC ETH sol BTC-PERPETUAL
is "$status" 0 'under faults'
rows "$tmp/out" >"$tmp/got"
truth 1 "$begin" "$now" BTC-PERPETUAL ETH-PERPETUAL SOL_USDC-PERPETUAL \
	>"$tmp/want"
same 'all of three perpetuals'
is "$(asked | uniq -d)" '' 'nothing is asked again that was answered'
in_rate
harmed 6

# --- killed, and on

rate=0
exchange
set -- -k option --all -r 60 --since 2026-11-22 --state "$tmp/state" \
	--parallel 1 --rate 1000 BTC ETH SOL
kill_runs 50 '2 + kills * 7 % 100' deribit-ohlcv "$@"
ohlcv "$@"
is "$status" 0 "killed $kills times, it ends"
like "$err" "goes on with what $tmp/state has" 'and says that it goes on'
cat "$tmp/out" >>"$tmp/parts"
grep '}$' "$tmp/parts" | rows | uniq >"$tmp/got"
# A call for each, and none is asked for by another way.
exchange
ohlcv -k option --all -r 60 --since 2026-11-22 --rate 1000 BTC ETH SOL
rows "$tmp/out" >"$tmp/want"
same 'nothing is left out, nothing is strange'
mv "$tmp/requests.before" "$tmp/requests"
n=$(asked | uniq -d | wc -l | tr -d ' ')
of=$(asked | wc -l | tr -d ' ')
[ $((n * 50)) -lt "$of" ]
ok $? "of $of answers, $n came more than once: less than 2 %"
[ "$kills" -ge 20 ]
ok $? "it was killed $kills times"

done_testing
