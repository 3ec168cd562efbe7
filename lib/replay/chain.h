/*
 * The listing of the synthetic market: which instruments there are.  BTC and
 * ETH inverse, SOL and XRP under USDC, spot pairs, a few combos; shaped like
 * the exchange's own lists in number of expiries, strikes and in names (deribit
 * instrument naming).  Knows the unchanging part only; prices live in
 * replay/market.h.
 */
#ifndef REPLAY_CHAIN_H
#define REPLAY_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay/decimal.h"

#define CHAIN_EXPIRIES 12
#define CHAIN_BASES 7 /* the last three have a spot pair only */
#define CHAIN_LEGS 2
#define CHAIN_PERPETUAL_MS INT64_C(32503708800000) /* the year 3000 */

enum chain_kind {
	CHAIN_OPTION,
	CHAIN_FUTURE,
	CHAIN_SPOT,
	CHAIN_FUTURE_COMBO,
	CHAIN_OPTION_COMBO
};

/* Of a combo: what is bought, or sold (ratio -1), with it. */
struct chain_leg {
	size_t instrument; /* its number */
	int ratio;
};

/* The middle two have expired; the last one is not open yet. */
enum chain_state {
	CHAIN_OPEN,
	CHAIN_DELIVERED,
	CHAIN_ARCHIVIZED,
	CHAIN_CREATED
};

/* A price grid: steps of the last digit that are multiples of step, and from
 * `above` on multiples of step_above (0: no such step). */
struct chain_grid {
	int scale;
	int64_t step;
	int64_t above;
	int64_t step_above;
};

/* What the instruments of one base currency share. */
struct chain_base {
	const char *base;     /* BTC */
	const char *currency; /* as the currency parameter: BTC, USDC */
	const char *prefix;   /* of names: BTC, SOL_USDC */
	const char *index_name;
	bool linear;
	struct decimal index; /* where the walk begins */
	struct chain_grid option_grid, future_grid;
	struct decimal option_amount, future_amount; /* the smallest */
	struct decimal option_contract, future_contract;
	int64_t strike_step[4]; /* thousandths: daily, weekly, monthly, later */
	int strikes[4];
	int expiries;
	double volatility; /* a year, as a fraction */
};

struct chain_instrument {
	char name[96];
	unsigned base; /* in chain_bases[] */
	enum chain_kind kind;
	bool perpetual;
	bool call;
	struct decimal strike;
	int64_t id;
	int64_t creation_ms, expiration_ms;
	const char *settlement_period;
	struct chain_leg leg[CHAIN_LEGS]; /* of combos */
	int64_t shift; /* combos walk above zero, by so much */
	enum chain_state state;
	int64_t turned_us; /* monotonic: delivered, or created */
};

extern const struct chain_base chain_bases[CHAIN_BASES];

/* The CHAIN_EXPIRIES next expiries after now_ms, ascending: four days, three
 * Fridays, two ends of month, three ends of quarter, each 08:00 UTC. */
void chain_expiries(int64_t now_ms, int64_t *expiry_ms);

/* All instruments, by base, expiry, strike, and behind them the spot pairs and
 * the combos; the caller frees the array.  NULL without memory. */
struct chain_instrument *chain_new(int64_t now_ms, size_t *count);

/* Makes a new open option, or dated future, of a copy whose strike, side and
 * expiration have been set. */
void chain_relist(struct chain_instrument *i, int64_t id, int64_t now_ms);

static inline bool chain_is_open(const struct chain_instrument *i)
{
	return i->state == CHAIN_OPEN;
}

static inline bool chain_has_expired(const struct chain_instrument *i)
{
	return i->state == CHAIN_DELIVERED || i->state == CHAIN_ARCHIVIZED;
}

static inline bool chain_is_combo(const struct chain_instrument *i)
{
	return i->kind >= CHAIN_FUTURE_COMBO;
}

/* A price of its walk as the world sees it; a combo's may be negative. */
static inline int64_t chain_shown(
    const struct chain_instrument *i, int64_t price)
{
	return price - i->shift;
}

/* The grid of an instrument, *borrowed* from chain_bases[]. */
const struct chain_grid *chain_grid_of(const struct chain_instrument *i);

/* The smallest amount, and the contract. */
struct decimal chain_amount(const struct chain_instrument *i);
struct decimal chain_contract(const struct chain_instrument *i);

/* The nearest price on the grid, at least one step. */
int64_t chain_snap(const struct chain_grid *g, int64_t price);

/* The step at this price. */
int64_t chain_step(const struct chain_grid *g, int64_t price);

#endif
