/* Pages of trades: what they are said to prove is so, whatever is done to them.
 */
#include <stdlib.h>

#include "gen.h"
#include "record/reach.h"
#include "tap.h"

#define ROWS 400
#define PAGE 50

static const struct json_span name = {"BTC-PERPETUAL", 13};

/* A page of rows at these times; their numbers are their times. */
static enum reach_turn page(
    struct reach *r, const int64_t *ms, size_t n, bool more)
{
	reach_page(r);
	for (size_t i = 0; i < n; i++)
		reach_row(r, name, ms[i], ms[i]);
	return reach_page_end(r, more);
}

#define PAGE_OF(r, more, ...)                   \
	page(r, (const int64_t[]){__VA_ARGS__}, \
	    sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), more)

static void test_chain(void)
{
	struct reach r = {.whole_ms = 20000};

	reach_begin(&r, 30000, 31000);
	is_int(r.cursor_ms, 10000, "without an anchor it begins long before");
	is_int(PAGE_OF(&r, true, 19000, 21000, 22000), REACH_NEXT,
	    "a row of the time before ours is an anchor");
	is_int(r.cursor_ms, 22000, "the next page begins with the last row");
	is_int(PAGE_OF(&r, false, 23000, 24000), REACH_AGAIN,
	    "a page without it breaks the chain");
	is_int(r.cursor_ms, 22000, "and is asked for again");
	is_int(PAGE_OF(&r, false, 22000, 23000, 30500), REACH_END,
	    "one with it does not");
	reach_end(&r);
	ok(!reach_is_proof(&r), "no row is beyond the proof");
	is_int(r.whole_ms, 30000, "but past the limit: so long all is there");
	is_int(r.anchor.ms, 23000, "its last row is the anchor");

	reach_begin(&r, 40000, 41000);
	is_int(r.cursor_ms, 22000, "the next pass begins before it");
	is_int(PAGE_OF(&r, false, 30500, 50000), REACH_AGAIN,
	    "and its first page has to hold it");
	is_int(PAGE_OF(&r, false, 35000, 30500, 23000), REACH_END,
	    "in whatever order");
	reach_end(&r);
	is_int(r.whole_ms, 35000,
	    "where nothing is past the limit, the last "
	    "row is what is proven");
	reach_begin(&r, 40000, 41000);
	is_int(PAGE_OF(&r, false, 35000, 41001), REACH_END, "the end");
	ok(reach_is_proof(&r), "a row beyond the proof");
}

static void test_unanchored(void)
{
	struct reach r = {.whole_ms = 20000};

	for (int i = 0; i < 3; i++) {
		ok(i == 0 || !r.chained, "pass %d: not sure", i);
		reach_begin(&r, 30000, 31000);
		is_int(PAGE_OF(&r, false, 21000, 22000), REACH_END,
		    "a market without a row before ours");
		reach_end(&r);
	}
	ok(r.chained && r.whole_ms == 22000, "three passes agree");

	r = (struct reach){.whole_ms = 20000};
	reach_begin(&r, 30000, 31000);
	is_int(PAGE_OF(&r, false, 22000), REACH_END, "the first row was cut");
	reach_begin(&r, 30000, 31000);
	is_int(PAGE_OF(&r, false, 21000, 22000), REACH_END, "here it is");
	reach_begin(&r, 30000, 31000);
	is_int(PAGE_OF(&r, false, 22000), REACH_AGAIN, "and is wanted again");
	is_int(PAGE_OF(&r, false, 21000, 22000), REACH_END, "once");
	reach_end(&r);
	ok(!r.chained && r.whole_ms == 20000, "that is not enough");
}

static void test_gone(void)
{
	struct reach r = {.whole_ms = 20000, .anchor = {20000, 77}};
	int n = 0;

	reach_begin(&r, 30000, 31000);
	while (n < 100 && PAGE_OF(&r, false, 21000) == REACH_AGAIN)
		n++;
	ok(n > 2 && n < 20, "an anchor that is no more is given up (%d)", n);
	reach_end(&r);
	is_int(r.whole_ms, 20000, "nothing is proven then");
	reach_begin(&r, 30000, 31000);
	is_int(
	    PAGE_OF(&r, false, 19000, 21000), REACH_END, "it goes on without");
	reach_end(&r);
	is_int(r.whole_ms, 21000, "and finds another");
}

/* More than a page of rows in the time before the anchor. */
static void test_far_anchor(void)
{
	struct reach r = {.whole_ms = 20000, .anchor = {0, 0}};

	reach_begin(&r, 20500, 20500);
	PAGE_OF(&r, false, 19000, 20000, 21000);
	reach_end(&r);
	is_int(r.anchor.ms, 20000, "an anchor");
	reach_begin(&r, 30000, 31000);
	is_int(PAGE_OF(&r, true, 19000, 19500), REACH_NEXT,
	    "a page that ends before it breaks nothing");
	is_int(r.cursor_ms, 19500, "the next is nearer");
	is_int(PAGE_OF(&r, true, 19500, 21000), REACH_AGAIN,
	    "but one that leaves it out does");
	is_int(
	    PAGE_OF(&r, true, 19500, 20000, 21000), REACH_NEXT, "it is there");
	is_int(PAGE_OF(&r, false, 21000, 32000), REACH_END, "and the end");
	reach_end(&r);
	ok(reach_is_proof(&r), "a chain");
	is_int(r.whole_ms, 30000, "which proves");
}

static void test_crowd(void)
{
	struct reach r = {.whole_ms = 10};
	int64_t ms[PAGE];

	for (int i = 0; i < PAGE; i++)
		ms[i] = 5;
	reach_begin(&r, 30, 31);
	for (int i = 0; i < 3; i++)
		is_int(page(&r, ms, PAGE, true), REACH_NEXT,
		    "more than a page in a millisecond");
	ok(r.cursor_ms > 5, "it does not stand still");
}

/* ------------------------------------------------------------- by chance */

struct row {
	int64_t ms, seq;
	bool seen;
};

struct market {
	struct gen gen;
	struct row row[ROWS];
	size_t n; /* are there now */
};

/* What is done to a page: rows [a, b) of the market are what is right. */
static void harm(struct market *m, size_t *a, size_t *b, bool *more)
{
	size_t n = *b - *a, k = n > 0 ? 1 + gen_below(&m->gen, 3) : 0;

	if (k > n)
		k = n;
	switch (gen_below(&m->gen, 12)) {
	case 0: *b = *a; break; /* empty */
	case 1: *b -= k; break; /* late */
	case 2:                 /* cut, and said to be whole */
		*more = false;
		if (n > 0 && gen_below(&m->gen, 2))
			*a += gen_below(&m->gen, (unsigned)n) + 1;
		else if (n > 0)
			*b -= gen_below(&m->gen, (unsigned)n) + 1;
		break;
	case 3: /* shifted to later rows */
		*a += k;
		*b += k;
		if (*b > m->n)
			*b = m->n;
		break;
	case 4: /* shifted to earlier rows */
		*b -= k;
		*a -= k < *a ? k : *a;
		break;
	default: break;
	}
}

static enum reach_turn ask(struct market *m, struct reach *r)
{
	size_t a = 0, b, i;
	bool more;

	while (a < m->n && m->row[a].ms < r->cursor_ms)
		a++;
	b = a + PAGE < m->n ? a + PAGE : m->n;
	more = b < m->n;
	harm(m, &a, &b, &more);
	reach_page(r);
	for (i = a; i < b; i++) {
		/* Neighbours change places. */
		size_t k = i ^ (size_t)gen_below(&m->gen, 2);

		k = k >= a && k < b ? k : i;
		reach_row(r, name, m->row[i].seq, m->row[i].ms);
		reach_row(r, name, m->row[k].seq, m->row[k].ms);
		m->row[i].seen = m->row[k].seen = true;
	}
	return reach_page_end(r, more);
}

/* Whether a row is proven to be there that was not. */
static bool lies(const struct market *m, const struct reach *r, int64_t from)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->row[i].ms >= from && m->row[i].ms < r->whole_ms &&
		    !m->row[i].seen)
			return true;
	return false;
}

/* A market that goes on, and passes over it; how far they came. */
static int64_t run(uint64_t seed, bool *lied)
{
	struct market m = {.gen = {seed}};
	int64_t ms = 50000, from, limit_ms;
	struct reach r = {0};

	for (size_t i = 0; i < ROWS; i++) {
		ms += gen_below(&m.gen, 200);
		m.row[i] = (struct row){ms, (int64_t)i + 1, false};
	}
	m.n = 1 + gen_below(&m.gen, 60);
	from = r.whole_ms = m.row[gen_below(&m.gen, (unsigned)m.n)].ms;
	for (int pass = 0; pass < 60 && !*lied; pass++) {
		enum reach_turn turn = REACH_NEXT;

		m.n += gen_below(&m.gen, 12);
		if (m.n > ROWS)
			m.n = ROWS;
		/* Rows are there, or will be, in order: the last ones late. */
		limit_ms = m.row[m.n - 1].ms - gen_below(&m.gen, 500);
		reach_begin(&r, limit_ms, limit_ms);
		for (int i = 0; i < 100 && turn != REACH_END; i++)
			turn = ask(&m, &r);
		reach_end(&r);
		*lied = lies(&m, &r, from);
	}
	return r.whole_ms - from;
}

static void test_chance(void)
{
	int64_t least = INT64_MAX, way;
	uint64_t seed;
	bool lied = false;

	for (seed = 1; seed <= 300 && !lied; seed++) {
		way = run(seed, &lied);
		if (way < least)
			least = way;
	}
	ok(!lied, "what is proven was there (%d markets)", (int)seed - 1);
	ok(least > 10000, "and every one gets on (%" PRId64 " ms at least)",
	    least);
}

int main(void)
{
	test_chain();
	test_unanchored();
	test_gone();
	test_far_anchor();
	test_crowd();
	test_chance();
	return done_testing();
}
