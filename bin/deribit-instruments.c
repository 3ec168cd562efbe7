/* deribit-instruments: what Deribit lists, as `instrument` records. */
#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "deribit/chain.h"
#include "deribit/rest-cli.h"
#include "io/cli.h"
#include "io/stop.h"

/* What a base and a settlement currency take, with what joins them. */
#define MARKET_MAX (2 * CHAIN_CURRENCY_MAX + 1)

#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct rest_options rest;
	struct chain_query query;
};

static int take_kind(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	(void)fault;
	c->query.kind = strcmp(value, "all") == 0 ? NULL : value;
	return 0;
}

static const struct cli_option options[] = {
    {'k', "kind", "KIND",
	"option (default), future, perpetual, spot,\n"
	"option_combo, future_combo or all",
	.take = take_kind},
    {'n', "top", "N",
	"only the N with the largest open interest,\n"
	"largest first",
	AT(CLI_INTEGER, query.top), .min = 1, .max = 1000000},
    {'s', "settlement", "CURRENCY",
	"the market settled in this currency\n"
	"(default: BTC and ETH their own, others USDC)",
	AT(CLI_TEXT, query.settlement)},
    {0, "inactive", NULL, "also what is listed but over",
	AT(CLI_FLAG, query.inactive)},
    {0, "expired", NULL, "instead, what has expired of late",
	AT(CLI_FLAG, query.expired)},
    {0, "no-cache", NULL, "ask the exchange, whatever is on disk",
	AT(CLI_FLAG, query.no_cache)},
    REST_OPTIONS(struct config, rest), {0}};

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

static int output_failed(struct fault *fault)
{
	if (errno == EPIPE)
		stop_by_pipe();
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

/* BTC_USDC is BTC in the market of USDC, else the option decides.  text is
 * where the query's words are then. */
static int word_read(struct chain_query *query, const char *word,
    char text[MARKET_MAX + 1], struct fault *fault)
{
	char *pair;

	query->currency = word;
	if (strlen(word) <= MARKET_MAX && strchr(word, '_') != NULL) {
		strcpy(text, word);
		pair = strchr(text, '_');
		*pair = '\0';
		query->currency = text;
		query->settlement = pair + 1;
	}
	return chain_query_check(query, fault);
}

/* A wrong word ends it before anything is fetched for the right ones. */
static int currencies_check(
    const struct config *c, char **currency, struct fault *fault)
{
	struct chain_query query;
	char text[MARKET_MAX + 1];

	if (*currency == NULL)
		return fault_set(fault, EX_USAGE, "which CURRENCY?");
	for (; *currency != NULL; currency++) {
		query = c->query;
		if (word_read(&query, *currency, text, fault) == -1)
			return -1;
	}
	return 0;
}

static int run(struct config *c, char **currency, struct fault *fault)
{
	struct chain_query query;
	struct rest *rest;
	char text[MARKET_MAX + 1];
	int result = 0;

	if (currencies_check(c, currency, fault) == -1)
		return -1;
	rest = rest_new(&c->rest, fault);
	if (rest == NULL)
		return -1;
	for (; result == 0 && *currency != NULL; currency++) {
		query = c->query;
		result = word_read(&query, *currency, text, fault);
		if (result == 0)
			result = currency_list(rest, &query, fault);
	}
	rest_free(rest);
	return result;
}

int main(int argc, char **argv)
{
	struct config config = {.query = {.kind = "option", .summary = true}};
	struct fault fault;
	int first;

	rest_options_init(&config.rest, &stop_asked);
	log_open(cli.tool);
	stop_catch();
	first = cli_parse(&cli, argc, argv, &config, &fault);
	if (first == -1 || run(&config, argv + first, &fault) == -1)
		return cli_fail(&fault);
	return 0;
}
