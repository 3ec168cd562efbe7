/* Programs, arguments, faults, and number texts that come out as they went in.
 */
#include "io/jq.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

struct lines {
	struct buf text;
	int n, stop_after;
};

static int take(void *arg, const char *json, size_t len)
{
	struct lines *l = arg;

	buf_add(&l->text, json, len);
	buf_addc(&l->text, '\n');
	return ++l->n == l->stop_after ? -1 : 0;
}

/* All outputs, a line each, or "fault: ..."; the caller frees it. */
static char *run(const char *program, const char *input)
{
	static const char *const args[] = {"at", "1790133840888348", "cur",
	    "\"BTC\"", "none", "null", "list", "[1.0,6.4e4,{\"x\":1e-4}]"};
	struct fault fault = {0};
	struct lines l = {0};
	struct jq_map *m = jq_map_new(program, args, 4, &fault);

	buf_init(&l.text, 1 << 20);
	if (m == NULL ||
	    jq_map_text(m, input, strlen(input), take, &l, &fault) == -1) {
		buf_clear(&l.text);
		buf_addf(
		    &l.text, "fault %d: %s\n", fault.exit_code, fault.text);
	}
	jq_map_free(m);
	buf_str(&l.text);
	return l.text.data;
}

static void expect(
    const char *program, const char *input, const char *want, const char *what)
{
	char *got = run(program, input);

	is_str(got, want, what);
	free(got);
}

static void numbers_survive(void)
{
	static const char *const texts[] = {"0", "-0", "0.0", "-0.0", "1",
	    "1.0", "1.00", "6.4e4", "64000", "64000.0", "1.423e-4", "1e-4",
	    "0.0001", "1.0e-4", "2.2E3", "2.2e+3", "227538549002481664",
	    "9007199254740993", "18446744073709551616", "1e999", "-1e999",
	    "1e-999", "0.1", "0.10000000000000000555",
	    "3.141592653589793238462643383279502884197", "32503708800000",
	    "100000000000000000000000"};
	char input[512], want[512];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		snprintf(want, sizeof(want), "{\"a\":%s,\"b\":[%s,1]}\n",
		    texts[i], texts[i]);
		snprintf(input, sizeof(input), " { \"a\" : %s , \"b\":[%s,1]}",
		    texts[i], texts[i]);
		expect(".", input, want, texts[i]);
		snprintf(want, sizeof(want), "%s\n", texts[i]);
		expect(".", texts[i], want, "alone");
	}
}

static void numbers_are_numbers(void)
{
	expect("sort", "[10.0,9,1e1,2.50,-3]", "[-3,2.50,9,10.0,1e1]\n",
	    "sorted by value, texts kept");
	expect("map(select(. > 60000))", "[6.4e4,6e4,59999.9]", "[6.4e4]\n",
	    "compared as numbers");
	expect("sort_by(-.oi)|map(.n)",
	    "[{\"n\":1.0,\"oi\":5e0},{\"n\":2.0,\"oi\":10.0}]", "[2.0,1.0]\n",
	    "sorted by a computed key");
	expect("map(. + 1)", "[1.0,6.4e4]", "[2,64001]\n",
	    "computed numbers are jq's own");
	expect("unique", "[1.0,1,1.00,2]", "[1.0,2]\n",
	    "equal values in different texts are equal");
	expect("max, min, add", "[1.50,2.50]", "2.50\n1.50\n4\n",
	    "max and min keep, add computes");
	expect(".a == 1, .a == .b", "{\"a\":1.0,\"b\":1e0}", "true\ntrue\n",
	    "equality");
	expect("[.[] | {x: ., y: [.]}] | group_by(.x) | flatten", "[6.4e4,1.0]",
	    "[{\"x\":1.0,\"y\":[1.0]},{\"x\":6.4e4,\"y\":[6.4e4]}]\n",
	    "through objects, arrays and grouping");
	expect("to_entries | from_entries", "{\"k\":1.0,\"l\":2e0}",
	    "{\"k\":1.0,\"l\":2e0}\n", "through entries");
	expect("(.a |= .) | .b = .a | with_entries(.)", "{\"a\":1.0}",
	    "{\"a\":1.0,\"b\":1.0}\n", "through assignments");
	expect("reduce .[] as $x (0; $x)", "[1.0,2.0]", "2.0\n",
	    "through variables");
	expect("tostring, tojson", "[1.0]", "\"[1]\"\n\"[1]\"\n",
	    "text made by jq is jq's");
	expect("-., (. | floor), . * 1", "1.0", "-1\n1\n1\n",
	    "arithmetic drops the text");
	expect("1.0, 6.4e4", "null", "1\n64000\n",
	    "the program's own literals are jq's");
}

static void arguments(void)
{
	expect("$at, $cur, $none, $list", "0",
	    "1790133840888348\n\"BTC\"\nnull\n[1.0,6.4e4,{\"x\":1e-4}]\n",
	    "arguments keep their texts too");
	expect("[., $list[0]]", "[3.0]", "[[3.0],1.0]\n", "beside the input's");
}

static void strings_and_order(void)
{
	expect(".", "{\"z\":1,\"a\":2,\"m\":{\"y\":null,\"b\":true}}",
	    "{\"z\":1,\"a\":2,\"m\":{\"y\":null,\"b\":true}}\n",
	    "members stay in their order");
	expect("{type:\"t\"} + .", "{\"b\":1,\"a\":2}",
	    "{\"type\":\"t\",\"b\":1,\"a\":2}\n", "also added ones");
	expect(".", "\"a\\\"b\\\\c\\n\\u00e9\\ud83d\\ude00 \xc3\xa9\"",
	    "\"a\\\"b\\\\c\\n\xc3\xa9\xf0\x9f\x98\x80 \xc3\xa9\"\n", "strings");
	expect(".", "{\"a\\u0062\":[]}", "{\"ab\":[]}\n",
	    "an escaped member name");
	expect("keys", "{\"\\u0000\":1}", "[\"\\u0000\"]\n", "a NUL in a name");
	expect(".[]", "[]", "", "no output");
	expect("empty", "1", "", "empty");
}

static void faults(void)
{
	char *got = run(". | nosuch", "1");

	ok(strncmp(got, "fault 70: jq program: ", 22) == 0 &&
		strstr(got, "nosuch") != NULL,
	    "a program that does not compile is named");
	printf("# %s", got);
	free(got);
	expect("error(\"no such row\")", "1",
	    "fault 65: jq program: no such row\n", "error()");
	expect("error({a:1})", "1", "fault 65: jq program: {\"a\":1}\n",
	    "error() of an object");
	expect(".a", "[1]",
	    "fault 65: jq program: Cannot index array with string \"a\"\n",
	    "a type error");
	expect("halt", "1", "fault 65: the jq program halted\n", "halt");
	got = run(".", "[1,01]");
	ok(strncmp(got, "fault 65: no JSON at byte ", 26) == 0,
	    "input that is no JSON");
	printf("# %s", got);
	free(got);
	got = run(".", "[1] x");
	ok(strncmp(got, "fault 65: no JSON at byte 4", 27) == 0,
	    "something behind the input");
	free(got);
	got = run(".", "");
	ok(strncmp(got, "fault 65: ", 10) == 0, "an empty input");
	free(got);
	got = run("reduce range(1000) as $i (0; [.])", "1");
	ok(strncmp(got, "fault 65: an output", 19) == 0,
	    "an output that nests too deep");
	free(got);
}

static void again_and_again(void)
{
	struct fault fault = {0};
	struct lines l = {.stop_after = 2};
	struct jq_map *m = jq_map_new(".[]", NULL, 0, &fault);
	int i, bad = 0;

	buf_init(&l.text, 1 << 20);
	is_int(jq_map_text(m, "[1.0,2.0,3.0]", 13, take, &l, &fault), -1,
	    "each() stops the run");
	is_int(l.n, 2, "at once");
	l.stop_after = 0;
	is_int(jq_map_text(m, "[1,", 3, take, &l, &fault), -1, "bad input");
	for (i = 0; i < 1000; i++) {
		buf_clear(&l.text);
		if (jq_map_text(m, "[7.0]", 5, take, &l, &fault) == -1 ||
		    strcmp(buf_str(&l.text), "7.0\n") != 0)
			bad++;
	}
	is_int(bad, 0, "and the program runs on afterwards");
	buf_free(&l.text);
	jq_map_free(m);
}

/* Definitions in ~/.jq, even broken ones, change nothing. */
static void home_is_not_read(void)
{
	char dir[] = "/tmp/test-jq.XXXXXX", path[64];
	FILE *f;

	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/.jq", dir);
	setenv("HOME", dir, 1);
	f = fopen(path, "w");
	fputs("def select(f): empty; def nosuch: 1;", f);
	fclose(f);
	expect("select(true)", "[1.0]", "[1.0]\n", "~/.jq redefines nothing");
	f = fopen(path, "w");
	fputs("def broken(", f);
	fclose(f);
	expect(".", "1", "1\n", "and may be broken");
	is_str(getenv("HOME"), dir, "HOME is what it was");
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	numbers_survive();
	numbers_are_numbers();
	arguments();
	strings_and_order();
	faults();
	home_is_not_read();
	again_and_again();
	return done_testing();
}
