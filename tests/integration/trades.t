#!/bin/sh
# deribit-trades against an exchange with a past: the truth and nothing else, by
# time and by number, under faults, after kills, from the host of the history;
# what is missing is told, and found by what was told; the late liquidations.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/http-peer.sh"
. "$srcdir/tests/sh/rest-past.sh"

unset DERIBIT_HISTORY_URL
asks=last_trades
now=2026-11-25T10:30:00Z
begin=2026-08-27T00:00:00Z
end=2026-11-25T09:00:00Z # what is older than an hour is as it will be
past="--synthetic 5 --history 90 --history-trades 60000
    --history-instruments 100 --now $now"

# truth FROM TO WHAT...: members of the exchange, sorted; TO is not within.
truth()
{
	truth_from=$1
	truth_to=$2
	shift 2
	for what; do
		# shellcheck disable=SC2086 # words
		deribit-replay $past --clock "$now" \
			--dump "trades:$what:$truth_from:${truth_to%Z}.000Z"
	done | LC_ALL=C sort
}

# rows FILE...: trades as the exchange has them, in the order of the file.
rows()
{
	sed 's/^{"type":"trade",.*"received_at":[0-9]*,/{/' "$@"
}

trades()
{
	timeout 200 deribit-trades "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	err=$(cat "$tmp/err")
}

# in_order FILE: of each instrument, every number is the next.
in_order()
{
	jq -r 'select(.type == "trade") | "\(.instrument_name) \(.trade_seq)"' \
		"$1" | awk '{
		if ($1 in last && $2 != last[$1] + 1)
			wrong++
		last[$1] = $2
	} END { print wrong + 0 }'
}

exchange

# --- by number

trades --from-seq 11 --to-seq 3010 BTC-PERPETUAL
is "$status: $err" '0: ' 'numbers of an instrument'
rows "$tmp/out" >"$tmp/got"
# shellcheck disable=SC2086 # words
deribit-replay $past --clock "$now" \
	--dump "trades:BTC-PERPETUAL:$begin:$end" >"$tmp/btc"
sed -n '11,3010p' "$tmp/btc" >"$tmp/want"
same 'those numbers, in their order, and their text'
like "$(head -n 1 "$tmp/out")" '^{"type":"trade","kind":"perpetual",'\
'"currency":"BTC","received_at":[0-9]{16},"trade_id"' 'as records'
like "$(cat "$tmp/out")" '"starbase_match_id":2275[0-9]{14}[,}]' \
	'with integers above 2^53'
is "$(asked | wc -l | tr -d ' ')" 3 'in three calls'

# --- by time

trades --since "$begin" --until "$end" BTC-PERPETUAL
is "$status: $err" '0: ' 'all of a perpetual'
rows "$tmp/out" >"$tmp/got"
cp "$tmp/btc" "$tmp/want"
same 'in its order'
trades --since 2026-09-30T12:00:00Z --until 2026-10-02T00:00:00Z BTC-PERPETUAL
rows "$tmp/out" >"$tmp/got"
truth 2026-09-30T12:00:00Z 2026-10-02T00:00:00Z BTC-PERPETUAL |
	jq -s -c 'sort_by(.trade_seq)[].trade_seq' >"$tmp/want"
jq .trade_seq "$tmp/got" >"$tmp/seqs"
cmp -s "$tmp/seqs" "$tmp/want" && [ -s "$tmp/want" ]
ok $? 'a day and a half of it'
first=$(sed -n 500p "$tmp/btc" | jq .timestamp)
until=$(sed -n 520p "$tmp/btc" | jq .timestamp)
trades --since "$first" --until "$until" BTC-PERPETUAL
is "$(jq .timestamp "$tmp/out" | sort -n | sed -n '1p;$p' | tr '\n' ' ')" \
	"$first $(sed -n 1,519p "$tmp/btc" | jq .timestamp | awk -v u="$until" \
	'$1 < u { t = $1 } END { print t }') " \
	'--since is within, --until is not'

# shellcheck disable=SC2086 # words
deribit-replay $past --dump instruments | jq -r 'select(.kind == "option" and
    .base_currency == "ETH" and .expiration_timestamp < 1795600000000) |
    .instrument_name' >"$tmp/expired"
old=$(head -n 1 "$tmp/expired")
trades --since "$begin" "$old"
rows "$tmp/out" | sort >"$tmp/got"
truth "$begin" "$end" "$old" >"$tmp/want"
same "$old, expired long ago"

trades --since "$begin" --until "$end" --kind option eth
is "$status: $err" '0: ' 'a currency'
rows "$tmp/out" | sort >"$tmp/got"
truth "$begin" "$end" ETH | grep -- '-[0-9d]*-[CP]"' >"$tmp/want"
same 'all of its options'
grep -q -F -f "$tmp/expired" "$tmp/out"
ok $? 'those that have expired among them'
is "$(in_order "$tmp/out")" 0 'each in the order of its numbers'
exchange
trades --since "$begin" --until "$end" BTC ETH SOL XRP
is "$status" 0 'all of four currencies'
rows "$tmp/out" | sort >"$tmp/got"
truth "$begin" "$end" BTC ETH USDC | grep -v '"ETH_BTC"' >"$tmp/all"
cp "$tmp/all" "$tmp/want"
same 'inverse and linear, whatever their kind'
is "$(in_order "$tmp/out")" 0 'in order'
is "$(asked | uniq -d | grep -v -c and_time)" 0 \
	'no range of a run is asked for twice'
in_rate

# --- on the exchange's bad days

exchange --fault page-shift:rate=0.1 --fault page-duplicate:rate=0.1 \
	--fault page-reorder:rate=0.1 --fault page-short:rate=0.1 \
	--fault page-empty:rate=0.05 --fault page-late:rate=0.1 \
	--fault page-error:rate=0.03 --fault page-lost:rate=0.02 \
	--fault http-429:rate=0.02 --fault http-502:rate=0.03 \
	--fault http-empty:rate=0.02 --fault http-limit:rate=0.02 \
	--fault http-reset:rate=0.03 --fault http-truncated:rate=0.03
trades --retry 30 --max-time 5s --since "$begin" --until "$end" \
	BTC ETH SOL XRP "$old"
is "$status" 0 'under faults'
rows "$tmp/out" | sort >"$tmp/got"
cp "$tmp/all" "$tmp/want"
same 'four currencies'
is "$(in_order "$tmp/out")" 0 'in order'
in_rate
harmed 8

# --- killed, and on

exchange --rest-rate 0 --fault page-short:rate=0.05 --fault http-502:rate=0.05
kill_runs 50 '1 + kills % 7' deribit-trades --since "$begin" --until "$end" \
	--state "$tmp/state" --parallel 8 --rate 100 --rows 500 --retry 30 \
	BTC ETH SOL XRP
trades --since "$begin" --until "$end" --state "$tmp/state" --retry 30 \
	--rows 500 BTC ETH SOL XRP
is "$status" 0 "killed $kills times, it ends"
like "$err" "goes on with what $tmp/state has" 'and says that it goes on'
cat "$tmp/out" >>"$tmp/parts"
grep '}$' "$tmp/parts" | rows | sort -u >"$tmp/got"
cp "$tmp/all" "$tmp/want"
same 'nothing is left out'
# shellcheck disable=SC2046 # words
set -- $(repeats)
[ "$3" -le 8 ]
ok $? "of $1 answers, $2 came more than once, of one kill $3: those under way"
[ "$kills" -ge 10 ]
ok $? 'it was killed'
before=$(wc -l <"$tmp/requests")
trades --since "$begin" --until "$end" --state "$tmp/state" BTC ETH SOL XRP
is "$status, $(wc -l <"$tmp/out" | tr -d ' ') records, $(sed "1,${before}d" \
	"$tmp/requests" | jq -r 'select(.fault == null).method')" \
	'0, 0 records, public/get_time' \
	'what is there is not asked for again (but for the time)'

# --- an answer that does not come holds up its instrument alone

exchange --rest-rate 0 --fault page-lost:rate=1 --fault-count 1
: >"$tmp/kills"
deribit-trades --from-seq 1 --to-seq 1500 --state "$tmp/held" --rate 100 \
	--rows 100 BTC-PERPETUAL ETH-PERPETUAL SOL_USDC-PERPETUAL \
	XRP_USDC-PERPETUAL >"$tmp/parts" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(grep -vc BTC-PERPETUAL "$tmp/parts")" -ge 4500 ]'
ok $? 'the others are written'
kill_pid KILL "$pid"
wait "$pid" 2>/dev/null
wc -l <"$tmp/requests" >>"$tmp/kills"
trades --from-seq 1 --to-seq 1500 --state "$tmp/held" --rate 100 --rows 100 \
	BTC-PERPETUAL ETH-PERPETUAL SOL_USDC-PERPETUAL XRP_USDC-PERPETUAL
cat "$tmp/out" >>"$tmp/parts"
is "$status $(wc -l <"$tmp/parts" | tr -d ' ') $(in_order "$tmp/parts")" \
	'0 6000 0' 'all, in order'
# shellcheck disable=SC2046 # words
set -- $(repeats)
[ "$1" -ge 60 ] && [ "$2" -le 1 ]
ok $? "of $1 answers, $2 came again: little waits behind the missing one"

# --- the host of the history

exchange --rows-max 10000
DERIBIT_HISTORY_URL=$DERIBIT_REST_URL
export DERIBIT_HISTORY_URL
trades --history --since "$begin" --until "$end" BTC-PERPETUAL
rows "$tmp/out" >"$tmp/got"
cp "$tmp/btc" "$tmp/want"
same '--history'
is "$(asked | grep -c 'count=[0-9][0-9][0-9][0-9]&sorting=asc&include_old=true')" 1 \
	'takes them in one call'
unset DERIBIT_HISTORY_URL

# --- what is missing, and what is told about it

last=$(deribit-trades --since -3d BTC-PERPETUAL | tail -n 1 | jq .trade_seq)
trades --from-seq $((last - 4)) --to-seq $((last + 100)) --retry 1 \
	--state "$tmp/tail" BTC-PERPETUAL
is "$status" 65 'numbers that nobody has: 65'
like "$err" 'error: [0-9]+ trades are missing' 'said'
is "$(jq -r .type "$tmp/out" | uniq -c | awk '{ printf "%s ", $2 }')" \
	'trade gap ' 'and told in their place'
is "$(tail -n 1 "$tmp/out" | jq -c '[.instrument_name, .kind, .reason, .to_seq,
    .repaired]')" "[\"BTC-PERPETUAL\",\"perpetual\",\"sequence\",$((last +
	100)),false]" 'as a gap record'
before=$(wc -l <"$tmp/requests")
trades --from-seq $((last - 4)) --to-seq $((last + 100)) --retry 0 \
	--state "$tmp/tail" BTC-PERPETUAL
is "$status $(head -n 1 "$tmp/out" | jq -r .type)" '65 gap' \
	'the next run asks for what was missing'
{
	echo '{"type":"gap","kind":"perpetual","currency":"BTC","instrument_name":"BTC-PERPETUAL","channel":"trades.future.BTC.100ms","from":1,"to":2,"from_seq":21,"to_seq":30,"reason":"sequence","repaired":false}'
	echo '{"type":"gap","kind":"perpetual","currency":"BTC","instrument_name":"BTC-PERPETUAL","channel":"trades.future.BTC.100ms","from":1,"to":2,"from_seq":41,"to_seq":50,"reason":"sequence","repaired":true}'
	echo '{"type":"gap","kind":"option","currency":"ETH","instrument_name":null,"channel":"trades.option.ETH.100ms","from":1790000000000,"to":1790200000000,"from_seq":null,"to_seq":null,"reason":"disconnect","repaired":false}'
	echo '{"type":"gap","kind":"perpetual","currency":"BTC","instrument_name":"BTC-PERPETUAL","channel":"quote.BTC-PERPETUAL","from":1790000000000,"to":1790200000000,"from_seq":null,"to_seq":null,"reason":"stall","repaired":false}'
	echo '{"type":"trade"}'
} >"$tmp/gaps"
timeout 60 deribit-trades --ranges - <"$tmp/gaps" >"$tmp/out" 2>"$tmp/err"
is "$?" 0 '--ranges'
is "$(jq -c 'select(.instrument_name == "BTC-PERPETUAL") | .trade_seq' \
	"$tmp/out" | tr '\n' ' ')" '21 22 23 24 25 26 27 28 29 30 ' \
	'numbers: exactly those, and not what is repaired'
is "$(jq -s 'map(.repaired) | all' "$tmp/out")" true 'they say repaired'
[ "$(jq -c 'select(.kind == "option") | .trade_seq' "$tmp/out" | wc -l)" -gt 0 ]
ok $? 'a time of a market: some trades'

# --- late

trades --late --since "$begin" BTC-PERPETUAL
rows "$tmp/out" >"$tmp/got"
# shellcheck disable=SC2086 # words
deribit-replay $past --clock "$now" \
	--dump "trades:BTC-PERPETUAL:$begin:2026-11-25T09:30:00Z" |
	grep '"liquidation":"' >"$tmp/want"
same '--late: only liquidations'

# --- ways to end

# ends STATUS SENTENCE ARGUMENT...
ends()
{
	want=$1
	sentence=$2
	shift 2
	trades "$@"
	is "$status, $(wc -c <"$tmp/out" | tr -d ' ')" "$want, 0" "$want: $*"
	like "$err" "$sentence" 'said in a sentence'
}

ends 64 'which CURRENCY or INSTRUMENT'
ends 64 "'x-y' is neither a currency nor an instrument" x-y
ends 64 'did you mean --state' --stade x BTC
ends 64 '--until is not after' --since -1h --until -2h BTC
ends 64 'since: ' --since yesterday BTC
ends 64 'is no instrument: only these have numbers' --from-seq 1 BTC
ends 64 'go without --since' --from-seq 1 --since -1h BTC-PERPETUAL
ends 64 'is before --from-seq' --from-seq 3 --to-seq 2 BTC-PERPETUAL
ends 64 'only - is understood' --ranges x
ends 64 'it goes without' --ranges - BTC
ends 64 'is no kind' --kind bond BTC
ends 65 'BTC-1JAN20: .*' --since -1h BTC-1JAN20
ends 69 '127.0.0.1:1: ' --url http://127.0.0.1:1/api/v2 --retry 0 BTC
echo 'no JSON' | timeout 60 deribit-trades --ranges - >"$tmp/out" 2>"$tmp/err"
is "$?" 65 'a bad line of --ranges: 65'
echo '{"state":"deribit-ws-stream"}' >"$tmp/foreign"
ends 78 'foreign is no state of deribit-trades' --state "$tmp/foreign" BTC

start_peer
echo 1795604400000 | result get_time
echo '{"a":1}' | result 2
trades --from-seq 1 --to-seq 2 BTC-PERPETUAL
is "$status, $(jq -r .type "$tmp/out")" '76, gap' 'no reply of the exchange: 76'
like "$err" 'the result has no array of trades' 'said in a sentence'
start_peer
echo 1795604400000 | result get_time
deribit-trades --state "$tmp/used" --from-seq 1 --to-seq 9 BTC-PERPETUAL \
	>"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(requests)" = 2 ]'
kill -INT "$pid"
wait "$pid"
is $? 75 'stopped: 75'
like "$(cat "$tmp/err")" 'stopped; the same command goes on' 'and how to go on'

# --- the output, the examples

# shellcheck disable=SC2086 # words
start_replay $past --clock "$now"
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
exec 9>"$tmp/fifo"
exec 8>&-
deribit-trades --from-seq 1 --to-seq 9 BTC-PERPETUAL >&9 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" "141: " "a reader that left: as SIGPIPE would"
exec 9>&-
if [ -w /dev/full ]; then
	deribit-trades --from-seq 1 --to-seq 9 BTC-PERPETUAL >/dev/full \
		2>"$tmp/err"
	is "$?" 74 "a full disk: 74"
fi
trades --help
is "$status" 0 "--help"
trades --version
like "$(cat "$tmp/out")" "libcurl" "--version names the libraries"
# Without what needs a database.
cd "$tmp" || exit 1
gzip -c "$tmp/gaps" >btc.ndjson.gz
DERIBIT_HISTORY_URL=$DERIBIT_REST_URL
export DERIBIT_HISTORY_URL
sed -n "s/^\.Dl //p" "$srcdir/man/deribit-trades.1" |
	sed 's/ | tsdb-load.*//; s/--history/& --rows 1000/' >"$tmp/examples"
while IFS= read -r example; do
	run sh -c "$example"
	is "$status" 0 "runs: $example"
done <"$tmp/examples"
is "$(wc -l <"$tmp/examples" | tr -d " ")" 5 "examples of the manual"

done_testing
