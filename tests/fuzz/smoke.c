/*
 * A fuzz target without a fuzzer: seeded texts, whole and damaged, as a test.
 * A finding aborts, which the harness counts.
 */
#include "fuzz.h"
#include "../unit/gen-json.h"
#include "../unit/tap.h"

#define ROUNDS 60000

static void run(const struct buf *text)
{
	struct buf copy;

	/* A copy of just that size: the sanitizers see a read beyond it. */
	buf_init(&copy, buf_used(text));
	buf_add(&copy, buf_head(text), buf_used(text));
	LLVMFuzzerTestOneInput(buf_used(&copy)
				   ? (const uint8_t *)buf_head(&copy)
				   : (const uint8_t *)"",
	    buf_used(&copy));
	buf_free(&copy);
}

int main(void)
{
	struct gen g = {7};
	struct buf text;
	char number[128];

	buf_init(&text, 65536);
	for (int i = 0; i < ROUNDS; i++) {
		buf_clear(&text);
		if (gen_below(&g, 2))
			gen_value(&g, &text, 4);
		else
			buf_add(&text, number, gen_number(&g, number));
		run(&text);
		gen_damage(&g, &text, "1e5", 3);
		run(&text);
	}
	buf_free(&text);
	ok(true, "%d seeded texts, whole and damaged, without a finding",
	    ROUNDS);
	return done_testing();
}
