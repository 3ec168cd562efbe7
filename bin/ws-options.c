/* deribit-ws-stream's options; see ws-stream.h. */
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wslay/wslayver.h>

#include "deribit/chain.h"
#include "deribit/name.h"
#include "record/wants.h"
#include "ws-stream.h"

#define WS_URL "wss://www.deribit.com/ws/api/v2"
#define MESSAGE_MAX ((size_t)16 << 20)
#define MARGIN_MS 15000 /* heartbeats come up to some seconds late */
#define CANARY "deribit_price_index.btc_usd"

#define SEGMENT_SIZE (INT64_C(64) << 20)
#define DAY_MS INT64_C(86400000)
#define AT(kind_of, member) \
	.type = (kind_of), .at = offsetof(struct config, member)

static int take_instrument(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	struct name name;

	if (name_parse(value, strlen(value), &name) == -1)
		return fault_set(fault, EX_USAGE,
		    "--instrument %.100s: this is no instrument's name "
		    "(such as BTC-PERPETUAL or ETH-25DEC26-4000-C)",
		    value);
	if (c->instruments == WORDS_MAX)
		return fault_set(fault, EX_USAGE,
		    "--instrument may be given %d times", WORDS_MAX);
	c->instrument[c->instruments++] = value;
	return 0;
}

static int take_kind(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	struct chain_query query = {.currency = "BTC"};

	c->query.kind = strcmp(value, "all") == 0 ? NULL : value;
	query.kind = c->query.kind;
	return chain_query_check(&query, fault) == -1
	           ? fault_prefix(fault, "--kind")
	           : 0;
}

static int take_settlement(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;
	struct chain_query query = {.currency = "BTC", .settlement = value};

	c->query.settlement = value;
	return chain_query_check(&query, fault) == -1
	           ? fault_prefix(fault, "--settlement")
	           : 0;
}

static int take_channels(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	if ((size_t)snprintf(c->channels, sizeof(c->channels), "%s", value) >=
	    sizeof(c->channels))
		return fault_set(fault, EX_USAGE,
		    "--channels is longer than %d characters",
		    CHANNELS_SIZE - 1);
	return wants_parse(&c->wants, c->channels, fault);
}

static int take_book(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	if (strcmp(value, "incremental") == 0)
		c->book = WANTS_BOOK_CHANGES;
	else if (strcmp(value, "snapshots") == 0)
		c->book = WANTS_BOOK;
	else
		return fault_set(fault, EX_USAGE,
		    "--book %.40s: snapshots or incremental is needed", value);
	return 0;
}

static int take_word(const char *option, const char *value,
    const char *const *words, const char **out, struct fault *fault)
{
	char list[80] = "";
	size_t i, n = 0;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0) {
			*out = words[i];
			return 0;
		}
	for (i = 0; words[i] != NULL && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
		    i == 0                 ? ""
		    : words[i + 1] != NULL ? ", "
					   : " or ",
		    words[i]);
	return fault_set(
	    fault, EX_USAGE, "--%s %.40s: %s is needed", option, value, list);
}

static int take_interval(void *config, const char *value, struct fault *fault)
{
	static const char *const words[] = {"100ms", "agg2", "raw", NULL};
	struct config *c = config;

	return take_word("interval", value, words, &c->wants.interval, fault);
}

static int take_resolution(void *config, const char *value, struct fault *fault)
{
	static const char *const words[] = {"1", "3", "5", "10", "15", "30",
	    "60", "120", "180", "360", "720", "1D", NULL};
	struct config *c = config;

	return take_word(
	    "resolution", value, words, &c->wants.resolution, fault);
}

static int take_url(void *config, const char *value, struct fault *fault)
{
	struct config *c = config;

	if (c->urls == COLLECTOR_SIDES)
		return fault_set(fault, EX_USAGE, "--url may be given twice");
	c->collector.url[c->urls++] = value;
	return 0;
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
    {'i', "instrument", "NAME", "record this instrument (may be repeated)",
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
	.take = take_settlement},
    {'c', "channels", "LIST",
	"words and full channel names, separated by commas\n"
	"(default: quotes,trades)",
	.take = take_channels},
    {0, "list-channels", NULL, "list the words for --channels, and exit",
	AT(CLI_FLAG, list)},
    {0, "interval", "INTERVAL",
	"for trades, tickers, books: 100ms (default), agg2,\n"
	"or raw (needs --auth)",
	.take = take_interval},
    {0, "resolution", "R", "of candles: 1 (default) to 720 minutes, or 1D",
	.take = take_resolution},
    {0, "book", "MODE", "snapshots (at intervals), or incremental: changes",
	.take = take_book},
    {0, "depth", "N", "levels of a snapshot, each side (default 20)",
	AT(CLI_INTEGER, collector.depth), .min = 1, .max = 10000},
    {0, "depth-interval", "TIME",
	"how often each book is fetched (default 300s)",
	AT(CLI_TIME, collector.depth_ms), .min = 1, .max = DAY_MS},
    {0, "count", "N", "stop after N records", AT(CLI_INTEGER, collector.count),
	.min = 1, .max = INT64_MAX},
    {0, "duration", "TIME", "stop after this time",
	AT(CLI_TIME, collector.duration_ms), .min = 1, .max = 3650 * DAY_MS},
    {0, "state", "FILE",
	"remember here how far recording got; the next run\n"
	"continues from there",
	AT(CLI_TEXT, collector.state)},
    {0, "state-interval", "TIME", "how often it is saved (default 10s)",
	AT(CLI_TIME, collector.state_ms), .min = 1, .max = DAY_MS},
    {0, "spool", "DIR", "write segments there instead of to standard output",
	AT(CLI_TEXT, spool.dir)},
    {0, "spool-segment", "SIZE", "size of a segment (default 64M)",
	AT(CLI_SIZE, spool.segment_max), .min = 4096, .max = INT64_C(1) << 40},
    {0, "spool-max", "SIZE", "limit of all segments (default: none)",
	AT(CLI_SIZE, spool.max), .min = 65536, .max = INT64_MAX},
    {0, "raw", NULL, "write messages as received, not records",
	AT(CLI_FLAG, collector.raw)},
    {0, "from-raw", "FILE", "turn such a recording into records (-: stdin)",
	AT(CLI_TEXT, from_raw)},
    {0, "jq", "FILTER", "pass each record through this jq program",
	AT(CLI_TEXT, collector.jq)},
    {0, "metrics", "FILE", "figures for Prometheus, written every 15 s",
	AT(CLI_TEXT, collector.metrics)},
    {0, "redundancy", "N",
	"2: each channel on two connections, merged into one\n"
	"stream",
	AT(CLI_INTEGER, collector.redundancy), .min = 1, .max = 2},
    {0, "rotate", "TIME", "replace each connection this often, losing nothing",
	AT(CLI_TIME, collector.rotate_ms), .min = 1000, .max = 30 * DAY_MS},
    {0, "repair-timeout", "TIME",
	"how long missing trades are tried for (default 60s)",
	AT(CLI_TIME, collector.repair_timeout_ms), .min = 1, .max = DAY_MS},
    {0, "audit-interval", "TIME",
	"how often the exchange is asked what was missed;\n"
	"0: never (default 300s)",
	AT(CLI_TIME, collector.audit_ms), .max = DAY_MS},
    {0, "rank-interval", "TIME", "how often --top is ranked again (default 1h)",
	AT(CLI_TIME, collector.rerank_ms), .min = 1000, .max = DAY_MS},
    {0, "linger", "TIME",
	"how long to keep an expired instrument subscribed\n"
	"(default 60s)",
	AT(CLI_TIME, collector.linger_ms), .max = DAY_MS},
    {0, "auth", NULL,
	"log in with DERIBIT_CLIENT_ID and\nDERIBIT_CLIENT_SECRET",
	AT(CLI_FLAG, auth)},
    {0, "credentials", "FILE",
	"log in with the client id and secret in this file,\n"
	"which only its owner may read (mode 0600)",
	AT(CLI_TEXT, credentials)},
    {0, "url", "URL",
	"the WebSocket; given twice, a feed from each\n"
	"(default: DERIBIT_WS_URL, or\n" WS_URL ")",
	.take = take_url},
    {0, "rest-url", "URL",
	"the REST API (default: DERIBIT_REST_URL, or\n"
	"https://www.deribit.com/api/v2)",
	AT(CLI_TEXT, rest.url)},
    {0, "no-cache", NULL, "fetch the list of instruments even if it is cached",
	AT(CLI_FLAG, query.no_cache)},
    {0, "cacert", "FILE",
	"trust these CAs (default: DERIBIT_CACERT, or\n"
	"CURL_CA_BUNDLE, SSL_CERT_FILE, the system's)",
	AT(CLI_TEXT, rest.cacert)},
    {0, "proxy", "URL", "go through this proxy", AT(CLI_TEXT, rest.proxy)},
    {0, "connect-timeout", "TIME",
	"for DNS, TCP and TLS, and again for the upgrade\n"
	"(default 10s)",
	AT(CLI_TIME, rest.connect_timeout_ms), .min = 1, .max = DAY_MS},
    {0, "reply-timeout", "TIME", "for the answer to a call (default 10s)",
	AT(CLI_TIME, collector.session.reply_timeout_ms), .min = 1,
	.max = DAY_MS},
    {0, "heartbeat", "TIME",
	"how often the exchange is to send one (default 30s)",
	.take = take_heartbeat},
    {0, "stall-timeout", "TIME",
	"a connection without a byte for this long is lost\n"
	"(default: --heartbeat and 15s)",
	AT(CLI_TIME, collector.session.stall_timeout_ms), .min = 1,
	.max = DAY_MS},
    {0, "silence-timeout", "TIME",
	"a connection without data for this long is lost, be\n"
	"it but a tick of an index; 0: never (default 5s)",
	AT(CLI_TIME, collector.session.canary_timeout_ms), .max = DAY_MS},
    {0, "retry-delay", "TIME",
	"longest wait before the first retry; doubles each\n"
	"time (default 1s)",
	AT(CLI_TIME, collector.session.retry_delay_ms), .max = DAY_MS},
    {0, "retry-max-delay", "TIME",
	"longest wait before any retry (default 60s)",
	AT(CLI_TIME, collector.session.retry_max_ms), .max = DAY_MS},
    {0, "queue-max", "SIZE",
	"how much may wait for a slow reader before records\n"
	"are dropped (default 256M)",
	AT(CLI_SIZE, queue_max), .min = 65536, .max = INT64_C(1) << 40},
    {0}};

static void versions(char *out, size_t size)
{
	snprintf(out, size, "%s, wslay/%s, %s", curl_version(), WSLAY_VERSION,
	    OpenSSL_version(OPENSSL_VERSION));
}

const struct cli ws_cli = {
    .tool = "deribit-ws-stream",
    .purpose = "record Deribit's live market data as NDJSON",
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

void ws_config_init(struct config *c, const volatile sig_atomic_t *stop)
{
	struct session_options *s = &c->collector.session;

	memset(c, 0, sizeof(*c));
	s->ws.user_agent = "deribit-tools/" PACKAGE_VERSION;
	s->ws.message_max = MESSAGE_MAX;
	s->heartbeat_s = 30;
	s->reply_timeout_ms = 10000;
	s->retry_delay_ms = 1000;
	s->retry_max_ms = 60000;
	s->version = PACKAGE_VERSION;
	rest_options_init(&c->rest, stop);
	c->rest.retry = -1;
	c->query.kind = "option";
	c->wants.words = WANTS_QUOTES | WANTS_TRADES;
	c->wants.interval = "100ms";
	c->wants.resolution = "1";
	s->canary_timeout_ms = 5000;
	c->collector.canary = CANARY;
	c->collector.repair_timeout_ms = 60000;
	c->collector.audit_ms = 300000;
	c->collector.rerank_ms = 3600000;
	c->collector.linger_ms = 60000;
	c->collector.depth = 20;
	c->collector.depth_ms = 300000;
	c->collector.state_ms = 10000;
	c->collector.metrics_ms = 15000;
	c->spool.segment_max = SEGMENT_SIZE;
	c->spool.sync_ms = 1000;
	c->queue_max = INT64_C(256) << 20;
}

static int add_currency(struct config *c, const char *word, struct fault *fault)
{
	struct name name;

	if (c->currencies == WORDS_MAX)
		return fault_set(fault, EX_USAGE,
		    "at most %d currencies may be given", WORDS_MAX);
	if (strpbrk(word, "-_") != NULL &&
	    name_parse(word, strlen(word), &name) == 0)
		return fault_set(fault, EX_USAGE,
		    "%.100s is an instrument, not a currency: use "
		    "--instrument",
		    word);
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

static void name_urls(struct config *c)
{
	const char *url = environment("DERIBIT_WS_URL");
	struct collector_options *o = &c->collector;

	if (o->redundancy == 0)
		o->redundancy = c->urls == 2 ? 2 : 1;
	if (c->urls == 0)
		o->url[0] = url != NULL ? url : WS_URL;
	if (c->urls < 2)
		o->url[1] = o->url[0];
}

/* A name that a variable lost. */
static int check_empty(const struct config *c, struct fault *fault)
{
	const struct {
		const char *option, *value;
	} texts[] = {{"state", c->collector.state}, {"spool", c->spool.dir},
	    {"from-raw", c->from_raw}, {"metrics", c->collector.metrics},
	    {"credentials", c->credentials}, {"rest-url", c->rest.url},
	    {"cacert", c->rest.cacert}, {"jq", c->collector.jq}};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value != NULL && texts[i].value[0] == '\0')
			return fault_set(fault, EX_USAGE,
			    "option --%s needs a value", texts[i].option);
	return 0;
}

/* Of a recording all is taken that it has. */
static int check_recording(const struct config *c, struct fault *fault)
{
	if (c->from_raw == NULL)
		return 0;
	if (c->collector.raw || c->currencies > 0 || c->instruments > 0 ||
	    c->channels[0] != '\0' || c->book != 0)
		return fault_set(fault, EX_USAGE,
		    "--from-raw makes records of all that was recorded: not "
		    "with --raw, --instrument, --channels, --book or a "
		    "CURRENCY");
	if (c->collector.state != NULL)
		return fault_set(fault, EX_USAGE,
		    "--from-raw asks nobody what was missed: not with --state");
	return 0;
}

/* What cannot be meant. */
static int check_together(const struct config *c, struct fault *fault)
{
	const struct collector_options *o = &c->collector;

	if (o->raw && (o->redundancy > 1 || o->rotate_ms > 0))
		return fault_set(fault, EX_USAGE,
		    "--raw writes what one connection says: not with "
		    "--redundancy 2 nor --rotate");
	if (o->raw && o->jq != NULL)
		return fault_set(fault, EX_USAGE,
		    "--raw writes frames as they came: not with --jq");
	if (c->urls == 2 && o->redundancy == 1)
		return fault_set(fault, EX_USAGE,
		    "--url twice is two feeds: not with --redundancy 1");
	if (o->state != NULL && o->metrics != NULL &&
	    strcmp(o->state, o->metrics) == 0)
		return fault_set(
		    fault, EX_USAGE, "--state and --metrics are two files");
	if (c->spool.max > 0 && c->spool.dir == NULL)
		return fault_set(fault, EX_USAGE, "--spool-max needs --spool");
	if (c->spool.segment_max != SEGMENT_SIZE && c->spool.dir == NULL)
		return fault_set(
		    fault, EX_USAGE, "--spool-segment needs --spool");
	return 0;
}

/* Said before the first try, not by libcurl at each. */
static int check_cacert(const struct config *c, struct fault *fault)
{
	if (c->from_raw != NULL || c->rest.cacert == NULL ||
	    access(c->rest.cacert, R_OK) == 0)
		return 0;
	return fault_errno(fault, EX_NOINPUT,
	    "%.255s: the file of certificate authorities (--cacert)",
	    c->rest.cacert);
}

static int read_login(struct config *c, struct fault *fault)
{
	bool raw = strcmp(c->wants.interval, "raw") == 0;

	c->auth = c->auth || c->credentials != NULL;
	if (raw && !c->auth)
		return fault_set(fault, EX_USAGE,
		    "--interval raw: raw channels are for those who log in; "
		    "use --auth");
	if (!c->auth)
		return 0;
	c->collector.session.login = &c->login;
	if (credentials_read(c->credentials, &c->login, fault) == 0)
		return 0;
	return fault_prefix(
	    fault, c->credentials != NULL ? "--credentials" : "--auth");
}

static void finish_session(struct config *c)
{
	struct session_options *s = &c->collector.session;

	s->ws.cacert = c->rest.cacert;
	s->ws.proxy = c->rest.proxy;
	s->ws.connect_timeout_ms = c->rest.connect_timeout_ms;
	s->ws.upgrade_timeout_ms = c->rest.connect_timeout_ms;
	if (s->stall_timeout_ms == 0)
		s->stall_timeout_ms = s->heartbeat_s * 1000 + MARGIN_MS;
	if (c->book != 0) {
		c->wants.words &= ~(unsigned)WANTS_BOOK;
		c->wants.words |= c->book;
	}
}

int ws_config_read(struct config *c, int argc, char **argv, struct fault *fault)
{
	int i = cli_parse(&ws_cli, argc, argv, c, fault);
	bool top = c->query.top > 0;

	if (i == -1)
		return -1;
	if (c->list)
		return 0;
	for (; i < argc; i++)
		if (add_currency(c, argv[i], fault) == -1)
			return -1;
	if (c->from_raw == NULL && take_environment(c, fault) == -1)
		return -1;
	if (check_empty(c, fault) == -1 || check_recording(c, fault) == -1)
		return -1;
	if (top && c->currencies == 0)
		return fault_set(
		    fault, EX_USAGE, "--top is of a CURRENCY's instruments");
	if (c->currencies == 0 && c->instruments == 0 && c->wants.names == 0 &&
	    !(c->wants.words & WANTS_PLATFORM) && c->from_raw == NULL)
		return fault_set(fault, EX_USAGE,
		    "which CURRENCY (such as ETH), or which --instrument?");
	finish_session(c);
	name_urls(c);
	if (check_together(c, fault) == -1)
		return -1;
	if (check_cacert(c, fault) == -1)
		return -1;
	return read_login(c, fault);
}
