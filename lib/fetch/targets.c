#include "fetch/targets.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "deribit/chain.h"
#include "deribit/name.h"

/* A word that names a market by its pair, BTC_USDC, but no spot pair. */
static bool is_market(
    const struct targets_query *q, const char *word, struct name *name)
{
	return q->kind != NULL && strcmp(q->kind, "spot") != 0 &&
	       name->kind == NAME_SPOT && name->quote.len > 0 &&
	       strchr(word, '-') == NULL;
}

static void upper(const char *text, char *out, size_t size)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < size; i++)
		out[i] = (char)toupper((unsigned char)text[i]);
	out[i] = '\0';
}

/* A word taken apart. */
struct word {
	char text[NAME_MAX_LEN + 1]; /* as the exchange writes it */
	char currency[CHAIN_CURRENCY_MAX + 1];
	char settlement[CHAIN_CURRENCY_MAX + 1];
	bool is_instrument;
	struct name name;
	struct chain_query query;
};

/* Strikes of linear options have a small d: XRP_USDC-25DEC26-1d25-C. */
static int instrument_read(const char *text, struct word *w)
{
	size_t len = strlen(text), i;

	if (len > NAME_MAX_LEN)
		return -1;
	upper(text, w->text, sizeof(w->text));
	for (i = 1; i + 1 < len; i++)
		if (w->text[i] == 'D' &&
		    isdigit((unsigned char)w->text[i - 1]) &&
		    isdigit((unsigned char)w->text[i + 1]))
			w->text[i] = 'd';
	return name_parse(w->text, len, &w->name);
}

static int kind_check(
    const struct targets_query *q, const struct word *w, struct fault *fault)
{
	if (!q->sole ||
	    w->name.kind == (enum name_kind)name_kind_parse(q->kind))
		return 0;
	return fault_set(fault, EX_USAGE, "%s is no %s: only these have %s",
	    w->text, q->kind, q->sole);
}

static int word_read(const struct targets_query *q, const char *text,
    struct word *w, struct fault *fault)
{
	memset(w, 0, sizeof(*w));
	w->query = (struct chain_query){.kind = q->kind,
	    .settlement = q->settlement,
	    .no_cache = q->no_cache,
	    .inactive = q->inactive,
	    .top = q->top,
	    .cache_age_ms = q->cache_age_ms};
	w->query.currency = text;
	if (strpbrk(text, "-_") != NULL) {
		if (instrument_read(text, w) == -1)
			return fault_set(fault, EX_USAGE,
			    "'%.60s' is neither a currency nor an instrument's "
			    "name",
			    text);
		w->is_instrument = !is_market(q, text, &w->name);
		if (w->is_instrument)
			return kind_check(q, w, fault);
		if (w->name.base.len > CHAIN_CURRENCY_MAX ||
		    w->name.quote.len > CHAIN_CURRENCY_MAX)
			return fault_set(
			    fault, EX_USAGE, "'%.60s' is no currency", text);
		memcpy(w->currency, w->name.base.p, w->name.base.len);
		memcpy(w->settlement, w->name.quote.p, w->name.quote.len);
		w->query.currency = w->currency;
		w->query.settlement = w->settlement;
	}
	return chain_query_check(&w->query, fault);
}

int targets_check(
    const struct targets_query *query, char *const *words, struct fault *fault)
{
	struct word w;

	if (*words == NULL)
		return fault_set(
		    fault, EX_USAGE, "which CURRENCY or INSTRUMENT?");
	for (; *words != NULL; words++)
		if (word_read(query, *words, &w, fault) == -1)
			return -1;
	return 0;
}

int targets_word(const struct targets_query *query, const char *text,
    struct targets_word *word, struct fault *fault)
{
	struct word w;
	const char *settlement;

	memset(word, 0, sizeof(*word));
	if (word_read(query, text, &w, fault) == -1)
		return -1;
	word->is_instrument = w.is_instrument;
	if (w.is_instrument) {
		memcpy(word->name, w.text, sizeof(word->name));
		return 0;
	}
	upper(w.query.currency, word->currency, sizeof(word->currency));
	settlement = w.query.settlement != NULL ? w.query.settlement : "";
	upper(settlement, word->settlement, sizeof(word->settlement));
	return 0;
}

static void target_free(struct target *t)
{
	free(t->name);
	free(t->kind);
	free(t->currency);
	free(t->record);
}

/* The strings are copied; record may be NULL. */
static int target_add(struct targets *all, const char *name, const char *kind,
    const char *currency, const char *record)
{
	size_t size = all->size > 0 ? all->size * 2 : 64;
	struct target *grown, *t;

	if (table_find(&all->names, name, strlen(name)) != NULL)
		return 0;
	if (all->n == all->size) {
		grown = realloc(all->target, size * sizeof(*grown));
		if (grown == NULL)
			return -1;
		all->target = grown;
		all->size = size;
	}
	t = &all->target[all->n];
	t->name = strdup(name);
	t->kind = strdup(kind);
	t->currency = strdup(currency);
	t->record = record != NULL ? strdup(record) : NULL;
	if (t->name == NULL || t->kind == NULL || t->currency == NULL ||
	    (record != NULL && t->record == NULL) ||
	    table_add(&all->names, t->name, strlen(t->name), t->name) == -1) {
		target_free(t);
		return -1;
	}
	all->n++;
	return 0;
}

static int instrument_add(
    struct targets *all, const struct word *w, struct fault *fault)
{
	char base[NAME_MAX_LEN + 1];

	memcpy(base, w->name.base.p, w->name.base.len);
	base[w->name.base.len] = '\0';
	if (target_add(
		all, w->text, name_kind_text(w->name.kind), base, NULL) == -1)
		return fault_errno(fault, EX_OSERR, "no memory");
	return 0;
}

static int chain_add(
    struct targets *all, const struct chain *chain, struct fault *fault)
{
	for (size_t i = 0; i < chain->n; i++) {
		const struct chain_instrument *c = &chain->instrument[i];

		if (target_add(all, c->name, c->kind, c->currency, c->record) ==
		    -1)
			return fault_errno(fault, EX_OSERR, "no memory");
	}
	return 0;
}

/* -1; 1: there were some. */
static int market_add(struct rest *rest, const struct chain_query *query,
    struct targets *all, struct fault *fault)
{
	struct chain chain;
	int result;

	if (chain_fetch(rest, query, &chain, fault) == -1)
		return -1;
	result = chain_add(all, &chain, fault);
	if (result == 0)
		result = chain.n > 0;
	chain_free(&chain);
	return result;
}

static bool has_inverse(const struct chain_query *query)
{
	char filter[CHAIN_CURRENCY_MAX + 1];

	chain_filter(query, filter, sizeof(filter));
	return strcmp(filter, "USDC") != 0 && strcmp(filter, "any") != 0;
}

static int currency_add(struct rest *rest, const struct targets_query *q,
    struct word *w, struct targets *all, struct fault *fault)
{
	struct chain_query linear = w->query;
	char nothing[256];
	int found = market_add(rest, &w->query, all, fault), more = 0;

	if (found == -1)
		return -1;
	linear.settlement = "USDC";
	if (q->every_settlement && w->query.settlement == NULL &&
	    has_inverse(&w->query))
		more = market_add(rest, &linear, all, fault);
	if (more == -1)
		return -1;
	if (found == 0 && more == 0) {
		chain_nothing(&w->query, nothing, sizeof(nothing));
		log_warn("%s", nothing);
	}
	return 0;
}

int targets_find(struct rest *rest, const struct targets_query *query,
    char *const *words, struct targets *targets, struct fault *fault)
{
	struct word w;
	int result = 0;

	memset(targets, 0, sizeof(*targets));
	if (targets_check(query, words, fault) == -1)
		return -1;
	for (; result == 0 && *words != NULL; words++) {
		result = word_read(query, *words, &w, fault);
		if (result == 0)
			result = w.is_instrument
			             ? instrument_add(targets, &w, fault)
			             : currency_add(
					   rest, query, &w, targets, fault);
	}
	if (result == -1)
		targets_free(targets);
	return result;
}

int targets_renew(struct rest *rest, const struct targets_query *query,
    char *const *words, struct targets *targets, struct fault *fault)
{
	struct targets fresh;
	struct fault why;

	if (targets_find(rest, query, words, &fresh, &why) == 0) {
		targets_free(targets);
		*targets = fresh;
		return 0;
	}
	if (targets->n > 0 && why.exit_code != EX_TEMPFAIL) {
		log_warn("the list is not renewed: %s", why.text);
		return 0;
	}
	if (fault != NULL)
		*fault = why;
	return -1;
}

void targets_free(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++)
		target_free(&targets->target[i]);
	free(targets->target);
	table_free(&targets->names);
	memset(targets, 0, sizeof(*targets));
}
