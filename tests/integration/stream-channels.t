#!/bin/sh
# Every word of deribit-ws-stream --list-channels, for every kind of instrument:
# records of its type, complete, in the units of deribit-ndjson(5), their numbers
# the text that was sent.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 200ms "$@" \
		>"$tmp/out" 2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

# Outside strings, the numbers of a stream, sorted.
numbers()
{
	sed 's/"[^"]*"/S/g' |
		grep -oE -e '-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?' | sort
}

# What was sent and written; markprice has a unit of its own, and trades of the
# markets of futures and spot pairs are those of others, too.
compare_numbers()
{
	case $kind in
	future | perpetual | spot) trade=trade ;;
	*) trade=NONE ;;
	esac
	sed -n 's/^{"connection":[0-9]*,"sent_at":[0-9]*,"message"://p' \
		"$tmp/truth" | grep '"method":"subscription"' |
		grep -Ev "\"channel\":\"(markprice\.|${trade}s\.|$canary)" |
		numbers >"$tmp/sent"
	grep -Ev "\"type\":\"(markprice|gap|$trade)\"" "$tmp/out" |
		sed 's/"received_at":[0-9]*,//' | numbers >"$tmp/written"
	comm -13 "$tmp/sent" "$tmp/written" >"$tmp/new"
	# Sent and not written: empty sides.
	comm -23 "$tmp/sent" "$tmp/written" | sort -u >"$tmp/gone"
	[ -s "$tmp/sent" ] && [ ! -s "$tmp/new" ] &&
		! grep -qvxE '0(\.0+)?' "$tmp/gone"
}

# has TYPE...: at least one record of each.
has()
{
	for type; do
		grep -q "^{\"type\":\"$type\"," "$tmp/out" || return 1
	done
}

# Stops the server, so that all that was sent is read; then the stream.
finish()
{
	wait_for 'grep -q "successfully subscribed" "$tmp/err"' 30
	stop_replay
	wait_for 'grep -q "retry in" "$tmp/err"' 30
	stop_pid "$STREAM_PID"
}

# The index of BTC: it is no channel that is wanted of another currency.
index='deribit_price_index\.btc_usd"'
canary=NONE
words=quotes,trades,book,ticker,incremental_ticker,markprice,perpetual,index
words=$words,volatility_index,expiration,candles,instruments,states,platform

# kind KIND TYPES ARGUMENT...: all the words.
kind()
{
	kind=$1
	types=$2
	shift 2
	: >"$tmp/truth"
	start_replay --synthetic 7 --rate 500 --truth "$tmp/truth" \
		--list-every 0.4 --expire-every 3
	start_stream --channels "$words" --book incremental --no-cache \
		--linger 0 "$@"
	# shellcheck disable=SC2086 # words
	wait_for "has $types &&
		grep -q '\"type\":\"ticker\".*\"update_type\":\"change\"' '$tmp/out'" 60
	ok $? "$kind: $types"
	finish
	jq -es 'all(type == "object" and has("type") and has("kind") and
		has("currency") and has("received_at"))' "$tmp/out" >"$tmp/jq"
	ok $? "$kind: $(wc -l <"$tmp/out") records are JSON, and have their head"
	# The others speak of more than one instrument.
	jq -es --arg kind "$kind" 'map(select(.type | IN("quote", "trade",
		"book_change", "ticker", "candle", "perpetual", "markprice"))) |
		all(.kind == $kind and (.instrument_name | type) == "string" and
		(.instrument_name | startswith(.currency? // "") ))' \
		"$tmp/out" >"$tmp/jq"
	ok $? "$kind: their kind, and an instrument"
	compare_numbers
	ok $? "$kind: each number is the text that was sent, none is missing"
}

common='quote trade book_change ticker index platform_state candle'

kind option "$common volatility_index estimated_expiration_price markprice \
instrument instrument_state" BTC --top 8
jq -es 'map(select(.type == "markprice")) | length > 0 and all(.iv > 5 and
	.currency == "BTC" and (.mark_price | type) == "number")' \
	"$tmp/out" >"$tmp/jq"
ok $? 'markprice: iv is percent'
grep -o '"iv":[^,}]*,"instrument_name\|"channel":"markprice[^]]*' "$tmp/truth" |
	grep -o '"iv":[0-9.e+-]*' | sed 's/"iv"://' |
	awk '{ printf "%.6f\n", $1 * 100 }' | sort >"$tmp/sent"
grep '"type":"markprice"' "$tmp/out" | grep -o '"iv":[0-9.e+-]*' |
	sed 's/"iv"://' | awk '{ printf "%.6f\n", $1 }' | sort >"$tmp/written"
cmp -s "$tmp/sent" "$tmp/written"
ok $? "markprice: $(wc -l <"$tmp/sent") times a hundred of what was sent"
jq -es 'map(select(.type == "ticker" and .update_type == null)) | length > 0 and
	all(has("delta") and has("gamma") and has("vega") and has("theta") and
	has("rho") and has("stats_volume") and .mark_iv > 5 and
	(has("greeks") or has("stats") | not))' "$tmp/out" >"$tmp/jq"
ok $? 'ticker: greeks and statistics are members, volatilities percent'
jq -es 'map(select(.type == "ticker" and .update_type != null)) |
	map(.update_type) | unique == ["change", "snapshot"]' "$tmp/out" >"$tmp/jq"
ok $? 'incremental_ticker: update_type'
jq -es 'map(select(.type == "instrument")) | all(.kind == "option" and
	.currency == "BTC" and has("tick_size") and .state == "open" and
	.timestamp > 1500000000000)' "$tmp/out" >"$tmp/jq"
ok $? 'instrument: the whole of it, when it is listed'
jq -es 'map(select(.type == "instrument_state")) | all(.kind == "option" and
	.currency == "BTC" and (.state | type) == "string")' "$tmp/out" >"$tmp/jq"
ok $? 'instrument_state: what becomes of it'
jq -es 'map(select(.type == "candle")) | all(.resolution == "1" and
	has("tick") and has("open") and has("cost"))' "$tmp/out" >"$tmp/jq"
ok $? 'candle: its resolution'
jq -es '(map(select(.type == "index")) | length > 0 and
	all(.kind == null and .currency == "BTC" and .index_name == "btc_usd")) and
	(map(select(.type == "volatility_index")) | all(.currency == "BTC" and
	.volatility > 5)) and (map(select(.type == "estimated_expiration_price")) |
	all(.index_name == "btc_usd"))' "$tmp/out" >"$tmp/jq"
ok $? 'what an index has is of its currency'

kind future "$common volatility_index" BTC --kind future
canary=$index
kind perpetual "$common perpetual" ETH --kind perpetual
jq -es 'map(select(.type == "perpetual")) | length > 0 and all(
	.instrument_name == "ETH-PERPETUAL" and has("interest"))' \
	"$tmp/out" >"$tmp/jq"
ok $? 'perpetual: its instrument comes from the channel'
kind spot "$common" SOL --kind spot
canary=NONE
kind option_combo "$common" BTC --kind option_combo
canary=$index
kind future_combo "$common" ETH --kind future_combo

# ------------------------------------------------------------ other intervals
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --truth "$tmp/truth"
start_stream --channels trades,ticker,book,perpetual,candles --book incremental \
	--interval agg2 --resolution 1D -i BTC-PERPETUAL
wait_for 'has trade ticker book_change perpetual candle' 30
ok $? '--interval agg2'
finish
is "$(grep -o '"channel":"[^"]*' "$tmp/truth" | sed 's/.*"//' | sort -u |
	grep -v 'platform\|price_index\|100ms' | tr '\n' ' ')" \
	'book.BTC-PERPETUAL.agg2 chart.trades.BTC-PERPETUAL.1D perpetual.BTC-PERPETUAL.agg2 ticker.BTC-PERPETUAL.agg2 trades.BTC-PERPETUAL.agg2 ' \
	'of every channel that has intervals, and --resolution of candles'

printf 'deribit-tools\nsecret-of-a-test\n' >"$tmp/login"
chmod 600 "$tmp/login"
: >"$tmp/truth"
start_replay --synthetic 7 --rate 300 --truth "$tmp/truth" \
	--credentials "$tmp/login"
start_stream --channels trades,ticker,book,perpetual --book incremental \
	--interval raw --credentials "$tmp/login" -i BTC-PERPETUAL
wait_for 'has trade ticker book_change perpetual' 30
ok $? '--interval raw, for those who log in'
finish
is "$(grep -c '\.100ms"' "$tmp/truth")" 0 'and nothing else'
start_replay --synthetic 7 --rate 300
run timeout 30 deribit-ws-stream --channels trades.BTC-PERPETUAL.raw
is "$status" 77 'a raw channel by its name, without a login: 77'
like "$(cat "$tmp/err")" '13778 .*use --auth' 'and a sentence'

# ---------------------------------------------------------------- full names
names=deribit_price_ranking.btc_usd,deribit_price_statistics.btc_usd
names=$names,book.BTC-PERPETUAL.none.10.100ms,quote.ETH-PERPETUAL,platform_state.public_methods_state
start_stream --channels "$names,index,trades.any.any.100ms" ETH --top 1
wait_for 'has deribit_price_ranking book quote index trade platform_state' 30
ok $? 'full names of channels, beside words'
like "$(cat "$tmp/out")" '"type":"deribit_price_ranking".*"channel":"deribit_price_ranking.btc_usd"' \
	'a class that is not known is named by its channel'
jq -es 'map(select(.type == "book")) | all(.kind == "perpetual" and
	(.bids | length) == 10 and (.update_type == null))' "$tmp/out" >"$tmp/jq"
ok $? 'a window of a book is a whole one'
stop_pid "$STREAM_PID"
run timeout 30 deribit-ws-stream --channels announcements.,nosuch.channel
is "$status" 69 'names that the exchange does not know: 69'
like "$(cat "$tmp/err")" 'took none of the 2 channels: announcements., nosuch.channel' \
	'and which'

# ------------------------------------------------------------------- mistakes
# refused ARGUMENTS SENTENCE
refused()
{
	# shellcheck disable=SC2086 # arguments
	run timeout 30 deribit-ws-stream $1
	is "$status" 64 "$(echo "$1" | cut -c1-50): 64"
	like "$(cat "$tmp/err")" "$2" 'and a sentence'
}
refused '--channels nosuch ETH' '--channels nosuch: no such word; --list-channels prints'
refused '--channels quotes,,trades ETH' '--channels: there is an empty word'
refused '--channels perpetual ETH' 'what was named has none of these channels; --list-channels says which have what'
refused '--kind perpetual --channels markprice ETH' 'none of these channels'
refused '--interval 5s ETH' '--interval 5s: 100ms, agg2 or raw'
refused '--resolution 2 ETH' '--resolution 2: 1, 3, 5'
refused '--book changes ETH' '--book changes: snapshots or incremental is needed'
refused '--interval raw ETH' 'raw channels are for those who log in; use --auth'
refused "--channels $(printf 'a.%0256d' 1)" 'no such word'
refused "--channels $(printf 'a.b,%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)$(
	printf 'a.b,%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)$(
	printf 'a.b,%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)$(
	printf 'a.b,%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)a.b" \
	'--channels takes 64 full names'
stop_replay

# -------------------------------------------------------- messages as recorded
RECORDED=${RECORDED:-$srcdir/../shared/recorded}
if [ -d "$RECORDED" ]; then
	{
		for f in "$RECORDED"/nautilus/ws_*.json; do
			tr -d '\n' <"$f"
			echo
		done
		cat "$RECORDED"/*/*.ndjson
		sed -n 's/^[0-9.]*: //p' "$RECORDED/cryptofeed/DERIBIT.ws.30.0"
	} | grep '"subscription"' >"$tmp/frames"
	start_replay --frames "$tmp/frames" --exit
	start_stream -i BTC-PERPETUAL
	wait_for '! tap_alive $REPLAY_PID' 30
	wait_for 'grep -q "retry in" "$tmp/err"' 30
	stop_pid "$STREAM_PID"
	# By other means: how many records of which type there are to be.
	jq -r '.params | (.channel | split(".")) as $w |
		({"trades": "trade", "chart": "candle", "markprice": "markprice",
		"deribit_volatility_index": "volatility_index",
		"deribit_price_index": "index", "incremental_ticker": "ticker"
		}[$w[0]] // (if $w[0] == "book" then
		(if ($w | length) > 3 then "book" else "book_change" end)
		else $w[0] end)) as $type |
		(if (.data | type) == "array" then .data[] else .data end) | $type' \
		"$tmp/frames" | sort | uniq -c >"$tmp/sent"
	jq -r 'select(.type != "gap").type' "$tmp/out" | sort | uniq -c \
		>"$tmp/written"
	is "$(cat "$tmp/written")" "$(cat "$tmp/sent")" \
		'recorded messages of every shape: their records, by type'
	jq -es 'map(select(.type == "ticker" and .kind == "option")) |
		length > 0 and all(has("delta") and has("stats_volume") and
		(has("greeks") or has("stats") | not))' "$tmp/out" >"$tmp/jq"
	ok $? 'and greeks and statistics are members'
else
	skip 'no recorded payloads' 'recorded messages by type'
fi

done_testing
