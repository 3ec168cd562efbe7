#include "replay/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define DAY_MS INT64_C(86400000)
#define EXPIRY_MS (8 * INT64_C(3600000)) /* 08:00 UTC */
#define FRIDAY 5

#define COMBO_NEAR 4 /* slots of expiries that have combos */
#define COMBO_FAR 9
#define COMBO_SHIFT 10000 /* steps: farther than any walk goes */

enum { DAILY, WEEKLY, MONTHLY, QUARTERLY };

/* Slots of the list, nearest first, and how wide each one's strikes lie. */
static const unsigned char slot_class[CHAIN_EXPIRIES] = {DAILY, DAILY, DAILY,
    DAILY, WEEKLY, WEEKLY, WEEKLY, MONTHLY, MONTHLY, QUARTERLY, QUARTERLY,
    QUARTERLY};

const struct chain_base chain_bases[CHAIN_BASES] = {
    {"BTC", "BTC", "BTC", "btc_usd", false, {6400000, 2}, {4, 1, 50, 5},
	{1, 5, 0, 0}, {1, 1}, {10, 0}, {1, 0}, {10, 0},
	{500000, 1000000, 2000000, 5000000}, {30, 36, 42, 48}, 12, 0.45},
    {"ETH", "ETH", "ETH", "eth_usd", false, {340000, 2}, {4, 1, 50, 5},
	{2, 5, 0, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0},
	{25000, 50000, 100000, 200000}, {30, 36, 42, 48}, 12, 0.62},
    {"SOL", "USDC", "SOL_USDC", "sol_usdc", true, {14200, 2}, {1, 1, 0, 0},
	{2, 1, 0, 0}, {10, 0}, {1, 1}, {10, 0}, {1, 1},
	{1000, 2000, 4000, 5000}, {30, 36, 42, 48}, 12, 0.75},
    {"XRP", "USDC", "XRP_USDC", "xrp_usdc", true, {13500, 4}, {4, 1, 0, 0},
	{4, 1, 0, 0}, {1000, 0}, {1, 0}, {1000, 0}, {1, 0}, {25, 25, 50, 100},
	{24, 24, 24, 20}, 8, 0.85},
    {.base = "BTC",
	.currency = "USDC",
	.prefix = "BTC_USDC",
	.index_name = "btc_usdc",
	.linear = true,
	.index = {6400000, 2},
	.future_grid = {1, 5, 0, 0},
	.future_amount = {1, 4},
	.future_contract = {1, 4}},
    {.base = "ETH",
	.currency = "USDC",
	.prefix = "ETH_USDC",
	.index_name = "eth_usdc",
	.linear = true,
	.index = {340000, 2},
	.future_grid = {2, 5, 0, 0},
	.future_amount = {1, 3},
	.future_contract = {1, 3}},
    {.base = "ETH",
	.currency = "BTC",
	.prefix = "ETH_BTC",
	.index_name = "eth_btc",
	.linear = true,
	.index = {5312, 5},
	.future_grid = {5, 1, 0, 0},
	.future_amount = {1, 3},
	.future_contract = {1, 3}},
};

static int weekday(int64_t day)
{
	return (int)((day + 4) % 7);
}

static void civil(int64_t day, struct tm *tm)
{
	time_t t = (time_t)(day * 86400);

	gmtime_r(&t, tm);
}

static bool is_month_end(int64_t day)
{
	struct tm now, later;

	civil(day, &now);
	civil(day + 7, &later);
	return weekday(day) == FRIDAY && now.tm_mon != later.tm_mon;
}

static bool is_quarter_end(int64_t day)
{
	struct tm tm;

	civil(day, &tm);
	return is_month_end(day) && tm.tm_mon % 3 == 2;
}

static bool slot_takes(int class, int64_t day)
{
	switch (class) {
	case DAILY: return true;
	case WEEKLY: return weekday(day) == FRIDAY;
	case MONTHLY: return is_month_end(day);
	default: return is_quarter_end(day);
	}
}

void chain_expiries(int64_t now_ms, int64_t *expiry_ms)
{
	/* Nothing expires within the first hour of a demonstration. */
	int64_t day = (now_ms + 3600000 - EXPIRY_MS) / DAY_MS;

	for (int i = 0; i < CHAIN_EXPIRIES; i++) {
		do
			day++;
		while (!slot_takes(slot_class[i], day));
		expiry_ms[i] = day * DAY_MS + EXPIRY_MS;
	}
}

static void date_text(char *out, size_t size, int64_t expiry_ms)
{
	static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
	struct tm tm;

	civil(expiry_ms / DAY_MS, &tm);
	snprintf(out, size, "%d%.3s%02d", tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year % 100);
}

/* The d of a strike is its decimal point: 1d325. */
static void strike_text(char *out, size_t size, struct decimal strike)
{
	char text[DECIMAL_SIZE];
	char *point;

	decimal_format(text, strike, DECIMAL_PLAIN);
	point = strchr(text, '.');
	if (point != NULL)
		*point = 'd';
	snprintf(out, size, "%s", text);
}

static const char *period_of(int64_t expiry_ms)
{
	int64_t day = expiry_ms / DAY_MS;

	if (is_month_end(day))
		return "month";
	return weekday(day) == FRIDAY ? "week" : "day";
}

struct builder {
	struct chain_instrument *list;
	size_t count, size;
	int64_t now_ms;
	int64_t expiry_ms[CHAIN_EXPIRIES];
};

static struct chain_instrument *add(
    struct builder *b, unsigned base, enum chain_kind kind)
{
	struct chain_instrument *i;

	if (b->count == b->size) {
		size_t size = b->size == 0 ? 1024 : b->size * 2;
		void *list = realloc(b->list, size * sizeof(*b->list));

		if (list == NULL)
			return NULL;
		b->list = list;
		b->size = size;
	}
	i = &b->list[b->count++];
	memset(i, 0, sizeof(*i));
	i->base = base;
	i->kind = kind;
	i->id = 400000 + (int64_t)b->count;
	i->creation_ms = b->now_ms - 7 * DAY_MS - (int64_t)b->count * 1000;
	return i;
}

static int add_perpetual(struct builder *b, unsigned base)
{
	struct chain_instrument *i = add(b, base, CHAIN_FUTURE);

	if (i == NULL)
		return -1;
	i->perpetual = true;
	i->expiration_ms = CHAIN_PERPETUAL_MS;
	i->settlement_period = "perpetual";
	snprintf(
	    i->name, sizeof(i->name), "%s-PERPETUAL", chain_bases[base].prefix);
	return 0;
}

static void name_future(struct chain_instrument *i)
{
	char date[16];

	date_text(date, sizeof(date), i->expiration_ms);
	snprintf(i->name, sizeof(i->name), "%s-%s", chain_bases[i->base].prefix,
	    date);
}

static int add_future(struct builder *b, unsigned base, int slot)
{
	struct chain_instrument *i = add(b, base, CHAIN_FUTURE);

	if (i == NULL)
		return -1;
	i->expiration_ms = b->expiry_ms[slot];
	i->settlement_period = period_of(i->expiration_ms);
	name_future(i);
	return 0;
}

static void name_option(struct chain_instrument *i)
{
	char date[16], text[DECIMAL_SIZE];

	date_text(date, sizeof(date), i->expiration_ms);
	strike_text(text, sizeof(text), i->strike);
	snprintf(i->name, sizeof(i->name), "%s-%s-%s-%c",
	    chain_bases[i->base].prefix, date, text, i->call ? 'C' : 'P');
}

void chain_relist(struct chain_instrument *i, int64_t id, int64_t now_ms)
{
	i->id = id;
	i->creation_ms = now_ms;
	i->state = CHAIN_OPEN;
	i->settlement_period = period_of(i->expiration_ms);
	if (i->kind == CHAIN_FUTURE)
		name_future(i);
	else
		name_option(i);
}

static int add_option(
    struct builder *b, unsigned base, int slot, int64_t strike, bool call)
{
	struct chain_instrument *i = add(b, base, CHAIN_OPTION);

	if (i == NULL)
		return -1;
	i->strike = (struct decimal){strike, 3};
	i->call = call;
	i->expiration_ms = b->expiry_ms[slot];
	i->settlement_period = period_of(i->expiration_ms);
	name_option(i);
	return 0;
}

static int64_t thousandths(struct decimal d)
{
	int64_t m = d.mantissa;

	for (int i = d.scale; i < 3; i++)
		m *= 10;
	for (int i = d.scale; i > 3; i--)
		m /= 10;
	return m;
}

static int add_expiry(struct builder *b, unsigned base, int slot)
{
	const struct chain_base *c = &chain_bases[base];
	int class = slot_class[slot];
	int64_t step = c->strike_step[class];
	int n = c->strikes[class];
	int64_t lowest = thousandths(c->index) / step * step - n / 2 * step;

	if (lowest < step)
		lowest = step;
	for (int k = 0; k < n; k++) {
		if (add_option(b, base, slot, lowest + k * step, true) == -1 ||
		    add_option(b, base, slot, lowest + k * step, false) == -1)
			return -1;
	}
	return 0;
}

/* Futures before options, as the exchange sorts. */
static int add_base(struct builder *b, unsigned base)
{
	if (add_perpetual(b, base) == -1)
		return -1;
	for (int slot = 0; slot < chain_bases[base].expiries; slot++)
		if (add_future(b, base, slot) == -1)
			return -1;
	for (int slot = 0; slot < chain_bases[base].expiries; slot++)
		if (add_expiry(b, base, slot) == -1)
			return -1;
	return 0;
}

static int add_spot(struct builder *b, unsigned base)
{
	struct chain_instrument *i = add(b, base, CHAIN_SPOT);

	if (i == NULL)
		return -1;
	i->expiration_ms = CHAIN_PERPETUAL_MS;
	snprintf(i->name, sizeof(i->name), "%s", chain_bases[base].prefix);
	return 0;
}

/* The base's first instrument of this kind and slot, or its perpetual. */
static size_t find_first(const struct builder *b, unsigned base,
    enum chain_kind kind, bool perpetual, int slot)
{
	size_t n = 0;

	while (b->list[n].base != base || b->list[n].kind != kind ||
	       b->list[n].perpetual != perpetual ||
	       (!perpetual && b->list[n].expiration_ms != b->expiry_ms[slot]))
		n++;
	return n;
}

/* Expires with its first leg. */
static struct chain_instrument *add_combo(struct builder *b, unsigned base,
    enum chain_kind kind, struct chain_leg first, struct chain_leg second)
{
	struct chain_instrument *i = add(b, base, kind);

	if (i == NULL)
		return NULL;
	i->leg[0] = first;
	i->leg[1] = second;
	i->expiration_ms = b->list[first.instrument].expiration_ms;
	i->settlement_period = b->list[first.instrument].settlement_period;
	i->shift = COMBO_SHIFT * chain_grid_of(i)->step;
	return i;
}

/* The dated future against the perpetual. */
static int add_future_spread(struct builder *b, unsigned base, int slot)
{
	struct chain_instrument *i = add_combo(b, base, CHAIN_FUTURE_COMBO,
	    (struct chain_leg){
		find_first(b, base, CHAIN_FUTURE, false, slot), 1},
	    (struct chain_leg){
		find_first(b, base, CHAIN_FUTURE, true, slot), -1});
	char date[16];

	if (i == NULL)
		return -1;
	date_text(date, sizeof(date), i->expiration_ms);
	snprintf(i->name, sizeof(i->name), "%s-FS-%s_PERP",
	    chain_bases[base].prefix, date);
	return 0;
}

/* A call spread, or a risk reversal (a put sold for a call), about the middle
 * of the expiry's strikes; options are listed by strike, calls first. */
static int add_option_spread(
    struct builder *b, unsigned base, int slot, bool reversal)
{
	size_t low = find_first(b, base, CHAIN_OPTION, false, slot) +
	             (size_t)chain_bases[base].strikes[slot_class[slot]];
	size_t high;
	struct chain_instrument *i;
	char date[16], strikes[2][DECIMAL_SIZE];

	if (!b->list[low].call)
		low--;
	high = low + 2;
	i = add_combo(b, base, CHAIN_OPTION_COMBO,
	    (struct chain_leg){reversal ? low + 1 : low, reversal ? -1 : 1},
	    (struct chain_leg){high, reversal ? 1 : -1});
	if (i == NULL)
		return -1;
	date_text(date, sizeof(date), i->expiration_ms);
	strike_text(strikes[0], sizeof(strikes[0]), b->list[low].strike);
	strike_text(strikes[1], sizeof(strikes[1]), b->list[high].strike);
	snprintf(i->name, sizeof(i->name), "%s-%s-%s-%.24s_%.24s",
	    chain_bases[base].prefix, reversal ? "RR" : "CS", date, strikes[0],
	    strikes[1]);
	return 0;
}

/* Spot pairs and combos: numbers behind all others. */
static int add_others(struct builder *b)
{
	static const unsigned spots[] = {4, 5, 6, 2};

	for (size_t k = 0; k < sizeof(spots) / sizeof(spots[0]); k++)
		if (add_spot(b, spots[k]) == -1)
			return -1;
	for (unsigned base = 0; base < 2; base++)
		if (add_future_spread(b, base, COMBO_NEAR) == -1 ||
		    add_future_spread(b, base, COMBO_FAR) == -1 ||
		    add_option_spread(b, base, COMBO_NEAR, false) == -1 ||
		    add_option_spread(b, base, COMBO_FAR, false) == -1 ||
		    add_option_spread(b, base, COMBO_FAR, true) == -1)
			return -1;
	return 0;
}

struct chain_instrument *chain_new(int64_t now_ms, size_t *count)
{
	struct builder b = {.now_ms = now_ms};

	chain_expiries(now_ms, b.expiry_ms);
	for (unsigned base = 0; base < CHAIN_BASES; base++) {
		if (chain_bases[base].expiries > 0 && add_base(&b, base) == -1)
			goto out;
	}
	if (add_others(&b) == -1)
		goto out;
	*count = b.count;
	return b.list;
out:
	free(b.list);
	return NULL;
}

/* A combo of options has one tick, whatever its price. */
static const struct chain_grid combo_grid = {4, 1, 0, 0};

static bool is_of_options(const struct chain_instrument *i)
{
	return i->kind == CHAIN_OPTION || i->kind == CHAIN_OPTION_COMBO;
}

const struct chain_grid *chain_grid_of(const struct chain_instrument *i)
{
	const struct chain_base *c = &chain_bases[i->base];

	if (i->kind == CHAIN_OPTION_COMBO)
		return &combo_grid;
	return i->kind == CHAIN_OPTION ? &c->option_grid : &c->future_grid;
}

struct decimal chain_amount(const struct chain_instrument *i)
{
	const struct chain_base *c = &chain_bases[i->base];

	return is_of_options(i) ? c->option_amount : c->future_amount;
}

struct decimal chain_contract(const struct chain_instrument *i)
{
	const struct chain_base *c = &chain_bases[i->base];

	return is_of_options(i) ? c->option_contract : c->future_contract;
}

int64_t chain_step(const struct chain_grid *g, int64_t price)
{
	return g->above > 0 && price >= g->above ? g->step_above : g->step;
}

int64_t chain_snap(const struct chain_grid *g, int64_t price)
{
	int64_t step = chain_step(g, price);

	price = price / step * step;
	return price < g->step ? g->step : price;
}
