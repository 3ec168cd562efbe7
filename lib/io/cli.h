/*
 * Command lines.  One table of options per tool feeds the parser, --help, the
 * did-you-mean, and (through --help) the test that the man page names each.
 * --help, --version, --verbose and --quiet are the library's own.  Standard
 * descriptors that are closed stay unusable but are taken.
 */
#ifndef IO_CLI_H
#define IO_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/* Where an option's value goes: at an offset in the tool's config. */
enum cli_type {
	CLI_CALL,    /* to take() */
	CLI_TEXT,    /* const char *, *borrowed* from argv */
	CLI_FLAG,    /* bool, set to true */
	CLI_INTEGER, /* int64_t */
	CLI_SIZE,    /* int64_t, bytes: 64K, 16M, 1G */
	CLI_TIME     /* int64_t, milliseconds; a bare number is seconds */
};

struct cli_option {
	char letter;         /* 0: none */
	const char *name;    /* long name */
	const char *metavar; /* NULL: takes no argument */
	const char *help;    /* one line; "\n" continues on the next */
	/* CLI_CALL: takes the argument (NULL without metavar): 0, or -1 with
	 * *fault. */
	int (*take)(void *config, const char *value, struct fault *fault);
	enum cli_type type;
	size_t at;        /* offsetof() in the config */
	int64_t min, max; /* of the numbers */
};

struct cli {
	const char *tool;
	const char *purpose;  /* one sentence */
	const char *usage;    /* "[OPTION...] CURRENCY..." */
	const char *examples; /* whole lines, each beginning with two spaces */
	const struct cli_option *options; /* ends with name NULL */
	const char *notes;                /* after the options; may be NULL */
	/* Appends library versions, ", "-separated; may be NULL. */
	void (*versions)(char *out, size_t size);
};

/* Parses argv.  Options and operands may mix; after -- all are operands.
 * Returns the index of the first operand in argv (permuted), or -1 with *fault
 * (exit_code EX_USAGE).  --help and --version print to stdout and exit 0, or
 * EX_IOERR if that cannot be written: the one place where lib/ ends the
 * process, since nothing has begun. */
int cli_parse(const struct cli *cli, int argc, char **argv, void *config,
    struct fault *fault);

/* For take functions: a whole number within [min, max]; the fault names the
 * option, the value and the range.  cli_size: 64K, 16M, 1G as well; cli_time:
 * 200ms, 30s, 48h, as clock_duration(). */
int cli_integer(const char *option, const char *value, int64_t min, int64_t max,
    int64_t *out, struct fault *fault);
int cli_size(const char *option, const char *value, int64_t min, int64_t max,
    int64_t *out, struct fault *fault);
int cli_time(const char *option, const char *value, int64_t min_ms,
    int64_t max_ms, int64_t *out_ms, struct fault *fault);

/* How far a word is from a name that may have been meant; SIZE_MAX: it was
 * not. */
size_t cli_distance(const char *word, const char *name);

/* Prints "tool: sentence" (and for EX_USAGE where help is) to stderr; returns
 * the exit code, for main to return. */
int cli_fail(const struct fault *fault);

#endif
