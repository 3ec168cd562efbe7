#include "replay/incremental.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay/tell.h"
#include "replay/text.h"

#define FULL_EVERY 64     /* steps of the walk: a whole ticker comes again */
#define GREEKS_EPOCH 8    /* steps that the greeks stay */
#define FUNDING_EPOCH 16  /* and the funding */
#define NONE INT64_MIN    /* null */
#define AGAIN_US 60000000 /* of silence: the whole comes again */

enum group { TOP, STATS, GREEKS };
enum whose { ALL, DERIVATIVE, SINGLE, OPTION, PERPETUAL };
enum unit { PRICE, MARK, INDEX, AMOUNT, CENTS, FIFTHS, SIXTHS, NINTHS };

/* In the order of their values in fill(). */
static const struct member {
	const char *name;
	enum group group;
	enum whose whose;
	enum unit unit;
} members[] = {
    {"best_bid_price", TOP, ALL, PRICE},
    {"best_bid_amount", TOP, ALL, AMOUNT},
    {"best_ask_price", TOP, ALL, PRICE},
    {"best_ask_amount", TOP, ALL, AMOUNT},
    {"last_price", TOP, ALL, PRICE},
    {"mark_price", TOP, DERIVATIVE, MARK},
    {"index_price", TOP, DERIVATIVE, INDEX},
    {"estimated_delivery_price", TOP, DERIVATIVE, INDEX},
    {"settlement_price", TOP, DERIVATIVE, PRICE},
    {"min_price", TOP, DERIVATIVE, PRICE},
    {"max_price", TOP, DERIVATIVE, PRICE},
    {"open_interest", TOP, SINGLE, AMOUNT},
    {"mark_iv", TOP, OPTION, CENTS},
    {"bid_iv", TOP, OPTION, CENTS},
    {"ask_iv", TOP, OPTION, CENTS},
    {"interest_rate", TOP, OPTION, CENTS},
    {"underlying_price", TOP, OPTION, INDEX},
    {"current_funding", TOP, PERPETUAL, NINTHS},
    {"funding_8h", TOP, PERPETUAL, NINTHS},
    {"interest_value", TOP, PERPETUAL, SIXTHS},
    {"volume", STATS, ALL, AMOUNT},
    {"volume_usd", STATS, ALL, CENTS},
    {"delta", GREEKS, OPTION, FIFTHS},
    {"gamma", GREEKS, OPTION, FIFTHS},
    {"vega", GREEKS, OPTION, FIFTHS},
    {"theta", GREEKS, OPTION, FIFTHS},
    {"rho", GREEKS, OPTION, FIFTHS},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

struct incremental {
	int64_t value[MEMBERS];
};

static struct rng slow(const struct market *m, size_t n, uint64_t epoch)
{
	struct rng r = rng_for(m->seed, n);

	return rng_for(rng_next(&r), (m->walk[n].steps + n) / epoch);
}

static int64_t funding(const struct market *m, size_t n)
{
	struct rng r = slow(m, n, FUNDING_EPOCH);

	return rng_below(&r, 9000) - 1000;
}

static void fill(const struct market *m, size_t n, struct incremental *out)
{
	const struct market_walk *w = &m->walk[n];
	int64_t index = m->index[m->chain[n].base];
	struct rng g = slow(m, n, GREEKS_EPOCH);
	int64_t delta = rng_below(&g, 100000);
	const struct incremental now = {{
	    w->bid > 0 ? w->bid : NONE,
	    w->bid > 0 ? w->bid_amount : NONE,
	    w->ask > 0 ? w->ask : NONE,
	    w->ask > 0 ? w->ask_amount : NONE,
	    w->last > 0 ? w->last : NONE,
	    market_mark(m, n),
	    index,
	    index,
	    w->anchor,
	    w->fair / 2,
	    w->fair * 2,
	    w->open_interest,
	    w->iv,
	    w->bid > 0 ? w->iv - 120 : 0,
	    w->ask > 0 ? w->iv + 120 : 0,
	    0,
	    index,
	    funding(m, n),
	    funding(m, n) / 2,
	    funding(m, n) * 10,
	    w->volume,
	    w->volume * 100,
	    m->chain[n].call ? delta : delta - 100000,
	    rng_below(&g, 30),
	    rng_below(&g, 9000000),
	    -rng_below(&g, 9000000),
	    rng_below(&g, 900000) - 450000,
	}};

	*out = now;
}

static bool has(const struct chain_instrument *i, enum whose whose)
{
	return whose == ALL || (whose == DERIVATIVE && i->kind != CHAIN_SPOT) ||
	       (whose == SINGLE && i->kind != CHAIN_SPOT &&
		   !chain_is_combo(i)) ||
	       (whose == OPTION && i->kind == CHAIN_OPTION) ||
	       (whose == PERPETUAL && i->perpetual);
}

static void value_text(struct market *m, size_t n, const struct member *k,
    int64_t value, struct rng *r)
{
	const struct chain_instrument *i = &m->chain[n];
	struct decimal amount = chain_amount(i);
	static const int scales[] = {
	    [CENTS] = 2, [FIFTHS] = 5, [SIXTHS] = 6, [NINTHS] = 9};
	int scale = scales[k->unit >= CENTS ? k->unit : CENTS];

	buf_addf(&m->text, "\"%s\":", k->name);
	if (value == NONE) {
		buf_adds(&m->text, "null");
		return;
	}
	if (k->unit == PRICE)
		value = chain_shown(i, value);
	if (k->unit == PRICE || k->unit == MARK)
		scale = chain_grid_of(i)->scale + (k->unit == MARK ? 4 : 0);
	if (k->unit == INDEX)
		scale = chain_bases[i->base].index.scale;
	if (k->unit == AMOUNT) {
		scale = amount.scale;
		value *= amount.mantissa;
	}
	text_number(&m->text, value, scale, r);
}

/* The members of a group that are not what they were; was NULL: all. */
static void group_text(struct market *m, size_t n, enum group group,
    const struct incremental *now, const struct incremental *was, struct rng *r)
{
	static const char *const names[] = {
	    [STATS] = "stats", [GREEKS] = "greeks"};
	bool any = false;

	for (size_t k = 0; k < MEMBERS; k++) {
		if (members[k].group != group ||
		    !has(&m->chain[n], members[k].whose) ||
		    (was != NULL && was->value[k] == now->value[k]))
			continue;
		buf_addc(&m->text, ',');
		if (group != TOP && !any)
			buf_addf(&m->text, "\"%s\":{", names[group]);
		any = true;
		value_text(m, n, &members[k], now->value[k], r);
	}
	if (group == STATS && was == NULL)
		buf_adds(&m->text,
		    ",\"high\":null,\"low\":null,\"price_change\":null");
	if (group != TOP && any)
		buf_addc(&m->text, '}');
}

static int ticker_tell(struct market *m, uint32_t n, uint64_t subs,
    const struct incremental *now, const struct incremental *was,
    int64_t now_us, struct market_sink *sink)
{
	/* Nobody else draws from this: the market is the same with it. */
	struct rng r = rng_for(m->seed, m->walk[n].change_id * 2);

	tell_begin(m, "incremental_ticker.", m->chain[n].name, "");
	buf_addf(&m->text,
	    "{\"type\":\"%s\",\"timestamp\":%" PRId64
	    ",\"instrument_name\":\"%s\"",
	    was == NULL ? "snapshot" : "change", now_us / 1000,
	    m->chain[n].name);
	if (was == NULL) {
		buf_adds(&m->text, ",\"state\":\"open\"");
		if (m->chain[n].kind == CHAIN_OPTION)
			text_underlying(&m->text, m, n);
	}
	for (unsigned group = TOP; group <= GREEKS; group++)
		group_text(m, n, (enum group)group, now, was, &r);
	buf_addc(&m->text, '}');
	m->walk[n].incremental_us = now_us;
	return tell_end(m, subs, sink);
}

int incremental_tell(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[n];
	uint64_t subs = w->subs[STREAM_INCREMENTAL];
	struct incremental now;
	int count;

	/* Without memory for it nobody was greeted. */
	if (subs == 0 || w->told == NULL)
		return 0;
	fill(m, n, &now);
	count = ticker_tell(m, n, subs, &now,
	    w->steps % FULL_EVERY == 0 ? NULL : w->told, now_us, sink);
	*w->told = now;
	return count;
}

void incremental_idle(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[n];

	if (w->subs[STREAM_INCREMENTAL] != 0 && w->told != NULL &&
	    now_us - w->incremental_us >= AGAIN_US)
		ticker_tell(m, n, w->subs[STREAM_INCREMENTAL], w->told, NULL,
		    now_us, sink);
}

void incremental_greet(struct market *m, uint32_t n, uint64_t slots,
    int64_t now_us, struct market_sink *sink)
{
	struct market_walk *w = &m->walk[n];
	bool first = (w->subs[STREAM_INCREMENTAL] & ~slots) == 0;

	if (w->told == NULL) {
		w->told = malloc(sizeof(*w->told));
		first = true;
	}
	if (w->told == NULL)
		return;
	/* Else the others would miss what has changed since. */
	if (first)
		fill(m, n, w->told);
	ticker_tell(m, n, slots, w->told, NULL, now_us, sink);
}

int perpetual_tell(
    struct market *m, uint32_t n, int64_t now_us, struct market_sink *sink)
{
	const struct chain_instrument *i = &m->chain[n];
	const uint64_t *subs = &m->walk[n].subs[STREAM_PERPETUAL];
	struct rng r = rng_for(m->seed, m->walk[n].change_id * 2 + 1);
	int count = 0;

	for (unsigned k = 0; k < MARKET_INTERVALS; k++) {
		if (subs[k] == 0)
			continue;
		tell_begin(m, "perpetual.", i->name, tell_tails[k]);
		buf_addf(&m->text, "{\"timestamp\":%" PRId64, now_us / 1000);
		tell_number(m, "interest", funding(m, n), 9, &r);
		tell_number(m, "index_price", m->index[i->base],
		    chain_bases[i->base].index.scale, &r);
		buf_addc(&m->text, '}');
		count += tell_end(m, subs[k], sink);
	}
	return count;
}
