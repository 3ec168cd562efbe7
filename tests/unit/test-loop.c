/* Watches, timers and signals of the loop, and their removal in mid-turn. */
#include "io/loop.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

static struct loop *loop;
static struct fault fault;
static int calls[4], turns, idle_turns, stopped, reported;
static struct loop_watch watch[2];
static struct loop_timer timer[3];

static void removes_both(void *arg, short revents)
{
	(void)revents;
	calls[*(int *)arg]++;
	loop_watch_remove(loop, &watch[0]);
	loop_watch_remove(loop, &watch[1]);
	loop_quit(loop);
}

/* Whoever is called first removes the other: it must not be called. */
static void removal(void)
{
	static int ids[] = {0, 1};
	int fds[2];

	if (pipe(fds) == -1 || write(fds[1], "x", 1) != 1)
		abort();
	for (int i = 0; i < 2; i++) {
		watch[i] = (struct loop_watch){.fd = fds[0],
		    .events = POLLIN,
		    .call = removes_both,
		    .arg = &ids[i]};
		loop_watch_add(loop, &watch[i]);
	}
	loop_run(loop, &fault);
	is_int(calls[0] + calls[1], 1, "a removed watch is not called");
	close(fds[0]);
	close(fds[1]);
}

static void stay_ready(void *arg, short revents)
{
	struct loop_watch *w = arg;

	is_int(revents, 0, "called without an event");
	if (++calls[2] < 3)
		w->ready = true;
	else
		loop_quit(loop);
}

static void count_turn(void *arg, bool idle)
{
	(void)arg;
	turns++;
	idle_turns += idle;
}

/* A watch that holds bytes of its own gets its turns without poll. */
static void ready(void)
{
	struct loop_watch w = {.fd = -1, .call = stay_ready, .ready = true};

	w.arg = &w;
	loop_after_turn(loop, count_turn, NULL);
	loop_watch_add(loop, &w);
	loop_run(loop, &fault);
	is_int(calls[2], 3, "a ready watch is called until it is not");
	is_int(turns, 3, "once a turn");
	is_int(idle_turns, 1, "and only the last turn is idle");
	loop_watch_remove(loop, &w);
	loop_after_turn(loop, NULL, NULL);
}

static char order[8];

static void note(void *arg)
{
	strcat(order, arg);
	if (*(char *)arg == 'b')
		loop_timer_cancel(loop, &timer[2]);
	if (*(char *)arg == 'a')
		loop_quit(loop);
}

static void timers(void)
{
	static char a[] = "a", b[] = "b", c[] = "c";
	int64_t now = clock_mono_ms();

	timer[0] = (struct loop_timer){.call = note, .arg = a};
	timer[1] = (struct loop_timer){.call = note, .arg = b};
	timer[2] = (struct loop_timer){.call = note, .arg = c};
	loop_timer_set(loop, &timer[2], now + 40);
	loop_timer_set(loop, &timer[0], now + 60);
	loop_timer_set(loop, &timer[1], now + 20);
	loop_run(loop, &fault);
	is_str(order, "ba", "timers in order; a cancelled one is silent");
}

static void stop(void *arg, int sig)
{
	(void)arg;
	stopped = sig;
	loop_quit(loop);
}

static void report(void *arg)
{
	(void)arg;
	reported++;
	raise(SIGTERM);
}

static void raise_usr1(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
}

static void signals(void)
{
	struct loop_timer t = {.call = raise_usr1};

	ok(loop_signals(loop, stop, report, NULL, &fault) == 0,
	    "signals are caught");
	loop_timer_set(loop, &t, clock_mono_ms());
	loop_run(loop, &fault);
	is_int(reported, 1, "SIGUSR1 reports");
	ok(!loop_signal_again(), "a signal at once after is the same wish");
	is_int(stopped, SIGTERM, "SIGTERM stops");
}

int main(void)
{
	loop = loop_new();
	removal();
	ready();
	timers();
	signals();
	loop_free(loop);
	raise(SIGTERM);
	ok(true, "an echo of the signal ends nothing when the loop is gone");
	return done_testing();
}
