/*
 * What the exchange sent to the line that we write: deribit-ndjson(5).  Member
 * by member, as text: the data are sliced, never turned into values.  Writes
 * into memory that its caller reserved; knows no queue and no connection.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "deribit/channel.h"
#include "deribit/name.h"
#include "io/json.h"

/* What all records of one channel and instrument begin with, made once. */
struct record_head {
	char *text; /* {"type":"quote",...,"received_at": */
	size_t len;
	char *added; /* ,"instrument_name":"..." or nothing */
	size_t added_len;
	enum channel_id id;
	unsigned change; /* of enum channel_change */
};

/* The order in which members of a class came last time: the guess for the
 * next time.  All zero is a good beginning. */
#define RECORD_GUESSES 40
#define RECORD_GUESS_LEN 29
struct record_guess {
	unsigned char len;
	unsigned char action;
	char key[RECORD_GUESS_LEN];
};
struct record_writer {
	struct record_guess guess[CHANNEL_IDS][RECORD_GUESSES];
};

/* Makes the head for a channel (len bytes at text, parsed) and the name of an
 * instrument, which may be NULL: kind is null then, and currency that of the
 * channel's index.  The caller frees it with record_head_free().  -1: no
 * memory. */
int record_head_make(struct record_head *head, const struct channel *channel,
    const char *text, size_t len, const struct name *name);
void record_head_free(struct record_head *head);

/* How many bytes record_write() may need for data of this many bytes. */
size_t record_bound(const struct record_head *head, size_t data_len);

/* Takes the value that the cursor stands before and writes its record, newline
 * included, to out.  Data that are no object become a member "data".  Returns
 * the length, or 0 when the cursor met an error (json_error()); what is in out
 * is worthless then. */
size_t record_write(struct record_writer *w, const struct record_head *head,
    int64_t received_us, struct json *data, char *out);

/* A hole.  Strings are plain text; what is negative or NULL becomes null. */
struct record_gap {
	const char *kind;
	const char *currency;
	const char *instrument_name;
	const char *channel;
	const char *reason; /* disconnect, stall, sequence, overflow */
	int64_t from_ms, to_ms;
	int64_t from_seq, to_seq;
	int64_t dropped; /* of an overflow; negative: not said */
	bool repaired;   /* what was missing has been fetched */
};

/* Appends the line of a gap record.  -1 as buf_add(). */
int record_gap(
    struct buf *out, const struct record_gap *gap, int64_t received_us);

/* Appends a valid JSON text without the white space between its tokens.  -1 as
 * buf_add(). */
int record_compact(struct buf *out, struct json_span text);

/* Decimal text of v, at most 20 bytes, to out; returns its length. */
size_t record_integer(int64_t v, char *out);

/* Moves the decimal point of a JSON number two places to the right, in its
 * text: 0.3706 is 37.06, 3.7e-1 is 3.7e1.  At most len + 4 bytes to out;
 * returns the length. */
size_t record_percent(struct json_span number, char *out);

#endif
