#!/bin/sh
# Linear currencies in the REST collectors: SOL, XRP, whose strikes have a d,
# and BTC_USDC, which is a pair or a market of BTC; each found, and right.
# shellcheck disable=SC2086,SC2119 # words; no arguments
# shellcheck disable=SC2154 # srcdir, tmp, peer: tap.sh, http-peer.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/http-peer.sh"
. "$srcdir/tests/sh/rest-past.sh"

rate=0
now=2026-11-25T10:30:10Z
begin=2026-11-20T00:00:00Z
end=2026-11-25T09:00:00Z # what is older than an hour is as it will be
past="--synthetic 5 --history 90 --history-trades 60000
    --history-instruments 100 --now 2026-11-25T10:30:00Z"
exchange

dump()
{
	deribit-replay $past --clock "$now" --dump "$1"
}

# trades NAME-REGEX WORD...: of all that happened, those of these names.
trades()
{
	names=$1
	shift
	run timeout 100 deribit-trades --since "$begin" --until "$end" \
		--rate 200 "$@"
	sed 's/^{"type":"trade",.*"received_at":[0-9]*,/{/' "$tmp/out" |
		sort >"$tmp/got"
	grep "\"instrument_name\":\"$names\"" "$tmp/all" | sort >"$tmp/want"
	same "deribit-trades $*"
}
{
	dump "trades:BTC:$begin:${end%Z}.000Z"
	dump "trades:ETH:$begin:${end%Z}.000Z"
	dump "trades:USDC:$begin:${end%Z}.000Z"
} >"$tmp/all"
trades 'SOL_USDC.*' SOL
trades 'XRP_USDC.*' xrp
trades 'XRP_USDC-[0-9A-Z]*-[0-9d]*-[CP]' --kind option XRP
grep -q '"XRP_USDC-[0-9A-Z]*-[0-9]*d[0-9]*-[CP]"' "$tmp/out"
ok $? 'strikes with a d among them'
name=$(grep -o 'XRP_USDC-[0-9A-Z]*-[0-9]*d[0-9]*-[CP]' "$tmp/all" | head -n 1)
trades "$name" "$name"
trades "$name" "$(echo "$name" | tr '[:upper:]' '[:lower:]')"
trades 'BTC_USDC' BTC_USDC
trades 'SOL_USDC-[0-9][0-9A-Z]*' --kind future SOL_USDC
trades 'ETH_BTC' --kind spot --settlement BTC ETH

# candles NAMES WORD...
candles()
{
	names=$1
	shift
	run timeout 100 deribit-ohlcv --since 2026-11-25T09:00:00Z \
		--until "2026-11-25T10:29:00Z" --rate 200 "$@"
	sed 's/.*"instrument_name":"\([^"]*\)","resolution":"1",/\1 /
s/,"mark_iv":[^,}]*//' "$tmp/out" | sort >"$tmp/got"
	for name in $names; do
		dump "candles:$name:1:2026-11-25T09:00:00Z:2026-11-25T10:28:00Z" |
			sed "s/^{/$name /"
	done | sort >"$tmp/want"
	same "deribit-ohlcv $*"
}

# traded NAME-REGEX: who did so meanwhile.
traded()
{
	dump trades:USDC:2026-11-25T09:00:00Z:2026-11-25T10:28:59.999Z |
		jq -r .instrument_name | grep "^$1\$" | sort -u
}
candles SOL_USDC-PERPETUAL sol
candles XRP_USDC-PERPETUAL XRP
candles "$(traded 'XRP_USDC-[0-9A-Z]*-[0-9d]*-[CP]')" --kind option XRP
candles "$(traded 'SOL_USDC-[0-9A-Z]*-[0-9d]*-[CP]')" --kind option SOL
name=$(deribit-instruments XRP | jq -r .instrument_name |
	grep -- '-[0-9]*d[0-9]*-P' | head -n 1)
candles "$name" "$name"
candles BTC_USDC --kind spot BTC_USDC

# chain WORD...: what is listed, by name.
chain()
{
	dump instruments | jq -r "$1" | sort >"$tmp/want"
	shift
	run timeout 100 deribit-instruments "$@"
	jq -r .instrument_name "$tmp/out" | sort >"$tmp/got"
	same "deribit-instruments $*"
}
listed="select(.creation_timestamp <= 1795602610000 and
    .expiration_timestamp > 1795602610000)"
chain "$listed | select(.kind == \"option\" and .base_currency == \"XRP\") |
    .instrument_name" XRP
chain "$listed | select(.kind == \"option\" and .base_currency == \"SOL\") |
    .instrument_name" sol

run timeout 100 deribit-funding --since "$begin" --until "$end" SOL XRP
for name in SOL XRP; do
	dump "funding:${name}_USDC-PERPETUAL:$begin:2026-11-25T08:59:59Z" |
		sed "s/^{/$name /"
done >"$tmp/want"
sed 's/.*"currency":"\([A-Z]*\)".*_USDC-PERPETUAL",/\1 /' "$tmp/out" |
	sort >"$tmp/got"
sort -o "$tmp/want" "$tmp/want"
same 'deribit-funding SOL XRP'
stop_replay

# --- BTC_USDC, a market: its instruments, and no others

# market TOOL ARGUMENT...: whose requests name what is of that market alone.
market()
{
	start_peer
	echo 1795604400000 | result get_time
	for kind in future option; do
		cat <<'END' | result "get_instruments?currency=USDC&kind=$kind"
[{"instrument_name":"BTC_USDC-PERPETUAL","kind":"future",
  "base_currency":"BTC","settlement_currency":"USDC",
  "settlement_period":"perpetual"},
 {"instrument_name":"SOL_USDC-PERPETUAL","kind":"future",
  "base_currency":"SOL","settlement_currency":"USDC",
  "settlement_period":"perpetual"},
 {"instrument_name":"BTC_USDC-25DEC36-90000-C","kind":"option",
  "base_currency":"BTC","settlement_currency":"USDC","strike":9e4}]
END
	done
	tool=$1
	shift
	timeout 30 "$tool" --retry 0 --max-time 300ms --no-cache "$@" \
		>"$tmp/out" 2>"$tmp/err"
	is "$(grep -o 'instrument_name=[^&]*' "$peer/requests" | sort -u)" \
		"instrument_name=$name" "$tool $*: of $name"
}
name=BTC_USDC-PERPETUAL
market deribit-ohlcv BTC_USDC
market deribit-funding btc_usdc
name=BTC_USDC-25DEC36-90000-C
market deribit-greeks BTC_USDC
market deribit-ohlcv --kind option --all BTC_USDC

done_testing
