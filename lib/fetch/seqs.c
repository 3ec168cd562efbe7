#include "fetch/seqs.h"

#include <stdlib.h>
#include <string.h>

/* Smaller pieces cost calls and help no more. */
#define PIECE_MIN ((size_t)10)
#define HALVES_MAX 2

int seqs_init(struct seqs *s, int64_t first, size_t n)
{
	s->first = first;
	s->n = n;
	s->have = 0;
	s->is = calloc(n / 8 + 1, 1);
	return s->is != NULL ? 0 : -1;
}

void seqs_free(struct seqs *s)
{
	free(s->is);
	memset(s, 0, sizeof(*s));
}

static bool is_within(const struct seqs *s, int64_t seq)
{
	return seq >= s->first && (uint64_t)(seq - s->first) < s->n;
}

bool seqs_has(const struct seqs *s, int64_t seq)
{
	size_t i;

	if (!is_within(s, seq))
		return false;
	i = (size_t)(seq - s->first);
	return s->is[i / 8] >> i % 8 & 1;
}

enum seqs_is seqs_take(struct seqs *s, int64_t seq)
{
	size_t i;

	if (!is_within(s, seq))
		return SEQS_OUTSIDE;
	if (seqs_has(s, seq))
		return SEQS_SEEN;
	i = (size_t)(seq - s->first);
	s->is[i / 8] |= (unsigned char)(1U << i % 8);
	s->have++;
	return SEQS_NEW;
}

bool seqs_hole(
    const struct seqs *s, int64_t after, size_t max, int64_t *from, int64_t *to)
{
	int64_t seq = after < s->first ? s->first : after + 1;

	while (is_within(s, seq) && seqs_has(s, seq))
		seq++;
	if (!is_within(s, seq))
		return false;
	*from = *to = seq;
	while (is_within(s, *to + 1) && !seqs_has(s, *to + 1) &&
	       (uint64_t)(*to + 1 - *from) < max)
		++*to;
	return true;
}

size_t seqs_piece(const struct seqs *s, unsigned fruitless)
{
	size_t piece;

	/* Where nothing ever came, it is not because we asked for much. */
	if (s->have == 0)
		return s->n;
	piece = s->n >> (fruitless < HALVES_MAX ? fruitless : HALVES_MAX);
	return piece > PIECE_MIN ? piece : PIECE_MIN;
}
