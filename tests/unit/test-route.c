/* Which table takes which record. */
#include "record/router.h"
#include "base/log.h"
#include "tap.h"

static const char *table(
    const char *type, const char *kind, const char *currency)
{
	static char out[64];

	return route_table(type, kind, currency, out, sizeof(out)) == 0
	           ? out
	           : "none";
}

static void patterns(void)
{
	struct route_use use;

	is_str(table("quote", "option", "ETH"), "eth_option_quotes", "quote");
	is_str(table("trade", "option", "Sol"), "sol_option_trades", "trade");
	is_str(table("book", "option", "BTC"), "btc_option_orderbook_depth",
	    "book");
	is_str(table("quote", "future", "ETH"), "none", "a future's quote");
	is_str(table("instrument", "perpetual", "ETH"), "instruments",
	    "instrument");
	is_str(table("gap", NULL, NULL), "collection_gaps", "gap");
	is_str(table("candle", "future", "BTC"), "futures_ohlcv", "candle");
	is_str(table("ticker", "option", "BTC"), "options_greeks", "ticker");
	is_str(
	    table("funding", "perpetual", "BTC"), "funding_rates", "funding");
	is_str(table("quote", "option", NULL), "none", "no currency");
	is_str(table("quote", "option", "E\"; DROP"), "none",
	    "no currency's name");
	is_str(table("quote", "option", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "none",
	    "a currency's name too long");
	is_str(table(NULL, "option", "ETH"), "none", "no type");

	ok(route_of_table("eth_option_quotes", &use), "a table of ours");
	is_str(use.type, "quote", "its type");
	is_str(use.kind, "option", "its kind");
	is_str(use.currency, "ETH", "its currency");
	ok(route_of_table("instruments", &use) && use.kind == NULL &&
		use.currency[0] == '\0',
	    "instruments take any kind");
	ok(!route_of_table("_option_quotes", &use), "no currency, not ours");
	ok(!route_of_table("my_table", &use), "the user's own");
	is_str(route_channel_type("trades.option.ETH.100ms"), "trade",
	    "a channel's type");
	is_str(route_channel_type("book.ETH-25DEC26-4000-C.100ms"),
	    "book_change", "of the changes of a book");
	is_str(route_channel_type("book.ETH-25DEC26-4000-C.none.20.100ms"),
	    "book", "of whole windows");
	is_str(route_channel_type("instrument.state.option.ETH"),
	    "instrument_state", "of the state of instruments");
	is_str(route_channel_type("instrument.creation.any.any"), "instrument",
	    "of listings");
	ok(route_channel_type("unheard.of") == NULL, "an unknown channel's");
}

static int decide(struct router *r, const char *type, const char *kind,
    const char *currency, const char *channel)
{
	struct router_subject s = {type, kind, currency, channel};
	struct fault fault;
	size_t table_at;

	switch (router_decide(r, &s, &table_at, &fault)) {
	case ROUTER_TAKE: return (int)table_at;
	case ROUTER_PASS: return -1;
	case ROUTER_REJECT: return -2;
	default: return -3;
	}
}

static void one_named(void)
{
	static const char *const names[] = {
	    "eth_option_quotes", "collection_gaps"};
	struct router r;
	struct fault fault;

	is_int(router_init(&r, names, 2, 1, &fault), 0, "one table named");
	is_int(decide(&r, "quote", "option", "BTC", NULL), -3,
	    "another currency first: stop");
	is_int(decide(&r, "quote", "option", "ETH", NULL), 0, "its quote");
	is_int(decide(&r, "quote", "option", "BTC", NULL), -2,
	    "another currency later: reject");
	is_int(decide(&r, "quote", "future", "ETH", NULL), -1, "another kind");
	is_int(decide(&r, "trade", "option", "ETH", NULL), -1, "another type");
	is_int(decide(&r, NULL, NULL, NULL, NULL), 0, "no type: the one named");
	is_int(decide(&r, "gap", "option", "ETH", "quote.ETH-X"), 1,
	    "a gap of its quotes");
	is_int(decide(&r, "gap", "option", "ETH", "trades.ETH-X.100ms"), -1,
	    "a gap of trades");
	is_int(decide(&r, "gap", "option", "BTC", "quote.BTC-X"), -1,
	    "a gap of another currency");
	is_int(
	    decide(&r, "gap", NULL, NULL, NULL), 1, "a gap that does not say");
	router_free(&r);
}

static void others(void)
{
	static const char *const own[] = {"mine", "collection_gaps"};
	static const char *const all[] = {
	    "btc_option_quotes", "eth_option_quotes"};
	static const char *const mixed[] = {"eth_option_quotes", "mine"};
	struct router r;
	struct fault fault;

	is_int(router_init(&r, own, 2, 1, &fault), 0, "the user's own table");
	is_int(decide(&r, "quote", "future", "BTC", NULL), 0, "takes all");
	is_int(decide(&r, NULL, NULL, NULL, NULL), 0, "also without a type");
	is_int(decide(&r, "gap", "option", "ETH", NULL), 1, "but gaps");
	router_free(&r);
	is_int(router_init(&r, own, 1, 1, &fault), 0, "without a gap table");
	is_int(decide(&r, "gap", "option", "ETH", NULL), 0, "gaps too");
	router_free(&r);
	is_int(router_init(&r, all, 2, 0, &fault), 0, "none named");
	is_int(decide(&r, "quote", "option", "ETH", NULL), 1, "by currency");
	is_int(decide(&r, "quote", "option", "SOL", NULL), -1, "no such table");
	is_int(decide(&r, NULL, NULL, NULL, NULL), -2, "no type: reject");
	is_int(decide(&r, "gap", "option", "ETH", NULL), -1, "no gap table");
	router_free(&r);
	is_int(router_init(&r, mixed, 2, 2, &fault), -1,
	    "an own table among several");
	is_int(fault.exit_code, EX_USAGE, "is a usage error");
	router_free(&r);
}

int main(void)
{
	log_level_set(LOG_LEVEL_ERROR);
	patterns();
	one_named();
	others();
	return done_testing();
}
