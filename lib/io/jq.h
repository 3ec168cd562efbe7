/*
 * libjq, the mapping language of everything that is not hot.  One compiled
 * program; each JSON text put through it gives any number of outputs.
 *
 * libjq 1.6 holds numbers as doubles and prints them its own way.  Here a
 * number is still a number to the program: it compares, sorts and computes as
 * a double.  But each one that came in carries a tag, and wherever it comes out
 * as it came in (moved, copied, sorted, put into other objects), the very text
 * that was sent is printed: 1.0, 6.4e4, 227538549002481664.  Only what the
 * program computes itself is printed as jq prints it, also the text it makes of
 * a number (tostring, tojson, @csv, "\(.x)").  A program needs no helper.
 *
 * ~/.jq is not read: a program means the same on every machine.  To that end
 * jq_map_new() touches HOME for a moment: not with other threads at work on the
 * environment.
 */
#ifndef IO_JQ_H
#define IO_JQ_H

#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"

struct jq_map;

/* Compiles program (with $name bound to JSON text for each of the nargs pairs
 * in args: name, value, name, value...).  NULL with *fault (EX_SOFTWARE for our
 * own maps; the caller of --jq says EX_USAGE). */
struct jq_map *jq_map_new(const char *program, const char *const *args,
    size_t nargs, struct fault *fault);
void jq_map_free(struct jq_map *m);

/* Runs the program on one JSON text and calls each() with every output as
 * compact JSON text (*borrowed*).  each() returns -1 to stop.  Every number
 * keeps the text that came in.  -1 with *fault: input is no JSON, the program
 * raised an error (both EX_DATAERR), or each() said so (its own fault). */
int jq_map_text(struct jq_map *m, const char *text, size_t len,
    int (*each)(void *arg, const char *json, size_t len), void *arg,
    struct fault *fault);

#endif
