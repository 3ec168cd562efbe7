/*
 * Where each record of a stream goes, given the tables there are and those
 * that the user named.  Decides by the record's own words and says ONCE what
 * it passes by; knows no database.
 */
#ifndef RECORD_ROUTER_H
#define RECORD_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "record/route.h"

#define ROUTER_SAID_MAX 32

enum router_verdict {
	ROUTER_TAKE,
	ROUTER_PASS,
	ROUTER_REJECT, /* this line */
	ROUTER_STOP    /* this stream is not for this table at all */
};

struct router_table {
	char name[64];
	bool named; /* by the user */
	bool ours;  /* its name says what it takes: use */
	bool accepted;
	struct route_use use;
};

struct router {
	struct router_table *tables;
	size_t count;
	size_t named; /* the first ones; 0: route to all */
	char said[ROUTER_SAID_MAX][80];
	size_t said_count;
};

/* What a record says of itself; NULL where it does not. */
struct router_subject {
	const char *type;
	const char *kind;
	const char *currency;
	const char *channel; /* of a gap */
};

/* names: bare names, the user's (named of them) first.  -1 with *fault:
 * EX_USAGE if a table of the user's own stands among several. */
int router_init(struct router *r, const char *const *names, size_t count,
    size_t named, struct fault *fault);
void router_free(struct router *r);

/* The table's index to *table when the answer is ROUTER_TAKE; the reason to
 * *fault (EX_DATAERR) when it is ROUTER_REJECT or ROUTER_STOP. */
enum router_verdict router_decide(struct router *r,
    const struct router_subject *s, size_t *table, struct fault *fault);

#endif
