#include "record/route.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* "%" stands for the currency in lower case. */
struct route_pattern {
	const char *type;
	const char *kind;
	const char *table;
};

static const struct route_pattern patterns[] = {
    {"quote", "option", "%_option_quotes"},
    {"trade", "option", "%_option_trades"},
    {"book", "option", "%_option_orderbook_depth"},
    {"instrument", NULL, "instruments"},
    {"gap", NULL, "collection_gaps"},
    {"candle", "option", "options_ohlcv"},
    {"candle", "perpetual", "perpetuals_ohlcv"},
    {"candle", "future", "futures_ohlcv"},
    {"ticker", "option", "options_greeks"},
    {"funding", NULL, "funding_rates"},
    {NULL, NULL, NULL},
};

static const struct {
	const char *prefix;
	const char *type;
} channels[] = {
    {"quote.", "quote"},
    {"trades.", "trade"},
    {"ticker.", "ticker"},
    {"incremental_ticker.", "ticker"},
    {"chart.trades.", "candle"},
    {"instrument.creation.", "instrument"},
    {"instrument.state.", "instrument_state"},
    {NULL, NULL},
};

static bool currency_ok(const char *p, size_t len)
{
	if (len == 0 || len > ROUTE_CURRENCY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)p[i]) && p[i] != '_')
			return false;
	return true;
}

static int fill_in(
    const char *pattern, const char *currency, char *out, size_t size)
{
	char lower[ROUTE_CURRENCY_MAX + 1];
	size_t len;
	int n;

	if (pattern[0] != '%') {
		n = snprintf(out, size, "%s", pattern);
		return n > 0 && (size_t)n < size ? 0 : -1;
	}
	len = currency != NULL ? strlen(currency) : 0;
	if (!currency_ok(currency, len))
		return -1;
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)tolower((unsigned char)currency[i]);
	n = snprintf(out, size, "%s%s", lower, pattern + 1);
	return n > 0 && (size_t)n < size ? 0 : -1;
}

int route_table(const char *type, const char *kind, const char *currency,
    char *out, size_t size)
{
	const struct route_pattern *p;

	if (type == NULL)
		return -1;
	for (p = patterns; p->type != NULL; p++) {
		if (strcmp(p->type, type) != 0)
			continue;
		if (p->kind == NULL ||
		    (kind != NULL && strcmp(p->kind, kind) == 0))
			return fill_in(p->table, currency, out, size);
	}
	return -1;
}

static bool take_currency(
    const char *table, const char *suffix, struct route_use *use)
{
	size_t len = strlen(table);
	size_t tail = strlen(suffix);

	if (len <= tail || strcmp(table + len - tail, suffix) != 0 ||
	    !currency_ok(table, len - tail))
		return false;
	for (size_t i = 0; i < len - tail; i++)
		use->currency[i] = (char)toupper((unsigned char)table[i]);
	use->currency[len - tail] = '\0';
	return true;
}

bool route_of_table(const char *table, struct route_use *use)
{
	const struct route_pattern *p;

	memset(use, 0, sizeof(*use));
	for (p = patterns; p->type != NULL; p++) {
		if (p->table[0] == '%' ? take_currency(table, p->table + 1, use)
				       : strcmp(table, p->table) == 0) {
			use->type = p->type;
			use->kind = p->kind;
			return true;
		}
	}
	return false;
}

/* book.{i}.{interval} tells changes, book.{i}.{group}.{depth}.{interval} whole
 * windows, as get_order_book does. */
static const char *book_type(const char *channel)
{
	size_t dots = 0;

	for (; *channel != '\0'; channel++)
		dots += *channel == '.';
	return dots < 4 ? "book_change" : "book";
}

const char *route_channel_type(const char *channel)
{
	if (strncmp(channel, "book.", 5) == 0)
		return book_type(channel);
	for (size_t i = 0; channels[i].prefix != NULL; i++)
		if (strncmp(channel, channels[i].prefix,
			strlen(channels[i].prefix)) == 0)
			return channels[i].type;
	return NULL;
}
