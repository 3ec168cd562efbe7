#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define FIRST_SIZE 256
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

struct table_slot {
	uint64_t hash;
	const char *key;
	size_t len;
	void *value; /* NULL: free */
};

/* Eight bytes at a time.  Keys may come from a stranger: hence the seed. */
static uint64_t hash(const struct table *t, const char *p, size_t len)
{
	uint64_t h = t->seed ^ (len * MULTIPLIER);
	uint64_t word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * MULTIPLIER;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, p, len);
	h = (h ^ word) * MULTIPLIER;
	return h ^ (h >> 29);
}

/* The slot of the key, or the free one where it belongs. */
static struct table_slot *probe(
    const struct table *t, uint64_t h, const char *key, size_t len)
{
	size_t i = (size_t)h & (t->size - 1);
	struct table_slot *s;

	for (;; i = (i + 1) & (t->size - 1)) {
		s = &t->slot[i];
		if (s->value == NULL || (s->hash == h && s->len == len &&
					    memcmp(s->key, key, len) == 0))
			return s;
	}
}

static int grow(struct table *t)
{
	struct table bigger = {.seed = t->seed, .n = t->n};
	size_t i;

	if (t->size == 0)
		bigger.seed = (uint64_t)clock_wall_us() * MULTIPLIER;
	bigger.size = t->size > 0 ? t->size * 2 : FIRST_SIZE;
	bigger.slot = calloc(bigger.size, sizeof(*bigger.slot));
	if (bigger.slot == NULL)
		return -1;
	for (i = 0; i < t->size; i++) {
		struct table_slot *s = &t->slot[i];

		if (s->value != NULL)
			*probe(&bigger, s->hash, s->key, s->len) = *s;
	}
	free(t->slot);
	*t = bigger;
	return 0;
}

void table_free(struct table *t)
{
	free(t->slot);
	memset(t, 0, sizeof(*t));
}

void *table_find(const struct table *t, const char *key, size_t len)
{
	if (t->size == 0)
		return NULL;
	return probe(t, hash(t, key, len), key, len)->value;
}

int table_add(struct table *t, const char *key, size_t len, void *value)
{
	struct table_slot *s;
	uint64_t h;

	if ((t->n + 1) * 2 > t->size && grow(t) == -1)
		return -1;
	h = hash(t, key, len);
	s = probe(t, h, key, len);
	*s = (struct table_slot){h, key, len, value};
	t->n++;
	return 0;
}

/* What follows in the run moves up, so that no search ends early; what stands
 * between its home and the hole stays. */
static void close_up(struct table *t, size_t hole)
{
	size_t mask = t->size - 1;
	size_t i = hole;

	for (;;) {
		i = (i + 1) & mask;
		if (t->slot[i].value == NULL)
			break;
		if (((i - (size_t)t->slot[i].hash) & mask) >=
		    ((i - hole) & mask)) {
			t->slot[hole] = t->slot[i];
			hole = i;
		}
	}
	t->slot[hole] = (struct table_slot){0};
}

void *table_remove(struct table *t, const char *key, size_t len)
{
	struct table_slot *s;
	void *value;

	if (t->size == 0)
		return NULL;
	s = probe(t, hash(t, key, len), key, len);
	value = s->value;
	if (value != NULL) {
		close_up(t, (size_t)(s - t->slot));
		t->n--;
	}
	return value;
}
