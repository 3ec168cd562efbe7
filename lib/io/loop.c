#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define SAME_WISH_MS 500

struct loop {
	struct loop_watch *watches;
	struct loop_timer *timers;
	struct loop_watch *next_watch; /* where the running turn goes on */
	struct loop_timer *next_timer;
	struct pollfd *polled;
	struct loop_watch **owner; /* of polled[i]; NULL once removed */
	size_t size, n;
	void (*after)(void *arg, bool idle);
	void *after_arg;
	void (*stop)(void *arg, int sig);
	void (*report)(void *arg);
	void *signal_arg;
	struct loop_watch signals;
	bool quit;
};

/* Signal handlers know nothing but this pipe. */
static int signal_pipe[2] = {-1, -1};
static volatile int64_t signal_first_ms; /* 0: none came */

struct loop *loop_new(void)
{
	return calloc(1, sizeof(struct loop));
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	/* The handlers stay: an echo of the first signal may still come, and
	 * must not change how the program ends. */
	if (l->signals.linked) {
		int reader = signal_pipe[0], writer = signal_pipe[1];

		signal_pipe[0] = signal_pipe[1] = -1;
		close(reader);
		close(writer);
	}
	free(l->polled);
	free(l->owner);
	free(l);
}

void loop_watch_add(struct loop *l, struct loop_watch *w)
{
	if (w->linked)
		return;
	w->prev = NULL;
	w->next = l->watches;
	if (l->watches != NULL)
		l->watches->prev = w;
	l->watches = w;
	w->linked = true;
}

void loop_watch_remove(struct loop *l, struct loop_watch *w)
{
	if (!w->linked)
		return;
	if (l->next_watch == w)
		l->next_watch = w->next;
	for (size_t i = 0; i < l->n; i++)
		if (l->owner[i] == w)
			l->owner[i] = NULL;
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		l->watches = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->linked = false;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_ms)
{
	t->at_ms = at_ms;
	t->armed = true;
	if (t->linked)
		return;
	t->prev = NULL;
	t->next = l->timers;
	if (l->timers != NULL)
		l->timers->prev = t;
	l->timers = t;
	t->linked = true;
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
	t->armed = false;
	if (!t->linked)
		return;
	if (l->next_timer == t)
		l->next_timer = t->next;
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		l->timers = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->linked = false;
}

bool loop_signal_again(void)
{
	int64_t now_ms = clock_mono_ms();

	if (signal_first_ms == 0)
		signal_first_ms = now_ms;
	return now_ms - signal_first_ms > SAME_WISH_MS;
}

static void on_signal(int sig)
{
	int saved = errno;
	unsigned char byte = (unsigned char)sig;

	if (sig != SIGUSR1 && loop_signal_again())
		_exit(128 + sig);
	if (signal_pipe[1] != -1 && write(signal_pipe[1], &byte, 1) == -1 &&
	    errno != EAGAIN)
		_exit(128 + sig);
	errno = saved;
}

static void signals_read(void *arg, short revents)
{
	struct loop *l = arg;
	unsigned char bytes[32];
	ssize_t n = read(signal_pipe[0], bytes, sizeof(bytes));

	(void)revents;
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != SIGUSR1)
			l->stop(l->signal_arg, bytes[i]);
		else if (l->report != NULL)
			l->report(l->signal_arg);
	}
}

int loop_signals(struct loop *l, void (*stop)(void *arg, int sig),
    void (*report)(void *arg), void *arg, struct fault *fault)
{
	struct sigaction action = {.sa_handler = on_signal};

	if (pipe(signal_pipe) == -1)
		return fault_errno(fault, EX_OSERR, "cannot make a pipe");
	for (int i = 0; i < 2; i++) {
		fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
		fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
	}
	l->stop = stop;
	l->report = report;
	l->signal_arg = arg;
	l->signals = (struct loop_watch){.fd = signal_pipe[0],
	    .events = POLLIN,
	    .call = signals_read,
	    .arg = l};
	loop_watch_add(l, &l->signals);
	/* One handler at a time: they share what they keep. */
	sigfillset(&action.sa_mask);
	action.sa_flags = SA_RESTART;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int grow(struct loop *l)
{
	size_t size = l->size == 0 ? 16 : l->size * 2;
	struct pollfd *polled = realloc(l->polled, size * sizeof(*polled));
	struct loop_watch **owner;

	if (polled == NULL)
		return -1;
	l->polled = polled;
	owner = realloc(l->owner, size * sizeof(struct loop_watch *));
	if (owner == NULL)
		return -1;
	l->owner = owner;
	l->size = size;
	return 0;
}

/* Fills polled; true in *ready if some watch wants its turn without polling. */
static int gather(struct loop *l, bool *ready)
{
	*ready = false;
	l->n = 0;
	for (struct loop_watch *w = l->watches; w != NULL; w = w->next) {
		if (w->ready)
			*ready = true;
		if (w->events == 0 || w->fd == -1)
			continue;
		if (l->n == l->size && grow(l) == -1)
			return -1;
		l->polled[l->n] = (struct pollfd){
		    .fd = w->fd, .events = w->events};
		l->owner[l->n++] = w;
	}
	return 0;
}

static int until_timer(const struct loop *l)
{
	int64_t wait = -1, now = clock_mono_ms();

	for (struct loop_timer *t = l->timers; t != NULL; t = t->next) {
		int64_t left = t->at_ms > now ? t->at_ms - now : 0;

		if (wait == -1 || left < wait)
			wait = left;
	}
	return wait > 60000 ? 60000 : (int)wait;
}

static void run_timers(struct loop *l)
{
	int64_t now = clock_mono_ms();
	struct loop_timer *t;

	for (t = l->timers; t != NULL; t = l->next_timer) {
		l->next_timer = t->next;
		if (t->at_ms > now)
			continue;
		loop_timer_cancel(l, t);
		t->call(t->arg);
	}
	l->next_timer = NULL;
}

static void run_watches(struct loop *l)
{
	struct loop_watch *w;

	for (size_t i = 0; i < l->n; i++) {
		w = l->owner[i];
		if (w == NULL || l->polled[i].revents == 0)
			continue;
		w->ready = false;
		w->call(w->arg, l->polled[i].revents);
	}
	l->n = 0;
	for (w = l->watches; w != NULL; w = l->next_watch) {
		l->next_watch = w->next;
		if (!w->ready)
			continue;
		w->ready = false;
		w->call(w->arg, 0);
	}
	l->next_watch = NULL;
}

static bool any_ready(const struct loop *l)
{
	for (const struct loop_watch *w = l->watches; w != NULL; w = w->next)
		if (w->ready)
			return true;
	return false;
}

int loop_run(struct loop *l, struct fault *fault)
{
	bool ready;
	int n;

	l->quit = false;
	while (!l->quit) {
		if (gather(l, &ready) == -1)
			return fault_set(fault, EX_OSERR, "out of memory");
		n = poll(l->polled, (nfds_t)l->n, ready ? 0 : until_timer(l));
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			return fault_errno(fault, EX_OSERR, "poll");
		if (n <= 0)
			for (size_t i = 0; i < l->n; i++)
				l->polled[i].revents = 0;
		run_watches(l);
		run_timers(l);
		if (l->after != NULL)
			l->after(l->after_arg, !any_ready(l));
	}
	return 0;
}

void loop_quit(struct loop *l)
{
	l->quit = true;
}

void loop_after_turn(
    struct loop *l, void (*call)(void *arg, bool idle), void *arg)
{
	l->after = call;
	l->after_arg = arg;
}
