/*
 * Tables whose rows repeat by nature take a detour: COPY into a temporary
 * table, then one INSERT that adds what is new and changes what differs.
 */
#include "db/step.h"

#include <string.h>

/* When only the time of receipt differs, nothing was learned. */
#define RECEIPT "received_at"

static const struct catalog_column *column(const struct copy_sink *s, int i)
{
	return &s->table->columns[s->columns[i]];
}

static bool in_key(const struct copy_sink *s, int i)
{
	for (int k = 0; k < s->key->count; k++)
		if (s->key->columns[k] == s->columns[i])
			return true;
	return false;
}

static void add_columns(const struct copy_sink *s, struct buf *out)
{
	for (int i = 0; i < s->count; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", column(s, i)->sql);
}

static void add_key(const struct copy_sink *s, const char *prefix,
    const char *between, struct buf *out)
{
	for (int k = 0; k < s->key->count; k++)
		buf_addf(out, "%s%s%s", k > 0 ? between : "", prefix,
		    s->table->columns[s->key->columns[k]].sql);
}

void merge_target(const struct copy_sink *s, struct buf *out)
{
	if (s->key != NULL)
		buf_addf(out, "pg_temp.tsdb_stage_%u (", s->serial);
	else
		buf_addf(out, "%s (", s->table->sql);
	add_columns(s, out);
	buf_adds(out, ")");
}

void merge_stage_sql(const struct copy_sink *s, struct buf *out)
{
	buf_addf(out,
	    "CREATE TEMP TABLE IF NOT EXISTS tsdb_stage_%u "
	    "ON COMMIT DELETE ROWS AS SELECT ",
	    s->serial);
	add_columns(s, out);
	buf_addf(out, " FROM %s WITH NO DATA; ", s->table->sql);
}

/* Columns that may change: 0 if there are none. */
static int add_assignments(const struct copy_sink *s, struct buf *out)
{
	int n = 0;

	for (int i = 0; i < s->count; i++)
		if (!in_key(s, i))
			buf_addf(out, "%s%s = COALESCE(EXCLUDED.%s, t.%s)",
			    n++ > 0 ? ", " : "", column(s, i)->sql,
			    column(s, i)->sql, column(s, i)->sql);
	return n;
}

/* json has no equality; its text has. */
static const char *cast(const struct catalog_column *c)
{
	return c->form.type == VALUE_JSON ? "::text" : "";
}

static void add_difference(const struct copy_sink *s, struct buf *out)
{
	int n = 0;

	for (int i = 0; i < s->count; i++) {
		const struct catalog_column *c = column(s, i);

		if (in_key(s, i) || strcmp(c->name, RECEIPT) == 0)
			continue;
		buf_addf(out,
		    "%s(EXCLUDED.%s IS NOT NULL AND "
		    "EXCLUDED.%s%s IS DISTINCT FROM t.%s%s)",
		    n++ > 0 ? " OR " : "", c->sql, c->sql, cast(c), c->sql,
		    cast(c));
	}
	if (n == 0)
		buf_adds(out, "false");
}

/* Within the batch the last row of a key wins: the staging table is filled in
 * order, so that is the greatest ctid.  Rows with NULL in a key never collide
 * in the index and must not here. */
void merge_sql(const struct copy_sink *s, struct buf *out)
{
	buf_addf(out, "INSERT INTO %s AS t (", s->table->sql);
	add_columns(s, out);
	buf_adds(out, ") SELECT DISTINCT ON (");
	add_key(s, "", ", ", out);
	if (s->key->nullable) {
		buf_adds(out, ", CASE WHEN ");
		add_key(s, "NULL IS NOT DISTINCT FROM ", " OR ", out);
		buf_adds(out, " THEN ctid END");
	}
	buf_adds(out, ") ");
	add_columns(s, out);
	buf_addf(out, " FROM pg_temp.tsdb_stage_%u ORDER BY ", s->serial);
	add_key(s, "", ", ", out);
	if (s->key->nullable) {
		buf_adds(out, ", CASE WHEN ");
		add_key(s, "NULL IS NOT DISTINCT FROM ", " OR ", out);
		buf_adds(out, " THEN ctid END");
	}
	buf_adds(out, ", ctid DESC ON CONFLICT (");
	add_key(s, "", ", ", out);
	buf_adds(out, ") DO UPDATE SET ");
	if (add_assignments(s, out) == 0) {
		out->len -= strlen("UPDATE SET ");
		buf_adds(out, "NOTHING");
		return;
	}
	buf_adds(out, " WHERE ");
	add_difference(s, out);
}
