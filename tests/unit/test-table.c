/* The hash table against a plain list. */
#include "base/table.h"
#include "gen.h"
#include "tap.h"

#define KEYS 300 /* more than half of the first 256 slots: it grows */
#define SEEDS 300
#define STEPS 2000

static void test_few(void)
{
	struct table t = {.size = 0};
	int one = 1, two = 2;

	ok(table_find(&t, "a", 1) == NULL, "an empty table has no key");
	ok(table_remove(&t, "a", 1) == NULL, "and nothing to take out");
	ok(table_add(&t, "a", 1, &one) == 0 && table_add(&t, "", 0, &two) == 0,
	    "two keys, one of them empty");
	ok(table_remove(&t, "b", 1) == NULL, "no such key");
	is_int((int64_t)t.n, 2, "takes nothing out");
	ok(table_remove(&t, "a", 1) == &one, "taken out, the value comes back");
	ok(table_find(&t, "a", 1) == NULL, "and is not found");
	ok(table_remove(&t, "a", 1) == NULL, "nor taken out twice");
	ok(table_find(&t, "", 0) == &two, "the other stays");
	ok(table_add(&t, "a", 1, &two) == 0 && table_find(&t, "a", 1) == &two,
	    "a key may come back with another value");
	is_int((int64_t)t.n, 2, "two are counted");
	table_free(&t);
}

struct model {
	char key[KEYS][8];
	size_t len[KEYS];
	bool there[KEYS];
	size_t n;
};

static bool agrees(const struct table *t, struct model *m)
{
	for (size_t i = 0; i < KEYS; i++) {
		void *want = m->there[i] ? &m->there[i] : NULL;

		if (table_find(t, m->key[i], m->len[i]) != want)
			return false;
	}
	return t->n == m->n;
}

static bool step(struct gen *g, struct table *t, struct model *m, unsigned keys)
{
	unsigned i = gen_below(g, keys);
	void *want = m->there[i] ? &m->there[i] : NULL;

	if (want != NULL || gen_below(g, 4) == 0) {
		m->n -= m->there[i];
		m->there[i] = false;
		return table_remove(t, m->key[i], m->len[i]) == want;
	}
	m->n++;
	m->there[i] = true;
	return table_add(t, m->key[i], m->len[i], &m->there[i]) == 0;
}

/* The table seeds itself from the clock; an empty one may be seeded anew. */
static bool seeded(struct table *t, uint64_t seed)
{
	if (table_add(t, "x", 1, t) == -1 || table_remove(t, "x", 1) != t)
		return false;
	t->seed = seed;
	return true;
}

static bool run_seed(uint64_t seed)
{
	static struct model m;
	struct gen g = {seed};
	struct table t = {.size = 0};
	/* Few keys leave the table small and full, many make it grow. */
	unsigned keys = gen_below(&g, 2) ? KEYS : 240;
	bool good = seeded(&t, gen_next(&g));

	memset(&m, 0, sizeof(m));
	for (size_t i = 0; i < KEYS; i++)
		m.len[i] = (size_t)snprintf(
		    m.key[i], sizeof(m.key[i]), "%zu", i);
	for (int i = 0; good && i < STEPS; i++)
		good = step(&g, &t, &m, keys) &&
		       (i % 16 != 0 || agrees(&t, &m));
	for (size_t i = 0; good && i < KEYS; i++)
		good = (table_remove(&t, m.key[i], m.len[i]) != NULL) ==
		       m.there[i];
	good = good && t.n == 0;
	for (size_t i = 0; good && i < KEYS; i++)
		good = table_find(&t, m.key[i], m.len[i]) == NULL;
	table_free(&t);
	return good;
}

int main(void)
{
	uint64_t seed = 1;

	test_few();
	while (seed <= SEEDS && run_seed(seed))
		seed++;
	ok(seed > SEEDS, "it agrees with a list, of %d runs", SEEDS);
	if (seed <= SEEDS)
		printf("# seed %" PRIu64 "\n", seed);
	return done_testing();
}
