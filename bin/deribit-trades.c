/* deribit-trades: the past trades of instruments, as `trade` records. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "deribit/name.h"
#include "deribit/rest-cli.h"
#include "fetch/find.h"
#include "fetch/ranges.h"
#include "fetch/span.h"
#include "fetch/targets.h"
#include "fetch/trades.h"
#include "io/cli.h"
#include "io/stop.h"

#define HOUR_MS INT64_C(3600000)
#define ROWS 1000
#define ROWS_HISTORY 10000
/* A gap's ends are when the last datum came and the next: rows of then were
 * under way. */
#define RANGE_MARGIN_MS 5000
#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

struct config {
	struct rest_options rest;
	struct targets_query query;
	const char *state, *ranges;
	struct span span;
	bool since_given;
	int64_t from_seq, to_seq; /* 0: not given */
	int64_t rows;             /* 0: what the host takes */
	bool history, late;
};

/* What a run works with. */
struct work {
	struct config *config;
	char **words;
	struct rest *rest;  /* has the trades */
	struct rest *lists; /* has the lists and the clock; may be the same */
	struct emit emit;
	struct resume *resume;
	struct find *find;
	const char *wanted, *looked, *written; /* the state's words */
	uint64_t bad;                          /* lines of --ranges */
	int64_t ahead_ms; /* the exchange's clock is ahead of ours by that */
};

static int take_since(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	c->since_given = true;
	return span_since(&c->span, value, fault);
}

static int take_until(void *config, const char *value, struct fault *fault)
{
	return span_until(&((struct config *)config)->span, value, fault);
}

static const struct cli_option options[] = {
    {0, "since", "TIME",
	"from then on: 2026-01-01, milliseconds, -90d,\n"
	"2026-01-01T08:00:00Z (default: -24h)",
	.take = take_since},
    {0, "until", "TIME", "and before then (default: now)", .take = take_until},
    {0, "from-seq", "N", "from this trade_seq on, whatever the time",
	AT(CLI_INTEGER, from_seq), .min = 1, .max = INT64_MAX / 4},
    {0, "to-seq", "N", "up to this trade_seq (default: the last)",
	AT(CLI_INTEGER, to_seq), .min = 1, .max = INT64_MAX / 4},
    {0, "ranges", "-", "what gap records on standard input miss",
	AT(CLI_TEXT, ranges)},
    {0, "late", NULL, "only liquidations, told an hour after the trade",
	AT(CLI_FLAG, late)},
    {'k', "kind", "KIND",
	"of currencies, only option, future, perpetual,\n"
	"spot, option_combo or future_combo (default: all)",
	AT(CLI_TEXT, query.kind)},
    {'s', "settlement", "CURRENCY",
	"of currencies, only what is settled in this one\n"
	"(default: in the coin and in USDC)",
	AT(CLI_TEXT, query.settlement)},
    {0, "history", NULL, "from the host of the history", AT(CLI_FLAG, history)},
    {0, "rows", "N", "trades a call (default 1000; --history 10000)",
	AT(CLI_INTEGER, rows), .min = 10, .max = ROWS_HISTORY},
    {0, "state", "FILE", "note there what is written, and go on from it",
	AT(CLI_TEXT, state)},
    {0, "no-cache", NULL, "ask for lists, whatever is on disk",
	AT(CLI_FLAG, query.no_cache)},
    REST_OPTIONS(struct config, rest), {0}};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s", curl_version());
}

static const struct cli cli = {
    .tool = "deribit-trades",
    .purpose = "the past trades of Deribit's instruments as NDJSON",
    .usage = "[OPTION...] CURRENCY|INSTRUMENT...",
    .examples = "  deribit-trades ETH | tsdb-load\n"
		"  deribit-trades --from-seq 1 --to-seq 10 BTC-PERPETUAL\n"
		"  deribit-trades --history --since 2025-01-01 --until "
		"2026-01-01 --state s BTC\n"
		"  zcat btc.ndjson.gz | deribit-trades --ranges - | "
		"tsdb-load\n",
    .options = options,
    .notes = "A CURRENCY is a base currency (BTC, ETH, SOL, ...): all that "
	     "traded in the\ntime, expired ones too.  An INSTRUMENT need not "
	     "be listed any more.\n",
    .versions = versions,
};

/* ----------------------------------------------------------- the command */

static int numbers_check(
    const struct config *c, char **words, struct fault *fault)
{
	struct targets_word w;

	if (c->from_seq == 0 && c->to_seq == 0)
		return 0;
	if (c->since_given || c->span.until_ms != 0)
		return fault_set(fault, EX_USAGE,
		    "--from-seq and --to-seq go without --since and --until");
	if (c->to_seq != 0 && c->to_seq < c->from_seq)
		return fault_set(
		    fault, EX_USAGE, "--to-seq is before --from-seq");
	for (; *words != NULL; words++) {
		if (targets_word(&c->query, *words, &w, fault) == -1)
			return -1;
		if (!w.is_instrument)
			return fault_set(fault, EX_USAGE,
			    "'%.60s' is no instrument: only these have numbers",
			    *words);
	}
	return 0;
}

static int ranges_check(
    const struct config *c, char **words, struct fault *fault)
{
	if (strcmp(c->ranges, "-") != 0)
		return fault_set(fault, EX_USAGE,
		    "--ranges %.60s: only - is understood, standard input",
		    c->ranges);
	if (*words != NULL || c->since_given || c->span.until_ms != 0 ||
	    c->from_seq != 0 || c->to_seq != 0 || c->late)
		return fault_set(fault, EX_USAGE,
		    "--ranges says what is missing: it goes without "
		    "instruments, times, numbers and --late");
	return 0;
}

static int config_check(struct config *c, char **words, struct fault *fault)
{
	if (c->ranges != NULL)
		return ranges_check(c, words, fault);
	if (targets_check(&c->query, words, fault) == -1 ||
	    numbers_check(c, words, fault) == -1)
		return -1;
	return span_check(&c->span, false, fault);
}

/* Where the trades are. */
static void host_settle(struct config *c)
{
	const char *url = getenv("DERIBIT_HISTORY_URL");

	if (c->history && c->rest.url == rest_url())
		c->rest.url = url != NULL && *url != '\0'
		                  ? url
		                  : "https://history.deribit.com/api/v2";
	if (c->rows == 0)
		c->rows = c->history ? ROWS_HISTORY : ROWS;
}

/* What is relative is so to the exchange's clock; what is later than now, by
 * the same clock, cannot be there. */
static void times_settle(struct work *w)
{
	struct config *c = w->config;
	int64_t now_ms = rest_clock_ms(w->lists);
	int64_t last_ms = c->late ? now_ms - HOUR_MS : now_ms + 1;

	w->ahead_ms = now_ms - clock_wall_us() / 1000;
	span_settle(&c->span, w->lists);
	if (c->span.until_ms == 0 || c->span.until_ms > last_ms)
		c->span.until_ms = last_ms;
}

/* -------------------------------------------------------- what is wanted */

/* A base currency by its markets: the coin's, and that of USDC. */
static int market_find(struct work *w, const char *base, const char *settlement,
    const char *kind, bool loose, int64_t from, int64_t to, struct fault *fault)
{
	struct chain_query query = {.currency = base, .kind = "option"};
	char coin[CHAIN_CURRENCY_MAX + 1];

	if (settlement != NULL && *settlement != '\0')
		return find_market(
		    w->find, base, settlement, kind, loose, from, to, fault);
	chain_filter(&query, coin, sizeof(coin));
	if (strcmp(coin, "USDC") != 0 && find_market(w->find, base, coin, kind,
					     loose, from, to, fault) == -1)
		return -1;
	return find_market(w->find, base, "USDC", kind, loose, from, to, fault);
}

static int instrument_find(
    struct work *w, const char *name, struct fault *fault)
{
	const struct config *c = w->config;
	int64_t first = c->from_seq != 0 ? c->from_seq : 1;

	if (c->to_seq != 0)
		return resume_add(
		    w->resume, name, w->wanted, first, c->to_seq + 1, fault);
	if (c->from_seq != 0)
		return find_tail(w->find, name, first, fault);
	return find_instrument(
	    w->find, name, c->span.since_ms, c->span.until_ms, fault);
}

static int word_find(struct work *w, char *text, struct fault *fault)
{
	const struct config *c = w->config;
	char *words[] = {text, NULL};
	struct targets_word word;
	struct targets listed;

	if (targets_word(&c->query, text, &word, fault) == -1)
		return -1;
	if (word.is_instrument)
		return instrument_find(w, word.name, fault);
	/* Only to see whether the exchange knows the currency. */
	if (targets_find(w->lists, &c->query, words, &listed, fault) == -1)
		return -1;
	targets_free(&listed);
	return market_find(w, word.currency, word.settlement, c->query.kind,
	    false, c->span.since_ms, c->span.until_ms, fault);
}

static int set_find(
    struct work *w, const struct range_set *s, struct fault *fault)
{
	int64_t now_ms = rest_clock_ms(w->lists), from, to;
	const char *kind = name_kind_parse(s->kind) != -1 ? s->kind : NULL;
	size_t i;

	for (i = 0; i < s->seqs.n; i++)
		if (resume_add(w->resume, s->name, w->wanted,
			s->seqs.range[i].from, s->seqs.range[i].to + 1,
			fault) == -1)
			return -1;
	for (i = 0; i < s->times.n; i++) {
		from = s->times.range[i].from + w->ahead_ms - RANGE_MARGIN_MS;
		to = s->times.range[i].to + w->ahead_ms + RANGE_MARGIN_MS;
		if (to > now_ms)
			to = now_ms + 1;
		if (from < 1)
			from = 1;
		if (*s->name != '\0'
			? find_instrument(w->find, s->name, from, to, fault)
			: market_find(w, s->currency, NULL, kind, true, from,
			      to, fault))
			return -1;
	}
	return 0;
}

static int ranges_find(struct work *w, struct fault *fault)
{
	struct ranges r;
	int result = 0;

	if (ranges_read(&r, STDIN_FILENO, "trades.", fault) == -1)
		return -1;
	for (size_t i = 0; result == 0 && i < r.n; i++)
		result = set_find(w, &r.set[i], fault);
	w->bad = r.bad;
	log_debug("%" PRIu64 " gaps", r.gaps);
	ranges_free(&r);
	return result;
}

static int wanted_find(struct work *w, struct fault *fault)
{
	struct config *c = w->config;
	struct find_options o = {.rest = w->rest,
	    .clock = w->lists,
	    .resume = w->resume,
	    .rows = c->rows,
	    .old = c->history,
	    .wanted = w->wanted,
	    .looked = w->looked};

	w->find = find_new(&o, fault);
	if (w->find == NULL)
		return -1;
	if (c->ranges != NULL && ranges_find(w, fault) == -1)
		return -1;
	for (char **word = w->words; *word != NULL; word++)
		if (word_find(w, *word, fault) == -1)
			return -1;
	return find_run(w->find, fault);
}

/* -------------------------------------------------------------- the run */

static int wanted_fetch(
    struct work *w, struct trades_result *result, struct fault *fault)
{
	const struct config *c = w->config;
	struct trades_options o = {.rest = w->rest,
	    .emit = &w->emit,
	    .resume = w->resume,
	    .wanted = w->wanted,
	    .written = w->written,
	    .rows = c->rows,
	    .retry = c->rest.retry,
	    .parallel = c->rest.parallel,
	    .old = c->history,
	    .repaired = c->ranges != NULL,
	    .late = c->late};

	return trades_run(&o, result, fault);
}

static int work_do(struct work *w, struct fault *fault)
{
	struct trades_result r;
	struct fault first;
	const char *again = w->config->state != NULL
	                        ? "; the same command asks for them again"
	                        : "";

	if (wanted_find(w, fault) == -1 || wanted_fetch(w, &r, fault) == -1)
		return -1;
	if (find_failed(w->find, &first) > 0)
		return fault_set(fault, first.exit_code,
		    "%zu searches for trades failed%s",
		    find_failed(w->find, &first), again);
	if (r.failed > 0)
		return fault_set(fault, r.first.exit_code,
		    "%zu calls failed, %" PRId64 " trades are missing%s",
		    r.failed, r.missing, again);
	if (r.missing > 0)
		return fault_set(fault, EX_DATAERR,
		    "%" PRId64 " trades are missing, as gap records tell%s",
		    r.missing, again);
	if (w->bad > 0)
		return fault_set(fault, EX_DATAERR,
		    "%" PRIu64 " lines of the ranges were passed by", w->bad);
	return 0;
}

static int stopped(const struct work *w, struct fault *fault)
{
	if (fault->exit_code != EX_TEMPFAIL || !stop_asked)
		return -1;
	return resume_stopped(w->config->state, fault);
}

static int work_begin(struct work *w, struct fault *fault)
{
	struct config *c = w->config;
	struct rest_options lists = c->rest;
	int result;

	w->wanted = c->late ? "late wanted" : "wanted";
	w->looked = c->late ? "late looked through" : "looked through";
	w->written = c->late ? "late trades" : "trades";
	w->resume = resume_open(c->state, cli.tool, fault);
	if (w->resume == NULL)
		return -1;
	host_settle(c);
	w->rest = rest_new(&c->rest, fault);
	if (c->history)
		lists.url = rest_url();
	w->lists = c->history && w->rest != NULL ? rest_new(&lists, fault)
	                                         : w->rest;
	if (w->lists == NULL)
		return -1;
	if (resume_goes_on(w->resume)) {
		log_info("goes on with what %s has", c->state);
		rest_spent(w->rest);
	}
	result = rest_clock_ask(w->lists, fault);
	times_settle(w);
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
		result = work_do(&w, fault);
	if (result == -1)
		result = stopped(&w, fault);
	if (w.emit.closed)
		stop_by_pipe();
	find_free(w.find);
	if (w.lists != w.rest)
		rest_free(w.lists);
	rest_free(w.rest);
	resume_close(w.resume);
	emit_free(&w.emit);
	return result;
}

int main(int argc, char **argv)
{
	struct config config = {.rows = 0};
	struct fault fault = {0};
	int first;

	rest_options_init(&config.rest, &stop_asked);
	log_open(cli.tool);
	stop_catch();
	first = cli_parse(&cli, argc, argv, &config, &fault);
	config.query.every_settlement = config.query.settlement == NULL;
	if (first != -1 && !config.since_given)
		span_since(&config.span, config.late ? "-25h" : "-24h", &fault);
	if (first == -1 || run(&config, argv + first, &fault) == -1)
		return cli_fail(&fault);
	return 0;
}
