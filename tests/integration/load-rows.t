#!/bin/sh
# What tsdb-load makes of lines: every type to its column, hostile lines to the
# reject file, repeated rows merged, rows that the database refuses found.
# shellcheck disable=SC2016,SC2034 # expanded by wait_for
. "${srcdir:-.}/tests/sh/tap.sh"
. "$srcdir/tests/sh/postgres.sh"

database && apply_schema >/dev/null

# load ARGUMENT...: stdin.
load()
{
	run timeout 60 tsdb-load "$@"
}

quote()
{
	printf '{"type":"quote","kind":"option","currency":"%s",' "$1"
	printf '"received_at":1765541767174001,"timestamp":1765541767174,'
	printf '"instrument_name":"%s-X",%s}\n' "$1" "$2"
}

# --- every type ---
sql "CREATE TYPE side AS ENUM ('buy', 'sell');
CREATE DOMAIN price AS numeric CHECK (VALUE >= 0);
CREATE TABLE \"every Type\" (id bigserial PRIMARY KEY,
	ts timestamptz, tz timestamp, d date, f8 float8, f4 float4, n numeric,
	n2 numeric(10,2), i2 int2, i4 int4, i8 int8, t text, vc varchar(5),
	b boolean, j json, jb jsonb, u uuid, s side, p price, fa float8[],
	fa2 float8[], ta text[], made timestamptz NOT NULL DEFAULT now(),
	twice int GENERATED ALWAYS AS (i4 * 2) STORED)"
load '"every Type"' <<'END'
{"ts":1765541767174,"tz":"2025-12-12T13:16:07+01:00","d":"2025-12-12","f8":0.1,"f4":6.4e4,"n":12345678901234567890.0100,"n2":1.005,"i2":-1,"i4":6.4e4,"i8":9007199254740993,"t":"a\"\u00e9\ud83d\ude00\n","vc":"ééééé","b":true,"j":{"a": 1.0},"jb":[1.0,null],"u":"00112233-4455-6677-8899-aabbccddeeff","s":"sell","p":1.50,"fa":[1,null,2.5],"fa2":[[1,2],[3,4]],"ta":["x","y,z"],"unknown":1}
{"ts":"2025-12-12T12:16:07.174001Z","tz":1765541767,"t":1.0,"made":"2020-01-01"}
END
is "$status" 0 "every type is taken"
is "$(sql "SELECT ts, tz, d, f8, f4, n, n2, i2, i4, i8, t, vc, b, j, jb, u, s,
	p, fa, fa2, ta, made > '2025-01-01', twice FROM \"every Type\" WHERE id = 1")" \
"2025-12-12 12:16:07.174+00|2025-12-12 12:16:07|2025-12-12|0.1|64000|12345678901234567890.0100|1.01|-1|64000|9007199254740993|a\"é😀
|ééééé|t|{\"a\": 1.0}|[1.0, null]|00112233-4455-6677-8899-aabbccddeeff|sell|1.50|{1,NULL,2.5}|{{1,2},{3,4}}|{x,\"y,z\"}|t|128000" \
	"and arrives"
is "$(sql "SELECT ts, tz, t, made, n FROM \"every Type\" WHERE id = 2")" \
	"2025-12-12 12:16:07.174001+00|2025-12-12 12:16:07|1.0|2020-01-01 00:00:00+00|" \
	"so does a row of another shape"
is "$(grep -c 'member unknown has no column' "$tmp/err")" 1 \
	"a member without a column is named"

# --- hostile lines ---
{
	quote ETH '"best_bid_price":0.01'
	head -c 2097152 /dev/zero | tr '\0' x
	echo
	printf '{"type":"quote","a":"\000"}\n'
	printf '{"type":"quote","a":"\377"}\n'
	printf '{"type":"quote","kind":"option","currency":"ETH","timestamp":1}\n'
	quote ETH '"best_bid_price":"0.01"'
	quote ETH '"best_bid_price":1e999'
	printf '[]\n\n'
	quote ETH '"best_bid_price":01'
	quote ETH '"timestamp":1e40'
	quote ETH '"instrument_name":"a\u0000b"'
	quote ETH '"best_bid_price":0.02'
	quote ETH '"best_bid_price":0.03' | tr -d '\n'
} >"$tmp/hostile"
load --reject "$tmp/reject" eth_option_quotes <"$tmp/hostile"
is "$status" 65 "hostile lines: exit 65"
is "$(sql "SELECT string_agg(best_bid_price::text, ' ' ORDER BY best_bid_price)
	FROM eth_option_quotes")" "0.01 0.02" "the others are loaded"
is "$(jq -r .line "$tmp/reject" | tr '\n' ' ')" \
	"2 3 4 5 6 7 8 9 10 11 12 14 " "each is in the reject file, by number"
reasons=$(jq -r '"\(.line) \(.reason)"' "$tmp/reject")
like "$reasons" '^2 too long: 2097153 bytes' "a line of 2 MiB"
like "$reasons" '^3 not JSON: .* at byte' "a NUL byte"
like "$reasons" '^4 not JSON: .* at byte' "invalid UTF-8"
like "$reasons" '^5 instrument_name: missing, and the column is NOT NULL' \
	"a missing NOT NULL member"
like "$reasons" '^6 best_bid_price: a string where double precision' \
	"a string for a price"
like "$reasons" '^7 best_bid_price: 1e999 is out of range' "an infinite price"
like "$reasons" '^8 not a JSON object' "an array"
like "$reasons" '^9 not JSON' "an empty line"
like "$reasons" '^11 timestamp: 1e40 is out of range' "a time beyond all"
like "$reasons" '^12 instrument_name: .u0000 cannot be stored' "an escaped NUL"
like "$reasons" '^14 torn' "a torn last line, though it is whole JSON"
like "$(jq -r 'select(.line == 6).text' "$tmp/reject")" \
	'"best_bid_price":"0.01"' "with the line itself"
like "$(cat "$tmp/err")" '12 lines rejected: see ' "and stderr says where"
quote ETH '"best_bid_price":"0.01"' >"$tmp/in"
load --quiet eth_option_quotes <"$tmp/in"
like "$(cat "$tmp/err")" 'line 1: best_bid_price: a string' \
	"without a file they are on stderr, also with --quiet"

sql "CREATE TABLE own (a int, b text)"
printf '{}\n{"c":1}\n{"a":null}\n' >"$tmp/in"
load --reject "$tmp/reject3" own <"$tmp/in"
is "$status $(jq -r .reason "$tmp/reject3" | tr '\n' ';')" \
	"65 no member is a column of own;no member is a column of own;" \
	"a line without any column is no row of NULLs"
is "$(sql "SELECT count(*) FROM own")" 1 "one with a null is"

# --- rows that only the database can refuse ---
sql "CREATE TABLE checked (n int UNIQUE, v int CHECK (v <> 7),
	w int REFERENCES checked (n) DEFERRABLE INITIALLY DEFERRED, m numeric(3))"
awk 'BEGIN { for (i = 1; i <= 1000; i++) printf "{\"n\":%d,\"v\":%d,\"m\":%d%s}\n",
	i, i % 500 == 7 ? 7 : 1, i == 300 ? 1000 : 1, i == 600 ? ",\"w\":5000" : "" }' >"$tmp/in"
load --reject "$tmp/reject2" checked <"$tmp/in"
is "$status" 65 "refused rows: exit 65"
is "$(jq -r .line "$tmp/reject2" | sort -n | tr '\n' ' ')" "7 300 507 600 " \
	"each refused row is found, also at COMMIT"
like "$(cat "$tmp/reject2")" 'violates check constraint' "with the words"
is "$(sql "SELECT count(*), count(DISTINCT n) FROM checked")" "996|996" \
	"the others are there once"

# --- rows that repeat ---
sql "CREATE TABLE merged (k text, at timestamptz, a int, b int, j json,
	received_at timestamptz, PRIMARY KEY (k, at));
CREATE TABLE loose (k text UNIQUE, a int);
CREATE TABLE touched (n int);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN INSERT INTO touched VALUES (1); RETURN NEW; END';
CREATE TRIGGER t AFTER UPDATE ON merged FOR EACH ROW EXECUTE FUNCTION touch()"
load merged <<'END'
{"k":"x","at":1,"a":1,"b":1,"j":{"v":1},"received_at":1}
{"k":"x","at":1,"a":2,"b":1,"j":{"v":1},"received_at":2}
{"k":"y","at":1,"a":1,"b":1,"j":{"v":1},"received_at":3}
END
load merged <<'END'
{"k":"x","at":1,"a":null,"b":9,"j":{"v":1},"received_at":4}
{"k":"y","at":1,"a":1,"b":1,"j":{"v":1},"received_at":5}
{"k":"z","at":1,"a":5}
END
is "$status" 0 "repeated rows are no error"
is "$(sql "SELECT k, a, b, extract(epoch FROM received_at)::int FROM merged
	ORDER BY k")" "x|2|9|4
y|1|1|3
z|5||" "the last wins, null changes nothing, received_at alone neither"
is "$(sql "SELECT count(*) FROM touched")" 1 "only what differs is written"
load loose <<'END'
{"k":null,"a":1}
{"k":null,"a":2}
{"k":"x","a":3}
{"k":"x","a":4}
END
is "$(sql "SELECT string_agg(a::text, ' ' ORDER BY a) FROM loose")" "1 2 4" \
	"null is no key"

# --- where records go ---
sql "TRUNCATE eth_option_quotes, btc_option_quotes, collection_gaps"
# gap CHANNEL FROM
gap()
{
	printf '{"type":"gap","kind":"option","currency":"ETH",'
	printf '"received_at":1,"instrument_name":"E","channel":"%s.E",' "$1"
	printf '"from":%d,"to":9,"from_seq":null,"to_seq":null,' "$2"
	printf '"reason":"disconnect","repaired":false}\n'
}

{
	quote ETH '"best_bid_price":1'
	quote BTC '"best_bid_price":1'
	gap quote 1
	printf '{"type":"quote","kind":"option","currency":"XYZ"}\n'
	printf '{"type":"nonsense"}\n{"type":"nonsense"}\n'
} >"$tmp/in"
load <"$tmp/in"
is "$status" 0 "without a table each record finds its own"
is "$(sql "SELECT (SELECT count(*) FROM eth_option_quotes),
	(SELECT count(*) FROM btc_option_quotes),
	(SELECT count(*) FROM collection_gaps)")" "1|1|1" "each once"
is "$(grep -c 'passed by: nonsense' "$tmp/err")" 1 "what is passed by is said once"
like "$(cat "$tmp/err")" 'passed by: quote option of XYZ' "for each sort"
{
	quote ETH '"best_bid_price":2'
	gap quote 2
	gap trades 3
} >"$tmp/in"
load public.eth_option_quotes <"$tmp/in"
is "$(sql "SELECT (SELECT count(*) FROM eth_option_quotes),
	(SELECT count(*) FROM collection_gaps)")" "2|2" \
	"a table takes its quotes and their holes, not those of trades"

# --- a pipe that is slow, signals ---
mkfifo "$tmp/pipe"
: >"$tmp/err"
tsdb-load --flush-interval 50ms eth_option_quotes <"$tmp/pipe" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
exec 3>"$tmp/pipe"
quote ETH '"best_bid_price":3' >&3
wait_for '[ "$(sql "SELECT count(*) FROM eth_option_quotes")" = 3 ]'
ok $? "a single row is committed while the pipe is open"
kill -USR1 $pid
wait_for 'grep -q "rows committed 1" "$tmp/err"'
ok $? "SIGUSR1 says how many"
quote ETH '"best_bid_price":4' >&3
printf '{"type":"quote","ki' >&3
wait_for '[ "$(sql "SELECT count(*) FROM eth_option_quotes")" = 4 ]'
kill -TERM $pid
wait $pid
is $? 0 "SIGTERM ends it with 0"
exec 3>&-
is "$(sql "SELECT count(*) FROM tsdb_ledger")" 0 "and the ledger is clean"

# Ctrl-C stops both ends of a pipe: what the writer still writes is loaded.
: >"$tmp/err"
tsdb-load -v eth_option_quotes <"$tmp/pipe" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
exec 3>"$tmp/pipe"
quote ETH '"best_bid_price":5' >&3
wait_for '[ "$(sql "SELECT count(*) FROM eth_option_quotes")" = 5 ]'
kill -INT $pid
wait_for 'grep -q stopping "$tmp/err" || ! tap_alive $pid'
quote ETH '"best_bid_price":6' >&3
exec 3>&-
wait $pid
is $? 0 "SIGINT ends it with 0 when the writer has ended"
is "$(sql "SELECT count(*) FROM eth_option_quotes")" 6 \
	"and the writer's last line is there"

# --- tables that change meanwhile ---
sql "CREATE TABLE changing (a int, b int)"
: >"$tmp/err"
tsdb-load --flush-interval 50ms changing <"$tmp/pipe" 2>"$tmp/err" &
pid=$!
at_exit "stop_pid $pid"
exec 3>"$tmp/pipe"
echo '{"a":1,"b":1}' >&3
wait_for '[ "$(sql "SELECT count(*) FROM changing")" = 1 ]'
sql "ALTER TABLE changing DROP COLUMN b; ALTER TABLE changing ADD c text"
echo '{"a":2,"b":2,"c":"new"}' >&3
wait_for '[ "$(sql "SELECT count(*) FROM changing")" = 2 ]'
sql "ALTER TABLE changing ALTER a TYPE bigint"
echo '{"a":3000000000,"c":"large"}' >&3
echo '{"a":4,"c":"x"}' >&3
wait_for '[ "$(sql "SELECT count(*) FROM changing")" = 3 ]'
sql "ALTER TABLE changing ALTER a TYPE float8"
echo '{"a":5.5,"c":"y"}' >&3
echo '{"a":6,"c":"z"}' >&3
exec 3>&-
wait $pid
is "$(sql "SELECT a, c FROM changing ORDER BY a")" "1|
2|new
4|x
6|z" "a column less, one more, another type: read again, nothing lost"
like "$(cat "$tmp/err")" 'line 5: a: a fraction where bigint' \
	"a type of the same length is seen to be another one"
like "$(cat "$tmp/err")" 'line 3: a: 3000000000 is out of range for integer' \
	"what did not fit when it came is rejected"

done_testing
