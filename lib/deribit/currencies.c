#include "deribit/currencies.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "io/json.h"

#define REPLY_MAX ((size_t)4 << 20)
/* What a sentence has room for. */
#define LIST_MAX 600
/* A currency's name, ours and theirs. */
#define WORD_MAX 20

/* The currency of a row, p NULL if it has none that is one. */
static int row_read(struct json *j, struct json_span *currency)
{
	struct json_span key;
	struct json_value v;
	int r;

	currency->p = NULL;
	if (json_object_begin(j) == -1)
		return -1;
	while ((r = json_object_next(j, &key)) == 1) {
		if (json_value(j, &v) == -1)
			return -1;
		if (json_span_is(key, "currency") && v.type == JSON_STRING &&
		    json_inside(v.text).len <= WORD_MAX)
			*currency = json_inside(v.text);
	}
	return r;
}

/* Appends "WORD, WORD" to list, as far as it has room; whether the currency is
 * among them, -1 if the text is no list. */
static int rows_read(
    struct json_span rows, const char *currency, struct buf *list)
{
	struct json_span word;
	struct json j;
	int r, found = 0;
	bool cut = false;

	json_init(&j, rows.p, rows.len);
	if (json_array_begin(&j) == -1)
		return -1;
	while ((r = json_array_next(&j)) == 1) {
		if (row_read(&j, &word) == -1)
			return -1;
		if (word.p == NULL)
			continue;
		if (json_span_is(word, currency))
			found = 1;
		cut = cut || buf_used(list) + WORD_MAX + 8 > LIST_MAX;
		if (!cut)
			buf_addf(list, "%s%.*s", buf_used(list) > 0 ? ", " : "",
			    (int)word.len, word.p);
	}
	if (cut)
		buf_adds(list, ", ...");
	return r == -1 ? -1 : found;
}

int currencies_find(
    struct rest *rest, const char *currency, struct fault *fault)
{
	struct fault why = {0};
	struct buf reply, list;
	bool known;
	int found = -1;

	buf_init(&reply, REPLY_MAX);
	buf_init(&list, LIST_MAX);
	if (rest_call(rest, "public/get_currencies", "", &reply, &why) == 0)
		found = rows_read(
		    (struct json_span){buf_head(&reply), buf_used(&reply)},
		    currency, &list);
	known = found == 0 && buf_used(&list) > 0;
	if (why.exit_code != EX_TEMPFAIL)
		fault_set(&why, EX_USAGE, "%s knows no currency %s%s%s",
		    rest_peer(rest), currency, known ? "; it knows " : "",
		    known ? buf_str(&list) : "");
	if (found != 1 && fault != NULL)
		*fault = why;
	buf_free(&reply);
	buf_free(&list);
	return found == 1 ? 1 : -1;
}
