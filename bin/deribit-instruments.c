/* deribit-instruments: what Deribit lists, as `instrument` records. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "deribit/chain.h"
#include "deribit/rest.h"
#include "io/cli.h"

struct config {
	struct rest_options rest;
	struct chain_query query;
};

static volatile sig_atomic_t stop;

static int take_kind(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	(void)fault;
	c->query.kind = strcmp(value, "all") == 0 ? NULL : value;
	return 0;
}

static int take_top(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return cli_integer("top", value, 1, 1000000, &c->query.top, fault);
}

static int take_settlement(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct config *)config)->query.settlement = value;
	return 0;
}

static int take_inactive(void *config, const char *value, struct fault *fault)
{
	(void)value;
	(void)fault;
	((struct config *)config)->query.inactive = true;
	return 0;
}

static int take_no_cache(void *config, const char *value, struct fault *fault)
{
	(void)value;
	(void)fault;
	((struct config *)config)->query.cache = false;
	return 0;
}

static int take_url(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct config *)config)->rest.url = value;
	return 0;
}

static int take_cacert(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct config *)config)->rest.cacert = value;
	return 0;
}

static int take_proxy(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct config *)config)->rest.proxy = value;
	return 0;
}

static int take_time(
    const char *option, const char *value, int64_t *ms, struct fault *fault)
{
	if (clock_duration(value, 1000, ms, fault) == -1)
		return fault_prefix(fault, "--%s", option);
	if (*ms < 1 || *ms > 86400000)
		return fault_set(fault, EX_USAGE,
		    "--%s %s: a time from 1ms to 24h is needed", option, value);
	return 0;
}

static int take_connect_timeout(
    void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_time(
	    "connect-timeout", value, &c->rest.connect_timeout_ms, fault);
}

static int take_max_time(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	return take_time("max-time", value, &c->rest.max_time_ms, fault);
}

static int take_retry(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	int64_t n;

	if (cli_integer("retry", value, 0, 1000, &n, fault) == -1)
		return -1;
	c->rest.retry = (int)n;
	return 0;
}

static const struct cli_option options[] = {
    {'k', "kind", "KIND",
	"option (default), future, perpetual, spot,\n"
	"option_combo, future_combo or all",
	take_kind},
    {'n', "top", "N",
	"only the N with the largest open interest,\n"
	"largest first",
	take_top},
    {'s', "settlement", "CURRENCY",
	"the market settled in this currency\n"
	"(default: BTC and ETH their own, others USDC)",
	take_settlement},
    {0, "inactive", NULL, "also what is listed but over", take_inactive},
    {0, "no-cache", NULL, "ask the exchange, whatever is on disk",
	take_no_cache},
    {0, "url", "URL",
	"the REST API (default: DERIBIT_REST_URL, or\n"
	"https://www.deribit.com/api/v2)",
	take_url},
    {0, "cacert", "FILE",
	"trust these CAs (default: DERIBIT_CACERT, or\n"
	"the system's)",
	take_cacert},
    {0, "proxy", "URL", "go through this proxy", take_proxy},
    {0, "connect-timeout", "TIME", "for DNS, TCP and TLS (default 10s)",
	take_connect_timeout},
    {0, "max-time", "TIME", "for one whole request (default 60s)",
	take_max_time},
    {0, "retry", "N", "tries after the first (default 5)", take_retry},
    {0, NULL, NULL, NULL, NULL},
};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s", curl_version());
}

static const struct cli cli = {
    .tool = "deribit-instruments",
    .purpose = "list Deribit's instruments as NDJSON",
    .usage = "[OPTION...] CURRENCY...",
    .examples = "  deribit-instruments ETH\n"
		"  deribit-instruments SOL --top 30 | jq -r .instrument_name\n"
		"  deribit-instruments --kind all BTC ETH | tsdb-load "
		"instruments\n",
    .options = options,
    .notes = "A CURRENCY is a base currency: BTC, ETH, SOL, XRP, ...\n",
    .versions = versions,
};

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* The first one stops us between two polls, a second one ends us at once.  A
 * write goes on: no line is cut. */
static void signals_catch(void)
{
	struct sigaction sa = {.sa_handler = on_signal,
	    .sa_flags = (int)SA_RESETHAND | SA_RESTART};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int output_failed(struct fault *fault)
{
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return fault_errno(fault, EX_IOERR, "standard output");
}

static int chain_print(const struct chain *chain, struct fault *fault)
{
	size_t i;

	for (i = 0; i < chain->n; i++)
		if (fputs(chain->instrument[i].record, stdout) == EOF ||
		    putchar('\n') == EOF)
			return output_failed(fault);
	return fflush(stdout) == EOF ? output_failed(fault) : 0;
}

static int currency_list(
    struct rest *rest, const struct chain_query *query, struct fault *fault)
{
	struct chain chain;
	char nothing[256];
	int result;

	if (chain_fetch(rest, query, &chain, fault) == -1)
		return -1;
	if (chain.n == 0) {
		chain_nothing(query, nothing, sizeof(nothing));
		log_warn("%s", nothing);
	}
	result = chain_print(&chain, fault);
	chain_free(&chain);
	return result;
}

/* A wrong word ends it before anything is fetched for the right ones. */
static int currencies_check(
    struct config *c, char **currency, struct fault *fault)
{
	if (*currency == NULL)
		return fault_set(fault, EX_USAGE, "which CURRENCY?");
	for (; *currency != NULL; currency++) {
		c->query.currency = *currency;
		if (chain_query_check(&c->query, fault) == -1)
			return -1;
	}
	return 0;
}

static int run(struct config *c, char **currency, struct fault *fault)
{
	struct rest *rest;
	int result = 0;

	if (currencies_check(c, currency, fault) == -1)
		return -1;
	rest = rest_new(&c->rest, fault);
	if (rest == NULL)
		return -1;
	for (; result == 0 && *currency != NULL; currency++) {
		c->query.currency = *currency;
		result = currency_list(rest, &c->query, fault);
	}
	rest_free(rest);
	return result;
}

int main(int argc, char **argv)
{
	struct config config = {.rest = {.url = rest_url(),
				    .cacert = getenv("DERIBIT_CACERT"),
				    .connect_timeout_ms = 10000,
				    .max_time_ms = 60000,
				    .retry = 5,
				    .stop = &stop},
	    .query = {.kind = "option", .cache = true, .summary = true}};
	struct fault fault;
	int first;

	log_open(cli.tool);
	signals_catch();
	if (config.rest.cacert != NULL && *config.rest.cacert == '\0')
		config.rest.cacert = NULL;
	first = cli_parse(&cli, argc, argv, &config, &fault);
	if (first == -1 || run(&config, argv + first, &fault) == -1)
		return cli_fail(&fault);
	return 0;
}
