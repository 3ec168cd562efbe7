/*
 * One poll(2) loop: descriptors, timers, signals.  Callbacks may add, change
 * and remove watches and timers, also their own.  A watch may ask to be called
 * without polling (loop_ready()): TLS may hold decrypted bytes that poll cannot
 * see.  The loop owns nothing but its tables; watches and timers live in their
 * owners' structs.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <signal.h>

#include "base/fault.h"

struct loop;

struct loop_watch {
	int fd;
	short events; /* POLLIN, POLLOUT; 0: not polled */
	bool ready;   /* call it in the next turn in any case (revents 0) */
	void (*call)(void *arg, short revents);
	void *arg;
	struct loop_watch *next, *prev; /* the loop's */
	bool linked;
};

struct loop_timer {
	int64_t at_ms; /* monotonic */
	bool armed;
	void (*call)(void *arg);
	void *arg;
	struct loop_timer *next, *prev; /* the loop's */
	bool linked;
};

/* NULL without memory.  Catches nothing yet. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

void loop_watch_add(struct loop *l, struct loop_watch *w);
void loop_watch_remove(struct loop *l, struct loop_watch *w);

/* (Re)arms; the timer is called once. */
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ms);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

/* For handlers of SIGTERM and SIGINT: false for the first wish to end, true for
 * another.  What comes within half a second is the same wish: timeout(1) and
 * some shells tell the process and then its group.  Async-signal-safe. */
bool loop_signal_again(void);

/* SIGTERM and SIGINT: the first calls stop(arg), a second one (as above) ends
 * the process at once with 128 + signal.  SIGUSR1 calls report(arg) (may be
 * NULL).  SIGPIPE is ignored: writes answer EPIPE.  One loop a process. */
int loop_signals(struct loop *l, void (*stop)(void *arg, int sig),
    void (*report)(void *arg), void *arg, struct fault *fault);

/* Runs until loop_quit(); 0, or -1 when poll itself fails. */
int loop_run(struct loop *l, struct fault *fault);
void loop_quit(struct loop *l);

/* Called after every turn, when all callbacks of the turn have run: the place
 * to flush and to reap.  idle: no watch has asked for another turn, so all the
 * input that was there has been taken. */
void loop_after_turn(
    struct loop *l, void (*call)(void *arg, bool idle), void *arg);

#endif
