/*
 * Which table a record belongs to, by its type, kind and currency; and which
 * records a table takes, by its name.  One table of patterns serves both.
 * Pure functions: whether such a table exists is the database's to say.
 */
#ifndef RECORD_ROUTE_H
#define RECORD_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_CURRENCY_MAX 24

/* What a table takes. */
struct route_use {
	const char *type;
	const char *kind;                      /* NULL: any */
	char currency[ROUTE_CURRENCY_MAX + 1]; /* upper case; "": any */
};

/* The table for a record of this type, kind and currency (each may be NULL) to
 * out, which has size bytes; -1 if there is none, or out is too small. */
int route_table(const char *type, const char *kind, const char *currency,
    char *out, size_t size);

/* Whether the table (its bare name) is one of the toolkit's, and then what it
 * takes. */
bool route_of_table(const char *table, struct route_use *use);

/* The type of the records that come over a channel (quote.ETH-...: "quote"),
 * or NULL where the channel does not say. */
const char *route_channel_type(const char *channel);

#endif
