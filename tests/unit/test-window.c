/* Windows: each row once, none outside, none too many at a time. */
#include "fetch/window.h"

#include "gen.h"
#include "tap.h"

static void simple(void)
{
	struct window w;
	int64_t a, b;

	window_init(&w, 1, 3600000 * 3 + 1, 3600000, 2);
	is_int(window_count(&w), 2, "three rows in windows of two");
	is_int(window_next(&w, &a, &b), 1, "the first");
	is_int(a, 3600000, "begins at the step");
	is_int(b, 7200000, "and ends at its last row");
	window_next(&w, &a, &b);
	ok(a == 10800000 && b == a, "the second has one row");
	is_int(window_next(&w, &a, &b), 0, "that is all");
	window_init(&w, 10, 10, 1, 1);
	is_int(window_next(&w, &a, &b), 0, "nothing within nothing");
	window_init(&w, 1, 60000, 60000, 5);
	is_int(window_next(&w, &a, &b), 0, "no row between two steps");
	window_init(&w, -5, 5, 10, 9);
	is_int(window_next(&w, &a, &b), 1, "before the epoch");
	is_int(a, 0, "as behind it");
	is_int(window_floor(-1, 60), -60, "floor of what is negative");
	window_init(&w, 0, INT64_MAX, 1, 1000);
	is_int(window_next(&w, &a, &b), 1, "for ever");
	is_int(b, 999, "does not overflow");
}

/* Against one row after the other. */
static int differs(struct gen *seed)
{
	int64_t step = 1 + (int64_t)(gen_next(seed) % 7);
	int64_t rows = 1 + (int64_t)(gen_next(seed) % 5);
	int64_t from = (int64_t)(gen_next(seed) % 100) - 50;
	int64_t to = from + (int64_t)(gen_next(seed) % 90) - 5;
	int64_t at, first, last, n = 0, count;
	struct window w;

	for (at = from; at < to && at % step != 0; at++)
		;
	window_init(&w, from, to, step, rows);
	count = window_count(&w);
	while (window_next(&w, &first, &last)) {
		n++;
		if (first != at || last >= to || last < first ||
		    (last - first) / step + 1 > rows || last % step != 0)
			return 1;
		at = last + step;
	}
	return n != count || at < to;
}

int main(void)
{
	struct gen seed = {7};
	int i, wrong = 0;

	simple();
	for (i = 0; i < 20000; i++)
		wrong += differs(&seed);
	is_int(wrong, 0, "20000 spans, row by row");
	return done_testing();
}
