# shellcheck shell=sh
# shellcheck disable=SC2154 # tmp: tap.sh
# A database for one test, in $DATABASE_URL: after tap.sh.  With
# TEST_DATABASE_URL set, a database of its own in that server, dropped at exit;
# else a private cluster in $tmp, in $PG_DIR (a test that restarts the server
# calls own_cluster first).
#
#	. "$srcdir/tests/sh/tap.sh"
#	. "$srcdir/tests/sh/postgres.sh"
#	database && apply_schema

PG_DIR=

# A server that the test may stop and start: always its own.
own_cluster()
{
	PG_DIR=$tmp/pg
	at_exit 'private-postgres -m immediate destroy "$PG_DIR" >/dev/null 2>&1'
	if ! private-postgres --fast start "$PG_DIR" 2>"$tmp/pg.err"; then
		tap_comment "$(cat "$tmp/pg.err")"
		echo "Bail out! no PostgreSQL"
		exit 1
	fi
	DATABASE_URL=$(private-postgres url "$PG_DIR")
	export DATABASE_URL
}

database()
{
	if [ -z "${TEST_DATABASE_URL:-}" ]; then
		own_cluster
		return
	fi
	pg_name=t_$$_$(basename "$0" .t | tr -c 'a-z0-9\n' _)
	psql -X -q -d "$TEST_DATABASE_URL" -c "CREATE DATABASE $pg_name" || {
		echo "Bail out! no database $pg_name in TEST_DATABASE_URL"
		exit 1
	}
	at_exit 'psql -X -q -d "$TEST_DATABASE_URL" \
	    -c "DROP DATABASE $pg_name WITH (FORCE)"'
	# postgresql://user@host:port/NAME?params
	DATABASE_URL=$(printf '%s\n' "$TEST_DATABASE_URL" |
	    sed "s,^\([a-z]*://[^/]*/\)[^?]*,\1$pg_name,")
	export DATABASE_URL
}

apply_schema()
{
	apply-schema
}

# sql STATEMENT...: unaligned, tuples only; columns between |.
sql()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$DATABASE_URL" -c "$@"
}
