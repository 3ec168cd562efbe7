#include "db/copy.h"

#include <stdlib.h>
#include <string.h>

#include "db/wire.h"

/* A batch ends long before; one line more must always fit. */
#define BATCH_BYTES_MAX ((size_t)64 * 1024 * 1024)

const char copy_header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
const char copy_trailer[2] = "\377\377";

static void sink_free(struct copy_sink *s)
{
	if (s != NULL)
		free(s->columns);
	free(s);
}

void copy_sinks_free(struct copy_sinks *s)
{
	for (unsigned i = 0; i < s->count; i++)
		sink_free(s->sink[i]);
	s->count = 0;
}

static bool has_column(const struct copy_sink *s, int column)
{
	for (int i = 0; i < s->count; i++)
		if (s->columns[i] == column)
			return true;
	return false;
}

/* Rows can repeat only where the record itself carries the whole key. */
static const struct catalog_key *key_of(const struct copy_sink *s)
{
	for (size_t i = 0; i < s->table->key_count; i++) {
		const struct catalog_key *key = &s->table->keys[i];
		int n = 0;

		while (n < key->count && has_column(s, key->columns[n]))
			n++;
		if (n == key->count)
			return key;
	}
	return NULL;
}

static struct copy_sink *sink_find(
    const struct copy_sinks *sinks, const struct copy_sink *like)
{
	for (unsigned i = 0; i < sinks->count; i++) {
		struct copy_sink *s = sinks->sink[i];

		if (s->table == like->table && s->count == like->count &&
		    memcmp(s->columns, like->columns,
			(size_t)like->count * sizeof(int)) == 0)
			return s;
	}
	return NULL;
}

static struct copy_sink *sink_take(
    struct copy_sinks *sinks, struct copy_sink *s, struct fault *fault)
{
	struct copy_sink *known = sink_find(sinks, s);

	if (known != NULL) {
		sink_free(s);
		return known;
	}
	if (sinks->count == COPY_SINKS_MAX) {
		sink_free(s);
		fault_set(fault, EX_DATAERR,
		    "one more set of members than the %d that are known",
		    COPY_SINKS_MAX);
		return NULL;
	}
	s->key = key_of(s);
	s->number = sinks->count;
	s->serial = sinks->serial++;
	sinks->sink[sinks->count++] = s;
	return s;
}

static int choose_columns(
    struct copy_sink *s, const struct shape *leaf, struct fault *fault)
{
	const struct catalog_table *t = s->table;
	bool any = false;

	for (size_t i = 0; i < t->column_count; i++) {
		const struct catalog_column *c = &t->columns[i];
		bool carried = shape_member(leaf, c->name) != -1;

		if (carried && c->form.type == VALUE_UNSUPPORTED)
			return fault_set(fault, EX_CONFIG,
			    "%s: column %s: the type %s is not supported",
			    t->name, c->name, c->type_name);
		any |= carried;
		if (carried ||
		    (!c->has_default && c->form.type != VALUE_UNSUPPORTED))
			s->columns[s->count++] = (int)i;
	}
	if (!any) /* a row of NULLs tells nothing */
		return fault_set(
		    fault, EX_DATAERR, "no member is a column of %s", t->name);
	return 0;
}

struct copy_plan *copy_plan_new(struct copy_sinks *sinks,
    const struct catalog_table *table, const struct shape *leaf,
    struct fault *fault)
{
	struct copy_sink *s = calloc(1, sizeof(*s));
	struct copy_plan *plan = calloc(1, sizeof(*plan));

	if (s != NULL) {
		s->table = table;
		s->columns = calloc(table->column_count + 1, sizeof(int));
	}
	if (s == NULL || plan == NULL || s->columns == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		goto fail;
	}
	if (choose_columns(s, leaf, fault) == -1)
		goto fail;
	plan->sink = sink_take(sinks, s, fault);
	s = NULL;
	if (plan->sink == NULL)
		goto fail;
	plan->source = calloc((size_t)plan->sink->count, sizeof(int));
	if (plan->source == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		goto fail;
	}
	for (int i = 0; i < plan->sink->count; i++)
		plan->source[i] = shape_member(
		    leaf, table->columns[plan->sink->columns[i]].name);
	return plan;
fail:
	sink_free(s);
	copy_plan_free(plan);
	return NULL;
}

void copy_plan_free(struct copy_plan *plan)
{
	struct copy_plan *next;

	for (; plan != NULL; plan = next) {
		next = plan->next;
		free(plan->source);
		free(plan);
	}
}

static int put_column(const struct catalog_column *c,
    const struct json_value *v, struct buf *out, struct fault *fault)
{
	if (v == NULL || v->type == JSON_NULL) {
		if (c->not_null)
			return fault_set(fault, EX_DATAERR,
			    "%s: %s, and the column is NOT NULL", c->name,
			    v == NULL ? "missing" : "null");
		if (value_null(out) == -1)
			return fault_set(fault, EX_DATAERR, "row too long");
		return 0;
	}
	if (value_encode(&c->form, v, out, fault) == -1)
		return fault_prefix(fault, "%s", c->name);
	return 0;
}

int copy_row(const struct copy_plan *plan, const struct json_value *values,
    struct buf *out, struct fault *fault)
{
	const struct copy_sink *s = plan->sink;
	size_t before = buf_used(out);

	if (buf_reserve(out, 2) == -1)
		return fault_set(fault, EX_DATAERR, "row too long");
	wire_put16(out, (uint16_t)s->count);
	for (int i = 0; i < s->count; i++) {
		int at = plan->source[i];

		if (put_column(&s->table->columns[s->columns[i]],
			at == -1 ? NULL : &values[at], out, fault) == -1) {
			out->len = out->start + before;
			return -1;
		}
	}
	return 0;
}

void batch_init(struct batch *b)
{
	memset(b, 0, sizeof(*b));
	buf_init(&b->text, BATCH_BYTES_MAX);
	for (int i = 0; i < COPY_SINKS_MAX; i++)
		buf_init(&b->data[i], BATCH_BYTES_MAX);
}

void batch_free(struct batch *b)
{
	buf_free(&b->text);
	for (int i = 0; i < COPY_SINKS_MAX; i++)
		buf_free(&b->data[i]);
	free(b->rows);
	memset(b, 0, sizeof(*b));
}

void batch_clear(struct batch *b)
{
	buf_clear(&b->text);
	for (int i = 0; i < COPY_SINKS_MAX; i++)
		buf_clear(&b->data[i]);
	b->count = b->bytes = 0;
}

static int rows_grow(struct batch *b)
{
	size_t size = b->size == 0 ? 1024 : 2 * b->size;
	struct batch_row *p;

	if (b->count < b->size)
		return 0;
	p = realloc(b->rows, size * sizeof(*p));
	if (p == NULL)
		return -1;
	b->rows = p;
	b->size = size;
	return 0;
}

int batch_add(struct batch *b, const struct copy_plan *plan,
    const struct json_value *values, const struct batch_row *line,
    const char *text, struct fault *fault)
{
	struct buf *data = &b->data[plan->sink->number];
	struct batch_row row = *line;

	row.sink = plan->sink->number;
	row.data = buf_used(data);
	row.text = buf_used(&b->text);
	if (rows_grow(b) == -1)
		return fault_set(fault, EX_OSERR, "out of memory");
	if (copy_row(plan, values, data, fault) == -1)
		return -1;
	if (buf_add(&b->text, text, row.text_len) == -1) {
		data->len = data->start + row.data;
		return fault_set(fault, EX_OSERR, "out of memory");
	}
	row.data_len = buf_used(data) - row.data;
	b->rows[b->count++] = row;
	b->bytes += row.data_len + row.text_len;
	return 0;
}

size_t batch_span(const struct batch *b, unsigned sink, size_t from, size_t to,
    const char **p, size_t *len)
{
	size_t begin = 0, end = 0, rows = 0;

	for (size_t i = from; i < to; i++) {
		if (b->rows[i].sink != sink)
			continue;
		if (rows++ == 0)
			begin = b->rows[i].data;
		end = b->rows[i].data + b->rows[i].data_len;
	}
	*p = rows > 0 ? buf_head(&b->data[sink]) + begin : NULL;
	*len = end - begin;
	return rows;
}
