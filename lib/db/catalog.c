#include "db/catalog.h"

#include <stdlib.h>
#include <string.h>

/* The columns of the first query's result. */
enum {
	C_ORD,
	C_NAME,
	C_OID,
	C_KIND,
	C_SCHEMA,
	C_BARE,
	C_MAY,
	C_ATTNUM,
	C_COLUMN,
	C_BASE,
	C_IS_ENUM,
	C_ELEMENT,
	C_ELEMENT_IS_ENUM,
	C_TYPE_NAME,
	C_TYPMOD,
	C_NOT_NULL,
	C_HAS_DEFAULT
};

const char catalog_visible_sql[] =
    "SELECT quote_ident(c.relname) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid) "
    "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' "
    "AND has_any_column_privilege(c.oid, 'INSERT') "
    "ORDER BY c.relname";

/* Domains are seen as what they stand for: their receive function calls that
 * type's.  Generated columns and identities GENERATED ALWAYS are not loadable.
 */
static const char columns_sql[] =
    "SELECT w.ord, w.name, c.oid, c.relkind, n.nspname, c.relname, "
    "has_any_column_privilege(c.oid, 'INSERT'), "
    "a.attnum, a.attname, b.oid, b.typtype = 'e', e.oid, e.typtype = 'e', "
    "format_type(a.atttypid, a.atttypmod), "
    "CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, "
    "a.attnotnull OR t.typnotnull, "
    "a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL "
    "FROM w LEFT JOIN pg_class c ON c.oid = to_regclass(w.name) "
    "LEFT JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
    "AND NOT a.attisdropped AND a.attgenerated = '' "
    "AND a.attidentity <> 'a' "
    "LEFT JOIN pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_type b ON b.oid = "
    "CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END "
    "LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A' "
    "ORDER BY w.ord, a.attnum";

static void column_free(struct catalog_column *c)
{
	free(c->name);
	free(c->type_name);
	free(c->sql);
}

void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct catalog_table *t = &c->tables[i];

		for (size_t k = 0; k < t->column_count; k++)
			column_free(&t->columns[k]);
		free(t->columns);
		free(t->keys);
		free(t->name);
		free(t->bare);
		free(t->sql);
		free(t->signature);
	}
	free(c->tables);
	memset(c, 0, sizeof(*c));
}

struct catalog_table *catalog_find(const struct catalog *c, const char *bare)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->tables[i].bare, bare) == 0)
			return &c->tables[i];
	return NULL;
}

static int quote(struct buf *out, const char *text, char mark)
{
	if (buf_addc(out, mark) == -1)
		return -1;
	for (; *text != '\0'; text++)
		if ((*text == mark && buf_addc(out, mark) == -1) ||
		    buf_addc(out, *text) == -1)
			return -1;
	return buf_addc(out, mark);
}

int catalog_quote_name(struct buf *out, const char *name)
{
	return quote(out, name, '"');
}

int catalog_quote_text(struct buf *out, const char *text)
{
	/* Right whatever standard_conforming_strings says. */
	if (strchr(text, '\\') == NULL)
		return quote(out, text, '\'');
	if (buf_adds(out, " E'") == -1)
		return -1;
	for (; *text != '\0'; text++)
		if (((*text == '\'' || *text == '\\') &&
			buf_addc(out, *text) == -1) ||
		    buf_addc(out, *text) == -1)
			return -1;
	return buf_addc(out, '\'');
}

int catalog_columns_sql(struct buf *out, const char *const *names, size_t n)
{
	int r = buf_adds(out, "WITH w(ord, name) AS (VALUES ");

	for (size_t i = 0; i < n && r == 0; i++) {
		r = buf_addf(out, "%s(%zu, ", i > 0 ? ", " : "", i);
		if (r == 0)
			r = catalog_quote_text(out, names[i]);
		if (r == 0)
			r = buf_adds(out, ")");
	}
	if (r == -1 || buf_adds(out, ") ") == -1)
		return -1;
	return buf_adds(out, columns_sql);
}

static const char *text_at(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? "" : PQgetvalue(r, row, column);
}

static bool true_at(const PGresult *r, int row, int column)
{
	return text_at(r, row, column)[0] == 't';
}

static uint32_t oid_at(const PGresult *r, int row, int column)
{
	return (uint32_t)strtoul(text_at(r, row, column), NULL, 10);
}

static char *quoted(const char *schema, const char *name)
{
	struct buf b;

	buf_init(&b, 4096);
	if ((schema != NULL && (catalog_quote_name(&b, schema) == -1 ||
				   buf_addc(&b, '.') == -1)) ||
	    catalog_quote_name(&b, name) == -1 || buf_str(&b) == NULL) {
		buf_free(&b);
		return NULL;
	}
	return b.data;
}

static int no_memory(struct fault *fault)
{
	return fault_set(fault, EX_OSERR, "out of memory");
}

static int check_table(const PGresult *r, int row, struct fault *fault)
{
	const char *name = text_at(r, row, C_NAME);
	char kind = text_at(r, row, C_KIND)[0];

	if (kind != 'r' && kind != 'p' && kind != 'f')
		return fault_set(fault, EX_CONFIG, "%s is not a table", name);
	if (!true_at(r, row, C_MAY))
		return fault_set(fault, EX_NOPERM,
		    "permission denied to insert into %s", name);
	return 0;
}

static int add_table(
    struct catalog *c, const PGresult *r, int row, struct fault *fault)
{
	struct catalog_table *t;

	if (check_table(r, row, fault) == -1)
		return -1;
	t = realloc(c->tables, (c->count + 1) * sizeof(*t));
	if (t == NULL)
		return no_memory(fault);
	c->tables = t;
	t = &c->tables[c->count++];
	memset(t, 0, sizeof(*t));
	t->oid = oid_at(r, row, C_OID);
	t->name = strdup(text_at(r, row, C_NAME));
	t->bare = strdup(text_at(r, row, C_BARE));
	t->sql = quoted(text_at(r, row, C_SCHEMA), text_at(r, row, C_BARE));
	if (t->name == NULL || t->bare == NULL || t->sql == NULL)
		return no_memory(fault);
	return 0;
}

static void set_form(struct value_form *form, const PGresult *r, int row)
{
	uint32_t base = oid_at(r, row, C_BASE);
	uint32_t element = oid_at(r, row, C_ELEMENT);
	long typmod = strtol(text_at(r, row, C_TYPMOD), NULL, 10);
	bool is_enum;

	form->array = element != 0;
	form->element_oid = element;
	is_enum = true_at(r, row, form->array ? C_ELEMENT_IS_ENUM : C_IS_ENUM);
	form->type = is_enum ? VALUE_ENUM
	                     : value_type_of(form->array ? element : base);
	if ((form->array ? element : base) == 1043 && typmod > 4)
		form->length_max = (int32_t)typmod - 4; /* VARHDRSZ */
}

static int add_column(
    struct catalog_table *t, const PGresult *r, int row, struct fault *fault)
{
	struct catalog_column *c;

	c = realloc(t->columns, (t->column_count + 1) * sizeof(*c));
	if (c == NULL)
		return no_memory(fault);
	t->columns = c;
	c = &t->columns[t->column_count++];
	memset(c, 0, sizeof(*c));
	c->name = strdup(text_at(r, row, C_COLUMN));
	c->type_name = strdup(text_at(r, row, C_TYPE_NAME));
	c->sql = quoted(NULL, text_at(r, row, C_COLUMN));
	if (c->name == NULL || c->type_name == NULL || c->sql == NULL)
		return no_memory(fault);
	c->number = atoi(text_at(r, row, C_ATTNUM));
	c->not_null = true_at(r, row, C_NOT_NULL);
	c->has_default = true_at(r, row, C_HAS_DEFAULT);
	set_form(&c->form, r, row);
	c->form.name = c->type_name;
	if (c->form.type == VALUE_UNSUPPORTED && c->not_null && !c->has_default)
		return fault_set(fault, EX_CONFIG,
		    "%s: column %s is NOT NULL and its type %s is not "
		    "supported",
		    t->name, c->name, c->type_name);
	return 0;
}

int catalog_take_columns(struct catalog *c, const PGresult *result,
    size_t required, struct fault *fault)
{
	int rows = PQntuples(result);
	long last = -1;

	for (int i = 0; i < rows; i++) {
		long ord = strtol(text_at(result, i, C_ORD), NULL, 10);

		if (PQgetisnull(result, i, C_OID) && (size_t)ord < required)
			return fault_set(fault, EX_CONFIG,
			    "no table %s in this database",
			    text_at(result, i, C_NAME));
		if ((size_t)ord >= required && !true_at(result, i, C_MAY))
			continue;
		if (catalog_find(c, text_at(result, i, C_BARE)) != NULL &&
		    ord != last)
			continue; /* named twice */
		if (ord != last && add_table(c, result, i, fault) == -1)
			return -1;
		last = ord;
		if (!PQgetisnull(result, i, C_ATTNUM) &&
		    add_column(&c->tables[c->count - 1], result, i, fault) ==
			-1)
			return -1;
	}
	return 0;
}

int catalog_signature_sql(struct buf *out, uint32_t oid)
{
	return buf_addf(out,
	    "(SELECT string_agg(attnum || ':' || atttypid || ':' || "
	    "atttypmod || ':' || attname, ',' ORDER BY attnum) "
	    "FROM pg_attribute WHERE attrelid = %u AND attnum > 0 "
	    "AND NOT attisdropped)",
	    (unsigned)oid);
}

/* First each table's signature with a NULL, then its keys. */
int catalog_keys_sql(const struct catalog *c, struct buf *out)
{
	for (size_t i = 0; i < c->count; i++)
		if (buf_addf(out, "SELECT %u AS oid, ",
			(unsigned)c->tables[i].oid) == -1 ||
		    catalog_signature_sql(out, c->tables[i].oid) == -1 ||
		    buf_adds(out, " AS text, 0 AS class, 0::oid AS id "
				  "UNION ALL ") == -1)
			return -1;
	if (buf_adds(out,
		"SELECT i.indrelid, (SELECT string_agg(k::text, ' ' "
		"ORDER BY o) FROM unnest(i.indkey::int2[]) "
		"WITH ORDINALITY u(k, o) WHERE o <= i.indnkeyatts), "
		"CASE WHEN i.indisprimary THEN 1 ELSE 2 END, "
		"i.indexrelid "
		"FROM pg_index i WHERE i.indisunique AND "
		"i.indisvalid AND i.indimmediate AND i.indpred IS "
		"NULL AND i.indexprs IS NULL AND i.indrelid IN (0") == -1)
		return -1;
	for (size_t i = 0; i < c->count; i++)
		if (buf_addf(out, ", %u", (unsigned)c->tables[i].oid) == -1)
			return -1;
	return buf_adds(out, ") ORDER BY 1, 3, 4");
}

static int column_of_number(const struct catalog_table *t, long number)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i].number == number)
			return (int)i;
	return -1;
}

/* A key with a column that cannot be loaded is the server's own business. */
static int add_key(
    struct catalog_table *t, const char *numbers, struct fault *fault)
{
	struct catalog_key key = {0};
	struct catalog_key *keys;
	char *end;

	while (*numbers != '\0') {
		int column = column_of_number(t, strtol(numbers, &end, 10));

		if (column == -1 || key.count == CATALOG_KEY_MAX)
			return 0;
		key.columns[key.count++] = column;
		key.nullable |= !t->columns[column].not_null;
		numbers = end;
	}
	keys = realloc(t->keys, (t->key_count + 1) * sizeof(*keys));
	if (keys == NULL)
		return no_memory(fault);
	t->keys = keys;
	t->keys[t->key_count++] = key;
	return 0;
}

static int take_key(
    struct catalog_table *t, const PGresult *r, int row, struct fault *fault)
{
	if (strcmp(text_at(r, row, 2), "0") != 0)
		return add_key(t, text_at(r, row, 1), fault);
	t->signature = strdup(text_at(r, row, 1));
	return t->signature == NULL ? no_memory(fault) : 0;
}

int catalog_take_keys(
    struct catalog *c, const PGresult *result, struct fault *fault)
{
	for (int i = 0; i < PQntuples(result); i++)
		for (size_t k = 0; k < c->count; k++)
			if (c->tables[k].oid == oid_at(result, i, 0) &&
			    take_key(&c->tables[k], result, i, fault) == -1)
				return -1;
	for (size_t k = 0; k < c->count; k++)
		if (c->tables[k].signature == NULL)
			return fault_set(fault, EX_CONFIG,
			    "%s: the table went away", c->tables[k].name);
	return 0;
}
