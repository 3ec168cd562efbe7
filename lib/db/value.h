/*
 * One JSON value to one field of COPY BINARY: a 32-bit length and the bytes
 * that the type's receive function takes (PostgreSQL's src/backend/utils/adt).
 * The column's exact type decides; nothing is guessed and no number becomes a
 * double unless the column is one.  Knows no connection.
 */
#ifndef DB_VALUE_H
#define DB_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "io/json.h"

enum value_type {
	VALUE_UNSUPPORTED,
	VALUE_BOOL,
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_FLOAT4,
	VALUE_FLOAT8,
	VALUE_NUMERIC,
	VALUE_TEXT,
	VALUE_ENUM, /* a text that the server checks */
	VALUE_DATE,
	VALUE_TIMESTAMP,
	VALUE_JSON,
	VALUE_JSONB,
	VALUE_UUID
};

struct value_form {
	enum value_type type; /* of the column, or of its elements */
	bool array;
	uint32_t element_oid; /* of an array */
	int32_t length_max;   /* characters of a varchar(n); 0: no limit */
	const char *name;     /* as the server writes it; *borrowed* */
};

/* The type for a pg_type.oid of a base type. */
enum value_type value_type_of(uint32_t oid);

/* Appends the field.  JSON null is NULL.  -1 with *fault (EX_DATAERR; what is
 * wrong, without the column's name), and then out may have grown: the caller
 * cuts it back. */
int value_encode(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault);

/* Appends NULL. */
int value_null(struct buf *out);

/* Microseconds since the epoch from the text of a JSON number: seconds,
 * milliseconds, microseconds or nanoseconds, told apart by magnitude (below
 * 1e11, 1e14, 1e17).  -1 if it is none. */
int value_epoch_us(const char *p, size_t len, int64_t *us);

#endif
