#include "record/digest.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/num.h"
#include "base/swar.h"
#include "base/utf8.h"

/* Odd, and half of the bits set: of splitmix64 (Steele, Lea and Flood). */
#define MIX_1 UINT64_C(0xbf58476d1ce4e5b9)
#define MIX_2 UINT64_C(0x94d049bb133111eb)
#define STEP UINT64_C(0x9e3779b97f4a7c15)

/* Exponents beyond it are equal: no exchange means them. */
#define EXPONENT_MAX INT64_C(1000000000000000)

/* Bytes, taken in words of eight, however they come. */
struct digest {
	uint64_t state;
	uint64_t word;
	size_t len;
};

static inline uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * MIX_1;
	z = (z ^ (z >> 27)) * MIX_2;
	return z ^ (z >> 31);
}

static inline uint64_t add_word(uint64_t state, uint64_t word)
{
	state = (state ^ word) * MIX_1;
	return (state ^ (state >> 32)) * MIX_2;
}

static inline struct digest digest_begin(enum json_type type)
{
	return (struct digest){.state = STEP * ((uint64_t)type + 1)};
}

static inline void digest_byte(struct digest *d, unsigned char byte)
{
	d->word |= (uint64_t)byte << (d->len % 8 * 8);
	if (++d->len % 8 == 0) {
		d->state = add_word(d->state, d->word);
		d->word = 0;
	}
}

static inline uint64_t digest_end(const struct digest *d)
{
	return mix(add_word(d->state, d->word) + d->len);
}

static void digest_escape(
    struct digest *d, const char *p, const char *end, const char **behind)
{
	char bytes[4];
	size_t len = utf8_encode(json_unescape(p, end, behind), bytes);

	for (size_t i = 0; i < len; i++)
		digest_byte(d, (unsigned char)bytes[i]);
}

/* Between the quotes. */
static uint64_t digest_string(struct json_span s)
{
	struct digest d = digest_begin(JSON_STRING);
	const char *p = s.p, *end = s.p + s.len;

	while (end - p >= 8) {
		uint64_t word = swar_load(p);

		if (swar_not_plain(word) != 0)
			break;
		d.state = add_word(d.state, word);
		d.len += 8;
		p += 8;
	}
	while (p < end)
		if (*p == '\\')
			digest_escape(&d, p, end, &p);
		else
			digest_byte(&d, (unsigned char)*p++);
	return digest_end(&d);
}

static int64_t clamp(int64_t exponent)
{
	if (exponent > EXPONENT_MAX)
		return EXPONENT_MAX;
	return exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
}

/* Behind the e; beyond ten times the cap it does not matter any more. */
static int64_t parse_exponent(const char *p, const char *end)
{
	bool negative = p < end && *p == '-';
	int64_t e = 0;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end; p++)
		if (e < 10 * EXPONENT_MAX)
			e = 10 * e + (*p - '0');
	return negative ? -e : e;
}

/* As the digits from the first to the last that is not 0, behind a point, and
 * the power of ten. */
static uint64_t digest_number(struct json_span s)
{
	struct digest d = digest_begin(JSON_NUMBER);
	const char *p = s.p, *end = s.p + s.len;
	bool negative = *p == '-', fraction = false;
	int64_t exponent = 0;
	size_t zeros = 0;

	for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		if (*p == '0') {
			zeros += d.len > 0;
			exponent += d.len > 0 ? !fraction : -fraction;
			continue;
		}
		for (; zeros > 0; zeros--)
			digest_byte(&d, '0');
		digest_byte(&d, (unsigned char)*p);
		exponent += !fraction;
	}
	if (d.len == 0)
		return digest_end(&d);
	if (p < end)
		exponent += parse_exponent(p + 1, end);
	d.state = add_word(d.state, (uint64_t)clamp(exponent));
	digest_byte(&d, negative ? '-' : '+');
	return digest_end(&d);
}

static uint64_t digest_value(struct json *j);

/* A sum, so that the order does not matter. */
static uint64_t digest_object(struct json *j)
{
	struct digest d = digest_begin(JSON_OBJECT);
	struct json_span key;
	uint64_t sum = 0;

	if (json_object_begin(j) == -1)
		return 0;
	for (; json_object_next(j, &key) == 1; d.len++) {
		uint64_t name = digest_string(key);

		sum += mix(name * STEP + digest_value(j));
	}
	d.word = sum;
	return digest_end(&d);
}

static uint64_t digest_array(struct json *j)
{
	struct digest d = digest_begin(JSON_ARRAY);

	if (json_array_begin(j) == -1)
		return 0;
	for (; json_array_next(j) == 1; d.len++)
		d.state = add_word(d.state, digest_value(j));
	return digest_end(&d);
}

/* Nests as deep as the scanner lets it: JSON_DEPTH_MAX. */
static uint64_t digest_value(struct json *j)
{
	struct json_value value;
	struct digest d;

	switch (json_peek(j)) {
	case JSON_OBJECT: return digest_object(j);
	case JSON_ARRAY: return digest_array(j);
	default: break;
	}
	if (json_value(j, &value) == -1)
		return 0;
	if (value.type == JSON_STRING)
		return digest_string(json_inside(value.text));
	if (value.type == JSON_NUMBER)
		return digest_number(value.text);
	d = digest_begin(value.type);
	return digest_end(&d);
}

static int64_t find_stamp(struct json_span data)
{
	struct json_value value;
	struct json_span key;
	int64_t stamp = 0;
	struct json j;

	json_init(&j, data.p, data.len);
	if (json_peek(&j) == JSON_ARRAY &&
	    (json_array_begin(&j) == -1 || json_array_next(&j) != 1))
		return 0;
	if (json_peek(&j) != JSON_OBJECT || json_object_begin(&j) == -1)
		return 0;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &value) == 0)
		if (value.type == JSON_NUMBER && json_span_is(key, "timestamp"))
			return num_int64(value.text.p, value.text.len,
				   &stamp) == NUM_OK
			           ? stamp
			           : 0;
	return 0;
}

uint64_t digest_data(struct json_span data, int64_t *stamp)
{
	struct json j;

	if (stamp != NULL)
		*stamp = find_stamp(data);
	json_init(&j, data.p, data.len);
	return digest_value(&j);
}
