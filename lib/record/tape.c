#include "record/tape.h"

#include <stdlib.h>
#include <string.h>

static size_t cost_of(size_t len)
{
	return sizeof(struct tape_trade) + len;
}

/* Takes the first of those held off. */
static struct tape_trade *shift(struct tape *t)
{
	struct tape_trade *first = t->held;

	t->held = first->next;
	first->next = NULL;
	if (t->held == NULL)
		t->tail = NULL;
	if (t->at == first)
		t->at = NULL;
	t->held_n--;
	t->held_bytes -= cost_of(first->len);
	return first;
}

/* The last held one that is not beyond seq; NULL: all are.  Most come at the
 * tail; a second connection or a page comes in ascending order too, so that the
 * walk goes on where the last one ended. */
static struct tape_trade *find_before(const struct tape *t, int64_t seq)
{
	struct tape_trade *p = t->held;

	if (p == NULL || p->seq > seq)
		return NULL;
	if (t->tail->seq <= seq)
		return t->tail;
	if (t->at != NULL && t->at->seq <= seq)
		p = t->at;
	while (p->next != NULL && p->next->seq <= seq)
		p = p->next;
	return p;
}

static bool has_room(const struct tape *t, size_t len, size_t held_max)
{
	size_t used = t->held_bytes + cost_of(0);

	return used <= held_max && len <= held_max - used;
}

static void insert_after(
    struct tape *t, struct tape_trade *before, struct tape_trade *trade)
{
	struct tape_trade **link = before != NULL ? &before->next : &t->held;

	trade->next = *link;
	*link = trade;
	if (t->tail == before)
		t->tail = trade;
	else
		t->at = trade;
	t->held_n++;
	t->held_bytes += cost_of(trade->len);
}

static enum tape_is hold(struct tape *t, int64_t seq, const char *text,
    size_t len, bool repaired, size_t held_max)
{
	struct tape_trade *before = find_before(t, seq), *trade;

	if (before != NULL && before->seq == seq) {
		t->at = before;
		return TAPE_SEEN;
	}
	if (!has_room(t, len, held_max))
		return TAPE_FULL;
	trade = malloc(cost_of(len));
	if (trade == NULL)
		return TAPE_FULL;
	trade->seq = seq;
	trade->times = t->times;
	trade->repaired = repaired;
	trade->len = len;
	if (len > 0)
		memcpy(trade->text, text, len);
	insert_after(t, before, trade);
	return TAPE_HELD;
}

void tape_begin(struct tape *t, int64_t next)
{
	t->next = next;
	while (t->held != NULL && t->held->seq < next)
		free(shift(t));
}

enum tape_is tape_take(struct tape *t, int64_t seq, const char *text,
    size_t len, bool repaired, size_t held_max)
{
	if (seq < t->next)
		return TAPE_SEEN;
	if (t->next != 0 && seq > t->next)
		return hold(t, seq, text, len, repaired, held_max);
	/* Its turn, unless one that is held waits to be popped for it. */
	if (t->held != NULL && t->held->seq == seq)
		return TAPE_SEEN;
	t->next = seq + 1;
	return TAPE_NEXT;
}

struct tape_trade *tape_pop(struct tape *t)
{
	if (t->held == NULL || t->held->seq != t->next)
		return NULL;
	t->next++;
	return shift(t);
}

bool tape_hole(const struct tape *t, int64_t *from, int64_t *to)
{
	return tape_hole_after(t, 0, from, to);
}

bool tape_hole_after(
    const struct tape *t, int64_t seq, int64_t *from, int64_t *to)
{
	const struct tape_trade *p;
	int64_t due = t->next;

	for (p = t->held; p != NULL; due = p->seq + 1, p = p->next) {
		if (p->seq == due || p->seq - 1 <= seq)
			continue;
		*from = due;
		*to = p->seq - 1;
		return true;
	}
	return false;
}

void tape_skip(struct tape *t)
{
	if (t->held != NULL)
		t->next = t->held->seq;
}

void tape_free(struct tape *t)
{
	while (t->held != NULL)
		free(shift(t));
	memset(t, 0, sizeof(*t));
}
