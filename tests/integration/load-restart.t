#!/bin/sh
# shellcheck disable=SC2016,SC2034 # expanded by wait_for
# A million lines while the database is restarted five times: in the middle of
# a COPY twice, idle once, in the middle of a COMMIT twice, of which one was
# not committed and one was, but its answer was lost.  Each row arrives once.
#
# The loader is stopped where we want it: triggers take an advisory lock that a
# session of ours holds; a COMMIT that is done but not answered is one that
# waits for a standby that is not there.
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"

own_cluster
sql "CREATE TABLE counted (n int NOT NULL, v float8);
CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END \$\$;
CREATE TRIGGER in_copy BEFORE INSERT ON counted FOR EACH ROW
	WHEN (NEW.n IN (100000, 900000)) EXECUTE FUNCTION wait_here();
CREATE CONSTRAINT TRIGGER in_commit AFTER INSERT ON counted
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN (NEW.n = 300000) EXECUTE FUNCTION wait_here();"

# feed FROM TO: to the loader, as fast as it takes.
feed()
{
	awk -v n="$1" -v to="$2" 'BEGIN {
		for (; n <= to; n++)
			printf "{\"n\":%d,\"v\":%d.25}\n", n, n }' >&3 &
}

hold()
{
	psql -X -q -d "$DATABASE_URL" -c "SELECT pg_advisory_lock(42)" \
		-c "SELECT pg_sleep(600)" >/dev/null 2>&1 &
	at_exit "kill_pid TERM $!"
	wait_for '[ "$(sql "SELECT count(*) FROM pg_locks WHERE
	    locktype = '\''advisory'\'' AND granted")" -ge 1 ]'
}

# at WAIT_EVENT QUERY: the loader waits there.
at()
{
	at_sql="SELECT count(*) FROM pg_stat_activity WHERE application_name =
	    'tsdb-load' AND wait_event = '$1' AND query LIKE '$2%'"
	wait_for '[ "$(sql "$at_sql" 2>/dev/null)" = 1 ]'
}

restart()
{
	private-postgres -m "$1" restart "$PG_DIR" >"$tmp/restart" 2>&1
	ok $? "restarted ($1) $2" || tap_comment "$(cat "$tmp/restart")"
}

rows_are()
{
	wanted=$1
	wait_for '[ "$(sql "SELECT count(*) FROM counted" 2>/dev/null)" = \
	    "$wanted" ]'
	ok $? "$1 rows"
}

mkfifo "$tmp/pipe"
: >"$tmp/err"
tsdb-load --batch-rows 7000 counted <"$tmp/pipe" 2>"$tmp/err" &
load=$!
at_exit "stop_pid $load"
exec 3>"$tmp/pipe"

hold
feed 1 200000
at advisory COPY
ok $? "the loader is in the middle of a COPY"
restart fast "in a COPY"
rows_are 200000

hold
feed 200001 400000
at advisory COMMIT
ok $? "the loader is in the middle of a COMMIT"
restart immediate "in a COMMIT that is not done"
rows_are 400000

sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
sql "SELECT pg_reload_conf()" >/dev/null
feed 400001 600000
at SyncRep COMMIT
ok $? "the loader is in a COMMIT that is done but not answered"
PGOPTIONS='-c synchronous_commit=local' \
	sql "ALTER SYSTEM RESET synchronous_standby_names"
restart immediate "in a COMMIT that is done"
rows_are 600000

feed 600001 800000
rows_are 800000
restart fast "while nothing is under way"

hold
feed 800001 1000000
at advisory COPY
restart immediate "in a COPY"
rows_are 1000000

exec 3>&-
wait $load
is $? 0 "tsdb-load ends with 0" || tap_comment "$(cat "$tmp/err")"
is "$(sql "SELECT count(*), count(DISTINCT n), sum(n), sum(v) FROM counted")" \
	"1000000|1000000|500000500000|500000750000" \
	"a million rows, none lost, none doubled, each value right"
is "$(grep -c 'was committed before' "$tmp/err")" 1 \
	"one batch was known to be committed"
like "$(cat "$tmp/err")" 'warning: database: .*; trying again' \
	"the reason is said"
is "$(sql "SELECT count(*) FROM tsdb_ledger WHERE source LIKE 'stdin:%'")" 0 \
	"the ledger is clean at the end"

done_testing
