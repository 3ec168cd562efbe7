#!/bin/sh
# deribit-funding against an exchange with a past: the truth and nothing else,
# under faults, after kills, with --follow; and each way in which it ends.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp, status, peer: tap.sh, http-peer.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
. "$srcdir/tests/sh/http-peer.sh"
. "$srcdir/tests/sh/rest-past.sh"

asks='funding_rate_history$'
now=2026-11-25T10:30:00Z
begin=2026-08-28T00:00:00Z
past="--synthetic 5 --history 90 --history-trades 20000 --now $now"

# truth FROM TO INSTRUMENT...: records without received_at, sorted.
truth()
{
	truth_from=$1
	truth_to=$2
	shift 2
	for name; do
		base=${name%%[-_]*}
		# shellcheck disable=SC2086 # words
		deribit-replay $past --clock "${clock:-$now}" \
			--dump "funding:$name:$truth_from:$truth_to" |
			sed 's/^{/{"type":"funding","kind":"perpetual",'\
'"currency":"'"$base"'","instrument_name":"'"$name"'",/'
	done | LC_ALL=C sort
}

# rows FILE...: records as truth has them.
rows()
{
	sed 's/"received_at":[0-9]*,//' "$@" | LC_ALL=C sort
}

funding()
{
	timeout 120 deribit-funding "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	err=$(cat "$tmp/err")
}

# --- the truth

all='BTC-PERPETUAL BTC_USDC-PERPETUAL ETH-PERPETUAL ETH_USDC-PERPETUAL
    SOL_USDC-PERPETUAL XRP_USDC-PERPETUAL'
exchange
funding --since "$begin" BTC-PERPETUAL
is "$status: $err" '0: ' 'a perpetual by its name'
rows "$tmp/out" >"$tmp/got"
# shellcheck disable=SC2086 # words
truth "$begin" "$now" BTC-PERPETUAL >"$tmp/want"
same 'all of its past'
is "$(sed 's/.*"received_at":\([0-9]*\).*/\1/' "$tmp/out" | sort -nu |
	wc -l | tr -d ' ')" "$(wc -l <"$tmp/out" | tr -d ' ')" \
	'received_at grows with every record'
is "$(asked | wc -l | tr -d ' ')" 3 'in three calls'
funding --since 2026-11-20T00:30:00Z --until 2026-11-20T03:00:00Z ETH-PERPETUAL
is "$(jq .timestamp "$tmp/out" | tr '\n' ' ')" \
	'1795136400000 1795140000000 ' '--since is within, --until is not'
funding BTC
rows "$tmp/out" >"$tmp/got"
perpetuals=$(deribit-instruments --kind perpetual BTC |
	jq -r .instrument_name)
usdc=$(deribit-instruments --kind perpetual --settlement USDC BTC |
	jq -r .instrument_name)
# shellcheck disable=SC2086 # words
truth 2026-11-23T10:30:01Z "$now" $perpetuals $usdc >"$tmp/want"
same "48 hours by default, of all its perpetuals"
funding --settlement usdc BTC
is "$(jq -r .instrument_name "$tmp/out" | sort -u)" "$usdc" '--settlement'
all=$(for c in BTC ETH SOL XRP; do
	deribit-instruments --kind perpetual "$c"
	case $c in
	BTC | ETH) deribit-instruments --kind perpetual --settlement USDC "$c" ;;
	esac
done | jq -r .instrument_name)
# shellcheck disable=SC2086 # words
truth "$begin" "$now" $all >"$tmp/all"

# --- on the exchange's bad days

exchange --fault http-429:rate=0.1 --fault http-502:rate=0.1 \
	--fault http-empty:rate=0.05 --fault http-limit:rate=0.1 \
	--fault http-reset:rate=0.1 --fault http-truncated:rate=0.1
funding --since "$begin" --retry 30 BTC ETH SOL XRP SOL_USDC-PERPETUAL
is "$status" 0 'under faults'
rows "$tmp/out" >"$tmp/got"
cp "$tmp/all" "$tmp/want"
same 'all of four currencies'
is "$(asked | uniq -d)" '' 'nothing is asked again that was answered'
in_rate
harmed 3

# --- killed, and on

exchange --fault http-late:rate=0.5,for=0.1
# Some of the time, and always before it can be done.
kill_runs 40 '1 + kills % 4' deribit-funding --since "$begin" \
	--state "$tmp/state" --parallel 2 --rate 100 BTC ETH SOL XRP
funding --since "$begin" --state "$tmp/state" BTC ETH SOL XRP
is "$status" 0 "killed $kills times, it ends"
like "$err" "goes on with what $tmp/state has" 'and says that it goes on'
cat "$tmp/out" >>"$tmp/parts"
grep '}$' "$tmp/parts" | rows | uniq >"$tmp/got"
cp "$tmp/all" "$tmp/want"
same 'nothing is left out'
n=$(asked | uniq -d | wc -l | tr -d " ")
[ "$n" -le "$kills" ]
ok $? "of $(asked | wc -l | tr -d " ") answers, $n came more than once"
[ "$kills" -ge 3 ]
ok $? 'it was killed'
before=$(wc -l <"$tmp/requests")
funding --since "$begin" --until 2026-11-25T08:00:00Z --state "$tmp/state" \
	BTC ETH SOL XRP
is "$status, $(wc -l <"$tmp/out" | tr -d ' ') records, $((
	$(wc -l <"$tmp/requests") - before)) request" '0, 0 records, 1 request' \
	'what is there is not asked for again (but for the time)'
funding --since 2026-08-27 --until 2026-09-01 --state "$tmp/state" BTC-PERPETUAL
is "$(asked | tail -n 1 | grep -c .)" 1 'an earlier --since'
is "$status" 0 'asks for what is new'

# --- --follow

clock=2026-11-25T10:59:57Z
stop_replay
# shellcheck disable=SC2086 # words
start_replay $past --clock "$clock" --requests "$tmp/requests"
deribit-funding --follow --interval 1s --since -2h BTC-PERPETUAL \
	>"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for 'grep -q "\"timestamp\":1795604400000" "$tmp/out"'
ok $? '--follow: the next hour comes'
wait_for '[ "$(wc -l <"$tmp/requests")" -ge 12 ]'
kill -INT "$pid"
wait "$pid"
is "$?: $(cat "$tmp/err")" '0: ' 'and a signal ends it'
rows "$tmp/out" | uniq -d >"$tmp/twice"
is "$(cat "$tmp/twice")" '' 'no row twice'
tail -n 1 "$tmp/out" | rows >"$tmp/got"
clock=2026-11-25T11:00:10Z
truth 2026-11-25T11:00:00Z "$clock" BTC-PERPETUAL >"$tmp/want"
same 'the row is the final one'
stop_replay

# --- ways to end

# ends STATUS SENTENCE ARGUMENT...
ends()
{
	want=$1
	sentence=$2
	shift 2
	funding "$@"
	is "$status, $(wc -c <"$tmp/out" | tr -d ' ')" "$want, 0" "$want: $*"
	like "$err" "$sentence" 'said in a sentence'
}

ends 64 'which CURRENCY or INSTRUMENT'
ends 64 'BTC-25DEC26 is no perpetual' BTC-25DEC26
ends 64 "'x-y' is neither a currency nor an instrument" x-y
ends 64 'did you mean --state' --stade x BTC
ends 64 '--until is not after' --since -1h --until -2h BTC
ends 64 'follow has no end' --follow --until now BTC
ends 64 'since: ' --since yesterday BTC
ends 69 '127.0.0.1:1: ' --url http://127.0.0.1:1/api/v2 --retry 0 BTC
echo '{"state":"deribit-ws-stream"}' >"$tmp/foreign"
ends 78 'foreign is no state of deribit-funding' --state "$tmp/foreign" BTC
is "$(cat "$tmp/foreign")" '{"state":"deribit-ws-stream"}' 'left as it is'

start_peer
echo 1795604400000 | result get_time
bad='{"error":{"code":-32602,"message":"Invalid params",
"data":{"reason":"invalid currency","param":"currency"}}}'
echo '[]' | result 'get_instruments?currency=USDC&kind=future'
echo '[]' | result 'get_instruments?currency=any&kind=spot'
echo "$bad" | reply 'get_instruments?currency=DOGE&kind=option' 400 \
	application/json
echo '[{"currency":"BTC","decimals":4},{"currency":"SOL"}]' |
	result get_currencies
ends 64 'knows no currency DOGE; it knows BTC, SOL$' doge
start_peer
echo 1795604400000 | result get_time
echo '{"a":1}' | result 2
ends 76 'BTC-PERPETUAL from .* is not to be had: the result is no array' \
	BTC-PERPETUAL
start_peer
echo 1795604400000 | result get_time
deribit-funding --state "$tmp/used" BTC-PERPETUAL >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for '[ "$(requests)" = 2 ]'
timeout 60 deribit-funding --state "$tmp/used" BTC-PERPETUAL 2>"$tmp/err2"
is "$?" 75 'a state that is in use'
like "$(cat "$tmp/err2")" 'another process is at work' 'is said to be'
kill -INT "$pid"
wait "$pid"
is $? 75 'stopped: 75'
like "$(cat "$tmp/err")" 'stopped; the same command goes on' 'and how to go on'

# --- a row that comes late

start_peer
hour=$(date +%s)
hour=$(((hour - hour % 3600) * 1000))
echo 1 | result get_time
echo "[]" | result 2
echo "[{\"timestamp\":$hour}]" | result 3
deribit-funding --follow --interval 1s --since $((hour - 60000)) \
	BTC-PERPETUAL >"$tmp/out" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for "grep -q timestamp $tmp/out"
ok $? "is asked for until it is there"
stop_pid "$pid"

# --- the output, the examples

# shellcheck disable=SC2086 # words
start_replay $past --clock "$now"
mkfifo "$tmp/fifo"
exec 8<>"$tmp/fifo"
exec 9>"$tmp/fifo"
exec 8>&-
deribit-funding BTC-PERPETUAL >&9 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" "141: " "a reader that left: as SIGPIPE would"
exec 9>&-
if [ -w /dev/full ]; then
	deribit-funding BTC-PERPETUAL >/dev/full 2>"$tmp/err"
	is "$?" 74 "a full disk: 74"
fi
funding --help
is "$status" 0 "--help"
funding --version
like "$(cat "$tmp/out")" "libcurl" "--version names the libraries"
# Without what needs a database, or has no end.
cd "$tmp" || exit 1
sed -n "s/^\.Dl //p" "$srcdir/man/deribit-funding.1" |
	sed "s/ . tsdb-load .*//" >"$tmp/examples"
while IFS= read -r example; do
	case $example in *--follow*) continue ;; esac
	run sh -c "$example"
	is "$status" 0 "runs: $example"
done <"$tmp/examples"
is "$(wc -l <"$tmp/examples" | tr -d " ")" 3 "examples of the manual"

done_testing
