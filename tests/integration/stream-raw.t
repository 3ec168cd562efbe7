#!/bin/sh
# deribit-ws-stream --raw, --from-raw, --jq, --count and --duration: what was
# recorded as it came becomes the records that would have been written.
# shellcheck disable=SC2016 # $ in single quotes: wait_for, jq
# shellcheck disable=SC2034 # read by wait_for
# shellcheck disable=SC2154 # srcdir, builddir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# start_stream NAME ARGUMENT...: in the background; its output is $tmp/NAME,
# what it says $tmp/NAME.err.
start_stream()
{
	stream_name=$tmp/$1
	shift
	: >"$stream_name"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 500ms "$@" \
		>"$stream_name" 2>"$stream_name.err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

said()
{
	grep -q -- "$2" "$tmp/$1.err"
}

# valid FILE: each line is an object, each received_at later than the last.
valid()
{
	jq -es 'all(type == "object") and
		([.[].received_at] | . == (unique))' "$1" >"$tmp/jq" 2>&1
}

# bare: records on stdin without the times of this program.
bare()
{
	sed 's/"received_at":[0-9]*,//; s/,"repaired":true}$/}/'
}

# trades FILE: instrument and number, in the order of the output.
trades()
{
	grep '^{"type":"trade"' "$1" | jq -r '"\(.instrument_name) \(.trade_seq)"'
}

dense()
{
	trades "$1" | awk '$1 in last && $2 != last[$1] + 1 { print; bad = 1 }
		{ last[$1] = $2 } END { exit bad }' >"$tmp/jumps"
}

# ----------------------------------------------- two that hear the same market
heard=9000
# Nobody is too slow here.
start_replay --synthetic 7 --rate 1000 --always --count "$heard" \
	--queue-max 32M
what='ETH --channels quotes,trades,book,deribit_price_index.btc_usd
	--depth-interval 20s'
# shellcheck disable=SC2086 # words
start_stream raw $what --raw
raw_pid=$STREAM_PID
# shellcheck disable=SC2086 # words
start_stream plain $what
wait_for 'said raw subscribed && said plain subscribed'
# What is made from now on, both hear; each channel in its order, the text as it
# stands.  Of a first trade it may be unknown what is before it.
from=$(($(date +%s) * 1000 + 1000))
part()
{
	jq -c "select(.timestamp > $from).received_at" "$1" >"$tmp/stamps" \
		2>"$tmp/jq"
	grep -F -f "$tmp/stamps" "$1" | grep "^{\"type\":\"$2\"" | bare |
		awk '{ match($0, /"instrument_name":"[^"]*"/)
			print substr($0, RSTART, RLENGTH), NR, $0 }' |
		sort -k1,1 -k2,2n | cut -d' ' -f1,3-
}
same()
{
	part "$tmp/made" "$1" >"$tmp/a"
	part "$tmp/plain" "$1" >"$tmp/b"
	[ -s "$tmp/a" ] && cmp "$tmp/a" "$tmp/b" >"$tmp/differ" 2>&1
}
# The market stands still then, and both come to have all of it.
all_made()
{
	kill_pid USR1 "$REPLAY_PID"
	[ "$(sed -n 's/.* \([0-9]*\) messages made.*/\1/p' "$tmp/replay.err" |
		tail -n 1)" -ge "$heard" ] 2>/dev/null
}
all_heard()
{
	sed '$d' "$tmp/raw" >"$tmp/sofar"
	deribit-ws-stream --from-raw "$tmp/sofar" >"$tmp/made" 2>"$tmp/err"
	same quote && same trade
}
wait_for all_made
wait_for 'grep -q "get_order_book\",\"message\"" "$tmp/raw"'
wait_for all_heard
kill "$raw_pid" "$STREAM_PID"
wait "$raw_pid"
is $? 0 '--raw'
wait "$STREAM_PID"
run deribit-ws-stream --from-raw "$tmp/raw"
is "$status $(grep -c . "$tmp/err")" '0 0' '--from-raw, quietly'
cp "$tmp/out" "$tmp/made"
valid "$tmp/made"
ok $? "$(wc -l <"$tmp/raw") lines give $(wc -l <"$tmp/made") records"

for type in quote trade; do
	same "$type"
	ok $? "$(wc -l <"$tmp/a") records of type $type are those of another process"
done
# First trades wait for a moment, not for the end.
late=$(tail -n $(($(wc -l <"$tmp/made") / 10)) "$tmp/made" |
	grep -c '^{"type":"trade"')
[ "$late" -le $(($(grep -c '^{"type":"trade"' "$tmp/made") / 3)) ]
ok $? "trades stand among the others: $late in the last tenth"
grep -c get_order_book "$tmp/raw" >"$tmp/asked"
is "$(grep -c '^{"type":"book"' "$tmp/made")" "$(cat "$tmp/asked")" \
	'the books that were asked for are there'
is "$(grep '^{"type":"book"' "$tmp/made" | head -n 1 | cut -d, -f1-3)" \
	"$(grep '^{"type":"book"' "$tmp/plain" | head -n 1 | cut -d, -f1-3)" \
	'and begin as they do'
stop_replay

# ------------------------------------------ repairs, listings, books with holes
start_replay --synthetic 7 --rate 2000 --always --list-every 1 \
	--expire-every 2 --fault cut:every=1 --fault-after 1 \
	--fault drop:rate=0.03,class=trades. --fault drop:rate=0.02,class=book. \
	--fault page-shift:rate=0.3 --fault page-late:rate=0.3
what='ETH --linger 1s
	--channels quotes,trades,book.BTC-PERPETUAL.100ms,book.ETH-PERPETUAL.100ms'
# Books that hardly change: the same snapshot comes again.
for name in $(sed -n 's/^{"type":"quote".*"instrument_name":"\([^"]*\)".*/\1/p' \
	"$tmp/plain" | sort | uniq -c | sort -n | awk '{ print $2 }' |
	head -n 8); do
	what=$what,book.$name.100ms
done
# shellcheck disable=SC2086 # words
start_stream raw $what --raw --audit-interval 2s
raw_pid=$STREAM_PID
# shellcheck disable=SC2086 # words
start_stream plain $what --audit-interval 2s
wait_for 'said raw subscribed && said plain subscribed'
# Holes filled in both, and trades behind them.
filled()
{
	grep -q '"gap".*"trades\..*"repaired":true}' "$1" &&
		[ "$(grep -c '"trade_seq"' "$1")" -ge 700 ]
}
wait_for 'filled "$tmp/plain" && filled "$tmp/raw"'
kill "$raw_pid" "$STREAM_PID"
wait "$raw_pid" "$STREAM_PID"
run deribit-ws-stream --from-raw "$tmp/raw"
is "$status $(grep -c . "$tmp/err")" '0 0' 'a recording with holes'
cp "$tmp/out" "$tmp/made"
valid "$tmp/made"
ok $? 'its records have times that increase'
[ "$(grep -c '^{"type":"trade".*"repaired":true}$' "$tmp/made")" -ge 50 ]
ok $? "$(grep -c '^{"type":"trade".*"repaired":true}$' "$tmp/made") trades are repaired"
{
	trades "$tmp/made"
	jq -r 'select(.type == "gap" and .from_seq != null) | range(.from_seq;
		.to_seq + 1) as $n | "\(.instrument_name) \($n)"' "$tmp/made"
} | sort -k1,1 -k2,2n >"$tmp/all"
awk '$1 in last && $2 != last[$1] + 1 { print; bad = 1 } { last[$1] = $2 }
	END { exit bad }' "$tmp/all" >"$tmp/jumps"
ok $? 'each trade once, or in a gap record'
trades "$tmp/made" | awk '$1 in last && $2 <= last[$1] { print; bad = 1 }
	{ last[$1] = $2 } END { exit bad }' >"$tmp/jumps"
ok $? 'in order'
grep '^{"type":"gap"' "$tmp/raw" | bare >"$tmp/a"
grep '^{"type":"gap"' "$tmp/made" | bare >"$tmp/b"
[ -s "$tmp/a" ] && cmp -s "$tmp/a" "$tmp/b"
ok $? "the $(wc -l <"$tmp/a") gap records of then, in their order, and no others"
# Of each instrument what lies between the first and the last that both have.
for file in made plain; do
	{
		trades "$tmp/$file"
		jq -r 'select(.type == "gap" and .from_seq != null) |
			range(.from_seq; .to_seq + 1) as $n |
			"\(.instrument_name) \($n)"' "$tmp/$file"
	} | sort -u >"$tmp/$file.trades"
done
awk '{ f = FILENAME; k = f SUBSEP $1; seen[$1]
	if (!(k in low) || $2 < low[k]) low[k] = $2
	if ($2 > high[k]) high[k] = $2; has[k, $2] }
	END { a = ARGV[1]; b = ARGV[2]; for (i in seen) {
		if (!((a, i) in low) || !((b, i) in low)) continue
		from = low[a, i] > low[b, i] ? low[a, i] : low[b, i]
		to = high[a, i] < high[b, i] ? high[a, i] : high[b, i]
		for (n = from; n <= to; n++) {
			all++
			missing += !(((a SUBSEP i), n) in has)
			other += !(((b SUBSEP i), n) in has)
		}
	} print (all >= 300), missing + 0, other + 0 }' \
	"$tmp/made.trades" "$tmp/plain.trades" >"$tmp/common"
is "$(cat "$tmp/common")" '1 0 0' 'and the trades of another process'
# Every change names the one before, but behind a gap record.
jq -r 'if .type == "gap" then select(.channel | startswith("book.")) |
		"\(.instrument_name) gap" elif .type == "book_change" then
		"\(.instrument_name) \(.update_type) \(.prev_change_id) \(.change_id)"
	else empty end' "$tmp/made" | awk '
	$2 == "gap" { delete last[$1]; next }
	$2 == "change" && $3 != last[$1] { print; bad = 1 }
	{ last[$1] = $4; n++ } END { exit bad || n < 100 }' >"$tmp/astray"
ok $? 'the changes of books are chains'
is "$(grep -c '"update_type":"snapshot"' "$tmp/made")" \
	"$(grep -c '"data":{"type":"snapshot"' "$tmp/raw")" \
	'with a snapshot for each subscription'
stop_replay

# ------------------------------------------- recordings of several runs, in one
start_replay --synthetic 7 --rate 2000 --always
# record NAME ARGUMENT...: until trades have come.
record()
{
	record_name=$1
	shift
	start_stream "$record_name" "$@"
	wait_for '[ "$(grep -c "\"trades\.option" "$tmp/$record_name")" -ge 60 ]'
}
record run1 ETH --raw --state "$tmp/state" --state-interval 50ms
stop_pid "$STREAM_PID"
record run2 ETH --raw --state "$tmp/state" --state-interval 50ms
kill_pid KILL "$STREAM_PID"
wait "$STREAM_PID" 2>/dev/null
sed -i '$ { /}$/!d }' "$tmp/run2"
sed -n 's/^{"instrument_name":"\(.*\)","trade_seq":\([0-9]*\)}$/\1 \2/p' \
	"$tmp/state" >"$tmp/known"
record run3 ETH --raw --state "$tmp/state"
wait_for 'grep -q "trades\.option.*\"repaired\":true" "$tmp/run3"'
stop_pid "$STREAM_PID"
cat "$tmp/run1" "$tmp/run2" "$tmp/run3" >"$tmp/runs"
run deribit-ws-stream --from-raw - <"$tmp/runs"
cp "$tmp/out" "$tmp/made"
is "$status $(grep -c . "$tmp/err")" '0 0' 'three runs with --state, one killed'
dense "$tmp/made"
ok $? "$(grep -c '"type":"trade"' "$tmp/made") trades, each once and none missing"

# The last alone: what was known before it is in none of its trades.
run deribit-ws-stream --from-raw "$tmp/run3"
trades "$tmp/out" | awk 'NR == FNR { n[$1] = $2; next }
	$1 in n && $2 <= n[$1] { print; bad = 1 } { some = 1 } END {
	exit bad || !some }' "$tmp/known" - >"$tmp/again"
ok $? "$(wc -l <"$tmp/known") numbers that were known are noted"

record sol SOL --channels trades --raw
stop_pid "$STREAM_PID"
run deribit-ws-stream --from-raw "$tmp/sol"
is "$(jq -r 'select(.type == "trade").currency' "$tmp/out" | sort -u)" SOL \
	'of a market that is shared, what was wanted'
grep -q '"instrument_name":"XRP_USDC-' "$tmp/sol"
ok $? 'though the frames hold it all'

# ------------------------------------------------------ lines that are no frames
sed -n '1,40p' "$tmp/run1" >"$tmp/good"
{
	cat "$tmp/good"
	echo 'no JSON'
	echo '{"type":"quote"}'
	echo '{"type":"frame"}'
	echo '{"type":"frame","message":{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.X","data":'
	echo '{"type":"note","note":"begun"}'
	echo '{"type":"note","note":"known","instrument_name":"\u0000","trade_seq":1}'
	echo '{"type":"gap","from_seq":1,"to_seq":9223372036854775807,"instrument_name":"ETH-PERPETUAL"}'
	printf '\377\000\n'
	echo '{"type":"note","note":"of later times","instrument_name":"ETH-PERPETUAL"}'
	sed -n '41,80p' "$tmp/run1"
	printf '{"type":"frame"'
} >"$tmp/bad"
run deribit-ws-stream --from-raw "$tmp/bad"
is "$status" 65 'lines that are no frames: 65'
like "$(cat "$tmp/err")" "warning: $tmp/bad, line 41: this is no record$" \
	'file and line are said'
is "$(grep -c warning "$tmp/err")" 5 'of the first five'
like "$(tail -n 1 "$tmp/err")" "error: $tmp/bad: 9 lines were left out$" \
	'and how many there were'
cp "$tmp/out" "$tmp/made"
sed -n '1,80p' "$tmp/run1" >"$tmp/good"
run deribit-ws-stream --from-raw "$tmp/good"
bare <"$tmp/made" >"$tmp/a"
bare <"$tmp/out" >"$tmp/b"
[ -s "$tmp/a" ] && cmp -s "$tmp/a" "$tmp/b"
ok $? 'the rest becomes what it does without them'
run deribit-ws-stream --from-raw "$tmp/nosuch"
is "$status $(cat "$tmp/err")" \
	"66 deribit-ws-stream: error: $tmp/nosuch: No such file or directory" \
	'no such file: 66'
run deribit-ws-stream --from-raw "$tmp"
is "$status $(cat "$tmp/err")" \
	"74 deribit-ws-stream: error: $tmp: Is a directory" 'a directory: 74'
: >"$tmp/empty"
run deribit-ws-stream --from-raw "$tmp/empty"
is "$status $(cat "$tmp/out" "$tmp/err" | wc -c | tr -d ' ')" '0 0' \
	'an empty recording'

# ------------------------------------------------------------------- in a pipe
run deribit-ws-stream --from-raw "$tmp/runs"
cp "$tmp/out" "$tmp/made"
{
	deribit-ws-stream --from-raw - <"$tmp/runs" 2>"$tmp/err"
	echo $? >"$tmp/status"
} | head -n 3 >"$tmp/out"
is "$(cat "$tmp/status") $(wc -l <"$tmp/out" | tr -d ' ') $(cat "$tmp/err")" \
	'141 3 ' '| head -3 ends it as SIGPIPE would'
# A reader slower than it, and a queue that is small: nothing is dropped.
# shellcheck disable=SC2002 # a pipe is meant
cat "$tmp/runs" | deribit-ws-stream --from-raw - --queue-max 64K 2>"$tmp/err" |
	{ sleep 0.3; cat; } >"$tmp/out"
cmp -s "$tmp/out" "$tmp/made"
ok $? 'a slow reader is waited for'
is "$(cat "$tmp/err")" '' 'without a word'
# Nor of what one line lets go: trades that wait for the second one.
awk 'BEGIN {
	it = "\"instrument_name\":\"ETH-PERPETUAL\""
	printf "{\"type\":\"note\",\"received_at\":1,\"note\":\"known\","
	printf "%s,\"trade_seq\":1}\n", it
	for (n = 3; n < 2000; n++) {
		printf "{\"type\":\"frame\",\"received_at\":%d,", n
		printf "\"connection\":1,\"message\":{\"jsonrpc\":\"2.0\","
		printf "\"method\":\"subscription\",\"params\":{"
		printf "\"channel\":\"trades.future.ETH.100ms\",\"data\":[{"
		printf "\"trade_seq\":%d,\"trade_id\":\"ETH-%d\",", n, n
		printf "\"timestamp\":%d,\"price\":2000.5,", 1700000000000 + n
		printf "\"direction\":\"buy\",\"amount\":1,%s}]}}}\n", it
	}
}' >"$tmp/holed"
deribit-ws-stream --from-raw - --queue-max 64K <"$tmp/holed" 2>"$tmp/err" |
	{ sleep 0.5; cat; } >"$tmp/out"
is "$(grep -c '"type":"trade"' "$tmp/out") $(cat "$tmp/err")" '1997 ' \
	'nor is anything dropped that comes at once'
mkfifo "$tmp/pipe"
exec 7<>"$tmp/pipe"
deribit-ws-stream --from-raw - <"$tmp/pipe" >"$tmp/idle" 7<&- &
STREAM_PID=$!
at_exit "stop_pid $STREAM_PID"
cat "$tmp/good" >&7
wait_for '[ -s "$tmp/idle" ]'
ok $? 'what a pipe has is written though its writer waits'
kill "$STREAM_PID"
wait_for '! tap_alive $STREAM_PID' 20
ok $? 'SIGTERM ends it then'
wait "$STREAM_PID"
is $? 0 'with 0'
exec 7<&-
run timeout 60 deribit-ws-stream --from-raw "$tmp/runs" --count 100
is "$status $(wc -l <"$tmp/out" | tr -d ' ')" '0 100' '--count of a recording'
run timeout 60 deribit-ws-stream --from-raw "$tmp/runs" --count 100 \
	--jq '.type, .received_at, .channel'
is "$status $(wc -l <"$tmp/out" | tr -d ' ')" '0 100' 'and of what a filter makes'

# --------------------------------------------------------------------- filters
run deribit-ws-stream --from-raw "$tmp/runs" --jq 'select(.type == "trade")'
grep '"type":"trade"' "$tmp/made" | jq -cS . >"$tmp/a"
jq -cS . "$tmp/out" >"$tmp/b"
cmp -s "$tmp/a" "$tmp/b"
ok $? "--jq: $(wc -l <"$tmp/b") trades are let through"
run deribit-ws-stream --from-raw "$tmp/runs" --jq 'select(.type == "gap") | .channel'
is "$(sort -u "$tmp/out" | wc -l) $(wc -l <"$tmp/out")" \
	"$(jq -r 'select(.type == "gap").channel' "$tmp/made" | sort -u | wc -l) \
$(grep -c '"type":"gap"' "$tmp/made")" 'gap records of a recording go through it'
run deribit-ws-stream --from-raw "$tmp/runs" --jq 'if .type == "quote" then
	.best_bid_price, {a: .best_ask_amount} else empty end'
is "$status $(wc -l <"$tmp/out" | tr -d ' ')" \
	"0 $((2 * $(grep -c '"type":"quote"' "$tmp/made")))" 'several outputs'
grep '"type":"quote"' "$tmp/made" |
	sed 's/.*"best_bid_price":\([^,}]*\).*/\1/' >"$tmp/a"
grep -v '^{' "$tmp/out" >"$tmp/b"
grep -q 'e' "$tmp/a" && cmp -s "$tmp/a" "$tmp/b"
ok $? 'numbers are the text that they were'
run deribit-ws-stream --from-raw "$tmp/runs" --jq 'select(false)'
is "$status $(cat "$tmp/out" "$tmp/err" | wc -c | tr -d ' ')" '0 0' \
	'a filter that lets nothing through'
run deribit-ws-stream --from-raw "$tmp/runs" --jq '.timestamp, (.best_bid_price | keys)'
is "$status $(grep -c 'warning: --jq: ' "$tmp/err")" '0 5' \
	'one that fails: said five times'
like "$(head -n 1 "$tmp/err")" \
	'warning: --jq: jq program: .* has no keys; the record is left out: \{"type":' \
	'with the record'
is "$(wc -l <"$tmp/out" | tr -d ' ')" "$(wc -l <"$tmp/made" | tr -d ' ')" \
	'what came out before it failed stays'
run deribit-ws-stream --from-raw "$tmp/runs" --jq '.a ||'
is "$status $(wc -c <"$tmp/out" | tr -d ' ')" '64 0' 'one that is none: 64'
like "$(head -n 1 "$tmp/err")" 'error: --jq: jq program: ' 'and a sentence'
grep '"type":"gap"' "$tmp/runs" | head -n 20 >"$tmp/few"
run timeout 60 deribit-ws-stream --from-raw "$tmp/few" --queue-max 64K --jq 'if
	.type == "gap" then "x" * 100000 else empty end'
is "$status $(wc -l <"$tmp/out" | tr -d ' ') $(grep -c 'too much' "$tmp/err")" \
	'0 0 5' 'one that makes more than the queue can hold'

# Live, with the gap records of an overflow.
start_stream live ETH --jq '[.type, .instrument_name, .dropped]' --duration 2s
wait "$STREAM_PID"
is "$? $(cut -d, -f1 "$tmp/live" | sort -u | tr '\n' ' ')" \
	'0 ["quote" ["trade" ' '--jq of what comes'

# ----------------------------------------------------- an end with a full queue
mkfifo "$tmp/fifo"
# stuck NAME ARGUMENT...: a reader that waits until the queue is full.
stuck()
{
	stuck_name=$1
	shift
	cat "$tmp/fifo" >"$tmp/$stuck_name.out" &
	reader=$!
	at_exit "kill_pid KILL $reader"
	: >"$tmp/$stuck_name.err"
	deribit-ws-stream ETH --queue-max 128K "$@" >"$tmp/fifo" \
		2>"$tmp/$stuck_name.err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
	wait_for 'said "$stuck_name" subscribed'
	kill_pid STOP "$reader"
	wait_for 'said "$stuck_name" "too slow"'
}
stuck duration --duration 4s
kill_pid CONT "$reader"
wait "$STREAM_PID"
is $? 0 '--duration with a full queue: 0'
wait "$reader"
jq -es 'map(select(.type == "gap")) | length > 0 and all(.reason == "overflow")' \
	"$tmp/duration.out" >"$tmp/jq"
ok $? 'what was dropped is told'
stuck count --count 10000
kill_pid CONT "$reader"
wait "$STREAM_PID"
is $? 0 '--count with a queue that was full: 0'
wait "$reader"
is "$(wc -l <"$tmp/count.out" | tr -d ' ')" 10000 'and so many lines'
stop_replay

done_testing
