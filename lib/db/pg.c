#include "db/pg.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"

/* Handed to libpq at once, and in one turn of the loop. */
#define COPY_CHUNK ((size_t)64 * 1024)
#define COPY_TURN ((size_t)512 * 1024)

/* One line, without the trailing newline and without runs of white space. */
static void set_text(struct pg_error *e, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < sizeof(e->text); text++) {
		if (isspace((unsigned char)*text)) {
			if (n > 0 && e->text[n - 1] != ' ')
				e->text[n++] = ' ';
		} else {
			e->text[n++] = *text;
		}
	}
	while (n > 0 && e->text[n - 1] == ' ')
		n--;
	e->text[n] = '\0';
}

static bool is_state(const char *p)
{
	for (int i = 0; i < 5; i++)
		if (!isdigit((unsigned char)p[i]) &&
		    !isupper((unsigned char)p[i]))
			return false;
	return p[5] == ':' && p[6] == ' ';
}

/* A refused connection has no PGresult; its verbose text is
 * "...: FATAL:  28P01: password authentication failed\nLOCATION: ...".  The
 * severity is in the server's language, the SQLSTATE is not. */
static void set_connect_error(struct pg_error *e, const char *text)
{
	char copy[1024];
	char *p, *location;

	e->sqlstate[0] = '\0';
	snprintf(copy, sizeof(copy), "%s", text);
	location = strstr(copy, "\nLOCATION:");
	if (location != NULL)
		*location = '\0';
	for (p = strstr(copy, ":  "); p != NULL; p = strstr(p + 1, ":  ")) {
		if (strlen(p) > 10 && is_state(p + 3)) {
			memcpy(e->sqlstate, p + 3, 5);
			e->sqlstate[5] = '\0';
			memmove(p + 2, p + 10, strlen(p + 10) + 1);
			break;
		}
	}
	if (e->sqlstate[0] == '\0' && strstr(copy, "no password supplied"))
		strcpy(e->sqlstate, "28P01");
	set_text(e, copy);
}

static void set_result_error(struct pg_error *e, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	char both[1024];

	snprintf(e->sqlstate, sizeof(e->sqlstate), "%s", state ? state : "");
	if (text == NULL)
		text = PQresultErrorMessage(result);
	snprintf(both, sizeof(both), "%s%s%s%s", text, detail ? " (" : "",
	    detail ? detail : "", detail ? ")" : "");
	set_text(e, both);
}

static void drop(struct pg *pg)
{
	loop_watch_remove(pg->loop, &pg->watch);
	loop_timer_cancel(pg->loop, &pg->timer);
	PQclear(pg->result);
	pg->result = NULL;
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->state = PG_DOWN;
}

static void fail(struct pg *pg)
{
	struct pg_error error;

	if (!pg->failed)
		set_connect_error(&pg->error, pg->conn != NULL
						  ? PQerrorMessage(pg->conn)
						  : "out of memory");
	error = pg->error;
	drop(pg);
	pg->lost(pg->arg, &error);
}

static void too_slow(void *arg)
{
	struct pg *pg = arg;

	pg->failed = true;
	pg->error.sqlstate[0] = '\0';
	snprintf(pg->error.text, sizeof(pg->error.text),
	    "no connection within %lld ms", (long long)pg->connect_timeout_ms);
	fail(pg);
}

static void ignore_notice(void *arg, const char *message)
{
	(void)arg;
	log_debug("database: %s", message);
}

static void connect_step(struct pg *pg)
{
	switch (PQconnectPoll(pg->conn)) {
	case PGRES_POLLING_READING: pg->watch.events = POLLIN; break;
	case PGRES_POLLING_WRITING: pg->watch.events = POLLOUT; break;
	case PGRES_POLLING_OK:
		PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
		if (PQsetnonblocking(pg->conn, 1) == -1) {
			fail(pg);
			return;
		}
		loop_timer_cancel(pg->loop, &pg->timer);
		pg->watch.fd = PQsocket(pg->conn);
		pg->watch.events = POLLIN;
		pg->state = PG_READY;
		pg->ready(pg->arg);
		return;
	default: fail(pg); return;
	}
	/* libpq goes from address to address, each its own socket. */
	pg->watch.fd = PQsocket(pg->conn);
}

static void take_result(struct pg *pg, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
		if (!pg->failed) {
			pg->failed = true;
			set_result_error(&pg->error, result);
		}
		PQclear(result);
		return;
	}
	PQclear(pg->result);
	pg->result = result;
}

static void finish(struct pg *pg)
{
	void (*done)(void *, const struct pg_error *, PGresult *) = pg->done;
	PGresult *result = pg->result;
	struct pg_error error = pg->error;
	bool failed = pg->failed;

	if (PQstatus(pg->conn) == CONNECTION_BAD) {
		fail(pg);
		return;
	}
	pg->result = NULL;
	pg->state = PG_READY;
	done(pg->arg, failed ? &error : NULL, result);
	PQclear(result);
}

/* Whether the end of the COPY was sent or the connection broke. */
static bool copy_step(struct pg *pg)
{
	size_t turn = 0;
	const char *p;
	size_t len;

	while (turn < COPY_TURN) {
		/* Nothing new while libpq still holds the last. */
		if (PQflush(pg->conn) == 1)
			return false;
		if (pg->source(pg->arg, &p, &len) == 0) {
			if (PQputCopyEnd(pg->conn, NULL) == 1)
				pg->state = PG_BUSY;
			return pg->state == PG_BUSY;
		}
		turn += len;
		if (PQputCopyData(pg->conn, p, (int)len) == -1)
			return true;
	}
	return false;
}

static void collect(struct pg *pg)
{
	PGresult *result;

	while (pg->state == PG_BUSY && !PQisBusy(pg->conn)) {
		result = PQgetResult(pg->conn);
		if (result == NULL) {
			finish(pg);
			return;
		}
		if (PQresultStatus(result) == PGRES_COPY_IN) {
			PQclear(result);
			pg->state = PG_COPYING;
		} else {
			take_result(pg, result);
		}
	}
}

static void wanted(struct pg *pg)
{
	if (pg->conn == NULL)
		return;
	pg->watch.events = POLLIN;
	if (pg->state == PG_COPYING || PQflush(pg->conn) == 1)
		pg->watch.events |= POLLOUT;
}

static void on_event(void *arg, short revents)
{
	struct pg *pg = arg;

	if (pg->watch.ready) { /* nothing could be sent */
		fail(pg);
		return;
	}
	if (pg->state == PG_CONNECTING) {
		connect_step(pg);
		return;
	}
	if ((revents & ~POLLOUT) != 0 && !PQconsumeInput(pg->conn) &&
	    pg->state != PG_BUSY) {
		fail(pg);
		return;
	}
	if (pg->state == PG_COPYING && copy_step(pg) &&
	    pg->state == PG_COPYING) {
		fail(pg);
		return;
	}
	collect(pg);
	if (pg->state == PG_READY && PQstatus(pg->conn) == CONNECTION_BAD) {
		fail(pg);
		return;
	}
	wanted(pg);
}

void pg_connect(struct pg *pg)
{
	/* What stands before dbname gives way to the user's conninfo. */
	const char *const keys[] = {"keepalives_idle", "tcp_user_timeout",
	    "fallback_application_name", "dbname", "client_encoding", NULL};
	const char *const values[] = {
	    "30", "60000", pg->application, pg->conninfo, "UTF8", NULL};

	pg->failed = false;
	pg->state = PG_CONNECTING;
	pg->conn = PQconnectStartParams(keys, values, 1);
	pg->watch.fd = pg->conn != NULL ? PQsocket(pg->conn) : -1;
	pg->watch.events = POLLOUT;
	pg->watch.ready = false;
	pg->watch.call = on_event;
	pg->watch.arg = pg;
	pg->timer.call = too_slow;
	pg->timer.arg = pg;
	loop_watch_add(pg->loop, &pg->watch);
	if (pg->conn == NULL || PQstatus(pg->conn) == CONNECTION_BAD) {
		fail(pg);
		return;
	}
	PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
	loop_timer_set(
	    pg->loop, &pg->timer, clock_mono_ms() + pg->connect_timeout_ms);
}

void pg_close(struct pg *pg)
{
	if (pg->conn != NULL)
		drop(pg);
}

void pg_copy(struct pg *pg, const char *sql,
    int (*source)(void *arg, const char **p, size_t *len),
    void (*done)(void *arg, const struct pg_error *error, PGresult *result))
{
	pg->failed = false;
	pg->done = done;
	pg->source = source;
	pg->state = PG_BUSY;
	/* lost() is called by the loop, never from within this call. */
	if (PQsendQuery(pg->conn, sql) == 0)
		pg->watch.ready = true;
	else
		wanted(pg);
}

void pg_exec(struct pg *pg, const char *sql,
    void (*done)(void *arg, const struct pg_error *error, PGresult *result))
{
	pg_copy(pg, sql, NULL, done);
}

/* Anything else is the name of a database. */
static bool is_conninfo(const char *p)
{
	return strchr(p, '=') != NULL || strncmp(p, "postgres://", 11) == 0 ||
	       strncmp(p, "postgresql://", 13) == 0;
}

int pg_conninfo_check(const char *conninfo, struct fault *fault)
{
	PQconninfoOption *options;

	if (conninfo == NULL || !is_conninfo(conninfo))
		return 0;
	options = PQconninfoParse(conninfo, NULL);
	if (options == NULL)
		return fault_set(fault, EX_USAGE,
		    "the connection string is malformed (it is not shown here: "
		    "it may hold a password)");
	PQconninfoFree(options);
	return 0;
}

bool pg_conninfo_secret(const char *conninfo)
{
	PQconninfoOption *options = is_conninfo(conninfo)
	                                ? PQconninfoParse(conninfo, NULL)
	                                : NULL;
	bool secret = false;

	/* libpq marks with a star what a dialog must not show. */
	for (PQconninfoOption *o = options; o != NULL && o->keyword; o++)
		secret |= o->dispchar[0] == '*' && o->val != NULL &&
		          o->val[0] != '\0';
	PQconninfoFree(options);
	return secret;
}

bool pg_error_passes(const struct pg_error *error)
{
	static const char *const states[] = {"57P01", "57P02", "57P03", "57P05",
	    "40001", "40P01", "55P03", "25006", "57014", "25P03", NULL};

	if (error->sqlstate[0] == '\0' ||
	    strncmp(error->sqlstate, "08", 2) == 0 ||
	    strncmp(error->sqlstate, "53", 2) == 0)
		return true;
	for (size_t i = 0; states[i] != NULL; i++)
		if (strcmp(error->sqlstate, states[i]) == 0)
			return true;
	return false;
}

bool pg_error_is_data(const struct pg_error *error)
{
	return strncmp(error->sqlstate, "22", 2) == 0 ||
	       strncmp(error->sqlstate, "23", 2) == 0 ||
	       strncmp(error->sqlstate, "44", 2) == 0 ||
	       strncmp(error->sqlstate, "P0", 2) == 0;
}

int pg_error_refused(const struct pg_error *error)
{
	if (strncmp(error->sqlstate, "28", 2) == 0 ||
	    strcmp(error->sqlstate, "42501") == 0)
		return EX_NOPERM;
	if (strcmp(error->sqlstate, "3D000") == 0)
		return EX_CONFIG;
	return 0;
}
