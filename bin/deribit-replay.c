/*
 * deribit-replay: a server that speaks Deribit, for tests and demonstrations.
 * Option table and wiring; the work is in lib/replay.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libwebsockets.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/cli.h"
#include "io/loop.h"
#include "replay/cert.h"
#include "replay/server.h"

#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct server_options server;
	const char *cert, *key, *ca_file, *frames, *ready_file, *truth, *ledger;
	bool synthetic;
	int64_t list_every_us, expire_every_us, open_after_us;
	int64_t interest_every_us;
	struct faults faults;
	struct auth auth;
	const char *credentials;
	bool own_seed; /* of the faults */
	int64_t seed, fault_seed, now_ms;
};

static volatile sig_atomic_t stopping, reporting;

/* Seconds with a fraction, to thousandths or millionths. */
static int take_seconds(const char *option, const char *value, double unit,
    int64_t *out, struct fault *fault)
{
	char *end;
	double s = strtod(value, &end);

	if (end == value || *end != '\0' || !(s >= 0) || s > 1e6)
		return fault_set(fault, EX_USAGE,
		    "--%s %s: expected seconds between 0 and 1000000", option,
		    value);
	*out = (int64_t)(s * unit + 0.5);
	return 0;
}

static int take_synthetic(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	c->synthetic = true;
	return cli_integer("synthetic", value, 0, INT64_MAX, &c->seed, fault);
}

static int take_speed(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	char *end;

	c->server.speed = strtod(value, &end);
	if (end == value || *end != '\0' || !(c->server.speed > 0) ||
	    c->server.speed > 1e6)
		return fault_set(fault, EX_USAGE,
		    "--speed %s: expected a factor above 0", value);
	return 0;
}

static int take_now(void *config, const char *value, struct fault *fault)
{
	return clock_parse(value, &((struct config *)config)->now_ms, fault);
}

static int take_cut(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds(
	    "cut-every", value, 1e6, &c->server.cut_every_us, fault);
}

static int take_stall(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds(
	    "stall-after", value, 1e6, &c->server.stall_after_us, fault);
}

static int take_fault(void *config, const char *value, struct fault *fault)
{
	return faults_add(&((struct config *)config)->faults, value, fault);
}

static int take_fault_seed(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	c->own_seed = true;
	return cli_integer(
	    "fault-seed", value, 0, INT64_MAX, &c->fault_seed, fault);
}

static int take_fault_after(
    void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds(
	    "fault-after", value, 1e6, &c->faults.after_us, fault);
}

static int take_grace(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds("heartbeat-grace", value, 1e3,
	    &c->server.rules.heartbeat_grace_ms, fault);
}

static int take_min(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds("heartbeat-min", value, 1e3,
	    &c->server.rules.heartbeat_min_ms, fault);
}

static int take_idle(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds(
	    "idle-timeout", value, 1e3, &c->server.rules.idle_ms, fault);
}

static int take_list(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds("list-every", value, 1e6, &c->list_every_us, fault);
}

static int take_expire(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds(
	    "expire-every", value, 1e6, &c->expire_every_us, fault);
}

static int take_open(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds("open-after", value, 1e6, &c->open_after_us, fault);
}

static int take_interest(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_seconds(
	    "interest-every", value, 1e6, &c->interest_every_us, fault);
}

static const struct cli_option options[] = {
    {'s', "synthetic", "SEED", "make up a market from this number (default: 1)",
	.take = take_synthetic},
    {'f', "frames", "FILE", "send these recorded messages, one a line",
	AT(CLI_TEXT, frames)},
    {0, "speed", "X",
	"frames at X times their recorded speed\n"
	"(default: as fast as they are taken)",
	.take = take_speed},
    {'r', "rate", "N", "synthetic messages a second (default: 500)",
	AT(CLI_INTEGER, server.rate), .max = 10000000},
    {'n', "count", "N", "stop making messages after N",
	AT(CLI_INTEGER, server.count), .max = INT64_MAX},
    {0, "always", NULL, "the market goes on when nobody listens",
	AT(CLI_FLAG, server.always)},
    {0, "exit", NULL, "end when all was sent", AT(CLI_FLAG, server.exit)},
    {0, "now", "TIME", "expiries follow this time (default: now)",
	.take = take_now},
    {0, "list-every", "S", "list a new option each S seconds",
	.take = take_list},
    {0, "expire-every", "S", "let an option expire each S seconds",
	.take = take_expire},
    {0, "open-after", "S", "a new option is open S seconds after its creation",
	.take = take_open},
    {0, "interest-every", "S",
	"let an option have the largest open interest each S seconds",
	.take = take_interest},
    {'p', "port", "N", "TCP port (default: 0, any free one)",
	AT(CLI_INTEGER, server.port), .max = 65535},
    {0, "listen", "ADDRESS", "address to listen on (default: 127.0.0.1)",
	AT(CLI_TEXT, server.listen)},
    {0, "cert", "FILE", "server certificate, PEM (default: a fresh one)",
	AT(CLI_TEXT, cert)},
    {0, "key", "FILE", "its private key", AT(CLI_TEXT, key)},
    {0, "ca-file", "FILE", "write the fresh certificate authority here",
	AT(CLI_TEXT, ca_file)},
    {0, "ready-file", "FILE", "write the addresses here when ready",
	AT(CLI_TEXT, ready_file)},
    {0, "truth", "FILE", "record every message that was really sent",
	AT(CLI_TEXT, truth)},
    {0, "ledger", "FILE", "record every trade that the market makes",
	AT(CLI_TEXT, ledger)},
    {0, "cut-every", "S", "cut every connection each S seconds",
	.take = take_cut},
    {0, "stall-after", "S", "fall silent after S seconds of a connection",
	.take = take_stall},
    {0, "drop", "N", "leave out every Nth notification",
	AT(CLI_INTEGER, server.drop_every), .max = INT64_MAX},
    {0, "fault", "KIND", "do harm: KIND:KEY=VALUE,..., see the manual",
	.take = take_fault},
    {0, "fault-seed", "N", "draw faults from N (default: the market's seed)",
	.take = take_fault_seed},
    {0, "fault-count", "N", "no more faults after N",
	AT(CLI_INTEGER, faults.limit), .max = INT64_MAX},
    {0, "fault-after", "S", "no fault before S seconds of subscription",
	.take = take_fault_after},
    {0, "credentials", "FILE", "client id and secret, a line each",
	AT(CLI_TEXT, credentials)},
    {0, "token-life", "S", "seconds that a token lasts (default: 900)",
	AT(CLI_INTEGER, auth.life_s), .min = 1, .max = 31536000},
    {0, "queue-max", "SIZE", "drop a client that lags by more (default: 4M)",
	AT(CLI_SIZE, server.queue_max), .min = 4096, .max = INT64_C(1) << 25},
    {0, "heartbeat-min", "S", "shortest heartbeat granted (default: 10)",
	.take = take_min},
    {0, "heartbeat-grace", "S", "time to answer a test_request (default: 10)",
	.take = take_grace},
    {0, "idle-timeout", "S",
	"drop sockets without subscription\n"
	"(default: 60)",
	.take = take_idle},
    {0},
};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "libwebsockets %s, %s", lws_get_library_version(),
	    OpenSSL_version(OPENSSL_VERSION));
}

static const struct cli cli = {
    .tool = "deribit-replay",
    .purpose = "A server that speaks Deribit: a made-up market or recorded "
	       "messages.",
    .usage = "[OPTION...]",
    .examples = "  deribit-replay --synthetic 7 --rate 5000\n"
		"  deribit-replay --frames recorded.ndjson --speed 10\n",
    .options = options,
    .versions = versions,
};

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
	    "%llu upgrades a second at most; %llu faults",
	    s.live, (unsigned long long)s.connections,
	    (unsigned long long)s.refused, (unsigned long long)s.requests,
	    (unsigned long long)s.errors, (unsigned long long)s.made,
	    (unsigned long long)s.sent, (unsigned long long)s.bytes,
	    (unsigned long long)s.dropped, (unsigned long long)s.cuts,
	    (unsigned long long)s.stalls, (unsigned long long)s.too_slow,
	    (unsigned long long)s.unanswered, (unsigned long long)s.limited,
	    (unsigned long long)s.knocking, (unsigned long long)f->done_all);
	report_faults(f);
	report_calls(server);
}

static void serve(const struct config *c, struct server *server,
    struct truth *truth, struct truth *ledger)
{
	while (!stopping && server_turn(server) == 1) {
		if (!reporting)
			continue;
		reporting = 0;
		truth_flush(truth);
		truth_flush(ledger);
		report(server, &c->faults);
	}
	server_stop(server);
}

static int run(struct config *c, struct scratch *t, struct fault *fault)
{
	struct market *market;
	struct frames frames = {0};
	struct truth truth = {0}, ledger = {0};
	struct server *server = NULL;
	int r = -1;

	market = market_new((uint64_t)c->seed, c->now_ms, fault);
	if (market == NULL || certify(c, t, fault) == -1 ||
	    (c->frames != NULL &&
		frames_open(&frames, c->frames, fault) == -1) ||
	    truth_open(&truth, c->truth, fault) == -1 ||
	    (c->credentials != NULL &&
		auth_read(&c->auth, c->credentials, fault) == -1) ||
	    truth_open(&ledger, c->ledger, fault) == -1)
		goto out;
	market_live(market, c->list_every_us, c->expire_every_us);
	market_news(market, c->open_after_us, c->interest_every_us);
	c->server.ledger = &ledger;
	c->server.faults = &c->faults;
	c->server.auth = &c->auth;
	faults_seed(
	    &c->faults, (uint64_t)(c->own_seed ? c->fault_seed : c->seed));
	server = server_new(
	    &c->server, market, c->frames ? &frames : NULL, &truth, fault);
	if (server == NULL || ready(c, server_port(server), fault) == -1)
		goto out;
	serve(c, server, &truth, &ledger);
	r = 0;
out:
	server_free(server);
	if (truth_close(&truth, r == 0 ? fault : NULL) == -1)
		r = -1;
	if (truth_close(&ledger, r == 0 ? fault : NULL) == -1)
		r = -1;
	frames_close(&frames);
	market_free(market);
	return r;
}

int main(int argc, char **argv)
{
	static struct config c = {
	    .server = {.listen = "127.0.0.1",
		.rate = 500,
		.queue_max = 4 << 20,
		.rules = {10000, 10000, 60000}},
	    .seed = 1,
	    .auth = {.life_s = 900},
	};
	struct scratch t = {.dir = ""};
	struct fault fault;
	int r, first;

	log_open("deribit-replay");
	c.now_ms = clock_wall_us() / 1000;
	first = cli_parse(&cli, argc, argv, &c, &fault);
	if (first == -1)
		return cli_fail(&fault);
	if (first < argc) {
		fault_set(
		    &fault, EX_USAGE, "unexpected argument %s", argv[first]);
		return cli_fail(&fault);
	}
	if (c.synthetic && c.frames != NULL) {
		fault_set(&fault, EX_USAGE,
		    "--synthetic and --frames exclude each other");
		return cli_fail(&fault);
	}
	catch_signals();
	r = run(&c, &t, &fault);
	scratch_remove(&t);
	return r == -1 ? cli_fail(&fault) : 0;
}
