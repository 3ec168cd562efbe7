/* deribit-funding: the hourly funding of perpetuals, as `funding` records. */
#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "deribit/rest-cli.h"
#include "fetch/funding.h"
#include "fetch/series.h"
#include "fetch/span.h"
#include "fetch/targets.h"
#include "io/cli.h"
#include "io/stop.h"

#define DAY_MS 86400000
#define TURN_MS 1000
#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct rest_options rest;
	struct targets_query query;
	const char *state;
	struct span span;
	int64_t interval_ms;
	bool follow;
};

/* What a run works with. */
struct work {
	struct config *config;
	char **words;
	struct rest *rest;
	struct emit emit;
	struct resume *resume;
	struct funding funding;
	struct series_kind kind;
	struct targets targets;
	struct series series;
};

static int take_since(void *config, const char *value, struct fault *fault)
{
	return span_since(&((struct config *)config)->span, value, fault);
}

static int take_until(void *config, const char *value, struct fault *fault)
{
	return span_until(&((struct config *)config)->span, value, fault);
}

static const struct cli_option options[] = {
    {0, "since", "TIME",
	"from then on: 2026-01-01, milliseconds, -90d,\n"
	"2026-01-01T08:00:00Z (default: -48h)",
	.take = take_since},
    {0, "until", "TIME", "and before then (default: now)", .take = take_until},
    {'f', "follow", NULL, "go on with what is new, for ever",
	AT(CLI_FLAG, follow)},
    {0, "interval", "TIME", "look so often, with --follow (default 10m)",
	AT(CLI_TIME, interval_ms), .min = 1000, .max = DAY_MS},
    {0, "state", "FILE", "note there what is written, and go on from it",
	AT(CLI_TEXT, state)},
    {'s', "settlement", "CURRENCY",
	"of currencies, only the perpetual settled in this\n"
	"one (default: in the coin and in USDC)",
	AT(CLI_TEXT, query.settlement)},
    {0, "no-cache", NULL, "ask for lists, whatever is on disk",
	AT(CLI_FLAG, query.no_cache)},
    REST_OPTIONS(struct config, rest), {0}};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s", curl_version());
}

static const struct cli cli = {
    .tool = "deribit-funding",
    .purpose = "the hourly funding of Deribit's perpetuals as NDJSON",
    .usage = "[OPTION...] CURRENCY|INSTRUMENT...",
    .examples = "  deribit-funding BTC ETH | tsdb-load funding_rates\n"
		"  deribit-funding --since 2024-01-01 --state funding.state "
		"BTC-PERPETUAL\n"
		"  deribit-funding --follow BTC ETH SOL | tsdb-load "
		"funding_rates\n",
    .options = options,
    .notes = "A CURRENCY is a base currency (BTC, ETH, SOL, ...), an "
	     "INSTRUMENT a perpetual\n(BTC-PERPETUAL, SOL_USDC-PERPETUAL).\n",
    .versions = versions,
};

static int config_check(struct config *c, char **words, struct fault *fault)
{
	if (targets_check(&c->query, words, fault) == -1)
		return -1;
	return span_check(&c->span, c->follow, fault);
}

static int pass(struct work *w, struct fault *fault)
{
	struct series *s = &w->series;
	int64_t now_ms;

	/* Lists change: they are looked up again for each pass. */
	if (targets_renew(
		w->rest, &w->config->query, w->words, &w->targets, fault) == -1)
		return -1;
	/* What is later than now, by the exchange's clock, cannot be there. */
	now_ms = rest_clock_ms(w->rest) + 1;
	s->to = w->config->span.until_ms != 0 &&
	                w->config->span.until_ms < now_ms
	            ? w->config->span.until_ms
	            : now_ms;
	return series_run(s, fault);
}

static int wait_until(struct work *w, int64_t at_ms, struct fault *fault)
{
	int64_t left;

	while ((left = at_ms - clock_mono_ms()) > 0)
		if (rest_turn(
			w->rest, left < TURN_MS ? left : TURN_MS, fault) == -1)
			return -1;
	return 0;
}

static int passes(struct work *w, struct fault *fault)
{
	struct config *c = w->config;
	int64_t begun_ms;

	do {
		begun_ms = clock_mono_ms();
		if (pass(w, fault) == -1)
			return -1;
	} while (
	    c->follow && wait_until(w, begun_ms + c->interval_ms, fault) == 0);
	if (c->follow)
		return -1;
	return series_end(&w->series, c->state != NULL, fault);
}

/* A stop is how --follow ends; else the work is not done. */
static int stopped(const struct work *w, struct fault *fault)
{
	if (fault->exit_code != EX_TEMPFAIL || !stop_asked)
		return -1;
	if (w->config->follow)
		return 0;
	return resume_stopped(w->config->state, fault);
}

static int work_begin(struct work *w, struct fault *fault)
{
	struct config *c = w->config;
	int result;

	w->resume = resume_open(c->state, cli.tool, fault);
	if (w->resume == NULL)
		return -1;
	w->rest = rest_new(&c->rest, fault);
	if (w->rest == NULL ||
	    funding_init(&w->funding, w->rest, &w->emit, &w->kind, fault) == -1)
		return -1;
	if (resume_goes_on(w->resume)) {
		log_info("goes on with what %s has", c->state);
		rest_spent(w->rest);
	}
	result = rest_clock_ask(w->rest, fault);
	span_settle(&c->span, w->rest);
	w->series = (struct series){.kind = &w->kind,
	    .rest = w->rest,
	    .emit = &w->emit,
	    .resume = w->resume,
	    .targets = &w->targets,
	    .from = c->span.since_ms};
	return result;
}

static int run(struct config *c, char **words, struct fault *fault)
{
	struct work w = {.config = c, .words = words};
	int result;

	if (config_check(c, words, fault) == -1)
		return -1;
	emit_init(&w.emit, STDOUT_FILENO);
	result = work_begin(&w, fault);
	if (result == 0)
		result = passes(&w, fault);
	if (result == -1)
		result = stopped(&w, fault);
	if (w.emit.closed)
		stop_by_pipe();
	targets_free(&w.targets);
	funding_free(&w.funding);
	rest_free(w.rest);
	resume_close(w.resume);
	emit_free(&w.emit);
	return result;
}

int main(int argc, char **argv)
{
	struct config config = {
	    .query = {.kind = "perpetual", .sole = "funding"},
	    .interval_ms = 600000};
	struct fault fault = {0};
	int first;

	rest_options_init(&config.rest, &stop_asked);
	take_since(&config, "-48h", &fault);
	log_open(cli.tool);
	stop_catch();
	first = cli_parse(&cli, argc, argv, &config, &fault);
	config.query.every_settlement = config.query.settlement == NULL;
	if (first == -1 || run(&config, argv + first, &fault) == -1)
		return cli_fail(&fault);
	return 0;
}
