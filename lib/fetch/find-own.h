/*
 * What the files of find.h share: a search is a row of calls, one at a time,
 * that ends when it knows.
 */
#ifndef FETCH_FIND_OWN_H
#define FETCH_FIND_OWN_H

#include "base/backoff.h"
#include "fetch/find.h"
#include "fetch/trade-rows.h"

#define FIND_QUERY_MAX 400
#define FIND_LABEL_MAX 160

struct search;

/* What a kind of search does. */
struct search_kind {
	/* Fills s->method and s->query; 0: there is nothing more to ask. */
	int (*ask)(struct search *s);
	/* The rows of a reply, then its end: -1 with *fault, as find_run(). */
	void (*row)(struct search *s, const struct trade_row *row);
	int (*reply)(struct search *s, bool more, struct fault *fault);
	/* It knows: notes it. */
	int (*end)(struct search *s, struct fault *fault);
	void (*free)(struct search *s); /* NULL: only itself */
};

struct search {
	struct search *next;
	struct find *find;
	const struct search_kind *kind;
	char label[FIND_LABEL_MAX]; /* for sentences */
	int64_t from, to;
	int64_t due_ms; /* not before it, monotonic */
	struct rest_call call;
	const char *method;
	char query[FIND_QUERY_MAX];
	bool asks;
};

struct find {
	struct find_options options;
	struct search *first, **tail; /* in the order in which they came */
	size_t failed;
	struct fault fault; /* of the first that failed */
	int64_t calls;
	bool over; /* the state cannot be kept, or no memory */
	struct fault why;
};

/* A search of this many bytes, at the end of the list; NULL: no memory. */
struct search *search_new(struct find *f, size_t size,
    const struct search_kind *kind, int64_t from, int64_t to,
    struct fault *fault);

/* It failed, or cannot be sure. */
void search_failed(struct search *s, const struct fault *fault);

/* What the exchange has by now will not change before this time, ms. */
int64_t find_settled_ms(const struct find *f);
int64_t find_clock_ms(const struct find *f);

#endif
