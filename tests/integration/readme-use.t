#!/bin/sh
# The README's other commands, from the schema on: in order, in one directory;
# and the example of deribit-replay(1).  What would run until it is stopped is.
# shellcheck disable=SC2016,SC2154 # expanded by sh; of tap.sh
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/replay.sh"

# A server of its own: the README's database has a name, and is yet to be made.
unset DATABASE_URL PGPORT PGSERVICE PGOPTIONS
at_exit "private-postgres -m immediate destroy '$tmp/pg'"
private-postgres --fast start "$tmp/pg" || exit 1
url=$(private-postgres url "$tmp/pg")
PGHOST=$(echo "${url##*host=}" | sed 's,%2F,/,g')
PGUSER=postgres PGDATABASE=postgres XDG_CACHE_HOME=$tmp/cache
export PGHOST PGUSER PGDATABASE XDG_CACHE_HOME
psql -X -q -c 'DROP DATABASE crypto_data' || exit 1

mkdir "$tmp/bin" "$tmp/work"
# Of two currencies, so many that both have their turn.
cat >"$tmp/bin/deribit-ws-stream" <<END
#!/bin/sh
case " \$* " in *' BTC '*) n=15000 ;; *) n=100 ;; esac
exec "$builddir/bin/deribit-ws-stream" --count \$n "\$@"
END
printf '#!/bin/sh\nexec timeout --preserve-status 5 "%s" "$@"\n' \
	"$builddir/bin/deribit-replay" >"$tmp/bin/deribit-replay"
chmod +x "$tmp/bin/deribit-ws-stream" "$tmp/bin/deribit-replay"
start_replay --synthetic 1 --rate 4000
PATH=$tmp/bin:$PATH
cd "$tmp/work" || exit 1
ln -s "$srcdir/scripts" "$srcdir/schema" .

# commands FROM TO: those of the README between two headings.
commands()
{
	sed -n "/^## $1\$/,/^## $2\$/p" "$srcdir/README.md" |
	    sed -n 's/^    //p; /^createdb/p; /^\.\/scripts\/apply-schema/p'
}

each()
{
	while read -r command; do
		run sh -c "$command" </dev/null
		is "$status" 0 "$command" ||
			tap_comment "$(tail -n 20 "$tmp/out" "$tmp/err")"
	done <"$tmp/commands"
}

commands Install Use >"$tmp/commands"
is "$(grep -c . "$tmp/commands")" 2 "the README makes a database"
each

# Of the user's own: the server, the table and what goes there.
DATABASE_URL=postgresql:///crypto_data
export DATABASE_URL
psql -X -q -d "$DATABASE_URL" -c 'CREATE TABLE my_own_table (n int)'
echo '{"n":1}' >anything.ndjson
commands Use 'What it promises' >"$tmp/all"
like "$(cat "$tmp/all")" '^export DATABASE_URL=postgresql://' \
    "the README names a database"
grep -v '^export DATABASE_URL=' "$tmp/all" >"$tmp/commands"
is "$(grep -c . "$tmp/commands")" 12 "and what to do with it"
each
for t in eth_option_quotes btc_option_quotes sol_option_quotes my_own_table; do
	like "$(psql -X -A -t -d "$DATABASE_URL" -c "SELECT count(*) FROM $t")" \
	    '^[1-9]' "rows came to $t"
done
is "$(wc -l <perpetual.ndjson)" 100 "and lines to the file"

sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$srcdir/man/deribit-replay.1" |
    sed '1,/^\.Bd/d; /^\.Ed/d; s/\\e$/\\/' >"$tmp/example"
like "$(cat "$tmp/example")" '^deribit-replay ' "deribit-replay(1) has an example"
sh -e "$tmp/example" >"$tmp/out" 2>"$tmp/err" </dev/null
ok $? "which runs" || tap_comment "$(cat "$tmp/err")"
like "$(grep '^{' "$tmp/out" | jq -r '.result[].instrument_name')" '^ETH-' \
    "and asks for what is listed"
done_testing
