/*
 * In which order channels are placed on sockets, each of which takes the next:
 * channels of a class, and in it the options of an expiry and a side by their
 * strikes, stand next to each other and so are on different sockets.  A loss
 * thins every smile instead of taking one.
 */
#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"

/* BTC-25DEC26 of BTC-25DEC26-80000-C; its strike, its side. */
struct key {
	struct json_span expiry, strike;
	char side;
};

static struct json_span word(const char **p)
{
	struct json_span w = {*p, strcspn(*p, "-")};

	*p += w.len + (w.p[w.len] == '-');
	return w;
}

static struct key key_of(const struct source *s)
{
	const char *p = s->instrument;
	struct key k = {.side = '\0'};
	struct name name;

	if (p == NULL)
		return k;
	k.expiry = (struct json_span){p, strlen(p)};
	if (name_parse(p, strlen(p), &name) == -1 || name.kind != NAME_OPTION)
		return k;
	word(&p);
	word(&p);
	k.expiry.len = (size_t)(p - 1 - s->instrument);
	k.strike = word(&p);
	k.side = *p;
	return k;
}

static int compare_spans(struct json_span a, struct json_span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return r != 0 ? r : (a.len > b.len) - (a.len < b.len);
}

/* Digits before the d that is the decimal point. */
static size_t digits(struct json_span strike)
{
	const char *d = strike.len > 0 ? memchr(strike.p, 'd', strike.len)
	                               : NULL;

	return d != NULL ? (size_t)(d - strike.p) : strike.len;
}

static int compare(const void *a, const void *b)
{
	const struct source *x = *(struct source *const *)a;
	const struct source *y = *(struct source *const *)b;
	struct key k = key_of(x), l = key_of(y);
	size_t m = digits(k.strike), n = digits(l.strike);
	int r;

	if (x->channel.id != y->channel.id)
		return x->channel.id < y->channel.id ? -1 : 1;
	r = compare_spans(k.expiry, l.expiry);
	if (r == 0)
		r = k.side - l.side;
	if (r == 0)
		r = (m > n) - (m < n);
	if (r == 0)
		r = compare_spans(k.strike, l.strike);
	return r != 0 ? r : strcmp(x->name, y->name);
}

struct source **place_order(const struct collector *c)
{
	struct source **order = malloc((c->sources + 1) * sizeof(*order));

	if (order == NULL)
		return NULL;
	memcpy(order, c->source, c->sources * sizeof(*order));
	qsort(order, c->sources, sizeof(*order), compare);
	return order;
}
