#!/bin/sh
# Every example of tsdb-load(1) does what it says: in order, in one directory.
# shellcheck disable=SC2016 # expanded by the programs made here
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"

database && apply_schema >/dev/null

# A collector that writes one quote of each currency, and psql with its database.
mkdir "$tmp/bin"
cat >"$tmp/bin/deribit-ws-stream" <<'END'
#!/bin/sh
for currency; do
	printf '{"type":"quote","kind":"option","currency":"%s",' "$currency"
	printf '"timestamp":1765541767174,"instrument_name":"%s-X"}\n' "$currency"
done
END
printf '#!/bin/sh\nexec "%s" -X -d "$DATABASE_URL" "$@"\n' \
	"$(command -v psql)" >"$tmp/bin/psql"
chmod +x "$tmp/bin/deribit-ws-stream" "$tmp/bin/psql"
cat >"$tmp/rows.ndjson" <<'END'
{"at":"2026-11-23T13:00:00Z","celsius":"warm"}
{"at":"2026-11-23T14:00:00Z","celsius":21.75}
END

sed -n '/^.Sh EXAMPLES/,/^.Sh SEE/s/^.Dl //p' "$srcdir/man/tsdb-load.1" \
	>"$tmp/examples"
is "$(grep -c . "$tmp/examples")" 6 "the manual has examples"
cd "$tmp" || exit 99
while read -r example; do
	PATH=$tmp/bin:$PATH run sh -c "$example" </dev/null
	case $example in
	*--reject*) is "$status" 65 "$example: rejects" ;;
	*) is "$status" 0 "$example" || tap_comment "$(cat "$tmp/err")" ;;
	esac
done <"$tmp/examples"
like "$(cat "$tmp/out")" '^ *1 celsius: a string where numeric is needed$' \
	"the last one counts the reasons"
is "$(sql "SELECT (SELECT count(*) FROM eth_option_quotes),
	(SELECT count(*) FROM btc_option_quotes),
	(SELECT string_agg(celsius::text, ' ' ORDER BY at) FROM temps)")" \
	"2|1|21.50 21.75" "and the rows are there"

done_testing
