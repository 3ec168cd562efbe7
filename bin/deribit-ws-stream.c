/* deribit-ws-stream: what Deribit says, live, as records on stdout. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "deribit/chain.h"
#include "io/loop.h"
#include "io/notify.h"
#include "record/wants.h"
#include "ws-stream.h"

static volatile sig_atomic_t stop_fetching;

/* --------------------------------------------------------------- channels */

static int fetch_chain(struct config *c, struct rest *rest,
    struct collector *collector, struct fault *fault)
{
	struct wants wants = c->wants;
	struct chain chain;
	char nothing[256];
	int r;

	if (chain_fetch(rest, &c->query, &chain, fault) == -1)
		return -1;
	if (chain.n == 0) {
		chain_nothing(&c->query, nothing, sizeof(nothing));
		r = fault_set(fault, EX_UNAVAILABLE, "%s", nothing);
	} else {
		wants.each = c->query.top > 0;
		r = collector_follow(
		    collector, &wants, &c->query, &chain, fault);
	}
	chain_free(&chain);
	return r;
}

static int want_channel(void *arg, const char *channel, const char *kind,
    const char *currency, struct fault *fault)
{
	(void)kind;
	(void)currency;
	return collector_want(arg, channel, fault);
}

static int add_instruments(
    struct config *c, struct collector *collector, struct fault *fault)
{
	struct wants wants = c->wants;
	size_t i;

	wants.each = true;
	for (i = 0; i < c->instruments; i++)
		if (collector_instrument(
			collector, &wants, c->instrument[i], fault) == -1)
			return -1;
	return wants_exchange(&wants, want_channel, collector, fault);
}

static int add_channels(
    struct config *c, struct collector *collector, struct fault *fault)
{
	struct rest *rest;
	size_t i;
	int r = 0;

	if (add_instruments(c, collector, fault) == -1)
		return -1;
	if (c->currencies == 0)
		return 0;
	notify_send("STATUS=asking for the list of instruments");
	rest = rest_new(&c->rest, fault);
	if (rest == NULL)
		return -1;
	for (i = 0; i < c->currencies && r == 0; i++) {
		c->query.currency = c->currency[i];
		r = fetch_chain(c, rest, collector, fault);
	}
	rest_free(rest);
	return r;
}

/* -------------------------------------------------------------------- run */

static void on_early_signal(int sig)
{
	if (sig != SIGALRM && loop_signal_again())
		_exit(128 + sig);
	stop_fetching = 1;
}

/* Until the loop takes the signals: REST may wait long for an exchange that is
 * away. */
static void catch_early(void)
{
	struct sigaction sa = {.sa_handler = on_early_signal};

	sigfillset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* There is nothing to report yet. */
	signal(SIGUSR1, SIG_IGN);
	sigaction(SIGALRM, &sa, NULL);
	/* A limit on files is an error of write(2). */
	signal(SIGXFSZ, SIG_IGN);
}

/* --duration holds while REST is asked, too; 0: no longer. */
static void limit_early(int64_t ms)
{
	struct itimerval it = {.it_value = {ms / 1000, ms % 1000 * 1000}};

	setitimer(ITIMER_REAL, &it, NULL);
}

static void on_stop(void *arg, int sig)
{
	(void)sig;
	collector_stop(arg);
}

static void on_report(void *arg)
{
	collector_report(arg);
}

static int stream(
    struct loop *loop, struct collector *collector, struct fault *fault)
{
	if (loop_signals(loop, on_stop, on_report, collector, fault) == -1)
		return -1;
	limit_early(0);
	if (stop_fetching != 0)
		return 0;
	/* The lists of instruments are gone. */
	memory_return();
	if (collector_start(collector, fault) == -1 ||
	    loop_run(loop, fault) == -1)
		return -1;
	return collector_result(collector, fault);
}

static int play(struct config *c, struct loop *loop,
    struct collector *collector, struct fault *fault)
{
	bool standard = strcmp(c->from_raw, "-") == 0;
	int fd = standard ? STDIN_FILENO
	                  : open(c->from_raw, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd == -1)
		return fault_errno(fault, EX_NOINPUT, "%s", c->from_raw);
	collector_from(
	    collector, fd, standard ? "standard input" : c->from_raw);
	r = stream(loop, collector, fault);
	if (!standard)
		close(fd);
	return r;
}

static int run(struct config *c, struct out *out, struct fault *fault)
{
	struct collector *collector = NULL;
	struct loop *loop = loop_new();
	int r = -1;

	if (loop == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	collector = collector_new(loop, out, &c->collector, fault);
	if (collector == NULL)
		goto done;
	if (c->from_raw != NULL) {
		r = play(c, loop, collector, fault);
		goto done;
	}
	limit_early(c->collector.duration_ms);
	r = add_channels(c, collector, fault);
	if (r == 0)
		r = stream(loop, collector, fault);
	else if (stop_fetching != 0)
		r = 0;
done:
	collector_free(collector);
	loop_free(loop);
	return r;
}

static int open_output(struct config *c, struct out *out, struct fault *fault)
{
	size_t cap = (size_t)c->queue_max;

	if (c->spool.dir == NULL)
		return out_init(out, STDOUT_FILENO, cap, fault);
	c->collector.spool = spool_open(&c->spool, fault);
	if (c->collector.spool == NULL)
		return -1;
	return out_init_spool(out, c->collector.spool, cap, fault);
}

static int close_output(struct config *c, struct out *out, struct fault *fault)
{
	struct spool *s = c->collector.spool;
	int r = 0;

	out_free(out);
	if (s == NULL)
		return 0;
	r = spool_sync(s, clock_mono_ms(), fault);
	spool_close(s);
	return r;
}

int main(int argc, char **argv)
{
	struct config config;
	struct fault fault;
	struct out out;
	bool closed;
	int r;

	memory_frugal();
	log_open(ws_cli.tool);
	catch_early();
	ws_config_init(&config, &stop_fetching);
	if (ws_config_read(&config, argc, argv, &fault) == -1)
		return cli_fail(&fault);
	if (config.list) {
		wants_print(stdout);
		if (fflush(stdout) != EOF)
			return 0;
		fault_errno(&fault, EX_IOERR, "standard output");
		return cli_fail(&fault);
	}
	if (open_output(&config, &out, &fault) == -1)
		return cli_fail(&fault);
	r = run(&config, &out, &fault);
	closed = out.closed;
	if (close_output(&config, &out, r == 0 ? &fault : NULL) == -1)
		r = -1;
	credentials_wipe(&config.login);
	if (closed) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return r == -1 ? cli_fail(&fault) : 0;
}
