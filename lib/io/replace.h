/*
 * A small file that is replaced whole: written beside its place, synced and
 * renamed there, so that a reader, and a machine that lost its power, has the
 * old content or the new, never a part.  For what is written again and again
 * (a state, metrics); what grows belongs into a spool.
 */
#ifndef IO_REPLACE_H
#define IO_REPLACE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/fault.h"

/* Puts text into path, with mode less the umask.  -1 with *fault
 * (EX_CANTCREAT, EX_IOERR), and then path is as it was and nothing is left
 * beside it.  A symbolic link is replaced itself; what is no regular file, or
 * a link to none (/dev/stdout), is left alone: EX_CANTCREAT. */
int replace_file(const char *path, const char *text, size_t len, mode_t mode,
    struct fault *fault);

/* Whether replace_file() will find its place: a directory in which files can be
 * made.  A disk that is full is no answer to that.  -1 with *fault:
 * EX_CANTCREAT. */
int replace_check(const char *path, struct fault *fault);

#endif
