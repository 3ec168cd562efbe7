/*
 * One connection to PostgreSQL under the poll loop: libpq, never blocking on
 * the server.  One statement at a time; its outcome is a callback.  When the
 * connection is lost, the statement under way gets no outcome: lost() is
 * called instead.  Does not reconnect by itself: its owner decides when.
 * The connection string may hold a password: nothing here prints it.
 */
#ifndef DB_PG_H
#define DB_PG_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "io/loop.h"

struct pg_error {
	char sqlstate[6]; /* "" where the server gave none */
	char text[700];   /* one line */
};

enum pg_state { PG_DOWN, PG_CONNECTING, PG_READY, PG_BUSY, PG_COPYING };

struct pg {
	/* The owner's, set before pg_connect(). */
	struct loop *loop;
	const char *conninfo; /* *borrowed*; NULL: libpq's environment */
	const char *application;
	int64_t connect_timeout_ms;
	void (*ready)(void *arg);
	void (*lost)(void *arg, const struct pg_error *error);
	void *arg;
	/* Ours. */
	enum pg_state state;
	PGconn *conn;
	struct loop_watch watch;
	struct loop_timer timer;
	bool failed; /* the statement under way */
	struct pg_error error;
	PGresult *result;
	void (*done)(void *arg, const struct pg_error *error, PGresult *result);
	int (*source)(void *arg, const char **p, size_t *len);
};

/* Begins to connect; ready() or lost() will be called, later. */
void pg_connect(struct pg *pg);

/* Closes without a callback. */
void pg_close(struct pg *pg);

/* Sends the statements.  done() gets the last result (*borrowed*) with error
 * NULL, or the first error. */
void pg_exec(struct pg *pg, const char *sql,
    void (*done)(void *arg, const struct pg_error *error, PGresult *result));

/* As pg_exec(), for a COPY ... FROM STDIN: source() hands out the next run of
 * bytes (*borrowed* until the next call) and returns 1, or 0 at the end. */
void pg_copy(struct pg *pg, const char *sql,
    int (*source)(void *arg, const char **p, size_t *len),
    void (*done)(void *arg, const struct pg_error *error, PGresult *result));

/* -1 with *fault (EX_USAGE) if libpq would not understand the string; NULL and
 * a bare database name are fine. */
int pg_conninfo_check(const char *conninfo, struct fault *fault);

/* Whether a string that pg_conninfo_check() took holds a password. */
bool pg_conninfo_secret(const char *conninfo);

/* Whether trying the same again later may succeed (SQLSTATE). */
bool pg_error_passes(const struct pg_error *error);

/* Whether the rows are at fault, not the statement. */
bool pg_error_is_data(const struct pg_error *error);

/* Whether a login, database or permission is refused: the sysexits code, or 0
 * when it is none of these. */
int pg_error_refused(const struct pg_error *error);

#endif
