/* The replay server's options come and go. */
#include "market.h"
#include "replay/listing.h"
#include "replay/rpc.h"

#define SECOND INT64_C(1000000)

static struct rules rules = {10000, 10000, 60000};

/* All that was heard, a line a message, and the truth's lines. */
struct heard {
	struct buf all, notes;
	int count;
};

static void hear(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct heard *h = arg;

	(void)slots;
	buf_add(&h->all, text, len);
	buf_addc(&h->all, '\n');
	h->count++;
}

static void hear_note(void *arg, const char *text, size_t len)
{
	struct heard *h = arg;

	buf_add(&h->notes, text, len);
	buf_addc(&h->notes, '\n');
}

static struct market_sink sink_of(struct heard *h)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->all, 64 << 20);
	buf_init(&h->notes, 1 << 20);
	return (struct market_sink){hear, h, hear_note};
}

static void heard_free(struct heard *h)
{
	buf_free(&h->all);
	buf_free(&h->notes);
}

static int lines_with(struct buf *all, const char *a, const char *b)
{
	char *copy = strdup(buf_str(all)), *rest = copy, *line;
	int n = 0;

	while ((line = strtok_r(rest, "\n", &rest)) != NULL)
		n += strstr(line, a) != NULL && strstr(line, b) != NULL;
	free(copy);
	return n;
}

/* The reply to a REST call has the name in it. */
static bool answered(
    struct market *m, const char *method, const char *query, const char *name)
{
	struct rpc rpc = {
	    .market = m, .rules = &rules, .rest = {1000, 1000, 1, 0}};
	struct buf out;
	char quoted[128];
	bool found;

	buf_init(&out, 64 << 20);
	rpc_query(&rpc, method, query, &out);
	snprintf(quoted, sizeof(quoted), "\"instrument_name\":\"%s\"", name);
	found = strstr(buf_str(&out), quoted) != NULL;
	found = found &&
	        is_json((struct json_span){buf_str(&out), buf_used(&out)});
	buf_free(&out);
	return found;
}

static void test_listing(void)
{
	struct heard h;
	struct market_sink sink = sink_of(&h);
	struct market *m = market_new(9, NOW_MS, NULL);
	size_t first = m->count;
	int lost = 0, twice = 0, odd = 0, calls = 0;
	int64_t us = SECOND;

	market_live(m, SECOND / 2, 0);
	listen_to(m, "instrument.creation.option.any", 0);
	listen_to(m, "instrument.state.any.any", 0);
	listen_to(m, "trades.option.any.100ms", 1);
	listen_to(m, "quote.BTC-PERPETUAL", 1);
	for (int i = 0; i <= 1000; i++, us += SECOND / 2) {
		market_beside(m, us, NOW_MS * 1000 + us, &sink);
		market_step(m, NOW_MS * 1000 + us, &sink);
	}
	is_int((int64_t)(m->count - first), 1000, "each half second one more");
	ok(m->count > first + 64 && m->room >= m->count, "and room for it");
	for (size_t i = 0; i < m->count; i++) {
		const char *name = m->chain[i].name;
		long n = market_find(m, name, strlen(name));

		lost += n == -1;
		twice += n != -1 && (size_t)n != i;
		calls += i >= first && m->chain[i].call;
		odd += i >= first && m->walk[i].ask <= m->walk[i].bid;
	}
	is_int(lost, 0, "every name is found");
	is_int(twice, 0, "and is of one");
	is_int(odd, 0, "all have a quote");
	ok(calls > 300 && calls < 700, "calls and puts: %d calls", calls);
	is_int(lines_with(&h.all, "instrument.creation.option.any",
		   "\"settlement_currency\""),
	    1000, "whole records");
	is_int(lines_with(
		   &h.all, "instrument.state.any.any", "\"state\":\"open\""),
	    1000, "and states");
	is_int(lines_with(&h.notes, "\"event\":\"listed\"", "instrument_name"),
	    1000, "and the truth");
	ok(strstr(buf_str(&h.all), "instrument.creation") <
		strstr(buf_str(&h.all), "instrument.state"),
	    "creation first");
	ok(answered(m, "public/get_instruments", "currency=any",
	       m->chain[m->count - 1].name),
	    "it is in the list");
	market_free(m);
	heard_free(&h);
}

/* Names the newest instrument in a channel. */
static void listen_to_new(struct market *m, const char *format)
{
	char channel[160];
	char *hole;

	snprintf(channel, sizeof(channel), "%s", format);
	hole = strchr(channel, '*');
	snprintf(hole, sizeof(channel) - (size_t)(hole - channel), "%s%s",
	    m->chain[m->count - 1].name, strchr(format, '*') + 1);
	ok(listen_to(m, channel, 0), "%s", channel);
}

static void test_new_one(void)
{
	struct heard h;
	struct market_sink sink = sink_of(&h);
	struct market *m = market_new(9, NOW_MS, NULL);
	size_t n;

	market_live(m, SECOND, 0);
	market_beside(m, SECOND, NOW_MS * 1000, &sink);
	market_beside(m, 2 * SECOND, NOW_MS * 1000, &sink);
	n = m->count - 1;
	is_int((int64_t)m->chain[n].creation_ms, NOW_MS, "created now");
	listen_to_new(m, "trades.*.100ms");
	listen_to_new(m, "book.*.100ms");
	listen_to_new(m, "ticker.*.agg2");
	listen_to_new(m, "incremental_ticker.*");
	listen_to_new(m, "chart.trades.*.60");
	market_greet(m, 0, NOW_MS * 1000, &sink);
	for (int i = 0; i < 500; i++)
		market_step(m, NOW_MS * 1000, &sink);
	ok(m->traded > 0 && market_trade_at(m, 1)->seq == 1 &&
		market_trade_at(m, 1)->instrument == n,
	    "its first trade has number 1");
	ok(lines_with(&h.all, "book.", "\"change\"") > 0 &&
		lines_with(&h.all, "incremental_ticker.", "\"change\"") > 0 &&
		lines_with(&h.all, "chart.trades.", "\"close\"") > 0,
	    "and all else it has, too");
	market_free(m);
	heard_free(&h);
}

static void expire_one(
    struct market *m, struct heard *h, struct market_sink *sink)
{
	is_int(
	    lines_with(&h->all, "ticker.", "\"state\":\"closed\""), 0, "open");
	market_beside(m, SECOND, NOW_MS * 1000, sink);
	market_live(m, 0, 2 * SECOND);
	market_beside(m, 2 * SECOND, NOW_MS * 1000, sink);
	market_beside(m, 4 * SECOND, NOW_MS * 1000, sink);
	market_live(m, 0, 0);
}

static void is_gone(struct market *m, const char *name)
{
	char channel[160], query[160];
	uint64_t *subs;

	snprintf(channel, sizeof(channel), "quote.%s", name);
	is_int(market_channel(m, channel, strlen(channel), &subs),
	    CHANNEL_EXPIRED, "no channel to subscribe to");
	snprintf(channel, sizeof(channel), "book.%s.raw", name);
	is_int(market_channel(m, channel, strlen(channel), &subs),
	    CHANNEL_EXPIRED, "nor a raw one");
	ok(!answered(m, "public/get_instruments", "currency=BTC", name),
	    "it is not listed");
	ok(answered(
	       m, "public/get_instruments", "currency=BTC&expired=true", name),
	    "but as expired");
	ok(!answered(
	       m, "public/get_book_summary_by_currency", "currency=BTC", name),
	    "no summary");
	snprintf(query, sizeof(query), "instrument_name=%s", name);
	ok(answered(m, "public/get_instrument", query, name), "it was");
	ok(answered(m, "public/get_last_trades_by_instrument", query, name),
	    "its trades are remembered");
}

static void test_expiry(void)
{
	static const char name[] = "BTC-25DEC26-60000-C";
	struct heard h;
	struct market_sink sink = sink_of(&h);
	struct market *m = market_new(9, NOW_MS, NULL);
	uint64_t traded;

	listen_to(m, "ticker.BTC-25DEC26-60000-C.100ms", 3);
	listen_to(m, "trades.BTC-25DEC26-60000-C.100ms", 3);
	listen_to(m, "book.BTC-25DEC26-60000-C.100ms", 3);
	listen_to(m, "markprice.options.btc_usd", 3);
	listen_to(m, "quote.BTC-PERPETUAL", 3);
	listen_to(m, "instrument.state.option.BTC", 3);
	listen_to(m, "instrument.state.option.ETH", 3);
	market_greet(m, 3, NOW_MS * 1000, &sink);
	while (m->traded < 20)
		market_step(m, NOW_MS * 1000, &sink);
	expire_one(m, &h, &sink);
	is_int(lines_with(&h.notes, "\"event\":\"expired\"", name), 1,
	    "one that somebody listens to");
	is_int(lines_with(&h.all, "ticker.", "\"state\":\"closed\""), 1,
	    "a last ticker");
	is_int(lines_with(&h.all, "instrument.state.option.BTC", name), 2,
	    "settlement, delivered");
	ok(strstr(buf_str(&h.all), "\"settlement\"") <
		strstr(buf_str(&h.all), "\"delivered\""),
	    "in this order");
	is_int(lines_with(&h.all, "instrument.state.option.ETH", ""), 0,
	    "no other currency");
	is_gone(m, name);
	buf_clear(&h.all);
	traded = m->traded;
	for (int i = 0; i < 5000; i++)
		market_step(m, NOW_MS * 1000, &sink);
	for (int i = 5; i < 20; i++)
		market_beside(m, i * SECOND, NOW_MS * 1000, &sink);
	is_int(lines_with(&h.all, name, ""), 1, "nothing is told of it more");
	is_int(lines_with(&h.all, name, "archivized"), 1, "but its end");
	is_int((int64_t)(m->traded - traded), 0, "it does not trade");
	ok(lines_with(&h.all, "quote.BTC-PERPETUAL", "") == 5000,
	    "others go on");
	market_free(m);
	heard_free(&h);
}

static void says(struct rpc *rpc, struct session *s, const char *method,
    const char *want, const char *what)
{
	char request[200];
	struct buf out;

	snprintf(request, sizeof(request),
	    "{\"id\":1,\"method\":\"public/%s\",\"params\":{\"channels\":"
	    "[\"quote.BTC-25DEC26-60000-C\"]}}",
	    method);
	buf_init(&out, 1 << 20);
	rpc_answer(rpc, s, request, strlen(request), &out);
	if (!ok(strstr(buf_str(&out), want) != NULL, "%s", what))
		printf("#   got %s\n", buf_str(&out));
	buf_free(&out);
}

/* What was subscribed stays counted; who leaves may not come back. */
static void test_left(void)
{
	static const char ack[] = "\"result\":[\"quote.BTC-25DEC26-60000-C\"]";
	struct heard h;
	struct market_sink sink = sink_of(&h);
	struct market *m = market_new(9, NOW_MS, NULL);
	struct rpc rpc = {
	    .market = m, .rules = &rules, .rest = {1000, 1000, 1, 0}};
	struct session s;

	session_init(&s, 0, 0);
	says(&rpc, &s, "subscribe", ack, "subscribed");
	expire_one(m, &h, &sink);
	is_int((int64_t)s.channels, 1, "it counts");
	is_int(market_step(m, NOW_MS * 1000, &sink), 0, "and is silent");
	says(&rpc, &s, "unsubscribe", ack, "unsubscribed");
	is_int((int64_t)s.channels, 0, "no more");
	says(&rpc, &s, "subscribe", "\"result\":[]", "it cannot come back");
	market_free(m);
	heard_free(&h);
}

int main(void)
{
	test_listing();
	test_new_one();
	test_expiry();
	test_left();
	return done_testing();
}
