/* Which numbers of a run are there, against an array of them. */
#include "fetch/seqs.h"

#include "gen.h"
#include "tap.h"

#define N_MAX 200

static void simple(void)
{
	struct seqs s;
	int64_t from, to;

	seqs_init(&s, 100, 20);
	ok(seqs_hole(&s, 99, 1000, &from, &to) && from == 100 && to == 119,
	    "all of it is a hole");
	is_int((int64_t)seqs_piece(&s, 2), 20,
	    "asked for whole as long as nothing came");
	is_int(seqs_take(&s, 99), SEQS_OUTSIDE, "before");
	is_int(seqs_take(&s, 120), SEQS_OUTSIDE, "behind");
	is_int(seqs_take(&s, INT64_MAX), SEQS_OUTSIDE, "far behind");
	is_int(seqs_take(&s, -1), SEQS_OUTSIDE, "below all");
	is_int(seqs_take(&s, 105), SEQS_NEW, "new");
	is_int(seqs_take(&s, 105), SEQS_SEEN, "twice");
	is_int((int64_t)s.have, 1, "counted once");
	ok(seqs_has(&s, 105) && !seqs_has(&s, 104) && !seqs_has(&s, 4),
	    "it is there, others are not");
	ok(seqs_hole(&s, 99, 1000, &from, &to) && from == 100 && to == 104,
	    "the hole before it");
	ok(seqs_hole(&s, to, 1000, &from, &to) && from == 106 && to == 119,
	    "and the one behind");
	ok(!seqs_hole(&s, to, 1000, &from, &to), "there is no other");
	ok(seqs_hole(&s, 105, 4, &from, &to) && from == 106 && to == 109,
	    "a hole in pieces");
	ok(seqs_hole(&s, to, 4, &from, &to) && from == 110 && to == 113,
	    "the next piece");
	is_int((int64_t)seqs_piece(&s, 0), 20, "at first in one piece");
	is_int((int64_t)seqs_piece(&s, 1), 10, "then in smaller ones");
	is_int((int64_t)seqs_piece(&s, 60), 10, "not too small");
	seqs_free(&s);
}

/* Whether the holes are those of the array. */
static int holes_differ(
    const struct seqs *s, const bool *is, int64_t first, size_t n, size_t max)
{
	int64_t from, to = first - 1;
	size_t i = 0;

	while (seqs_hole(s, to, max, &from, &to)) {
		for (; first + (int64_t)i < from; i++)
			if (!is[i])
				return 1;
		if (to - from + 1 > (int64_t)max)
			return 1;
		for (; first + (int64_t)i <= to; i++)
			if (i >= n || is[i])
				return 1;
	}
	for (; i < n; i++)
		if (!is[i])
			return 1;
	return 0;
}

static int differs(struct gen *seed)
{
	size_t n = 1 + gen_next(seed) % N_MAX, have = 0, i;
	int64_t first = 1 + (int64_t)(gen_next(seed) % 1000), seq;
	bool is[N_MAX] = {false};
	struct seqs s;
	int wrong = 0;

	seqs_init(&s, first, n);
	for (i = gen_next(seed) % (2 * N_MAX); i > 0; i--) {
		seq = first - 5 + (int64_t)(gen_next(seed) % (n + 10));
		if (seq < first || seq >= first + (int64_t)n) {
			wrong += seqs_take(&s, seq) != SEQS_OUTSIDE;
			continue;
		}
		wrong += seqs_take(&s, seq) !=
		         (is[seq - first] ? SEQS_SEEN : SEQS_NEW);
		have += !is[seq - first];
		is[seq - first] = true;
	}
	wrong += s.have != have;
	wrong += holes_differ(
	    &s, is, first, n, 1 + gen_next(seed) % (2 * N_MAX));
	seqs_free(&s);
	return wrong;
}

int main(void)
{
	struct gen seed = {11};
	int i, wrong = 0;

	simple();
	for (i = 0; i < 5000; i++)
		wrong += differs(&seed);
	is_int(wrong, 0, "5000 runs, number by number");
	return done_testing();
}
