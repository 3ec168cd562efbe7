/*
 * 64 bits that tell JSON values apart: the same for two texts of one value,
 * whatever the order of an object's members, white space, escapes in strings
 * and the syntax of numbers (64000, 64000.0, 6.4e4; -0 and 0).  Anything else
 * makes a difference.  Not for secrets, nor against one who seeks collisions.
 */
#ifndef RECORD_DIGEST_H
#define RECORD_DIGEST_H

#include <stdint.h>

#include "io/json.h"

/* The digest of a value that the scanner accepted; of another text it is that
 * of what comes before the error.  *stamp, unless it is NULL: the integer that
 * is its member timestamp, or that of the first object in it if it is an array;
 * 0: there is none. */
uint64_t digest_data(struct json_span data, int64_t *stamp);

#endif
