/*
 * Command lines.  One table of options per tool feeds the parser, --help, the
 * did-you-mean, and (through --help) the test that the man page names each.
 * --help, --version, --verbose and --quiet are the library's own.
 */
#ifndef IO_CLI_H
#define IO_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct cli_option {
	char letter;         /* 0: none */
	const char *name;    /* long name */
	const char *metavar; /* NULL: takes no argument */
	const char *help;    /* one line; "\n" continues on the next */
	/* Takes the argument (NULL without metavar): 0, or -1 with *fault. */
	int (*take)(void *config, const char *value, struct fault *fault);
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
 * option, the value and the range.  cli_size: 64K, 16M, 1G as well. */
int cli_integer(const char *option, const char *value, int64_t min, int64_t max,
    int64_t *out, struct fault *fault);
int cli_size(const char *option, const char *value, int64_t min, int64_t max,
    int64_t *out, struct fault *fault);

/* Prints "tool: sentence" (and for EX_USAGE where help is) to stderr; returns
 * the exit code, for main to return. */
int cli_fail(const struct fault *fault);

#endif
