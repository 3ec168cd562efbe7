#!/bin/sh
# private-postgres: repeatable, private, and its data survive what they should.
. "${srcdir:-.}/tests/sh/tap.sh"

dir=$tmp/pg
at_exit 'private-postgres -m immediate destroy "$dir" 2>/dev/null'
ask()
{
	psql -X -q -A -t -d "$(private-postgres url "$dir")" -c "$1" 2>&1
}

run private-postgres status "$dir"
is "$status" 69 "nothing there: exit 69"
run private-postgres --fast start "$dir"
is "$status" 0 "start makes and starts"
is "$(cat "$tmp/out")" "" "quietly"
run private-postgres --fast start "$dir"
is "$status" 0 "start again does no harm"
is "$(ask 'SELECT current_database()')" crypto_data "the database is there"
is "$(ask "SELECT current_setting('listen_addresses') ||
    current_setting('TimeZone') || current_setting('server_encoding')")" \
    UTCUTF8 "no port is open; UTC; UTF-8"
socket=$(ask "SELECT current_setting('unix_socket_directories')")
case $(ls -ld "$socket") in
drwx------*) ok 0 "the socket's directory is closed to others" ;;
*) ok 1 "the socket's directory is closed to others" ;;
esac
ask "CREATE TABLE t AS SELECT 42 AS a" >/dev/null
run private-postgres -m immediate restart "$dir"
is "$status" 0 "restart as after a crash"
is "$(ask 'TABLE t')" 42 "what was committed is there"
run private-postgres stop "$dir"
is "$status" 0 "stop"
run private-postgres stop "$dir"
is "$status" 0 "stop again does no harm"
run private-postgres start "$dir"
is "$(ask 'TABLE t')" 42 "a start finds the data"
run private-postgres destroy "$dir"
is "$status" 0 "destroy"
[ ! -e "$dir" ]
ok $? "and nothing is left"

# Names that a socket's address or a server's setting would not take.
dir="$tmp/with 'odd', name/$(printf '%0100d' 0)"
run private-postgres --fast start "$dir"
is "$status" 0 "a directory of a long and odd name"
is "$(ask 'SELECT 1')" 1 "answers"
socket=$(ask "SELECT current_setting('unix_socket_directories')")
private-postgres destroy "$dir"
[ ! -e "$dir" ] && [ ! -e "$socket" ]
ok $? "and leaves nothing"

# Root's cluster runs as another user, who cannot enter here.
dir=$tmp/closed/pg
mkdir -m 700 "$tmp/closed"
run private-postgres --fast start "$dir"
is "$status" 0 "below a directory closed to others"
is "$(ask 'SELECT 1')" 1 "it answers"
place=$(cat "$dir/place" 2>/dev/null || echo "$dir")
private-postgres destroy "$dir"
[ ! -e "$dir" ] && [ ! -e "$place" ]
ok $? "and leaves nothing"

# Two at once: the second finds what the first made.
dir=$tmp/two
private-postgres --fast start "$dir" 2>"$tmp/first" &
first=$!
run private-postgres --fast start "$dir"
wait "$first"
is "$? $status" '0 0' "two starts at once: both succeed" ||
	tap_comment "$(cat "$tmp/first" "$tmp/err")"
is "$(ask 'SELECT 1')" 1 "and it answers"
is "$(find "$dir" -name 'data.*')" '' "with no cluster too many"
private-postgres destroy "$dir"

run private-postgres
is "$status" 64 "no action: exit 64"
run private-postgres start
is "$status" 64 "no directory: exit 64"
run private-postgres dance "$dir"
is "$status" 64 "an unknown action: exit 64"
run env PRIVATE_POSTGRES_OPTS='-c no_such_setting=1' \
    private-postgres --fast start "$tmp/bad"
is "$status" 70 "a server that does not start: exit 70"
like "$(cat "$tmp/err")" 'no_such_setting' "with its own words"
private-postgres destroy "$tmp/bad"
done_testing
