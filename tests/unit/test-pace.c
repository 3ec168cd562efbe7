/* How fast all sessions together may ask, and knock. */
#include "deribit/pace.h"
#include "tap.h"

static void test_rates(void)
{
	struct pace p;
	int64_t now_ms = 1000000;
	int n = 0;

	pace_init(&p, 1000, 60000);
	is_int(pace_subscribe(&p, &p, now_ms), 0, "a subscribe call at once");
	is_int(pace_subscribe(&p, &p, now_ms), 500,
	    "the next half a second later");
	is_int(pace_subscribe(&p, &p, now_ms + 500), 0, "then it may go");
	while (pace_call(&p, now_ms) == 0)
		n++;
	is_int(n, 10, "ten calls at once");
	for (n = 0; now_ms < 1010000; now_ms += 10)
		n += pace_call(&p, now_ms) == 0;
	is_int(n, 99, "and ten a second");
	pace_spent(&p, now_ms);
	ok(pace_call(&p, now_ms) >= 5000, "credits that are spent come back");
	now_ms += 20000;
	while (pace_call(&p, now_ms) == 0)
		;
	for (n = 0; n < 100 && pace_call(&p, now_ms) > 0; n++)
		now_ms += 10;
	is_int(n, 20, "and calls go at half the rate");
}

/* Three that always have something to ask, and one that asks once, later in
 * every round. */
static void test_turns(void)
{
	char who[4];
	struct pace p;
	int64_t now_ms = 1000000;
	int went = 0;

	pace_init(&p, 1000, 60000);
	while (now_ms < 1005000 && went == 0) {
		for (int i = 0; i < 3; i++)
			pace_subscribe(&p, who + i, now_ms);
		went = pace_subscribe(&p, who + 3, now_ms) == 0;
		now_ms += 10;
	}
	ok(went && now_ms <= 1002000, "nobody waits for ever behind the busy");
	pace_subscribe(&p, who, now_ms);
	pace_subscribe(&p, who + 1, now_ms);
	now_ms += 1000;
	pace_leave(&p, who);
	pace_leave(&p, who + 1);
	pace_leave(&p, who + 2);
	is_int(pace_subscribe(&p, who + 3, now_ms), 0,
	    "nor behind those who have left");
}

/* How many of some sessions try at this moment. */
static int tries(struct pace *p, char *who, int n, int64_t now_ms)
{
	int went = 0;

	for (int i = 0; i < n; i++)
		went += pace_connect(p, who + i, now_ms) == 0;
	return went;
}

static void test_closed(void)
{
	struct pace p;
	char who[12];
	int64_t now_ms = 1000000, wait_ms;
	int went = 0, closed = 0;

	pace_init(&p, 100, 1000);
	is_int(tries(&p, who, 12, now_ms), 4, "four connect at once");
	now_ms += 5000;
	for (int i = 0; i < 12; i++)
		pace_close(&p, who + i, 0, now_ms);
	is_int(tries(&p, who, 12, now_ms), 0, "closed: nobody tries at once");
	/* A minute of maintenance: whoever tries is refused. */
	for (int64_t end_ms = now_ms + 60000; now_ms < end_ms; now_ms += 50)
		for (int i = 0; i < 12; i++) {
			if (pace_connect(&p, who + i, now_ms) != 0)
				continue;
			went++;
			pace_close(&p, who + i, 0, now_ms);
			closed++;
		}
	ok(went >= 20 && went <= 300,
	    "one knocks at a time, not twelve: %d tries", went);
	pace_close(&p, who, 30000, now_ms);
	wait_ms = pace_connect(&p, who, now_ms);
	ok(p.knocks != NULL || wait_ms > 0, "what it asks for is waited");
	now_ms += 60000;
	is_int(tries(&p, who, 12, now_ms), 1, "one knocks");
	is_int(tries(&p, who + 1, 11, now_ms + 100), 0, "the others wait");
	pace_open(&p);
	ok(tries(&p, who, 12, now_ms + 200) >= 3, "it is open: all come");
}

static void test_leaving(void)
{
	struct pace p;
	char who[2];
	int64_t now_ms = 1000000;

	pace_init(&p, 0, 0);
	is_int(pace_wait(&p, 5, now_ms), 5, "open");
	pace_close(&p, who, 30000, now_ms);
	is_int(pace_wait(&p, 5, now_ms + 1000), 29000, "closed for so long");
	is_int(pace_wait(&p, 5, now_ms + 31000), 5, "and no longer");

	pace_init(&p, 0, 0);
	pace_close(&p, who, 0, now_ms);
	is_int(pace_connect(&p, who, now_ms), 0, "the first knocks");
	ok(pace_connect(&p, who + 1, now_ms) > 0, "the second waits");
	pace_leave(&p, who + 1);
	ok(pace_connect(&p, who + 1, now_ms) > 0,
	    "one that leaves takes nothing with it");
	pace_leave(&p, who);
	is_int(pace_connect(&p, who + 1, now_ms), 0,
	    "when the first is gone the second knocks");
}

int main(void)
{
	test_rates();
	test_turns();
	test_closed();
	test_leaving();
	return done_testing();
}
