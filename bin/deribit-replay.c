/*
 * deribit-replay: a server that speaks Deribit, for tests and demonstrations.
 * Wiring; the options are replay-options.c, the work is in lib/replay.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"
#include "replay.h"
#include "replay/cert.h"
#include "replay/dump.h"
#include "replay/server.h"
#include "replay/wall.h"

static volatile sig_atomic_t stopping, reporting;

/* Files of this run, in a directory that only we can enter. */
struct scratch {
	char dir[256], ca[300], cert[300], key[300];
};

static void scratch_remove(struct scratch *t)
{
	if (t->dir[0] == '\0')
		return;
	unlink(t->ca);
	unlink(t->cert);
	unlink(t->key);
	rmdir(t->dir);
}

static int scratch_make(struct scratch *t, struct fault *fault)
{
	const char *tmp = getenv("TMPDIR");
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/deribit-replay.XXXXXX",
	    tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return fault_errno(fault, EX_CANTCREAT, "%s", dir);
	memcpy(t->dir, dir, sizeof(dir));
	snprintf(t->ca, sizeof(t->ca), "%s/ca.pem", dir);
	snprintf(t->cert, sizeof(t->cert), "%s/cert.pem", dir);
	snprintf(t->key, sizeof(t->key), "%s/key.pem", dir);
	return 0;
}

/* The certificate that was given, or a fresh one in the scratch directory. */
static int certify(struct config *c, struct scratch *t, struct fault *fault)
{
	if ((c->cert == NULL) != (c->key == NULL))
		return fault_set(
		    fault, EX_USAGE, "--cert and --key go together");
	if (c->cert != NULL) {
		c->server.cert_file = c->cert;
		c->server.key_file = c->key;
		return 0;
	}
	if (scratch_make(t, fault) == -1)
		return -1;
	if (c->ca_file == NULL)
		c->ca_file = t->ca;
	c->server.cert_file = t->cert;
	c->server.key_file = t->key;
	return cert_make(c->ca_file, t->cert, t->key, fault);
}

static int print_addresses(FILE *f, const struct config *c, int port)
{
	fprintf(f,
	    "DERIBIT_WS_URL=wss://localhost:%d/ws/api/v2\n"
	    "DERIBIT_REST_URL=https://localhost:%d/api/v2\n",
	    port, port);
	if (c->ca_file != NULL)
		fprintf(f, "DERIBIT_CACERT=%s\n", c->ca_file);
	return fflush(f) == EOF ? -1 : 0;
}

/* Scripts wait for the file, so it appears whole. */
static int ready(const struct config *c, int port, struct fault *fault)
{
	char part[4096];
	FILE *f;
	int told;

	if (print_addresses(stdout, c, port) == -1)
		return fault_errno(fault, EX_IOERR, "standard output");
	if (c->ready_file == NULL)
		return 0;
	snprintf(part, sizeof(part), "%s.part", c->ready_file);
	f = fopen(part, "w");
	if (f == NULL)
		return fault_errno(fault, EX_CANTCREAT, "%s", part);
	told = print_addresses(f, c, port);
	if (fclose(f) == EOF || told == -1 || rename(part, c->ready_file) == -1)
		return fault_errno(fault, EX_IOERR, "%s", c->ready_file);
	return 0;
}

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		reporting = 1;
	else if (loop_signal_again())
		_exit(128 + sig);
	else
		stopping = 1;
}

static void catch_signals(void)
{
	struct sigaction a = {.sa_handler = on_signal};

	sigfillset(&a.sa_mask);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGUSR1, &a, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void report_faults(const struct faults *f)
{
	for (int k = 0; k < FAULTS_KINDS; k++)
		if (f->done[k] > 0)
			fprintf(stderr, ", %s %llu",
			    faults_name((enum faults_kind)k),
			    (unsigned long long)f->done[k]);
}

static void report_calls(const struct server *server)
{
	const char *name;
	uint64_t called;

	for (size_t n = 0; (name = server_called(server, n, &called)) != NULL;
	     n++)
		if (called > 0)
			fprintf(stderr, ", %s %llu", name,
			    (unsigned long long)called);
	fputs("\n", stderr);
}

static void report(const struct server *server, const struct faults *f)
{
	struct server_stats s;

	server_stats(server, &s);
	fprintf(stderr,
	    "deribit-replay: %u of %llu connections live, %llu refused; "
	    "%llu requests, %llu errors; %llu messages made, %llu sent "
	    "(%llu bytes), %llu dropped; %llu cuts, %llu stalls, "
	    "%llu too slow, %llu heartbeats unanswered; %llu calls limited, "
	    "%llu upgrades a second at most, %llu REST calls over the rate; "
	    "%llu faults",
	    s.live, (unsigned long long)s.connections,
	    (unsigned long long)s.refused, (unsigned long long)s.requests,
	    (unsigned long long)s.errors, (unsigned long long)s.made,
	    (unsigned long long)s.sent, (unsigned long long)s.bytes,
	    (unsigned long long)s.dropped, (unsigned long long)s.cuts,
	    (unsigned long long)s.stalls, (unsigned long long)s.too_slow,
	    (unsigned long long)s.unanswered, (unsigned long long)s.limited,
	    (unsigned long long)s.knocking, (unsigned long long)s.rest_limited,
	    (unsigned long long)f->done_all);
	report_faults(f);
	report_calls(server);
}

static void serve(
    const struct config *c, struct server *server, struct truth *truth)
{
	while (!stopping && server_turn(server) == 1) {
		if (!reporting)
			continue;
		reporting = 0;
		truth_flush(truth);
		truth_flush(c->server.ledger);
		truth_flush(c->server.requests);
		report(server, &c->faults);
	}
	server_stop(server);
}

/* The market, and its past. */
static struct market *make_market(
    const struct config *c, struct history **history, struct fault *fault)
{
	/* Else what expires within the first hour would not be there. */
	int64_t now_ms = c->now_ms - (c->own_clock ? 3600000 : 0);
	struct market *m = market_new((uint64_t)c->seed, now_ms, fault);

	if (m == NULL)
		return NULL;
	market_live(m, c->list_every_us, c->expire_every_us);
	market_news(m, c->open_after_us, c->interest_every_us);
	if (c->own_clock)
		market_expire_by_clock(m);
	if (c->history_days == 0)
		return m;
	*history = history_new(m, c->now_ms, c->history_days, c->history_trades,
	    c->history_instruments, fault);
	if (*history != NULL)
		return m;
	market_free(m);
	return NULL;
}

static int run_dump(const struct config *c, struct fault *fault)
{
	struct history *history = NULL;
	struct market *market;
	int r;

	if (c->history_days == 0)
		return fault_set(fault, EX_USAGE, "--dump needs --history");
	market = make_market(c, &history, fault);
	if (market == NULL)
		return -1;
	r = dump(history, c->dump, wall_us() / 1000, stdout, fault);
	market_free(market);
	history_free(history);
	return r;
}

static int run(struct config *c, struct scratch *t, struct fault *fault)
{
	struct market *market;
	struct frames frames = {0};
	struct truth truth = {0}, ledger = {0}, requests = {0};
	struct history *history = NULL;
	struct server *server = NULL;
	int r = -1;

	market = make_market(c, &history, fault);
	if (market == NULL || certify(c, t, fault) == -1 ||
	    (c->frames != NULL &&
		frames_open(&frames, c->frames, fault) == -1) ||
	    truth_open(&truth, c->truth, fault) == -1 ||
	    (c->credentials != NULL &&
		auth_read(&c->auth, c->credentials, fault) == -1) ||
	    truth_open(&ledger, c->ledger, fault) == -1 ||
	    truth_open(&requests, c->requests, fault) == -1)
		goto out;
	c->server.ledger = &ledger;
	c->server.requests = &requests;
	c->server.faults = &c->faults;
	c->server.auth = &c->auth;
	faults_seed(
	    &c->faults, (uint64_t)(c->own_seed ? c->fault_seed : c->seed));
	server = server_new(
	    &c->server, market, c->frames ? &frames : NULL, &truth, fault);
	if (server == NULL || ready(c, server_port(server), fault) == -1)
		goto out;
	serve(c, server, &truth);
	r = 0;
out:
	server_free(server);
	if (truth_close(&truth, r == 0 ? fault : NULL) == -1)
		r = -1;
	if (truth_close(&ledger, r == 0 ? fault : NULL) == -1)
		r = -1;
	if (truth_close(&requests, r == 0 ? fault : NULL) == -1)
		r = -1;
	frames_close(&frames);
	market_free(market);
	history_free(history);
	return r;
}

int main(int argc, char **argv)
{
	static struct config c = {
	    .server = {.listen = "127.0.0.1",
		.rate = 500,
		.queue_max = 4 << 20,
		.rows_max = 1000,
		.rest_rate = 20,
		.rules = {10000, 10000, 60000}},
	    .history_trades = 2000000,
	    .history_instruments = 300,
	    .seed = 1,
	    .auth = {.life_s = 900},
	};
	struct scratch t = {.dir = ""};
	struct fault fault;
	int r, first;

	log_open("deribit-replay");
	first = cli_parse(&replay_cli, argc, argv, &c, &fault);
	if (first == -1)
		return cli_fail(&fault);
	if (first < argc) {
		fault_set(
		    &fault, EX_USAGE, "unexpected argument %s", argv[first]);
		return cli_fail(&fault);
	}
	wall_shift(c.clock_us);
	if (!c.own_now)
		c.now_ms = wall_us() / 1000;
	if (c.synthetic && c.frames != NULL) {
		fault_set(&fault, EX_USAGE,
		    "--synthetic and --frames exclude each other");
		return cli_fail(&fault);
	}
	if (c.dump != NULL)
		return run_dump(&c, &fault) == -1 ? cli_fail(&fault) : 0;
	catch_signals();
	r = run(&c, &t, &fault);
	scratch_remove(&t);
	return r == -1 ? cli_fail(&fault) : 0;
}
