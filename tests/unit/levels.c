#include "levels.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64
#define POINT_MAX 40      /* zeros that a number may be written with */
#define EXPONENT_MAX 9999 /* beyond POINT_MAX, and far from overflow */

static int read_exponent(const char *p, const char *end)
{
	int exponent = 0;
	bool negative = *p == '-';

	for (p += *p == '-' || *p == '+'; p < end; p++)
		if (exponent < EXPONENT_MAX / 10)
			exponent = exponent * 10 + (*p - '0');
		else
			exponent = EXPONENT_MAX;
	return negative ? -exponent : exponent;
}

/* The text is a number that the scanner validated. */
static int number_read(struct json_span text, struct levels_number *out)
{
	const char *p = text.p, *end = p + text.len;
	bool negative = *p == '-', dot = false;

	memset(out, 0, sizeof(*out));
	for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			dot = true;
		} else if (out->n == 0 && *p == '0') {
			out->point -= dot;
		} else {
			out->point += !dot;
			if (out->n < LEVELS_DIGITS)
				out->digit[out->n++] = *p;
			else if (*p != '0')
				return -1;
		}
	}
	while (out->n > 0 && out->digit[out->n - 1] == '0')
		out->digit[--out->n] = '\0';
	if (out->n == 0) {
		memset(out, 0, sizeof(*out));
		return 0;
	}
	if (p < end)
		out->point += read_exponent(p + 1, end);
	out->sign = negative ? -1 : 1;
	return out->point < -POINT_MAX || out->point > POINT_MAX ? -1 : 0;
}

/* < 0, 0, > 0, as memcmp(). */
static int number_compare(
    const struct levels_number *a, const struct levels_number *b)
{
	int order;

	if (a->sign != b->sign)
		return a->sign < b->sign ? -1 : 1;
	if (a->point != b->point)
		order = a->point < b->point ? -1 : 1;
	else /* behind the digits stand NULs */
		order = memcmp(a->digit, b->digit, LEVELS_DIGITS);
	return a->sign * order;
}

static int number_text(const struct levels_number *x, struct buf *out)
{
	int point = x->point, n = (int)x->n, i;
	int bad = 0;

	if (x->sign == 0)
		return buf_addc(out, '0');
	if (x->sign < 0)
		bad |= buf_addc(out, '-');
	if (point <= 0)
		bad |= buf_adds(out, "0.");
	for (i = point; i < 0; i++)
		bad |= buf_addc(out, '0');
	for (i = 0; i < n; i++) {
		if (i > 0 && i == point)
			bad |= buf_addc(out, '.');
		bad |= buf_addc(out, x->digit[i]);
	}
	for (; i < point; i++)
		bad |= buf_addc(out, '0');
	return bad;
}

/* Where the price is, or belongs.  rises: the best is the lowest. */
static size_t find(const struct levels_side *s, bool rises,
    const struct levels_number *price, bool *found)
{
	size_t low = 0, high = s->n;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = number_compare(&s->level[mid].price, price);

		if (order == 0) {
			*found = true;
			return mid;
		}
		if ((order < 0) == rises)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int grow(struct levels_side *s)
{
	size_t size = s->size > 0 ? s->size * 2 : FIRST_SIZE;
	struct level *level = realloc(s->level, size * sizeof(*level));

	if (level == NULL)
		return -1;
	s->level = level;
	s->size = size;
	return 0;
}

static int set(
    struct levels *l, struct levels_side *s, const struct level *wanted)
{
	bool found;
	size_t i = find(s, s == &l->asks, &wanted->price, &found);
	struct level *at;

	if (!found && wanted->amount.sign == 0)
		return 0;
	if (!found && (l->bids.n + l->asks.n == LEVELS_MAX ||
			  (s->n == s->size && grow(s) == -1)))
		return -1;
	at = &s->level[i];
	if (wanted->amount.sign == 0) {
		s->n--;
		memmove(at, at + 1, (s->n - i) * sizeof(*at));
		return 0;
	}
	if (!found) {
		memmove(at + 1, at, (s->n - i) * sizeof(*at));
		s->n++;
	}
	*at = *wanted;
	return 0;
}

/* The word says nothing that the amount does not. */
static int skip_action(struct json *j)
{
	struct json_value action;

	if (json_peek(j) != JSON_STRING)
		return 0;
	return json_value(j, &action) == 0 && json_array_next(j) == 1 ? 0 : -1;
}

static int read_number(struct json *j, struct levels_number *out)
{
	struct json_value value;

	if (json_value(j, &value) == -1 || value.type != JSON_NUMBER)
		return -1;
	return number_read(value.text, out);
}

static int read_level(struct json *j, struct level *out)
{
	if (json_array_begin(j) == -1 || json_array_next(j) != 1 ||
	    skip_action(j) == -1 || read_number(j, &out->price) == -1 ||
	    json_array_next(j) != 1 || read_number(j, &out->amount) == -1 ||
	    json_array_next(j) != 0)
		return -1;
	return out->amount.sign < 0 ? -1 : 0;
}

static int apply_side(struct levels *l, struct levels_side *s, struct json *j)
{
	struct level level;
	int r;

	if (json_array_begin(j) == -1)
		return -1;
	while ((r = json_array_next(j)) == 1)
		if (read_level(j, &level) == -1 || set(l, s, &level) == -1)
			return -1;
	return r;
}

int levels_apply(struct levels *l, struct json_span data)
{
	struct json j;
	struct json_span key;
	struct json_value other;
	int r;

	json_init(&j, data.p, data.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_span_is(key, "bids"))
			r = apply_side(l, &l->bids, &j);
		else if (json_span_is(key, "asks"))
			r = apply_side(l, &l->asks, &j);
		else
			r = json_value(&j, &other);
		if (r == -1)
			return -1;
	}
	return r == 0 ? json_end(&j) : -1;
}

static int side_text(
    const struct levels_side *s, const char *name, struct buf *out)
{
	int bad = 0;

	for (size_t i = 0; i < s->n && !bad; i++) {
		bad |= buf_adds(out, name);
		bad |= number_text(&s->level[i].price, out);
		bad |= buf_addc(out, ' ');
		bad |= number_text(&s->level[i].amount, out);
		bad |= buf_addc(out, '\n');
	}
	return bad;
}

int levels_text(const struct levels *l, struct buf *out)
{
	if (side_text(&l->bids, "bid ", out) != 0)
		return -1;
	return side_text(&l->asks, "ask ", out) != 0 ? -1 : 0;
}

bool levels_crossed(const struct levels *l)
{
	return l->bids.n > 0 && l->asks.n > 0 &&
	       number_compare(
		   &l->bids.level[0].price, &l->asks.level[0].price) >= 0;
}

void levels_clear(struct levels *l)
{
	l->bids.n = l->asks.n = 0;
}

void levels_free(struct levels *l)
{
	free(l->bids.level);
	free(l->asks.level);
	memset(l, 0, sizeof(*l));
}
