/* deribit-ws-stream: what Deribit says, live, as records on stdout. */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <wslay/wslayver.h>

#include "base/log.h"
#include "deribit/chain.h"
#include "deribit/name.h"
#include "deribit/rest.h"
#include "io/cli.h"
#include "io/loop.h"
#include "record/collector.h"
#include "record/wants.h"

#define WS_URL "wss://www.deribit.com/ws/api/v2"
#define MESSAGE_MAX ((size_t)16 << 20)
#define MARGIN_MS 15000 /* heartbeats come up to some seconds late */
#define WORDS_MAX 64    /* operands and --instrument */
#define WORD_SIZE 256   /* of the environment's CURRENCY */

#define DAY_MS 86400000
#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct collector_options collector;
	struct rest_options rest;
	struct chain_query query;
	bool quotes, trades;
	int64_t queue_max;
	const char *instrument[WORDS_MAX];
	size_t instruments;
	const char *currency[WORDS_MAX];
	size_t currencies;
	char words[WORD_SIZE];
};

static volatile sig_atomic_t stop_fetching;

/* ---------------------------------------------------------------- options */

static int take_instrument(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	struct name name;

	if (name_parse(value, strlen(value), &name) == -1)
		return fault_set(fault, EX_USAGE,
		    "--instrument %.100s: this is no instrument's name", value);
	if (c->instruments == WORDS_MAX)
		return fault_set(fault, EX_USAGE,
		    "--instrument may be given %d times", WORDS_MAX);
	c->instrument[c->instruments++] = value;
	return 0;
}

static int take_kind(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	(void)fault;
	c->query.kind = strcmp(value, "all") == 0 ? NULL : value;
	return 0;
}

static int take_channels(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	const char *p = value;
	size_t n;

	c->quotes = c->trades = false;
	for (;; p += n + 1) {
		n = strcspn(p, ",");
		if (n == 6 && strncmp(p, "quotes", n) == 0)
			c->quotes = true;
		else if (n == 6 && strncmp(p, "trades", n) == 0)
			c->trades = true;
		else
			return fault_set(fault, EX_USAGE,
			    "--channels %.100s: quotes, trades or "
			    "quotes,trades is needed",
			    value);
		if (p[n] == '\0')
			return 0;
	}
}

static int take_heartbeat(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	int64_t ms;

	/* The exchange's least is 10 s. */
	if (cli_time("heartbeat", value, 10000, DAY_MS, &ms, fault) == -1)
		return -1;
	c->collector.session.heartbeat_s = ms / 1000;
	return 0;
}

static const struct cli_option options[] = {
    {'i', "instrument", "NAME",
	"this instrument (may be repeated); asks no REST",
	.take = take_instrument},
    {'k', "kind", "KIND",
	"option (default), future, perpetual, spot,\n"
	"option_combo, future_combo or all",
	.take = take_kind},
    {'n', "top", "N",
	"only the N with the largest open interest\n"
	"(default: TOP_N_INSTRUMENTS, or all)",
	AT(CLI_INTEGER, query.top), .min = 1, .max = 1000000},
    {'s', "settlement", "CURRENCY",
	"the market settled in this currency\n"
	"(default: BTC and ETH their own, others USDC)",
	AT(CLI_TEXT, query.settlement)},
    {'c', "channels", "LIST", "quotes, trades or quotes,trades (default)",
	.take = take_channels},
    {0, "count", "N", "end after N records", AT(CLI_INTEGER, collector.count),
	.min = 1, .max = INT64_MAX},
    {0, "url", "URL", "the WebSocket (default: DERIBIT_WS_URL, or\n" WS_URL ")",
	AT(CLI_TEXT, collector.session.ws.url)},
    {0, "rest-url", "URL",
	"the REST API (default: DERIBIT_REST_URL, or\n"
	"https://www.deribit.com/api/v2)",
	AT(CLI_TEXT, rest.url)},
    {0, "no-cache", NULL, "ask for the list of instruments, always",
	AT(CLI_FLAG, query.no_cache)},
    {0, "cacert", "FILE",
	"trust these CAs (default: DERIBIT_CACERT, or\n"
	"CURL_CA_BUNDLE, SSL_CERT_FILE, the system's)",
	AT(CLI_TEXT, rest.cacert)},
    {0, "proxy", "URL", "go through this proxy", AT(CLI_TEXT, rest.proxy)},
    {0, "connect-timeout", "TIME",
	"for DNS, TCP and TLS, and for the upgrade\n(default 10s)",
	AT(CLI_TIME, rest.connect_timeout_ms), .min = 1, .max = DAY_MS},
    {0, "reply-timeout", "TIME", "for an answer of the exchange (default 10s)",
	AT(CLI_TIME, collector.session.reply_timeout_ms), .min = 1,
	.max = DAY_MS},
    {0, "heartbeat", "TIME", "ask for one so often (default 30s)",
	.take = take_heartbeat},
    {0, "stall-timeout", "TIME",
	"not a byte for so long is a lost connection\n"
	"(default: the heartbeat's and 15s)",
	AT(CLI_TIME, collector.session.stall_timeout_ms), .min = 1,
	.max = DAY_MS},
    {0, "retry-delay", "TIME",
	"first bound of the wait before another try\n(default 1s)",
	AT(CLI_TIME, collector.session.retry_delay_ms), .max = DAY_MS},
    {0, "retry-max-delay", "TIME", "last bound of it (default 60s)",
	AT(CLI_TIME, collector.session.retry_max_ms), .max = DAY_MS},
    {0, "queue-max", "SIZE",
	"bytes that wait for a slow reader of the\n"
	"output before records are dropped (default 256M)",
	AT(CLI_SIZE, queue_max), .min = 65536, .max = INT64_C(1) << 40},
    {0}};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s, wslay/%s, %s", curl_version(), WSLAY_VERSION,
	    OpenSSL_version(OPENSSL_VERSION));
}

static const struct cli cli = {
    .tool = "deribit-ws-stream",
    .purpose = "record Deribit's live quotes and trades as NDJSON",
    .usage = "[OPTION...] CURRENCY... | --instrument NAME...",
    .examples = "  deribit-ws-stream ETH | tsdb-load eth_option_quotes\n"
		"  deribit-ws-stream ETH BTC | tsdb-load\n"
		"  deribit-ws-stream SOL --top 30 --channels trades\n"
		"  deribit-ws-stream --instrument BTC-PERPETUAL --count 10\n",
    .options = options,
    .notes = "A CURRENCY is a base currency: BTC, ETH, SOL, XRP, ...  "
	     "Default: the\nvariable CURRENCY.\n",
    .versions = versions,
};

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

static void config_init(struct config *c)
{
	struct session_options *s = &c->collector.session;

	memset(c, 0, sizeof(*c));
	s->ws.url = environment("DERIBIT_WS_URL");
	if (s->ws.url == NULL)
		s->ws.url = WS_URL;
	s->ws.user_agent = "deribit-tools/" PACKAGE_VERSION;
	s->ws.message_max = MESSAGE_MAX;
	s->heartbeat_s = 30;
	s->reply_timeout_ms = 10000;
	s->retry_delay_ms = 1000;
	s->retry_max_ms = 60000;
	s->version = PACKAGE_VERSION;
	c->rest.url = rest_url();
	c->rest.cacert = rest_cacert();
	c->rest.connect_timeout_ms = 10000;
	c->rest.max_time_ms = 60000;
	c->rest.retry = -1;
	c->rest.stop = &stop_fetching;
	c->query.kind = "option";
	c->quotes = c->trades = true;
	c->queue_max = INT64_C(256) << 20;
}

static int add_currency(struct config *c, const char *word, struct fault *fault)
{
	if (c->currencies == WORDS_MAX)
		return fault_set(fault, EX_USAGE,
		    "at most %d currencies may be given", WORDS_MAX);
	c->currency[c->currencies++] = word;
	c->query.currency = word;
	return chain_query_check(&c->query, fault);
}

/* The replaced system's variables: CURRENCY, TOP_N_INSTRUMENTS. */
static int take_environment(struct config *c, struct fault *fault)
{
	const char *value = environment("TOP_N_INSTRUMENTS");
	char *word, *rest;

	if (value != NULL && c->query.top == 0 &&
	    cli_integer("top", value, 1, 1000000, &c->query.top, fault) == -1)
		return fault_set(fault, EX_USAGE,
		    "TOP_N_INSTRUMENTS=%.100s: a number from 1 is needed",
		    value);
	value = environment("CURRENCY");
	if (value == NULL || c->currencies > 0 || c->instruments > 0)
		return 0;
	if ((size_t)snprintf(c->words, sizeof(c->words), "%s", value) >=
	    sizeof(c->words))
		return fault_set(fault, EX_USAGE,
		    "CURRENCY is longer than %d characters", WORD_SIZE - 1);
	for (word = strtok_r(c->words, ", ", &rest); word != NULL;
	     word = strtok_r(NULL, ", ", &rest))
		if (add_currency(c, word, fault) == -1)
			return fault_prefix(fault, "CURRENCY");
	return 0;
}

static int config_read(
    struct config *c, int argc, char **argv, struct fault *fault)
{
	struct session_options *s = &c->collector.session;
	int i = cli_parse(&cli, argc, argv, c, fault);

	if (i == -1)
		return -1;
	for (; i < argc; i++)
		if (add_currency(c, argv[i], fault) == -1)
			return -1;
	if (take_environment(c, fault) == -1)
		return -1;
	if (c->currencies == 0 && c->instruments == 0)
		return fault_set(
		    fault, EX_USAGE, "which CURRENCY, or which --instrument?");
	s->ws.cacert = c->rest.cacert;
	s->ws.proxy = c->rest.proxy;
	s->ws.connect_timeout_ms = c->rest.connect_timeout_ms;
	s->ws.upgrade_timeout_ms = c->rest.connect_timeout_ms;
	if (s->stall_timeout_ms == 0)
		s->stall_timeout_ms = s->heartbeat_s * 1000 + MARGIN_MS;
	return 0;
}

/* --------------------------------------------------------------- channels */

static int fetch_chain(struct config *c, struct rest *rest,
    struct collector *collector, struct fault *fault)
{
	struct wants wants = {c->quotes, c->trades, c->query.top > 0};
	struct chain chain;
	char nothing[256];
	int r;

	if (chain_fetch(rest, &c->query, &chain, fault) == -1)
		return -1;
	if (chain.n == 0) {
		chain_nothing(&c->query, nothing, sizeof(nothing));
		r = fault_set(fault, EX_UNAVAILABLE, "%s", nothing);
	} else {
		r = wants_chain(&wants, &chain, collector, fault);
	}
	chain_free(&chain);
	return r;
}

static int add_channels(
    struct config *c, struct collector *collector, struct fault *fault)
{
	struct wants wants = {c->quotes, c->trades, true};
	struct rest *rest;
	size_t i;
	int r = 0;

	for (i = 0; i < c->instruments; i++)
		if (wants_instrument(
			&wants, c->instrument[i], collector, fault) == -1)
			return -1;
	if (c->currencies == 0)
		return 0;
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
	if (loop_signal_again())
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
	if (stop_fetching != 0)
		return 0;
	if (collector_start(collector, fault) == -1 ||
	    loop_run(loop, fault) == -1)
		return -1;
	return collector_result(collector, fault);
}

static int run(struct config *c, struct out *out, struct fault *fault)
{
	struct collector *collector = NULL;
	struct loop *loop = loop_new();
	int r = -1;

	if (loop != NULL)
		collector = collector_new(loop, out, &c->collector);
	if (collector == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		goto done;
	}
	r = add_channels(c, collector, fault);
	if (r == 0)
		r = stream(loop, collector, fault);
	else if (stop_fetching != 0)
		r = 0;
done:
	collector_free(collector);
	if (loop != NULL)
		loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	struct config config;
	struct fault fault;
	struct out out;
	bool closed;
	int r;

	log_open(cli.tool);
	catch_early();
	config_init(&config);
	if (config_read(&config, argc, argv, &fault) == -1 ||
	    out_init(&out, STDOUT_FILENO, (size_t)config.queue_max, &fault) ==
		-1)
		return cli_fail(&fault);
	r = run(&config, &out, &fault);
	closed = out.closed;
	out_free(&out);
	if (closed) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return r == -1 ? cli_fail(&fault) : 0;
}
