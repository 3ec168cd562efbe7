#include "fetch/marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "fetch/markets.h"

#define REPLY_MAX ((size_t)80 << 20)
#define NEAR_MS 10000

struct marks_row {
	char name[NAME_MAX_LEN + 1], iv[40];
};

void marks_free(struct marks *m)
{
	free(m->row);
	buf_free(&m->text);
	table_free(&m->names);
	memset(m, 0, sizeof(*m));
}

struct json_span marks_find(const struct marks *m, const char *name)
{
	const struct marks_row *r = table_find(&m->names, name, strlen(name));

	if (r == NULL)
		return (struct json_span){NULL, 0};
	return (struct json_span){r->iv, strlen(r->iv)};
}

static int row_read(struct json_span text, struct marks_row *row, int64_t *at)
{
	struct json_span key, name = {"", 0}, iv = {"", 0};
	struct json_value v;
	struct json j;

	*at = -1;
	json_init(&j, text.p, text.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (json_span_is(key, "instrument_name") &&
		    v.type == JSON_STRING)
			name = json_inside(v.text);
		else if (v.type != JSON_NUMBER)
			continue;
		else if (json_span_is(key, "mark_iv"))
			iv = v.text;
		else if (json_span_is(key, "creation_timestamp"))
			num_int64(v.text.p, v.text.len, at);
	}
	if (name.len == 0 || name.len >= sizeof(row->name) || iv.len == 0 ||
	    iv.len >= sizeof(row->iv))
		return -1;
	memset(row, 0, sizeof(*row));
	memcpy(row->name, name.p, name.len);
	memcpy(row->iv, iv.p, iv.len);
	return 0;
}

static int row_add(struct marks *m, const struct marks_row *row)
{
	struct marks_row *grown;
	size_t size = m->size > 0 ? m->size * 2 : 1024;

	if (m->n == m->size) {
		grown = realloc(m->row, size * sizeof(*grown));
		if (grown == NULL)
			return -1;
		m->row = grown;
		m->size = size;
	}
	m->row[m->n++] = *row;
	return 0;
}

static int rows_add(struct marks *m, struct json_span rows)
{
	struct marks_row row;
	struct json_value v;
	struct json j;
	int64_t at;

	json_init(&j, rows.p, rows.len);
	if (json_array_begin(&j) == -1)
		return 0;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		if (row_read(v.text, &row, &at) == 0 && at >= m->close_ms &&
		    at <= m->close_ms + NEAR_MS && row_add(m, &row) == -1)
			return -1;
	return 0;
}

/* When no row moves any more. */
static int names_make(struct marks *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *name = m->row[i].name;

		if (table_find(&m->names, name, strlen(name)) == NULL &&
		    table_add(&m->names, name, strlen(name), &m->row[i]) == -1)
			return -1;
	}
	return 0;
}

int marks_ask(struct marks *m, struct rest *rest, const struct lives *lives,
    int64_t close_ms, struct fault *fault)
{
	struct markets markets;
	char query[NAME_MAX_LEN + 40];
	int result = 0;

	marks_free(m);
	m->close_ms = close_ms;
	buf_init(&m->text, REPLY_MAX);
	markets_find(&markets, lives, false);
	for (size_t i = 0; i < markets.n && result == 0; i++) {
		snprintf(query, sizeof(query), "currency=%s&kind=option",
		    markets.settlement[i]);
		if (rest_call(rest, "public/get_book_summary_by_currency",
			query, &m->text, fault) == 0) {
			result = rows_add(
			    m, (struct json_span){
				   buf_head(&m->text), buf_used(&m->text)});
		} else if (fault->exit_code == EX_TEMPFAIL) {
			return -1;
		} else {
			log_warn("no mark_iv of %s: %s", markets.settlement[i],
			    fault->text);
		}
	}
	if (result == -1 || names_make(m) == -1)
		return fault_errno(fault, EX_OSERR, "no memory");
	return 0;
}
