#include "io/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define OPTIONS_MAX 64
#define HELP_COLUMN 28
/* Values of getopt_long() for options without a letter. */
#define LONG_BASE 256
/* One letter in so many, and one more, may be wrong in a word. */
#define FAR 5

static int take_verbose(void *config, const char *value, struct fault *fault)
{
	(void)config;
	(void)value;
	(void)fault;
	log_level_set(LOG_LEVEL_DEBUG);
	return 0;
}

static int take_quiet(void *config, const char *value, struct fault *fault)
{
	(void)config;
	(void)value;
	(void)fault;
	log_level_set(LOG_LEVEL_ERROR);
	return 0;
}

static const struct cli_option common[] = {
    {'v', "verbose", NULL, "say more on stderr", .take = take_verbose},
    {'q', "quiet", NULL, "say only errors on stderr", .take = take_quiet},
    {'h', "help", NULL, "print this help and exit"},
    {'V', "version", NULL, "print versions and exit"}, {0}};

static size_t options_all(const struct cli *cli, const struct cli_option **all)
{
	size_t n = 0;

	for (const struct cli_option *o = cli->options; o->name != NULL; o++)
		if (n < OPTIONS_MAX)
			all[n++] = o;
	for (const struct cli_option *o = common; o->name != NULL; o++)
		if (n < OPTIONS_MAX)
			all[n++] = o;
	return n;
}

static void help_option(const struct cli_option *o)
{
	char left[128];
	const char *p = o->help, *nl;
	int n;

	n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s",
	    o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
	    o->letter ? "," : " ", o->name, o->metavar ? "=" : "",
	    o->metavar ? o->metavar : "");
	printf("%s", left);
	if (n >= HELP_COLUMN) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", HELP_COLUMN - n, "");
	while ((nl = strchr(p, '\n')) != NULL) {
		printf("%.*s\n%*s", (int)(nl - p), p, HELP_COLUMN, "");
		p = nl + 1;
	}
	printf("%s\n", p);
}

static void exit_checked(void)
{
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "%s: standard output: %s\n", log_tool(),
		    strerror(errno));
		exit(EX_IOERR);
	}
	exit(0);
}

static void help(const struct cli *cli, const struct cli_option **all, size_t n)
{
	printf("%s: %s\n\nExamples:\n%s\nUsage: %s %s\n\n", cli->tool,
	    cli->purpose, cli->examples, cli->tool, cli->usage);
	for (size_t i = 0; i < n; i++)
		help_option(all[i]);
	if (cli->notes != NULL)
		printf("\n%s", cli->notes);
	printf("\nThe manual: man %s\n", cli->tool);
	exit_checked();
}

static void version(const struct cli *cli)
{
	char libraries[512] = "";

	if (cli->versions != NULL)
		cli->versions(libraries, sizeof(libraries));
	printf("%s %s%s%s%s\n", cli->tool, PACKAGE_VERSION,
	    libraries[0] ? " (" : "", libraries, libraries[0] ? ")" : "");
	exit_checked();
}

/* Levenshtein's distance, short words only; to exchange two neighbours is one
 * step. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][64], *row = rows[0], *above = rows[1], *higher = rows[2];
	size_t n = strlen(b);

	if (n >= 64)
		return n;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t *last = higher;

		higher = above;
		above = row;
		row = last;
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && higher[j - 2] + 1 < best)
				best = higher[j - 2] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

size_t cli_distance(const char *word, const char *name)
{
	size_t d = distance(word, name);

	return d <= 1 + strlen(word) / FAR && d < strlen(name) ? d : SIZE_MAX;
}

static int unknown(const char *word, const struct cli_option **all, size_t n,
    struct fault *fault)
{
	const char *best = NULL, *equals = strchr(word, '=');
	size_t best_distance = SIZE_MAX;
	char name[48];

	if (word[0] != '-' || word[1] != '-')
		return fault_set(
		    fault, EX_USAGE, "there is no option %s", word);
	snprintf(name, sizeof(name), "%.*s",
	    (int)(equals ? equals - word - 2 : 40), word + 2);
	for (size_t i = 0; i < n; i++) {
		size_t d = cli_distance(name, all[i]->name);

		if (d < best_distance) {
			best_distance = d;
			best = all[i]->name;
		}
	}
	if (best == NULL)
		return fault_set(
		    fault, EX_USAGE, "there is no option --%s", name);
	return fault_set(fault, EX_USAGE,
	    "there is no option --%s; did you mean --%s?", name, best);
}

static void getopt_tables(
    const struct cli_option **all, size_t n, struct option *longs, char *shorts)
{
	*shorts++ = ':';
	for (size_t i = 0; i < n; i++) {
		const struct cli_option *o = all[i];

		longs[i] = (struct option){o->name,
		    o->metavar ? required_argument : no_argument, NULL,
		    LONG_BASE + (int)i};
		if (o->letter) {
			*shorts++ = o->letter;
			if (o->metavar)
				*shorts++ = ':';
		}
	}
	longs[n] = (struct option){NULL, 0, NULL, 0};
	*shorts = '\0';
}

static const struct cli_option *find(
    const struct cli_option **all, size_t n, int c)
{
	if (c >= LONG_BASE)
		return all[c - LONG_BASE];
	for (size_t i = 0; i < n; i++)
		if (all[i]->letter == c)
			return all[i];
	return NULL;
}

static int bad_word(int c, char **argv, const struct cli_option **all, size_t n,
    struct fault *fault)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *word = argv[optind - 1];

	if (c == ':')
		return fault_set(fault, EX_USAGE, "option %s needs a value",
		    optopt >= LONG_BASE ? word : letter);
	/* A long option that takes no value was given one. */
	if (optopt >= LONG_BASE)
		return fault_set(fault, EX_USAGE, "option --%s takes no value",
		    all[optopt - LONG_BASE]->name);
	return unknown(optopt != 0 ? letter : word, all, n, fault);
}

static int take(const struct cli_option *o, void *config, const char *value,
    struct fault *fault)
{
	void *to = (char *)config + o->at;

	switch (o->type) {
	case CLI_TEXT: *(const char **)to = value; return 0;
	case CLI_FLAG: *(bool *)to = true; return 0;
	case CLI_INTEGER:
		return cli_integer(o->name, value, o->min, o->max, to, fault);
	case CLI_SIZE:
		return cli_size(o->name, value, o->min, o->max, to, fault);
	case CLI_TIME:
		return cli_time(o->name, value, o->min, o->max, to, fault);
	default: return o->take(config, value, fault);
	}
}

/* Else the first socket would take the place of a descriptor that is closed,
 * and be read as standard input.  Opened the wrong way round, stdin and stdout
 * fail as a closed one does; what stderr is told goes nowhere. */
static void fill_descriptors(void)
{
	static const int ways[] = {O_WRONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", ways[fd]) == -1)
			return;
}

int cli_parse(const struct cli *cli, int argc, char **argv, void *config,
    struct fault *fault)
{
	const struct cli_option *all[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	size_t n = options_all(cli, all);
	int c;

	fill_descriptors();
	getopt_tables(all, n, longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct cli_option *o;

		if (c == '?' || c == ':')
			return bad_word(c, argv, all, n, fault);
		o = find(all, n, c);
		if (strcmp(o->name, "help") == 0)
			help(cli, all, n);
		if (strcmp(o->name, "version") == 0)
			version(cli);
		if (take(o, config, o->metavar ? optarg : NULL, fault) == -1)
			return -1;
	}
	return optind;
}

static int out_of_range(const char *option, const char *value, int64_t min,
    int64_t max, struct fault *fault)
{
	if (max == INT64_MAX)
		return fault_set(fault, EX_USAGE,
		    "--%s %s: a whole number, %" PRId64 " or more, is needed",
		    option, value, min);
	return fault_set(fault, EX_USAGE,
	    "--%s %s: a whole number from %" PRId64 " to %" PRId64 " is needed",
	    option, value, min, max);
}

int cli_integer(const char *option, const char *value, int64_t min, int64_t max,
    int64_t *out, struct fault *fault)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (value[0] == '\0' || value[0] == ' ' || *end != '\0' || errno != 0 ||
	    n < min || n > max)
		return out_of_range(option, value, min, max, fault);
	*out = n;
	return 0;
}

struct unit {
	const char *name;
	int64_t size;
};

/* In the largest unit that leaves nothing over. */
static void say_in(
    const struct unit *unit, int64_t value, char *out, size_t size)
{
	while (unit->size > 1 && value % unit->size != 0)
		unit++;
	snprintf(out, size, "%" PRId64 "%s", value / unit->size, unit->name);
}

static int not_between(const char *option, const char *value, const char *what,
    const struct unit *unit, int64_t min, int64_t max, struct fault *fault)
{
	char from[32], to[32];

	say_in(unit, min, from, sizeof(from));
	say_in(unit, max, to, sizeof(to));
	if (max == INT64_MAX)
		return fault_set(fault, EX_USAGE,
		    "--%s %.100s: a %s of %s or more is needed", option, value,
		    what, from);
	return fault_set(fault, EX_USAGE,
	    "--%s %.100s: a %s from %s to %s is needed", option, value, what,
	    from, to);
}

int cli_size(const char *option, const char *value, int64_t min, int64_t max,
    int64_t *out, struct fault *fault)
{
	static const struct unit sizes[] = {{"T", INT64_C(1) << 40},
	    {"G", INT64_C(1) << 30}, {"M", INT64_C(1) << 20},
	    {"K", INT64_C(1) << 10}, {"", 1}};
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	long long n;
	int shift = 0;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (*end != '\0' && end[1] == '\0' &&
	    (unit = strchr(units, *end & ~0x20)) != NULL) {
		shift = 10 * (int)(unit - units + 1);
		end++;
	}
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
	    n > (INT64_MAX >> shift) || (n << shift) < min ||
	    (n << shift) > max)
		return not_between(
		    option, value, "size in bytes", sizes, min, max, fault);
	*out = n << shift;
	return 0;
}

int cli_time(const char *option, const char *value, int64_t min_ms,
    int64_t max_ms, int64_t *out_ms, struct fault *fault)
{
	static const struct unit times[] = {{"d", 86400000}, {"h", 3600000},
	    {"m", 60000}, {"s", 1000}, {"ms", 1}};
	int64_t ms;

	if (clock_duration(value, 1000, &ms, fault) == -1)
		return fault_prefix(fault, "--%s", option);
	if (ms < min_ms || ms > max_ms)
		return not_between(
		    option, value, "time", times, min_ms, max_ms, fault);
	*out_ms = ms;
	return 0;
}

int cli_fail(const struct fault *fault)
{
	/* A peer's words may be in it: they reach no terminal raw. */
	log_error("%s", fault->text);
	if (fault->exit_code == EX_USAGE)
		fprintf(stderr, "Try '%s --help'.\n", log_tool());
	return fault->exit_code;
}
