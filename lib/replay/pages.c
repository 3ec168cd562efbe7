#include "replay/pages.h"

#include <stdio.h>
#include <string.h>

#define EMPTY "", 0

/* From 1 to PAGES_EDGE, and to n. */
static size_t few(struct rng *r, size_t n)
{
	size_t k = 1 + (size_t)rng_below(r, PAGES_EDGE);

	return k < n ? k : n;
}

int pages_refuse(
    struct faults *f, uint64_t connection, int *code, const char **message)
{
	struct faults_rule *r = faults_roll(f, FAULTS_PAGE_LOST, EMPTY);
	char detail[32];

	*code = 0;
	if (r != NULL) {
		faults_done(f, r, connection, "");
		return -1;
	}
	r = faults_roll(f, FAULTS_PAGE_ERROR, EMPTY);
	if (r == NULL)
		return 0;
	*code = rng_below(&r->rng, 2) ? 13028 : 10040;
	*message = *code == 10040 ? "retry" : "temporarily_unavailable";
	snprintf(detail, sizeof(detail), "\"code\":%d", *code);
	faults_done(f, r, connection, detail);
	return -1;
}

/* Takes k rows off the newest end. */
static void drop_newest(struct page *p, size_t k)
{
	p->count -= k;
	memmove(p->row, p->row + k, p->count * sizeof(p->row[0]));
}

/* Puts a row at position i. */
static void insert(struct page *p, size_t i, const struct market_trade *t)
{
	memmove(p->row + i + 1, p->row + i, (p->count - i) * sizeof(p->row[0]));
	p->row[i] = t;
	p->count++;
}

/* [a, b] is answered with a + k to b + k: rows of the range are missing at one
 * edge, and rows beyond it are there at the other. */
static bool shift(struct page *p, struct rng *r)
{
	bool newer = rng_below(r, 2);
	size_t k;

	if (p->newer_count == 0)
		newer = false;
	else if (p->older_count == 0)
		newer = true;
	k = few(r, p->count);
	if (newer) {
		p->count -= k;
		for (size_t i = 0; i < k && i < p->newer_count; i++)
			insert(p, 0, p->newer[i]);
		return true;
	}
	drop_newest(p, k);
	for (size_t i = 0; i < k && i < p->older_count; i++)
		p->row[p->count++] = p->older[i];
	return true;
}

static bool duplicate(struct page *p, struct rng *r)
{
	for (size_t k = few(r, p->count); k > 0; k--) {
		size_t i = (size_t)rng_below(r, (int64_t)p->count);

		if (p->count < sizeof(p->row) / sizeof(p->row[0]))
			insert(p, i, p->row[i]);
	}
	return true;
}

static bool reorder(struct page *p, struct rng *r)
{
	if (p->count < 2)
		return false;
	for (size_t k = few(r, p->count); k > 0; k--) {
		size_t i = (size_t)rng_below(r, (int64_t)p->count - 1);
		const struct market_trade *t = p->row[i];

		p->row[i] = p->row[i + 1];
		p->row[i + 1] = t;
	}
	return true;
}

/* Rows are missing at either end, and the reply says that they were all. */
static bool shorten(struct page *p, struct rng *r)
{
	size_t k = 1 + (size_t)rng_below(r, (int64_t)p->count);

	if (rng_below(r, 2))
		drop_newest(p, k);
	else
		p->count -= k;
	p->has_more = false;
	return true;
}

static bool empty(struct page *p, struct rng *r)
{
	(void)r;
	p->count = 0;
	p->has_more = false;
	return true;
}

/* The newest are not there yet. */
static bool late(struct page *p, struct rng *r)
{
	drop_newest(p, few(r, p->count));
	return true;
}

void pages_harm(struct faults *f, struct page *p, uint64_t connection)
{
	static const struct {
		enum faults_kind kind;
		bool (*act)(struct page *p, struct rng *r);
	} acts[] = {
	    {FAULTS_PAGE_SHIFT, shift},
	    {FAULTS_PAGE_LATE, late},
	    {FAULTS_PAGE_SHORT, shorten},
	    {FAULTS_PAGE_DUPLICATE, duplicate},
	    {FAULTS_PAGE_REORDER, reorder},
	    {FAULTS_PAGE_EMPTY, empty},
	};

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		struct faults_rule *r = faults_roll(f, acts[i].kind, EMPTY);

		if (r != NULL && p->count > 0 && acts[i].act(p, &r->rng))
			faults_done(f, r, connection, "");
	}
}
