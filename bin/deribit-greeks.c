/* deribit-greeks: snapshots of option chains, as `ticker` records. */
#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "deribit/rest-cli.h"
#include "fetch/greeks.h"
#include "fetch/targets.h"
#include "io/cli.h"
#include "io/stop.h"

#define DAY_MS 86400000
#define TURN_MS 1000
/* What the rate limits page says can be kept up: 900 options in 45 s. */
#define RATE 20
/* What is listed changes at any time: a minute's age is that of several
 * currencies in one run. */
#define LIST_AGE_MS 60000
#define LEAD_MS 5000
#define LEAD_FROM_MS 60000
#define LEAD_ASKS 3
#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct rest_options rest;
	struct targets_query query;
	int64_t follow_ms; /* 0: one snapshot */
};

/* What a run works with. */
struct work {
	struct config *config;
	char **words;
	struct rest *rest;
	struct emit emit;
	struct greeks greeks;
	struct targets targets;
};

static const struct cli_option options[] = {
    {'f', "follow", "TIME",
	"go on for ever: a snapshot at each multiple of\n"
	"TIME (1h: at each full hour, UTC)",
	AT(CLI_TIME, follow_ms), .min = 1000, .max = DAY_MS},
    {'n', "top", "N", "only the N with the largest open interest",
	AT(CLI_INTEGER, query.top), .min = 1, .max = 1000000},
    {'s', "settlement", "CURRENCY",
	"the options settled in this currency\n"
	"(default: BTC and ETH their own, others USDC)",
	AT(CLI_TEXT, query.settlement)},
    {0, "no-cache", NULL, "ask for lists, whatever is on disk",
	AT(CLI_FLAG, query.no_cache)},
    REST_OPTIONS_RATE(struct config, rest, "20"), {0}};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s", curl_version());
}

static const struct cli cli = {
    .tool = "deribit-greeks",
    .purpose = "the greeks of Deribit's option chains as NDJSON",
    .usage = "[OPTION...] CURRENCY|INSTRUMENT...",
    .examples = "  deribit-greeks ETH | jq -r '[.instrument_name, .delta] | "
		"@tsv'\n"
		"  deribit-greeks --top 50 SOL\n"
		"  deribit-greeks --follow 1h BTC ETH >> greeks.ndjson\n",
    .options = options,
    .notes = "A CURRENCY is a base currency (BTC, ETH, SOL, ...), or a market "
	     "(BTC_USDC); an\nINSTRUMENT an option (BTC-25DEC26-100000-C).\n",
    .versions = versions,
};

/* One snapshot; at_ms 0: of the moment when the list is there. */
static int snapshot(struct work *w, int64_t at_ms, struct fault *fault)
{
	struct greeks_snapshot s = {.targets = &w->targets};

	if (targets_renew(
		w->rest, &w->config->query, w->words, &w->targets, fault) == -1)
		return -1;
	s.at_ms = at_ms != 0 ? at_ms : rest_clock_ms(w->rest);
	if (greeks_run(&w->greeks, &s, fault) == -1) {
		if (fault->exit_code == EX_TEMPFAIL)
			fault_set(fault, EX_TEMPFAIL,
			    "stopped: %zu of %zu options are written",
			    s.written, w->targets.n);
		return -1;
	}
	if (s.failed == 0)
		return 0;
	fault_set(fault, s.first.exit_code,
	    "%zu of %zu options are missing, those named above", s.failed,
	    w->targets.n);
	if (w->config->follow_ms == 0)
		return -1;
	log_error("%s", fault->text);
	return 0;
}

/* Waits until it is at_ms for the exchange, whose clock we learn from every
 * reply. */
static int wait_until(struct work *w, int64_t at_ms, struct fault *fault)
{
	int64_t left;

	while ((left = at_ms - rest_clock_ms(w->rest)) > 0)
		if (rest_turn(
			w->rest, left < TURN_MS ? left : TURN_MS, fault) == -1)
			return -1;
	return 0;
}

/* A machine that slept does not know what time it is, and after an hour nobody
 * does to the millisecond: it is asked for shortly before it counts, as often
 * as outvotes the replies of before. */
static int wait_for_due(struct work *w, int64_t due_ms, struct fault *fault)
{
	int i;

	if (w->config->follow_ms >= LEAD_FROM_MS) {
		if (wait_until(w, due_ms - LEAD_MS, fault) == -1)
			return -1;
		for (i = 0;
		     i < LEAD_ASKS && rest_clock_ask(w->rest, fault) == 0; i++)
			;
	}
	return wait_until(w, due_ms, fault);
}

static int follow(struct work *w, struct fault *fault)
{
	int64_t interval_ms = w->config->follow_ms, late_ms, now_ms, due_ms;
	char when[40];

	now_ms = rest_clock_ms(w->rest);
	due_ms = greeks_due(now_ms, interval_ms, &late_ms);
	if (due_ms - now_ms > late_ms && snapshot(w, 0, fault) == -1)
		return -1;
	for (;; due_ms += interval_ms) {
		if (wait_for_due(w, due_ms, fault) == -1)
			return -1;
		if (rest_clock_ms(w->rest) - due_ms <= late_ms) {
			if (snapshot(w, due_ms, fault) == -1)
				return -1;
			continue;
		}
		clock_format_ms(due_ms, when, sizeof(when));
		log_error("no snapshot of %s: its time has passed", when);
	}
}

static int work_do(struct work *w, struct fault *fault)
{
	w->rest = rest_new(&w->config->rest, fault);
	if (w->rest == NULL ||
	    greeks_init(&w->greeks, w->rest, &w->emit, fault) == -1 ||
	    rest_clock_ask(w->rest, fault) == -1)
		return -1;
	if (w->config->follow_ms == 0)
		return snapshot(w, 0, fault);
	/* A signal is how it ends. */
	if (follow(w, fault) == -1 &&
	    !(fault->exit_code == EX_TEMPFAIL && stop_asked))
		return -1;
	return 0;
}

static int run(struct config *c, char **words, struct fault *fault)
{
	struct work w = {.config = c, .words = words};
	int result;

	if (targets_check(&c->query, words, fault) == -1)
		return -1;
	emit_init(&w.emit, STDOUT_FILENO);
	result = work_do(&w, fault);
	if (w.emit.closed)
		stop_by_pipe();
	targets_free(&w.targets);
	greeks_free(&w.greeks);
	rest_free(w.rest);
	emit_free(&w.emit);
	return result;
}

int main(int argc, char **argv)
{
	struct config config = {.query = {.kind = "option",
				    .sole = "greeks",
				    .cache_age_ms = LIST_AGE_MS}};
	struct fault fault;
	int first;

	rest_options_init(&config.rest, &stop_asked);
	config.rest.rate = RATE;
	log_open(cli.tool);
	stop_catch();
	first = cli_parse(&cli, argc, argv, &config, &fault);
	if (first == -1 || run(&config, argv + first, &fault) == -1)
		return cli_fail(&fault);
	return 0;
}
