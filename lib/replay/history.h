/*
 * The market's past, and how it goes on: trades, candles and funding as a
 * function of seed, instrument and time, so that nothing is kept of them.  Only
 * some instruments trade, the lines of the history; each has slots of equal
 * length in which a fixed number of trades lies, at times drawn from the slot:
 * so a trade is found by its number and a number by its time.  Knows no call
 * and no page.
 */
#ifndef REPLAY_HISTORY_H
#define REPLAY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "replay/candle.h"
#include "replay/market.h"

#define HISTORY_SLOT 16 /* trades of a slot */
#define HISTORY_LINES_MAX 4096
#define HISTORY_DAYS_MAX 3650
#define HISTORY_HOUR_MS INT64_C(3600000)
#define HISTORY_DAY_MS INT64_C(86400000)

/* Of what has expired: since then it is in no list, and known by no record. */
#define HISTORY_LISTED_MS (3 * HISTORY_DAY_MS)
#define HISTORY_KNOWN_MS (30 * HISTORY_DAY_MS)

/* An instrument that trades. */
struct history_line {
	uint32_t instrument;
	uint64_t key;           /* of its dice; from its name */
	int64_t from_ms, to_ms; /* its life */
	int64_t slot_ms;
	uint64_t told;   /* trades that the market has made */
	int64_t next_ms; /* of the one after those */
};

struct history {
	struct market *market; /* *borrowed* */
	int64_t begin_ms;
	struct history_line *line;
	size_t count;
};

/* A slot's trades: their times, and the prices between which they lie. */
struct history_slot {
	const struct history_line *line;
	uint64_t number;
	int64_t begin_ms, at_ms[HISTORY_SLOT];
	int64_t level[2];
};

/* What candles need of a trade. */
struct history_deal {
	int64_t price, amount; /* as in struct market_trade */
	bool buy;
};

struct history_funding {
	int64_t at_ms, index, before;     /* the index an hour before */
	int64_t interest_1h, interest_8h; /* on HISTORY_INTEREST_SCALE */
};

#define HISTORY_INTEREST_SCALE 20

/* Gives the market a past that begins some days before the midnight before
 * now_ms: about so many trades of so many instruments, some of which have
 * expired and are added to the market.  NULL with *fault.  The owner of the
 * market frees it after the market. */
struct history *history_new(struct market *m, int64_t now_ms, int64_t days,
    int64_t trades, int64_t instruments, struct fault *fault);
void history_free(struct history *h);

/* The line of an instrument, or NULL. */
const struct history_line *history_line(
    const struct history *h, size_t instrument);

/* How many trades the line has before that time: the number of the last. */
uint64_t history_before(
    const struct history *h, const struct history_line *line, int64_t at_ms);

/* The slot that holds the trade of this number (from 1 on), unless *slot is
 * that; its time. */
int64_t history_slot(const struct history *h, const struct history_line *line,
    uint64_t seq, struct history_slot *slot);

/* The trade of this number, which lies in the slot: in short, and whole. */
struct history_deal history_deal(
    const struct history *h, const struct history_slot *slot, uint64_t seq);
void history_trade(const struct history *h, const struct history_slot *slot,
    uint64_t seq, struct market_trade *out);

/* The time of the trade with this id. */
int64_t history_id_ms(const struct history *h, uint64_t id);

/* An index, on its base's scale. */
int64_t history_index(const struct history *h, unsigned base, int64_t at_ms);

/* The minutes in which the instrument has candles: the first, and the one
 * behind the last. */
int64_t history_candles_begin(const struct history *h, size_t instrument);
int64_t history_candles_end(const struct history *h, size_t instrument);

/* count candles of so many minutes from tick_ms on, which is one of theirs, as
 * they are at now_ms; those that are not closed then are not what they will
 * be. */
void history_candles(const struct history *h, size_t instrument, int minutes,
    int64_t tick_ms, int64_t now_ms, struct candle *row, size_t count);

/* The funding of a perpetual at this full hour. */
void history_funding(const struct history *h, size_t instrument, int64_t at_ms,
    struct history_funding *out);

/* A candle as chart.trades has it, a row of get_funding_rate_history: the same
 * words whenever they are told (history-rest.c). */
int history_candle_text(
    struct buf *out, const struct market *m, size_t n, const struct candle *c);
int history_funding_text(struct buf *out, const struct market *m, size_t n,
    const struct history_funding *f);

/* Trades of several lines in one order: by time, then line, then number. */
struct history_way {
	const struct history_line *line;
	uint64_t low, high; /* those still to come; low > high: none */
	int64_t head_ms;
	struct history_slot slot;
};

struct history_cursor {
	const struct history *history; /* *borrowed* */
	bool ascending;
	struct history_way *way;
	size_t ways;
};

/* -1 without memory. */
int history_cursor_begin(
    struct history_cursor *c, const struct history *h, bool ascending);
void history_cursor_end(struct history_cursor *c);

/* The line's trades from low to high as well; at most once a line. */
void history_cursor_add(struct history_cursor *c,
    const struct history_line *line, uint64_t low, uint64_t high);

/* The next one; false at the end. */
bool history_cursor_next(struct history_cursor *c, struct market_trade *out);

/* Makes the trades whose time has come events of the market. */
void history_turn(struct history *h, int64_t now_us, struct market_sink *sink);

#endif
