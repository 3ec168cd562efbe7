# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# What a collector made of deribit-replay's market: its output is $tmp/out, its
# log $tmp/err; the server's files are $tmp/truth and $tmp/ledger.

market='^(BTC|ETH)-'

# events WHAT [SECONDS]: instruments of the market that were listed, or expired,
# so long ago or longer; with the time, ms.
events()
{
	kill -USR1 "$REPLAY_PID" 2>/dev/null
	grep -F "\"event\":\"$1\"" "$tmp/truth" |
		sed -n 's/.*"at":\([0-9]*\)[0-9]\{3\},"instrument_name":"\([^"]*\)".*/\2 \1/p' |
		grep -E "$market" |
		awk -v now="$(date +%s)" -v s="${2:-0}" \
			'$2 <= (now - s) * 1000'
}

# trades_whole SECONDS: says which trades of the ledger are missing in the
# output, of each instrument from the first that was received on: all of those
# that expired so long ago, of the others those before the last that was
# received; but not those of a gap record.  And what came twice or out of order.
# The last line of a file may be half written.
trades_whole()
{
	events expired "$1" >"$tmp/expired"
	sed -n 's/.*"type":"trade".*/&/p' "$tmp/out" |
		jq -r '"\(.instrument_name) \(.trade_seq)"' >"$tmp/got" \
			2>"$tmp/jq"
	jq -r 'select(.type == "gap" and .from_seq != null) |
		"\(.instrument_name) \(.from_seq) \(.to_seq)"' "$tmp/out" \
		>"$tmp/holes" 2>"$tmp/jq"
	jq -r '"\(.instrument_name) \(.trade_seq)"' "$tmp/ledger" >"$tmp/made" \
		2>"$tmp/jq"
	awk '{ if ($2 <= last[$1]) print "out of order: " $0; last[$1] = $2 }' \
		"$tmp/got"
	for file in expired holes got made; do
		sed "s/^/$file /" "$tmp/$file"
	done | awk '
		$1 == "expired" { over[$2] = 1 }
		$1 == "holes" { for (i = $3; i <= $4; i++) hole[$2 " " i] = 1 }
		$1 == "got" {
			got[$2 " " $3] = 1
			if (!($2 in first) || $3 < first[$2])
				first[$2] = $3
			if ($3 > last[$2])
				last[$2] = $3
		}
		$1 == "made" && ($2 in first) && $3 >= first[$2] &&
		    (($2 in over) || $3 < last[$2]) &&
		    !(($2 " " $3) in got) && !(($2 " " $3) in hole) {
			print "missing: " $2 " " $3
		}'
}

# What the metrics file says of a name.
metric()
{
	sed -n "s/^deribit_ws_stream_$1 //p" "$tmp/metrics"
}
