#include "record/wants.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "deribit/chain.h"
#include "deribit/channel.h"
#include "io/cli.h"

static const struct word {
	const char *word;
	unsigned bit;
	const char *what;
} words[] = {
    {"quotes", WANTS_QUOTES, "quote.NAME: best bid and offer"},
    {"trades", WANTS_TRADES,
	"trades.KIND.CURRENCY.INTERVAL of the market, or\n"
	"trades.NAME.INTERVAL with --top and --instrument"},
    {"book", WANTS_BOOK,
	"get_order_book, --depth levels every --depth-interval;\n"
	"with --book incremental: book.NAME.INTERVAL"},
    {"ticker", WANTS_TICKER,
	"ticker.NAME.INTERVAL: prices, greeks, volatilities"},
    {"incremental_ticker", WANTS_INCREMENTAL_TICKER,
	"incremental_ticker.NAME: the same, changes only"},
    {"markprice", WANTS_MARKPRICE,
	"markprice.options.INDEX: mark prices and volatilities"},
    {"perpetual", WANTS_PERPETUAL, "perpetual.NAME.INTERVAL: funding"},
    {"index", WANTS_INDEX,
	"deribit_price_index.INDEX: the price, every second"},
    {"volatility_index", WANTS_VOLATILITY,
	"deribit_volatility_index.INDEX: DVOL"},
    {"expiration", WANTS_EXPIRATION,
	"estimated_expiration_price.INDEX: estimated delivery"},
    {"candles", WANTS_CANDLES,
	"chart.trades.NAME.RESOLUTION: open, high, low, close"},
    {"instruments", WANTS_INSTRUMENTS,
	"instrument.creation.KIND.CURRENCY: new listings"},
    {"states", WANTS_STATES,
	"instrument.state.KIND.CURRENCY: changes of their state"},
    {"platform", WANTS_PLATFORM,
	"platform_state and platform_state.public_methods_state"},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

/* Channels whose names are one word. */
static bool is_bare(const char *word)
{
	return strcmp(word, "platform_state") == 0 ||
	       strcmp(word, "announcements") == 0;
}

static int no_such_word(const char *word, struct fault *fault)
{
	size_t i, d, least = SIZE_MAX;
	const char *meant = NULL;

	for (i = 0; i < WORDS; i++) {
		d = cli_distance(word, words[i].word);
		if (d < least) {
			least = d;
			meant = words[i].word;
		}
	}
	return fault_set(fault, EX_USAGE,
	    "--channels %.60s: no such word; %s%s%s--list-channels prints them "
	    "(full names of channels have a dot)",
	    word, meant != NULL ? "did you mean " : "",
	    meant != NULL ? meant : "", meant != NULL ? "? " : "");
}

static int take_word(struct wants *w, const char *word, struct fault *fault)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		if (strcmp(words[i].word, word) == 0) {
			w->words |= words[i].bit;
			return 0;
		}
	if (*word == '\0')
		return fault_set(fault, EX_USAGE,
		    "--channels: there is an empty word; commas stand between "
		    "words");
	if ((strchr(word, '.') == NULL && !is_bare(word)) ||
	    strlen(word) > CHANNEL_LEN_MAX)
		return no_such_word(word, fault);
	if (w->names == WANTS_NAMES_MAX)
		return fault_set(fault, EX_USAGE,
		    "--channels takes %d full names", WANTS_NAMES_MAX);
	w->name[w->names++] = word;
	return 0;
}

/* Changes of a book: of which instrument; false: of another class. */
static bool is_of_changes(const char *name, struct channel *out)
{
	channel_parse(name, strlen(name), out);
	return out->id == CHANNEL_BOOK_CHANGE && out->instrument.len > 0;
}

/* A record has no channel: the chains of two intervals could not be told
 * apart. */
static int check_chain(
    const struct wants *w, const char *name, struct fault *fault)
{
	struct channel mine, other;
	size_t i;

	if (!is_of_changes(name, &mine))
		return 0;
	for (i = 0; i < w->names; i++)
		if (strcmp(w->name[i], name) != 0 &&
		    is_of_changes(w->name[i], &other) &&
		    other.instrument.len == mine.instrument.len &&
		    memcmp(other.instrument.p, mine.instrument.p,
			mine.instrument.len) == 0)
			return fault_set(fault, EX_USAGE,
			    "%s and %s: the changes of a book may be had at "
			    "one interval only",
			    w->name[i], name);
	return 0;
}

int wants_parse(struct wants *w, char *list, struct fault *fault)
{
	char *word = list, *end;

	w->words = 0;
	w->names = 0;
	for (;; word = end + 1) {
		end = strchr(word, ',');
		if (end != NULL)
			*end = '\0';
		if (take_word(w, word, fault) == -1)
			return -1;
		if (w->names > 0 &&
		    check_chain(w, w->name[w->names - 1], fault) == -1)
			return fault_prefix(fault, "--channels");
		if (end == NULL)
			return 0;
	}
}

void wants_print(FILE *f)
{
	const char *p;
	size_t i, n;

	for (i = 0; i < WORDS; i++) {
		fprintf(f, "%-20s", words[i].word);
		for (p = words[i].what; *p != '\0'; p += n) {
			n = strcspn(p, "\n");
			fprintf(f, "%.*s\n", (int)n, p);
			if (p[n] == '\n')
				fprintf(f, "%*s", 20, ""), n++;
		}
	}
}

struct sink {
	wants_take *take;
	void *arg;
	const char *kind, *currency;
	struct fault *fault;
};

__attribute__((format(printf, 2, 3))) static int add(
    const struct sink *k, const char *format, ...)
{
	char channel[CHANNEL_LEN_MAX + 1];
	va_list ap;

	va_start(ap, format);
	vsnprintf(channel, sizeof(channel), format, ap);
	va_end(ap);
	return k->take(k->arg, channel, k->kind, k->currency, k->fault);
}

static int add_changes(
    const struct wants *w, const struct sink *k, const char *name)
{
	char channel[CHANNEL_LEN_MAX + 1];

	snprintf(channel, sizeof(channel), "book.%s.%s", name, w->interval);
	if (check_chain(w, channel, k->fault) == -1)
		return -1;
	return add(k, "%s", channel);
}

int wants_instrument(const struct wants *w, const char *name, wants_take *take,
    void *arg, struct fault *fault)
{
	const struct sink k = {take, arg, NULL, NULL, fault};
	const char *interval = w->interval;
	struct name n;

	if (name_parse(name, strlen(name), &n) == -1)
		return fault_set(
		    fault, EX_USAGE, "%.100s is no instrument's name", name);
	if ((w->words & WANTS_QUOTES) && add(&k, "quote.%s", name) == -1)
		return -1;
	if ((w->words & WANTS_TRADES) && w->each &&
	    add(&k, "trades.%s.%s", name, interval) == -1)
		return -1;
	if ((w->words & WANTS_BOOK_CHANGES) && add_changes(w, &k, name) == -1)
		return -1;
	if ((w->words & WANTS_TICKER) &&
	    add(&k, "ticker.%s.%s", name, interval) == -1)
		return -1;
	if ((w->words & WANTS_INCREMENTAL_TICKER) &&
	    add(&k, "incremental_ticker.%s", name) == -1)
		return -1;
	if ((w->words & WANTS_PERPETUAL) && n.kind == NAME_PERPETUAL &&
	    add(&k, "perpetual.%s.%s", name, interval) == -1)
		return -1;
	if ((w->words & WANTS_CANDLES) &&
	    add(&k, "chart.trades.%s.%s", name, w->resolution) == -1)
		return -1;
	return 0;
}

static void lower(const char *p, size_t len, char *out)
{
	size_t i;

	for (i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)p[i]);
	out[i] = '\0';
}

/* btc_usd of BTC-25DEC26, sol_usdc of SOL_USDC-25DEC26. */
static void index_of(const struct name *n, char *out)
{
	lower(n->base.p, n->base.len, out);
	strcat(out, "_");
	if (n->quote.len > 0)
		lower(n->quote.p, n->quote.len, out + strlen(out));
	else
		strcat(out, "usd");
}

/* The exchange has one for these alone. */
static bool has_volatility_index(const char *index)
{
	return strcmp(index, "btc_usd") == 0 || strcmp(index, "eth_usd") == 0;
}

static int add_index(
    const struct wants *w, const struct name *n, const struct sink *k)
{
	char index[2 * NAME_MAX_LEN];

	index_of(n, index);
	if ((w->words & WANTS_MARKPRICE) && n->kind == NAME_OPTION &&
	    add(k, "markprice.options.%s", index) == -1)
		return -1;
	if ((w->words & WANTS_INDEX) &&
	    add(k, "deribit_price_index.%s", index) == -1)
		return -1;
	if ((w->words & WANTS_VOLATILITY) && has_volatility_index(index) &&
	    add(k, "deribit_volatility_index.%s", index) == -1)
		return -1;
	if ((w->words & WANTS_EXPIRATION) &&
	    add(k, "estimated_expiration_price.%s", index) == -1)
		return -1;
	return 0;
}

int wants_market(const struct wants *w, const char *name, wants_take *take,
    void *arg, struct fault *fault)
{
	char currency[NAME_MAX_LEN + 1], settlement[NAME_MAX_LEN + 1];
	struct sink k = {take, arg, NULL, NULL, fault};
	const char *market;
	struct name n;

	if (name_parse(name, strlen(name), &n) == -1)
		return 0;
	snprintf(currency, sizeof(currency), "%.*s", (int)n.base.len, n.base.p);
	k.kind = name_kind_text(n.kind);
	k.currency = currency;
	name_settlement(&n, settlement, sizeof(settlement));
	market = chain_kind_filter(k.kind);
	if ((w->words & WANTS_TRADES) && !w->each &&
	    add(&k, "trades.%s.%s.%s", market, settlement, w->interval) == -1)
		return -1;
	k.kind = k.currency = NULL;
	if ((w->words & WANTS_INSTRUMENTS) &&
	    add(&k, "instrument.creation.%s.%s", market, settlement) == -1)
		return -1;
	if ((w->words & WANTS_STATES) &&
	    add(&k, "instrument.state.%s.%s", market, settlement) == -1)
		return -1;
	return add_index(w, &n, &k);
}

int wants_exchange(
    const struct wants *w, wants_take *take, void *arg, struct fault *fault)
{
	const struct sink k = {take, arg, NULL, NULL, fault};
	size_t i;

	if ((w->words & WANTS_PLATFORM) &&
	    (add(&k, "platform_state") == -1 ||
		add(&k, "platform_state.public_methods_state") == -1))
		return -1;
	for (i = 0; i < w->names; i++)
		if (take(arg, w->name[i], NULL, NULL, fault) == -1)
			return -1;
	return 0;
}
