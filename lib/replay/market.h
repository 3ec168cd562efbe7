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

#define MARKET_INTERVALS 3    /* 100ms, agg2, raw */
#define MARKET_WINDOWS 3      /* depths of book windows: 1, 10, 20 */
#define MARKET_RESOLUTIONS 12 /* of candles: 1 minute to 1D */

/* Where there are intervals, or windows of books by depth and interval (which
 * are never raw), the next ones follow. */
enum market_stream {
	STREAM_QUOTE,
	STREAM_TICKER,
	STREAM_BOOK = STREAM_TICKER + MARKET_INTERVALS,
	STREAM_WINDOW = STREAM_BOOK + MARKET_INTERVALS,
	STREAM_BOOKS_END = STREAM_WINDOW + 2 * MARKET_WINDOWS,
	STREAM_INCREMENTAL = STREAM_BOOKS_END,
	STREAM_PERPETUAL,
	STREAM_QUOTES_END = STREAM_PERPETUAL + MARKET_INTERVALS,
	/* Those above are told when the quote moves, those below of trades. */
	STREAM_TRADES = STREAM_QUOTES_END,
	STREAM_CHART = STREAM_TRADES + MARKET_INTERVALS,
	STREAM_COUNT = STREAM_CHART + MARKET_RESOLUTIONS
};

struct book;
struct incremental;
struct candle;
struct history;

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
	uint32_t line;         /* of the history, + 1; 0: it has none */
	uint64_t steps;        /* of the walk so far */
	uint64_t change_id;    /* of the last step */
	struct book *book;     /* as told last; NULL: never was */
	struct incremental *told;
	struct candle *candles;
	int64_t told_mark, told_iv; /* of markprice.options */
	/* When tickers were told last. */
	int64_t ticker_us[MARKET_INTERVALS], incremental_us;
	uint64_t subs[STREAM_COUNT];
};

struct market_trade {
	uint32_t instrument;
	bool buy;
	bool has_iv;
	unsigned char tick_direction;
	unsigned char liquidation; /* 1 to 3: M, T, MT; 0: none */
	uint64_t seq, id, match_id;
	int64_t at_ms, nanoseconds; /* the latter beyond the millisecond */
	int64_t price, amount, mark, index, iv;
	uint64_t block;    /* 0: no block trade */
	uint64_t number;   /* as market_trade_at() takes it */
	uint64_t combo_id; /* trade of the combo that this is a leg of */
	uint32_t combo;    /* its instrument; combo_id 0: none */
	uint64_t prev;     /* the instrument's trade before, as last_trade */
	uint64_t style; /* draws the number syntaxes: the same whenever told */
};

#define MARKET_KINDS 6      /* any, option, future, spot and the two combos */
#define MARKET_CURRENCIES 6 /* any, BTC, ETH, USDC, USDT, EURR */
#define MARKET_TRADES (1 << 18) /* remembered */

/* What a new subscriber is to be told at once. */
enum market_greeting_kind {
	GREET_STREAM,
	GREET_VOLATILITY,
	GREET_MARKS,
	GREET_PLATFORM,
	GREET_METHODS
};

struct market_greeting {
	enum market_greeting_kind kind;
	unsigned slot, stream;
	uint32_t instrument; /* or base */
};

struct market_pool {
	uint32_t *member;
	uint64_t *weight; /* cumulative */
	size_t count;
};

/* Something that is done again and again. */
struct market_schedule {
	int64_t every_us; /* 0: never */
	int64_t last_us;  /* monotonic */
};

struct market {
	uint64_t seed;
	struct rng rng;
	struct history *history; /* *borrowed*; NULL: the past is unknown */
	struct chain_instrument *chain;
	struct market_walk *walk;
	uint32_t *rank;  /* instruments, most active first */
	uint32_t *names; /* hash of names to instrument + 1 */
	size_t count, names_size;
	size_t room; /* for instruments, in each of the arrays */
	int64_t index[CHAIN_BASES];
	uint64_t trade_id[CHAIN_BASES];
	uint64_t change_id[MARKET_CURRENCIES]; /* the last of each */
	uint64_t trades_of[MARKET_KINDS][MARKET_CURRENCIES][MARKET_INTERVALS];
	uint64_t state_of[MARKET_KINDS][MARKET_CURRENCIES];
	uint64_t creation_of[MARKET_KINDS][MARKET_CURRENCIES];
	uint64_t index_of[CHAIN_BASES], volatility_of[CHAIN_BASES];
	uint64_t marks_of[CHAIN_BASES], estimate_of[CHAIN_BASES];
	uint64_t ranking_of[CHAIN_BASES], statistics_of[CHAIN_BASES];
	uint64_t platform[3];
	struct rng beside; /* for what the clock makes, not the rate */
	int64_t second_us; /* monotonic: the last second's */
	uint64_t seconds;
	struct market_schedule list, expire, interest;
	int64_t open_after_us; /* a creation */
	int64_t expiry_ms;     /* the next, by the clock; 0: none is */
	size_t delivered;      /* options that are not archivized yet */
	size_t created;        /* and not open yet */
	int64_t volatility[CHAIN_BASES]; /* hundredths of a percent */
	struct market_pool quotes, trades;
	bool stale; /* the pools do not show the subscriptions */
	struct market_trade *memory;
	uint64_t traded; /* trades so far; trade n is memory[n % size] */
	uint64_t match_id;
	struct market_greeting *greeting; /* in order of subscription */
	size_t greetings, greetings_size;
	struct buf text; /* a message being written */
};

/* NULL with *fault without memory.  now_ms: expiries follow it. */
struct market *market_new(uint64_t seed, int64_t now_ms, struct fault *fault);
void market_free(struct market *m);

/* The instrument's number, or -1. */
long market_find(const struct market *m, const char *name, size_t len);

enum market_channel {
	CHANNEL_OK,
	CHANNEL_UNKNOWN,
	CHANNEL_RAW,
	CHANNEL_EXPIRED
};

/* What a channel name stands for; *subs is its mask, *borrowed* until the next
 * event.  CHANNEL_RAW: only for authenticated sessions, and *subs is NULL if
 * there is no such channel even for them.  CHANNEL_EXPIRED: it can only be
 * left; raw ones are told so, too. */
enum market_channel market_channel(
    struct market *m, const char *name, size_t len, uint64_t **subs);

/* true: the slot was not (or was) subscribed before. */
bool market_subscribe(struct market *m, uint64_t *subs, unsigned slot);
bool market_unsubscribe(struct market *m, uint64_t *subs, unsigned slot);

/* Takes the slot out of every channel. */
void market_leave(struct market *m, unsigned slot);

/* Takes one notification for the slots in the mask; and, unless note is NULL,
 * what the truth file shall hold beside: a JSON object.  Texts are *borrowed*.
 */
struct market_sink {
	void (*emit)(void *arg, uint64_t slots, const char *text, size_t len);
	void *arg;
	void (*note)(void *arg, const char *text, size_t len);
};

/* Tells the slot what new subscribers of its channels are told at once; to be
 * called when its subscribe call has been acknowledged. */
void market_greet(
    struct market *m, unsigned slot, int64_t now_us, struct market_sink *sink);

/* One event: a quote, or some trades.  Returns how many notifications that
 * were, 0 when nobody listens to what the market makes. */
int market_step(struct market *m, int64_t now_us, struct market_sink *sink);

/* How often options are listed, and expire; 0: never. */
void market_live(
    struct market *m, int64_t list_every_us, int64_t expire_every_us);

/* Dated instruments expire at their time, by the now_us of market_beside(). */
void market_expire_by_clock(struct market *m);

/* How long after its creation an option is open, and how often the open
 * interest of one becomes the largest; 0: at once, never. */
void market_news(
    struct market *m, int64_t open_after_us, int64_t interest_every_us);

/* The instrument has a new change id; for those who move its quote. */
void market_change(struct market *m, size_t instrument);

/* What the clock makes and not the rate: to be called often, and does nothing
 * most times. */
void market_beside(struct market *m, int64_t mono_us, int64_t now_us,
    struct market_sink *sink);

/* These trades of one instrument, of one time, happen: their number is given
 * here.  Returns the number of notifications. */
int market_trades(struct market *m, const struct market_trade *t, size_t count,
    struct market_sink *sink);

/* The remembered trade of that number (last_trade, prev), or NULL. */
const struct market_trade *market_trade_at(
    const struct market *m, uint64_t number);

/* Where the instrument stands in the first two dimensions of trades_of. */
unsigned market_kind_at(const struct chain_instrument *i);
unsigned market_currency_at(const struct chain_instrument *i);

/* What those dimensions are called; NULL ends the lists. */
extern const char *const market_kinds[MARKET_KINDS + 1];
extern const char *const market_currencies[MARKET_CURRENCIES + 1];

/* As chart.trades calls them; NULL ends the list. */
extern const char *const candle_resolutions[MARKET_RESOLUTIONS + 1];

/* The mark price, on the grid's scale + 4. */
int64_t market_mark(const struct market *m, size_t instrument);

#endif
