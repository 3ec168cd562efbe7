#!/bin/sh
# deribit-ndjson(5) names every member that records have, and no others: as
# the made-up market gives them, and messages that the exchange really sent.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS
page=$srcdir/man/deribit-ndjson.5

# What the page names, a type and a member a line.  A book has the members of a
# ticker too; all have the four with which a record begins, but a frame and a note.
sed -n '/^\.Sh RECORDS/,/^\.Sh EXAMPLES/p' "$page" | awk '
	/^\.Ss / { type = $2 }
	/^\.It Li / && !/ Ta / {
		for (i = 3; i <= NF; i++) {
			if ($i == ",")
				continue
			print type, $i
			if (type == "ticker" && $i != "update_type" &&
			    $i != "snapshot_at")
				print "book", $i
		}
	}' >"$tmp/its"
cut -d " " -f 1 "$tmp/its" | sort -u | while read -r type; do
	echo "$type type"
	echo "$type received_at"
	case $type in frame | note) ;; *) printf '%s kind\n%s currency\n' "$type" "$type" ;; esac
done >"$tmp/heads"
sort -u "$tmp/its" "$tmp/heads" >"$tmp/named"

# What the made-up market has not: leverage, uuids; what is withheld; what is
# there for half an hour of the day.
cat >"$tmp/elsewhere" <<'ELSEWHERE'
book combo_state
book delivery_price
book implied_ask
book implied_bid
book stats_volume_notional
candle mark_iv
estimated_expiration_price left_ticks
estimated_expiration_price total_ticks
instrument base_currency_uuid
instrument block_trade_min_trade_amount
instrument block_trade_tick_size
instrument future_type
instrument index_id
instrument lot_size
instrument max_leverage
instrument max_liquidation_commission
instrument max_non_default_leverage
instrument quote_currency_uuid
ticker implied_ask
ticker implied_bid
ticker snapshot_at
ticker stats_volume_notional
trade block_rfq_id
trade liquidation
ELSEWHERE
comm -23 "$tmp/elsewhere" "$tmp/named" >"$tmp/strange"
[ ! -s "$tmp/strange" ]
ok $? 'what is not in the made-up market is named too' ||
	tap_comment "$(cat "$tmp/strange")"

# members FILE...: what is there, likewise.
members()
{
	cat "$@" | jq -r '.type as $type | keys_unsorted[] | "\($type) \(.)"' |
		sort -u
}

# stream NAME ARGUMENT...: in the background.
stream()
{
	name=$1
	shift
	timeout 60 deribit-ws-stream --retry-delay 100ms --duration 4s "$@" \
		>"$tmp/records.$name" 2>"$tmp/err.$name" &
	streams="$streams $!"
}

all=quotes,trades,ticker,incremental_ticker,markprice,perpetual,index
all=$all,volatility_index,expiration,candles,instruments,states,platform

# One round: each class of channels, as well as what is asked for.
round()
{
	streams=
	stream all ETH --kind all --top 40 --channels "$all" --book incremental
	stream books BTC --kind all --top 40 --channels book \
		--depth 5 --depth-interval 1s
	# The statistics of an index come every fifteen seconds.
	stream names --duration 17s --instrument BTC-PERPETUAL --instrument BTC_USDC \
		--channels "ticker,candles,book.BTC-PERPETUAL.none.10.100ms,\
perpetual.BTC-PERPETUAL.100ms,deribit_price_ranking.btc_usd,\
deribit_price_statistics.btc_usd,\
trades.option.ETH.agg2,trades.future.BTC.agg2"
	stream raw ETH BTC --channels trades --raw
	# shellcheck disable=SC2086 # words
	wait $streams
	members "$tmp"/records.* >"$tmp/new"
	sort -u "$tmp/seen" "$tmp/new" >"$tmp/both"
	mv "$tmp/both" "$tmp/seen"
	sort -u "$tmp/seen" "$tmp/elsewhere" | comm -13 - "$tmp/named" \
		>"$tmp/missing"
}

start_replay --history 2 --history-trades 2000
run deribit-ohlcv BTC-PERPETUAL
cp "$tmp/out" "$tmp/records.ohlcv"
run deribit-funding BTC-PERPETUAL
cp "$tmp/out" "$tmp/records.funding"
stop_replay

start_replay --synthetic 3 --rate 1500 --list-every 1 --expire-every 1 \
	--fault maintenance:every=3,for=0.2
: >"$tmp/seen"
run deribit-instruments BTC --kind all
cp "$tmp/out" "$tmp/records.instruments"

# A reader that is too slow, for an overflow.
mkfifo "$tmp/fifo"
exec 9<>"$tmp/fifo"
: >"$tmp/err"
deribit-ws-stream BTC --queue-max 64K >"$tmp/fifo" 2>"$tmp/err" &
slow=$!
at_exit "stop_pid $slow"
wait_for 'grep -q "too slow" "$tmp/err"'
cat <"$tmp/fifo" >"$tmp/records.slow" 9<&- &
reader=$!
at_exit "stop_pid $reader"
wait_for 'grep -q "room again" "$tmp/err"'
stop_pid "$slow"
exec 9<&-
wait "$reader"

rounds=0
round
while [ -s "$tmp/missing" ] && [ "$rounds" -lt 6 ]; do
	rounds=$((rounds + 1))
	round
done
stop_replay
[ ! -s "$tmp/missing" ]
ok $? 'each member that the page names occurs' ||
	tap_comment "$(cat "$tmp/missing")"
comm -13 "$tmp/named" "$tmp/seen" >"$tmp/unnamed"
[ ! -s "$tmp/unnamed" ]
ok $? 'each member that occurs is named' ||
	tap_comment "$(cat "$tmp/unnamed")"
[ "$(wc -l <"$tmp/seen")" -gt 200 ]
ok $? "$(wc -l <"$tmp/seen") members of $(cut -d ' ' -f 1 "$tmp/seen" |
	sort -u | wc -l) records"

# -------------------------------------------------- the page's way to a book
sed -n '/^jq -nc .foreach/,/^\.Ed/p' "$page" | sed '/^\.Ed/d; s/\\e/\\/g' \
	>"$tmp/rebuild"
busiest=$(jq -r 'select(.type == "book_change").instrument_name' \
	"$tmp/records.all" | sort | uniq -c | sort -n | awk 'END { print $2 }')
jq -c --arg name "$busiest" 'select(.instrument_name == $name)' \
	"$tmp/records.all" >"$tmp/book"
sh "$tmp/rebuild" <"$tmp/book" >"$tmp/best"
[ "$(wc -l <"$tmp/best")" -gt 10 ] &&
	jq -es 'all(.[0] == null or .[1] == null or .[0] < .[1])' "$tmp/best" \
		>"$tmp/jq"
ok $? "a book rebuilt in $(wc -l <"$tmp/best") steps never crosses itself"

# ---------------------------------------------------------- what was recorded
RECORDED=${RECORDED:-$srcdir/../shared/recorded}
if [ -d "$RECORDED" ]; then
	{
		for f in "$RECORDED"/nautilus/ws_*.json; do
			tr -d '\n' <"$f"
			echo
		done
		cat "$RECORDED"/*/*.ndjson
		sed -n 's/^[0-9.]*: //p' "$RECORDED/cryptofeed/DERIBIT.ws.30.0"
	} | grep '"subscription"' >"$tmp/messages"
	jq -c '{jsonrpc: "2.0", id: 1, result: .}' \
		"$RECORDED/openbb/order_book.json" >>"$tmp/messages"
	sed 's/.*/{"type":"frame","received_at":1,"message":&}/' \
		"$tmp/messages" >"$tmp/frames"
	run deribit-ws-stream --from-raw "$tmp/frames"
	is "$status: $(cat "$tmp/err")" '0: ' 'recorded messages'
	{
		gzip -dc "$RECORDED/cryptofeed/DERIBIT.0.2021-04-17.gz" |
			sed -n 's/^[^ ]* -> [0-9.]*: //p' | jq -c '.result[]'
		jq -c '.result | if type == "array" then .[] else . end' \
			"$RECORDED"/nautilus/http_get_instrument*.json
		jq -c 'if type == "array" then .[] else . end' \
			"$RECORDED"/openbb/instrument*.json
	} | jq -c '.type = "instrument"' >"$tmp/rows"
	members "$tmp/out" "$tmp/rows" >"$tmp/recorded"
	comm -13 "$tmp/named" "$tmp/recorded" >"$tmp/unnamed"
	[ ! -s "$tmp/unnamed" ]
	ok $? "each of $(wc -l <"$tmp/recorded") recorded members is named" ||
		tap_comment "$(cat "$tmp/unnamed")"
else
	skip 'no recorded payloads' 'recorded messages'
	skip 'no recorded payloads' 'their members'
fi

done_testing
