/*
 * How far pages of trades reach, and what they prove.  A pass is a row of pages
 * of get_last_trades..._and_time, ascending.  A page proves nothing by itself:
 * the exchange's were seen shifted at their ends, cut without a word, and
 * behind the messages.  What proves is a chain: a page holds a row that the one
 * before it held, and the first page of a pass a row of the time until which
 * everything is known to be there (the anchor); and a row beyond a time proves
 * that the time was reached.  Asks for nothing and keeps no rows: the owner of
 * the struct asks, and takes what the rows hold.  Times are the exchange's, ms.
 * All-zero is the beginning; all memory is the struct's.
 */
#ifndef RECORD_REACH_H
#define RECORD_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "io/json.h"

/* Rows that two pages share, so that a shifted one does not break the chain. */
#define REACH_OVERLAP 10

struct reach_mark {
	int64_t ms;
	uint64_t key; /* of the row; 0: none */
};

struct reach_rows {
	struct reach_mark newest; /* up to the limit */
	bool past, beyond;        /* a row after the limit, after the proof */
};

struct reach {
	int64_t whole_ms; /* every row until then was there; the owner begins */
	struct reach_mark anchor; /* one of then */
	struct reach_mark first;  /* without an anchor: the first row ever */
	unsigned agreed;          /* so often it was the first again */

	/* The pass: it begins here; later rows than the limit may be missing
	 * though others are there; one after the proof is wanted. */
	int64_t cursor_ms, limit_ms, proof_ms;
	bool chained;           /* all its pages were */
	bool begun;             /* it had one */
	struct reach_rows rows; /* of it */

	/* The page. */
	struct reach_mark link; /* it is to hold this row; or none */
	bool linked;
	struct reach_mark oldest, last;
	struct reach_rows page;
	int64_t tail_ms[REACH_OVERLAP]; /* its latest rows, ascending */
	unsigned tail;
	unsigned broken; /* in a row */
};

enum reach_turn {
	REACH_AGAIN, /* the page breaks the chain: ask for it once more */
	REACH_NEXT,  /* ask for the next, from cursor_ms on */
	REACH_END    /* the pass is over */
};

/* Begins a pass, at cursor_ms: before all that is not proven. */
void reach_begin(struct reach *r, int64_t limit_ms, int64_t proof_ms);

/* A page has come: its rows, in any order, then its end.  more: the exchange
 * says that there are later ones. */
void reach_page(struct reach *r);
void reach_row(struct reach *r, struct json_span instrument, int64_t seq,
    int64_t timestamp_ms);
enum reach_turn reach_page_end(struct reach *r, bool more);

/* The pass is over, and its rows were taken: whole_ms moves on as far as it
 * proved. */
void reach_end(struct reach *r);

/* Whether the pass is a chain from what was known to a row after the proof. */
bool reach_is_proof(const struct reach *r);

#endif
