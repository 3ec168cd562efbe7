/*
 * Rows in COPY BINARY.  A sink is a table with the columns that one COPY
 * fills; records of one table that lack members whose columns have defaults
 * go to a sink without these columns, so that the database fills them.  A plan
 * says which value of a shape goes to which column of a sink.  A batch holds
 * the rows of all sinks between two commits, and their lines, so that it can
 * be sent again.  Knows no connection.
 */
#ifndef DB_COPY_H
#define DB_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "db/catalog.h"
#include "db/shape.h"

#define COPY_SINKS_MAX 64

struct copy_sink {
	const struct catalog_table *table; /* *borrowed* */
	const struct catalog_key *key;     /* NULL: rows are only added */
	int *columns; /* indexes into the table's columns */
	int count;
	unsigned number;   /* its index in struct copy_sinks */
	unsigned serial;   /* of the staging table's name; never used twice */
	uint64_t staged;   /* the connection that has its staging table */
	uint64_t accepted; /* rows committed */
};

struct copy_sinks {
	struct copy_sink *sink[COPY_SINKS_MAX];
	unsigned count;
	unsigned serial;
};

struct copy_plan {
	struct copy_sink *sink;
	int *source; /* for each column: index of the value, -1: none */
	struct copy_plan *next;
};

struct batch_row {
	uint64_t line;     /* its number in the input */
	uint64_t position; /* bytes of the input up to its end */
	size_t text;       /* where it stands in batch.text */
	size_t text_len;
	size_t data; /* where it stands in the sink's data */
	size_t data_len;
	unsigned sink;
};

struct batch {
	struct buf text;
	struct buf data[COPY_SINKS_MAX];
	struct batch_row *rows;
	size_t count, size;
	size_t bytes; /* of text and data */
};

void copy_sinks_free(struct copy_sinks *s);

/* A plan for records of that shape, *the caller frees* with copy_plan_free();
 * NULL with *fault: EX_CONFIG when a member's column has a type that is not
 * supported, EX_DATAERR when there are too many sinks. */
struct copy_plan *copy_plan_new(struct copy_sinks *sinks,
    const struct catalog_table *table, const struct shape *leaf,
    struct fault *fault);
void copy_plan_free(struct copy_plan *plan);

/* Appends one row; -1 with *fault (EX_DATAERR, naming the column), and then
 * nothing was appended. */
int copy_row(const struct copy_plan *plan, const struct json_value *values,
    struct buf *out, struct fault *fault);

/* What stands before the first row and behind the last one. */
extern const char copy_header[19];
extern const char copy_trailer[2];

void batch_init(struct batch *b);
void batch_free(struct batch *b);
void batch_clear(struct batch *b);

/* Encodes one line's row and keeps both; -1 with *fault as copy_row(). */
int batch_add(struct batch *b, const struct copy_plan *plan,
    const struct json_value *values, const struct batch_row *line,
    const char *text, struct fault *fault);

/* The run of bytes that holds the rows [from, to) of one sink; how many rows
 * they are. */
size_t batch_span(const struct batch *b, unsigned sink, size_t from, size_t to,
    const char **p, size_t *len);

#endif
