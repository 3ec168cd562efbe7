/*
 * The exchange's JSON of the synthetic market, appended to a buffer.  Every
 * function returns -1 only when the buffer's cap is reached.  Draws number
 * syntaxes from a generator that is given, so that the same thing told twice is
 * told in the same words.
 */
#ifndef REPLAY_TEXT_H
#define REPLAY_TEXT_H

#include "base/buf.h"
#include "replay/market.h"

/* A decimal in a drawn syntax. */
int text_number(struct buf *out, int64_t mantissa, int scale, struct rng *r);

/* {"jsonrpc":...,"params":{"channel":"<channel>","data": and its end. */
int text_begin(struct buf *out, const char *channel);
int text_end(struct buf *out);

/* The data of quote.{i}. */
int text_quote(struct buf *out, const struct market *m, size_t instrument,
    int64_t at_ms, struct rng *r);

/* The data of ticker.{i}.{interval}; also public/ticker's result. */
int text_ticker(struct buf *out, const struct market *m, size_t instrument,
    int64_t at_ms, struct rng *r);

/* The same, open at its end for more members. */
int text_ticker_open(struct buf *out, const struct market *m, size_t instrument,
    int64_t at_ms, struct rng *r);

/* ,"underlying_index":"..." of an option: the future of its day. */
int text_underlying(struct buf *out, const struct market *m, size_t i);

/* One trade object. */
int text_trade(
    struct buf *out, const struct market *m, const struct market_trade *t);

/* A record of public/get_instruments; and open at its end for more members. */
int text_instrument(struct buf *out, const struct market *m, size_t i);
int text_instrument_open(struct buf *out, const struct market *m, size_t i);

/* A record of public/get_book_summary_by_currency. */
int text_summary(
    struct buf *out, const struct market *m, size_t i, int64_t at_ms);

#endif
