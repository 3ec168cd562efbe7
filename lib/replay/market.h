/*
 * The synthetic market: every instrument's quote as a random walk on its tick
 * grid, trades with dense sequence numbers, and who subscribed to what.  A seed
 * gives the same content in the same order for the same subscriptions; only
 * the times are the clock's.  Subscribers are slots, bits of a mask; the market
 * knows no connection and sends nothing: it hands texts to a callback.
 */
#ifndef REPLAY_MARKET_H
#define REPLAY_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "replay/chain.h"
#include "replay/rng.h"

#define MARKET_SLOTS 64

enum market_stream {
	STREAM_QUOTE,
	STREAM_TICKER_100MS,
	STREAM_TICKER_AGG2,
	STREAM_TRADES_100MS,
	STREAM_TRADES_AGG2,
	STREAM_COUNT
};

/* Prices and amounts are mantissas on the instrument's own scales. */
struct market_walk {
	int64_t fair, anchor;
	int64_t bid, ask; /* 0: the side is empty */
	int64_t bid_amount, ask_amount;
	int64_t last;          /* 0: never traded */
	int64_t iv;            /* hundredths of a percent */
	int64_t open_interest; /* smallest amounts */
	int64_t volume;        /* smallest amounts */
	uint64_t seq;          /* of the last trade */
	uint64_t last_trade;   /* its number in the memory, 0: none */
	uint64_t subs[STREAM_COUNT];
};

struct market_trade {
	uint32_t instrument;
	bool buy;
	bool has_iv;
	unsigned char tick_direction;
	uint64_t seq, id, match_id;
	int64_t at_ms, nanoseconds; /* the latter beyond the millisecond */
	int64_t price, amount, mark, index, iv;
	uint64_t block; /* 0: no block trade */
	uint64_t prev;  /* the instrument's trade before, as last_trade */
	uint64_t style; /* draws the number syntaxes: the same whenever told */
};

#define MARKET_KINDS 6      /* any, option, future, spot and the two combos */
#define MARKET_CURRENCIES 6 /* any, BTC, ETH, USDC, USDT, EURR */
#define MARKET_TRADES 65536 /* remembered */

struct market_pool {
	uint32_t *member;
	uint64_t *weight; /* cumulative */
	size_t count;
};

struct market {
	uint64_t seed;
	struct rng rng;
	struct chain_instrument *chain;
	struct market_walk *walk;
	uint32_t *rank;  /* instruments, most active first */
	uint32_t *names; /* hash of names to instrument + 1 */
	size_t count, names_size;
	int64_t index[CHAIN_BASES];
	uint64_t trade_id[CHAIN_BASES];
	uint64_t trades_of[MARKET_KINDS][MARKET_CURRENCIES][2];
	uint64_t state_of[MARKET_KINDS][MARKET_CURRENCIES];
	uint64_t creation_of[MARKET_KINDS][MARKET_CURRENCIES];
	uint64_t index_of[CHAIN_BASES];
	uint64_t platform[3];
	struct market_pool quotes, trades;
	bool stale; /* the pools do not show the subscriptions */
	struct market_trade *memory;
	uint64_t traded; /* trades so far; trade n is memory[n % size] */
	uint64_t match_id;
	struct buf text; /* a message being written */
};

/* NULL with *fault without memory.  now_ms: expiries follow it. */
struct market *market_new(uint64_t seed, int64_t now_ms, struct fault *fault);
void market_free(struct market *m);

/* The instrument's number, or -1. */
long market_find(const struct market *m, const char *name, size_t len);

enum market_channel { CHANNEL_OK, CHANNEL_UNKNOWN, CHANNEL_RAW };

/* What a channel name stands for; *subs is its mask, *borrowed*.  CHANNEL_RAW:
 * only for authenticated sessions. */
enum market_channel market_channel(
    struct market *m, const char *name, size_t len, uint64_t **subs);

/* true: the slot was not (or was) subscribed before. */
bool market_subscribe(struct market *m, uint64_t *subs, unsigned slot);
bool market_unsubscribe(struct market *m, uint64_t *subs, unsigned slot);

/* Takes the slot out of every channel. */
void market_leave(struct market *m, unsigned slot);

/* Takes one notification for the slots in the mask; text is *borrowed*. */
struct market_sink {
	void (*emit)(void *arg, uint64_t slots, const char *text, size_t len);
	void *arg;
};

/* One event: a quote, or some trades.  Returns how many notifications that
 * were, 0 when nobody listens to what the market makes. */
int market_step(struct market *m, int64_t now_us, struct market_sink *sink);

/* The price index of every base that is listened to; once a second. */
void market_indexes(struct market *m, int64_t now_us, struct market_sink *sink);

/* The remembered trade of that number (last_trade, prev), or NULL. */
const struct market_trade *market_trade_at(
    const struct market *m, uint64_t number);

/* The mark price, on the grid's scale + 4. */
int64_t market_mark(const struct market *m, size_t instrument);

#endif
