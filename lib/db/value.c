#include "db/value.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "db/wire.h"

#define EPOCH_2000_US 946684800000000
#define EPOCH_2000_DAYS 10957
#define DAY_US 86400000000
/* src/include/datatype/timestamp.h: MIN_TIMESTAMP, END_TIMESTAMP. */
#define STAMP_MIN_US (-211813488000000000)
#define STAMP_END_US 9223371331200000000
#define ARRAY_DEPTH_MAX 6 /* MAXDIM */

static const char *const json_names[] = {
    "null", "false", "true", "a number", "a string", "an array", "an object"};

enum value_type value_type_of(uint32_t oid)
{
	/* src/include/catalog/pg_type.dat; these never change. */
	switch (oid) {
	case 16: return VALUE_BOOL;
	case 20: return VALUE_INT8;
	case 21: return VALUE_INT2;
	case 23: return VALUE_INT4;
	case 19:   /* name */
	case 25:   /* text */
	case 1042: /* bpchar */
	case 1043: /* varchar */ return VALUE_TEXT;
	case 114: return VALUE_JSON;
	case 700: return VALUE_FLOAT4;
	case 701: return VALUE_FLOAT8;
	case 1082: return VALUE_DATE;
	case 1114: /* timestamp: read as UTC */
	case 1184: return VALUE_TIMESTAMP;
	case 1700: return VALUE_NUMERIC;
	case 2950: return VALUE_UUID;
	case 3802: return VALUE_JSONB;
	default: return VALUE_UNSUPPORTED;
	}
}

static int no_room(struct fault *fault)
{
	return fault_set(fault, EX_DATAERR, "out of memory for the row");
}

static int misfit(const struct value_form *form, const struct json_value *v,
    struct fault *fault)
{
	return fault_set(fault, EX_DATAERR, "%s where %s is needed",
	    json_names[v->type], form->name);
}

static int out_of_range(const struct value_form *form,
    const struct json_value *v, struct fault *fault)
{
	return fault_set(fault, EX_DATAERR, "%.*s%s is out of range for %s",
	    (int)(v->text.len > 60 ? 60 : v->text.len), v->text.p,
	    v->text.len > 60 ? "..." : "", form->name);
}

int value_null(struct buf *out)
{
	return buf_add(out, "\xff\xff\xff\xff", 4);
}

static int put_int(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	int bytes = form->type == VALUE_INT8   ? 8
	            : form->type == VALUE_INT4 ? 4
	                                       : 2;
	int64_t limit = bytes == 4 ? INT32_MAX : INT16_MAX;
	int64_t n;

	if (v->type != JSON_NUMBER)
		return misfit(form, v, fault);
	switch (num_int64(v->text.p, v->text.len, &n)) {
	case NUM_OK: break;
	case NUM_INEXACT:
		return fault_set(fault, EX_DATAERR,
		    "a fraction where %s is needed", form->name);
	default: return out_of_range(form, v, fault);
	}
	if (bytes < 8 && (n > limit || n < -limit - 1))
		return out_of_range(form, v, fault);
	wire_put32(out, (uint32_t)bytes);
	if (bytes == 8)
		wire_put64(out, (uint64_t)n);
	else if (bytes == 4)
		wire_put32(out, (uint32_t)n);
	else
		wire_put16(out, (uint16_t)n);
	return 0;
}

static int put_float(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	uint64_t bits64;
	uint32_t bits32;
	double d;
	float f;

	if (v->type != JSON_NUMBER)
		return misfit(form, v, fault);
	if (form->type == VALUE_FLOAT8) {
		if (num_double(v->text.p, v->text.len, &d) != NUM_OK)
			return out_of_range(form, v, fault);
		memcpy(&bits64, &d, 8);
		wire_put32(out, 8);
		wire_put64(out, bits64);
		return 0;
	}
	if (num_float(v->text.p, v->text.len, &f) != NUM_OK)
		return out_of_range(form, v, fault);
	memcpy(&bits32, &f, 4);
	wire_put32(out, 4);
	wire_put32(out, bits32);
	return 0;
}

static int put_numeric(const struct value_form *form,
    const struct json_value *v, struct buf *out, struct fault *fault)
{
	struct num_decimal n;

	if (v->type != JSON_NUMBER)
		return misfit(form, v, fault);
	if (num_decimal(v->text.p, v->text.len, &n) != NUM_OK)
		return out_of_range(form, v, fault);
	/* numeric_recv(): ndigits, weight, sign, dscale, digits. */
	if (buf_reserve(out, 12 + 2 * NUM_DIGITS) == -1)
		return no_room(fault);
	wire_put32(out, (uint32_t)(8 + 2 * n.ndigits));
	wire_put16(out, (uint16_t)n.ndigits);
	wire_put16(out, (uint16_t)n.weight);
	wire_put16(out, n.negative ? 0x4000 : 0);
	wire_put16(out, (uint16_t)n.dscale);
	for (int i = 0; i < n.ndigits; i++)
		wire_put16(out, n.digit[i]);
	return 0;
}

static int put_bool(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	if (v->type != JSON_TRUE && v->type != JSON_FALSE)
		return misfit(form, v, fault);
	wire_put32(out, 1);
	wire_put8(out, v->type == JSON_TRUE);
	return 0;
}

static size_t characters(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)p[i] & 0xc0) != 0x80;
	return n;
}

/* A string's content; of anything else its JSON text. */
static int put_text(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	size_t at = buf_used(out);
	struct json_span inside = v->text;
	size_t len;
	char *field;

	wire_put32(out, 0);
	if (v->type == JSON_STRING)
		inside = json_inside(v->text);
	if (v->type == JSON_STRING &&
	    memchr(inside.p, '\\', inside.len) != NULL) {
		if (json_decode(inside, out) == -1)
			return no_room(fault);
	} else if (buf_add(out, inside.p, inside.len) == -1) {
		return no_room(fault);
	}
	field = buf_head(out) + at;
	len = buf_used(out) - at - 4;
	if (memchr(field + 4, '\0', len) != NULL)
		return fault_set(fault, EX_DATAERR,
		    "\\u0000 cannot be stored in PostgreSQL");
	if (form->length_max > 0 && len > (size_t)form->length_max &&
	    characters(field + 4, len) > (size_t)form->length_max)
		return fault_set(
		    fault, EX_DATAERR, "too long for %s", form->name);
	wire_set32(field, (uint32_t)len);
	return 0;
}

static int put_json(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	bool binary = form->type == VALUE_JSONB;

	wire_put32(out, (uint32_t)(v->text.len + binary));
	if (binary)
		wire_put8(out, 1); /* jsonb_recv(): version */
	if (buf_add(out, v->text.p, v->text.len) == -1)
		return no_room(fault);
	return 0;
}

static int put_uuid(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	struct json_span s = json_inside(v->text);
	unsigned char bytes[16] = {0};
	size_t digits = 0;
	int c;

	if (v->type != JSON_STRING)
		return misfit(form, v, fault);
	for (size_t i = 0; i < s.len; i++) {
		c = (unsigned char)s.p[i];
		if (c == '-' && (i == 8 || i == 13 || i == 18 || i == 23))
			continue;
		if (!isxdigit(c) || digits == 32)
			return fault_set(fault, EX_DATAERR, "not a uuid");
		c = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
		bytes[digits / 2] = (unsigned char)(bytes[digits / 2] << 4 | c);
		digits++;
	}
	if (digits != 32)
		return fault_set(fault, EX_DATAERR, "not a uuid");
	wire_put32(out, 16);
	return buf_add(out, bytes, 16) == -1 ? no_room(fault) : 0;
}

/* Scales n, counted in seconds / 1000^unit, to microseconds; fraction is the
 * digits behind the point, at most nine of them used. */
static int64_t scale_us(int64_t n, int unit, int64_t fraction_nano)
{
	switch (unit) {
	case 0: return n * 1000000 + (fraction_nano + 500) / 1000;
	case 1: return n * 1000 + (fraction_nano + 500000) / 1000000;
	case 2: return n + (fraction_nano >= 500000000);
	default: return n / 1000 + (n % 1000 >= 500);
	}
}

int value_epoch_us(const char *p, size_t len, int64_t *us)
{
	const char *point = memchr(p, '.', len);
	size_t whole = point != NULL ? (size_t)(point - p) : len;
	int64_t n, fraction = 0;
	int64_t place = 100000000;
	bool negative = len > 0 && p[0] == '-';
	int unit;

	if (num_int64(p, len, &n) == NUM_OK)
		whole = len;
	else if (point == NULL || memchr(p, 'e', len) || memchr(p, 'E', len) ||
		 num_int64(p, whole, &n) != NUM_OK)
		return -1;
	for (size_t i = whole + 1; i < len && place > 0; i++, place /= 10)
		fraction += (p[i] - '0') * place;
	if (n == INT64_MIN)
		return -1;
	n = n < 0 ? -n : n;
	unit = n < 100000000000         ? 0
	       : n < 100000000000000    ? 1
	       : n < 100000000000000000 ? 2
	                                : 3;
	*us = scale_us(n, unit, fraction);
	if (negative)
		*us = -*us;
	return 0;
}

static int stamp_us(const struct value_form *form, const struct json_value *v,
    int64_t *us, struct fault *fault)
{
	struct json_span s;

	if (v->type == JSON_NUMBER) {
		if (value_epoch_us(v->text.p, v->text.len, us) == -1)
			return out_of_range(form, v, fault);
	} else if (v->type == JSON_STRING) {
		s = json_inside(v->text);
		if (clock_rfc3339(s.p, s.len, us) == -1)
			return fault_set(fault, EX_DATAERR,
			    "neither RFC 3339 nor an epoch number");
	} else {
		return misfit(form, v, fault);
	}
	if (*us < STAMP_MIN_US + EPOCH_2000_US ||
	    *us - EPOCH_2000_US >= STAMP_END_US)
		return out_of_range(form, v, fault);
	return 0;
}

static int put_stamp(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	int64_t us;

	if (stamp_us(form, v, &us, fault) == -1)
		return -1;
	wire_put32(out, 8);
	wire_put64(out, (uint64_t)(us - EPOCH_2000_US));
	return 0;
}

static int put_date(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	int64_t us, days;

	if (stamp_us(form, v, &us, fault) == -1)
		return -1;
	days = us / DAY_US - (us % DAY_US < 0);
	wire_put32(out, 4);
	wire_put32(out, (uint32_t)(int32_t)(days - EPOCH_2000_DAYS));
	return 0;
}

static int put_scalar(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	if (buf_reserve(out, 24) == -1)
		return no_room(fault);
	switch (form->type) {
	case VALUE_BOOL: return put_bool(form, v, out, fault);
	case VALUE_INT2:
	case VALUE_INT4:
	case VALUE_INT8: return put_int(form, v, out, fault);
	case VALUE_FLOAT4:
	case VALUE_FLOAT8: return put_float(form, v, out, fault);
	case VALUE_NUMERIC: return put_numeric(form, v, out, fault);
	case VALUE_TEXT:
	case VALUE_ENUM: return put_text(form, v, out, fault);
	case VALUE_DATE: return put_date(form, v, out, fault);
	case VALUE_TIMESTAMP: return put_stamp(form, v, out, fault);
	case VALUE_JSON:
	case VALUE_JSONB: return put_json(form, v, out, fault);
	case VALUE_UUID: return put_uuid(form, v, out, fault);
	case VALUE_UNSUPPORTED: break;
	}
	return fault_set(
	    fault, EX_CONFIG, "the type %s is not supported", form->name);
}

struct array {
	const struct value_form *form;
	struct json json;
	int depth;
	int32_t size[ARRAY_DEPTH_MAX]; /* -1: not known yet */
	bool has_null;
};

static int array_level(
    struct array *a, int level, struct buf *out, struct fault *fault)
{
	struct json_value v;
	int32_t count = 0;

	if (json_peek(&a->json) != JSON_ARRAY ||
	    json_array_begin(&a->json) == -1)
		return fault_set(
		    fault, EX_DATAERR, "an array whose rows differ in depth");
	while (json_array_next(&a->json) == 1) {
		count++;
		if (level + 1 < a->depth) {
			if (array_level(a, level + 1, out, fault) == -1)
				return -1;
			continue;
		}
		if (json_value(&a->json, &v) == -1)
			break;
		if (v.type == JSON_NULL) {
			a->has_null = true;
			if (value_null(out) == -1)
				return no_room(fault);
		} else if (put_scalar(a->form, &v, out, fault) == -1) {
			return -1;
		}
	}
	if (a->size[level] != -1 && a->size[level] != count)
		return fault_set(
		    fault, EX_DATAERR, "an array whose rows differ in length");
	a->size[level] = count;
	return 0;
}

/* How many [ stand at the beginning: the rest must agree. */
static int array_depth(const struct value_form *form, struct json_span s)
{
	int depth = 0;

	if (form->type == VALUE_JSON || form->type == VALUE_JSONB)
		return 1;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '[')
			depth++;
		else if (!isspace((unsigned char)s.p[i]))
			break;
	}
	return depth;
}

/* array_recv(): dimensions, has nulls, element type, (size, lower bound) for
 * each dimension, elements. */
static int put_array(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	struct array a = {.form = form, .size = {-1, -1, -1, -1, -1, -1}};
	size_t at = buf_used(out);
	size_t head;
	char *p;

	if (v->type != JSON_ARRAY)
		return misfit(form, v, fault);
	a.depth = array_depth(form, v->text);
	if (a.depth > ARRAY_DEPTH_MAX)
		return fault_set(fault, EX_DATAERR, "an array deeper than %d",
		    ARRAY_DEPTH_MAX);
	head = 16 + 8 * (size_t)a.depth;
	if (buf_reserve(out, head) == -1)
		return no_room(fault);
	out->len += head;
	json_init(&a.json, v->text.p, v->text.len);
	if (array_level(&a, 0, out, fault) == -1)
		return -1;
	p = buf_head(out) + at;
	if (a.size[a.depth - 1] <= 0) { /* no element at all */
		a.depth = 0;
		out->len = out->start + at + 16;
	}
	wire_set32(p, (uint32_t)(buf_used(out) - at - 4));
	wire_set32(p + 4, (uint32_t)a.depth);
	wire_set32(p + 8, a.has_null);
	wire_set32(p + 12, form->element_oid);
	for (int i = 0; i < a.depth; i++) {
		wire_set32(p + 16 + 8 * i, (uint32_t)a.size[i]);
		wire_set32(p + 20 + 8 * i, 1);
	}
	return 0;
}

int value_encode(const struct value_form *form, const struct json_value *v,
    struct buf *out, struct fault *fault)
{
	if (v->type == JSON_NULL)
		return value_null(out) == -1 ? no_room(fault) : 0;
	if (form->array)
		return put_array(form, v, out, fault);
	return put_scalar(form, v, out, fault);
}
