/* Where a time lies among numbers, asked of an exchange whose pages are bad. */
#include "fetch/bound.h"

#include "gen.h"
#include "tap.h"

#define TRADES_MAX 300
#define ROWS 20

/* An instrument: trades 1 to n, in the order of time. */
struct tape {
	int64_t at_ms[TRADES_MAX + 1]; /* by number */
	int64_t n;
};

static void tape_make(struct tape *t, struct gen *seed)
{
	int64_t at = 1000, i;

	t->n = (int64_t)(gen_next(seed) % TRADES_MAX);
	for (i = 1; i <= t->n; i++) {
		at += (int64_t)(gen_next(seed) % 4);
		t->at_ms[i] = at;
	}
}

/* The rows from low to high, shifted, cut or missing at times. */
static void tell(struct bound *b, const struct tape *t, int64_t low,
    int64_t high, struct gen *seed, bool bad)
{
	int64_t shift = 0, i;

	if (bad && gen_next(seed) % 4 == 0)
		shift = (int64_t)(gen_next(seed) % 7) - 3;
	if (bad && gen_next(seed) % 6 == 0)
		high = low + (int64_t)(gen_next(seed) % 5) - 1;
	for (i = high + shift; i >= low + shift; i--)
		if (i >= 1 && i <= t->n)
			bound_row(b, i, t->at_ms[i]);
}

static int64_t first_behind(const struct tape *t, int64_t at_ms)
{
	int64_t i = 1;

	while (i <= t->n && t->at_ms[i] < at_ms)
		i++;
	return i;
}

static int calls;

static void search(
    struct bound *b, const struct tape *t, struct gen *seed, bool bad)
{
	int64_t from, to, first = first_behind(t, b->at_ms);
	enum bound_ask ask;

	calls = 0;
	while ((ask = bound_next(b, ROWS, &from, &to)) != BOUND_DONE) {
		if (ask == BOUND_BEHIND)
			tell(b, t, first, first + ROWS / 2 - 1, seed, bad);
		else if (ask == BOUND_BEFORE)
			tell(b, t, first - ROWS / 2, first - 1, seed, bad);
		else
			tell(b, t, from, to, seed, bad);
		bound_reply(b);
		if (++calls > 100)
			break;
	}
}

static int differs(struct gen *seed, bool bad)
{
	struct tape t;
	struct bound b = {.at_ms = 0};
	int64_t first;

	tape_make(&t, seed);
	b.at_ms = 995 + (int64_t)(gen_next(seed) % 700);
	first = first_behind(&t, b.at_ms);
	search(&b, &t, seed, bad);
	/* When nothing follows, only the good exchange is to be believed. */
	if (bad && first > t.n)
		return calls > 100;
	return bound_first(&b) != first || bound_last(&b) != first - 1 ||
	       calls > 100;
}

static void known(void)
{
	struct bound b = {.at_ms = 50};
	int64_t from, to;

	is_int(bound_next(&b, ROWS, &from, &to), BOUND_BEHIND, "first by time");
	bound_row(&b, 8, 60);
	bound_reply(&b);
	is_int(bound_next(&b, ROWS, &from, &to), BOUND_BEFORE,
	    "then from the other side");
	bound_row(&b, 5, 40);
	bound_reply(&b);
	ok(bound_next(&b, ROWS, &from, &to) == BOUND_NUMBERS && from == 5 &&
		to == 8,
	    "then what is between");
	bound_row(&b, 7, 50);
	bound_row(&b, 6, 49);
	bound_reply(&b);
	ok(bound_next(&b, ROWS, &from, &to) == BOUND_DONE &&
		bound_is_proven(&b),
	    "neighbours are a proof");
	ok(bound_first(&b) == 7 && bound_last(&b) == 6, "7 is the first");

	b = (struct bound){.at_ms = 50, .before = 5, .behind = 8, .quiet = 9};
	ok(bound_next(&b, ROWS, &from, &to) == BOUND_DONE &&
		bound_first(&b) == 6 && bound_last(&b) == 7,
	    "what nobody has is on both sides: it will be missed");
	b = (struct bound){.at_ms = 50, .behind = 800, .quiet = 9};
	ok(bound_first(&b) == 800 && bound_last(&b) == 0,
	    "what was before the first that there is, is not");
	b = (struct bound){.at_ms = 50, .behind = 1};
	ok(bound_next(&b, ROWS, &from, &to) == BOUND_DONE &&
		bound_first(&b) == 1 && bound_last(&b) == 0,
	    "number 1 is the first of all");
	b = (struct bound){.at_ms = 50, .before = 9, .behind = 7, .quiet = 9};
	ok(bound_first(&b) == 7 && bound_last(&b) == 9,
	    "times without order: rather too much");
}

int main(void)
{
	struct gen seed = {3};
	int i, wrong = 0;

	known();
	for (i = 0; i < 5000; i++)
		wrong += differs(&seed, false);
	is_int(wrong, 0, "5000 times among numbers");
	for (i = 0; i < 5000; i++)
		wrong += differs(&seed, true);
	/* Four bad pages in a row are believed, once in thousands. */
	ok(wrong <= 5, "and of an exchange with bad pages: %d wrong", wrong);
	return done_testing();
}
