#!/bin/sh
# deribit-replay's synthetic market as a client over TLS sees it: order books
# that add up to what the truth file says, options that come and go, combos.
# shellcheck disable=SC2016 # $ in single quotes: jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
PATH=$builddir/tests/peer:$PATH

rest()
{
	curl -sS --max-time 60 --cacert "$DERIBIT_CACERT" \
	    "$DERIBIT_REST_URL/public/$1"
}

# probe ARGUMENT...: messages in $tmp/got, the end in $tmp/end.
probe()
{
	timeout 120 ws-probe "$@" >"$tmp/got" 2>"$tmp/end"
}

# subscribe CHANNEL...
subscribe()
{
	printf '{"jsonrpc":"2.0","id":5,"method":"public/subscribe","params":'
	printf '{"channels":%s}}' "$(jq -cn '$ARGS.positional' --args "$@")"
}

# of CHANNEL: its data in what came, a line each.
of()
{
	jq -c --arg channel "$1" \
	    'select(.params.channel? == $channel).params.data' "$tmp/got"
}

# --- order books ---
start_replay --synthetic 5 --rate 4000 --truth "$tmp/truth"
option=$(rest 'get_book_summary_by_currency?currency=ETH&kind=option' |
    jq -r '.result | max_by(.open_interest).instrument_name')
probe -n 3000 "$(subscribe book.BTC-PERPETUAL.100ms "book.$option.agg2" \
    book.ETH-PERPETUAL.none.10.100ms book.BTC-PERPETUAL.none.3.100ms)" \
    "$(subscribe book.BTC-PERPETUAL.100ms)"
is "$(head -n 1 "$tmp/got" | jq '.result | length')" 3 \
    'a depth that is none is no channel'
is "$(sed -n 2p "$tmp/got" | jq -r .params.data.type)" snapshot \
    'the snapshot comes behind the acknowledgement'
is "$(of book.BTC-PERPETUAL.100ms | grep -c snapshot)" 1 \
    'and not again for a second subscription'
stop_replay
jq -c 'select(.event == "book")' "$tmp/truth" >"$tmp/books"

# The book after each change, as the client builds it: action words ignored.
rebuilt()
{
	of "$1" | jq -cn '
	    def side($old; $list): reduce $list[] as [$act, $p, $a] ($old;
		if $a == 0 then del(.[$p | tostring])
		else .[$p | tostring] = [$p, $a] end);
	    def sorted: [.[]] | sort;
	    foreach inputs as $d ({};
		if $d.type == "change" and $d.prev_change_id != .id
		then error("gap") else . end |
		if $d.type == "snapshot" then .bids = {} | .asks = {} else . end
		| .id = $d.change_id
		| .bids = side(.bids; $d.bids) | .asks = side(.asks; $d.asks)
		| .type = $d.type;
		select(.type == "change") |
		[.id, (.bids | sorted), (.asks | sorted)])'
}

for channel in book.BTC-PERPETUAL.100ms "book.$option.agg2"; do
	name=${channel#book.}
	name=${name%.*}
	rebuilt "$channel" | sort >"$tmp/rebuilt"
	jq -c --arg i "$name" 'select(.instrument_name == $i) |
	    [.change_id, (.bids | sort), (.asks | sort)]' "$tmp/books" |
	    sort >"$tmp/true"
	[ "$(wc -l <"$tmp/rebuilt")" -gt 500 ]
	ok $? "$channel changes"
	is "$(comm -23 "$tmp/rebuilt" "$tmp/true" | wc -l | tr -d ' ')" 0 \
	    'the book rebuilt is the book of the truth file, at each change'
done
is "$(of book.ETH-PERPETUAL.none.10.100ms |
    jq -s '[.[] | .bids, .asks | length] | max')" 10 'a window of ten levels'

start_replay --synthetic 5 --rate 0
rest 'get_order_book?instrument_name=ETH-PERPETUAL&depth=1' >"$tmp/rest"
is "$(jq -c '.result | [(.bids, .asks | length), .best_bid_price == .bids[0][0],
    .best_ask_amount == .asks[0][1], .change_id > 193809618511]' "$tmp/rest")" \
    '[1,1,true,true,true]' 'get_order_book is the ticker and its levels'
stop_replay

# --- what comes at once, and by the clock ---
start_replay --synthetic 5 --rate 200
probe -n 160 "$(subscribe platform_state markprice.options.btc_usd \
    deribit_volatility_index.btc_usd platform_state.public_methods_state \
    incremental_ticker.BTC-PERPETUAL perpetual.BTC-PERPETUAL.agg2)"
is "$(sed -n "2,105p" "$tmp/got" | jq -r .params.channel | sort | uniq -c |
    sed "s/^ *//" | tr "\n" ";")" "1 deribit_volatility_index.btc_usd;\
1 incremental_ticker.BTC-PERPETUAL;1 markprice.options.btc_usd;\
100 platform_state;1 platform_state.public_methods_state;" \
    "whole states come first"
is "$(of platform_state | jq -c keys | sort -u)" \
    '["locked","price_index","reasons"]' "the state of an index"
is "$(of markprice.options.btc_usd | head -n 1 | jq length)" 912 \
    "marks of all options"
stop_replay

# --- options come and go ---
start_replay --synthetic 5 --rate 0 --list-every 0.1 --truth "$tmp/truth"
before=$(rest 'get_instruments?currency=any' | jq '.result | length')
probe -n 7 "$(subscribe instrument.creation.option.any \
    instrument.state.any.any)"
news='instrument.creation.option.any instrument.state.any.any '
is "$(tail -n +2 "$tmp/got" | jq -r .params.channel | tr '\n' ' ')" \
    "$news$news$news" 'each listing is told: the record, then the state'
new=$(of instrument.creation.option.any | jq -r .instrument_name | tail -n 1)
is "$(rest "get_instruments?currency=any&kind=option" |
    jq -c --arg new "$new" '[.result[] | select(.instrument_name == $new)
    | .state]')" '["open"]' 'the new one is listed'
[ "$(rest 'get_instruments?currency=any' | jq '.result | length')" -gt \
    "$before" ]
ok $? 'and was not before'
probe -n 2 "$(subscribe "book.$new.100ms")"
is "$(of "book.$new.100ms" | jq -r .type)" snapshot 'it has a book'
stop_replay
jq -r 'select(.event == "listed").instrument_name' "$tmp/truth" >"$tmp/listed"
grep -qx "$new" "$tmp/listed"
ok $? 'the truth file knows'

start_replay --synthetic 5 --rate 500 --expire-every 0.5 --truth "$tmp/truth"
probe -n 600 "$(subscribe "ticker.$option.100ms" "quote.$option" \
    quote.ETH-PERPETUAL instrument.state.option.ETH)"
is "$(of instrument.state.option.ETH | jq -r --arg option "$option" \
    'select(.instrument_name == $option).state' | head -n 2 | tr '\n' ' ')" \
    'settlement delivered ' 'an option that is listened to expires'
is "$(of "ticker.$option.100ms" | tail -n 1 | jq -r .state)" closed \
    'its last ticker says so'
is "$(sed '1,/"delivered"/d' "$tmp/got" | grep -v archivized |
    grep -c "_name\":\"$option\"")" 0 \
    'and then it is silent'
probe -n 1 "$(subscribe "quote.$option" quote.ETH-PERPETUAL)"
is "$(jq -c .result "$tmp/got")" '["quote.ETH-PERPETUAL"]' \
    'and cannot be subscribed to'
rest 'get_instruments?currency=ETH&expired=true' |
    jq -r '.result[].instrument_name' >"$tmp/expired"
grep -qx "$option" "$tmp/expired"
ok $? 'it is listed as expired'
stop_replay
jq -r 'select(.event == "expired").instrument_name' "$tmp/truth" |
    grep -qx "$option"
ok $? 'the truth file knows'

# --- other kinds ---
start_replay --synthetic 5 --rate 2000
is "$(for kind in spot future_combo option_combo; do
	rest "get_instruments?currency=any&kind=$kind" |
	    jq -r '.result | length, (map(.kind) | unique[])'
    done | tr '\n' ' ')" '4 spot 4 future_combo 6 option_combo ' \
    'spot pairs and combos are listed by kind'
probe -n 400 "$(subscribe trades.future_combo.any.100ms \
    trades.future.any.100ms trades.spot.USDC.100ms)"
# The legs of the last one may not have come any more.
of trades.future_combo.any.100ms | sed '$d' | jq -c '.[]' >"$tmp/combos"
of trades.future.any.100ms | jq -c '.[] | select(.combo_id)' >"$tmp/legs"
[ -s "$tmp/combos" ]
ok $? 'combos trade'
jq -c '.legs[]' "$tmp/combos" >"$tmp/within"
is "$(grep -vcFxf "$tmp/legs" "$tmp/within")" 0 \
    'each leg is a trade of its own'
is "$(of trades.spot.USDC.100ms | jq -r '.[].instrument_name' | sort -u |
    tr '\n' ' ')" 'BTC_USDC ETH_USDC SOL_USDC ' 'spot pairs trade'
stop_replay

done_testing
