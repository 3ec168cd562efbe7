/*
 * The members of a JSON object, found by guessing: a tree of the member orders
 * seen so far.  A line of a known shape costs one comparison a member and ends
 * at the same leaf as the last line of that shape, so what is known of the
 * shape (which column takes which member) hangs on the leaf.  The tree is
 * capped: a stream of random names empties it, no more.
 */
#ifndef DB_SHAPE_H
#define DB_SHAPE_H

#include <stddef.h>

#include "base/fault.h"
#include "io/json.h"

#define SHAPE_MEMBERS_MAX 4096

struct shape {
	struct shape *parent, *child, *sibling;
	struct shape *likely; /* the child that came last */
	char *key;            /* as sent */
	size_t key_len;
	char *name;     /* escapes decoded; NULL when it cannot name a column */
	bool plain;     /* no escape: can be guessed */
	unsigned depth; /* members from the root to here */
	void *use;      /* the owner's, for a leaf */
};

struct shapes {
	struct shape root;
	size_t nodes;
	size_t bytes;
	struct json_value *values; /* of the line last taken, by depth - 1 */
	size_t value_size;
	void (*use_free)(void *use);
};

void shapes_init(struct shapes *s, void (*use_free)(void *use));
void shapes_free(struct shapes *s);

/* Forgets every shape (and what hangs on them). */
void shapes_clear(struct shapes *s);

/* Slices one line: its leaf, with s->values filled; NULL with *fault
 * (EX_DATAERR) if it is not one JSON object. */
struct shape *shapes_take(
    struct shapes *s, const char *text, size_t len, struct fault *fault);

/* The index in s->values of the last member of that name, -1 if none. */
int shape_member(const struct shape *leaf, const char *name);

#endif
