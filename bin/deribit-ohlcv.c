/* deribit-ohlcv: candles, as `candle` records. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "deribit/rest-cli.h"
#include "fetch/candles.h"
#include "fetch/ranges.h"
#include "fetch/series.h"
#include "fetch/span.h"
#include "fetch/targets.h"
#include "fetch/traded.h"
#include "io/cli.h"
#include "io/stop.h"

#define TURN_MS 1000
/* When candles are late, the next look. */
#define SOON_MS 15000
#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct rest_options rest;
	struct targets_query query;
	struct span span;
	bool has_span; /* --since or --until was given */
	const char *resolution, *ranges, *state;
	bool follow, all;
};

/* What a run works with. */
struct work {
	struct config *config;
	char **words;
	struct rest *rest;
	struct emit emit;
	struct resume *resume;
	struct lives lives;
	struct marks marks;
	struct candles candles;
	struct series_kind kind;
	struct series series;
	uint64_t bad_lines;
	int64_t none; /* of all passes */
};

static int take_since(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	c->has_span = true;
	return span_since(&c->span, value, fault);
}

static int take_until(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	c->has_span = true;
	return span_until(&c->span, value, fault);
}

static const struct cli_option options[] = {
    {'k', "kind", "KIND",
	"of a CURRENCY: perpetual (default), future, option,\nspot",
	AT(CLI_TEXT, query.kind)},
    {'r', "resolution", "LENGTH",
	"of a candle, minutes: 1 (default), 3, 5, 10, 15, 30,\n"
	"60, 120, 180, 360, 720; or 1D",
	AT(CLI_TEXT, resolution)},
    {0, "since", "TIME",
	"what begins then or later: 2026-01-01, milliseconds,\n"
	"-90d, 2026-01-01T08:00:00Z (default: -24h)",
	.take = take_since},
    {0, "until", "TIME", "and before then (default: now)", .take = take_until},
    {'f', "follow", NULL, "go on with each candle that closes, for ever",
	AT(CLI_FLAG, follow)},
    {0, "all", NULL, "also the options of a CURRENCY that nobody traded",
	AT(CLI_FLAG, all)},
    {0, "ranges", "-", "what gap records on standard input say is missing",
	AT(CLI_TEXT, ranges)},
    {0, "state", "FILE", "note there what is written, and go on from it",
	AT(CLI_TEXT, state)},
    {'s', "settlement", "CURRENCY",
	"of currencies, the instruments settled in this one\n"
	"(default: BTC and ETH their own, others USDC)",
	AT(CLI_TEXT, query.settlement)},
    {0, "no-cache", NULL, "ask for lists, whatever is on disk",
	AT(CLI_FLAG, query.no_cache)},
    REST_OPTIONS(struct config, rest), {0}};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s", curl_version());
}

static const struct cli cli = {
    .tool = "deribit-ohlcv",
    .purpose = "candles of Deribit's instruments as NDJSON",
    .usage = "[OPTION...] CURRENCY|INSTRUMENT...",
    .examples =
	"  deribit-ohlcv --since 2026-01-01 --state ohlcv.state BTC-PERPETUAL\n"
	"  deribit-ohlcv -r 1D --since -90d BTC ETH SOL\n"
	"  deribit-ohlcv --follow -k option BTC ETH | tsdb-load "
	"options_ohlcv\n",
    .options = options,
    .notes = "A CURRENCY is a base currency (BTC, ETH, SOL, ...), an "
	     "INSTRUMENT a name\n(BTC-PERPETUAL, ETH-25DEC26, "
	     "SOL_USDC-25DEC26-200-C).\n",
    .versions = versions,
};

static int ranges_check(struct config *c, char **words, struct fault *fault)
{
	if (strcmp(c->ranges, "-") != 0)
		return fault_set(fault, EX_USAGE,
		    "--ranges takes '-': gap records come on standard input");
	if (*words != NULL)
		return fault_set(fault, EX_USAGE,
		    "%s: --ranges goes without CURRENCY and INSTRUMENT, the "
		    "gaps name them",
		    *words);
	if (c->has_span || c->follow)
		return fault_set(fault, EX_USAGE,
		    "--ranges goes without --since, --until and --follow: the "
		    "gaps have their times");
	return 0;
}

static int config_check(struct config *c, char **words, struct fault *fault)
{
	static const char *const kinds[] = {
	    "perpetual", "future", "option", "spot", NULL};
	size_t i = 0;

	while (kinds[i] != NULL && strcmp(kinds[i], c->query.kind) != 0)
		i++;
	if (kinds[i] == NULL)
		return fault_set(fault, EX_USAGE,
		    "--kind: there are perpetual, future, option and spot, but "
		    "no '%.40s'",
		    c->query.kind);
	if (c->ranges != NULL)
		return ranges_check(c, words, fault);
	if (targets_check(&c->query, words, fault) == -1)
		return -1;
	return span_check(&c->span, c->follow, fault);
}

static bool is_sparse(const struct config *c)
{
	return !c->all && c->ranges == NULL &&
	       strcmp(c->query.kind, "option") == 0;
}

static int lives_find(struct work *w, const struct targets_query *query,
    char **words, struct fault *fault)
{
	struct targets found;
	int result;

	if (targets_find(w->rest, query, words, &found, fault) == -1)
		return -1;
	result = lives_take(&w->lives, &found, is_sparse(w->config), fault);
	targets_free(&found);
	return result;
}

/* ------------------------------------------------------------------ ranges */

static int range_add(
    struct life *life, const struct range_set *set, struct fault *fault)
{
	for (size_t i = 0; i < set->times.n; i++)
		if (ranges_list_add(&life->ranges, set->times.range[i].from,
			set->times.range[i].to) == -1)
			return fault_errno(fault, EX_OSERR, "no memory");
	ranges_list_settle(&life->ranges);
	return 0;
}

/* Of one instrument, or of all of a kind and currency. */
static int set_take(struct work *w, struct range_set *set, struct fault *fault)
{
	struct targets_query query = w->config->query;
	bool one = set->name[0] != '\0';
	char *words[] = {one ? set->name : set->currency, NULL};
	struct targets found;
	int result = 0;

	if (set->times.n == 0)
		return 0;
	query.kind = set->kind[0] != '\0' ? set->kind : NULL;
	query.every_settlement = true;
	if (targets_find(w->rest, &query, words, &found, fault) == -1)
		return -1;
	result = lives_take(&w->lives, &found, false, fault);
	for (size_t i = 0; i < found.n && result == 0; i++)
		result = range_add(
		    lives_get(&w->lives, found.target[i].name, "", ""), set,
		    fault);
	targets_free(&found);
	return result;
}

static int ranges_take(struct work *w, struct fault *fault)
{
	struct ranges ranges;
	int result = 0;

	if (ranges_read(&ranges, STDIN_FILENO, "chart.trades.", fault) == -1)
		return -1;
	log_info("%" PRIu64 " gaps of candles, %" PRIu64 " other records",
	    ranges.gaps, ranges.others);
	w->bad_lines = ranges.bad;
	for (size_t i = 0; i < ranges.n && result == 0; i++)
		if (set_take(w, &ranges.set[i], fault) == -1) {
			if (stop_asked || fault->exit_code == EX_OSERR)
				result = -1;
			else
				log_error("%s%s is not known: %s",
				    ranges.set[i].name, ranges.set[i].currency,
				    fault->text);
			w->bad_lines++;
		}
	ranges_free(&ranges);
	return result;
}

/* ------------------------------------------------------------------- passes */

/* Lists change: with --follow they are looked up again for each pass. */
static int lives_renew(struct work *w, struct fault *fault)
{
	struct config *c = w->config;

	if (c->ranges != NULL)
		return 0;
	if (lives_find(w, &c->query, w->words, fault) == 0)
		return 0;
	if (w->lives.n == 0 || stop_asked)
		return -1;
	log_warn("the list is not renewed: %s", fault->text);
	return 0;
}

static int traded_renew(struct work *w, struct fault *fault)
{
	struct config *c = w->config;

	if (!is_sparse(c) ||
	    traded_find(&w->candles, w->rest, &w->lives, w->resume, fault) == 0)
		return 0;
	if (!c->follow || stop_asked)
		return -1;
	log_warn("who traded is not known, the next look will tell: %s",
	    fault->text);
	return 0;
}

static int marks_renew(struct work *w, struct fault *fault)
{
	struct candles *c = &w->candles;
	/* When the last one closed that is asked for. */
	int64_t close_ms = c->to_ms - c->grid_ms + c->step_ms;

	c->marks = NULL;
	if (!w->config->follow || c->step_ms != c->grid_ms)
		return 0;
	if (marks_ask(&w->marks, w->rest, &w->lives, close_ms, fault) == -1)
		return -1;
	c->marks = &w->marks;
	return 0;
}

static void pass_tell(struct work *w)
{
	const struct candles *c = &w->candles;

	w->none += c->none;
	if (c->late > 0 && w->config->follow)
		log_debug("%" PRId64 " candles are not there yet", c->late);
	else if (c->late > 0)
		log_warn("%" PRId64 " candles are not there yet", c->late);
}

static int pass(struct work *w, struct fault *fault)
{
	struct config *c = w->config;
	struct series *s = &w->series;

	candles_span(&w->candles, c->span.since_ms, c->span.until_ms);
	if (marks_renew(w, fault) == -1 || lives_renew(w, fault) == -1)
		return -1;
	if (traded_renew(w, fault) == -1 ||
	    lives_ask(&w->lives, w->rest, fault) == -1)
		return -1;
	s->targets = lives_view(&w->lives);
	if (s->targets == NULL)
		return fault_errno(fault, EX_OSERR, "no memory");
	if (series_run(s, fault) == -1)
		return -1;
	pass_tell(w);
	return resume_save(w->resume, fault);
}

/* Until the next candle has closed, or sooner if some are late. */
static int wait_for_next(struct work *w, struct fault *fault)
{
	int64_t at_ms = candles_next_ms(&w->candles), now_ms, left;
	int64_t soon_ms = rest_clock_ms(w->rest) + SOON_MS;

	if ((w->candles.late > 0 || w->series.failed > 0) && soon_ms < at_ms)
		at_ms = soon_ms;
	while ((now_ms = rest_clock_ms(w->rest)) < at_ms) {
		left = at_ms - now_ms;
		if (rest_turn(
			w->rest, left < TURN_MS ? left : TURN_MS, fault) == -1)
			return -1;
	}
	return 0;
}

static int passes(struct work *w, struct fault *fault)
{
	struct config *c = w->config;

	if (c->ranges != NULL && ranges_take(w, fault) == -1)
		return -1;
	do {
		if (pass(w, fault) == -1)
			return -1;
	} while (c->follow && wait_for_next(w, fault) == 0);
	if (c->follow)
		return -1;
	if (w->none > 0)
		log_debug("the exchange has no data for %" PRId64 " candles",
		    w->none);
	if (series_end(&w->series, c->state != NULL, fault) == -1)
		return -1;
	if (w->bad_lines > 0)
		return fault_set(fault, EX_DATAERR,
		    "%" PRIu64 " of the ranges could not be used",
		    w->bad_lines);
	return 0;
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
	struct candles *candles = &w->candles;
	int result;

	if (candles_init(
		candles, c->resolution, is_sparse(c), &w->kind, fault) == -1)
		return -1;
	w->resume = resume_open(c->state, cli.tool, fault);
	if (w->resume == NULL)
		return -1;
	w->rest = rest_new(&c->rest, fault);
	if (w->rest == NULL)
		return -1;
	if (resume_goes_on(w->resume)) {
		log_info("goes on with what %s has", c->state);
		rest_spent(w->rest);
	}
	w->series = (struct series){.kind = &w->kind,
	    .rest = w->rest,
	    .emit = &w->emit,
	    .resume = w->resume};
	candles->rest = w->rest;
	candles->emit = &w->emit;
	candles->lives = &w->lives;
	candles->series = &w->series;
	result = rest_clock_ask(w->rest, fault);
	span_settle(&c->span, w->rest);
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
	lives_free(&w.lives);
	marks_free(&w.marks);
	candles_free(&w.candles);
	rest_free(w.rest);
	resume_close(w.resume);
	emit_free(&w.emit);
	return result;
}

int main(int argc, char **argv)
{
	struct config config = {
	    .query = {.kind = "perpetual"}, .resolution = "1"};
	struct fault fault = {0};
	int first;

	rest_options_init(&config.rest, &stop_asked);
	log_open(cli.tool);
	stop_catch();
	/* All times at which there was a market, with --ranges. */
	first = cli_parse(&cli, argc, argv, &config, &fault);
	if (first != -1 && config.ranges == NULL && config.span.since_ms == 0)
		span_since(&config.span, "-24h", &fault);
	if (first == -1 || run(&config, argv + first, &fault) == -1)
		return cli_fail(&fault);
	return 0;
}
