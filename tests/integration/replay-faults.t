#!/bin/sh
# deribit-replay at its worst: every kind of fault is done, is in the truth file,
# and that file stays true; authentication; a market without a client.
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
trades='"trades.option.BTC.100ms"'
all=$trades',"quote.BTC-PERPETUAL","platform_state"'

# truth CONNECTION: its messages, as they were sent.
truth()
{
	sed -n "s/^{\"connection\":$1,\"sent_at\":[0-9]*,\"message\":\(.*\)}$/\1/p" \
	    "$tmp/truth"
}

# Faults of this kind that the truth file has.
faults()
{
	grep -c "\"event\":\"fault\",\"fault\":\"$1\"" "$tmp/truth"
}

# is_true KIND: what came is what the file says, byte for byte.
is_true()
{
	truth 1 | cmp - "$tmp/got"
	ok $? "$1: the truth file is true"
}

# background ARGUMENT...: a client that stays, $client.
background()
{
	ws-probe "$@" >"$tmp/got" 2>"$tmp/end" &
	client=$!
	at_exit "kill_pid TERM $client"
}

# --- a market without a client ---
start_replay --always --rate 1000 --ledger "$tmp/ledger"
probe -n 20 "$(subscribe "$trades")"
wait_for '[ "$(wc -l <"$tmp/ledger")" -gt 1000 ]'
ok $? 'with --always trades are made when nobody listens'
cp "$tmp/got" "$tmp/all"
probe -n 20 "$(subscribe "$trades")"
cat "$tmp/got" >>"$tmp/all"
rest 'get_last_trades_by_currency?currency=BTC&kind=option&count=1000' \
    >"$tmp/page"
stop_replay
is "$(jq -r '.instrument_name + " " + (.trade_seq | tostring)' "$tmp/ledger" |
    sort -k 1,1 -k 2,2n |
    awk '$1 == name && $2 != last + 1 { n++ } { name = $1; last = $2 }
    END { print n + 0 }')" 0 'the ledger has every trade of an instrument'
sed -n 's/.*"data":\[\(.*\)\]}}$/\1/p; s/.*"trades":\[\(.*\)\],"has.*/\1/p' \
    "$tmp/all" "$tmp/page" | sed 's/},{/}\
{/g' | sort -u >"$tmp/trades"
[ "$(wc -l <"$tmp/trades")" -ge 1000 ]
ok $? 'a thousand trades by channel and REST'
is "$(sort "$tmp/ledger" | comm -23 "$tmp/trades" - | wc -l)" 0 \
    'each as it stands in the ledger'

start_replay --always --count 3000 --exit --rate 5000
probe -n 20 "$(subscribe "$trades")"
wait_for '! tap_alive $REPLAY_PID'
ok $? '--count counts what nobody hears'

# --- the ends of a connection ---
# once KIND OPTIONS: one fault of a kind, to a client that reads to the end.
once()
{
	kind=$1
	start_replay --rate 3000 --truth "$tmp/truth" --fault "$kind:$2" \
	    --fault-count 1
	probe "$(subscribe "$all")"
	probe2=$(ws-probe -n 1 "$(subscribe "$all")" 2>&1)
	wait_for 'kill -USR1 "$REPLAY_PID" &&
	    grep -q "1 faults, $kind 1" "$tmp/replay.err"'
	ok $? "$kind: counted"
	stop_replay
	is "$(faults "$kind")" 1 "$kind: recorded"
	is_true "$kind"
}

once cut every=0.1
unlike "$(cat "$tmp/end")" 'reset|closed: [0-9]|1000' 'cut: no close frame'
once reset every=0.1
like "$(cat "$tmp/end")" 'reset' 'reset: by the peer'
once limit every=0.1
like "$(cat "$tmp/end")" '1000' 'limit: closed'
is "$(tail -n 1 "$tmp/got" | jq -c '[.id, .error.code]')" '[null,10028]' \
    'limit: with an error'
once maintenance every=0.1,for=60
is "$(grep -c '"channel":"platform_state","data":{"maintenance":true}' \
    "$tmp/got")" 1 'maintenance: announced'
is "$(echo "$probe2" | jq -c '[.id, .error.code]')" '[5,11051]' \
    'maintenance: calls are refused'
once maintenance every=0.1,for=60,mode=503
like "$probe2" 503 'maintenance: or upgrades'

start_replay --fault maintenance:every=0.1,for=0.2 --fault-count 1 \
    --truth "$tmp/truth"
probe "$(subscribe "$all")"
wait_for 'grep -q maintenance-end "$tmp/truth"'
probe -n 1 "$(subscribe "$trades")"
is "$(jq -c 'select(.id).result' "$tmp/got")" "[$trades]" \
    'maintenance: it ends'
stop_replay

# --- what a connection that stays does not get ---
start_replay --rate 3000 --truth "$tmp/truth" --fault half-open:every=0.1
background "$(subscribe "$all")"
wait_for '[ "$(faults half-open)" -eq 1 ]'
tap_alive "$client"
ok $? 'half-open: it stays open'
stop_pid "$client"
stop_replay
[ "$(sed -n '/half-open/,$p' "$tmp/truth" | grep -c '"message"')" -eq 0 ]
ok $? 'half-open: and silent'

start_replay --rate 3000 --heartbeat-min 1 --truth "$tmp/truth" \
    --fault silent:every=0.1
background -a "$(subscribe "$all")" "$(call set_heartbeat '{"interval":1}')"
wait_for '[ "$(faults silent)" -eq 1 ] &&
    [ "$(sed -n "/silent/,\$p" "$tmp/truth" | grep -c test_request)" -ge 2 ]'
ok $? 'silent: heartbeats come'
stop_pid "$client"
stop_replay
# What was queued before the fault may be written behind it.
[ "$(sed -n '/test_request/,$p' "$tmp/truth" | sed -n '/silent/,$p' |
    sed '1,/test_request/d' | grep -c '"subscription"')" -eq 0 ]
ok $? 'silent: notifications do not'

start_replay --rate 3000 --truth "$tmp/truth" --fault-count 1 \
    --fault dead:every=0.1,class=trades.
background "$(subscribe "$all")"
wait_for '[ "$(faults dead)" -eq 1 ]'
wait_for '[ "$(sed -n "/\"dead\"/,\$p" "$tmp/truth" |
    grep -c quote.BTC)" -ge 3000 ]'
ok $? 'dead: other channels go on'
stop_pid "$client"
stop_replay
is "$(jq -r 'select(.event == "fault").channel' "$tmp/truth")" \
    trades.option.BTC.100ms 'dead: recorded with the channel'
[ "$(tail -n 1000 "$tmp/truth" |
    grep -c '"channel":"trades')" -eq 0 ]
ok $? 'dead: this one does not'

start_replay --rate 1000 --truth "$tmp/truth" --fault error:every=0.05 \
    --fault-count 10 --count 3000 --exit
probe "$(subscribe "$all")"
wait_for '! tap_alive $REPLAY_PID'
is "$(faults error)" 10 'error: recorded'
is "$(jq -c 'select(.error or .method == "nosuch") | .id' "$tmp/got" |
    sort | uniq -c | tr -d ' ')" 10null 'error: without an id'
is_true error

# --- what happens to notifications ---
# by_dice KIND: a run with some of them; the trades' numbers in $tmp/seq.
by_dice()
{
	start_replay --rate 20000 --count 20000 --exit --truth "$tmp/truth" \
	    --queue-max 32M --fault "$1:rate=0.1,class=trades."
	probe "$(subscribe '"trades.BTC-PERPETUAL.100ms",
	    "trades.BTC-PERPETUAL.agg2","quote.ETH-PERPETUAL"')"
	wait_for '! tap_alive $REPLAY_PID'
	[ "$(faults "$1")" -gt 30 ]
	ok $? "$1: recorded"
	is_true "$1"
	is "$(jq -r 'select(.event == "fault").channel' "$tmp/truth" |
	    grep -vc '^trades\.')" 0 "$1: of its class only"
	jq -r 'select(.params.channel == "trades.BTC-PERPETUAL.100ms").params.data[].trade_seq' \
	    "$tmp/got" >"$tmp/seq"
}

# In how many places the next number is not the next.
breaks()
{
	awk 'NR > 1 && $1 != last + 1 { n++ } { last = $1 } END { print n + 0 }'
}

by_dice drop
[ "$(breaks <"$tmp/seq")" -gt 0 ]
ok $? 'drop: there are holes'
jq -r 'select(.event == "drop").message.params |
    select(.channel == "trades.BTC-PERPETUAL.100ms").data[].trade_seq' \
    "$tmp/truth" >>"$tmp/seq"
is "$(sort -n "$tmp/seq" | breaks)" 0 'drop: what is missing is recorded'
by_dice duplicate
[ "$(sort -n "$tmp/seq" | uniq -d | wc -l)" -gt 0 ]
ok $? 'duplicate: some come twice'
is "$(sort -nu "$tmp/seq" | breaks)" 0 'duplicate: none is missing'
by_dice reorder
[ "$(breaks <"$tmp/seq")" -gt 0 ]
ok $? 'reorder: some come late'
is "$(sort -n "$tmp/seq" | breaks)" 0 'reorder: none is missing'
is "$(awk '$1 > most { most = $1 } most - $1 > 60 { n++ }
    END { print n + 0 }' "$tmp/seq")" 0 'reorder: behind the next of its channel'

# --- redundant connections ---
# Three cuts, and one survives each time: at a cut both were there and whole.
start_replay --rate 500 --truth "$tmp/truth" --fault cut:every=0.05,apart=0.3 \
    --fault-count 3
for i in 1 2; do
	sh -c 'while :; do ws-probe "$1" >/dev/null 2>&1; done' - \
	    "$(subscribe "$trades")" &
	at_exit "kill_pid TERM $!"
	eval "loop$i=$!"
done
wait_for '[ "$(faults cut)" -eq 3 ]'
ok $? 'apart: cut all the same'
kill_pid TERM "${loop1:?}"
kill_pid TERM "${loop2:?}"
stop_replay
is "$(jq -r 'select(.event) | [.event, .connection, .at] | @tsv' "$tmp/truth" |
    awk '$1 == "fault" { if (last && $3 - last < 300000) n++; last = $3
	if (live != 2) n++ }
    $1 == "open" { live++ }
    $1 == "cut" { live-- }
    END { print n + 0 }')" 0 'apart: only when both were there, for a while'

# --- pages ---
start_replay --rate 2000 --always --truth "$tmp/truth" \
    --fault page-lost:rate=0.5 --fault page-shift:rate=0.5
probe -n 500 "$(subscribe '"trades.BTC-PERPETUAL.100ms"')"
seq=$(jq -r 'select(.params).params.data[].trade_seq' "$tmp/got" |
    sed -n '$p')
page="{\"instrument_name\":\"BTC-PERPETUAL\",\"start_seq\":$((seq - 20)),
    \"end_seq\":$((seq - 11)),\"count\":100}"
set --
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	set -- "$@" "$(call get_last_trades_by_instrument "$page")"
done
probe -n 1 "$@" "$(call get_time '{}')"
background "$@" "$(call get_time '{}')"
wait_for '[ "$(grep -c "\"result\":[0-9]" "$tmp/truth")" -ge 2 ]'
kill -USR1 "$REPLAY_PID"
wait_for 'grep -q page-shift "$tmp/replay.err"'
stop_pid "$client"
stop_replay
n=$(jq -c 'select(.event == "fault" and .connection == 3).fault' "$tmp/truth" |
    grep -c page-lost)
is "$(truth 3 | jq -c 'select(.result.trades?).result.trades | length' |
    sort | uniq -c | tr -d ' ')" "$((20 - n))10" \
    'pages: those that are not lost have ten rows'
truth 3 | jq -c 'select(.result.trades?) |
    [.result.trades[].trade_seq] | max' >"$tmp/seq"
is "$(grep -vxc "$((seq - 11))" "$tmp/seq")" \
    "$(jq -c 'select(.event == "fault" and .connection == 3).fault' \
	"$tmp/truth" | grep -c page-shift)" 'pages: shifted as often as recorded'

# --- authentication ---
printf 'AbCd\ns3cr3t\n' >"$tmp/credentials"
start_replay --credentials "$tmp/credentials" --token-life 1 --rate 0 \
    --truth "$tmp/truth"
now=$(rest get_time | jq .result)
signature=$(printf '%s\nn0nce\n' "$now" |
    openssl dgst -sha256 -hmac s3cr3t | sed 's/.* //')
auth=$(call auth "{\"grant_type\":\"client_signature\",\"client_id\":\"AbCd\",
    \"timestamp\":$now,\"nonce\":\"n0nce\",\"data\":\"\",
    \"signature\":\"$signature\"}")
probe -n 5 "$(subscribe '"trades.BTC-PERPETUAL.raw"')" "$auth" "$auth" \
    "$(subscribe '"trades.BTC-PERPETUAL.raw"')"
is "$(jq -c 'select(.error) | [.id, .error.code]' "$tmp/got" | tr '\n' ' ')" \
    '[5,13778] [5,13004] [null,13009] ' \
    'raw before, a nonce again, and the end of a token are refused'
is "$(jq -c '.result.expires_in? // empty' "$tmp/got")" 1 'a token is given'
unlike "$(grep -v '"event"' "$tmp/truth")" s3cr3t 'the secret is not told'
stop_replay
deribit-replay --credentials "$tmp/nosuch" 2>"$tmp/err"
is $? 66 'no credentials, no input'
: >"$tmp/credentials"
deribit-replay --credentials "$tmp/credentials" 2>"$tmp/err"
is $? 65 'none in the file'

# --- storms ---
start_replay
set --
for i in 1 2 3 4 5 6 7 8 9 10 11; do
	set -- "$@" "$(subscribe '')"
done
probe "$@"
wait_for 'kill -USR1 "$REPLAY_PID" &&
    grep -q "1 calls limited, [1-9][0-9]* upgrades a second" "$tmp/replay.err"'
ok $? 'refused calls and upgrades are counted'
stop_replay

# --- usage ---
deribit-replay --fault cut 2>"$tmp/err"
is $? 64 'a fault that says too little'
like "$(cat "$tmp/err")" 'fault cut: cut needs every=' 'it says what'

done_testing
