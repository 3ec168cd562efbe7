/* The replay server's market, rules and answers, without a socket. */
#include <stdlib.h>

#include "base/clock.h"
#include "replay/frames.h"
#include "replay/rpc.h"
#include "replay/text.h"
#include "tap.h"

#define NOW_MS INT64_C(1795397091000) /* 2026-11-23 */

static struct rules rules = {10000, 10000, 60000};

/* What a run of the market said, with times taken out by a fixed clock. */
struct heard {
	struct buf all;
	int count;
	uint64_t slots;
};

static void hear(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct heard *h = arg;

	buf_add(&h->all, text, len);
	buf_addc(&h->all, '\n');
	h->slots |= slots;
	h->count++;
}

static void listen_to(struct market *m, const char *channel, unsigned slot)
{
	uint64_t *subs;

	if (market_channel(m, channel, strlen(channel), &subs) == CHANNEL_OK)
		market_subscribe(m, subs, slot);
}

static void listen_to_chain(struct market *m)
{
	char channel[160];

	for (size_t i = 0; i < m->count; i++) {
		snprintf(
		    channel, sizeof(channel), "quote.%s", m->chain[i].name);
		listen_to(m, channel, 0);
	}
	listen_to(m, "trades.option.BTC.100ms", 1);
	listen_to(m, "trades.future.any.agg2", 1);
}

static struct heard run(uint64_t seed, int steps)
{
	struct heard h = {.count = 0};
	struct market_sink sink = {.emit = hear, .arg = &h};
	struct market *m = market_new(seed, NOW_MS, NULL);

	buf_init(&h.all, 64 << 20);
	listen_to_chain(m);
	for (int i = 0; i < steps; i++)
		market_step(m, NOW_MS * 1000 + i * 1000, &sink);
	market_free(m);
	return h;
}

static void test_seeds(void)
{
	struct heard a = run(7, 5000), b = run(7, 5000), c = run(8, 5000);

	is_str(buf_str(&a.all), buf_str(&b.all), "a seed tells one story");
	ok(strcmp(buf_str(&a.all), buf_str(&c.all)) != 0,
	    "another seed tells another");
	ok(a.count >= 5000 && a.slots == 3, "and to those who listen");
	buf_free(&a.all);
	buf_free(&b.all);
	buf_free(&c.all);
}

static bool is_json(const char *text, size_t len)
{
	struct json j;
	struct json_value v;

	json_init(&j, text, len);
	return json_value(&j, &v) == 0 && json_end(&j) == 0;
}

static void hear_json(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct buf whole;

	(void)slots;
	buf_init(&whole, 1 << 20);
	buf_add(&whole, text, len);
	if (!is_json(buf_str(&whole), len))
		++*(int *)arg;
	buf_free(&whole);
}

static bool on_grid(const struct chain_grid *g, int64_t price)
{
	return price == 0 || (price > 0 && price % chain_step(g, price) == 0);
}

static void test_walk(void)
{
	struct market *m = market_new(3, NOW_MS, NULL);
	int broken = 0, off = 0, crossed = 0, empty = 0;
	struct market_sink sink = {.emit = hear_json, .arg = &broken};

	listen_to_chain(m);
	for (int i = 0; i < 200000; i++)
		market_step(m, NOW_MS * 1000, &sink);
	for (size_t i = 0; i < m->count; i++) {
		const struct market_walk *w = &m->walk[i];
		const struct chain_grid *g = chain_grid_of(&m->chain[i]);

		off += !on_grid(g, w->bid) || !on_grid(g, w->ask);
		crossed += w->bid > 0 && w->ask > 0 && w->bid >= w->ask;
		empty += w->bid == 0 || w->ask == 0;
	}
	is_int(broken, 0, "every message is JSON");
	is_int(off, 0, "every price is on its grid");
	is_int(crossed, 0, "no book is crossed");
	ok(empty > 0, "some sides are empty");
	market_free(m);
}

static void ignore(void *arg, uint64_t slots, const char *text, size_t len)
{
	(void)arg;
	(void)slots;
	(void)text;
	(void)len;
}

static void test_trades(void)
{
	struct market *m = market_new(3, NOW_MS, NULL);
	struct market_sink sink = {.emit = ignore};
	uint64_t *next;
	int holes = 0;

	listen_to(m, "trades.any.any.100ms", 0);
	next = calloc(m->count, sizeof(*next));
	for (size_t i = 0; i < m->count; i++)
		next[i] = m->walk[i].seq + 1;
	while (m->traded < 30000)
		market_step(m, NOW_MS * 1000, &sink);
	for (uint64_t k = 1; k <= m->traded; k++) {
		const struct market_trade *t = market_trade_at(m, k);

		holes += t->seq != next[t->instrument]++;
	}
	is_int(holes, 0, "trade_seq is dense per instrument");
	while (m->traded < MARKET_TRADES + 100)
		market_step(m, NOW_MS * 1000, &sink);
	ok(market_trade_at(m, 1) == NULL, "old trades are forgotten");
	ok(market_trade_at(m, m->traded) != NULL, "new ones are not");
	free(next);
	market_free(m);
}

static void test_chain(void)
{
	struct market *m = market_new(1, NOW_MS, NULL);
	int options[CHAIN_BASES] = {0};
	bool ascending = true;
	int64_t expiry[CHAIN_EXPIRIES];

	for (size_t i = 0; i < m->count; i++)
		options[m->chain[i].base] += m->chain[i].kind == CHAIN_OPTION;
	is_int(options[0], 912, "BTC options");
	is_int(options[1], 912, "ETH options");
	ok(market_find(m, "BTC-PERPETUAL", 13) >= 0, "BTC-PERPETUAL");
	ok(market_find(m, "SOL_USDC-PERPETUAL", 18) >= 0, "SOL_USDC-PERPETUAL");
	ok(market_find(m, "BTC-25DEC26-60000-C", 19) >= 0, "a quarterly");
	ok(market_find(m, "XRP_USDC-27NOV26-1d325-P", 24) >= 0, "d is a point");
	ok(market_find(m, "BTC-PERPETUA", 12) == -1, "no prefix is found");
	for (int64_t day = 0; day < 800; day++) {
		chain_expiries(NOW_MS + day * 86400000, expiry);
		for (int i = 1; i < CHAIN_EXPIRIES; i++)
			ascending = ascending && expiry[i] > expiry[i - 1];
		ascending = ascending && expiry[0] > NOW_MS + day * 86400000 &&
		            expiry[0] % 86400000 == 28800000;
	}
	ok(ascending, "expiries ascend, in the future, at 08:00, on any day");
	market_free(m);
}

static void is_number(
    int64_t mantissa, int scale, enum decimal_style style, const char *want)
{
	char text[DECIMAL_SIZE];

	is_str(decimal_format(text, (struct decimal){mantissa, scale}, style),
	    want, want);
}

static void test_decimal(void)
{
	is_number(6400000, 2, DECIMAL_PLAIN, "64000");
	is_number(6400000, 2, DECIMAL_POINT, "64000.0");
	is_number(6400000, 2, DECIMAL_EXPONENT, "6.4e4");
	is_number(1, 4, DECIMAL_EXPONENT, "1.0e-4");
	is_number(15, 4, DECIMAL_PLAIN, "0.0015");
	is_number(-250, 2, DECIMAL_POINT, "-2.5");
	is_number(0, 4, DECIMAL_POINT, "0.0");
}

static void is_channel(
    struct market *m, const char *name, enum market_channel want)
{
	uint64_t *subs;

	is_int(market_channel(m, name, strlen(name), &subs), want, name);
}

static void test_channels(void)
{
	struct market *m = market_new(1, NOW_MS, NULL);

	is_channel(m, "quote.BTC-PERPETUAL", CHANNEL_OK);
	is_channel(m, "trades.option.ETH.100ms", CHANNEL_OK);
	is_channel(m, "instrument.state.any.any", CHANNEL_OK);
	is_channel(m, "quote.BTC-NOSUCH", CHANNEL_UNKNOWN);
	is_channel(m, "quote.BTC-PERPETUAL.100ms", CHANNEL_UNKNOWN);
	is_channel(m, "trades.BTC-PERPETUAL.50ms", CHANNEL_UNKNOWN);
	is_channel(m, "trades.option.DOGE.100ms", CHANNEL_UNKNOWN);
	is_channel(m, "", CHANNEL_UNKNOWN);
	is_channel(m, "....", CHANNEL_UNKNOWN);
	is_channel(m, "trades.BTC-PERPETUAL.raw", CHANNEL_RAW);
	is_channel(m, "book.BTC-PERPETUAL.raw", CHANNEL_RAW);
	market_free(m);
}

static void test_heartbeat(void)
{
	struct session s;

	session_init(&s, 0, 1000);
	is_int(session_set_heartbeat(&s, &rules, 9000, 1000), -1,
	    "nine seconds are too few");
	is_int(session_set_heartbeat(&s, &rules, 10000, 1000), 0, "ten do");
	is_int(session_due(&s, &rules, 10999), RULES_NOTHING, "not yet");
	is_int(session_due(&s, &rules, 11000), RULES_HEARTBEAT,
	    "a quiet socket has a heartbeat");
	is_int(session_due(&s, &rules, 11000), RULES_TEST_REQUEST,
	    "and a test_request");
	is_int(session_due(&s, &rules, 11000), RULES_NOTHING, "that is all");
	is_int(session_due(&s, &rules, 20999), RULES_NOTHING, "patience");
	is_int(session_due(&s, &rules, 21000), RULES_UNANSWERED, "no more");
	session_tested(&s);
	ok(session_due(&s, &rules, 21000) != RULES_UNANSWERED,
	    "an answer helps");
	session_init(&s, 0, 1000);
	is_int(session_due(&s, &rules, 60999), RULES_NOTHING, "idle");
	is_int(session_due(&s, &rules, 61000), RULES_IDLE, "too long");
	s.channels = 1;
	is_int(session_due(&s, &rules, 61000), RULES_NOTHING,
	    "a subscription may be silent");
}

static void test_rates(void)
{
	struct session s;
	int n = 0;

	session_init(&s, 0, 1000);
	while (session_charge(&s, true, 1000) == 0)
		n++;
	is_int(n, 10, "ten subscribe calls at once");
	is_int(session_charge(&s, true, 1290), -1, "not yet another");
	is_int(session_charge(&s, true, 1310), 0, "3.3 a second");
	for (n = 0; session_charge(&s, false, 1310) == 0;)
		n++;
	is_int(n, 100, "a hundred others");
}

static void answers(struct rpc *rpc, struct session *s, const char *request,
    const char *part, const char *what)
{
	struct buf out;

	buf_init(&out, 64 << 20);
	rpc_answer(rpc, s, request, strlen(request), &out);
	if (!ok(strstr(buf_str(&out), part) != NULL, "%s", what))
		printf("#   got %.400s\n#  want %s\n", buf_str(&out), part);
	ok(is_json(buf_str(&out), buf_used(&out)), "  and is JSON");
	buf_free(&out);
}

static void test_rpc(void)
{
	struct market *m = market_new(1, NOW_MS, NULL);
	struct rpc rpc = {m, &rules, false, {1000, 1000, 1, 0}};
	struct session s;

	session_init(&s, 0, clock_mono_ms());
	answers(&rpc, &s, "{\"id\":\"a\",\"method\":\"public/get_time\"}",
	    "\"id\":\"a\",\"result\":1", "an id may be a string");
	answers(&rpc, &s, "{\"id\":7,\"method\":\"public/nosuch\"}",
	    "\"id\":7,\"error\":{\"code\":-32601", "no such method");
	answers(&rpc, &s, "[]", "\"error\":{\"code\":11050", "a batch");
	answers(&rpc, &s, "{", "\"error\":{\"code\":11050", "half a request");
	answers(&rpc, NULL,
	    "{\"method\":\"public/subscribe\",\"params\":{\"channels\":[]}}",
	    "\"code\":10030", "subscribe over HTTP");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/"
	    "subscribe\",\"params\":{\"channels\":"
	    "[\"quote.NO\",\"quote.ETH-PERPETUAL\"]}}",
	    "\"result\":[\"quote.ETH-PERPETUAL\"]", "bad names vanish");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/"
	    "subscribe\",\"params\":{\"channels\":"
	    "[\"quote.BTC-PERPETUAL\",\"trades.BTC-PERPETUAL.raw\"]}}",
	    "\"code\":13778", "raw kills the call");
	is_int((int64_t)s.channels, 1, "and nothing of it took effect");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/get_instruments\",\"params\":"
	    "{\"currency\":\"SOL\",\"kind\":\"option\"}}",
	    "\"result\":[]", "SOL is empty");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/get_instruments\",\"params\":"
	    "{\"currency\":\"NOSUCH\"}}",
	    "\"reason\":\"invalid currency\"", "nonsense is refused");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/get_book_summary_by_currency\","
	    "\"params\":{\"currency\":\"any\"}}",
	    "\"reason\":\"invalid currency\"", "a summary takes no any");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/get_instrument\",\"params\":"
	    "{\"instrument_name\":\"X\"}}",
	    "\"reason\":\"instrument not found\"", "an unknown instrument");
	answers(&rpc, &s,
	    "{\"id\":1,\"method\":\"public/subscribe\",\"params\":[1]}",
	    "\"code\":-32602", "positional params");
	market_free(m);
}

/* The trades between the brackets of a reply or of a notification's data. */
static struct json_span trades_in(struct buf *text, const char *before)
{
	char *p = strstr(buf_str(text), before), *end;

	if (p == NULL)
		return (struct json_span){"", 0};
	p += strlen(before);
	end = strstr(p, "}]");
	return (struct json_span){p, (size_t)(end - p) + 1};
}

static bool asked(struct rpc *rpc, const char *query, const char *trades,
    size_t len, const char *has_more)
{
	struct buf out;
	struct json_span got;
	bool good;

	buf_init(&out, 16 << 20);
	rpc_query(rpc, "public/get_last_trades_by_instrument", query, &out);
	got = trades_in(&out, "\"trades\":[");
	good = got.len == len && memcmp(got.p, trades, len) == 0 &&
	       strstr(buf_str(&out), has_more) != NULL;
	buf_free(&out);
	return good;
}

static void test_last_trades(void)
{
	struct market *m = market_new(1, NOW_MS, NULL);
	struct rpc rpc = {m, &rules, false, {1000, 1000, 1, 0}};
	struct heard h = {.count = 0};
	struct market_sink sink = {.emit = hear, .arg = &h};
	struct buf all;
	char query[128];
	uint64_t first;

	listen_to(m, "trades.ETH-PERPETUAL.100ms", 0);
	first = m->walk[market_find(m, "ETH-PERPETUAL", 13)].seq + 1;
	buf_init(&h.all, 1 << 20);
	buf_init(&all, 1 << 20);
	while (m->traded < 100) {
		struct json_span s;

		buf_clear(&h.all);
		market_step(m, NOW_MS * 1000, &sink);
		s = trades_in(&h.all, "\"data\":[");
		if (buf_used(&all) > 0)
			buf_addc(&all, ',');
		buf_add(&all, s.p, s.len);
	}
	snprintf(query, sizeof(query),
	    "instrument_name=ETH-PERPETUAL&start_seq=%llu&count=1000"
	    "&sorting=asc",
	    (unsigned long long)first);
	ok(asked(&rpc, query, buf_head(&all), buf_used(&all),
	       "\"has_more\":false"),
	    "trades asked for later are the trades that were sent");
	snprintf(query, sizeof(query),
	    "instrument_name=ETH-PERPETUAL&end_seq=%llu&count=1&sorting=asc",
	    (unsigned long long)first + 50);
	ok(asked(&rpc, query, buf_head(&all),
	       (size_t)(strstr(buf_head(&all), "},{") - buf_head(&all)) + 1,
	       "\"has_more\":true"),
	    "ascending begins with the oldest");
	buf_free(&all);
	buf_free(&h.all);
	market_free(m);
}

static void test_query(void)
{
	struct market *m = market_new(1, NOW_MS, NULL);
	struct rpc rpc = {m, &rules, false, {1000, 1000, 1, 0}};
	struct buf out;

	buf_init(&out, 64 << 20);
	is_int(rpc_query(&rpc, "public/get_instrument",
		   "a=%22&instrument_name=BTC%2DPERPETUAL&&b", &out),
	    RPC_RESULT, "a query string");
	ok(strstr(buf_str(&out), "\"id\":") == NULL, "has no id");
	buf_clear(&out);
	is_int(rpc_query(&rpc, "public/get_instruments", "expired=true", &out),
	    RPC_RESULT, "true is true");
	ok(strstr(buf_str(&out), "\"result\":[]") != NULL, "nothing expired");
	buf_free(&out);
	market_free(m);
}

static void test_frames(void)
{
	static const char text[] =
	    "{\"params\":{\"data\":{\"timestamp\":1000}}}\n\nnot json\n"
	    "{\"params\":{\"data\":[{\"timestamp\":1250}]}}\n"
	    "{\"params\":{\"data\":{\"timestamp\":1100}}}";
	char path[] = "test-replay.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct frames frames;
	struct fault fault;

	fputs(text, f);
	fclose(f);
	is_int(frames_open(&frames, path, &fault), 0, "frames");
	is_int((int64_t)frames.count, 4, "empty lines are none");
	ok(frames.line[1].len == 8 &&
		memcmp(frames.line[1].text, "not json", 8) == 0,
	    "whatever stands in a line");
	is_int(frames.line[2].at_ms, 250, "at its time");
	is_int(frames.line[3].at_ms, 250, "never back in time");
	frames_close(&frames);
	remove(path);
	is_int(frames_open(&frames, path, &fault), -1, "no file");
	is_int(fault.exit_code, EX_NOINPUT, "is no input");
}

int main(void)
{
	test_decimal();
	test_chain();
	test_seeds();
	test_walk();
	test_trades();
	test_channels();
	test_heartbeat();
	test_rates();
	test_rpc();
	test_last_trades();
	test_query();
	test_frames();
	return done_testing();
}
