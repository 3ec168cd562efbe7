/*
 * Rebuilds every book from a collector's records and compares it, after each of
 * them, with what the server's book was at that change (the truth file of
 * deribit-replay).  The chain has to be whole between a snapshot and the next
 * gap record; a snapshot that is not the first stands behind a gap record;
 *where a gap record says that changes were missed, some were.
 *
 *	books OUTPUT TRUTH
 *
 * Says what is wrong, and in the last line what there was; 0, or 1.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/table.h"
#include "levels.h"

#define TEXT_MAX ((size_t)1 << 20)
#define SAID_MAX 20

/* What the server's book was. */
struct truth {
	int64_t change_id;
	char *text;
	bool seen;
};

struct book {
	char *name;
	struct truth *truth;
	size_t n, size, next; /* next: those before it have been compared */
	struct levels levels;
	bool begun, whole, gap; /* gap: a record of one since the last change */
	bool missed;            /* it says that changes are missing */
	int64_t last;
};

/* The members of a line that matter. */
struct line {
	struct json_span text, type, event, name, update, reason, channel;
	int64_t change_id, prev, from, to;
	bool repaired;
};

static struct table by_name;
static struct book *books;
static size_t n_books, books_size;
static unsigned long wrong, records, snapshots, gaps, cuts, missing;

__attribute__((format(printf, 2, 3))) static void complain(
    const struct book *b, const char *format, ...)
{
	va_list ap;

	if (wrong++ >= SAID_MAX)
		return;
	printf("%s: ", b != NULL ? b->name : "books");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

static void *grown(void *p, size_t n, size_t *size, size_t element)
{
	size_t want = *size > 0 ? *size * 2 : 64;

	if (n < *size)
		return p;
	p = realloc(p, want * element);
	if (p == NULL)
		abort();
	*size = want;
	return p;
}

static struct book *book_of(struct json_span name)
{
	void *at = table_find(&by_name, name.p, name.len);
	struct book *b;

	if (at != NULL)
		return &books[(size_t)(uintptr_t)at - 1];
	books = grown(books, n_books, &books_size, sizeof(*books));
	b = &books[n_books++];
	memset(b, 0, sizeof(*b));
	b->name = strndup(name.p, name.len);
	if (b->name == NULL || table_add(&by_name, b->name, name.len,
				   (void *)(uintptr_t)n_books) == -1)
		abort();
	return b;
}

static int64_t integer(const struct json_value *v)
{
	int64_t n;

	return v->type == JSON_NUMBER &&
	               num_int64(v->text.p, v->text.len, &n) == NUM_OK
	           ? n
	           : -1;
}

static void take(struct line *l, struct json_span key, struct json_value *v)
{
	static const struct {
		const char *key;
		size_t at;
	} texts[] = {
	    {"type", offsetof(struct line, type)},
	    {"event", offsetof(struct line, event)},
	    {"instrument_name", offsetof(struct line, name)},
	    {"update_type", offsetof(struct line, update)},
	    {"reason", offsetof(struct line, reason)},
	    {"channel", offsetof(struct line, channel)},
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (v->type == JSON_STRING && json_span_is(key, texts[i].key))
			*(struct json_span *)(void *)((char *)l + texts[i].at) =
			    json_inside(v->text);
	if (json_span_is(key, "change_id"))
		l->change_id = integer(v);
	if (json_span_is(key, "prev_change_id"))
		l->prev = integer(v);
	if (json_span_is(key, "from"))
		l->from = integer(v);
	if (json_span_is(key, "to"))
		l->to = integer(v);
}

static int line_read(struct line *l, const char *p, size_t len)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int r;

	memset(l, 0, sizeof(*l));
	l->change_id = l->prev = -1;
	l->text = (struct json_span){p, len};
	json_init(&j, p, len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		take(l, key, &v);
	}
	return r;
}

static char *text_of(const struct levels *levels)
{
	struct buf b;
	char *text;

	buf_init(&b, TEXT_MAX);
	if (levels_text(levels, &b) == -1)
		abort();
	text = strndup(buf_head(&b), buf_used(&b));
	buf_free(&b);
	return text;
}

static void take_truth(const struct line *l)
{
	struct levels levels = {.bids = {NULL, 0, 0}};
	struct truth *t;
	struct book *b;

	if (!json_span_is(l->event, "book"))
		return;
	b = book_of(l->name);
	if (b->n > 0 && b->truth[b->n - 1].change_id == l->change_id)
		return;
	b->truth = grown(b->truth, b->n, &b->size, sizeof(*b->truth));
	t = &b->truth[b->n++];
	*t = (struct truth){.change_id = l->change_id};
	if (levels_apply(&levels, l->text) == -1)
		complain(
		    b, "the truth of %" PRId64 " is no book", t->change_id);
	t->text = text_of(&levels);
	levels_free(&levels);
}

/* ------------------------------------------------------------- the records */

static bool compare(struct book *b, struct truth *t)
{
	char *text = text_of(&b->levels);
	bool same = strcmp(text, t->text) == 0;

	if (!same)
		complain(b, "the book of %" PRId64 " is not the server's",
		    t->change_id);
	free(text);
	t->seen = true;
	return same;
}

/* The truth of this change; how many there were before it that nobody saw. */
static struct truth *find(struct book *b, int64_t change_id, size_t *unseen)
{
	*unseen = 0;
	/* A snapshot of a book that has not changed. */
	if (b->next > 0 && b->truth[b->next - 1].change_id == change_id)
		return &b->truth[b->next - 1];
	for (; b->next < b->n; b->next++, ++*unseen)
		if (b->truth[b->next].change_id == change_id)
			return &b->truth[b->next++];
	return NULL;
}

static void check(struct book *b, const struct line *l, bool snapshot)
{
	size_t unseen, before = b->next;
	struct truth *t = find(b, l->change_id, &unseen);

	if (t == NULL) {
		complain(b, "%" PRId64 " never was", l->change_id);
		b->next = before;
		return;
	}
	compare(b, t);
	if (b->begun)
		missing += unseen;
	if (unseen > 0 && b->begun && !snapshot)
		complain(b, "%zu changes before %" PRId64 " are missing",
		    unseen, l->change_id);
	if (unseen == 0 && b->begun && b->missed)
		complain(
		    b, "a gap before %" PRId64 " where none is", l->change_id);
}

static void take_change(const struct line *l)
{
	bool snapshot = json_span_is(l->update, "snapshot");
	struct book *b = book_of(l->name);

	records++;
	snapshots += snapshot;
	if (snapshot && b->begun && !b->gap)
		complain(b, "the snapshot %" PRId64 " without a gap before it",
		    l->change_id);
	if (!snapshot && (!b->whole || l->prev != b->last))
		complain(b,
		    "%" PRId64 " names %" PRId64 " behind %" PRId64 "%s",
		    l->change_id, l->prev, b->last,
		    b->whole ? "" : " and a gap");
	if (snapshot)
		levels_clear(&b->levels);
	if (levels_apply(&b->levels, l->text) == -1)
		complain(b, "%" PRId64 " is no book", l->change_id);
	check(b, l, snapshot);
	b->last = l->change_id;
	b->begun = b->whole = true;
	b->gap = b->missed = false;
}

static void take_gap(const struct line *l)
{
	struct book *b;

	if (l->channel.len < 5 || memcmp(l->channel.p, "book.", 5) != 0)
		return;
	b = book_of(l->name);
	if (l->from <= 0 || l->from > l->to)
		complain(
		    b, "a gap from %" PRId64 " to %" PRId64, l->from, l->to);
	if (json_span_is(l->reason, "sequence")) {
		gaps++;
		b->missed = true;
	} else {
		cuts++;
	}
	b->gap = true;
	b->whole = false;
}

static void take_record(const struct line *l)
{
	if (json_span_is(l->type, "book_change"))
		take_change(l);
	else if (json_span_is(l->type, "gap"))
		take_gap(l);
}

static void read_file(const char *path, void (*each)(const struct line *l))
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	struct line l;
	ssize_t n;

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	while ((n = getline(&text, &size, f)) > 0) {
		if (text[n - 1] != '\n')
			break; /* it is being written */
		if (line_read(&l, text, (size_t)n) == -1)
			complain(NULL, "no JSON: %.100s", text);
		else
			each(&l);
	}
	free(text);
	fclose(f);
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 3) {
		fprintf(stderr, "usage: books OUTPUT TRUTH\n");
		return 2;
	}
	read_file(argv[2], take_truth);
	read_file(argv[1], take_record);
	for (i = 0; i < n_books; i++) {
		struct book *b = &books[i];

		if (b->begun && b->next < b->n && !b->gap)
			complain(b,
			    "%zu changes behind %" PRId64 " are missing",
			    b->n - b->next, b->last);
		while (b->n > 0)
			free(b->truth[--b->n].text);
		free(b->truth);
		free(b->name);
		levels_free(&b->levels);
	}
	printf("%zu books, %lu records, %lu snapshots, %lu gaps, %lu cuts, "
	       "%lu changes missing, %lu wrong\n",
	    n_books, records, snapshots, gaps, cuts, missing, wrong);
	table_free(&by_name);
	free(books);
	return wrong > 0;
}
