/* The token bucket: bursts, refills, what never overflows. */
#include "net/ratelimit.h"

#include "tap.h"

static void burst_then_pace(void)
{
	struct ratelimit r;

	ratelimit_init(&r, 3, 100);
	is_int(ratelimit_take(&r, 1000), 0, "first of a burst of 3");
	is_int(ratelimit_take(&r, 1000), 0, "second");
	is_int(ratelimit_take(&r, 1000), 0, "third");
	is_int(ratelimit_take(&r, 1000), 100, "the fourth waits an interval");
	is_int(ratelimit_take(&r, 1040), 60, "asking took nothing");
	is_int(ratelimit_take(&r, 1100), 0, "it may go then");
	is_int(ratelimit_take(&r, 1100), 100, "and the next waits again");
}

static void idle_does_not_pile_up(void)
{
	struct ratelimit r;
	int taken = 0;

	ratelimit_init(&r, 2, 500);
	ratelimit_take(&r, 0);
	while (ratelimit_take(&r, 3600000) == 0)
		taken++;
	is_int(taken, 2, "an idle hour gives a full bucket, no more");
}

static void mean_rate(void)
{
	struct ratelimit r;
	int64_t now = 7, wait;
	int taken = 0;

	ratelimit_init(&r, 5, 100);
	while (now < 10007) {
		wait = ratelimit_take(&r, now);
		if (wait == 0)
			taken++;
		now += wait;
	}
	is_int(taken, 5 + 99, "10 s at 10/s with a burst of 5");
}

static void drained(void)
{
	struct ratelimit r;

	ratelimit_init(&r, 4, 250);
	ratelimit_drain(&r, 100);
	is_int(ratelimit_take(&r, 100), 250, "drained: wait for one token");
	is_int(ratelimit_take(&r, 350), 0, "which then is there");
	ratelimit_init(&r, 1, 0);
	is_int(ratelimit_take(&r, 5), 0, "no interval: no limit");
	is_int(ratelimit_take(&r, 5), 0, "ever");
}

static void reserved(void)
{
	struct ratelimit r;

	ratelimit_init(&r, 3, 100);
	is_int(ratelimit_wait(&r, 2, 50), 0, "two reserved: one is left");
	is_int(ratelimit_wait(&r, 3, 50), 100, "three reserved: none");
	is_int(ratelimit_wait(&r, 3, 9050), 100, "however long it takes");
	ratelimit_spend(&r, 9050);
	is_int(ratelimit_wait(&r, 2, 9050), 100, "spent: it comes back");
	is_int(ratelimit_wait(&r, 2, 9150), 0, "from that time on");
	ratelimit_drain(&r, 10000);
	is_int(ratelimit_wait(&r, 0, 9150), 950, "drained as of later");
}

int main(void)
{
	burst_then_pace();
	idle_does_not_pile_up();
	mean_rate();
	drained();
	reserved();
	return done_testing();
}
