#!/bin/sh
# deribit-ws-stream --auth: raw channels flow past the life of a token, a login
# that is refused is said in a sentence, and no secret is ever said.
# shellcheck disable=SC2016,SC2034 # $ in single quotes: wait_for, at_exit
# shellcheck disable=SC2154 # srcdir, tmp: tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/peer.sh"
. "$srcdir/tests/sh/replay.sh"

XDG_CACHE_HOME=$tmp/cache
export XDG_CACHE_HOME
unset CURRENCY TOP_N_INSTRUMENTS DERIBIT_CLIENT_ID DERIBIT_CLIENT_SECRET

at_exit stop_peer

# credentials FILE SECRET
credentials()
{
	printf '%s\n' tester "$2" >"$1"
	chmod 600 "$1"
}
credentials "$tmp/good" s3cret-of-tests
credentials "$tmp/bad" wr0ng-of-tests

# In the background; its stderr is $tmp/err.
start_stream()
{
	: >"$tmp/err"
	deribit-ws-stream --retry-delay 100ms --retry-max-delay 1s "$@" \
		2>"$tmp/err" &
	STREAM_PID=$!
	at_exit "stop_pid $STREAM_PID"
}

end_stream()
{
	kill_pid TERM "$STREAM_PID"
	wait "$STREAM_PID"
	status=$?
}

collect()
{
	run timeout 60 deribit-ws-stream --instrument BTC-PERPETUAL "$@"
}

# How often the server was asked for a login.
logins()
{
	asked=$(grep -c 'public/auth' "$tmp/replay.err")
	kill -USR1 "$REPLAY_PID"
	wait_for '[ "$(grep -c "public/auth" "$tmp/replay.err")" -gt "$asked" ]' &&
		sed -n 's/.*public\/auth[^0-9]*\([0-9]*\).*/\1/p' \
			"$tmp/replay.err" | tail -1
}

start_replay --synthetic 7 --rate 300 --credentials "$tmp/good" \
	--token-life 3 --truth "$tmp/truth" --ca-file "$tmp/ca.pem"

# ------------------------------------------------------------ without a login
collect --interval raw
is "$status $(head -1 "$tmp/err")" "64 deribit-ws-stream: error: --interval raw: \
raw channels are for those who log in; use --auth" '--interval raw alone'
collect --channels ticker.BTC-PERPETUAL.raw,index
is "$status $(wc -l <"$tmp/err" | tr -d ' ')" '77 1' \
	"a raw channel's full name without a login: 77, one sentence"
like "$(cat "$tmp/err")" 'subscribe was refused: error 13778 .*: raw channels are for those who log in: use --auth, or 100ms in place of raw$' \
	'which says what to do'

# ------------------------------------------------------------ a wrong secret
collect --interval raw --credentials "$tmp/bad"
is "$status $(wc -l <"$tmp/err" | tr -d ' ')" '77 1' \
	'a wrong secret: 77, one sentence'
like "$(cat "$tmp/err")" "localhost:[0-9]+: the login was refused: error 13004 \(invalid_credentials\): the client's id or its secret is not the exchange's\$" \
	'which says so'
unlike "$(cat "$tmp/err")" 'wr0ng' 'and not the secret'

# ------------------------------------------------------- where they come from
chmod 640 "$tmp/bad"
collect --credentials "$tmp/bad"
is "$status" 77 'a file that others may read: 77'
like "$(cat "$tmp/err")" 'error: --credentials: .*/bad: others may read these credentials \(mode 0640\): chmod 600 .*/bad$' \
	'and what to do about it'
collect --credentials "$tmp/none"
is "$status" 66 'a file that is not there: 66'
collect --auth
is "$status" 78 'neither id nor secret: 78'
like "$(cat "$tmp/err")" '--auth: no client id: DERIBIT_CLIENT_ID is not set$' \
	'the variable is named'
DERIBIT_CLIENT_ID=tester collect --auth
like "$(cat "$tmp/err")" \
	'--auth: no client secret: DERIBIT_CLIENT_SECRET is not set$' \
	'so is the other one'
DERIBIT_CLIENT_ID=tester DERIBIT_CLIENT_SECRET=s3cret-of-tests \
	collect --auth --interval raw --count 20
is "$status $(wc -l <"$tmp/out" | tr -d ' ')" '0 20' 'the environment logs in'
DERIBIT_CLIENT_ID=tester DERIBIT_CLIENT_SECRET=wr0ng-of-tests \
	collect --credentials "$tmp/good" --interval raw --count 5
is "$status" 0 'the file comes before the environment'

# ------------------------------------------- raw data past the life of a token
start_stream --credentials "$tmp/good" --interval raw -v \
	--instrument BTC-PERPETUAL --channels quotes,trades,ticker,book \
	--book incremental >"$tmp/out"
# Tokens live 3 s: three renewals are more than two lives.
wait_for '[ "$(grep -c "logged in" "$tmp/err")" -ge 4 ]' 30
ok $? 'the login is renewed, again and again'
before=$(grep -c '"type":"ticker"' "$tmp/out")
wait_for '[ "$(grep -c "\"type\":\"ticker\"" "$tmp/out")" -gt $((before + 100)) ]'
ok $? 'and raw data go on'
if [ -r "/proc/$STREAM_PID/cmdline" ]; then
	tr '\0' ' ' <"/proc/$STREAM_PID/cmdline" >"$tmp/cmdline"
else
	ps -o args= -p "$STREAM_PID" >"$tmp/cmdline"
fi
like "$(cat "$tmp/cmdline")" 'credentials' 'the command line'
unlike "$(cat "$tmp/cmdline")" 's3cret' 'has no secret'
end_stream
is "$(grep -c 'retry in' "$tmp/err") $(grep -c '"type":"gap"' "$tmp/out")" \
	'0 0' 'on one connection, without a hole'
for type in quote trade ticker book_change; do
	grep -q "\"type\":\"$type\"" "$tmp/out"
	ok $? "raw: $type"
done
for channel in ticker trades book; do
	grep -q "\"channel\":\"$channel.BTC-PERPETUAL.raw\"" "$tmp/truth"
	ok $? "from $channel.BTC-PERPETUAL.raw"
done
unlike "$(cat "$tmp/err")" 's3cret|"access_token"|signature' \
	'nothing secret is said, with -v either'

start_stream --credentials "$tmp/good" --interval raw --raw -v ETH \
	--channels quotes,trades >"$tmp/out"
wait_for '[ "$(grep -c "logged in" "$tmp/err")" -ge 2 ] && [ -s "$tmp/out" ]'
end_stream
like "$(head -50 "$tmp/out" | cut -c1-60)" '^\{"type":"frame"' '--raw: frames'
unlike "$(cat "$tmp/out" "$tmp/err")" 's3cret|access_token|refresh_token' \
	'have nothing of the login'
logins >"$tmp/logins"
[ "$(cat "$tmp/logins")" -ge 6 ] && [ "$(cat "$tmp/logins")" -le 40 ]
ok $? 'logins come one a time' || tap_comment "$(cat "$tmp/logins")"

# -------------------------------------------- a server that was started anew
start_stream --credentials "$tmp/good" --interval raw -v \
	--instrument BTC-PERPETUAL >"$tmp/out"
wait_for '[ -s "$tmp/out" ]'
port=${DERIBIT_WS_URL##*:}
stop_replay
wait_for 'grep -q "retry in" "$tmp/err"'
before=$(wc -l <"$tmp/out")
start_replay --synthetic 7 --rate 300 --credentials "$tmp/good" \
	--port "${port%%/*}" --ca-file "$tmp/ca.pem"
wait_for '[ "$(wc -l <"$tmp/out")" -gt $((before + 100)) ]'
ok $? 'it is logged in to, and raw data come'
end_stream
stop_replay
is "$status $(grep -c 'login was' "$tmp/err")" '0 0' 'without a refusal'

# --------------------------------------------------- renewals that go wrong
# renewals BEHAVIOUR: raw quotes from the peer, whose tokens live 2 s.
renewals()
{
	start_peer "$1"
	start_stream --url "$PEER_URL" --cacert "$PEER_CACERT" -v \
		--credentials "$tmp/good" --interval raw --channels quotes \
		--instrument ETH-27MAR26-3000-C --silence-timeout 0 \
		--reply-timeout 1s >"$tmp/out"
}

# events WHAT: how often the peer met it.
events()
{
	grep -c "^event [0-9]* $1\$" "$tmp/peer.out"
}

renewals renewal-refused
wait_for '[ "$(events renewal)" -ge 3 ] && [ "$(events login)" -ge 3 ]'
ok $? 'a renewal that is refused: a new login'
end_stream
stop_peer
is "$(events accepted) $(grep -c '"type":"gap"' "$tmp/out")" '1 0' \
	'on the same connection'
[ "$(events login)" -le $(($(events renewal) + 1)) ]
ok $? 'one for each refusal'
like "$(cat "$tmp/err")" 'warning: localhost:[0-9]+: the login was not renewed: error 13004' \
	'which is said'
unlike "$(cat "$tmp/err")" 's3cret|acc3ss|r3fresh' 'without the tokens'

renewals login-refused
wait_for '[ "$(events accepted)" -ge 3 ]'
ok $? 'a new login that is refused as well: a new connection'
end_stream
stop_peer
[ "$(events login)" -le $((2 * $(events accepted))) ] &&
	[ "$(events renewal)" -le "$(events accepted)" ]
ok $? 'with one renewal and two logins each at most' ||
	tap_comment "$(cat "$tmp/peer.out")"
[ "$(grep -c 'the login was refused.*retry in' "$tmp/err")" -ge 2 ]
ok $? 'and a wait before the next'

renewals renewal-silent
wait_for '[ "$(events accepted)" -ge 2 ]'
ok $? 'a renewal that is not answered: a new connection'
end_stream
stop_peer
like "$(cat "$tmp/err")" 'no answer to the renewal of the login; retry in' \
	'and a sentence'

done_testing
