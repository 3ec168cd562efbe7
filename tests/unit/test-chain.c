/* What a query asks the exchange for. */
#include "deribit/chain.h"

#include "tap.h"

struct filter_case {
	const char *currency, *kind, *settlement;
	const char *want;
};

static const struct filter_case filters[] = {
    {"BTC", NULL, NULL, "BTC"},
    {"btc", "option", NULL, "BTC"},
    {"ETH", "perpetual", NULL, "ETH"},
    {"SOL", NULL, NULL, "USDC"},
    {"sol", "option_combo", NULL, "USDC"},
    {"BTC", "option", "usdc", "USDC"},
    {"BTC", NULL, "USDT", "USDT"},
    {"SOL", "future", "EURR", "EURR"},
    {"BTC", "spot", NULL, "any"},
    {"SOL", "spot", NULL, "any"},
    {"ETH", "spot", "BTC", "BTC"},
    {"abcdefghijklmnopqrst", NULL, "tsrqponmlkjihgfedcba",
	"TSRQPONMLKJIHGFEDCBA"},
};

static void test_filter(const struct filter_case *c)
{
	struct chain_query q = {.currency = c->currency,
	    .kind = c->kind,
	    .settlement = c->settlement};
	char got[CHAIN_CURRENCY_MAX + 1], what[100];
	struct fault fault;

	snprintf(what, sizeof(what), "%s %s %s", c->currency,
	    c->kind != NULL ? c->kind : "-",
	    c->settlement != NULL ? c->settlement : "-");
	is_int(chain_query_check(&q, &fault), 0, what);
	chain_filter(&q, got, sizeof(got));
	is_str(got, c->want, what);
}

int main(void)
{
	static const char *const same[] = {
	    "option", "future", "spot", "option_combo", "future_combo"};
	struct chain_query q = {.currency = "abcdefghijklmnopqrstu"};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		test_filter(&filters[i]);
	is_int(chain_query_check(&q, NULL), -1,
	    "a currency of more than CHAIN_CURRENCY_MAX");
	is_str(chain_kind_filter("perpetual"), "future",
	    "perpetuals are futures of the exchange's");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		is_str(chain_kind_filter(same[i]), same[i],
		    "the other kinds have its words");
	return done_testing();
}
