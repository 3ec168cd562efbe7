/* The replay server's channels beside quotes, trades and books. */
#include "market.h"

#define VALUES 40

/* A merged incremental ticker: names with their group in front, and texts as
 * numbers or null. */
struct ticker {
	int count;
	char name[VALUES][48];
	double value[VALUES];
	int snapshots, changes, members;
};

static void set(
    struct ticker *t, const char *name, size_t len, struct json_value v)
{
	int k = 0;
	char text[64] = "";

	if (v.type != JSON_NUMBER && v.type != JSON_NULL)
		return;
	while (k < t->count && strncmp(t->name[k], name, len) != 0)
		k++;
	if (k == t->count && t->count < VALUES)
		snprintf(t->name[t->count++], sizeof(t->name[0]), "%.*s",
		    (int)len, name);
	memcpy(text, v.text.p, v.text.len < 63 ? v.text.len : 63);
	t->value[k] = v.type == JSON_NULL ? -1e99 : strtod(text, NULL);
}

static void merge(struct ticker *t, struct json_span object, const char *group)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	char name[64];

	json_init(&j, object.p, object.len);
	json_object_begin(&j);
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		snprintf(
		    name, sizeof(name), "%s%.*s;", group, (int)key.len, key.p);
		t->members++;
		if (v.type == JSON_OBJECT)
			merge(t, v.text, name);
		else if (!json_span_is(key, "timestamp"))
			set(t, name, strlen(name), v);
	}
}

static bool same(const struct ticker *a, const struct ticker *b)
{
	for (int i = 0; i < a->count; i++) {
		int k = 0;

		while (k < b->count && strcmp(a->name[i], b->name[k]) != 0)
			k++;
		/* NaN never occurs: equal texts are equal numbers. */
		if (k == b->count || a->value[i] != b->value[k])
			return false;
	}
	return a->count == b->count;
}

/* The ticker of each of two slots. */
static void hear_ticker(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct ticker *pair = arg;
	struct json_span data = at(
	    (struct json_span){text, len}, "params.data");

	for (int k = 0; k < 2; k++) {
		if ((slots >> k & 1) == 0)
			continue;
		if (span_is(at(data, "type"), "snapshot"))
			pair[k].snapshots++;
		else
			pair[k].changes++;
		merge(&pair[k], data, "");
	}
}

static void test_incremental(const char *channel, int want)
{
	struct market *m = market_new(4, NOW_MS, NULL);
	struct ticker pair[2] = {{.count = 0}, {.count = 0}};
	struct market_sink sink = {.emit = hear_ticker, .arg = pair};
	struct ticker quiet;

	listen_to(m, channel, 0);
	market_greet(m, 0, NOW_MS * 1000, &sink);
	is_int(pair[0].snapshots, 1, "a whole ticker at once");
	is_int(pair[0].count, want, channel);
	for (int i = 0; i < 600; i++)
		market_step(m, NOW_MS * 1000, &sink);
	ok(pair[0].snapshots > 1 && pair[0].snapshots < 20, "now and then");
	ok(pair[0].members / (pair[0].changes + pair[0].snapshots) < want,
	    "else only what changed");
	for (int i = 0; i < 10; i++) {
		market_leave(m, 1);
		memset(&pair[1], 0, sizeof(pair[1]));
		listen_to(m, channel, 1);
		market_greet(m, 1, NOW_MS * 1000, &sink);
		quiet = pair[0];
		ok(pair[1].snapshots == 1 && same(&pair[0], &pair[1]),
		    "a later one begins where the first one is");
		for (int k = 0; k < 7; k++)
			market_step(m, NOW_MS * 1000, &sink);
		ok(same(&pair[0], &pair[1]), "and stays with it");
	}
	ok(!same(&quiet, &pair[0]), "and it moves");
	market_free(m);
}

/* What was heard of one channel. */
struct heard {
	const char *channel;
	struct buf last;
	int count, others, broken;
};

static void hear(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct heard *h = arg;
	struct json_span message = {text, len};

	(void)slots;
	h->broken += !is_json(message);
	if (!span_is(at(message, "params.channel"), h->channel)) {
		h->others++;
		return;
	}
	h->count++;
	buf_clear(&h->last);
	buf_add(&h->last, text, len);
}

static struct json_span last(struct heard *h, const char *member)
{
	char path[64];

	snprintf(path, sizeof(path), "params.data%s%s",
	    member[0] != '\0' ? "." : "", member);
	return at(
	    (struct json_span){buf_str(&h->last), buf_used(&h->last)}, path);
}

static struct market *begin(
    struct heard *h, struct market_sink *sink, const char *channel)
{
	struct market *m = market_new(4, NOW_MS, NULL);

	memset(h, 0, sizeof(*h));
	buf_init(&h->last, 1 << 20);
	h->channel = channel;
	*sink = (struct market_sink){.emit = hear, .arg = h};
	ok(listen_to(m, channel, 0), "%s", channel);
	market_greet(m, 0, NOW_MS * 1000, sink);
	return m;
}

static void end(struct market *m, struct heard *h)
{
	is_int(h->broken, 0, "JSON");
	is_int(h->others, 0, "nothing else");
	buf_free(&h->last);
	market_free(m);
}

static void seconds(struct market *m, int n, struct market_sink *sink)
{
	int64_t from_us = m->second_us;

	for (int i = 1; i <= n; i++)
		market_beside(m, from_us + i * INT64_C(1000000),
		    (NOW_MS + i * 1000) * 1000, sink);
}

/* marks[] by instrument, iv beside it: -1 if unheard. */
static int rows(struct market *m, struct json_span list, int64_t (*marks)[2])
{
	struct json_value v;
	struct json j;
	int n = 0;

	json_init(&j, list.p, list.len);
	json_array_begin(&j);
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0) {
		struct json_span name = json_inside(
		    at(v.text, "instrument_name"));
		long i = market_find(m, name.p, name.len);

		marks[i][0] = units(at(v.text, "mark_price"), 4);
		marks[i][1] = units(at(v.text, "iv"), 4);
		n++;
	}
	return n;
}

static void test_marks(void)
{
	struct heard h;
	struct market_sink sink;
	struct market *m = begin(&h, &sink, "markprice.options.eth_usd");
	int64_t(*a)[2] = calloc(m->count, sizeof(*a));
	int64_t(*b)[2] = calloc(m->count, sizeof(*b));
	int n, odd = 0;

	n = rows(m, last(&h, ""), a);
	is_int(n, 912, "all options at once");
	for (size_t i = 0; i < m->count; i++)
		odd += a[i][1] < 0 || a[i][1] > 20000;
	is_int(odd, 0, "their iv is a fraction");
	for (int i = 0; i < 20; i++) {
		seconds(m, 1, &sink);
		n = rows(m, last(&h, ""), a);
		ok(n > 0 && n < 600, "then what changed: %d", n);
	}
	listen_to(m, h.channel, 1);
	market_greet(m, 1, NOW_MS * 1000, &sink);
	is_int(rows(m, last(&h, ""), b), 912, "all again for another");
	ok(memcmp(a, b, m->count * sizeof(*a)) == 0, "and the same");
	free(a);
	free(b);
	end(m, &h);
}

static void test_tickers_again(void)
{
	struct heard h;
	struct market_sink sink;
	struct market *m = begin(&h, &sink, "ticker.BTC-PERPETUAL.100ms");

	seconds(m, 21, &sink);
	is_int(h.count, 5, "a ticker at once, and each five seconds");
	end(m, &h);
	m = begin(&h, &sink, "incremental_ticker.BTC-PERPETUAL");
	is_int(h.count, 1, "an incremental one at once");
	seconds(m, 50, &sink);
	is_int(h.count, 1, "and then nothing");
	seconds(m, 70, &sink);
	is_int(h.count, 2, "but the whole after a minute");
	ok(span_is(last(&h, "type"), "\"snapshot\"") ||
		span_is(last(&h, "type"), "snapshot"),
	    "which says so");
	end(m, &h);
}

static void test_seconds(void)
{
	struct heard h;
	struct market_sink sink;
	struct market *m = begin(&h, &sink, "deribit_volatility_index.btc_usd");
	int64_t first;

	is_int(h.count, 1, "at once");
	first = units(last(&h, "volatility"), 2);
	ok(first > 1000 && first < 20000, "a percentage");
	seconds(m, 5, &sink);
	is_int(h.count, 6, "and each second");
	market_beside(m, m->second_us + 999999, NOW_MS * 1000, &sink);
	is_int(h.count, 6, "not sooner");
	end(m, &h);
	m = begin(&h, &sink, "deribit_price_index.xrp_usdc");
	seconds(m, 3, &sink);
	is_int(h.count, 3, "each second");
	ok(span_is(last(&h, "index_name"), "xrp_usdc"), "of its name");
	end(m, &h);
	m = begin(&h, &sink, "deribit_price_ranking.eth_btc");
	seconds(m, 3, &sink);
	is_int(h.count, 3, "each second");
	ok(strstr(buf_str(&h.last), "\"original_price\":0.05") != NULL,
	    "of each venue");
	end(m, &h);
	m = begin(&h, &sink, "deribit_price_statistics.sol_usdc");
	seconds(m, 45, &sink);
	is_int(h.count, 3, "each quarter of a minute");
	ok(units(last(&h, "low24h"), 2) < units(last(&h, "high24h"), 2),
	    "low and high");
	end(m, &h);
	m = begin(&h, &sink, "estimated_expiration_price.btc_usd");
	market_beside(m, INT64_C(10000000),
	    INT64_C(1795420800) * 1000000 - INT64_C(900000000), &sink);
	ok(span_is(last(&h, "seconds"), "900") &&
		span_is(last(&h, "is_estimated"), "true") &&
		span_is(last(&h, "left_ticks"), "90") &&
		span_is(last(&h, "total_ticks"), "180"),
	    "a quarter of an hour before 08:00 UTC");
	market_beside(m, INT64_C(20000000),
	    INT64_C(1795420800) * 1000000 + INT64_C(1000000), &sink);
	ok(span_is(last(&h, "seconds"), "86399") &&
		span_is(last(&h, "is_estimated"), "false") &&
		last(&h, "left_ticks").len == 0,
	    "and after it");
	end(m, &h);
}

static void test_perpetual(void)
{
	struct heard h;
	struct market_sink sink;
	struct market *m = begin(&h, &sink, "perpetual.ETH-PERPETUAL.100ms");
	int n = 0;

	for (int i = 0; i < 50; i++)
		n += market_step(m, NOW_MS * 1000, &sink);
	is_int(h.count, 50, "an event each");
	is_int(n, 50, "that counts");
	ok(last(&h, "interest").len > 0 && last(&h, "index_price").len > 0 &&
		last(&h, "instrument_name").len == 0,
	    "interest and index");
	ok(!listen_to(m, "perpetual.ETH-25DEC26.100ms", 0), "no other has it");
	end(m, &h);
}

static void test_candles(void)
{
	struct heard h;
	struct market_sink sink;
	struct market *m = begin(&h, &sink, "chart.trades.BTC-PERPETUAL.1");
	int64_t high = 0, low = INT64_MAX, tick = NOW_MS - NOW_MS % 60000;
	uint64_t cost = 0;

	listen_to(m, "quote.BTC-PERPETUAL", 1);
	while (m->traded < 40)
		market_step(m, NOW_MS * 1000, &sink);
	h.others = 0;
	is_int(h.count, (int64_t)m->traded, "an update of each trade");
	for (uint64_t k = 1; k <= m->traded; k++) {
		const struct market_trade *t = market_trade_at(m, k);

		high = t->price > high ? t->price : high;
		low = t->price < low ? t->price : low;
		cost += (uint64_t)t->amount * 10;
	}
	is_int((int64_t)whole(last(&h, "tick")), tick, "of this minute");
	is_int(
	    units(last(&h, "open"), 1), market_trade_at(m, 1)->price, "open");
	is_int(units(last(&h, "high"), 1), high, "high");
	is_int(units(last(&h, "low"), 1), low, "low");
	is_int(units(last(&h, "close"), 1),
	    market_trade_at(m, m->traded)->price, "close");
	is_int(units(last(&h, "cost"), 0), (int64_t)cost, "cost in USD");
	ok(units(last(&h, "volume"), 8) > 0 &&
		llabs(units(last(&h, "volume"), 8) -
		      units(last(&h, "cost"), 8) * 10 / low) <
		    units(last(&h, "volume"), 8) / 100,
	    "volume in coin");
	h.count = 0;
	seconds(m, 8, &sink);
	is_int(h.count, 0, "while the minute lasts nothing more");
	seconds(m, 60, &sink);
	is_int(h.count, 1, "then a candle without a trade");
	ok(units(last(&h, "volume"), 8) == 0 &&
		units(last(&h, "open"), 1) == units(last(&h, "close"), 1) &&
		(int64_t)whole(last(&h, "tick")) == tick + 60000,
	    "is flat");
	end(m, &h);
}

static void test_platform(void)
{
	struct heard h;
	struct market_sink sink;
	struct market *m = begin(&h, &sink, "platform_state");

	is_int(h.count, 100, "a hundred at once");
	ok(span_is(last(&h, "locked"), "false"), "none locked");
	end(m, &h);
	m = begin(&h, &sink, "platform_state.public_methods_state");
	is_int(h.count, 1, "one");
	ok(span_is(last(&h, "allow_unauthenticated_public_requests"), "true"),
	    "public");
	end(m, &h);
}

/* A seed's paced market is the same whoever listens to the clock's. */
static void test_beside(void)
{
	struct heard h[2];
	struct market_sink sink;

	for (int k = 0; k < 2; k++) {
		struct market *m = begin(&h[k], &sink, "quote.BTC-PERPETUAL");

		if (k == 1) {
			listen_to(m, "markprice.options.btc_usd", 1);
			listen_to(m, "deribit_price_index.btc_usd", 1);
			listen_to(m, "deribit_volatility_index.btc_usd", 1);
			market_greet(m, 1, NOW_MS * 1000, &sink);
		}
		for (int i = 0; i < 100; i++) {
			seconds(m, 1, &sink);
			market_step(m, NOW_MS * 1000, &sink);
		}
		is_int(h[k].count, 100, "quotes");
		market_free(m);
	}
	is_str(buf_str(&h[0].last), buf_str(&h[1].last), "the same quotes");
	ok(h[1].others > 200, "beside others");
	buf_free(&h[0].last);
	buf_free(&h[1].last);
}

static void is_channel(
    struct market *m, const char *name, enum market_channel want)
{
	uint64_t *subs;

	is_int(market_channel(m, name, strlen(name), &subs), want, name);
}

static void test_names(void)
{
	struct market *m = market_new(1, NOW_MS, NULL);

	is_channel(m, "book.BTC-PERPETUAL.none.1.agg2", CHANNEL_OK);
	is_channel(m, "book.BTC-PERPETUAL.5.1.agg2", CHANNEL_UNKNOWN);
	is_channel(m, "book.BTC-PERPETUAL.none.50.agg2", CHANNEL_UNKNOWN);
	is_channel(m, "chart.trades.BTC-PERPETUAL.1D", CHANNEL_OK);
	is_channel(m, "chart.trades.BTC-PERPETUAL.2", CHANNEL_UNKNOWN);
	is_channel(m, "markprice.options.nosuch", CHANNEL_UNKNOWN);
	is_channel(m, "deribit_volatility_index.sol_usdc", CHANNEL_UNKNOWN);
	is_channel(m, "ticker.BTC-PERPETUAL.raw", CHANNEL_RAW);
	is_channel(m, "trades.any.any.raw", CHANNEL_RAW);
	market_free(m);
}

int main(void)
{
	test_incremental("incremental_ticker.BTC-PERPETUAL", 20);
	test_incremental("incremental_ticker.BTC-25DEC26-60000-C", 27);
	test_marks();
	test_seconds();
	test_tickers_again();
	test_perpetual();
	test_candles();
	test_platform();
	test_beside();
	test_names();
	return done_testing();
}
