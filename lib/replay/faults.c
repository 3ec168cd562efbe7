#include "replay/faults.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 1e6
#define RULE_KEY 4000 /* of the generators, one a rule */

enum key {
	KEY_EVERY = 1,
	KEY_RATE = 2,
	KEY_APART = 4,
	KEY_FOR = 8,
	KEY_CLASS = 16,
	KEY_MODE = 32,
	KEY_FIRST = 64
};

static const char *const key_names[] = {
    "every", "rate", "apart", "for", "class", "mode", "first"};

/* Which keys a kind must have, and which it may. */
static const struct kind {
	const char *name;
	unsigned must, may;
} kinds[FAULTS_KINDS] = {
    [FAULTS_CUT] = {"cut", KEY_EVERY, KEY_FIRST | KEY_APART},
    [FAULTS_RESET] = {"reset", KEY_EVERY, KEY_FIRST | KEY_APART},
    [FAULTS_HALF_OPEN] = {"half-open", KEY_EVERY, KEY_FIRST | KEY_APART},
    [FAULTS_SILENT] = {"silent", KEY_EVERY, KEY_FIRST | KEY_APART},
    [FAULTS_DEAD] = {"dead", KEY_EVERY, KEY_FIRST | KEY_APART | KEY_CLASS},
    [FAULTS_ERROR] = {"error", KEY_EVERY, KEY_FIRST},
    [FAULTS_LIMIT] = {"limit", KEY_EVERY, KEY_FIRST | KEY_APART},
    [FAULTS_MAINTENANCE] = {"maintenance", KEY_EVERY | KEY_FOR,
	KEY_FIRST | KEY_MODE},
    [FAULTS_DROP] = {"drop", KEY_RATE, KEY_CLASS},
    [FAULTS_DUPLICATE] = {"duplicate", KEY_RATE, KEY_CLASS},
    [FAULTS_REORDER] = {"reorder", KEY_RATE, KEY_CLASS},
    [FAULTS_PAGE_SHIFT] = {"page-shift", KEY_RATE, 0},
    [FAULTS_PAGE_DUPLICATE] = {"page-duplicate", KEY_RATE, 0},
    [FAULTS_PAGE_REORDER] = {"page-reorder", KEY_RATE, 0},
    [FAULTS_PAGE_SHORT] = {"page-short", KEY_RATE, 0},
    [FAULTS_PAGE_EMPTY] = {"page-empty", KEY_RATE, 0},
    [FAULTS_PAGE_LATE] = {"page-late", KEY_RATE, 0},
    [FAULTS_PAGE_ERROR] = {"page-error", KEY_RATE, 0},
    [FAULTS_PAGE_LOST] = {"page-lost", KEY_RATE, 0},
    [FAULTS_SUMMARY_REFUSED] = {"summary-refused", KEY_RATE, KEY_CLASS},
    [FAULTS_SUMMARY_EMPTY] = {"summary-empty", KEY_RATE, KEY_CLASS},
    [FAULTS_SUMMARY_SHORT] = {"summary-short", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_429] = {"http-429", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_502] = {"http-502", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_EMPTY] = {"http-empty", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_LIMIT] = {"http-limit", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_RESET] = {"http-reset", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_TRUNCATED] = {"http-truncated", KEY_RATE, KEY_CLASS},
    [FAULTS_HTTP_LATE] = {"http-late", KEY_RATE, KEY_CLASS | KEY_FOR},
};

/* A number in [low, high]; -1 for anything else. */
static int take_number(const char *text, double low, double high, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end == text || *end != '\0' || !(*out >= low && *out <= high)
	           ? -1
	           : 0;
}

static int take_seconds(const char *text, int64_t *us)
{
	double s;

	/* Less than a millisecond would be nothing but faults. */
	if (take_number(text, 1e-3, SECONDS_MAX, &s) == -1)
		return -1;
	*us = (int64_t)(s * 1e6 + 0.5);
	return 0;
}

static int take_rate(const char *text, uint64_t *rate)
{
	double p;

	if (take_number(text, 0, 1, &p) == -1)
		return -1;
	*rate = (uint64_t)(p * 9007199254740992.0); /* 2^53 */
	return 0;
}

/* The value of the key in *r; -1: no such value. */
static int take_value(struct faults_rule *r, unsigned key, const char *value)
{
	switch (key) {
	case KEY_EVERY: return take_seconds(value, &r->every_us);
	case KEY_FIRST: return take_seconds(value, &r->first_us);
	case KEY_APART: return take_seconds(value, &r->apart_us);
	case KEY_FOR: return take_seconds(value, &r->for_us);
	case KEY_RATE: return take_rate(value, &r->rate);
	case KEY_MODE:
		r->http = strcmp(value, "503") == 0;
		return r->http || strcmp(value, "error") == 0 ? 0 : -1;
	case KEY_CLASS:
		if (strlen(value) >= sizeof(r->class))
			return -1;
		strcpy(r->class, value);
		return 0;
	default: return -1;
	}
}

static unsigned key_find(const char *name)
{
	for (unsigned k = 0; k < sizeof(key_names) / sizeof(*key_names); k++)
		if (strcmp(name, key_names[k]) == 0)
			return 1U << k;
	return 0;
}

/* Cuts text at the first separator; what is behind it, or NULL. */
static char *cut(char *text, char separator)
{
	char *p = strchr(text, separator);

	if (p != NULL)
		*p++ = '\0';
	return p;
}

/* The KEY=VALUE list, in place; -1 with *fault. */
static int take_keys(
    struct faults_rule *r, char *list, const char *whole, struct fault *fault)
{
	const struct kind *kind = &kinds[r->kind];
	unsigned seen = 0;

	while (list != NULL) {
		char *item = list, *value;
		unsigned key;

		list = cut(item, ',');
		value = cut(item, '=');
		key = key_find(item);
		if ((key & (kind->must | kind->may)) == 0)
			return fault_set(fault, EX_USAGE,
			    "--fault %s: %s takes no %.40s", whole, kind->name,
			    item);
		if (value == NULL || (seen & key) != 0 ||
		    take_value(r, key, value) == -1)
			return fault_set(fault, EX_USAGE,
			    "--fault %s: bad value of %s", whole, item);
		seen |= key;
	}
	for (unsigned k = 0; k < sizeof(key_names) / sizeof(*key_names); k++)
		if ((kind->must & ~seen & 1U << k) != 0)
			return fault_set(fault, EX_USAGE,
			    "--fault %s: %s needs %s=", whole, kind->name,
			    key_names[k]);
	return 0;
}

int faults_add(struct faults *f, const char *text, struct fault *fault)
{
	struct faults_rule *r = &f->rule[f->count];
	char copy[256], *keys;
	int kind = 0;

	if (f->count == FAULTS_RULES_MAX)
		return fault_set(fault, EX_USAGE,
		    "--fault %.200s: more than %d of them", text,
		    FAULTS_RULES_MAX);
	if (strlen(text) >= sizeof(copy))
		return fault_set(fault, EX_USAGE, "--fault: too long");
	strcpy(copy, text);
	keys = cut(copy, ':');
	while (kind < FAULTS_KINDS && strcmp(copy, kinds[kind].name) != 0)
		kind++;
	if (kind == FAULTS_KINDS)
		return fault_set(
		    fault, EX_USAGE, "--fault %s: no such kind of fault", text);
	memset(r, 0, sizeof(*r));
	r->kind = (enum faults_kind)kind;
	if (take_keys(r, keys, text, fault) == -1)
		return -1;
	f->count++;
	return 0;
}

/* The time to the next one: exponentially distributed. */
static int64_t wait_draw(struct faults_rule *r)
{
	/* In (0, 1]: its logarithm is a number. */
	double u = (double)((rng_next(&r->rng) >> 11) + 1) / 9007199254740992.0;

	return (int64_t)(-log(u) * (double)r->every_us);
}

void faults_seed(struct faults *f, uint64_t seed)
{
	for (size_t i = 0; i < f->count; i++) {
		struct faults_rule *r = &f->rule[i];

		r->rng = rng_for(seed, RULE_KEY + i);
		if (r->every_us == 0)
			continue;
		r->next_us = f->after_us + wait_draw(r);
		if (r->first_us > 0)
			r->next_us = f->after_us + r->first_us;
	}
}

const char *faults_name(enum faults_kind kind)
{
	return kinds[kind].name;
}

bool faults_has(const struct faults *f, enum faults_kind kind)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->rule[i].kind == kind)
			return true;
	return false;
}

static bool is_spent(const struct faults *f)
{
	return f->limit > 0 && f->done_all >= (uint64_t)f->limit;
}

void faults_tick(struct faults *f, int64_t now_us, bool began)
{
	if (began && f->began_us == 0)
		f->began_us = now_us;
	/* Pages of trades may be asked for without any subscription. */
	f->open = f->after_us == 0 ||
	          (f->began_us != 0 && now_us - f->began_us >= f->after_us);
}

bool faults_due(struct faults *f, struct faults_rule *r, int64_t now_us)
{
	if (f->began_us == 0 || r->every_us == 0 ||
	    now_us - f->began_us < r->next_us)
		return false;
	r->next_us += wait_draw(r);
	return f->open && !is_spent(f);
}

bool faults_takes(const struct faults_rule *r, const char *channel, size_t len)
{
	size_t n = strlen(r->class);

	return n == 0 || (len >= n && memcmp(channel, r->class, n) == 0);
}

struct faults_rule *faults_roll(
    struct faults *f, enum faults_kind kind, const char *channel, size_t len)
{
	struct faults_rule *hit = NULL;

	if (!f->open || is_spent(f))
		return NULL;
	for (size_t i = 0; i < f->count; i++) {
		struct faults_rule *r = &f->rule[i];

		/* Each throws, so that none depends on another's luck. */
		if (r->kind == kind && faults_takes(r, channel, len) &&
		    rng_next(&r->rng) >> 11 < r->rate)
			hit = r;
	}
	return hit;
}

void faults_done(struct faults *f, const struct faults_rule *r,
    uint64_t connection, const char *detail)
{
	f->done[r->kind]++;
	f->done_all++;
	f->latest = r->kind;
	if (f->tell != NULL)
		f->tell(f->arg, r, connection, detail);
}
