#!/bin/sh
# deribit-instruments over TLS against deribit-replay's synthetic market, the
# examples of its manual, and the way into the database.
# shellcheck disable=SC2016 # expanded by sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"
. "$srcdir/tests/sh/replay.sh"

export XDG_CACHE_HOME="$tmp/cache"
database && apply_schema
start_replay --synthetic 7

# field NAME: its values, a line each; strings and plain numbers.
field()
{
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$tmp/out"
}

run deribit-instruments ETH
is "$status: $(cat "$tmp/err")" '0: ' 'the options of ETH, verified TLS'
ok "$(($(wc -l <"$tmp/out") < 500))" 'hundreds of them'
is "$(field kind | sort -u) $(field settlement_currency | sort -u)" \
    'option ETH' 'options of the inverse market'
jq -e -s 'map(.instrument_name) | length == (unique | length)' "$tmp/out" \
    >"$tmp/jq"
ok $? 'each once'
jq -e -s 'map(.received_at) | . == (sort | unique)' "$tmp/out" >"$tmp/jq"
ok $? 'received_at strictly increases'

run deribit-instruments BTC ETH SOL --kind perpetual
is "$(field instrument_name | tr '\n' ' ')" \
    'BTC-PERPETUAL ETH-PERPETUAL SOL_USDC-PERPETUAL ' 'three perpetuals'
run deribit-instruments SOL
is "$(field settlement_currency | sort -u)" 'USDC' 'SOL is found under USDC'
jq -r '[.open_interest, .instrument_name] | @tsv' "$tmp/out" |
    sort -t"$(printf '\t')" -k1,1gr -k2,2 | head -n 30 | cut -f2 >"$tmp/want"
run deribit-instruments SOL --top 30
field instrument_name >"$tmp/got"
cmp -s "$tmp/want" "$tmp/got"
ok $? '--top 30: as sort(1) ranks them'

run deribit-instruments NOSUCH
is "$status" 64 'an unknown currency'

# --- TLS

run env -u DERIBIT_CACERT deribit-instruments ETH --no-cache --retry 3
is "$status" 69 'an unknown authority'
like "$(cat "$tmp/err")" 'error: localhost:[0-9]+: .*certificate' 'is named'
unlike "$(cat "$tmp/err")" 'retry in' 'and not asked again'
run deribit-instruments ETH --cacert /dev/null --no-cache --retry 0
is "$status" 78 'a CA file without an authority'
run deribit-instruments ETH --cacert "$tmp/nosuch" --no-cache --retry 3
is "$status" 78 'a CA file that is not there'
like "$(cat "$tmp/err")" "$tmp/nosuch" 'is named'
run deribit-instruments ETH --no-cache --proxy http://127.0.0.1:1 --retry 0
is "$status" 69 'a proxy that is not there'
like "$(cat "$tmp/err")" '127\.0\.0\.1' 'is named'
run env https_proxy=http://127.0.0.1:1 deribit-instruments ETH --no-cache
is "$status" 0 "the environment's proxy is not for loopback"

# --- examples

sed -n 's/^\.Dl //p' "$srcdir/man/deribit-instruments.1" >"$tmp/examples"
while IFS= read -r example; do
	run sh -c "$example"
	is "$status" 0 "runs: $example"
done <"$tmp/examples"
ok "$(($(wc -l <"$tmp/examples") < 4))" 'there are examples'
run deribit-instruments --kind all BTC ETH
is "$(sql 'SELECT count(*) FROM instruments')" \
    "$(wc -l <"$tmp/out" | tr -d ' ')" 'and the table holds all of them'
is "$(sql 'SELECT tick_size_steps::text FROM instruments
    WHERE tick_size_steps IS NULL AND kind = $$option$$')" '' \
    'arrays arrive'

# --- another host's certificate

stop_replay
start_replay --synthetic 7 --listen 127.0.0.9
run deribit-instruments ETH --no-cache --retry 3 \
    --url "$(echo "$DERIBIT_REST_URL" | sed 's,//[^:/]*,//127.0.0.9,')"
is "$status" 69 'a host that the certificate does not name'
like "$(cat "$tmp/err")" 'error: 127.0.0.9:[0-9]+: .*(name|match)' \
    'said, and not asked again'


# --- kinds, and what has expired

stop_replay
start_replay --synthetic 5 --history 30 --history-trades 1000 --rate 0 \
    --rest-rate 0 --now 2026-11-25T10:30:00Z --clock 2026-11-25T10:30:00Z

# asked PARAMETERS BASE: the names of the exchange's rows.
asked()
{
	curl -s --cacert "$DERIBIT_CACERT" \
	    "$DERIBIT_REST_URL/public/get_instruments?$1" |
	    jq -r --arg base "$2" '.result[] |
	        select(.base_currency == $base) | .instrument_name' | sort
}

# lists PARAMETERS BASE ARGUMENT...: the same.
lists()
{
	asked "$1" "$2" >"$tmp/want"
	base=$2
	shift 2
	run deribit-instruments "$@" "$base"
	field instrument_name | sort >"$tmp/got"
	[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
	ok $? "$* $base: all $(wc -l <"$tmp/want" | tr -d ' ')"
}

lists 'currency=BTC' BTC --kind all
for kind in option future perpetual option_combo future_combo; do
	run deribit-instruments --kind "$kind" BTC
	cat "$tmp/out" >>"$tmp/kinds"
	is "$status $(field kind | sort -u)" "0 $kind" "--kind $kind"
done
is "$(sed 's/.*"instrument_name":"\([^"]*\).*/\1/' "$tmp/kinds" | sort |
    cmp - "$tmp/want" 2>&1)" '' 'each has one of these kinds'
lists 'currency=any&kind=spot' BTC --kind spot
lists 'currency=USDC' BTC --kind all --settlement usdc
lists 'currency=USDC' XRP --kind all
like "$(cat "$tmp/got")" '^XRP_USDC-.*-[0-9]+d[0-9]+-[CP]$' \
    'strikes with a d'
lists 'currency=BTC&expired=true' BTC --kind all --expired
lists 'currency=BTC&kind=option&expired=true' BTC --expired
is "$(field state | grep -c open)" 0 'none of these is open'
unlike "$(cat "$tmp/out")" open_interest 'or has open interest'
lists 'currency=USDC&kind=option&expired=true' SOL --expired

done_testing
