/*
 * The loader: lines from a descriptor, batches to the database, each batch one
 * transaction with its ledger row.  While one batch is sent the next is
 * gathered; when both are full the descriptor is not read.  A database that
 * goes away is waited for, and what was under way is sent again unless the
 * ledger says that it was committed.
 *
 *	START -> CATALOG -> IDLE -> [STAGE] -> CLAIM -> COPY (MERGE) -> COMMIT
 *	  ^                  ^                                           |
 *	  |                  +---------------- committed ----------------+
 *	  +-- connection lost, after a wait
 */
#ifndef DB_LOAD_H
#define DB_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "db/intake.h"
#include "db/ledger.h"
#include "db/pg.h"
#include "io/loop.h"
#include "io/ndjson.h"

struct load_config {
	const char *conninfo;      /* *borrowed*; NULL: libpq's environment */
	const char *const *tables; /* as SQL names; *borrowed* */
	size_t table_count;        /* 0: every table that accepts() */
	const char *also;          /* one more table, if it is there */
	int in_fd;
	int reject_fd;
	size_t batch_rows;
	int64_t flush_interval_ms;
	int64_t connect_timeout_ms;
	int64_t wait_ms; /* at the start, for a database that is away */
	/* Whether a table of that bare name is of interest. */
	bool (*accepts)(void *arg, const char *bare);
	/* The tables are known (again); -1 with *fault stops. */
	int (*tables_known)(
	    void *arg, const struct catalog *c, struct fault *fault);
	enum intake_verdict (*route)(void *arg, const struct intake_subject *s,
	    size_t *table, struct fault *fault);
	void *arg;
};

struct load_range {
	size_t from, to;
};

#define LOAD_RANGES_MAX 64

struct load {
	struct load_config config;
	struct loop *loop;
	struct pg pg;
	struct intake intake;
	struct ndjson lines;
	struct loop_watch input;
	struct loop_timer flush;
	struct loop_timer retry;
	struct loop_timer drain; /* of a pipe, after a signal */
	struct backoff backoff;
	struct ledger ledger;
	struct batch batches[2];
	struct batch *gather;
	struct batch *send; /* NULL: nothing is under way */
	struct load_range ranges[LOAD_RANGES_MAX]; /* of send, the next last */
	size_t range_count;
	struct copy_sink *sink; /* whose COPY is under way */
	struct pg_error why;    /* the last one failed */
	const char *copy_at;    /* what of it is still to be sent */
	size_t copy_left;
	int copy_part;                  /* header, rows, trailer */
	uint64_t connection;            /* counts them */
	void (*resume)(struct load *l); /* what follows a ROLLBACK or a wait */
	struct buf sql;
	char **names; /* of the tables asked for */
	size_t name_count;
	char said[700]; /* the last error said */
	int64_t wait_until_ms;
	int64_t stop_by_ms; /* after a signal; 0: there was none */
	bool started;       /* a connection was ready once */
	bool ready;         /* ... and now */
	bool reloading;     /* the tables changed: read them again */
	unsigned reloads;   /* since the last commit */
	bool due;           /* the flush interval is over */
	bool input_done;    /* nothing more will be gathered */
	bool finished;
	uint64_t rows, commits, reconnects;
	struct fault fault; /* why it failed; exit_code 0: it did not */
};

/* Everything in config stays *borrowed* until load_free(). */
int load_init(struct load *l, struct loop *loop,
    const struct load_config *config, struct fault *fault);
void load_free(struct load *l);

/* Runs the loop to the end of the input.  0, or -1 with *fault. */
int load_run(struct load *l, struct fault *fault);

/* Reads a pipe for some seconds more, to the end if its writer ends too;
 * commits the whole lines that were read, ends load_run(); with EX_TEMPFAIL if
 * a database that is away does not come back in time. */
void load_stop(struct load *l);

/* Says on stderr how far it is. */
void load_report(const struct load *l);

#endif
