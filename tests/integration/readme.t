#!/bin/sh
# The README's two commands, in a copy of the tree.  The first is run, a second
# time too; the second, ./scripts/check, runs this test.
. "${srcdir:-.}/tests/sh/tap.sh"

[ -z "${README_TESTED:-}" ] ||
	skip_all "the README's commands do not depend on the sanitizers"
unset MAKEFLAGS MFLAGS MAKELEVEL builddir DATABASE_URL TEST_DATABASE_URL

is "$(sed -n '/^```sh$/,/^```$/p' "$srcdir/README.md" | sed '1d; /^```$/,$d')" \
    "./scripts/quickstart
./scripts/check" "the README's first commands are the two"

mkdir "$tmp/tree"
(cd "$srcdir" && tar cf - --exclude=./build --exclude=./var --exclude=./config.status --exclude=./.git \
    --exclude='*.o' --exclude='*.a' .) | (cd "$tmp/tree" && tar xf -)
chmod -R u+w "$tmp/tree"
cd "$tmp/tree" || exit 1
at_exit './scripts/private-postgres -m immediate destroy var 2>/dev/null'
[ -x scripts/check ]
ok $? "./scripts/check can be run"

run ./scripts/quickstart --seconds 3 --synthetic </dev/null
is "$status" 0 "./scripts/quickstart ends well" ||
	tap_comment "$(tail -n 60 "$tmp/out" "$tmp/err")"
like "$(cat "$tmp/out")" '^ eth_option_quotes +\| +[1-9][0-9]* ' \
    "and shows the quotes that arrived"
like "$(cat "$tmp/out")" 'private-postgres stop' "and how to stop the server"
first=$(sed -n 's/^ eth_option_quotes *| *\([0-9]*\) .*/\1/p' "$tmp/out")

run ./scripts/quickstart --seconds 2 --synthetic </dev/null
is "$status" 0 "again, it ends well"
all=$(sed -n 's/^ eth_option_quotes *|[^|]*| *\([0-9]*\) .*/\1/p' "$tmp/out")
[ "${all:-0}" -gt "${first:-0}" ]
ok $? "with the former rows ($first) among all ($all)"

like "$(cat "$tmp/out")" '^Invented prices are in ./var' "and says that they are invented"

# As if they had been recorded.
url=$(./scripts/private-postgres url var)
psql -X -q -d "$url" -c 'COMMENT ON DATABASE crypto_data IS NULL'
run ./scripts/quickstart --seconds 2 --synthetic </dev/null
is "$status" 78 "where prices were recorded, invented ones are refused"
like "$(cat "$tmp/err")" 'var holds recorded prices' "with a sentence"
psql -X -q -d "$url" -c "COMMENT ON DATABASE crypto_data IS 'Invented'"

# The reader leaves when the market is on: the market goes too.
{ ./scripts/quickstart --synthetic 2>"$tmp/err"; echo $? >"$tmp/ended"; } |
    sed 4q >"$tmp/out"
wait_for '[ -s "$tmp/ended" ]'
is "$(cat "$tmp/ended")" 141 "without a reader it ends: exit 141"
is "$(find /proc/[0-9]*/exe -lname "$tmp/tree/*" 2>/dev/null)" '' \
    "and leaves no process behind"

run ./scripts/quickstart --seconds never
is "$status" 64 "a number that is none: exit 64"
run ./scripts/private-postgres status var
is "$status" 0 "the private server still runs"
run ./scripts/private-postgres stop var
is "$status" 0 "and is stopped as told"
run ./scripts/private-postgres status var
is "$status" 69 "and is gone"
done_testing
