#include <stdbool.h>
#include <string.h>

#include "record/record.h"

/* Longer exponents are nobody's; such a number stays as it is. */
#define EXPONENT_DIGITS 9

static size_t verbatim(struct json_span number, char *out)
{
	memcpy(out, number.p, number.len);
	return number.len;
}

/* 3.7e-1: the exponent grows by two. */
static size_t with_exponent(struct json_span number, size_t e, char *out)
{
	const char *p = number.p + e + 1;
	const char *end = number.p + number.len;
	bool negative = *p == '-';
	int64_t exponent = 0;

	if (*p == '-' || *p == '+')
		p++;
	while (p < end - 1 && *p == '0')
		p++;
	if (end - p > EXPONENT_DIGITS)
		return verbatim(number, out);
	for (; p < end; p++)
		exponent = exponent * 10 + (*p - '0');
	exponent = (negative ? -exponent : exponent) + 2;
	memcpy(out, number.p, e + 1);
	return e + 1 + record_integer(exponent, out + e + 1);
}

/* 0.3706: the digits, with the point two further.  whole: how many digits stand
 * before the point. */
static size_t with_point(const char *digits, size_t n, size_t whole, char *out)
{
	size_t first = 0, len = 0, i;

	whole += 2;
	while (first + 1 < whole && (first >= n || digits[first] == '0'))
		first++;
	for (i = first; i < whole; i++)
		out[len++] = i < n ? digits[i] : '0';
	if (n > whole) {
		out[len++] = '.';
		memcpy(out + len, digits + whole, n - whole);
		len += n - whole;
	}
	return len;
}

static size_t find_exponent(struct json_span number)
{
	size_t i;

	for (i = 0; i < number.len; i++)
		if (number.p[i] == 'e' || number.p[i] == 'E')
			break;
	return i;
}

size_t record_percent(struct json_span number, char *out)
{
	char digits[64];
	size_t e = find_exponent(number);
	size_t n = 0, whole, i = 0, len = 0;

	if (e < number.len)
		return with_exponent(number, e, out);
	if (number.len > sizeof(digits))
		return verbatim(number, out);
	if (number.p[0] == '-') {
		out[len++] = '-';
		i++;
	}
	whole = number.len - i;
	for (; i < number.len; i++)
		if (number.p[i] == '.')
			whole = n;
		else
			digits[n++] = number.p[i];
	return len + with_point(digits, n, whole, out + len);
}
