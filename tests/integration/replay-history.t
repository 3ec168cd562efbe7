#!/bin/sh
# deribit-replay's past over REST: what its methods answer is what --dump tells,
# within the exchange's caps; what is open, expired or unknown; a clock that is
# not ours; every fault of HTTP; the log of the requests.
# shellcheck disable=SC2016 # $ in single quotes: wait_for,rest get_time | jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
PATH=$builddir/tests/peer:$PATH

# rest METHOD?QUERY ARGUMENT...
rest()
{
	path=$1
	shift
	curl -sS --max-time 60 --cacert "$DERIBIT_CACERT" \
	    "$DERIBIT_REST_URL/public/$path" "$@"
}

# Monday, 01:00 UTC, and 30 days of past from the midnight before.
now=1795395600000
midnight=1795392000000
begin=$((midnight - 30 * 86400000))
past='--history 30 --history-trades 200000 --history-instruments 60 --now
    2026-11-23T01:00:00Z'

# dump WHAT [CLOCK]
dump()
{
	# shellcheck disable=SC2086 # words
	deribit-replay $past --clock "${2:-2026-11-23T01:00:00Z}" --dump "$1"
}

start_past()
{
	# shellcheck disable=SC2086 # words
	start_replay $past --clock 2026-11-23T01:00:00Z --rest-rate 0 "$@"
}

# chart INSTRUMENT RESOLUTION FROM TO: candles, a line each.
chart()
{
	rest "get_tradingview_chart_data?instrument_name=$1&resolution=$2&start_timestamp=$3&end_timestamp=$4" |
	    jq -c '.result | . as $r | range(.ticks | length) |
	        {tick: $r.ticks[.], open: $r.open[.], high: $r.high[.],
	         low: $r.low[.], close: $r.close[.], volume: $r.volume[.],
	         cost: $r.cost[.]}'
}

# --- candles ---
start_past --requests "$tmp/requests"
for r in 1 3 5 10 15 30 60 120 180 360 720 1D; do
	chart BTC-PERPETUAL $r $((midnight - 2 * 86400000)) $((midnight - 1))
done >"$tmp/got"
for r in 1 3 5 10 15 30 60 120 180 360 720 1D; do
	dump "candles:BTC-PERPETUAL:$r:$((midnight - 2 * 86400000)):$((midnight - 1))"
done | jq -c . >"$tmp/want"
cmp -s "$tmp/got" "$tmp/want"
ok $? 'candles of every resolution are those of the dump'
is "$(wc -l <"$tmp/got" | tr -d ' ')" 5094 'and none is missing'
is "$(jq -s '[.[] | select(.volume == 0) | (.open == .close and .high == .low
    and .cost == 0)] | all' "$tmp/got")" true 'without a trade they are flat'
is "$(jq -s '[.[:2880][] | .volume] | add * 1e8 | round' "$tmp/got")" \
    "$(jq -s '[.[-2:][] | .volume] | add * 1e8 | round' "$tmp/got")" \
    'days are made of minutes'
is "$(chart BTC-PERPETUAL 60 $((midnight - 7200000)) "$midnight" | wc -l |
    tr -d ' ')" 3 'both ends are within'
chart BTC-PERPETUAL 1 "$begin" "$midnight" >"$tmp/got"
is "$(sed -n '1p;$p' "$tmp/got" | jq -s -c 'map(.tick)') $(wc -l <"$tmp/got" |
    tr -d ' ')" "[$((midnight - 5000 * 60000)),$midnight] 5001" \
    '5001 at most, and the oldest are missing'
open=$(chart BTC-PERPETUAL 60 "$now" "$now" | jq -c '[.close, .volume, .cost]')
closed=$(dump "candles:BTC-PERPETUAL:60:$now:$now" 2026-11-23T02:00:00Z |
    jq -c '[.close, .volume, .cost]')
[ -n "$open" ] && [ -n "$closed" ] && [ "$open" != "$closed" ]
ok $? 'an open candle is not what it will be'
is "$(dump "candles:BTC-PERPETUAL:60:$now:$now")" '' 'and the dump has none'
is "$(rest "get_tradingview_chart_data?instrument_name=ETH-PERPETUAL&resolution=1&start_timestamp=$((now + 3600000))&end_timestamp=$((now + 7200000))" |
    jq -c .result)" '{"status":"no_data","ticks":[],"open":[],"high":[],"low":[],"close":[],"volume":[],"cost":[]}' \
    'after now there is none'
is "$(chart ETH-PERPETUAL 1D 0 "$now" | head -n 1 | jq .tick)" "$begin" \
    'nor before the creation'
is "$(rest 'get_tradingview_chart_data?instrument_name=ETH-PERPETUAL&resolution=7&start_timestamp=0&end_timestamp=1' |
    jq -c .error.data.param)" '"resolution"' 'no such resolution'

# --- trades ---
rest "get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&start_seq=1&end_seq=1000&count=1000&sorting=asc" |
    jq -c '.result.trades[]' >"$tmp/got"
dump "trades:BTC-PERPETUAL:$begin:$now" >"$tmp/all"
head -n 1000 "$tmp/all" | jq -c . | cmp -s - "$tmp/got"
ok $? 'trades by number are those of the dump'
is "$(jq -s '[.[].trade_seq] == [range(1; length + 1)]' "$tmp/all")" true \
    'their numbers are dense from 1'
is "$(jq -s '[.[].timestamp] | . == sort and length > (unique | length)' \
    "$tmp/all")" true 'in order of time, some of one millisecond'
grep -q '"starbase_match_id":2277' "$tmp/all"
ok $? 'with integers above 2^53'
grep -q '"liquidation":"' "$tmp/got"
ok $? 'and liquidations that are old enough'
from=$((now - 86400000))
end=$now
: >"$tmp/got"
while rest "get_last_trades_by_currency_and_time?currency=ETH&start_timestamp=$from&end_timestamp=$end&count=1000" |
    jq -c .result >"$tmp/page" &&
    jq -c '.trades[]' "$tmp/page" >>"$tmp/got" &&
    [ "$(jq .has_more "$tmp/page")" = true ]; do
	end=$(jq '[.trades[].timestamp] | min' "$tmp/page")
done
sort -u "$tmp/got" | jq -c 'del(.liquidation)' | sort >"$tmp/pages"
dump "trades:ETH:$from:$now" | jq -c 'del(.liquidation)' | sort >"$tmp/want"
cmp -s "$tmp/want" "$tmp/pages"
ok $? 'pages of a currency by time are the dump'
[ "$(wc -l <"$tmp/want")" -gt 1000 ]
ok $? 'of more than a page'
is "$(jq -s --argjson now "$now" '[.[] | select(.liquidation != null and
    .timestamp > $now - 3500000)] | length' "$tmp/got")" 0 \
    'no liquidation is younger than an hour'
id=$(sed -n 7p "$tmp/all" | jq -r .trade_id)
is "$(rest "get_last_trades_by_currency?currency=BTC&start_id=$id&count=1&sorting=asc" |
    jq -r '.result.trades[0].trade_id')" "$id" 'trades by id'
is "$(rest 'get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&count=1001' |
    jq -c .error.data.reason)" '"must be between 1 and 1000"' '1000 at most'

# --- funding ---
funding='get_funding_rate_history?instrument_name=SOL_USDC-PERPETUAL'
rest "$funding&start_timestamp=$begin&end_timestamp=$now" |
    jq -c '.result[]' >"$tmp/got"
dump "funding:SOL_USDC-PERPETUAL:$begin:$now" | jq -c . >"$tmp/want"
cmp -s "$tmp/want" "$tmp/got"
ok $? 'hours of funding are those of the dump'
is "$(jq -s '[range(1; length) as $k | .[$k].prev_index_price ==
    .[$k - 1].index_price and .[$k].timestamp == .[$k - 1].timestamp + 3600000]
    | all' "$tmp/got")" true 'each knows the one before'
is "$(rest "get_funding_rate_value?instrument_name=BTC-PERPETUAL&start_timestamp=$((midnight - 3600000))&end_timestamp=$midnight" |
    jq .result)" "$(dump "funding:BTC-PERPETUAL:$midnight:$midnight" |
    jq .interest_1h)" 'the value of an hour is its interest'
is "$(rest 'get_funding_chart_data?instrument_name=BTC-PERPETUAL&length=8h' |
    jq '.result.data | length')" 480 'a chart has a point each minute'
is "$(rest "get_funding_rate_history?instrument_name=BTC-27NOV26&start_timestamp=0&end_timestamp=1" |
    jq .error.code)" -32602 'of perpetuals only'

# --- what has expired ---
dump instruments | jq -c 'select(.expiration_timestamp <= 1795395600000)' \
    >"$tmp/expired"
is "$(wc -l <"$tmp/expired" | tr -d ' ')" 24 'two of five have expired'
is "$(jq -r .instrument_name "$tmp/expired" | grep -v -c -E \
    '^(BTC|ETH|(SOL|XRP)_USDC)-[1-9][0-9]?[A-Z]{3}26(-[0-9]+(d[0-9]+)?-[CP])?$')" \
    0 'and are named as the exchange names'
rest 'get_instruments?currency=any&expired=true' |
    jq -r '.result[].instrument_name' | sort >"$tmp/got"
jq -r --argjson now "$now" 'select(.expiration_timestamp >
    $now - 3 * 86400000).instrument_name' "$tmp/expired" | sort >"$tmp/want"
[ -s "$tmp/got" ] && cmp -s "$tmp/want" "$tmp/got"
ok $? 'the list has the latest only'
old=$(jq -r -s 'min_by(.expiration_timestamp).instrument_name' "$tmp/expired")
rest "get_last_trades_by_instrument?instrument_name=$old&count=1000&sorting=asc" |
    jq -c '.result.trades[]' >"$tmp/got"
dump "trades:$old:$begin:$now" | head -n 1000 | jq -c . | cmp -s - "$tmp/got"
ok $? 'trades of the oldest are still there'
[ -s "$tmp/got" ]
ok $? 'and there are some'
is "$(rest "get_instrument?instrument_name=$old" | jq -r .result.state)" \
    archivized 'its record is known for a while'
last=$(jq "select(.instrument_name == \"$old\").expiration_timestamp" \
    "$tmp/expired")
is "$(chart "$old" 1 0 "$now" | tail -n 1 | jq .tick)" $((last - 60000)) \
    'its candles end when it did'

# --- the log ---
rest get_time -d '{"jsonrpc":"2.0","id":1,"method":"public/get_time"}' >"$tmp/got"
rest nosuch >"$tmp/got"
stop_replay
is "$(jq -c 'select(.method == "public/nosuch" or .method == "public/get_time") |
    [.query, .status, .rows, .fault]' "$tmp/requests" | tr '\n' ' ')" \
    '["{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"public/get_time\"}",200,null,null] ["",400,null,null] ' \
    'the log has queries, bodies and status'
is "$(jq -c 'select(.query | startswith("instrument_name=BTC-PERPETUAL&start_seq")) |
    [.method, .rows]' "$tmp/requests")" \
    '["public/get_last_trades_by_instrument",1000]' 'and rows'

# --- options ---
start_past --chart-cut last --rows-max 10000
is "$(chart BTC-PERPETUAL 1 "$begin" "$now" | tail -n 1 | jq .tick)" \
    $((begin + 5000 * 60000)) 'the newest can be missing'
is "$(rest 'get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&count=10000' |
    jq '.result.trades | length')" 10000 'the host of the history has more'
stop_replay
start_past --rest-rate 1
for _ in 1 2 3 4 5 6 7 8 9 10; do
	rest get_time -o /dev/null -w '%{http_code}\n'
done >"$tmp/got"
grep -q 429 "$tmp/got"
ok $? 'calls over the rate are refused'
wait_for 'kill -USR1 "$REPLAY_PID" &&
    grep -q "[1-9][0-9]* REST calls over the rate" "$tmp/replay.err"'
ok $? 'and counted'
stop_replay

# --- pages that are wrong ---
page='get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&start_seq=101&end_seq=200&count=100&sorting=asc'
start_past --fault page-shift:rate=1 --requests "$tmp/requests"
is "$(rest "$page" | jq -c '.result.trades | map(.trade_seq) | [length,
    (min < 101 or max > 200), max - min]')" '[100,true,99]' \
    'page-shift goes beyond the range'
stop_replay
is "$(jq -r .fault "$tmp/requests")" page-shift 'and is in the log'
start_past --fault page-duplicate:rate=1 --fault page-reorder:rate=1
is "$(rest "$page" | jq -c '.result.trades | map(.trade_seq) |
    [(unique | length), . == sort, length > 100]')" '[100,false,true]' \
    'page-duplicate, page-reorder'
stop_replay

# --- faults of HTTP ---
# faulty KIND [KEYS]: a server with that fault; the reply in $tmp/got, its head
# in $tmp/head, curl's exit in $code; eight times.
faulty()
{
	kind=$1
	start_past --fault "$kind:rate=1,class=get_tr${2:-}" --truth "$tmp/truth" \
	    --requests "$tmp/requests"
	: >"$tmp/all"
	for _ in 1 2 3 4 5 6 7 8; do
		: >"$tmp/got"
		rest "get_tradingview_chart_data?instrument_name=BTC-PERPETUAL&resolution=1&start_timestamp=$begin&end_timestamp=$now" \
		    -D "$tmp/head" -o "$tmp/got" 2>/dev/null
		code=$?
		printf '%s %s %s\n' "$code" \
		    "$(sed -n '1s/[^ ]* \([0-9]*\).*/\1/p' "$tmp/head")" \
		    "$(tr -d '\r' <"$tmp/head" |
		    sed -n 's/^[Rr]etry-[Aa]fter: /after /p')" >>"$tmp/all"
	done
	sort -u "$tmp/all" >"$tmp/kinds"
	is "$(rest get_time | jq '.result > 0')" true "$kind: of its class only"
	stop_replay
	is "$(jq -r .fault "$tmp/requests" | sort | uniq -c |
	    awk '{ printf "%s %s ", $1, $2 }')" "8 $kind 1 null " \
	    "$kind: logged"
	is "$(jq -r 'select(.event == "fault") | .fault + " " + .method' \
	    "$tmp/truth" | sort -u)" \
	    "$kind public/get_tradingview_chart_data" "$kind: recorded"
}

faulty http-429
is "$(awk '{ print $1, $2, $3 }' "$tmp/kinds" | sort -u | tr '\n' ';')" \
    '0 429 ;0 429 after;' 'http-429: with and without Retry-After'
faulty http-502
is "$(cat "$tmp/kinds")" '0 502 ' 'http-502: status'
like "$(cat "$tmp/got")" '<html>' 'http-502: a page'
faulty http-empty
is "$(cat "$tmp/kinds")" '0 502 ' 'http-empty: status'
[ ! -s "$tmp/got" ]
ok $? 'http-empty: nothing'
faulty http-limit
is "$(tr '\n' ';' <"$tmp/kinds")" '0 400 ;0 429 ;' 'http-limit: both ways'
is "$(jq .error.code "$tmp/got")" 10028 'http-limit: the error'
faulty http-truncated
is "$(tr '\n' ';' <"$tmp/kinds")" '0 200 ;18 200 ;' \
    'http-truncated: by half of the text, and by the end'
[ -s "$tmp/got" ] && ! jq . "$tmp/got" >"$tmp/out" 2>&1
ok $? 'http-truncated: no JSON'
faulty http-reset
is "$(awk '{ print $1 }' "$tmp/kinds" | sort -u)" 56 'http-reset: reset'
faulty http-late ,for=0.05
is "$(cat "$tmp/kinds")" '0 200 ' 'http-late: whole'
is "$(jq '.result.ticks | length' "$tmp/got")" 5001 'http-late: and right'

# --- another clock ---
start_replay --clock-offset -48h
is "$(rest get_time | jq --argjson now "$(date +%s)" \
    '.result / 1000 - $now + 172800 | fabs < 30')" true 'a clock that is behind'
stop_replay
# shellcheck disable=SC2086 # words
start_replay $past --clock 2026-11-23T07:59:58Z --rest-rate 0
is "$(rest 'get_instrument?instrument_name=BTC-23NOV26' |
    jq -r .result.state)" open 'at 07:59:58 it is open'
wait_for '[ "$(rest "get_instrument?instrument_name=BTC-23NOV26" |
    jq -r .result.state)" != open ]'
ok $? 'at 08:00 it has expired'
is "$(rest 'get_instruments?currency=BTC&kind=option' | jq '[.result[] |
    select(.expiration_timestamp <= 1795420800000)] | length')" 0 \
    'as have all of the day'
stop_replay

# --- trades go on ---
start_replay --history 1 --history-trades 2000000 --ledger "$tmp/ledger"
timeout 60 ws-probe -n 3 '{"jsonrpc":"2.0","id":5,"method":"public/subscribe",
    "params":{"channels":["trades.BTC-PERPETUAL.100ms"]}}' >"$tmp/got" 2>&1
jq -c 'select(.method).params.data[]' "$tmp/got" >"$tmp/told"
seq=$(head -n 1 "$tmp/told" | jq .trade_seq)
n=$(wc -l <"$tmp/told" | tr -d ' ')
rest "get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&start_seq=$((seq - 5))&count=$((n + 5))&sorting=asc" |
    jq -c '.result.trades[]' >"$tmp/all"
tail -n "$n" "$tmp/all" | cmp -s - "$tmp/told"
ok $? 'what is told on a channel is what REST tells'
is "$(jq -s 'map(.trade_seq) | .[-1] - .[0] + 1 == length' "$tmp/all")" true \
    'and goes on where the past ended'
stop_replay
jq -c 'select(.instrument_name == "BTC-PERPETUAL")' "$tmp/ledger" |
    grep -F -x -q "$(head -n 1 "$tmp/told")"
ok $? 'the ledger has it as well'

# --- usage ---
run deribit-replay --dump instruments
is "$status $(head -n 1 "$tmp/err")" \
    '64 deribit-replay: error: --dump needs --history' 'a dump of no past'
run deribit-replay --history 1 --dump candles:BTC-PERPETUAL:1:x:y
is "$status" 64 'a dump without times'
run deribit-replay --history 1 --chart-cut middle
is "$status" 64 'no such end'

done_testing
