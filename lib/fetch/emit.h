/*
 * Records to standard output.  What the exchange answered goes through a map
 * (io/jq.h, maps/); each output gets what all records begin with: type, kind,
 * currency, and a received_at that grows from record to record
 * (deribit-ndjson(5)).  Lines are collected and written whole; a caller that
 * keeps a state flushes before it says that they are out.  A write waits for
 * the reader.
 */
#ifndef FETCH_EMIT_H
#define FETCH_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "deribit/name.h"
#include "io/jq.h"
#include "io/json.h"

struct emit {
	int fd; /* *borrowed* */
	struct buf out, input;
	int64_t last_us; /* received_at of the last record */
	uint64_t records;
	bool closed; /* the reader is gone (EPIPE) */
};

/* What the records of one call begin with. */
struct emit_head {
	char text[3 * NAME_MAX_LEN + 64]; /* {"type":...,"currency":... */
	size_t len;
};

void emit_init(struct emit *e, int fd);
void emit_free(struct emit *e);

/* type is one of our words; kind and currency are those that the instrument's
 * name tells, null for a name that tells none, or NULL. */
void emit_head(struct emit_head *h, const char *type, const char *instrument);

/* Adds a record for each output of the map for this input.  -1 with *fault:
 * the map raised an error (EX_DATAERR: what came is not what the map is for;
 * records before it stay), or as emit_flush(). */
int emit_map(struct emit *e, const struct emit_head *h, struct jq_map *map,
    const char *input, size_t len, struct fault *fault);

/* Adds one record, of an object that we made ourselves. */
int emit_record(struct emit *e, const struct emit_head *h, const char *json,
    size_t len, struct fault *fault);

/* Calls the map once for each element of an array, which it finds as "row" in
 * an object that begins with members (",\"from\":1" less its comma, or "").  -1
 * as emit_map(), also if it is no array (EX_DATAERR). */
int emit_rows(struct emit *e, const struct emit_head *h, struct jq_map *map,
    const char *members, struct json_span array, struct fault *fault);

/* A received_at that is later than all before it: for who adds a line to out by
 * hand (and then counts it among the records). */
int64_t emit_stamp(struct emit *e);

/* Writes what is collected.  -1 with *fault (EX_IOERR); closed is set when the
 * reader went away: then main lets SIGPIPE end the program. */
int emit_flush(struct emit *e, struct fault *fault);

#endif
