/*
 * What the database's catalog says of the tables to be loaded: columns in
 * order, exact types, NOT NULL, defaults, unique keys.  Builds the queries and
 * reads their results; who sends them is not known here.  A table once read
 * does not change; its owner reads it anew.
 */
#ifndef DB_CATALOG_H
#define DB_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/fault.h"
#include "db/value.h"

#define CATALOG_KEY_MAX 32

struct catalog_column {
	char *name;
	char *type_name;
	char *sql;  /* the name, quoted */
	int number; /* pg_attribute.attnum */
	struct value_form form;
	bool not_null;
	bool has_default; /* leave it out where a record has no such member */
};

struct catalog_key {
	int count;
	int columns[CATALOG_KEY_MAX]; /* indexes into the table's columns */
	bool nullable;
};

struct catalog_table {
	char *name;      /* as the user wrote it */
	char *bare;      /* without schema and quotes */
	char *sql;       /* schema and name, quoted */
	char *signature; /* changes with any column's type; see below */
	uint32_t oid;
	struct catalog_column *columns; /* those that can be loaded */
	size_t column_count;
	struct catalog_key *keys; /* the primary key first */
	size_t key_count;
};

struct catalog {
	struct catalog_table *tables;
	size_t count;
};

void catalog_free(struct catalog *c);

/* The table of that bare name, or NULL. */
struct catalog_table *catalog_find(const struct catalog *c, const char *bare);

/* Appends a name quoted as SQL identifier, a text as SQL literal. */
int catalog_quote_name(struct buf *out, const char *name);
int catalog_quote_text(struct buf *out, const char *text);

/* The names of all tables that a bare name would find. */
extern const char catalog_visible_sql[];

/* Appends the query for these tables' columns; names are SQL: schema and
 * quotes are allowed. */
int catalog_columns_sql(struct buf *out, const char *const *names, size_t n);

/* Takes its result; a table that is not there, or may not be filled, is left
 * out unless required, which counts the first names that must be there.  -1
 * with *fault (EX_CONFIG, EX_NOPERM). */
int catalog_take_columns(struct catalog *c, const PGresult *result,
    size_t required, struct fault *fault);

/* Appends an SQL expression: the table's signature now.  A float8 column that
 * became bigint would take our bytes without a word; so this is compared, with
 * the table locked, before rows are sent. */
int catalog_signature_sql(struct buf *out, uint32_t oid);

/* The same for their signatures and unique keys. */
int catalog_keys_sql(const struct catalog *c, struct buf *out);
int catalog_take_keys(
    struct catalog *c, const PGresult *result, struct fault *fault);

#endif
