/*
 * The steps of struct load that talk to the database; internal to lib/db.
 * setup reads the tables and the ledger, send carries one range of a batch
 * through its transaction, merge writes the SQL of keyed tables.
 */
#ifndef DB_STEP_H
#define DB_STEP_H

#include "db/load.h"

/* load.c: goes on with whatever is due. */
void load_pump(struct load *l);

/* load.c: ends the run at once with the fault. */
void load_fail(struct load *l, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* load.c: says the error (once while it stays the same), then resume(l) after
 * a while. */
void load_wait(struct load *l, const struct pg_error *error,
    void (*resume)(struct load *l));

/* setup.c: reads the catalog, sees to the ledger, then l->ready and pump. */
void setup_begin(struct load *l);

/* send.c: sends the topmost range; at the end l->send is NULL, and pump. */
void send_range(struct load *l);

/* merge.c: SQL for a sink with a key. */
void merge_stage_sql(const struct copy_sink *s, struct buf *out);
void merge_target(const struct copy_sink *s, struct buf *out);
void merge_sql(const struct copy_sink *s, struct buf *out);

#endif
