#include "fetch/window.h"

int64_t window_floor(int64_t at, int64_t step)
{
	int64_t beyond = at % step;

	return beyond >= 0 ? at - beyond : at - beyond - step;
}

void window_init(
    struct window *w, int64_t from, int64_t to, int64_t step, int64_t rows)
{
	w->step = step;
	w->rows = rows;
	w->next = window_floor(from, step);
	if (w->next < from)
		w->next += step;
	w->last = from < to ? window_floor(to - 1, step) : w->next - step;
}

int window_next(struct window *w, int64_t *first, int64_t *last)
{
	if (w->next > w->last)
		return 0;
	*first = w->next;
	/* As a comparison of counts it does not overflow. */
	*last = (w->last - w->next) / w->step < w->rows
	            ? w->last
	            : w->next + (w->rows - 1) * w->step;
	w->next = *last + w->step;
	return 1;
}

int64_t window_count(const struct window *w)
{
	if (w->next > w->last)
		return 0;
	return (w->last - w->next) / w->step / w->rows + 1;
}
