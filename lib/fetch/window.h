/*
 * A span of time as the calls that ask for it: windows of at most so many rows
 * that stand a step apart (candles, hours of funding), one behind the other,
 * without hole or overlap.  Pure arithmetic; also of trade numbers, step 1.
 */
#ifndef FETCH_WINDOW_H
#define FETCH_WINDOW_H

#include <stdint.h>

struct window {
	int64_t next; /* the first row of the next window */
	int64_t last; /* the last row of all; before next: none is left */
	int64_t step, rows;
};

/* The rows at multiples of step within [from, to).  step and rows are 1 or
 * more. */
void window_init(
    struct window *w, int64_t from, int64_t to, int64_t step, int64_t rows);

/* 1: the next window has its first row at *first and its last at *last, both
 * within, as the exchange counts; 0: there is none. */
int window_next(struct window *w, int64_t *first, int64_t *last);

/* How many are left. */
int64_t window_count(const struct window *w);

/* The multiple of step at or before a time. */
int64_t window_floor(int64_t at, int64_t step);

#endif
