#!/bin/sh
# Connections are renewed, and the one that goes on has all: no message is lost
# or doubled, and there is no gap record.  The same of channels that begin with a
# snapshot, when they are cut.
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/pair.sh"

market 8 1000
stream ETH --rotate 1s
whole '--rotate'
opened=$(grep -c '"event":"open"' "$tmp/truth")
[ "$opened" -gt 2 ]
ok $? "connections were replaced: $opened in all"
[ "$(grep -c 'replaced by' "$tmp/err")" -ge 1 ]
ok $? 'and the old ones closed'
unlike "$(cat "$tmp/err")" 'warning|error' 'nothing to warn of'

market 8 1000
stream ETH --channels quotes --rotate 1s --redundancy 2
whole '--rotate --redundancy 2'
[ "$(grep -c 'renewed' "$tmp/err")" -ge 2 ]
ok $? 'connections were renewed'
unlike "$(cat "$tmp/err")" 'warning|error' 'which is no loss'

cuts='cut:every=0.3,apart=0.5'
market 5 500 --fault "$cuts" --fault-after 2
stream ETH --top 60 --channels book --book incremental --redundancy 2
whole 'every change of books, cuts'
[ "$(faults cut)" -ge 1 ]
ok $? "there were cuts: $(faults cut)"
is "$(grep -c '"update_type":"snapshot"' "$tmp/out")" \
	"$(grep '"update_type":"snapshot"' "$tmp/out" | jq -r .instrument_name |
		sort -u | wc -l)" 'one snapshot a book, with which it begins'

market 4 500
stream ETH --top 60 --channels book --book incremental --rotate 1s
whole 'every change of books, --rotate'

# What a subscription begins with may come out when the other connection has not
# been there for long; so these are further apart.
market 6 300 --fault cut:every=0.3,apart=2.5 --fault-after 2
stream ETH --top 50 --instrument ETH-PERPETUAL --redundancy 2 \
	--channels incremental_ticker,markprice,volatility_index,perpetual,index
whole 'channels that begin with the whole, cuts'

# A connection that cannot be made is no reason to give up those that are.
market 1000 500
: >"$tmp/err"
cp "$DERIBIT_CACERT" "$tmp/ca.pem"
: >"$tmp/err"
deribit-ws-stream -v ETH --rotate 1s --cacert "$tmp/ca.pem" \
	--retry-delay 100ms --retry-max-delay 200ms >"$tmp/out" 2>"$tmp/err" &
pair_pid=$!
at_exit "stop_pid $pair_pid"
wait_for 'grep -q subscribed "$tmp/err"'
echo 'no certificate' >"$tmp/ca.pem"
wait_for '[ "$(grep -c "certificate.*retry in" "$tmp/err")" -ge 2 ]'
ok $? 'certificates that cannot be read for a while: tried again'
cp "$DERIBIT_CACERT" "$tmp/ca.pem"
wait_for 'grep -q "replaced by connection" "$tmp/err"'
ok $? 'and renewed then'
kill "$pair_pid"
wait "$pair_pid"
is $? 0 "it went on all the while"
is "$(grep -c "\"type\":\"gap\"" "$tmp/out")" 0 "and nothing was lost"
stop_replay

done_testing
