# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# What the tests of the REST collectors share: after tap.sh, with the log of the
# exchange's requests in $tmp/requests.

# repeats METHOD-REGEX: of the calls that were answered as they should be, how
# many there were, how many of these came again behind a kill, and the most of
# one kill.  $tmp/kills has how many lines the log had at each.
repeats()
{
	jq -r --arg method "$1" '(if .status == 200 and .fault == null and
	    (.method | test($method)) then "y " else "n " end) + .method +
	    "?" + .query' "$tmp/requests" >"$tmp/log"
	awk 'NR == FNR { kill[++kills] = $1; next }
	{
		while (at < kills && FNR > kill[at + 1])
			at++
		if ($1 != "y")
			next
		answers++
		if ($2 in seen && seen[$2] != at) {
			repeats++
			of[seen[$2]]++
			if (of[seen[$2]] > most)
				most = of[seen[$2]]
		}
		seen[$2] = at
	} END { print answers + 0, repeats + 0, most + 0 }' \
		"$tmp/kills" "$tmp/log"
}
