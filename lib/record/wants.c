#include "record/wants.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "deribit/channel.h"

__attribute__((format(printf, 5, 6))) static int add(struct collector *c,
    const char *kind, const char *currency, struct fault *fault,
    const char *format, ...)
{
	char channel[CHANNEL_LEN_MAX + 1];
	va_list ap;

	va_start(ap, format);
	vsnprintf(channel, sizeof(channel), format, ap);
	va_end(ap);
	return collector_add(c, channel, kind, currency, fault);
}

static int add_quotes(
    const char *name, struct collector *c, struct fault *fault)
{
	return add(c, NULL, NULL, fault, "quote.%s", name);
}

static int add_trades(
    const char *name, struct collector *c, struct fault *fault)
{
	return add(c, NULL, NULL, fault, "trades.%s.100ms", name);
}

int wants_instrument(const struct wants *w, const char *name,
    struct collector *c, struct fault *fault)
{
	if (w->quotes && add_quotes(name, c, fault) == -1)
		return -1;
	return w->trades ? add_trades(name, c, fault) : 0;
}

/* The exchange's kind, in the name of a channel for a whole market. */
static const char *market_kind(const char *kind)
{
	return strcmp(kind, "perpetual") == 0 ? "future" : kind;
}

/* The trades of the market that the instrument is of: one channel, which has
 * new listings by itself. */
static int add_market(
    const struct chain_instrument *i, struct collector *c, struct fault *fault)
{
	const char *settlement = i->settlement;
	const char *quote = strchr(i->name, '_');

	/* A spot pair has no settlement currency, but a quote currency. */
	if (*settlement == '\0')
		settlement = quote != NULL ? quote + 1 : "any";
	if (add(c, i->kind, i->currency, fault, "trades.%s.%s.100ms",
		market_kind(i->kind), settlement) == -1)
		return -1;
	if (collector_keep(c, i->kind, i->currency) == -1)
		return fault_set(fault, EX_OSERR, "out of memory");
	return 0;
}

static bool same_market(
    const struct chain_instrument *a, const struct chain_instrument *b)
{
	return strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->settlement, b->settlement) == 0 &&
	       *a->settlement != '\0';
}

int wants_chain(const struct wants *w, const struct chain *chain,
    struct collector *c, struct fault *fault)
{
	const struct chain_instrument *in = chain->instrument;
	const struct chain_instrument *end = in + chain->n;

	for (; in < end; in++) {
		if (w->quotes && add_quotes(in->name, c, fault) == -1)
			return -1;
		if (!w->trades)
			continue;
		if (w->each) {
			if (add_trades(in->name, c, fault) == -1)
				return -1;
		} else if (in == chain->instrument ||
			   !same_market(in, in - 1)) {
			if (add_market(in, c, fault) == -1)
				return -1;
		}
	}
	return 0;
}
