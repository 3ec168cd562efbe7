#include "replay/text.h"

#include <inttypes.h>
#include <string.h>

static const struct chain_base *base_of(const struct market *m, size_t i)
{
	return &chain_bases[m->chain[i].base];
}

static struct decimal amount_of(const struct market *m, size_t i, int64_t units)
{
	struct decimal d = chain_amount(&m->chain[i]);

	d.mantissa *= units;
	return d;
}

static struct decimal contract_of(const struct market *m, size_t i)
{
	return chain_contract(&m->chain[i]);
}

int text_number(struct buf *out, int64_t mantissa, int scale, struct rng *r)
{
	char text[DECIMAL_SIZE];

	return buf_adds(
	    out, decimal_draw(text, (struct decimal){mantissa, scale}, r));
}

static int member(struct buf *out, const char *name, int64_t mantissa,
    int scale, struct rng *r)
{
	if (buf_addf(out, ",\"%s\":", name) == -1)
		return -1;
	return text_number(out, mantissa, scale, r);
}

static int member_decimal(
    struct buf *out, const char *name, struct decimal d, struct rng *r)
{
	return member(out, name, d.mantissa, d.scale, r);
}

int text_begin(struct buf *out, const char *channel)
{
	return buf_addf(out,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":"
	    "{\"channel\":\"%s\",\"data\":",
	    channel);
}

int text_end(struct buf *out)
{
	return buf_adds(out, "}}");
}

/* One side of a quote.  An empty one is null or 0.0 with 0.0: both occur. */
static int side(struct buf *out, const struct market *m, size_t i,
    const char *which, int64_t price, int64_t amount, struct rng *r)
{
	if (price == 0) {
		const char *none = rng_below(r, 2) ? "null" : "0.0";

		return buf_addf(out,
		    ",\"best_%s_price\":%s,\"best_%s_amount\":%s", which, none,
		    which, none);
	}
	if (buf_addf(out, ",\"best_%s_price\":", which) == -1 ||
	    text_number(out, chain_shown(&m->chain[i], price),
		chain_grid_of(&m->chain[i])->scale, r) == -1 ||
	    buf_addf(out, ",\"best_%s_amount\":", which) == -1)
		return -1;
	return text_number(out, amount_of(m, i, amount).mantissa,
	    amount_of(m, i, amount).scale, r);
}

static int sides(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	const struct market_walk *w = &m->walk[i];
	bool bid_first = rng_below(r, 2);

	if (bid_first && side(out, m, i, "bid", w->bid, w->bid_amount, r) == -1)
		return -1;
	if (side(out, m, i, "ask", w->ask, w->ask_amount, r) == -1)
		return -1;
	return bid_first ? 0 : side(out, m, i, "bid", w->bid, w->bid_amount, r);
}

int text_quote(struct buf *out, const struct market *m, size_t instrument,
    int64_t at_ms, struct rng *r)
{
	if (buf_addf(out,
		"{\"timestamp\":%" PRId64 ",\"instrument_name\":\"%s\"", at_ms,
		m->chain[instrument].name) == -1 ||
	    sides(out, m, instrument, r) == -1)
		return -1;
	return buf_addc(out, '}');
}

static int greeks(struct buf *out, struct rng *r, bool call)
{
	int64_t delta = rng_below(r, 100000);

	if (buf_addf(out, ",\"greeks\":{\"delta\":") == -1 ||
	    text_number(out, call ? delta : delta - 100000, 5, r) == -1 ||
	    member(out, "gamma", rng_below(r, 30), 5, r) == -1 ||
	    member(out, "vega", rng_below(r, 9000000), 5, r) == -1 ||
	    member(out, "theta", -rng_below(r, 9000000), 5, r) == -1 ||
	    member(out, "rho", rng_below(r, 900000) - 450000, 5, r) == -1)
		return -1;
	return buf_addc(out, '}');
}

static int underlying_price(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	const struct chain_instrument *c = &m->chain[i];

	return member(out, "underlying_price", m->index[c->base],
	    base_of(m, i)->index.scale, r);
}

int text_underlying(struct buf *out, const struct market *m, size_t i)
{
	const char *date = m->chain[i].name + strlen(base_of(m, i)->prefix) + 1;

	return buf_addf(out, ",\"underlying_index\":\"%s-%.*s\"",
	    base_of(m, i)->prefix, (int)strcspn(date, "-"), date);
}

static int of_option(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	const struct market_walk *w = &m->walk[i];

	if (greeks(out, r, m->chain[i].call) == -1 ||
	    member(out, "mark_iv", w->iv, 2, r) == -1 ||
	    member(out, "bid_iv", w->bid == 0 ? 0 : w->iv - 120, 2, r) == -1 ||
	    member(out, "ask_iv", w->ask == 0 ? 0 : w->iv + 120, 2, r) == -1 ||
	    member(out, "interest_rate", 0, 1, r) == -1)
		return -1;
	if (underlying_price(out, m, i, r) == -1)
		return -1;
	return text_underlying(out, m, i);
}

static int of_perpetual(struct buf *out, struct rng *r)
{
	if (member(out, "current_funding", rng_below(r, 9000), 9, r) == -1 ||
	    member(out, "funding_8h", rng_below(r, 9000), 9, r) == -1)
		return -1;
	return member(out, "interest_value", rng_below(r, 90000), 6, r);
}

static int last_price(struct buf *out, const char *name, const struct market *m,
    size_t i, struct rng *r)
{
	if (m->walk[i].last == 0)
		return buf_addf(out, ",\"%s\":null", name);
	return member(out, name, chain_shown(&m->chain[i], m->walk[i].last),
	    chain_grid_of(&m->chain[i])->scale, r);
}

static int prices(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	const struct market_walk *w = &m->walk[i];
	const struct chain_instrument *c = &m->chain[i];
	int scale = chain_grid_of(c)->scale;
	int index_scale = base_of(m, i)->index.scale;
	int64_t index = m->index[m->chain[i].base];

	if (sides(out, m, i, r) == -1 ||
	    last_price(out, "last_price", m, i, r) == -1)
		return -1;
	if (c->kind == CHAIN_SPOT)
		return 0;
	if (member(out, "mark_price", market_mark(m, i), scale + 4, r) == -1 ||
	    member(out, "index_price", index, index_scale, r) == -1 ||
	    member(out, "estimated_delivery_price", index, index_scale, r) ==
		-1 ||
	    member(out, "settlement_price", chain_shown(c, w->anchor), scale,
		r) == -1 ||
	    member(out, "min_price", chain_shown(c, w->fair / 2), scale, r) ==
		-1 ||
	    member(out, "max_price", chain_shown(c, w->fair * 2), scale, r) ==
		-1)
		return -1;
	if (chain_is_combo(c))
		return buf_adds(out, ",\"combo_state\":\"active\"");
	return member_decimal(
	    out, "open_interest", amount_of(m, i, w->open_interest), r);
}

static int stats(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	if (buf_adds(out, ",\"stats\":{\"high\":null,\"low\":null,"
			  "\"price_change\":null") == -1 ||
	    member_decimal(
		out, "volume", amount_of(m, i, m->walk[i].volume), r) == -1 ||
	    member(out, "volume_usd", m->walk[i].volume * 100, 2, r) == -1)
		return -1;
	return buf_addc(out, '}');
}

int text_ticker_open(struct buf *out, const struct market *m, size_t instrument,
    int64_t at_ms, struct rng *r)
{
	const struct chain_instrument *c = &m->chain[instrument];

	if (buf_addf(out,
		"{\"timestamp\":%" PRId64 ",\"state\":\"%s\","
		"\"instrument_name\":\"%s\"",
		at_ms, chain_is_open(c) ? "open" : "closed", c->name) == -1 ||
	    (!chain_is_open(c) &&
		member(out, "delivery_price", m->index[c->base],
		    base_of(m, instrument)->index.scale, r) == -1) ||
	    stats(out, m, instrument, r) == -1 ||
	    prices(out, m, instrument, r) == -1)
		return -1;
	if (c->kind == CHAIN_OPTION && of_option(out, m, instrument, r) == -1)
		return -1;
	return c->perpetual ? of_perpetual(out, r) : 0;
}

int text_ticker(struct buf *out, const struct market *m, size_t instrument,
    int64_t at_ms, struct rng *r)
{
	if (text_ticker_open(out, m, instrument, at_ms, r) == -1)
		return -1;
	return buf_addc(out, '}');
}

/* trade_id is digits for BTC, ETH-15, SOL_USDC-16. */
static int trade_id(
    struct buf *out, const char *name, unsigned base, uint64_t id)
{
	const char *prefix = chain_bases[base].prefix;
	bool bare = strcmp(prefix, "BTC") == 0;

	return buf_addf(out, "\"%s\":\"%s%s%" PRIu64 "\"", name,
	    bare ? "" : prefix, bare ? "" : "-", id);
}

static int trade_head(
    struct buf *out, const struct market *m, const struct market_trade *t)
{
	const struct chain_instrument *c = &m->chain[t->instrument];

	if (buf_addc(out, '{') == -1 ||
	    trade_id(out, "trade_id", c->base, t->id) == -1)
		return -1;
	return buf_addf(out,
	    ",\"trade_seq\":%" PRIu64
	    ",\"instrument_name\":\"%s\",\"timestamp\":%" PRId64
	    ",\"direction\":\"%s\"",
	    t->seq, c->name, t->at_ms, t->buy ? "buy" : "sell");
}

static int trade_amounts(struct buf *out, const struct market *m,
    const struct market_trade *t, struct rng *r)
{
	struct decimal amount = amount_of(m, t->instrument, t->amount);
	struct decimal contract = contract_of(m, t->instrument);
	struct decimal contracts = amount;

	/* contracts = amount / contract_size, and the size is 10^n. */
	while (contract.mantissa >= 10) {
		contract.mantissa /= 10;
		contracts.scale++;
	}
	contracts.scale -= contract.scale;
	for (; contracts.scale < 0; contracts.scale++)
		contracts.mantissa *= 10;
	if (member_decimal(out, "amount", amount, r) == -1)
		return -1;
	if (chain_is_combo(&m->chain[t->instrument]))
		return 0;
	return member_decimal(out, "contracts", contracts, r);
}

/* What a leg says of its combo. */
static int trade_combo(
    struct buf *out, const struct market *m, const struct market_trade *t)
{
	if (buf_addf(out, ",\"combo_id\":\"%s\",", m->chain[t->combo].name) ==
	    -1)
		return -1;
	return trade_id(
	    out, "combo_trade_id", m->chain[t->combo].base, t->combo_id);
}

/* The trades of the legs, which were made right behind the combo's. */
static int trade_legs(
    struct buf *out, const struct market *m, const struct market_trade *t)
{
	if (buf_adds(out, ",\"legs\":[") == -1)
		return -1;
	for (uint64_t k = 1; k <= CHAIN_LEGS; k++) {
		const struct market_trade *leg = market_trade_at(
		    m, t->number + k);

		if (leg == NULL)
			break;
		if ((k > 1 && buf_addc(out, ',') == -1) ||
		    text_trade(out, m, leg) == -1)
			return -1;
	}
	return buf_addc(out, ']');
}

int text_trade(
    struct buf *out, const struct market *m, const struct market_trade *t)
{
	static const char *const liquidations[] = {"", "M", "T", "MT"};
	struct rng r = {t->style};
	int scale = chain_grid_of(&m->chain[t->instrument])->scale;

	if (trade_head(out, m, t) == -1 ||
	    member(out, "price",
		chain_shown(&m->chain[t->instrument], t->price), scale,
		&r) == -1 ||
	    trade_amounts(out, m, t, &r) == -1 ||
	    buf_addf(out, ",\"tick_direction\":%d", t->tick_direction) == -1 ||
	    member(out, "index_price", t->index,
		base_of(m, t->instrument)->index.scale, &r) == -1 ||
	    member(out, "mark_price", t->mark, scale + 4, &r) == -1)
		return -1;
	if (t->has_iv && member(out, "iv", t->iv, 2, &r) == -1)
		return -1;
	if (t->liquidation > 0 && buf_addf(out, ",\"liquidation\":\"%s\"",
				      liquidations[t->liquidation]) == -1)
		return -1;
	if (t->combo_id > 0 && trade_combo(out, m, t) == -1)
		return -1;
	if (chain_is_combo(&m->chain[t->instrument]) &&
	    trade_legs(out, m, t) == -1)
		return -1;
	if (t->block > 0 && buf_addf(out,
				",\"block_trade_id\":\"BLOCK-%" PRIu64
				"\",\"block_trade_leg_count\":2",
				t->block) == -1)
		return -1;
	return buf_addf(out,
	    ",\"starbase_match_id\":%" PRIu64 ",\"starbase_timestamp\":%" PRId64
	    "}",
	    t->match_id, t->at_ms * 1000000 + t->nanoseconds);
}

static const char *quote_of(const struct chain_instrument *i)
{
	const struct chain_base *b = &chain_bases[i->base];
	bool option = i->kind == CHAIN_OPTION || i->kind == CHAIN_OPTION_COMBO;

	/* Also ETH_BTC is of the currency that it is paid in. */
	return b->linear ? b->currency : option ? b->base : "USD";
}

static int instrument_currencies(
    struct buf *out, const struct market *m, size_t i)
{
	const struct chain_base *b = base_of(m, i);

	if (buf_addf(out,
		",\"base_currency\":\"%s\",\"quote_currency\":\"%s\","
		"\"counter_currency\":\"%s\",\"price_index\":\"%s\","
		"\"instrument_type\":\"%s\"",
		b->base, quote_of(&m->chain[i]),
		b->linear ? b->currency : "USD", b->index_name,
		b->linear ? "linear" : "reversed") == -1)
		return -1;
	if (m->chain[i].kind == CHAIN_SPOT)
		return 0;
	return buf_addf(out, ",\"settlement_currency\":\"%s\"",
	    b->linear ? "USDC" : b->base);
}

static int instrument_sizes(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	const struct chain_grid *g = chain_grid_of(&m->chain[i]);

	if (member(out, "tick_size", g->step, g->scale, r) == -1 ||
	    buf_adds(out, ",\"tick_size_steps\":[") == -1)
		return -1;
	if (g->above > 0 &&
	    (buf_adds(out, "{\"above_price\":") == -1 ||
		text_number(out, g->above, g->scale, r) == -1 ||
		member(out, "tick_size", g->step_above, g->scale, r) == -1 ||
		buf_addc(out, '}') == -1))
		return -1;
	if (buf_addc(out, ']') == -1 ||
	    member_decimal(out, "contract_size", contract_of(m, i), r) == -1 ||
	    member_decimal(out, "min_trade_amount", amount_of(m, i, 1), r) ==
		-1)
		return -1;
	return buf_adds(out,
	    ",\"maker_commission\":3.0e-4,\"taker_commission\":3.0e-4,"
	    "\"block_trade_commission\":3.0e-4,\"rfq\":false,"
	    "\"underlying_type\":\"crypto\"");
}

int text_instrument_open(struct buf *out, const struct market *m, size_t i)
{
	const struct chain_instrument *c = &m->chain[i];
	static const char *const states[] = {
	    "open", "delivered", "archivized", "inactive"};
	struct rng r = rng_for(m->seed, (uint64_t)c->id);

	if (buf_addf(out,
		"{\"instrument_name\":\"%s\",\"instrument_id\":%" PRId64
		",\"kind\":\"%s\",\"state\":\"%s\",\"is_active\":%s",
		c->name, c->id, market_kinds[market_kind_at(c)],
		states[c->state], chain_is_open(c) ? "true" : "false") == -1 ||
	    instrument_currencies(out, m, i) == -1 ||
	    (c->settlement_period != NULL &&
		buf_addf(out, ",\"settlement_period\":\"%s\"",
		    c->settlement_period) == -1) ||
	    buf_addf(out,
		",\"creation_timestamp\":%" PRId64
		",\"expiration_timestamp\":%" PRId64,
		c->creation_ms, c->expiration_ms) == -1)
		return -1;
	if (c->kind == CHAIN_OPTION &&
	    (buf_addf(out, ",\"option_type\":\"%s\"",
		 c->call ? "call" : "put") == -1 ||
		member_decimal(out, "strike", c->strike, &r) == -1))
		return -1;
	if (instrument_sizes(out, m, i, &r) == -1)
		return -1;
	return buf_addf(out, ",\"product_group\":\"%s\"", base_of(m, i)->base);
}

int text_instrument(struct buf *out, const struct market *m, size_t i)
{
	if (text_instrument_open(out, m, i) == -1)
		return -1;
	return buf_addc(out, '}');
}

/* A side of the summary is null where the ticker may say 0.0. */
static int summary_side(struct buf *out, const char *name, bool is,
    int64_t price, int scale, struct rng *r)
{
	if (!is)
		return buf_addf(out, ",\"%s\":null", name);
	return member(out, name, price, scale, r);
}

static int summary_prices(
    struct buf *out, const struct market *m, size_t i, struct rng *r)
{
	const struct market_walk *w = &m->walk[i];
	const struct chain_instrument *c = &m->chain[i];
	int scale = chain_grid_of(c)->scale;
	int64_t middle = chain_shown(c, w->bid) + chain_shown(c, w->ask);

	if (summary_side(out, "bid_price", w->bid > 0, chain_shown(c, w->bid),
		scale, r) == -1 ||
	    summary_side(out, "ask_price", w->ask > 0, chain_shown(c, w->ask),
		scale, r) == -1 ||
	    summary_side(out, "mid_price", w->bid > 0 && w->ask > 0, middle * 5,
		scale + 1, r) == -1 ||
	    last_price(out, "last", m, i, r) == -1 ||
	    member(out, "mark_price", market_mark(m, i), scale + 4, r) == -1)
		return -1;
	return buf_adds(
	    out, ",\"high\":null,\"low\":null,\"price_change\":null");
}

int text_summary(
    struct buf *out, const struct market *m, size_t i, int64_t at_ms)
{
	const struct chain_instrument *c = &m->chain[i];
	const struct chain_base *b = base_of(m, i);
	struct rng r = rng_for(m->seed, (uint64_t)c->id + 1000000);

	if (buf_addf(out,
		"{\"instrument_name\":\"%s\",\"base_currency\":\"%s\","
		"\"quote_currency\":\"%s\",\"creation_timestamp\":%" PRId64,
		c->name, b->base, quote_of(c), at_ms) == -1 ||
	    summary_prices(out, m, i, &r) == -1 ||
	    member_decimal(out, "open_interest",
		amount_of(m, i, m->walk[i].open_interest), &r) == -1 ||
	    member_decimal(
		out, "volume", amount_of(m, i, m->walk[i].volume), &r) == -1 ||
	    member(out, "volume_usd", m->walk[i].volume * 100, 2, &r) == -1 ||
	    member(out, "estimated_delivery_price", m->index[c->base],
		b->index.scale, &r) == -1)
		return -1;
	if (c->kind == CHAIN_OPTION &&
	    (member(out, "mark_iv", m->walk[i].iv, 2, &r) == -1 ||
		member(out, "interest_rate", 0, 1, &r) == -1 ||
		underlying_price(out, m, i, &r) == -1 ||
		text_underlying(out, m, i) == -1))
		return -1;
	if (c->perpetual && of_perpetual(out, &r) == -1)
		return -1;
	return buf_addc(out, '}');
}
