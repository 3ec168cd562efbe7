#!/bin/sh
# How tsdb-load refuses: one sentence, the right exit, no password shown.
# shellcheck disable=SC2016,SC2034 # expanded by wait_for
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"

database && apply_schema >/dev/null

quote='{"type":"quote","kind":"option","currency":"ETH","timestamp":1,"instrument_name":"E"}'

# refused EXIT REGEX NAME ARGUMENT...: stdin is one quote.
refused()
{
	refused_exit=$1
	refused_text=$2
	refused_name=$3
	shift 3
	printf '%s\n' "$quote" >"$tmp/in"
	run timeout 60 tsdb-load "$@" <"$tmp/in"
	is "$status" "$refused_exit" "$refused_name: exit $refused_exit"
	like "$(cat "$tmp/err")" "$refused_text" "$refused_name: says so"
}

refused 78 'error: no table nosuch in this database' "no such table" nosuch
refused 78 'nosuch' "one of two is missing" eth_option_quotes nosuch
refused 65 'line 1: a quote of ETH cannot go to btc_option_quotes' \
	"another currency" btc_option_quotes
refused 78 'invalid name' "no name at all" 'a b'
sql "CREATE VIEW seen AS SELECT * FROM eth_option_quotes"
refused 78 'seen is not a table' "a view" seen
sql "CREATE TABLE shapes (type text, timestamp point)"
refused 78 'column timestamp: the type point is not supported' \
	"an unsupported type" shapes
sql "CREATE TABLE strict (p point NOT NULL)"
refused 78 'column p is NOT NULL and its type point' \
	"an unsupported type that is NOT NULL" strict
sql "CREATE TABLE mine (type text)"
refused 64 'mine: the name does not say which records' \
	"an own table among several" eth_option_quotes mine
refused 64 '--batch-rows' "no number of rows" --batch-rows 0 mine
refused 64 '--flush-interval' "no time" --flush-interval soon mine
refused 73 'nowhere' "a reject file that cannot be" \
	--reject /nowhere/file mine
is "$(sql "SELECT count(*) FROM mine")" 0 "and nothing was loaded"

tsdb-load mine <&- >"$tmp/out" 2>"$tmp/err"
is $? 74 "standard input is closed: exit 74"
like "$(cat "$tmp/err")" 'standard input: Bad file descriptor' "says so"
printf '%s\n' "$quote" | tsdb-load nosuch >&- 2>&-
is $? 78 "the other two are closed"

# --- the database ---
refused 69 'No such file or directory' "no server" \
	--wait 0 -d "host=$tmp dbname=x"
refused 69 'No such file or directory' "no server, for a while" \
	--wait 300ms -d "host=$tmp dbname=x"
is "$(grep -c warning "$tmp/err")" 1 "the same reason is said once"
other=$(printf '%s\n' "$DATABASE_URL" |
	sed 's,^\([a-z]*://[^/]*/\)[^?]*,\1nosuchdb,')
DATABASE_URL=$other refused 78 'nosuchdb' "no such database"
stranger=$(printf '%s\n' "$DATABASE_URL" |
	sed 's,^\([a-z]*://\)[^/]*@,\1nosuchuser:hush@,')
DATABASE_URL=$stranger refused 77 'nosuchuser|authentication' "no such user"
unlike "$(cat "$tmp/err")" hush "no password is shown"
for conninfo in "$stranger" 'host=x password=hush' 'postgresql:///x?password=hush' \
	"host=x sslpassword = 'hush'"; do
	refused 64 '--dbname.*DATABASE_URL, PGPASSWORD or ~/.pgpass' \
		"a password among the arguments" -d "$conninfo"
	unlike "$(cat "$tmp/err")" hush "and it is not shown"
done
refused 64 'malformed' "a malformed connection string" \
	-d 'host=x password=hush hush2'
unlike "$(cat "$tmp/err")" hush "nor here"

sql "SET default_transaction_read_only = off" \
	-c "ALTER DATABASE $(sql 'SELECT current_database()') \
	SET default_transaction_read_only = on"
refused 69 'read-only' "a server that only reads" --wait 300ms mine
PGOPTIONS='-c default_transaction_read_only=off' sql "ALTER DATABASE \
	$(sql 'SELECT current_database()') RESET default_transaction_read_only"

# --- a signal while the database is locked away, then gone ---
sql "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN SET LOCAL lock_timeout = ''100ms'';
	PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END';
CREATE TABLE locked (type text);
CREATE TRIGGER w BEFORE INSERT ON locked FOR EACH ROW
	EXECUTE FUNCTION wait_here()"
psql -X -q -d "$DATABASE_URL" -c "SELECT pg_advisory_lock(42)" \
	-c "SELECT pg_sleep(600)" >/dev/null 2>&1 &
at_exit "kill_pid TERM $!"
wait_for '[ "$(sql "SELECT count(*) FROM pg_locks WHERE
	locktype = '\''advisory'\'' AND granted")" -ge 1 ]'
: >"$tmp/err"
tsdb-load locked <"$tmp/in" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
wait_for 'grep -q "lock timeout; trying again" "$tmp/err"'
ok $? "a lock that is not had is tried for again"
kill -TERM $pid
wait $pid
is $? 75 "a signal, and it does not last for ever"
like "$(cat "$tmp/err")" 'error: 1 rows are not committed: .*lock timeout' \
	"it says what was not committed"

# --- a user without rights ---
role=loader_$$
sql "CREATE ROLE $role"
at_exit 'sql "DROP OWNED BY $role" -c "DROP ROLE $role" >/dev/null 2>&1'
PGOPTIONS="-c role=$role"
export PGOPTIONS
refused 77 'permission denied to insert into eth_option_quotes' \
	"no right to the table" eth_option_quotes
unset PGOPTIONS
sql "GRANT INSERT ON mine TO $role"
PGOPTIONS="-c role=$role"
export PGOPTIONS
refused 77 'ledger.*permission denied' "no right to the ledger" mine
unset PGOPTIONS
sql "ALTER TABLE tsdb_ledger RENAME TO gone"
PGOPTIONS="-c role=$role"
export PGOPTIONS
refused 78 'CREATE TABLE IF NOT EXISTS tsdb_ledger' \
	"no ledger and no right to make one" mine
unset PGOPTIONS
printf '%s\n' "$quote" >"$tmp/in"
run tsdb-load mine <"$tmp/in"
is "$status" 0 "who may makes the ledger"
is "$(sql "SELECT count(*) FROM mine")" 1 "and loads"

run tsdb-load --help
is "$status" 0 "--help"
run ldd "$builddir/bin/tsdb-load"
unlike "$(cat "$tmp/out")" 'libcurl|libwslay|libjq' "no network, no jq"

done_testing
