/* The replay server's spot pairs and combos. */
#include "market.h"
#include "replay/rpc.h"
#include "replay/text.h"

static struct rules rules = {10000, 10000, 60000};

/* What came on channels of these kinds, and what was wrong with it. */
struct heard {
	struct market *m;
	int combos, legs, wrong, negative, spots;
};

static bool has_kind(struct market *m, struct json_span trade, const char *kind)
{
	struct json_span name = json_inside(at(trade, "instrument_name"));
	long n = market_find(m, name.p, name.len);

	return n != -1 &&
	       strcmp(market_kinds[market_kind_at(&m->chain[n])], kind) == 0;
}

/* The channel's kind: trades.<kind>.<currency>.<interval>. */
static void hear_trade(
    struct heard *h, const char *kind, struct json_span trade)
{
	bool leg = at(trade, "combo_id").len > 0;

	h->wrong += strcmp(kind, "any") != 0 && !has_kind(h->m, trade, kind);
	h->wrong += leg != (at(trade, "combo_trade_id").len > 0);
	h->wrong += leg && at(trade, "legs").len > 0;
	h->wrong += (at(trade, "legs").len > 0) !=
	            (has_kind(h->m, trade, "future_combo") ||
			has_kind(h->m, trade, "option_combo"));
	if (strcmp(kind, "any") == 0)
		return;
	h->legs += leg;
	h->combos += at(trade, "legs").len > 0;
	h->spots += has_kind(h->m, trade, "spot");
}

static void hear(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct heard *h = arg;
	struct json_span message = {text, len};
	struct json_span name = json_inside(at(message, "params.channel"));
	char kind[32] = "";
	struct json_value v;
	struct json j;

	(void)slots;
	h->wrong += !is_json(message);
	if (sscanf(name.p, "trades.%31[a-z_]", kind) != 1) {
		struct json_span price = at(
		    message, "params.data.best_bid_price");

		h->negative += price.len > 0 && price.p[0] == '-';
		return;
	}
	json_init(
	    &j, at(message, "params.data").p, at(message, "params.data").len);
	json_array_begin(&j);
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		hear_trade(h, kind, v.text);
}

static void test_combos(void)
{
	struct heard h = {.m = market_new(2, NOW_MS, NULL)};
	struct market_sink sink = {.emit = hear, .arg = &h};
	char channel[160];

	listen_to(h.m, "trades.future_combo.BTC.100ms", 0);
	listen_to(h.m, "trades.option_combo.any.agg2", 0);
	listen_to(h.m, "trades.future.BTC.100ms", 0);
	listen_to(h.m, "trades.option.ETH.100ms", 0);
	listen_to(h.m, "trades.spot.USDC.100ms", 0);
	listen_to(h.m, "trades.any.BTC.raw", 0);
	for (size_t i = 0; i < h.m->count; i++) {
		if (!chain_is_combo(&h.m->chain[i]))
			continue;
		snprintf(
		    channel, sizeof(channel), "quote.%s", h.m->chain[i].name);
		listen_to(h.m, channel, 0);
	}
	for (int i = 0; i < 50000; i++)
		market_step(h.m, NOW_MS * 1000, &sink);
	is_int(h.wrong, 0, "each kind on its channel");
	ok(h.combos > 100, "%d combos", h.combos);
	ok(h.legs > 100, "%d legs on their channels", h.legs);
	ok(h.spots > 100, "%d spot trades", h.spots);
	ok(h.negative > 100, "%d negative prices", h.negative);
	market_free(h.m);
}

static struct json_span trade_text(
    struct buf *out, const struct market *m, const struct market_trade *t)
{
	buf_clear(out);
	text_trade(out, m, t);
	return (struct json_span){buf_str(out), buf_used(out)};
}

/* A leg within the combo's trade is the trade of its own instrument. */
static void test_legs(void)
{
	struct heard h = {.m = market_new(2, NOW_MS, NULL)};
	struct market *m = h.m;
	struct market_sink sink = {.emit = hear, .arg = &h};
	uint64_t *next = calloc(m->count, sizeof(*next));
	struct buf whole, leg;
	int combos = 0, wrong = 0, holes = 0;

	buf_init(&whole, 1 << 16);
	buf_init(&leg, 1 << 16);
	for (size_t i = 0; i < m->count; i++)
		next[i] = m->walk[i].seq + 1;
	listen_to(m, "trades.any.any.100ms", 0);
	while (m->traded < 20000)
		market_step(m, NOW_MS * 1000, &sink);
	for (uint64_t k = 1; k + CHAIN_LEGS <= m->traded; k++) {
		const struct market_trade *t = market_trade_at(m, k);
		struct json_span text = trade_text(&whole, m, t);

		holes += t->seq != next[t->instrument]++;
		if (!chain_is_combo(&m->chain[t->instrument]))
			continue;
		combos++;
		for (uint64_t l = 1; l <= CHAIN_LEGS; l++) {
			struct json_span part = trade_text(
			    &leg, m, market_trade_at(m, k + l));

			wrong += strstr(buf_str(&whole), buf_str(&leg)) == NULL;
			wrong += !span_is(
			    at(part, "combo_id"), m->chain[t->instrument].name);
			wrong += at(part, "combo_trade_id").len !=
			             at(text, "trade_id").len ||
			         memcmp(at(part, "combo_trade_id").p,
				     at(text, "trade_id").p,
				     at(text, "trade_id").len) != 0;
			wrong += span_is(at(part, "direction"), "buy") !=
			         (t->buy ==
				     (m->chain[t->instrument].leg[l - 1].ratio >
					 0));
			wrong += units(at(part, "amount"), 4) !=
			         units(at(text, "amount"), 4);
		}
	}
	ok(combos > 100, "%d combos", combos);
	is_int(wrong, 0, "legs are trades");
	is_int(holes, 0, "and take a sequence number");
	buf_free(&whole);
	buf_free(&leg);
	free(next);
	market_free(m);
}

static int count_of(struct market *m, const char *query)
{
	struct rpc rpc = {
	    .market = m, .rules = &rules, .rest = {1000, 1000, 1, 0}};
	struct json_span list;
	struct json_value v;
	struct buf out;
	struct json j;
	int n = 0;

	buf_init(&out, 64 << 20);
	rpc_query(&rpc, "public/get_instruments", query, &out);
	list = at((struct json_span){buf_str(&out), buf_used(&out)}, "result");
	json_init(&j, list.p, list.len);
	json_array_begin(&j);
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		n++;
	buf_free(&out);
	return n;
}

static void test_lists(void)
{
	struct market *m = market_new(2, NOW_MS, NULL);

	is_int(count_of(m, "currency=any&kind=spot"), 4, "spot pairs");
	is_int(count_of(m, "currency=BTC&kind=spot"), 1, "ETH_BTC");
	is_int(count_of(m, "currency=BTC&kind=future_combo"), 2, "spreads");
	is_int(count_of(m, "currency=ETH&kind=option_combo"), 3, "options");
	is_int(count_of(m, "currency=ETH&kind=combo"), 5, "combos");
	is_int(count_of(m, "currency=BTC&kind=option"), 912, "no others");
	is_int(count_of(m, "currency=BTC&kind=future"), 13, "no others");
	market_free(m);
}

/* With a leg its combos go. */
static void test_expiry(void)
{
	struct heard h = {.m = market_new(2, NOW_MS, NULL)};
	struct market_sink sink = {.emit = hear, .arg = &h};
	struct market *m = h.m;
	char channel[160];
	size_t combo = m->count - 1;

	snprintf(channel, sizeof(channel), "quote.%s",
	    m->chain[m->chain[combo].leg[1].instrument].name);
	listen_to(m, channel, 0);
	market_live(m, 0, 1000);
	market_beside(m, 1000, NOW_MS * 1000, &sink);
	market_beside(m, 2000, NOW_MS * 1000, &sink);
	ok(!chain_is_open(&m->chain[m->chain[combo].leg[1].instrument]),
	    "the leg has expired");
	ok(!chain_is_open(&m->chain[combo]), "so has the combo");
	ok(chain_is_open(&m->chain[m->chain[combo].leg[0].instrument]),
	    "the other leg has not");
	market_free(m);
}

int main(void)
{
	test_combos();
	test_legs();
	test_lists();
	test_expiry();
	return done_testing();
}
