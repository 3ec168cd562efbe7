#!/bin/sh
# What deribit-ws-stream could not repair, deribit-trades fetches: the gap
# records of a run whose exchange had no pages.  And trades in the database, of
# which there is one however often they are loaded.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"
. "$srcdir/tests/sh/replay.sh"

export XDG_CACHE_HOME="$tmp/cache"
unset DERIBIT_CACERT CURRENCY TOP_N_INSTRUMENTS
# A clock that shows 10:30 now: no expiry, no midnight while this runs; and the
# same for both servers, since gap records have our clock's times.
now=1795602600
past="--synthetic 5 --history 2 --history-trades 6000000
    --history-instruments 40 --now ${now}000 --clock-offset $((now -
	$(date +%s)))s"

# holes FILE...: how many numbers are missing between those of each instrument.
holes()
{
	cat "$@" | jq -r 'select(.type == "trade") |
	    "\(.instrument_name) \(.trade_seq)"' | sort -u | sort -k1,1 -k2,2n |
		awk '$1 == name { n += $2 - last - 1 }
		{ name = $1; last = $2 } END { print n + 0 }'
}

# shellcheck disable=SC2086 # words
start_replay $past --fault page-empty:rate=1 --cut-every 2 --rate 50
deribit-ws-stream BTC ETH SOL --kind all --channels trades \
	>"$tmp/stream" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(grep -c "connection lost" "$tmp/err")" -ge 4 ]' 60
ok $? 'a stream that is cut'
stop_pid "$pid"
[ "$(grep -c '"type":"gap".*"repaired":false' "$tmp/stream")" -ge 3 ]
ok $? 'gaps that nobody repaired'
stop_replay
n=$(holes "$tmp/stream")
[ "$n" -gt 0 ]
ok $? "$n trades are missing"

# shellcheck disable=SC2086 # words
start_replay $past --requests "$tmp/requests"
timeout 100 deribit-trades --ranges - <"$tmp/stream" >"$tmp/out" 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" '0: ' '--ranges - takes the whole stream'
is "$(holes "$tmp/stream" "$tmp/out")" 0 'and none is missing'
is "$(jq -r .type "$tmp/out" | sort -u)" trade 'all are trades'
is "$(jq -s 'map(.repaired) | all' "$tmp/out")" true 'that say repaired'
# A trade that both have is the same.
cat "$tmp/stream" "$tmp/out" | jq -c 'select(.type == "trade") |
    del(.received_at, .repaired)' | sort -u |
	jq -r '"\(.instrument_name) \(.trade_seq)"' | uniq -d >"$tmp/twice"
is "$(cat "$tmp/twice")" '' 'in the same words'

# --- the database

stop_replay
start_replay --synthetic 5 --history 10 --history-trades 30000 \
	--history-instruments 60
database
apply_schema >"$tmp/schema" 2>&1
timeout 200 deribit-trades --since -9d --until -61m --kind option ETH \
	>"$tmp/trades" 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" '0: ' 'options of a currency'
for _ in 1 2; do
	run tsdb-load eth_option_trades <"$tmp/trades"
	is "$status" 0 'loaded'
	is "$(sql 'SELECT count(*) FROM eth_option_trades')" \
		"$(wc -l <"$tmp/trades" | tr -d ' ')" 'each trade is there once'
done
sed -n 's/.*"starbase_match_id":\([0-9]*\).*/\1/p' "$tmp/trades" | sort -n \
	>"$tmp/want"
sql 'SELECT starbase_match_id FROM eth_option_trades
    WHERE starbase_match_id > 2::numeric ^ 53 ORDER BY 1' >"$tmp/got"
[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
ok $? 'with integers above 2^53'

done_testing
