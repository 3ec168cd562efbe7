/* The option table: parser, help, suggestions, numbers. */
#include "io/cli.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "tap.h"

struct config {
	int64_t top;
	const char *name;
	int flag;
	int64_t wait_ms, size;
	const char *text;
	bool on;
};

static int take_top(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return cli_integer("top", value, 1, 1000, &c->top, fault);
}

static int take_name(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct config *)config)->name = value;
	return 0;
}

static int take_flag(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct config *)config)->flag += value == NULL;
	return 0;
}

static const struct cli_option options[] = {
    {'t', "top", "N", "the N first", take_top},
    {0, "name", "NAME", "a name", take_name},
    {0, "follow", NULL, "a flag", take_flag},
    {0, "wait", "TIME", "a time", .type = CLI_TIME,
	.at = offsetof(struct config, wait_ms), .min = 5, .max = 60000},
    {0, "size", "SIZE", "a size", .type = CLI_SIZE,
	.at = offsetof(struct config, size), .max = 1 << 20},
    {0, "text", "TEXT", "a text", .type = CLI_TEXT,
	.at = offsetof(struct config, text)},
    {0, "on", NULL, "a switch", .type = CLI_FLAG,
	.at = offsetof(struct config, on)},
    {0}};
static const struct cli cli = {
    "tool", "does it", "ARG...", "  tool x\n", options, NULL, NULL};

/* words: up to 7, separated by one space. */
static int parse(
    const char *words, struct config *c, struct fault *f, char ***argv_out)
{
	static char text[256];
	static char *argv[9];
	int argc = 0;

	memset(c, 0, sizeof(*c));
	memset(f, 0, sizeof(*f));
	snprintf(text, sizeof(text), "tool %s", words);
	for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	*argv_out = argv;
	optind = 0;
	return cli_parse(&cli, argc, argv, c, f);
}

static void fails(const char *words, const char *sentence)
{
	struct config c;
	struct fault f;
	char **argv;

	ok(parse(words, &c, &f, &argv) == -1, "refused: %s", words);
	is_str(f.text, sentence, "with its sentence");
	is_int(f.exit_code, EX_USAGE, "as a usage error");
}

static void sizes(void)
{
	struct fault f;
	int64_t n = 0;

	ok(cli_size("q", "64K", 1, INT64_MAX, &n, &f) == 0 && n == 65536,
	    "64K");
	ok(cli_size("q", "2g", 1, INT64_MAX, &n, &f) == 0 && n == 2147483648,
	    "2g");
	ok(cli_size("q", "7", 1, INT64_MAX, &n, &f) == 0 && n == 7, "7");
	ok(cli_size("q", "9000000T", 1, INT64_MAX, &n, &f) == -1,
	    "one that overflows");
	ok(cli_size("q", "K", 1, INT64_MAX, &n, &f) == -1, "a unit alone");
	ok(cli_size("q", "-1", 1, INT64_MAX, &n, &f) == -1, "a negative one");
}

int main(void)
{
	struct config c;
	struct fault f;
	char **argv;
	int first;

	log_open("tool");
	first = parse("BTC --top=5 --name x ETH --follow", &c, &f, &argv);
	is_int(first, 5, "operands and options mix");
	is_str(argv[first], "BTC", "the first operand");
	ok(c.top == 5 && c.flag == 1 && strcmp(c.name, "x") == 0,
	    "every option was taken");
	ok(parse("--wait 2s --size 4K --text x --on", &c, &f, &argv) == 8 &&
		c.wait_ms == 2000 && c.size == 4096 && c.on &&
		strcmp(c.text, "x") == 0,
	    "typed options go where the table says");
	fails("--wait 1ms", "--wait 1ms: a time from 5ms to 1m is needed");
	fails("--wait soon",
	    "--wait: 'soon' is not a duration like 200ms, 30s, 10m, 48h or 7d");
	ok(parse("-t 7 -- --top", &c, &f, &argv) == 4 && c.top == 7,
	    "-- ends the options");
	fails("--tpo 5", "there is no option --tpo; did you mean --top?");
	fails(
	    "--folow=3", "there is no option --folow; did you mean --follow?");
	fails("--foo", "there is no option --foo");
	fails("--zzzzzzzz", "there is no option --zzzzzzzz");
	fails("-x", "there is no option -x");
	fails("--top", "option --top needs a value");
	fails("-t", "option -t needs a value");
	fails("--follow=yes", "option --follow takes no value");
	fails("--top 5x", "--top 5x: a whole number from 1 to 1000 is needed");
	fails("--top 0", "--top 0: a whole number from 1 to 1000 is needed");
	fails("--top 99999999999999999999",
	    "--top 99999999999999999999: a whole number from 1 to 1000 is "
	    "needed");
	sizes();
	return done_testing();
}
