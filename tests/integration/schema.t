#!/bin/sh
# The schema: applies twice, says what each column is, takes new currencies and
# nothing else.
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"

database

dump()
{
	# Since 2025 pg_dump adds a random \restrict line.
	pg_dump -s -n public -d "$DATABASE_URL" 2>/dev/null |
	    grep -v 'restrict '
}

run apply-schema
is "$status" 0 "the schema applies"
is "$(cat "$tmp/out")" "" "and prints nothing"
unlike "$(cat "$tmp/err")" 'ERROR' "nor an error"
sql "INSERT INTO eth_option_quotes (timestamp, instrument_name) VALUES
    ('2026-01-01', 'ETH-1'), ('2026-01-01', 'ETH-1')"
dump >"$tmp/first"
applied=$(sql "SELECT string_agg(file || applied_at, ' ' ORDER BY file)
    FROM schema_version")
run apply-schema
is "$status" 0 "it applies again"
dump >"$tmp/second"
diff "$tmp/first" "$tmp/second" >"$tmp/diff"
ok $? "and changes nothing" && [ -s "$tmp/first" ] || tap_comment "$(cat "$tmp/diff")"
is "$(sql "SELECT string_agg(file || applied_at, ' ' ORDER BY file)
    FROM schema_version")" "$applied" "schema_version stays"
is "$(sql "SELECT count(*) FROM schema_version")" \
    "$(apply-schema --list | wc -l)" "and names each file"
is "$(sql "SELECT count(*) FROM eth_option_quotes")" 2 \
    "rows stay; equal quotes may come twice"

for table in eth_option_quotes eth_option_trades eth_option_orderbook_depth \
    btc_option_quotes btc_option_trades btc_option_orderbook_depth \
    instruments collection_gaps tsdb_ledger; do
	is "$(sql "SELECT to_regclass('$table')")" "$table" "there is $table"
done

undescribed="
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm')
AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL
SELECT c.relname || '.' || a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm')
AND a.attnum > 0 AND NOT a.attisdropped
AND col_description(c.oid, a.attnum) IS NULL
UNION ALL
SELECT p.proname || '()' FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
AND obj_description(p.oid, 'pg_proc') IS NULL
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid
    AND d.deptype = 'e')"
is "$(sql "$undescribed")" "" "each table, column and function has a COMMENT"
sql "CREATE TABLE silent (a int)"
is "$(sql "$undescribed" | sort | tr '\n' ' ')" "silent silent.a " \
    "one without would be found"
sql "DROP TABLE silent"

is "$(sql "SELECT string_agg(t, ' ') FROM add_currency('SOL') AS t")" \
    "sol_option_quotes sol_option_trades sol_option_orderbook_depth" \
    "add_currency makes the tables of SOL"
dump >"$tmp/sol"
is "$(sql "SELECT count(*) FROM add_currency('sol')")" 3 \
    "again, in any case: no harm"
dump >"$tmp/again"
cmp "$tmp/sol" "$tmp/again" >/dev/null
ok $? "and no change"
is "$(sql "$undescribed")" "" "all of it described"
same="SELECT string_agg(attname || ' ' || atttypid::regtype || attnotnull, ','
    ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND attrelid ="
is "$(sql "$same 'sol_option_trades'::regclass")" \
    "$(sql "$same 'eth_option_trades'::regclass")" "with the columns of ETH's"
is "$(sql "SELECT count(*) FROM add_currency('1INCH')")" 3 \
    "a name may begin with a digit"

refused()
{
	run psql -X -q -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -c \
	    "SELECT add_currency($1)"
	[ "$status" -ne 0 ]
	ok $? "refused: $1"
	like "$(cat "$tmp/err")" 'is no currency' "with a sentence"
}
tables="SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
before=$(sql "$tables")
refused "NULL"
refused "''"
refused "'a b'"
refused "'eth_option'"
refused "'x; DROP TABLE instruments; --'"
refused "'x\"; DROP TABLE instruments; --'"
refused "E'eth\\nbtc'"
refused "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
is "$(sql "$tables")" "$before" "and nothing was made or dropped"

sql "INSERT INTO collection_gaps (channel, \"from\", reason) VALUES
    ('trades.option.ETH.100ms', '2026-01-01', 'disconnect')"
run sql "INSERT INTO collection_gaps (channel, \"from\", reason) VALUES
    ('trades.option.ETH.100ms', '2026-01-01', 'disconnect')"
like "$(cat "$tmp/err")" 'collection_gaps_key' \
    "a gap without sequence numbers is there once"
sql "INSERT INTO eth_option_trades (timestamp, instrument_name, trade_seq,
    trade_id, price, amount, direction)
    VALUES ('2026-01-01', 'ETH-1', 1, 'ETH-1', 1, 1, 'buy')"
run sql "INSERT INTO eth_option_trades (timestamp, instrument_name, trade_seq,
    trade_id, price, amount, direction)
    VALUES ('2026-01-01', 'ETH-1', 1, 'ETH-1', 1, 1, 'buy')"
like "$(cat "$tmp/err")" 'duplicate key' "a trade is there once"

# A file that fails half way leaves nothing of itself.
mkdir -p "$tmp/tree/scripts" "$tmp/tree/schema"
cp "$srcdir/scripts/apply-schema" "$tmp/tree/scripts"
cp "$srcdir/schema/001-meta.sql" "$tmp/tree/schema"
echo 'CREATE TABLE half (a int); SELECT 1/0;' >"$tmp/tree/schema/002-half.sql"
run "$tmp/tree/scripts/apply-schema"
is "$status" 69 "a file that fails is told by the exit code"
like "$(cat "$tmp/err")" '002-half.sql was not applied' "and by its name"
is "$(sql "SELECT to_regclass('half')")" "" "and leaves nothing"

run apply-schema -d "postgresql://postgres@/nosuch?host=%2Fnonexistent"
is "$status" 69 "no server: exit 69"
for conninfo in postgresql://x:hush@/y postgresql:///y?password=hush \
	'dbname=y password = hush'; do
	run apply-schema -d "$conninfo"
	is "$status" 64 "a password among the arguments: exit 64"
	like "$(cat "$tmp/err")" 'DATABASE_URL, PGPASSWORD or ~/.pgpass' \
		"and where it belongs"
	unlike "$(cat "$tmp/err")" hush "but not shown"
done
DATABASE_URL='dbname=y password=hush' run apply-schema
is "$status" 64 "one that psql would show: exit 64"
run apply-schema --nosuch
is "$status" 64 "an unknown option: exit 64"

if [ "$(sql "SELECT count(*) FROM pg_extension
    WHERE extname = 'timescaledb'")" = 1 ]; then
	is "$(sql "SELECT string_agg(hypertable_name, ' '
	    ORDER BY hypertable_name)
	    FROM timescaledb_information.hypertables
	    WHERE hypertable_name LIKE 'btc%'")" \
	    "btc_option_orderbook_depth btc_option_quotes btc_option_trades" \
	    "TimescaleDB: they are hypertables"
	is "$(sql "SELECT count(*) FROM pg_indexes
	    WHERE tablename = 'btc_option_quotes'")" 0 "quotes have no index"
else
	like "$(sql "SELECT indexdef FROM pg_indexes
	    WHERE tablename = 'btc_option_quotes'")" 'USING brin' \
	    "plain PostgreSQL: quotes have a BRIN index"
	is "$(sql "SELECT make_hypertable('btc_option_quotes', '1 day')")" f \
	    "and no hypertable"
fi
done_testing
