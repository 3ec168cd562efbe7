/* deribit-replay's options; see replay.h. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "replay.h"
#include "replay/history.h"
#include "replay/pages.h"

#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

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
	struct config *c = config;

	c->own_now = true;
	return clock_parse(value, &c->now_ms, fault);
}

static int take_clock(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	int64_t ms;

	if (clock_parse(value, &ms, fault) == -1)
		return -1;
	c->own_clock = true;
	c->clock_us = ms * 1000 - clock_wall_us();
	return 0;
}

static int take_offset(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	bool sign = value[0] == '-' || value[0] == '+';
	int64_t ms;

	if (clock_duration(value + sign, 1000, &ms, fault) == -1)
		return -1;
	c->own_clock = true;
	c->clock_us = (value[0] == '-' ? -ms : ms) * 1000;
	return 0;
}

static int take_cut_end(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	c->server.chart_cut_last = strcmp(value, "last") == 0;
	if (c->server.chart_cut_last || strcmp(value, "first") == 0)
		return 0;
	return fault_set(
	    fault, EX_USAGE, "--chart-cut %s: expected first or last", value);
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
    {0, "clock", "TIME", "the exchange's clock begins at this time",
	.take = take_clock},
    {0, "clock-offset", "TIME",
	"the exchange's clock is so far ahead of ours, or -TIME behind",
	.take = take_offset},
    {0, "history", "DAYS", "the market has so long a past (default: none)",
	AT(CLI_INTEGER, history_days), .max = HISTORY_DAYS_MAX},
    {0, "history-trades", "N", "trades in it (default: 2000000)",
	AT(CLI_INTEGER, history_trades), .max = INT64_C(1000000000)},
    {0, "history-instruments", "N", "instruments that trade (default: 300)",
	AT(CLI_INTEGER, history_instruments), .min = 10,
	.max = HISTORY_LINES_MAX},
    {0, "rows-max", "N", "trades in a reply at most (default: 1000)",
	AT(CLI_INTEGER, server.rows_max), .min = 1, .max = PAGES_ROWS_MAX},
    {0, "chart-cut", "END",
	"of too many rows, the first or last are missing\n"
	"(default: first)",
	.take = take_cut_end},
    {0, "dump", "WHAT", "print what the history holds, and end",
	AT(CLI_TEXT, dump)},
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
    {0, "requests", "FILE", "record every call over HTTP",
	AT(CLI_TEXT, requests)},
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
    {0, "rest-rate", "N",
	"calls over HTTP a second (default: 20; 0: any number)",
	AT(CLI_INTEGER, server.rest_rate), .max = 1000000},
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

const struct cli replay_cli = {
    .tool = "deribit-replay",
    .purpose = "A server that speaks Deribit: a made-up market or recorded "
	       "messages.",
    .usage = "[OPTION...]",
    .examples = "  deribit-replay --synthetic 7 --rate 5000\n"
		"  deribit-replay --frames recorded.ndjson --speed 10\n",
    .options = options,
    .versions = versions,
};
