# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# shellcheck disable=SC2016 # expanded by wait_for
# A scripted HTTP server in the background (tests/peer/http-peer.c): after
# tap.sh.  Exports DERIBIT_REST_URL; its replies and log are in $peer.

peer=
peer_pid=

# start_peer: with an empty script.
start_peer()
{
	[ -z "$peer_pid" ] || stop_pid "$peer_pid"
	peer=$(mktemp -d "$tmp/peer.XXXXXX")
	: >"$peer.url"
	"$builddir/tests/peer/http-peer" "$peer" >"$peer.url" &
	peer_pid=$!
	at_exit "stop_pid $peer_pid"
	wait_for 'grep -q . "$peer.url"' 30 || exit 1
	DERIBIT_REST_URL=$(cat "$peer.url")
	export DERIBIT_REST_URL
}

# reply NAME STATUS TYPE [HEADER...]: the body comes from stdin.
reply()
{
	reply_file=$peer/$1
	reply_status=$2
	reply_type=$3
	shift 3
	cat >"$reply_file.body"
	{
		printf 'HTTP/1.1 %s X\r\n' "$reply_status"
		printf 'Content-Type: %s\r\n' "$reply_type"
		printf 'Content-Length: %d\r\n' "$(wc -c <"$reply_file.body")"
		for reply_header; do
			printf '%s\r\n' "$reply_header"
		done
		printf 'Connection: close\r\n\r\n'
		cat "$reply_file.body"
	} >"$reply_file.new"
	rm "$reply_file.body"
	mv "$reply_file.new" "$reply_file"
}

# result NAME: stdin is the reply's result.
result()
{
	{
		printf '{"jsonrpc":"2.0","result":'
		cat
		printf ',"usIn":1,"usOut":2,"usDiff":1,"testnet":false}'
	} | reply "$1" 200 application/json
}

# requests: how many came.
requests()
{
	wc -l <"$peer/requests" | tr -d ' '
}
