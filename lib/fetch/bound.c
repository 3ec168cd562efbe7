#include "fetch/bound.h"

/* What is not there after so many calls in a row is not there. */
#define QUIET_MAX 4
/* Beyond the last known one, to see whether there is another. */
#define LOOK 10

bool bound_is_proven(const struct bound *b)
{
	return b->behind != 0 && b->before + 1 == b->behind;
}

static enum bound_ask numbers(
    const struct bound *b, int64_t rows, int64_t *from, int64_t *to)
{
	if (b->before == 0) {
		*from = b->behind > rows ? b->behind - rows + 1 : 1;
		*to = b->behind;
		return BOUND_NUMBERS;
	}
	*from = b->before;
	*to = b->before + LOOK;
	if (b->behind != 0)
		*to = b->behind - b->before < rows ? b->behind
		                                   : b->before + rows - 1;
	return BOUND_NUMBERS;
}

enum bound_ask bound_next(
    const struct bound *b, int64_t rows, int64_t *from, int64_t *to)
{
	if (bound_is_proven(b) || b->quiet >= QUIET_MAX)
		return BOUND_DONE;
	if (b->asked == 0)
		return b->open ? BOUND_BEFORE : BOUND_BEHIND;
	if (b->asked == 1)
		return BOUND_BEFORE;
	if (b->before != 0 || b->behind != 0)
		if (b->asked % 2 == 0)
			return numbers(b, rows, from, to);
	return b->asked % 4 == 1 || b->open ? BOUND_BEFORE : BOUND_BEHIND;
}

void bound_row(struct bound *b, int64_t seq, int64_t timestamp_ms)
{
	if (timestamp_ms < b->at_ms && seq > b->before) {
		b->before = seq;
		b->moved = true;
	}
	if (timestamp_ms >= b->at_ms && (b->behind == 0 || seq < b->behind)) {
		b->behind = seq;
		b->moved = true;
	}
}

void bound_reply(struct bound *b)
{
	/* The first two ask about different sides. */
	if (b->moved || b->asked < 2)
		b->quiet = 0;
	else
		b->quiet++;
	b->moved = false;
	b->asked++;
}

int64_t bound_first(const struct bound *b)
{
	/* Of what came before nobody has anything; or times have no order. */
	if (b->behind != 0 && (b->before == 0 || b->behind <= b->before))
		return b->behind;
	return b->before + 1;
}

int64_t bound_last(const struct bound *b)
{
	if (b->before == 0 && b->behind != 0)
		return 0;
	return b->behind != 0 && b->behind > b->before ? b->behind - 1
	                                               : b->before;
}
