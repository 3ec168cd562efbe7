#!/bin/sh
# What the exchange really sent, through deribit-instruments: the members of
# each row, and each number's text, are those that came in.
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/http-peer.sh"

recorded=${RECORDED:-$srcdir/../shared/recorded}
[ -d "$recorded" ] || skip_all "no recorded payloads ($recorded)"
export XDG_CACHE_HOME="$tmp/cache"
unset DERIBIT_CACERT

# members FILE: every member with a number for its value, name and text, sorted;
# the envelope's and ours left out.
members()
{
	tr -d ' \n' <"$1" | grep -oE '"[a-z_0-9]+":-?[0-9][-+0-9.eE]*' |
	    grep -vE '"(us(In|Out|Diff)|id|received_at|volume_usd|open_interest)"' |
	    sort
}

# values FILE: the rows as jq reads them, without ours; one array.
values()
{
	jq -S -c -s 'map(del(.type, .kind, .currency, .received_at, .volume_usd,
	    .open_interest)) | sort_by(.instrument_name)' "$1"
}

# through CURRENCY FILE NAME: a whole reply, as it stands.
through()
{
	start_peer
	reply "get_instruments?currency=$1" 200 application/json <"$2"
	echo '[]' | result "get_book_summary_by_currency?currency=$1"
	timeout 120 deribit-instruments --kind all --inactive --no-cache "$3" \
		>"$tmp/out" 2>"$tmp/err"
	is "$?: $(cat "$tmp/err")" '0: ' "$4: listed"
	jq -c --arg base "$3" \
		'.result[] | select(.base_currency == $base)' "$2" >"$tmp/rows"
	is "$(wc -l <"$tmp/out")" "$(wc -l <"$tmp/rows")" "$4: all rows"
	values "$tmp/rows" >"$tmp/want.values"
	values "$tmp/out" >"$tmp/got.values"
	cmp -s "$tmp/want.values" "$tmp/got.values"
	ok $? "$4: the members that came in"
	members "$2" >"$tmp/want"
	members "$tmp/out" >"$tmp/got"
	[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
	ok $? "$4: $(wc -l <"$tmp/want" | tr -d ' ') numbers as they were sent" ||
	    tap_comment "$(diff "$tmp/want" "$tmp/got" | head -n 20)"
}

through BTC "$recorded/nautilus/http_get_instruments.json" BTC 'nautilus'
is "$(jq -r .kind "$tmp/out" | tr '\n' ' ')" \
    'perpetual future option future_combo ' 'nautilus: our kinds'

for currency in BTC ETH; do
	gzip -dc "$recorded/cryptofeed/DERIBIT.0.2021-04-17.gz" |
	    sed -n "/currency=$currency/s/^[^ ]* -> [0-9.]*: //p" \
	    >"$tmp/$currency.json"
	through "$currency" "$tmp/$currency.json" "$currency" \
	    "cryptofeed 2021, $currency"
done

printf '{"result":%s}' \
    "$(cat "$recorded/openbb/instruments_option_xrp_subset.json")" \
    >"$tmp/xrp.json"
through USDC "$tmp/xrp.json" XRP 'openbb, XRP'

# One that was asked for by its name is as a row of a list.
tr -d '\n' <"$recorded/nautilus/http_get_instrument.json" |
	sed 's/"result": *\({.*}\) *,* *\("us.*\)*}$/"result":[\1]}/' >"$tmp/one.json"
through BTC "$tmp/one.json" BTC 'nautilus, one'

# The book summary gives two members of a record; the rest is the instrument.
tr -d "\n" <"$recorded/openbb/instrument_btc_perpetual.json" |
	sed 's/.*/[&]/' >"$tmp/perpetual"
tr -d "\n " <"$recorded/openbb/book_summary_instrument.json" \
	>"$tmp/summary.openbb"
sed -n 's/.*"result":\(\[{"volume_usd".*\]\),"us.*/\1/p' \
	"$recorded/crypto-msg-parser/messages.ndjson" >"$tmp/summary.crypto"
for summary in openbb crypto; do
	start_peer
	result "get_instruments?currency=BTC&kind=future" <"$tmp/perpetual"
	result "get_book_summary_by_currency?currency=BTC&kind=future" \
		<"$tmp/summary.$summary"
	timeout 120 deribit-instruments --kind perpetual --no-cache BTC \
		>"$tmp/out"
	members "$tmp/perpetual" >"$tmp/want"
	members "$tmp/out" >"$tmp/got"
	[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
	ok $? "a perpetual: numbers as they were sent"
	for member in open_interest volume_usd; do
		is "$(grep -oE "\"$member\":[-+0-9.eE]*" "$tmp/out")" \
			"$(grep -oE "\"$member\":[-+0-9.eE]+" \
				"$tmp/summary.$summary")" \
			"book summary, $summary: $member"
	done
done

done_testing
