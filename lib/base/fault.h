/*
 * A fault: why something failed, as one sentence for a person, with the
 * sysexits(3) code that the program should end with.  Library functions fill
 * one and return -1; only bin/ prints it.  The sentence never holds a secret.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdarg.h>
#include <sysexits.h>

struct fault {
	int exit_code; /* EX_USAGE, EX_DATAERR, ... of <sysexits.h> */
	char text[1024];
};

/* Fills *f (which may be NULL) and returns -1, to be returned in turn. */
int fault_set(struct fault *f, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As fault_set(), and appends ": strerror(errno)". */
int fault_errno(struct fault *f, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence that *f holds; returns -1. */
int fault_prefix(struct fault *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
