#include "record/gaps.h"

#include <stddef.h>

static int64_t lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void gaps_add(struct gaps *g, struct gap *gap, int64_t from_ms, int64_t to_ms,
    int64_t from_seq, int64_t to_seq)
{
	struct record_gap *what = &gap->what;

	if (gap->waits) {
		what->from_ms = lower(what->from_ms, from_ms);
		what->to_ms = higher(what->to_ms, to_ms);
		what->from_seq = lower(what->from_seq, from_seq);
		/* With one that is told by time alone: by time. */
		what->to_seq = what->from_seq < 0
		                   ? -1
		                   : higher(what->to_seq, to_seq);
		return;
	}
	what->from_ms = from_ms;
	what->to_ms = to_ms;
	what->from_seq = from_seq;
	what->to_seq = to_seq;
	gap->waits = true;
	gap->next = NULL;
	if (g->first == NULL)
		g->first = gap;
	else
		g->last->next = gap;
	g->last = gap;
}

struct gap *gaps_first(struct gaps *g)
{
	return g->first;
}

void gaps_shift(struct gaps *g)
{
	struct gap *gap = g->first;

	g->first = gap->next;
	gap->waits = false;
	gap->next = NULL;
}
