#include "deribit/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_texts[NAME_KINDS] = {
    [NAME_OPTION] = "option",
    [NAME_FUTURE] = "future",
    [NAME_PERPETUAL] = "perpetual",
    [NAME_SPOT] = "spot",
    [NAME_OPTION_COMBO] = "option_combo",
    [NAME_FUTURE_COMBO] = "future_combo",
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_token(struct json_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!is_digit(s.p[i]) && !is_upper(s.p[i]) &&
		    !(s.p[i] >= 'a' && s.p[i] <= 'z'))
			return false;
	return s.len > 0;
}

/* 2OCT26, 25DEC26 */
static bool is_date(struct json_span s)
{
	size_t digits = s.len == 7 ? 2 : 1;
	size_t i;

	if (s.len != 6 && s.len != 7)
		return false;
	for (i = 0; i < s.len; i++) {
		bool letter = i >= digits && i < digits + 3;

		if (letter ? !is_upper(s.p[i]) : !is_digit(s.p[i]))
			return false;
	}
	return true;
}

/* 80000, 1d325 */
static bool is_strike(struct json_span s)
{
	bool point = false;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (is_digit(s.p[i]))
			continue;
		if (s.p[i] != 'd' || point || i == 0 || i + 1 == s.len)
			return false;
		point = true;
	}
	return s.len > 0;
}

static bool is_text(struct json_span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* Cuts the part up to the next sep off *rest; the last part leaves rest.p
 * NULL. */
static struct json_span cut(struct json_span *rest, char sep)
{
	const char *at = memchr(rest->p, sep, rest->len);
	struct json_span part = *rest;

	if (at == NULL) {
		*rest = (struct json_span){NULL, 0};
		return part;
	}
	part.len = (size_t)(at - rest->p);
	rest->p += part.len + 1;
	rest->len -= part.len + 1;
	return part;
}

static bool is_combo_rest(struct json_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!is_digit(s.p[i]) && !is_upper(s.p[i]) && s.p[i] != '-' &&
		    s.p[i] != '_' && s.p[i] != 'd')
			return false;
	return s.len > 0;
}

static int parse_option(struct json_span rest, enum name_kind *kind)
{
	struct json_span strike = cut(&rest, '-');

	if (!is_strike(strike) || rest.p == NULL ||
	    !(is_text(rest, "C") || is_text(rest, "P")))
		return -1;
	*kind = NAME_OPTION;
	return 0;
}

/* What stands behind the base: the set of combination codes is open. */
static int parse_tail(struct json_span tail, enum name_kind *kind)
{
	struct json_span first = cut(&tail, '-');

	if (is_date(first) && tail.p != NULL)
		return parse_option(tail, kind);
	if (is_date(first)) {
		*kind = NAME_FUTURE;
		return 0;
	}
	if (tail.p == NULL) {
		*kind = NAME_PERPETUAL;
		return is_text(first, "PERPETUAL") ? 0 : -1;
	}
	*kind = is_text(first, "FS") ? NAME_FUTURE_COMBO : NAME_OPTION_COMBO;
	return is_token(first) && is_upper(first.p[0]) && is_combo_rest(tail)
	           ? 0
	           : -1;
}

int name_parse(const char *p, size_t len, struct name *out)
{
	struct json_span rest = {p, len};
	struct json_span head;

	if (len == 0 || len > NAME_MAX_LEN)
		return -1;
	head = cut(&rest, '-');
	out->base = cut(&head, '_');
	out->quote = head;
	if (!is_token(out->base) || (head.p != NULL && !is_token(head)))
		return -1;
	if (rest.p == NULL) {
		out->kind = NAME_SPOT;
		return head.p != NULL ? 0 : -1;
	}
	return parse_tail(rest, &out->kind);
}

const char *name_kind_text(enum name_kind kind)
{
	return kind_texts[kind];
}

void name_settlement(const struct name *n, char *out, size_t size)
{
	const struct json_span *s = n->quote.len > 0 ? &n->quote : &n->base;

	snprintf(out, size, "%.*s", (int)s->len, s->p);
}

int name_kind_parse(const char *text)
{
	int i;

	for (i = 0; i < NAME_KINDS; i++)
		if (strcmp(kind_texts[i], text) == 0)
			return i;
	return -1;
}
