# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp, now: tap.sh, the caller
# shellcheck disable=SC2034 # for the caller
# deribit-ohlcv against deribit-replay with a past: after tap.sh and replay.sh.

. "$srcdir/tests/sh/rest-past.sh"

asks='chart_data$'
past='--synthetic 5 --history 90 --history-trades 20000
    --now 2026-11-25T10:30:00Z'

# truth RESOLUTION FROM TO INSTRUMENT...: what records say, sorted.
truth()
{
	truth_resolution=$1
	truth_from=$2
	truth_to=$3
	shift 3
	for name; do
		# shellcheck disable=SC2086 # words
		deribit-replay $past --clock "${clock:-$now}" --dump \
		    "candles:$name:$truth_resolution:$truth_from:$truth_to" |
			sed "s/^{/$name $truth_resolution /"
	done | LC_ALL=C sort
}

# rows FILE...: records as truth has them.
rows()
{
	sed 's/.*"instrument_name":"\([^"]*\)","resolution":"\([^"]*\)",/\1 \2 /;
s/,"mark_iv":[^,}]*//' "$@" | LC_ALL=C sort
}

ohlcv()
{
	timeout 200 deribit-ohlcv "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	err=$(cat "$tmp/err")
}
