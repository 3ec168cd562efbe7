#include "db/step.h"

#include <stdlib.h>
#include <string.h>

static void names_free(struct load *l)
{
	for (size_t i = 0; i < l->name_count; i++)
		free(l->names[i]);
	free(l->names);
	l->names = NULL;
	l->name_count = 0;
}

static int name_add(struct load *l, const char *name)
{
	char **p = realloc(l->names, (l->name_count + 1) * sizeof(*p));

	if (p == NULL)
		return -1;
	l->names = p;
	p[l->name_count] = strdup(name);
	if (p[l->name_count] == NULL)
		return -1;
	l->name_count++;
	return 0;
}

static void no_memory(struct load *l)
{
	load_fail(l, EX_OSERR, "out of memory");
}

static void failed(struct load *l, const struct pg_error *e)
{
	if (pg_error_passes(e))
		load_wait(l, e, setup_begin);
	else if (pg_error_refused(e) != 0)
		load_fail(l, pg_error_refused(e), "database: %s", e->text);
	else
		load_fail(l, EX_CONFIG, "database: %s", e->text);
}

/* The lines kept in both batches become rows of the tables as they are now. */
static int encode_again(
    struct load *l, struct batch *b, size_t from, struct fault *fault)
{
	struct batch fresh;
	int r = 0;

	batch_init(&fresh);
	for (size_t i = from; i < b->count && r == 0; i++) {
		const struct batch_row *row = &b->rows[i];
		struct ndjson_item item = {.what = NDJSON_LINE,
		    .p = buf_head(&b->text) + row->text,
		    .len = row->text_len,
		    .line = row->line,
		    .offset = row->position,
		    .whole = 0};

		r = intake_line(&l->intake, &item, &fresh, fault);
	}
	batch_free(b);
	*b = fresh;
	return r;
}

static void reload(struct load *l)
{
	struct fault fault = {0};

	l->reloading = false;
	if (l->send != NULL) {
		size_t from = l->ranges[l->range_count - 1].from;

		if (encode_again(l, l->send, from, &fault) == -1) {
			load_fail(l, fault.exit_code, "%s", fault.text);
			return;
		}
		l->ranges[0] = (struct load_range){0, l->send->count};
		l->range_count = 1;
		if (l->send->count == 0)
			l->send = NULL;
	}
	if (encode_again(l, l->gather, 0, &fault) == -1)
		load_fail(l, fault.exit_code, "%s", fault.text);
}

static void pruned(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	(void)result;
	if (e != NULL && pg_error_passes(e)) {
		failed(l, e);
		return;
	}
	if (e != NULL && pg_error_refused(e) != 0) {
		load_fail(
		    l, EX_NOPERM, "the ledger " LEDGER_TABLE ": %s", e->text);
		return;
	}
	l->started = l->ready = true;
	if (l->send != NULL)
		send_range(l);
	else
		load_pump(l);
}

static void created(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	(void)result;
	if (e == NULL) {
		pg_exec(&l->pg, ledger_prune_sql, pruned);
	} else if (strcmp(e->sqlstate, "42501") == 0) {
		load_fail(l, EX_CONFIG,
		    "the ledger is not there and may not be created (%s); let "
		    "an owner run: %s",
		    e->text, ledger_create_sql);
	} else if (strcmp(e->sqlstate, "23505") == 0 ||
		   strcmp(e->sqlstate, "42P07") == 0) {
		/* Another loader created it in the same moment. */
		pg_exec(&l->pg, ledger_prune_sql, pruned);
	} else {
		failed(l, e);
	}
}

static void looked(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	if (e != NULL)
		failed(l, e);
	else if (strcmp(PQgetvalue(result, 0, 0), "t") == 0)
		pg_exec(&l->pg, ledger_prune_sql, pruned);
	else
		pg_exec(&l->pg, ledger_create_sql, created);
}

static void keys_came(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;
	struct fault fault = {0};

	if (e != NULL) {
		failed(l, e);
		return;
	}
	if (catalog_take_keys(&l->intake.catalog, result, &fault) == -1 ||
	    l->config.tables_known(l->config.arg, &l->intake.catalog, &fault) ==
		-1) {
		load_fail(l, fault.exit_code, "%s", fault.text);
		return;
	}
	if (l->reloading)
		reload(l);
	if (!l->finished)
		pg_exec(&l->pg, ledger_exists_sql, looked);
}

static void columns_came(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;
	struct fault fault = {0};

	if (e != NULL) {
		failed(l, e);
		return;
	}
	intake_reset(&l->intake);
	if (catalog_take_columns(&l->intake.catalog, result,
		l->config.table_count, &fault) == -1) {
		load_fail(l, fault.exit_code, "%s", fault.text);
		return;
	}
	buf_clear(&l->sql);
	if (catalog_keys_sql(&l->intake.catalog, &l->sql) == -1 ||
	    buf_str(&l->sql) == NULL)
		no_memory(l);
	else
		pg_exec(&l->pg, buf_head(&l->sql), keys_came);
}

static void ask_columns(struct load *l)
{
	if (l->name_count == 0) {
		load_fail(l, EX_CONFIG,
		    "this database has no table that takes records");
		return;
	}
	buf_clear(&l->sql);
	if (catalog_columns_sql(
		&l->sql, (const char *const *)l->names, l->name_count) == -1 ||
	    buf_str(&l->sql) == NULL)
		no_memory(l);
	else
		pg_exec(&l->pg, buf_head(&l->sql), columns_came);
}

static void visible_came(void *arg, const struct pg_error *e, PGresult *result)
{
	struct load *l = arg;

	if (e != NULL) {
		failed(l, e);
		return;
	}
	for (int i = 0; i < PQntuples(result); i++)
		if (l->config.accepts(
			l->config.arg, PQgetvalue(result, i, 0)) &&
		    name_add(l, PQgetvalue(result, i, 0)) == -1) {
			no_memory(l);
			return;
		}
	ask_columns(l);
}

void setup_begin(struct load *l)
{
	names_free(l);
	if (l->config.table_count == 0) {
		pg_exec(&l->pg, catalog_visible_sql, visible_came);
		return;
	}
	for (size_t i = 0; i < l->config.table_count; i++)
		if (name_add(l, l->config.tables[i]) == -1) {
			no_memory(l);
			return;
		}
	if (name_add(l, l->config.also) == -1)
		no_memory(l);
	else
		ask_columns(l);
}
