#!/bin/sh
# deribit-greeks against an exchange: every option, every number as it was sent,
# one snapshot_at; under faults; at the full hour; and each way in which it ends.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status, peer: tap.sh, http-peer.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/http-peer.sh"

export XDG_CACHE_HOME="$tmp/cache"
unset DERIBIT_CACERT
now=2026-11-25T10:30:00Z

# exchange CLOCK ARGUMENT...: a market that stands still, with a clock that does
# not.
exchange()
{
	stop_replay
	exchange_clock=$1
	shift
	start_replay --synthetic 5 --rate 0 --now "$now" \
		--clock "$exchange_clock" --requests "$tmp/requests" "$@"
}

greeks()
{
	timeout 300 deribit-greeks "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	err=$(cat "$tmp/err")
}

# ask METHOD...: the results of calls, a line each, as they were sent.
ask()
{
	for method; do
		echo "url = \"$DERIBIT_REST_URL/public/$method\""
		printf 'write-out = "\\n"\n'
	done | curl -s --cacert "$DERIBIT_CACERT" -K - |
		sed 's/.*"result":\(.*\),"usIn".*/\1/'
}

field()
{
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$tmp/out"
}

names()
{
	field instrument_name | sort
}

# listed ARGUMENT...: what deribit-instruments lists.
listed()
{
	deribit-instruments "$@" | jq -r .instrument_name | sort
}

# --- what takes a minute, meanwhile

exchange "$now" --requests "$tmp/slow.requests"
slow_replay=$REPLAY_PID
REPLAY_PID=
timeout 300 deribit-greeks --rate 5 --top 330 BTC \
	>"$tmp/slow.out" 2>"$tmp/slow.err" &
slow=$!
at_exit "stop_pid $slow"

# --- a snapshot is what the exchange says

exchange "$now" --rest-rate 0
before=$(ask get_time)
greeks --rate 1000 BTC
after=$(ask get_time)
is "$status: $err" '0: ' 'the options of BTC'
listed BTC >"$tmp/want"
names >"$tmp/got"
cmp -s "$tmp/want" "$tmp/got"
ok $? "each of them, once: $(wc -l <"$tmp/want" | tr -d ' ')"
at=$(field snapshot_at | uniq)
[ "$before" -le "$at" ] && [ "$at" -le "$after" ]
ok $? "one snapshot_at, by the exchange's clock: $before, $at, $after"
is "$(sed 's/.*"received_at":\([0-9]*\).*/\1/' "$tmp/out" | sort -nu |
	wc -l)" "$(wc -l <"$tmp/out")" 'received_at grows with every record'
# shellcheck disable=SC2046 # words
ask $(sed 's/^/ticker?instrument_name=/' "$tmp/want") >"$tmp/tickers"
zero='(null|0(\.0*)?(e[-+]?[0-9]+)?)'
# The deed of the page: greeks and stats are hoisted, an empty side is null.
sed -E -e 's/"timestamp":[0-9]+,//' -e 's/"greeks":\{([^}]*)\}/\1/' \
	-e 's/"stats":\{([^}]*)\}/<\1>/' -e ':a' \
	-e 's/<"([^,>]*)(,|>)/"stats_\1\2</;ta' -e 's/>?<//' \
	-e "s/(\"best_(bid|ask)_price\"):$zero,(\"best_(bid|ask)_amount\"):$zero,"\
'/\1:null,\6:null,/g' \
	"$tmp/tickers" | sort >"$tmp/want"
sed -e 's/^{"type":"ticker","kind":"option","currency":"BTC",/{/' \
	-e 's/"received_at":[0-9]*,"snapshot_at":[0-9]*,"timestamp":[0-9]*,//' \
	"$tmp/out" | sort >"$tmp/got"
[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
ok $? 'every member, every number as it was sent' ||
	tap_comment "$(diff "$tmp/want" "$tmp/got" | head -n 4)"
is "$(grep -c 'bid_price":null' "$tmp/got"), $(
	grep -c '"stats_volume":.*"delta":.*"mark_iv":' "$tmp/got")" "$(
	grep -cE "best_bid_price\":$zero,\"best_bid_amount\":$zero," \
		"$tmp/tickers"), $(wc -l <"$tmp/got" | tr -d ' ')" \
	'and that is something'
jq -e -s 'all(.timestamp >= .snapshot_at)' "$tmp/out" >"$tmp/jq"
ok $? 'no ticker is older than its snapshot'

greeks --rate 1000 XRP sol
{ listed XRP && listed SOL; } | sort >"$tmp/want"
names >"$tmp/got"
cmp -s "$tmp/want" "$tmp/got"
ok $? 'XRP and SOL, each option'
like "$(cat "$tmp/got")" '^XRP_USDC-.*-[0-9]+d[0-9]+-[CP]$' 'strikes with a d'
is "$(field currency | sort | uniq | tr '\n' ' ')" 'SOL XRP ' 'of SOL and XRP'
greeks --rate 1000 --top 7 ETH
names >"$tmp/got"
listed --top 7 ETH >"$tmp/want"
cmp -s "$tmp/want" "$tmp/got"
ok $? '--top'
one=$(tail -n 1 "$tmp/got")
greeks "$one"
is "$status $(names)" "0 $one" 'an option by its name'

# --- on the exchange's bad days

exchange "$now" --rest-rate 0 --fault http-429:rate=0.03 \
	--fault http-502:rate=0.03 --fault http-empty:rate=0.03 \
	--fault http-limit:rate=0.03 --fault http-reset:rate=0.03 \
	--fault http-truncated:rate=0.03 --fault http-late:rate=0.03,for=1
greeks --rate 100 --retry 30 --no-cache --top 150 BTC
is "$status" 0 'under faults'
names >"$tmp/got"
listed --retry 30 --top 150 BTC >"$tmp/want"
[ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"
ok $? "all are there, once: $(wc -l <"$tmp/got" | tr -d ' ')" ||
	tap_comment "$(cat "$tmp/err")"
stop_replay
[ "$(jq -r 'select(.fault != null) | .fault' "$tmp/requests" | sort -u |
	wc -l)" -ge 5 ]
ok $? "faults: $(jq -r 'select(.fault != null) | .fault' "$tmp/requests" |
	sort | uniq -c | tr '\n' ',')"

exchange "$now" --rest-rate 20
greeks --top 200 ETH
is "$status: $err" '0: ' 'the usual rate, where 20 a second are allowed'
stop_replay
is "$(jq -r 'select(.status != 200)' "$tmp/requests")" '' 'is never too much'
exchange "$now" --rest-rate 10
greeks --no-cache --top 200 ETH
is "$status" 0 'where 10 are'
is "$(names | wc -l)" 200 'all are there as well'
stop_replay
refused=$(jq -c 'select(.status != 200)' "$tmp/requests" | wc -l)
[ "$refused" -ge 1 ] && [ "$refused" -le 16 ]
ok $? "and it learns: $refused were refused"

# --- at the full hour

exchange 2026-11-25T10:59:57Z --rest-rate 0
deribit-greeks --follow 1h --rate 1000 --top 40 ETH \
	>"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(wc -l <"$tmp/out")" -ge 40 ]'
kill -INT "$pid"
wait "$pid"
is "$?: $(cat "$tmp/err")" '0: ' '--follow 1h: a signal ends it'
is "$(wc -l <"$tmp/out"), $(field snapshot_at | uniq)" '40, 1795604400000' \
	'the first one waited for the full hour'
jq -e -s 'all(.timestamp >= 1795604400000)' "$tmp/out" >"$tmp/jq"
ok $? 'and did not begin before it'
is "$(grep -c get_time "$tmp/requests")" 4 'the time was asked for before that'

exchange 2026-11-25T11:20:00Z --rest-rate 0
deribit-greeks --follow 1h --rate 1000 --top 9 ETH \
	>"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(wc -l <"$tmp/out")" -ge 9 ]'
ok $? 'when it is long until then, there is one at once'
stop_pid "$pid"

deribit-greeks --follow 2s --rate 1000 --top 9 ETH >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(field snapshot_at | uniq | wc -l)" -ge 4 ]'
kill -STOP "$pid"
at=$(field snapshot_at | tail -n 1)
wait_for '[ "$(ask get_time)" -ge $((at + 5500)) ]'
kill -CONT "$pid"
wait_for 'grep -q "no snapshot of 2026-11-25T.*its time has passed" "$tmp/err"'
ok $? 'one whose time has passed is said'
wait_for '[ "$(field snapshot_at | tail -n 1)" -gt '$((at + 4000))' ]'
ok $? 'and left out'
kill -INT "$pid"
wait "$pid"
is $? 0 'then a signal'
is "$(field snapshot_at | uniq | tail -n +2 | grep -v '[02468]000$')" '' \
	'all the others are at multiples of the time'
is "$(field snapshot_at | uniq | sort -u | wc -l)" \
	"$(field snapshot_at | uniq | wc -l)" 'each once'
stop_replay

# --- those that expire meanwhile, and those that fail

exchange "$now" --rest-rate 0
greeks BTC-26NOV26-77-C
is "$status" 65 'an option that is not known'
like "$err" '^deribit-greeks: error: BTC-26NOV26-77-C is not to be had: .*'\
'instrument not found' 'is named'
exchange 2026-11-26T07:59:59Z --rest-rate 0
greeks --rate 20 --no-cache --top 150 BTC
is "$status: $err" '0: ' 'options that expire meanwhile are no failure'
names >"$tmp/got"
listed --no-cache --top 100 BTC >"$tmp/want"
is "$(comm -13 "$tmp/got" "$tmp/want")" '' 'and the others are there'
stop_replay

# option NAME EXPIRY: a row of a list, scripted.
option()
{
	printf '{"kind":"option","instrument_name":"%s","base_currency":"ETH",' "$1"
	printf '"settlement_currency":"ETH","state":"open",'
	printf '"expiration_timestamp":%s}' "$2"
}
refusal='{"error":{"code":-32602,"message":"Invalid params",
"data":{"reason":"instrument not found","param":"instrument_name"}}}'
start_peer
echo 1795604400000 | result get_time
{
	printf '['
	option ETH-25DEC36-1000-C 2113545600000
	printf ,
	option ETH-25DEC36-2000-C 2113545600000
	printf ,
	option ETH-25DEC36-3000-C 2113545600000
	printf ,
	option ETH-25DEC36-4000-C 2113545600000
	printf ,
	option ETH-25DEC20-1000-C 1608883200000
	printf ,
	option ETH-25DEC36-5000-C "$(($(date +%s) + 4))000"
	printf ']'
} | result 'get_instruments?currency=ETH&kind=option'
echo '{"instrument_name":"ETH-25DEC36-1000-C","mark_iv":9007199254740993}' |
	result 'ticker?instrument_name=ETH-25DEC36-1000-C'
echo "$refusal" | reply 'ticker?instrument_name=ETH-25DEC36-2000-C' 400 \
	application/json
echo '{"instrument_name":"ETH-25DEC36-1000-C"}' |
	result 'ticker?instrument_name=ETH-25DEC36-3000-C'
echo '<html>' | reply 'ticker?instrument_name=ETH-25DEC36-4000-C' 502 text/html
echo '<html>' | reply 'ticker?instrument_name=ETH-25DEC36-5000-C' 429 \
	text/html 'Retry-After: 5'
deribit-greeks --retry 1 --parallel 1 ETH >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for 'grep -q "retry in [5-9]" "$tmp/err"'
echo "$refusal" | reply 'ticker?instrument_name=ETH-25DEC36-5000-C' 400 \
	application/json
wait "$pid"
is $? 65 'some fail: the status of the first'
is "$(names)" 'ETH-25DEC36-1000-C' 'the others are written'
like "$(cat "$tmp/out")" '"mark_iv":9007199254740993}' 'as they were sent'
like "$(cat "$tmp/err")" '2000-C is not to be had: .*instrument not found' \
	'refused: named'
like "$(cat "$tmp/err")" '3000-C is not to be had: .*of another instrument' \
	'another one: named'
like "$(cat "$tmp/err")" '4000-C is not to be had: .*HTTP 502' \
	'out of order: named'
unlike "$(cat "$tmp/err")" 'error: .*5000-C' 'expired when it was refused: not'
like "$(cat "$tmp/err")" '5000-C has expired meanwhile' 'but said'
like "$(cat "$tmp/err")" '3 of 6 options are missing' 'and how many'
unlike "$(cat "$peer/requests")" 'ETH-25DEC20' \
	'one that had expired is not asked for'

# --- markets

start_peer
echo 1795604400000 | result get_time
cat <<'END' | result 'get_instruments?currency=USDC&kind=option'
[{"instrument_name":"XRP_USDC-25DEC36-1d325-C","kind":"option",
  "base_currency":"XRP","settlement_currency":"USDC","strike":1.325},
 {"instrument_name":"BTC_USDC-25DEC36-90000-C","kind":"option",
  "base_currency":"BTC","settlement_currency":"USDC","strike":9e4}]
END
for name in XRP_USDC-25DEC36-1d325-C BTC_USDC-25DEC36-90000-C; do
	echo "{\"instrument_name\":\"$name\",\"greeks\":{\"delta\":1e-05}}" |
		result "ticker?instrument_name=$name"
done
for words in BTC_USDC btc_usdc '--settlement usdc BTC'; do
	# shellcheck disable=SC2086 # words
	greeks $words
	is "$status $(names) $(field currency) $(field delta)" \
		'0 BTC_USDC-25DEC36-90000-C BTC 1e-05' "$words"
done
greeks xrp xrp_usdc-25DEC36-1d325-C
is "$status $(names)" '0 XRP_USDC-25DEC36-1d325-C' 'a strike with a d, once'
is "$(grep -c get_instruments "$peer/requests")" 1 \
	'a list that is a minute old at most is not asked for again'
# older SECONDS: so is what is on disk.
older()
{
	for file in "$XDG_CACHE_HOME"/deribit-tools/*; do
		fetched=$(sed -n '3s/ .*//p' "$file")
		sed -i "3s/^$fetched/$((fetched - $1 * 1000000))/" "$file"
	done
}
older 25
greeks BTC_USDC
is "$(grep -c get_instruments "$peer/requests")" 1 'half a minute'
older 40
greeks BTC_USDC
is "$(grep -c get_instruments "$peer/requests")" 2 'an older one is'
greeks --no-cache BTC_USDC
is "$(grep -c get_instruments "$peer/requests")" 3 'and with --no-cache'

# --- numbers that were recorded

recorded=${RECORDED:-$srcdir/../shared/recorded}
if [ -d "$recorded" ]; then
	start_peer
	echo 1795604400000 | result get_time
	{
		tr -d '\n' <"$recorded/openbb/option_tickers_subset.json" |
			sed 's/"[A-Z0-9_]*-[^"]*":{"timestamp/\n{"timestamp/g' |
			sed -n 's/^\({"timestamp.*}\)[,} ]*$/\1/p' |
			sed 's/}}$/}/'
		echo
		sed -n 's/.*"result":\({.*"greeks".*}\),"usIn".*/\1/p' \
			"$recorded/crypto-msg-parser/messages.ndjson"
	} >"$tmp/rows"
	words=
	while IFS= read -r row; do
		name=$(printf '%s' "$row" |
			sed 's/.*"instrument_name": *"\([^"]*\)".*/\1/')
		words="$words $name"
		printf '%s' "$row" | result "ticker?instrument_name=$name"
	done <"$tmp/rows"
	# shellcheck disable=SC2086 # words
	greeks $words
	is "$status: $err" '0: ' "recorded:$words"
	numbers='"[a-z_]+": *-?[0-9][-+0-9.eE]*'
	# The stats have our names, an empty side has none.
	tr -d ' ' <"$tmp/rows" | grep -oE "$numbers" | sed 's/.*://' |
		grep -vE '^0(\.0)?$' | sort >"$tmp/want"
	sed 's/"\(received\|snapshot\)_at":[0-9]*//g' "$tmp/out" |
		grep -oE "$numbers" | sed 's/.*://' | grep -vE '^0(\.0)?$' |
		sort >"$tmp/got"
	[ "$(wc -l <"$tmp/out")" -ge 3 ] && cmp -s "$tmp/want" "$tmp/got"
	ok $? "$(wc -l <"$tmp/want" | tr -d ' ') numbers as they were sent" ||
		tap_comment "$(diff "$tmp/want" "$tmp/got")"
else
	skip 'no recorded payloads' 'numbers that were recorded'
fi

# --- how far it is

exchange "$now" --rest-rate 0
if command -v script >"$tmp/which"; then
	OUT=$tmp/out COLUMNS=100 timeout 120 script -qec \
		'deribit-greeks --rate 150 --top 500 BTC >"$OUT"' /dev/null \
		>"$tmp/screen" 2>&1 <"$srcdir/README.md"
	tr '\r' '\n' <"$tmp/screen" >"$tmp/lines"
	like "$(cat "$tmp/lines")" \
		'^\[#+\.+\] [0-9]+ of 500 options, [0-9]+ %, [0-9.]+/s, [0-9]+ s left' \
		'a bar on a terminal'
	is "$(wc -l <"$tmp/out" | tr -d ' ')" 500 'and the records elsewhere'
else
	skip 'no script' 'a bar on a terminal'
fi
greeks --rate 150 --top 300 BTC
is "$status: $err" '0: ' 'no bar elsewhere'

# --- ways to end

# ends STATUS SENTENCE ARGUMENT...
ends()
{
	want=$1
	sentence=$2
	shift 2
	greeks "$@"
	is "$status, $(wc -c <"$tmp/out" | tr -d ' ')" "$want, 0" "$want: $*"
	like "$err" "$sentence" 'said in a sentence'
}

ends 64 'which CURRENCY or INSTRUMENT'
ends 64 'BTC-25DEC26 is no option: only these have greeks' BTC-25DEC26
ends 64 'BTC-PERPETUAL is no option' btc-perpetual
ends 64 "'x-y' is neither a currency nor an instrument" x-y
ends 64 'did you mean --follow' --folow 1h BTC
ends 64 'follow' --follow 0 BTC
ends 64 'knows no currency DOGE; it knows BTC, ETH, ' doge
ends 64 'knows no currency NOSUCH; it knows BTC, ETH, ' \
	--settlement nosuch BTC
ends 69 '127.0.0.1:1: ' --url http://127.0.0.1:1/api/v2 --retry 0 BTC
ends 69 '127.0.0.1:1: ' --url http://127.0.0.1:1/api/v2 --retry 0 --follow 1h \
	BTC
known=$(ask get_currencies | jq -r 'map(.currency) | join(", ")')
for tool in "$builddir"/bin/deribit-*; do
	case $tool in
	*.o | *-replay | *-ws-stream) continue ;;
	esac
	run timeout 120 "$tool" NOSUCH
	is "$status: $(sed -n 's/.*knows no/knows no/p' "$tmp/err")" \
		"64: knows no currency NOSUCH; it knows $known" "${tool##*/}: an unknown currency"
	run timeout 120 "$tool" --url http://127.0.0.1:1/api/v2 --retry 0 BTC
	is "$status" 69 "${tool##*/}: no network"
	like "$(cat "$tmp/err")" '127.0.0.1:1: ' 'which is said'
done

deribit-greeks --rate 20 BTC >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(wc -l <"$tmp/out")" -ge 30 ]'
kill -INT "$pid"
wait "$pid"
is $? 75 'stopped: 75'
written=$(sed -n 's/.*stopped: \([0-9]*\) of [0-9]* options are written$/\1/p' \
	"$tmp/err")
is "$(wc -l <"$tmp/out" | tr -d ' ')" "$written" 'and how far it came'
is "$(tail -c 2 "$tmp/out")" '}' 'in whole lines'

mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
exec 9>"$tmp/fifo"
exec 8>&-
deribit-greeks BTC >&9 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" '141: ' 'a reader that left: as SIGPIPE would'
exec 9>&-
if [ -w /dev/full ]; then
	deribit-greeks BTC >/dev/full 2>"$tmp/err"
	is "$?" 74 'a full disk: 74'
fi
greeks --help
is "$status" 0 '--help'
greeks --version
like "$(cat "$tmp/out")" 'libcurl' '--version names the libraries'
# Without what has no end.
cd "$tmp" || exit 1
sed -n 's/^\.Dl //p' "$srcdir/man/deribit-greeks.1" |
	sed 's/deribit-greeks /deribit-greeks --rate 1000 /' >"$tmp/examples"
while IFS= read -r example; do
	case $example in *--follow*) continue ;; esac
	run sh -c "$(printf '%s' "$example" | sed 's/\\e/\\/g')"
	is "$status" 0 "runs: $example"
	[ -s "$tmp/out" ]
	ok $? 'and says something'
done <"$tmp/examples"
is "$(wc -l <"$tmp/examples" | tr -d ' ')" 3 'examples of the manual'
stop_replay

wait "$slow"
is $? 0 'one that takes a minute'
like "$(cat "$tmp/slow.err")" \
	'^deribit-greeks: info: [0-9]+ of 330 options, [0-9]+ %, [0-9.]+/s, '\
'[0-9]+ s left$' 'says so once'
is "$(wc -l <"$tmp/slow.err"), $(wc -l <"$tmp/slow.out")" '1, 330' 'no more'
stop_pid "$slow_replay"

done_testing
