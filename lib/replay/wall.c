#include "replay/wall.h"

#include "base/clock.h"

static int64_t shift_us;

void wall_shift(int64_t us)
{
	shift_us = us;
}

int64_t wall_us(void)
{
	return clock_wall_us() + shift_us;
}
