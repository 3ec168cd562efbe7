/* Holes that wait, and trade_seq. */
#include <stddef.h>

#include "record/gaps.h"
#include "tap.h"

static void test_waiting(void)
{
	struct gap a = {.waits = false}, b = {.waits = false};
	struct gaps gaps = {NULL, NULL};

	ok(gaps_first(&gaps) == NULL, "nothing waits at first");
	gaps_add(&gaps, &a, 100, 200, -1, -1);
	gaps_add(&gaps, &b, 50, 60, 7, 9);
	gaps_add(&gaps, &a, 300, 400, -1, -1);
	ok(gaps_first(&gaps) == &a, "the first hole is the first");
	is_int(a.what.from_ms, 100, "a hole that grows begins as before");
	is_int(a.what.to_ms, 400, "and ends later");
	gaps_shift(&gaps);
	ok(gaps_first(&gaps) == &b, "then comes the second");
	gaps_add(&gaps, &b, 61, 70, 12, 14);
	is_int(b.what.from_seq, 7, "numbers are merged too");
	is_int(b.what.to_seq, 14, "to the highest");
	gaps_add(&gaps, &a, 500, 600, -1, -1);
	is_int(a.what.from_ms, 500, "a hole that was told begins anew");
	gaps_shift(&gaps);
	gaps_shift(&gaps);
	ok(gaps_first(&gaps) == NULL, "and then nothing waits");
}

static void test_sequence(void)
{
	struct sequence s = {.max = -1};

	is_int(sequence_take(&s, 100), SEQUENCE_NEXT, "the first trade");
	is_int(sequence_take(&s, 101), SEQUENCE_NEXT, "the next");
	is_int(sequence_take(&s, 101), SEQUENCE_SEEN, "the same again");
	is_int(sequence_take(&s, 100), SEQUENCE_SEEN, "an older one again");
	is_int(sequence_take(&s, 99), SEQUENCE_LATE,
	    "one before the first was never here");
	is_int(sequence_take(&s, 105), SEQUENCE_JUMP, "a jump");
	is_int(sequence_take(&s, 103), SEQUENCE_LATE, "what it left out");
	is_int(sequence_take(&s, 103), SEQUENCE_SEEN, "but once");
	is_int(sequence_take(&s, 101), SEQUENCE_SEEN, "older ones are kept");
	is_int(sequence_take(&s, 168), SEQUENCE_JUMP, "63 further");
	is_int(sequence_take(&s, 105), SEQUENCE_SEEN, "still known");
	is_int(sequence_take(&s, 104), SEQUENCE_LATE,
	    "beyond what is known: not dropped");
	is_int(sequence_take(&s, 400), SEQUENCE_JUMP, "64 and more");
	is_int(sequence_take(&s, 399), SEQUENCE_LATE, "nothing is known");
	is_int(sequence_take(&s, 400), SEQUENCE_SEEN, "but the last");
}

/* A message may hold its trades newest first: no hole is left of it. */
static void test_filling(void)
{
	struct gap gap = {.waits = false};
	struct gaps gaps = {NULL, NULL};

	gaps_add(&gaps, &gap, 1, 2, 100, 102);
	gap_fill(&gap, 102);
	gap_fill(&gap, 100);
	is_int(gap.what.from_seq, 101, "from its beginning");
	is_int(gap.what.to_seq, 101, "and from its end");
	gap_fill(&gap, 101);
	ok(gap.what.from_seq > gap.what.to_seq, "until nothing is left");
}

int main(void)
{
	test_waiting();
	test_sequence();
	test_filling();
	return done_testing();
}
