/*
 * The ledger: how far each input has been committed.  The row changes in the
 * transaction of the rows it speaks of, and it is changed first: whoever
 * sends a batch again waits there for the first attempt and then learns that
 * it was committed.  SQL texts only; who sends them is not known here.
 */
#ifndef DB_LEDGER_H
#define DB_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define LEDGER_TABLE "tsdb_ledger"
/* Rows of a pipe serve until the pipe ends; what a killed loader left is
 * pruned after this. */
#define LEDGER_PRUNE "7 days"

extern const char ledger_exists_sql[]; /* one row: t or f */
extern const char ledger_create_sql[];
extern const char ledger_prune_sql[];

struct ledger {
	char source[64];
	bool known; /* its row exists */
	uint64_t position;
	uint64_t lines;
};

/* A source of its own for a pipe: "stdin:" and a random uuid. */
void ledger_init(struct ledger *l);

/* Appends the claim: moves the row from l->position to position; its result
 * has one row if that was so, none if not.  The caller appends what the row
 * is to hold. */
int ledger_claim_sql(
    const struct ledger *l, uint64_t position, uint64_t lines, struct buf *out);

/* The position that is committed: one row, or none. */
int ledger_read_sql(const struct ledger *l, struct buf *out);
int ledger_remove_sql(const struct ledger *l, struct buf *out);

#endif
