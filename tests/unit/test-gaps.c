/* Holes that wait. */
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
	gaps_add(&gaps, &b, 71, 80, -1, -1);
	gaps_add(&gaps, &b, 81, 90, 16, 17);
	ok(b.what.from_seq == -1 && b.what.to_seq == -1,
	    "but with one that has none there are none");
	gaps_shift(&gaps);
	gaps_shift(&gaps);
	ok(gaps_first(&gaps) == NULL, "and then nothing waits");
}

int main(void)
{
	test_waiting();
	return done_testing();
}
