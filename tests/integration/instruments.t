#!/bin/sh
# deribit-instruments against a scripted server: records, ranks, the cache,
# and every way in which an answer can be bad.
# shellcheck disable=SC2016 # expanded by wait_for, sed and sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/http-peer.sh"

export XDG_CACHE_HOME="$tmp/cache"
unset DERIBIT_CACERT

# list ARGUMENT...: $out, $err, $status
list()
{
	timeout 120 deribit-instruments "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	out=$(cat "$tmp/out")
	err=$(cat "$tmp/err")
}

names()
{
	sed 's/.*"instrument_name":"\([^"]*\)".*/\1/' "$tmp/out" | tr '\n' ' '
}

rows='get_instruments?currency'
summary='get_book_summary_by_currency?currency'
bad_currency='{"jsonrpc":"2.0",
"error":{"code":-32602,"message":"Invalid params",
"data":{"reason":"invalid currency","param":"currency"}},"testnet":false}'

eth_row()
{
	printf '{"kind":"%s","instrument_name":"%s","base_currency":"ETH",' \
	    "$1" "$2"
	printf '"settlement_currency":"ETH","state":"%s",%s}' "$3" "$4"
}

eth_list()
{
	printf '['
	eth_row option ETH-25DEC26-4000-C open '"strike":4.0e3,
	  "contract_size":1.0,"max_leverage":1,"tick_size":1.0e-4,
	  "starbase":227538549002481664,"tick_size_steps":[{"above_price":0.005}],
	  "new_member":{"a":[1.50,null,true]}'
	printf ','
	eth_row option ETH-25DEC26-4100-C open '"strike":4100'
	printf ','
	eth_row option ETH-25DEC26-4200-C halted '"strike":4200.0'
	printf ','
	eth_row option ETH-25DEC26-4300-C delivered '"strike":4300.0'
	printf ','
	eth_row option ETH-25DEC26-4400-C open '"strike":4400.0'
	printf ']'
}

eth_summary()
{
	cat <<'EOF'
[{"instrument_name":"ETH-25DEC26-4400-C","open_interest":9.0,"volume_usd":1e2},
 {"instrument_name":"ETH-25DEC26-4100-C","open_interest":10.0,"volume_usd":0.0},
 {"instrument_name":"ETH-25DEC26-4300-C","open_interest":99,"volume_usd":null},
 {"instrument_name":"ETH-25DEC26-4000-C","open_interest":1.0e1,"volume_usd":2}]
EOF
}

eth()
{
	eth_list | result "$rows=ETH&kind=option"
	eth_summary | result "$summary=ETH&kind=option"
}

# --- records

start_peer
eth
list ETH
is "$status" 0 'the options of ETH'
is "$err" '' 'silently'
is "$(sed 's/"received_at":[0-9]*/"received_at":N/' "$tmp/out" | head -n 1)" \
    '{"type":"instrument","kind":"option","currency":"ETH","received_at":N,'\
'"instrument_name":"ETH-25DEC26-4000-C","base_currency":"ETH",'\
'"settlement_currency":"ETH","state":"open","strike":4.0e3,'\
'"contract_size":1.0,"max_leverage":1,"tick_size":1.0e-4,'\
'"starbase":227538549002481664,"tick_size_steps":[{"above_price":0.005}],'\
'"new_member":{"a":[1.50,null,true]},"open_interest":1.0e1,"volume_usd":2}' \
    'a record: every number as sent, unknown members too'
is "$(names)" \
    'ETH-25DEC26-4000-C ETH-25DEC26-4100-C ETH-25DEC26-4200-C '\
'ETH-25DEC26-4400-C ' \
    "the exchange's order; what is over is left out, what is halted is not"
like "$out" '4200-C.*"open_interest":null,"volume_usd":null}$' \
    'not in the summary: null'
is "$(sed 's/.*"received_at":\([0-9]*\).*/\1/' "$tmp/out" | sort -nu | wc -l |
    tr -d ' ')" 4 'received_at grows with every record'
before=$(requests)
list eth --inactive
is "$(wc -l <"$tmp/out" | tr -d ' ')" 5 '--inactive, and a currency in any case'
list ETH --top 3
is "$(names)" \
    'ETH-25DEC26-4000-C ETH-25DEC26-4100-C ETH-25DEC26-4400-C ' \
    '--top: by value, largest first, ties by name'
list ETH --top 1 --inactive
is "$(names)" 'ETH-25DEC26-4300-C ' '--top 1 --inactive'
list ETH --top 100
is "$(names)" \
    'ETH-25DEC26-4000-C ETH-25DEC26-4100-C ETH-25DEC26-4400-C '\
'ETH-25DEC26-4200-C ' \
    '--top beyond the end: all, those without open interest last'
is "$(requests)" "$before" 'all of this came from the cache'

# --- kinds and markets

cat <<'EOF' | result "$rows=BTC&kind=future"
[{"instrument_name":"BTC-PERPETUAL","kind":"future","base_currency":"BTC",
  "settlement_period":"perpetual","settlement_currency":"BTC","is_active":true},
 {"instrument_name":"BTC-25DEC26","kind":"future","base_currency":"BTC",
  "settlement_period":"month","settlement_currency":"BTC","is_active":true},
 {"instrument_name":"BTC-24DEC26","kind":"future","base_currency":"BTC",
  "settlement_period":"day","settlement_currency":"BTC","is_active":false}]
EOF
echo '[]' | result "$summary=BTC&kind=future"
list BTC --kind perpetual
is "$(names)" 'BTC-PERPETUAL ' '--kind perpetual'
like "$out" '^{"type":"instrument","kind":"perpetual",' \
    'a perpetual is no future to us'
list BTC --kind future
is "$(names)" 'BTC-25DEC26 ' \
    '--kind future: without it, and without the inactive'

cat <<'EOF' | result "$rows=USDC&kind=option"
[{"instrument_name":"XRP_USDC-25DEC26-1d325-C","kind":"option",
  "base_currency":"XRP","settlement_currency":"USDC","strike":1.325},
 {"instrument_name":"SOL_USDC-25DEC26-200-C","kind":"option",
  "base_currency":"SOL","settlement_currency":"USDC","strike":200.0},
 {"instrument_name":"BTC_USDC-25DEC26-90000-C","kind":"option",
  "base_currency":"BTC","settlement_currency":"USDC","strike":9e4}]
EOF
echo '[]' | result "$summary=USDC&kind=option"
list SOL XRP
is "$(names)" 'SOL_USDC-25DEC26-200-C XRP_USDC-25DEC26-1d325-C ' \
    'SOL and XRP are found under USDC, in the order asked for'
list BTC --settlement usdc
is "$(names)" 'BTC_USDC-25DEC26-90000-C ' '--settlement picks BTC_USDC'
list btc_usdc
is "$(names)" 'BTC_USDC-25DEC26-90000-C ' 'which may be said in a word'
list BTC_USDC SOL --settlement BTC
is "$(names)" 'BTC_USDC-25DEC26-90000-C ' 'that word alone'

cat <<'EOF' | result "$rows=any&kind=spot"
[{"instrument_name":"BTC_USDC","kind":"spot","base_currency":"BTC"},
 {"instrument_name":"STETH_ETH","kind":"spot","base_currency":"STETH"}]
EOF
list BTC --kind spot
is "$(names)" 'BTC_USDC ' '--kind spot looks everywhere'
unlike "$out" open_interest 'a spot pair has no open interest'

echo '[{"instrument_name":"PEPE_USDC-PERPETUAL","kind":"future",
  "base_currency":"PEPE"}]' | result "$rows=USDC&kind=future"
echo '[]' | result "$rows=DOGE&kind=option"
list DOGE
is "$status" 0 'a currency without options is no error'
is "$out" '' 'but empty'
like "$err" 'no option of DOGE is listed under USDC; try --kind all' \
    'and says where it looked'
echo "$bad_currency" | reply "$rows=PEPE&kind=option" 400 application/json
list PEPE
is "$status" 0 'the base of a perpetual is a currency too'
like "$err" 'no option of PEPE is listed under USDC' 'and said to be one'
echo "$bad_currency" | reply "$rows=NOSUCH&kind=option" 400 application/json
echo '[{"currency":"BTC","decimals":4},{"coin_type":"x"},{"currency":"SOL"}]' |
    result get_currencies
list nosuch
is "$status: $out" '64: ' 'an unknown currency: 64'
like "$err" 'knows no currency NOSUCH; it knows BTC, SOL$' \
    'named, and those that are known'
awk 'BEGIN { printf "["; for (i = 0; i < 300; i++)
    printf "%s{\"currency\":\"C%d\"}", i ? "," : "", i; print "]" }' |
    result get_currencies
list NOSUCH
like "$err" 'it knows C0, C1, .*, C100, [C0-9, ]*, \.\.\.$' 'as many as fit'
echo '{"a":1}' | result get_currencies
list NOSUCH
is "$status" 64 'unknown, and no list of those that are known'
like "$err" 'knows no currency NOSUCH$' 'said all the same'
echo '[{"currency":"NOSUCH"}]' | result get_currencies
list NOSUCH
is "$status" 0 'what is on that list is no error'
like "$err" 'no option of NOSUCH is listed' 'but has nothing'
echo "$bad_currency" | reply "$rows=NOSUCH&kind=option" 400 application/json
list BTC --settlement nosuch
is "$status: $out" '65: ' 'a settlement currency that is refused: 65'
echo '[{"currency":"BTC"}]' | result get_currencies
list BTC --settlement nosuch
is "$status: $out" '64: ' 'one that there is not: 64'
like "$err" 'knows no currency NOSUCH; it knows BTC$' 'named'

# --- what has expired

{
	printf '['
	eth_row option ETH-20NOV26-4000-C archivized '"is_active":false'
	printf ,
	eth_row option ETH-21NOV26-4000-C delivered '"strike":4.0e3'
	printf ']'
} | result "$rows=ETH&kind=option&expired=true"
list ETH --expired
is "$status $(names)" '0 ETH-20NOV26-4000-C ETH-21NOV26-4000-C ' '--expired'
unlike "$out" open_interest 'without open interest'
is "$(grep -c 'book_summary.*ETH' "$peer/requests")" 1 'which nobody asked for'
list ETH
is "$(names | wc -w)" 4 'what is listed is another list'
echo '[]' | result "$rows=ETH&kind=future&expired=true"
list ETH --expired --kind future
like "$status $err" '0 .*no future of ETH has expired of late under ETH' \
    'nothing has: said'

# --- words

for words in '' 'BTC_' '_USDC' 'BTC_USDC_X' 'BTC-USDC' \
    'BTC --kind bond' 'BTC --top 0' 'BTC --top 5x' \
    'BTC --kind spot --top 5' 'BTC --expired --top 5' \
    'BTC --settlement US-D' 'BTC --retry -1' \
    'BTC --max-time 0' 'BTC --url nonsense' 'BTC --url ftp://localhost/' \
    'BTC --url http://192.0.2.1/api/v2' 'BTC --nosuch'; do
	# shellcheck disable=SC2086 # words
	list $words
	is "$status: $out" '64: ' "refused: ${words:-nothing}"
done
list BTC --url http://192.0.2.1/api/v2
like "$err" 'http:// is for loopback only' 'no plain HTTP to others'

# --- the cache

start_peer
rm -rf "$XDG_CACHE_HOME"
eth
list ETH --top 1
is "$(requests)" 2 'a list and a summary were asked for'
is "$(find "$XDG_CACHE_HOME/deribit-tools" -type f | wc -l | tr -d ' ')" 2 \
    'and kept, each in a file'
is "$(find "$XDG_CACHE_HOME/deribit-tools" -type f ! -perm 600)" '' \
    'which is ours alone'
list ETH --top 1 --no-cache
is "$(requests)" 4 '--no-cache asks'

spoiled=4
# spoil NAME COMMAND...: the command alters each file, named last.
spoil()
{
	spoil_name=$1
	shift
	find "$XDG_CACHE_HOME/deribit-tools" -type f -exec "$@" {} \;
	list ETH
	spoiled=$((spoiled + 2))
	is "$status, $(requests) requests, $(names | wc -w | tr -d ' ') names" \
	    "0, $spoiled requests, 4 names" "asked again: $spoil_name"
}
spoil 'altered' sed -i 's/4100/4101/'
spoil 'cut off' sed -i '$d'
spoil 'empty' cp /dev/null
spoil 'another program'\''s' sed -i '1s/.*/cache of something/'
spoil 'of another URL' sed -i '2s/127/128/'
spoil 'too old' sed -i '3s/^./0/'
spoil 'from the future' sed -i '3s/^./9/'
spoil 'writable for others' chmod 666
spoil 'a symbolic link' sh -c 'mv "$1" "$1.there" && ln -s "$1.there" "$1"' -
list ETH
is "$(requests)" "$spoiled" 'and once more it is there'
start_peer
eth
list ETH
is "$(requests)" 2 'another server has its own'
unset XDG_CACHE_HOME
HOME=/dev/null list ETH
is "$status $(names | wc -w | tr -d ' ')" '0 4' 'a cache that cannot be written'
like "$err" 'warning: .*cache' 'is a warning'
export XDG_CACHE_HOME="$tmp/cache"

# --- the exchange's bad days

# bad_day NAME: whatever the script holds, one retry mends it.
bad_day()
{
	eth
	list ETH --no-cache --retry 1
	is "$status $(names | wc -w | tr -d ' ')" '0 4' "mended: $1"
	like "$err" 'retry in [0-9]+\.[0-9] s' 'and said so'
}
start_peer
echo '<html>503</html>' | reply 1 503 text/html
bad_day 'HTTP 503, HTML'
start_peer
echo '<html>please hold</html>' | reply 1 200 text/html
bad_day 'HTTP 200, HTML'
start_peer
: | reply 1 502 text/plain
bad_day 'HTTP 502, an empty body'
start_peer
: >"$peer/1"
bad_day 'no answer at all'
start_peer
printf 'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"resu' >"$peer/1"
bad_day 'a torn body'
start_peer
printf 'HTTP/1.1 200 OK\r\n\r\n{"jsonrpc":"2.0","result":[{"a":1},' >"$peer/1"
bad_day 'torn without anybody saying so'
for code in 10028 10040 10041 11051 13028; do
	start_peer
	echo "{\"error\":{\"code\":$code,\"message\":\"busy\"}}" |
	    reply 1 400 application/json
	bad_day "error $code"
done
start_peer
echo '{"error":{"message":"too_many_requests","code":10028,"data":{"wait":1}}}' |
    reply 1 429 application/json 'Retry-After: 2'
eth
list ETH --no-cache --retry 1
is "$status" 0 'HTTP 429'
like "$err" 'too_many_requests; retry in [2-9]\.' 'Retry-After is honoured'

start_peer
echo '<html>' | reply 1 500 text/html
echo '<html>' | reply 2 500 text/html
list ETH --no-cache --retry 1
is "$status: $out" '69: ' 'twice bad is given up'
like "$err" 'get_instruments: HTTP 500 .text/html.: .*given up after 2 tries' \
    'with the reason'

# A list of ETH, packed.
printf '{"result":%s}' "$(eth_list)" | gzip >"$tmp/packed"
size=$(wc -c <"$tmp/packed")
start_peer
head -c $((size - 12)) "$tmp/packed" |
    reply 1 200 application/json 'Content-Encoding: gzip'
bad_day 'gzip that is cut'
start_peer
{
	head -c $((size / 2)) "$tmp/packed"
	head -c 40 /dev/zero | tr '\0' '\377'
	tail -c +$((size / 2 + 41)) "$tmp/packed"
} | reply 1 200 application/json 'Content-Encoding: gzip'
bad_day 'gzip that is damaged'
start_peer
{
	head -c $((size - 8)) "$tmp/packed"
	printf 'checksum'
} | reply 1 200 application/json 'Content-Encoding: gzip'
bad_day 'gzip with another checksum'
start_peer
printf '{"result":%s}' "$(eth_list)" |
    reply 1 200 application/json 'Content-Encoding: gzip'
bad_day 'what is called gzip and is none'

# worse NAME EXIT REGEX: what no retry mends; it is asked once.
worse()
{
	list ETH --no-cache --retry 3
	is "$status, asked $(requests)" "$2, asked 1" "$1"
	like "$err" "$3" 'said in a sentence'
}
start_peer
echo '<html>404</html>' | reply 1 404 text/html
worse 'HTTP 404' 76 "HTTP 404 .*is the URL right"
start_peer
: | reply 1 301 text/html 'Location: http://192.0.2.1/'
worse 'a redirect' 76 'HTTP 301'
start_peer
echo '{"jsonrpc":"2.0"}' | reply 1 200 application/json
worse 'neither result nor error' 76 'neither result nor error'
start_peer
echo '{"a":1}' | result 1
eth_summary | result 2
list ETH --no-cache
is "$status" 76 'a result that is no array'
start_peer
echo '[{"kind":"option"}]' | result 1
echo '[]' | result 2
list ETH --no-cache
is "$status" 76 'a row without a name'
start_peer
echo '{"error":{"code":-32602,"message":"Invalid params","data":{"reason":
  "bad \u001b[31m thing","param":"kind"}}}' | reply 1 400 application/json
worse 'refused arguments' 65 '-32602 Invalid params: bad .*thing .kind.'
unlike "$err" "$(printf '\033')" 'without its terminal escapes'
start_peer
{
	printf 'HTTP/1.1 200 OK\r\n\r\n{"result":["'
	head -c 70000000 /dev/zero | tr '\0' x
} >"$peer/1"
worse 'an endless body' 76 'larger than 64 MiB'
start_peer
head -c 70000000 /dev/zero | gzip -1 |
    reply 1 200 application/json 'Content-Encoding: gzip'
worse 'one that is small as long as it is packed' 76 'larger than 64 MiB'
start_peer
printf '{"result":%s}' "$(eth_list)" | gzip |
    reply 1 200 application/json 'Content-Encoding: gzip'
eth
list ETH --no-cache --retry 0
is "$status $(names | wc -w | tr -d ' ')" '0 4' 'gzip'

start_peer
start=$(date +%s)
list ETH --no-cache --retry 0 --max-time 300ms
is "$status" 69 'a server that says nothing'
like "$err" 'timed out|[Tt]imeout' 'is a time-out'
ok "$((($(date +%s) - start) > 60))" 'not a hang'
start_peer
deribit-instruments ETH --no-cache 2>"$tmp/err" >"$tmp/out" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(requests)" = 1 ]'
kill -TERM "$pid"
wait "$pid"
is "$?" 75 'stopped while it waits: 75, for the list is not whole'
list ETH --no-cache --retry 0 --url http://127.0.0.1:1/api/v2
is "$status" 69 'nobody listens'
like "$err" '127\.0\.0\.1:1: ' 'and the peer is named'

# --- output

start_peer
eth
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
exec 9>"$tmp/fifo"
exec 8>&-
deribit-instruments ETH --no-cache >&9 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" '141: ' 'a reader that left: as SIGPIPE would'
exec 9>&-
if [ -w /dev/full ]; then
	deribit-instruments ETH --no-cache >/dev/full 2>"$tmp/err"
	is "$?" 74 'a full disk: 74'
fi
list --help
is "$status" 0 '--help'
list --version
like "$out" 'libcurl' '--version names the libraries'

done_testing
