/*
 * From a line of input to a row in a batch: slice, route, encode, or reject
 * with its reason.  What is known of a shape hangs on its leaf, so that a line
 * like the one before asks nobody.  Where a record goes is decided by the
 * owner's route(); nothing of the exchange is known here.
 */
#ifndef DB_INTAKE_H
#define DB_INTAKE_H

#include <stdint.h>

#include "db/copy.h"
#include "db/reject.h"
#include "io/ndjson.h"

enum intake_verdict { INTAKE_TAKE, INTAKE_PASS, INTAKE_REJECT, INTAKE_STOP };

/* The members that routing may ask for; NULL: absent or null. */
struct intake_subject {
	const char *type;
	const char *kind;
	const char *currency;
	const char *channel;
};

struct intake {
	/* The owner's. */
	enum intake_verdict (*route)(void *arg, const struct intake_subject *s,
	    size_t *table, struct fault *fault);
	void *arg;
	/* Ours. */
	struct catalog catalog;
	struct shapes shapes;
	struct copy_sinks sinks;
	struct reject reject;
	uint64_t passed; /* records passed by */
	char *named;     /* members without a column that were named */
	size_t named_len;
};

/* route and arg are set already; reject_fd as reject_init(). */
void intake_init(struct intake *in, int reject_fd);
void intake_free(struct intake *in);

/* Forgets catalog, shapes and sinks: the tables changed. */
void intake_reset(struct intake *in);

/* Puts one line into the batch, or passes it by, or rejects it.  -1 with
 * *fault when the program must stop: a stream for another table, a column of
 * an unsupported type, a reject file that cannot be written. */
int intake_line(struct intake *in, const struct ndjson_item *item,
    struct batch *batch, struct fault *fault);

#endif
