/* Instruments' names and channels' names. */
#include "deribit/channel.h"
#include "deribit/name.h"
#include "tap.h"

struct name_case {
	const char *text;
	const char *want; /* kind base quote settlement; NULL: no name */
};

static const struct name_case names[] = {
    {"BTC-PERPETUAL", "perpetual BTC - BTC"},
    {"SOL_USDC-PERPETUAL", "perpetual SOL USDC USDC"},
    {"1000PEPE_USDC-PERPETUAL", "perpetual 1000PEPE USDC USDC"},
    {"BTC-25DEC26", "future BTC - BTC"},
    {"SOL_USDC-2OCT26", "future SOL USDC USDC"},
    {"ETH-25DEC26-4000-C", "option ETH - ETH"},
    {"ETH-2OCT26-4000-P", "option ETH - ETH"},
    {"BTC_USDC-25DEC26-80000-P", "option BTC USDC USDC"},
    {"XRP_USDC-21SEP26-1d325-C", "option XRP USDC USDC"},
    {"BTC_USDC", "spot BTC USDC USDC"},
    {"ETH_BTC", "spot ETH BTC BTC"},
    {"USDT_USDC", "spot USDT USDC USDC"},
    {"BTC_EURR", "spot BTC EURR EURR"},
    {"BTC_USDT-PERPETUAL", "perpetual BTC USDT USDT"},
    {"BTC-FS-25DEC26_PERP", "future_combo BTC - BTC"},
    {"BTC-CS-25SEP26-80000_85000", "option_combo BTC - BTC"},
    {"BTC-STRD-30SEP22-20000", "option_combo BTC - BTC"},
    {"BTC-CCAL-22SEP26_21SEP26-82000", "option_combo BTC - BTC"},
    {"SOL_USDC-CSR12-21SEP26-200_210", "option_combo SOL USDC USDC"},
    {"", NULL},
    {"BTC", NULL},
    {"BTC-", NULL},
    {"-PERPETUAL", NULL},
    {"BTC-perpetual", NULL},
    {"BTC_-PERPETUAL", NULL},
    {"BTC-25DEC26-", NULL},
    {"BTC-25DEC26-4000", NULL},
    {"BTC-25DEC26-4000-X", NULL},
    {"BTC-25DEC26-4000-C-", NULL},
    {"BTC-25DEC26-d5-C", NULL},
    {"BTC-25DEC26-1d-C", NULL},
    {"BTC-25DEC26-1d2d3-C", NULL},
    {"BTC-CS-25SEP26 80000", NULL},
    {"BTC\"-PERPETUAL", NULL},
    {"BTC-125DEC26", NULL},
};

static void test_name(const struct name_case *c)
{
	struct name name;
	char got[256], settlement[NAME_MAX_LEN + 1];

	if (name_parse(c->text, strlen(c->text), &name) == -1) {
		ok(c->want == NULL, "no name: '%s'", c->text);
		return;
	}
	name_settlement(&name, settlement, sizeof(settlement));
	snprintf(got, sizeof(got), "%s %.*s %.*s %s", name_kind_text(name.kind),
	    (int)name.base.len, name.base.p,
	    name.quote.len > 0 ? (int)name.quote.len : 1,
	    name.quote.len > 0 ? name.quote.p : "-", settlement);
	is_str(got, c->want != NULL ? c->want : "(no name)", c->text);
}

struct channel_case {
	const char *text;
	const char *want; /* type instrument index resolution */
};

static const struct channel_case channels[] = {
    {"quote.BTC-PERPETUAL", "quote BTC-PERPETUAL  "},
    {"trades.BTC-PERPETUAL.100ms", "trade BTC-PERPETUAL  "},
    {"trades.option.ETH.100ms", "trade   "},
    {"trades.option.any.100ms", "trade   "},
    {"ticker.ETH_USDC.agg2", "ticker ETH_USDC  "},
    {"incremental_ticker.BTC-PERPETUAL", "ticker BTC-PERPETUAL  "},
    {"book.BTC-25DEC26.none.20.100ms", "book BTC-25DEC26  "},
    {"chart.trades.BTC-PERPETUAL.1D", "candle BTC-PERPETUAL  1D"},
    {"perpetual.BTC_USDC-PERPETUAL.100ms", "perpetual BTC_USDC-PERPETUAL  "},
    {"markprice.options.btc_usd", "markprice  btc_usd "},
    {"deribit_price_index.sol_usdc", "index  sol_usdc "},
    {"deribit_volatility_index.eth_usd", "volatility_index  eth_usd "},
    {"estimated_expiration_price.btc_usd",
	"estimated_expiration_price  btc_usd "},
    {"book.BTC-25DEC26.100ms", "book_change BTC-25DEC26  "},
    {"get_order_book", "book   "},
    {"instrument.creation.any.any", "instrument   "},
    {"instrument.state.any.any", "instrument_state   "},
    {"instrument.creation.option.BTC", "instrument   "},
    {"platform_state", "platform_state   "},
    {"platform_state.public_methods_state", "platform_state   "},
    {"platform_stately", "platform_stately   "},
    {"block_rfq.trades.BTC", "block_rfq   "},
    {"announcements", "announcements   "},
    {"quotes.BTC-PERPETUAL", "quotes   "},
    {"quote.", "quote   "},
    {"chart.trades.", "candle   "},
    {"", "   "},
};

static void test_channel(const struct channel_case *c)
{
	struct channel ch;
	char got[128];

	channel_parse(c->text, strlen(c->text), &ch);
	snprintf(got, sizeof(got), "%.*s %.*s %.*s %.*s", (int)ch.type.len,
	    ch.type.p, (int)ch.instrument.len, ch.instrument.p,
	    (int)ch.index.len, ch.index.p, (int)ch.resolution.len,
	    ch.resolution.p);
	is_str(got, c->want, c->text);
}

static void test_settlement_sizes(void)
{
	char longest[NAME_MAX_LEN + 1], small[4] = "xxx", got[NAME_MAX_LEN + 1];
	struct name name;

	memset(longest, 'A', NAME_MAX_LEN);
	longest[NAME_MAX_LEN] = '\0';
	longest[1] = '_';
	name_parse(longest, NAME_MAX_LEN, &name);
	name_settlement(&name, got, sizeof(got));
	is_str(got, longest + 2, "the longest settlement currency");
	name_settlement(&name, small, sizeof(small));
	is_str(small, "AAA", "cut to size");
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		test_name(&names[i]);
	for (i = 0; i < sizeof(channels) / sizeof(channels[0]); i++)
		test_channel(&channels[i]);
	test_settlement_sizes();
	is_int(name_kind_parse("option_combo"), NAME_OPTION_COMBO,
	    "a kind's word");
	is_int(name_kind_parse("options"), -1, "no kind's word");
	return done_testing();
}
