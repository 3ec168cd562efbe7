#!/bin/sh
# deribit-replay: where it is, REST as jq sees it, the exchange's rules, the
# truth file, and the harm that it does.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
PATH=$builddir/tests/peer:$PATH

rest()
{
	path=$1
	shift
	curl -sS --max-time 60 --cacert "$DERIBIT_CACERT" \
	    "$DERIBIT_REST_URL/public/$path" "$@"
}

status_of()
{
	rest "$1" -o /dev/null -w '%{http_code}'
}

# probe ARGUMENT...: messages in $tmp/got, the end in $tmp/end.
probe()
{
	timeout 120 ws-probe "$@" >"$tmp/got" 2>"$tmp/end"
}

# call METHOD PARAMS
call()
{
	printf '{"jsonrpc":"2.0","id":5,"method":"public/%s","params":%s}' \
	    "$1" "$2"
}

subscribe()
{
	call subscribe "{\"channels\":[$1]}"
}

# The messages of the truth file, as they were sent.
truth()
{
	sed -n 's/^{"connection":[0-9]*,"sent_at":[0-9]*,"message":\(.*\)}$/\1/p' \
	    "$tmp/truth"
}

events()
{
	grep -c "\"event\":\"$1\"" "$tmp/truth"
}

# --- REST ---
start_replay --synthetic 1 --now 2026-11-23T01:00:00Z \
    --ready-file "$tmp/ready" --truth "$tmp/truth"
sed 's/=.*//' "$tmp/replay.out" >"$tmp/names"
is "$(tr '\n' ' ' <"$tmp/names")" \
    'DERIBIT_WS_URL DERIBIT_REST_URL DERIBIT_CACERT ' 'three lines say where'
wait_for '[ -f "$tmp/ready" ]'
cmp -s "$tmp/ready" "$tmp/replay.out"
ok $? 'and so does the ready file'
ca=$DERIBIT_CACERT

rest 'get_instruments?currency=BTC&kind=option' >"$tmp/btc"
is "$(jq '.result | length' "$tmp/btc")" 912 '912 BTC options'
is "$(jq '[.result[].expiration_timestamp] | unique | length' "$tmp/btc")" 12 \
    'over 12 expiries'
is "$(jq '[.result[] | select(.expiration_timestamp % 86400000 != 28800000)] |
    length' "$tmp/btc")" 0 'all at 08:00 UTC'
is "$(jq '[.result[] | select(.instrument_name |
    test("^BTC-[1-9][0-9]?[A-Z]{3}[0-9]{2}-[0-9]+-[CP]$") | not)] | length' \
    "$tmp/btc")" 0 'named as the exchange names'
is "$(rest 'get_instruments?currency=ETH&kind=option' | jq '.result | length')" \
    912 '912 ETH options'
is "$(rest 'get_instruments?currency=USDC&kind=option' |
    jq '[.result[].base_currency] | unique | join(" ")')" '"SOL XRP"' \
    'SOL and XRP under USDC'
is "$(rest 'get_instruments?currency=SOL&kind=option' | jq -c .result)" '[]' \
    'currency=SOL is empty, no error'
is "$(rest 'get_instruments?currency=NOSUCH' | jq -c .error.data)" \
    '{"reason":"invalid currency","param":"currency"}' 'nonsense is an error'
is "$(status_of 'get_instruments?currency=NOSUCH')" 400 'with HTTP 400'
is "$(rest 'get_book_summary_by_currency?currency=any' | jq .error.code)" \
    -32602 'a book summary takes no any'
is "$(rest 'get_book_summary_by_currency?currency=ETH&kind=option' |
    jq '[.result[] | select(.open_interest != null)] | length')" 912 \
    'a summary of each option'
is "$(rest nosuch | jq .error.code)" -32601 'no such method'
is "$(rest subscribe | jq .error.code)" 10030 'no subscribe over HTTP'
is "$(rest get_time -d "$(call get_time '{}')" |
    jq -c '[.id, .testnet, (.usOut - .usIn == .usDiff)]')" '[5,false,true]' \
    'POST takes JSON-RPC'
like "$(DERIBIT_WS_URL=${DERIBIT_WS_URL%/*}/v9 ws-probe 2>&1)" '404' \
    'another path is not found'
curl -sS --max-time 60 -o /dev/null "$DERIBIT_REST_URL/public/get_time" \
    2>"$tmp/err"
is $? 60 'nobody else trusts its certificate'

# --- the rules of a session ---
probe -n 6 "$(subscribe '"quote.ETH-PERPETUAL","quote.NO","book.x","a b"')" \
    "$(subscribe '"quote.ETH-PERPETUAL","trades.ETH-PERPETUAL.raw"')" \
    'no json' "$(call set_heartbeat '{"interval":9}')"
is "$(jq -c 'select(.id and .result).result' "$tmp/got")" \
    '["quote.ETH-PERPETUAL"]' 'bad channels are dropped in silence'
is "$(jq -c 'select(.error) | [.id, .error.code]' "$tmp/got" | tr '\n' ' ')" \
    '[5,13778] [null,11050] [5,-32602] ' 'raw, no JSON, a short heartbeat'
probe -n 1 -z 40000
is "$(jq .error.code "$tmp/got")" -32600 'a message beyond 32 kB'
many=$(i=0
    while [ $i -le 500 ]; do
	printf '"q.%s",' $i
	i=$((i + 1))
    done)
probe -n 1 "$(subscribe "${many%,}")"
is "$(jq .error.code "$tmp/got")" -32602 'more than 500 channels'
set -- 1 2 3 4 5 6 7 8 9 10 11
for i; do
	set -- "$@" "$(subscribe '')"
	shift
done
probe "$@"
is "$(tail -n 1 "$tmp/got" | jq .error.code)" 10028 'too many subscribe calls'
like "$(cat "$tmp/end")" 'closed' 'end the session'
stop_replay
[ ! -e "$ca" ]
ok $? 'the certificate authority is gone'
is "$(jq -c 'select(.event) | .event' "$tmp/truth" | sort -u | tr '\n' ' ')" \
    '"close" "open" ' 'the truth file is JSON and knows the connections'

# --- heartbeats, idleness, silence ---
start_replay --heartbeat-min 1 --heartbeat-grace 0.3 --idle-timeout 1.5
probe "$(call set_heartbeat '{"interval":1}')"
like "$(cat "$tmp/end")" '4000.*heartbeat close' 'no answer: closed with 4000'
is "$(grep -c test_request "$tmp/got")" 1 'after a test_request'
probe -a -n 6 "$(subscribe '"quote.NO","announcements"')" \
    "$(call set_heartbeat '{"interval":1}')"
is "$(grep -c test_request "$tmp/got")" 2 'an answer keeps it open'
probe
like "$(cat "$tmp/end")" 'closed' 'an idle socket is dropped'
unlike "$(cat "$tmp/end")" 'closed: [0-9]' 'without a close frame'
stop_replay

start_replay --rate 2000 --truth "$tmp/truth" --stall-after 0.5
ws-probe "$(subscribe '"quote.BTC-PERPETUAL"')" >"$tmp/got" 2>&1 &
client=$!
at_exit "kill_pid TERM $client"
wait_for 'grep -q stall "$tmp/truth"'
tap_alive $client
ok $? 'a stalled connection stays open'
stop_replay
[ "$(sed -n '/stall/,$p' "$tmp/truth" | grep -c '"message"')" -eq 0 ]
ok $? 'and says nothing more'

# --- the truth: every cut, nothing lost, nothing beyond ---
start_replay --synthetic 3 --rate 5000 --cut-every 0.2 --truth "$tmp/truth"
: >"$tmp/all"
for i in 1 2 3 4 5 6 7 8 9 10; do
	probe "$(subscribe '"quote.BTC-PERPETUAL","quote.ETH-PERPETUAL",
	    "trades.option.ETH.100ms"')"
	cat "$tmp/got" >>"$tmp/all"
done
stop_replay
truth >"$tmp/sent"
cmp "$tmp/sent" "$tmp/all"
ok $? 'a client received what the truth file says, byte for byte'
[ "$(events cut)" -ge 10 ] && [ "$(wc -l <"$tmp/all")" -gt 1000 ]
ok $? 'through ten cuts'

# A reader so slow that the cut finds half a message on its way: the rest of it
# still comes.  The second client is cut in the same moment.
start_replay --rate 0 --cut-every 1 --truth "$tmp/truth"
large=$(call get_instruments '{"currency":"ETH"}')
: >"$tmp/slow"
until [ -s "$tmp/slow" ]; do
	set -- "$large" "$large" "$large" "$large" "$large"
	ws-probe -s "$@" "$@" "$@" "$@" >"$tmp/slow" 2>"$tmp/end" &
	client=$!
	at_exit "kill_pid KILL $client"
	wait_for '[ -s "$tmp/slow" ] || ! tap_alive $client' || break
done
probe
kill -CONT "$client"
wait "$client"
stop_replay
n=$(($(events open) - 1))
grep "^{\"connection\":$n,\"sent_at\"" "$tmp/truth" |
    sed 's/^{[^,]*,[^,]*,"message":\(.*\)}$/\1/' | cmp - "$tmp/slow"
ok $? 'a cut lets the message on its way arrive'

# --- count, drop, exit ---
start_replay --rate 20000 --count 5000 --drop 100 --exit --truth "$tmp/truth"
probe "$(subscribe '"trades.ETH-PERPETUAL.100ms"')"
wait_for '! tap_alive $REPLAY_PID'
wait "$REPLAY_PID"
is $? 0 'ends by itself'
is "$(wc -l <"$tmp/got")" 4951 'every hundredth is missing'
is "$(events drop)" 50 'and recorded as dropped'
jq -r 'select(.method).params.data[].trade_seq' "$tmp/got" >"$tmp/seq"
jq -r 'select(.event == "drop").message.params.data[].trade_seq' \
    "$tmp/truth" >>"$tmp/seq"
is "$(sort -n "$tmp/seq" | awk 'NR > 1 && $1 != last + 1 { n++ }
    { last = $1 } END { print n + 0 }')" 0 'trade_seq has no other hole'

# --- frames ---
printf '%s\n' '{"method":"subscription","params":{"channel":"x","data":{}}}' \
    'no json at all {' '[1.0,6.4e4,227538549002481664]' >"$tmp/frames"
start_replay --frames "$tmp/frames" --exit
probe "$(subscribe '"any.thing"')"
tail -n +2 "$tmp/got" | cmp - "$tmp/frames"
ok $? 'frames arrive as they stand'
wait_for '! tap_alive $REPLAY_PID'

# A client that is back before the server has ended gets nothing a second time.
echo '{"method":"subscription","params":{"channel":"quote.BTC-PERPETUAL","data":{"timestamp":1,"instrument_name":"BTC-PERPETUAL"}}}' >"$tmp/frames"
: >"$tmp/quotes"
for i in 1 2 3 4 5; do
	start_replay --frames "$tmp/frames" --exit
	deribit-ws-stream --quiet --instrument BTC-PERPETUAL --retry-delay 1ms \
	    --retry-max-delay 1ms >>"$tmp/quotes" 2>"$tmp/err.$i" &
	client=$!
	at_exit "kill_pid TERM $client"
	wait_for '! tap_alive $REPLAY_PID'
	stop_pid "$client"
done
is "$(grep -c '"type":"quote"' "$tmp/quotes")" 5 \
    'with --exit a file is sent once, however soon the client is back'

# --- errors ---
deribit-replay --frames "$tmp/nosuch" 2>"$tmp/err"
is $? 66 'no frames, no input'
like "$(cat "$tmp/err")" "nosuch: No such file" 'it says so'
deribit-replay --cut-every never 2>"$tmp/err"
is $? 64 'a word for a number'
like "$(cat "$tmp/err")" 'cut-every never' 'it names option and value'
start_replay
deribit-replay --port "$(echo "$DERIBIT_WS_URL" | tr -dc 0-9 | sed 's/2$//')" \
    2>"$tmp/err"
is $? 69 'a port that is taken'
stop_replay

# --- where it listens ---
# Whether a connection can be made: 7 is curl's "cannot connect".
reaches()
{
	curl -sk --max-time 20 -o /dev/null \
	    "https://$1:${DERIBIT_REST_URL##*:}/public/get_time"
}

start_replay --synthetic 1
reaches 127.0.0.1
is $? 0 'it listens on loopback'
reaches 127.0.0.2
is $? 7 'on that address only'
port=${DERIBIT_REST_URL%/api/v2}
port=${port##*:}

# refused EXIT SENTENCE ARGUMENT...: one sentence, and nothing is served.
refused()
{
	want=$1
	sentence=$2
	shift 2
	run timeout 20 deribit-replay "$@"
	is "$status $(cat "$tmp/err")" "$want deribit-replay: error: $sentence" \
	    "$*: refused"
}
refused 69 "cannot listen on 127.0.0.1 port $port: Address already in use" \
    --port "$port"
refused 69 'cannot listen on 192.0.2.99 port 0: Cannot assign requested address' \
    --listen 192.0.2.99
refused 64 "--listen nonsense: an IPv4 or IPv6 address is needed
Try 'deribit-replay --help'." --listen nonsense
refused 66 "$tmp/nosuch: No such file or directory" \
    --cert "$tmp/nosuch" --key "$tmp/nosuch"
echo no >"$tmp/pem"
refused 78 "$tmp/pem and $tmp/pem: no certificate and key, in PEM, that belong\
 together" --cert "$tmp/pem" --key "$tmp/pem"
stop_replay

done_testing
