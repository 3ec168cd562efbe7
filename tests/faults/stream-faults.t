#!/bin/sh
# The collector and an exchange that does harm: FAULTS (1000) faults of every
# kind, drawn from SEED (1), and in any case a maintenance, which every channel
# loses something by; then the judge (tests/faults/judge.c) compares what
# was written with what the exchange sent and traded.
# shellcheck disable=SC2016 # $ in single quotes: wait_for
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"
PATH=$builddir/tests/faults:$PATH

faults=${FAULTS:-1000}
seed=${SEED:-1}
XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS

# What the exchange's statistics say of a word: "17 faults".
figure()
{
	said=$(wc -l <"$tmp/replay.err")
	kill_pid USR1 "$REPLAY_PID"
	wait_for "[ \$(wc -l <'$tmp/replay.err') -gt $said ]" 10
	sed -n "s/.*[:;,] \([0-9]*\) $1.*/\1/p" "$tmp/replay.err" | tail -n 1
}

all_done()
{
	sleep 0.5
	n=$(figure faults)
	[ "${n:-0}" -ge "$faults" ] || ! tap_alive "$stream"
}

# Whether the output has something that was received after $1 ms.
has_later()
{
	sleep 0.2
	at=$(tail -n 2 "$tmp/out" | sed -n '1s/.*"received_at":\([0-9]*\).*/\1/p')
	[ "${at:-0}" -gt $(($1 * 1000)) ] || ! tap_alive "$stream"
}

# Whether the collector has nothing to fetch.
whole()
{
	kill_pid USR1 "$stream" || return 0
	sleep 0.2
	sed -n 's/.* \([0-9]*\) holes open.*/\1/p' "$tmp/err" | tail -n 1 |
		grep -qx 0
}

now_ms()
{
	echo $(($(date +%s) * 1000))
}

echo "# seed $seed"
start_replay --synthetic "$seed" --rate 2500 --always \
	--heartbeat-min 1 --truth "$tmp/truth" --ledger "$tmp/ledger" \
	--fault-count "$faults" \
	--fault cut:every=4 --fault reset:every=8 \
	--fault half-open:every=12 --fault silent:every=12 \
	--fault dead:every=8,class=trades. \
	--fault error:every=0.5 --fault limit:every=30 \
	--fault maintenance:every=30,for=2,first=4 \
	--fault maintenance:every=30,for=2,mode=503 \
	--fault drop:rate=0.08,class=trades. \
	--fault duplicate:rate=0.08,class=trades. \
	--fault reorder:rate=0.08,class=trades. \
	--fault page-shift:rate=0.08 --fault page-duplicate:rate=0.08 \
	--fault page-reorder:rate=0.08 --fault page-short:rate=0.08 \
	--fault page-empty:rate=0.08 --fault page-late:rate=0.08 \
	--fault page-error:rate=0.08 --fault page-lost:rate=0.04

: >"$tmp/err"
deribit-ws-stream ETH SOL --retry-delay 100ms --retry-max-delay 400ms \
	--silence-timeout 2s --reply-timeout 1s --audit-interval 2s \
	--repair-timeout 20s >"$tmp/out" 2>"$tmp/err" &
stream=$!
at_exit "stop_pid $stream"

wait_for all_done 600
n=$(figure faults)
[ "$n" -ge "$faults" ]
ok $? "$n faults were done"
# What was done last is found by audits, which look at what is five seconds old.
until=$(($(now_ms) + 2000))
wait_for 'has_later $((until + 10000))' 60
wait_for whole 60
ok $? 'nothing is left to be fetched'
kill "$stream"
wait "$stream"
is $? 0 'SIGTERM ends it with 0'
is "$(figure 'calls limited')" 0 'it never asked more than the exchange allows'
upgrades=$(figure 'upgrades a second')
[ "$upgrades" -le 15 ]
ok $? "$upgrades upgrades a second at most"
stop_replay
tap_comment "$(tail -n 1 "$tmp/replay.err")"

judge "$until" "$tmp/truth" "$tmp/ledger" "$tmp/out" \
	trades.option.ETH.100ms=ETH trades.option.USDC.100ms=SOL >"$tmp/verdict"
judged=$?
while read -r line; do
	case $line in
	'ok '*) ok 0 "${line#ok * - }" ;;
	'not ok '*) ok 1 "${line#not ok * - }" ;;
	*) echo "$line" | grep -v '^1\.\.' ;;
	esac
done <"$tmp/verdict"
is "$judged" 0 'the judge is content'
[ -z "${KEEP:-}" ] || cp "$tmp"/* "$KEEP" 2>/dev/null
done_testing
