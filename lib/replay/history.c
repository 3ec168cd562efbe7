#include "replay/history.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define WAVE 65536        /* the height of a wave */
#define FULL (WAVE * 100) /* one, in the unit of a sum of waves: percent */
#define OPTION_GEAR 4     /* an option moves so much more than its index */
#define MATCH_ID_FIRST UINT64_C(227538549002481664)

/* Kinds of dice, so that none repeats another's. */
enum dice {
	DICE_WAVE = 1 << 20,
	DICE_SLOT = 2 << 20,
	DICE_DEAL = 3 << 20,
	DICE_REST = 4 << 20,
	DICE_FUNDING = 5 << 20
};

static struct rng dice(uint64_t key, enum dice kind, uint64_t n)
{
	struct rng r = rng_for(
	    key ^ (uint64_t)kind * UINT64_C(0x2545f4914f6cdd1d), n);

	return r;
}

/* Between two values drawn at the ends of a period, as the crow flies. */
static int64_t wave(uint64_t key, int64_t at_ms, int64_t period_ms)
{
	uint64_t n = (uint64_t)(at_ms / period_ms);
	struct rng a = dice(key + (uint64_t)period_ms, DICE_WAVE, n);
	struct rng b = dice(key + (uint64_t)period_ms, DICE_WAVE, n + 1);
	int64_t from = rng_below(&a, 2 * WAVE) - WAVE;
	int64_t to = rng_below(&b, 2 * WAVE) - WAVE;

	return from + (to - from) * (at_ms % period_ms) / period_ms;
}

/* Where the index is off its beginning, of FULL: within nine percent. */
static int64_t waves(const struct history *h, unsigned base, int64_t at_ms)
{
	uint64_t key = h->market->seed * 64 + base;

	return 5 * wave(key, at_ms, 7 * HISTORY_DAY_MS) +
	       2 * wave(key, at_ms, HISTORY_DAY_MS) +
	       wave(key, at_ms, 4 * HISTORY_HOUR_MS) +
	       wave(key, at_ms, HISTORY_HOUR_MS) / 2 +
	       wave(key, at_ms, 10 * MINUTE_MS) / 4;
}

int64_t history_index(const struct history *h, unsigned base, int64_t at_ms)
{
	int64_t first = chain_bases[base].index.mantissa;

	return first + first * waves(h, base, at_ms) / FULL;
}

/* What the instrument costs about then, off its grid. */
static int64_t level(const struct history *h, uint32_t n, int64_t at_ms)
{
	const struct chain_instrument *i = &h->market->chain[n];
	int64_t anchor = h->market->walk[n].anchor, price;

	if (i->kind == CHAIN_OPTION)
		return anchor +
		       anchor * OPTION_GEAR * waves(h, i->base, at_ms) / FULL;
	price = history_index(h, i->base, at_ms);
	for (int s = chain_bases[i->base].index.scale;
	     s > chain_grid_of(i)->scale; s--)
		price /= 10;
	return price;
}

const struct history_line *history_line(
    const struct history *h, size_t instrument)
{
	uint32_t line = h->market->walk[instrument].line;

	return line == 0 ? NULL : &h->line[line - 1];
}

/* In ascending order, and at times two or more of the same millisecond; never
 * the last of its slot, so that ids have the order of numbers. */
static void slot_times(const struct history_line *line, uint64_t number,
    int64_t begin_ms, int64_t *at_ms)
{
	struct rng r = dice(line->key, DICE_SLOT, number);
	uint64_t bursts;

	for (int i = 0; i < HISTORY_SLOT; i++) {
		int64_t t = begin_ms + rng_below(&r, line->slot_ms - 1);
		int k = i;

		for (; k > 0 && at_ms[k - 1] > t; k--)
			at_ms[k] = at_ms[k - 1];
		at_ms[k] = t;
	}
	bursts = rng_next(&r) & rng_next(&r) & rng_next(&r);
	for (int i = 1; i < HISTORY_SLOT; i++)
		if (bursts >> i & 1)
			at_ms[i] = at_ms[i - 1];
}

static void slot_load(const struct history *h, const struct history_line *line,
    uint64_t number, struct history_slot *s)
{
	bool next = s->line == line && s->number + 1 == number;

	s->line = line;
	s->number = number;
	s->begin_ms = line->from_ms + (int64_t)number * line->slot_ms;
	slot_times(line, number, s->begin_ms, s->at_ms);
	s->level[0] = next ? s->level[1]
	                   : level(h, line->instrument, s->begin_ms);
	s->level[1] = level(h, line->instrument, s->begin_ms + line->slot_ms);
}

int64_t history_slot(const struct history *h, const struct history_line *line,
    uint64_t seq, struct history_slot *slot)
{
	uint64_t number = (seq - 1) / HISTORY_SLOT;

	if (slot->line != line || slot->number != number)
		slot_load(h, line, number, slot);
	return slot->at_ms[(seq - 1) % HISTORY_SLOT];
}

uint64_t history_before(
    const struct history *h, const struct history_line *line, int64_t at_ms)
{
	int64_t at[HISTORY_SLOT], number;
	uint64_t n;

	(void)h;
	if (at_ms > line->to_ms)
		at_ms = line->to_ms;
	if (at_ms <= line->from_ms)
		return 0;
	number = (at_ms - line->from_ms) / line->slot_ms;
	n = (uint64_t)number * HISTORY_SLOT;
	slot_times(
	    line, (uint64_t)number, line->from_ms + number * line->slot_ms, at);
	for (int i = 0; i < HISTORY_SLOT && at[i] < at_ms; i++)
		n++;
	return n;
}

/* The walk's price of a deal, from its own dice. */
static struct history_deal deal(const struct history *h,
    const struct history_slot *s, uint64_t seq, struct rng *r)
{
	const struct chain_instrument *i =
	    &h->market->chain[s->line->instrument];
	const struct chain_grid *g = chain_grid_of(i);
	int64_t price = s->level[0] + (s->level[1] - s->level[0]) *
	                                  (int64_t)((seq - 1) % HISTORY_SLOT) /
	                                  HISTORY_SLOT;
	int64_t step = chain_step(g, price);
	uint64_t roll = rng_next(r);

	return (struct history_deal){
	    chain_snap(g, price + step * (int64_t)(roll % 5) - 2 * step),
	    1 + (int64_t)(roll >> 8 & 0xffff) % 50, roll >> 32 & 1};
}

struct history_deal history_deal(
    const struct history *h, const struct history_slot *slot, uint64_t seq)
{
	struct rng r = dice(slot->line->key, DICE_DEAL, seq);

	return deal(h, slot, seq, &r);
}

/* As they are ordered: by time, line and number. */
#define ID_OF_MS (HISTORY_LINES_MAX * HISTORY_SLOT)

static uint64_t id_of(const struct history *h, const struct history_slot *s,
    uint64_t seq, int64_t at_ms)
{
	uint64_t line = (uint64_t)(s->line - h->line);

	return (uint64_t)(at_ms - h->begin_ms + 1) * ID_OF_MS +
	       line * HISTORY_SLOT + (seq - 1) % HISTORY_SLOT;
}

int64_t history_id_ms(const struct history *h, uint64_t id)
{
	return h->begin_ms - 1 + (int64_t)(id / ID_OF_MS);
}

/* What the price before was: of the slot's first, where the slot begins. */
static unsigned char tick_direction(const struct history *h,
    const struct history_slot *s, uint64_t seq, int64_t price)
{
	uint64_t k = (seq - 1) % HISTORY_SLOT;
	int64_t before = k == 0 ? s->level[0]
	                        : history_deal(h, s, seq - 1).price;

	return price > before ? 0 : price < before ? 2 : 1;
}

void history_trade(const struct history *h, const struct history_slot *slot,
    uint64_t seq, struct market_trade *out)
{
	const struct chain_instrument *i =
	    &h->market->chain[slot->line->instrument];
	struct rng r = dice(slot->line->key, DICE_REST, seq);
	struct history_deal d = history_deal(h, slot, seq);
	bool option = i->kind == CHAIN_OPTION;

	memset(out, 0, sizeof(*out));
	out->instrument = slot->line->instrument;
	out->seq = seq;
	out->at_ms = slot->at_ms[(seq - 1) % HISTORY_SLOT];
	out->id = id_of(h, slot, seq, out->at_ms);
	out->buy = d.buy;
	out->price = d.price;
	out->amount = d.amount;
	out->tick_direction = tick_direction(h, slot, seq, d.price);
	out->nanoseconds = rng_below(&r, 1000000);
	out->mark = d.price * 10000 + rng_below(&r, 9999) - 4999;
	out->index = history_index(h, i->base, out->at_ms);
	out->has_iv = option && rng_below(&r, 10) > 0;
	out->iv = (int64_t)(chain_bases[i->base].volatility * 10000) +
	          rng_below(&r, 1500);
	if (rng_below(&r, 40) == 0)
		out->iv = 0;
	out->match_id = MATCH_ID_FIRST + out->id;
	if (rng_below(&r, 100) == 0)
		out->block = out->id;
	if (rng_below(&r, 50) == 0 && i->kind == CHAIN_FUTURE)
		out->liquidation = (unsigned char)(1 + rng_below(&r, 3));
	out->style = rng_next(&r);
}

/* A part of what is paid for an hour; a third of those of linear perpetuals is
 * nothing. */
static int64_t interest(const struct history *h, size_t n, int64_t at_ms)
{
	const struct chain_base *b = &chain_bases[h->market->chain[n].base];
	struct rng r = dice(h->market->seed * 64 + h->market->chain[n].base,
	    DICE_FUNDING, (uint64_t)(at_ms / HISTORY_HOUR_MS));
	const int64_t unit = INT64_C(1000000000000000); /* 10^-5 */

	if (b->linear && rng_below(&r, 3) == 0)
		return 0;
	return rng_below(&r, 10 * unit) - 3 * unit;
}

void history_funding(const struct history *h, size_t instrument, int64_t at_ms,
    struct history_funding *out)
{
	const struct chain_instrument *i = &h->market->chain[instrument];

	out->at_ms = at_ms;
	out->index = history_index(h, i->base, at_ms);
	out->before = history_index(h, i->base, at_ms - HISTORY_HOUR_MS);
	out->interest_1h = interest(h, instrument, at_ms);
	out->interest_8h = 0;
	for (int k = 0; k < 8 && at_ms > i->creation_ms;
	     k++, at_ms -= HISTORY_HOUR_MS)
		out->interest_8h += interest(h, instrument, at_ms);
}

static int64_t minute_of(int64_t at_ms)
{
	return at_ms - at_ms % MINUTE_MS;
}

int64_t history_candles_begin(const struct history *h, size_t instrument)
{
	return minute_of(h->market->chain[instrument].creation_ms);
}

int64_t history_candles_end(const struct history *h, size_t instrument)
{
	const struct chain_instrument *i = &h->market->chain[instrument];

	/* Of those that --expire-every ended before their time, as well. */
	return minute_of(i->expiration_ms + MINUTE_MS - 1);
}

/* The trades of a line on their way into candles. */
struct reel {
	const struct history *history;
	const struct history_line *line; /* NULL: there are none */
	struct history_slot slot;
	uint64_t seq, end; /* the next one, and the one behind the last */
	int64_t close;
};

static void reel_begin(struct reel *r, const struct history *h, size_t n,
    int64_t at_ms, int64_t until_ms)
{
	memset(r, 0, sizeof(*r));
	r->history = h;
	r->line = history_line(h, n);
	r->close = h->market->walk[n].anchor;
	if (r->line == NULL)
		return;
	r->seq = history_before(h, r->line, at_ms) + 1;
	r->end = history_before(h, r->line, until_ms) + 1;
	if (r->seq > 1) {
		history_slot(h, r->line, r->seq - 1, &r->slot);
		r->close = history_deal(h, &r->slot, r->seq - 1).price;
	}
}

/* The next trade's time, if it is before that one. */
static bool reel_has(struct reel *r, int64_t before_ms, int64_t *at_ms)
{
	if (r->line == NULL || r->seq >= r->end)
		return false;
	*at_ms = history_slot(r->history, r->line, r->seq, &r->slot);
	return *at_ms < before_ms;
}

/* Of a candle of several minutes, those without a trade are flat as well: it
 * opens where the last one closed, unless its first minute has a trade. */
static void candle_make(struct reel *r, const struct chain_instrument *i,
    int64_t first_ms, int64_t end_ms, struct candle *c)
{
	bool any = false;
	int64_t at_ms;

	while (reel_has(r, end_ms, &at_ms)) {
		struct history_deal d = history_deal(
		    r->history, &r->slot, r->seq);

		if (!any && minute_of(at_ms) == first_ms) {
			int64_t price = chain_shown(i, d.price);

			c->open = c->high = c->low = price;
		}
		any = true;
		candle_add(c, i, d.price, d.amount);
		r->close = d.price;
		r->seq++;
	}
}

/* Nobody can take it for the candle that it will be. */
static void leave_open(struct candle *c, const struct chain_instrument *i)
{
	c->close += 3 * chain_grid_of(i)->step;
	if (c->close > c->high)
		c->high = c->close;
	c->volume += 7;
	c->cost += 7;
}

void history_candles(const struct history *h, size_t instrument, int minutes,
    int64_t tick_ms, int64_t now_ms, struct candle *row, size_t count)
{
	const struct chain_instrument *i = &h->market->chain[instrument];
	int64_t begin_ms = history_candles_begin(h, instrument);
	int64_t length_ms = minutes * MINUTE_MS;
	struct reel r;

	reel_begin(&r, h, instrument, tick_ms, now_ms + 1);
	for (size_t k = 0; k < count; k++, tick_ms += length_ms) {
		int64_t close = chain_shown(i, r.close);

		row[k] = (struct candle){
		    tick_ms, close, close, close, close, 0, 0};
		candle_make(&r, i, tick_ms > begin_ms ? tick_ms : begin_ms,
		    tick_ms + length_ms, &row[k]);
		if (tick_ms + length_ms > now_ms && i->expiration_ms > now_ms)
			leave_open(&row[k], i);
	}
}

int history_cursor_begin(
    struct history_cursor *c, const struct history *h, bool ascending)
{
	c->history = h;
	c->ascending = ascending;
	c->ways = 0;
	c->way = calloc(h->count + 1, sizeof(*c->way));
	return c->way == NULL ? -1 : 0;
}

void history_cursor_end(struct history_cursor *c)
{
	free(c->way);
}

static void way_head(const struct history_cursor *c, struct history_way *w)
{
	if (w->low <= w->high)
		w->head_ms = history_slot(c->history, w->line,
		    c->ascending ? w->low : w->high, &w->slot);
}

void history_cursor_add(struct history_cursor *c,
    const struct history_line *line, uint64_t low, uint64_t high)
{
	struct history_way *w = &c->way[c->ways];

	if (low > high)
		return;
	w->line = line;
	w->low = low;
	w->high = high;
	way_head(c, w);
	c->ways++;
}

static bool is_sooner(const struct history_cursor *c,
    const struct history_way *a, const struct history_way *b)
{
	if (a->head_ms != b->head_ms)
		return c->ascending ? a->head_ms < b->head_ms
		                    : a->head_ms > b->head_ms;
	return c->ascending ? a->line < b->line : a->line > b->line;
}

bool history_cursor_next(struct history_cursor *c, struct market_trade *out)
{
	struct history_way *first = NULL;

	for (size_t i = 0; i < c->ways; i++) {
		struct history_way *w = &c->way[i];

		if (w->low <= w->high &&
		    (first == NULL || is_sooner(c, w, first)))
			first = w;
	}
	if (first == NULL)
		return false;
	history_trade(c->history, &first->slot,
	    c->ascending ? first->low++ : first->high--, out);
	way_head(c, first);
	return true;
}
