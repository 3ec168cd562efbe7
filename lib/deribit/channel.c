#include "deribit/channel.h"

#include <string.h>

struct channel_class {
	const char *prefix; /* whole words, ending with '.' or with the name */
	const char *type;
	enum channel_id id;
	unsigned change;
	enum { ARG_NONE, ARG_INSTRUMENT, ARG_INDEX } arg;
};

/* The first that matches counts. */
static const struct channel_class classes[] = {
    {"quote.", "quote", CHANNEL_QUOTE, CHANNEL_SIDES, ARG_INSTRUMENT},
    {"trades.", "trade", CHANNEL_TRADES, 0, ARG_INSTRUMENT},
    {"ticker.", "ticker", CHANNEL_TICKER, CHANNEL_SIDES | CHANNEL_HOIST,
	ARG_INSTRUMENT},
    {"incremental_ticker.", "ticker", CHANNEL_INCREMENTAL_TICKER,
	CHANNEL_SIDES | CHANNEL_HOIST, ARG_INSTRUMENT},
    {"book.", "book_change", CHANNEL_BOOK_CHANGE, 0, ARG_INSTRUMENT},
    {"get_order_book", "book", CHANNEL_BOOK, CHANNEL_SIDES | CHANNEL_HOIST,
	ARG_NONE},
    {"chart.trades.", "candle", CHANNEL_CANDLE,
	CHANNEL_ADD_NAME | CHANNEL_ADD_RESOLUTION, ARG_INSTRUMENT},
    {"perpetual.", "perpetual", CHANNEL_PERPETUAL, CHANNEL_ADD_NAME,
	ARG_INSTRUMENT},
    {"markprice.options.", "markprice", CHANNEL_MARKPRICE, CHANNEL_IV_PERCENT,
	ARG_INDEX},
    {"deribit_price_index.", "index", CHANNEL_INDEX, 0, ARG_INDEX},
    {"deribit_volatility_index.", "volatility_index", CHANNEL_VOLATILITY_INDEX,
	0, ARG_INDEX},
    {"estimated_expiration_price.", "estimated_expiration_price",
	CHANNEL_EXPIRATION_PRICE, CHANNEL_ADD_INDEX, ARG_INDEX},
    {"instrument.state.", "instrument_state", CHANNEL_INSTRUMENT_STATE, 0,
	ARG_NONE},
    {"instrument.creation.", "instrument", CHANNEL_INSTRUMENT, 0, ARG_NONE},
    {"platform_state", "platform_state", CHANNEL_PLATFORM_STATE, 0, ARG_NONE},
};

static bool matches(
    const struct channel_class *class, const char *p, size_t len)
{
	size_t n = strlen(class->prefix);

	if (len < n || memcmp(p, class->prefix, n) != 0)
		return false;
	return class->prefix[n - 1] == '.' || len == n || p[n] == '.';
}

static struct json_span word(const char *p, size_t len)
{
	const char *dot = memchr(p, '.', len);

	return (struct json_span){p, dot != NULL ? (size_t)(dot - p) : len};
}

static size_t count_dots(struct json_span s)
{
	size_t i, n = 0;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == '.';
	return n;
}

static void take_arguments(const struct channel_class *class,
    struct json_span rest, struct channel *out)
{
	struct json_span arg = word(rest.p, rest.len);

	/* trades.{kind}.{currency}.{interval}, not trades.{i}.{interval} */
	if (out->id == CHANNEL_TRADES && count_dots(rest) == 2)
		return;
	if (class->arg == ARG_INSTRUMENT)
		out->instrument = arg;
	else if (class->arg == ARG_INDEX)
		out->index = arg;
	if (out->id == CHANNEL_CANDLE && arg.len < rest.len)
		out->resolution = word(
		    arg.p + arg.len + 1, rest.len - arg.len - 1);
}

/* book.{i}.{group}.{depth}.{interval} sends whole windows. */
static void judge_book(const char *p, size_t len, struct channel *out)
{
	if (count_dots((struct json_span){p, len}) < 4)
		return;
	out->id = CHANNEL_BOOK;
	out->type = (struct json_span){"book", 4};
}

void channel_parse(const char *p, size_t len, struct channel *out)
{
	const struct channel_class *class;
	size_t i, n;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		class = &classes[i];
		if (!matches(class, p, len))
			continue;
		out->id = class->id;
		out->change = class->change;
		out->type = (struct json_span){
		    class->type, strlen(class->type)};
		n = strlen(class->prefix);
		take_arguments(class, (struct json_span){p + n, len - n}, out);
		if (out->id == CHANNEL_BOOK_CHANGE)
			judge_book(p, len, out);
		return;
	}
	out->id = CHANNEL_OTHER;
	out->change = CHANNEL_ADD_CHANNEL;
	out->type = word(p, len);
}
