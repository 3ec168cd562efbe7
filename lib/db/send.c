#include "db/step.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define CHUNK ((size_t)64 * 1024)

static struct load_range *top(struct load *l)
{
	return &l->ranges[l->range_count - 1];
}

static const struct batch_row *last_row(struct load *l)
{
	return &l->send->rows[top(l)->to - 1];
}

static void run(struct load *l,
    void (*done)(void *arg, const struct pg_error *e, PGresult *result))
{
	if (buf_str(&l->sql) == NULL)
		load_fail(l, EX_OSERR, "out of memory");
	else
		pg_exec(&l->pg, buf_head(&l->sql), done);
}

static size_t rows_of(struct load *l, unsigned sink)
{
	const char *p;
	size_t len;

	return batch_span(l->send, sink, top(l)->from, top(l)->to, &p, &len);
}

static void range_over(struct load *l)
{
	l->range_count--;
	if (l->range_count > 0) {
		send_range(l);
		return;
	}
	batch_clear(l->send);
	l->send = NULL;
	load_pump(l);
}

static void committed(struct load *l)
{
	const struct batch_row *last = last_row(l);

	for (size_t i = top(l)->from; i < top(l)->to; i++)
		l->intake.sinks.sink[l->send->rows[i].sink]->accepted++;
	l->rows += top(l)->to - top(l)->from;
	l->commits++;
	l->reloads = 0;
	l->said[0] = '\0';
	l->ledger.known = true;
	l->ledger.position = last->position;
	l->ledger.lines = last->line;
	backoff_reset(&l->backoff);
	range_over(l);
}

/* Halves the range, or rejects the one row that it is. */
static void bisect(struct load *l)
{
	struct load_range r = *top(l);
	const struct batch_row *row = &l->send->rows[r.from];
	struct fault fault = {0};
	size_t middle = r.from + (r.to - r.from) / 2;

	if (r.to - r.from > 1) {
		top(l)->from = middle;
		l->ranges[l->range_count++] = (struct load_range){
		    r.from, middle};
		send_range(l);
		return;
	}
	if (reject_line(&l->intake.reject, row->line, l->why.text,
		buf_head(&l->send->text) + row->text, row->text_len,
		&fault) == -1)
		load_fail(l, fault.exit_code, "%s", fault.text);
	else
		range_over(l);
}

static void wait_and_send(struct load *l)
{
	load_wait(l, &l->why, send_range);
}

static void read_tables_again(struct load *l)
{
	l->reloading = true;
	l->reloads++;
	l->ready = false;
	log_info("the tables changed (%s): reading them again", l->why.text);
	setup_begin(l);
}

static void rolled_back(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	(void)e;
	(void)result;
	l->resume(l);
}

/* A field of another length than its type has is 08P01, 22P03 or both. */
static bool is_schema(const struct pg_error *e)
{
	static const char *const states[] = {"42P01", "42703", "42804", "42P10",
	    "22P03", "428C9", "08P01", NULL};

	for (size_t i = 0; states[i] != NULL; i++)
		if (strcmp(e->sqlstate, states[i]) == 0)
			return true;
	return false;
}

static void failed(struct load *l, const struct pg_error *e)
{
	l->why = *e;
	if (is_schema(e)) {
		if (l->reloads > 0) {
			load_fail(l, EX_CONFIG, "database: %s", e->text);
			return;
		}
		l->resume = read_tables_again;
	} else if (pg_error_passes(e)) {
		l->resume = wait_and_send;
	} else if (pg_error_is_data(e)) {
		l->resume = bisect;
	} else {
		load_fail(l,
		    pg_error_refused(e) != 0 ? pg_error_refused(e)
					     : EX_SOFTWARE,
		    "database: %s (SQLSTATE %s)", e->text, e->sqlstate);
		return;
	}
	pg_exec(&l->pg, "ROLLBACK", rolled_back);
}

static void commit_done(void *arg, const struct pg_error *e, PGresult *result)
{
	static const struct pg_error undone = {
	    "40000", "the transaction was rolled back"};
	struct load *l = arg;

	if (e == NULL && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		e = &undone;
	if (e != NULL)
		failed(l, e);
	else
		committed(l);
}

/* Tables in the order of their names: two loaders do not deadlock. */
static int order(const struct copy_sink *a, const struct copy_sink *b)
{
	int r = strcmp(a->table->sql, b->table->sql);

	return r != 0 ? r : (a->number > b->number) - (a->number < b->number);
}

static struct copy_sink *sink_after(struct load *l, struct copy_sink *last)
{
	struct copy_sinks *sinks = &l->intake.sinks;
	struct copy_sink *best = NULL;

	for (unsigned i = 0; i < sinks->count; i++) {
		struct copy_sink *s = sinks->sink[i];

		if ((last == NULL || order(s, last) > 0) &&
		    (best == NULL || order(s, best) < 0) && rows_of(l, i) > 0)
			best = s;
	}
	return best;
}

static int source(void *arg, const char **p, size_t *len)
{
	struct load *l = arg;

	switch (l->copy_part) {
	case 0:
		*p = copy_header;
		*len = sizeof(copy_header);
		l->copy_part++;
		return 1;
	case 1:
		*p = l->copy_at;
		*len = l->copy_left > CHUNK ? CHUNK : l->copy_left;
		l->copy_at += *len;
		l->copy_left -= *len;
		if (l->copy_left == 0)
			l->copy_part++;
		return 1;
	case 2:
		*p = copy_trailer;
		*len = sizeof(copy_trailer);
		l->copy_part++;
		return 1;
	default: return 0;
	}
}

static void copy_next(struct load *l);

static void merged(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	(void)result;
	if (e != NULL)
		failed(l, e);
	else
		copy_next(l);
}

static void copied(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	(void)result;
	if (e != NULL) {
		failed(l, e);
	} else if (l->sink->key != NULL) {
		buf_clear(&l->sql);
		merge_sql(l->sink, &l->sql);
		run(l, merged);
	} else {
		copy_next(l);
	}
}

static void copy_next(struct load *l)
{
	l->sink = sink_after(l, l->sink);
	if (l->sink == NULL) {
		pg_exec(&l->pg, "COMMIT", commit_done);
		return;
	}
	batch_span(l->send, l->sink->number, top(l)->from, top(l)->to,
	    &l->copy_at, &l->copy_left);
	l->copy_part = 0;
	buf_clear(&l->sql);
	buf_adds(&l->sql, "COPY ");
	merge_target(l->sink, &l->sql);
	buf_adds(&l->sql, " FROM STDIN BINARY");
	if (buf_str(&l->sql) == NULL)
		load_fail(l, EX_OSERR, "out of memory");
	else
		pg_copy(&l->pg, buf_head(&l->sql), source, copied);
}

/* The claim failed: the row is not where we left it.  Either an earlier
 * attempt, whose answer was lost, has committed; or the row was pruned. */
static void position_came(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;
	uint64_t position;

	if (e != NULL) {
		failed(l, e);
		return;
	}
	if (PQntuples(result) == 0) {
		l->ledger.known = false;
		send_range(l);
		return;
	}
	position = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	if (position == last_row(l)->position) {
		log_info("the batch up to line %" PRIu64
			 " was committed before the connection was lost",
		    last_row(l)->line);
		committed(l);
	} else {
		load_fail(l, EX_SOFTWARE,
		    "the ledger says %" PRIu64 " of %s, not %" PRIu64, position,
		    l->ledger.source, l->ledger.position);
	}
}

static void claimed(void *arg, const struct pg_error *e, PGresult *result)
{
	static const struct pg_error changed = {"42804", "a column changed"};
	struct load *l = arg;

	if (e != NULL) {
		failed(l, e);
	} else if (PQntuples(result) == 0) {
		buf_clear(&l->sql);
		buf_adds(&l->sql, "ROLLBACK; ");
		ledger_read_sql(&l->ledger, &l->sql);
		run(l, position_came);
	} else if (strcmp(PQgetvalue(result, 0, 0), "t") != 0) {
		failed(l, &changed);
	} else {
		l->sink = NULL;
		copy_next(l);
	}
}

/* Calls add() for each table that rows go to, in order. */
static void each_table(
    struct load *l, void (*add)(struct buf *out, const struct catalog_table *t))
{
	const struct catalog_table *last = NULL;
	struct copy_sink *s = NULL;

	while ((s = sink_after(l, s)) != NULL) {
		if (s->table != last)
			add(&l->sql, s->table);
		last = s->table;
	}
}

/* The lock that COPY takes, only earlier; ONLY, since a hypertable has
 * thousands of chunks. */
static void add_lock(struct buf *out, const struct catalog_table *t)
{
	buf_addf(out, "LOCK TABLE ONLY %s IN ROW EXCLUSIVE MODE; ", t->sql);
}

static void add_unchanged(struct buf *out, const struct catalog_table *t)
{
	catalog_signature_sql(out, t->oid);
	buf_adds(out, " IS NOT DISTINCT FROM ");
	catalog_quote_text(out, t->signature);
	buf_adds(out, " AND ");
}

static void claim(struct load *l)
{
	buf_clear(&l->sql);
	buf_adds(&l->sql, "BEGIN ISOLATION LEVEL READ COMMITTED; ");
	each_table(l, add_lock);
	ledger_claim_sql(
	    &l->ledger, last_row(l)->position, last_row(l)->line, &l->sql);
	each_table(l, add_unchanged);
	buf_adds(&l->sql, "true");
	run(l, claimed);
}

static void staged(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	(void)result;
	if (e != NULL) {
		failed(l, e);
		return;
	}
	for (unsigned i = 0; i < l->intake.sinks.count; i++)
		if (l->intake.sinks.sink[i]->key != NULL && rows_of(l, i) > 0)
			l->intake.sinks.sink[i]->staged = l->connection;
	claim(l);
}

void send_range(struct load *l)
{
	struct copy_sinks *sinks = &l->intake.sinks;

	buf_clear(&l->sql);
	for (unsigned i = 0; i < sinks->count; i++)
		if (sinks->sink[i]->key != NULL &&
		    sinks->sink[i]->staged != l->connection &&
		    rows_of(l, i) > 0)
			merge_stage_sql(sinks->sink[i], &l->sql);
	if (buf_used(&l->sql) > 0)
		run(l, staged);
	else
		claim(l);
}
