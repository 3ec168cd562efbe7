/*
 * A hash table from bytes to a pointer.  Keys and values are *borrowed*: they
 * live in their owners' structs.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot;

struct table {
	struct table_slot *slot;
	size_t size; /* a power of two, or 0 */
	size_t n;
	uint64_t seed;
};

/* Frees the slots, not what they point to.  An all-zero table is empty. */
void table_free(struct table *t);

/* The value, or NULL. */
void *table_find(const struct table *t, const char *key, size_t len);

/* Adds a key that is not there yet.  -1: no memory. */
int table_add(struct table *t, const char *key, size_t len, void *value);

/* Takes the key out; its value, or NULL if it is not there. */
void *table_remove(struct table *t, const char *key, size_t len);

#endif
