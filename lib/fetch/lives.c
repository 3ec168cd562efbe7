#include "fetch/lives.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "io/json.h"

#define QUERY_MAX 200
#define TURN_MS 1000
/* No market is as late: sums with it do not overflow. */
#define TIME_MAX_MS INT64_C(100000000000000000)

static void life_free(struct life *f)
{
	if (f == NULL)
		return;
	free(f->name);
	free(f->kind);
	free(f->currency);
	free(f->ranges.range);
	free(f);
}

void lives_free(struct lives *l)
{
	for (size_t i = 0; i < l->n; i++)
		life_free(l->life[i]);
	free(l->life);
	free(l->view.target);
	table_free(&l->names);
	memset(l, 0, sizeof(*l));
}

static int lives_grow(struct lives *l)
{
	struct life **grown;

	/* Grows at the powers of two. */
	if ((l->n & (l->n - 1)) != 0)
		return 0;
	grown = realloc(l->life, (l->n > 0 ? l->n * 2 : 1) * sizeof(*grown));
	if (grown == NULL)
		return -1;
	l->life = grown;
	return 0;
}

struct life *lives_get(
    struct lives *l, const char *name, const char *kind, const char *currency)
{
	struct life *f = table_find(&l->names, name, strlen(name));

	if (f != NULL)
		return f;
	f = calloc(1, sizeof(*f));
	if (f == NULL || lives_grow(l) == -1) {
		life_free(f);
		return NULL;
	}
	f->name = strdup(name);
	f->kind = strdup(kind);
	f->currency = strdup(currency);
	f->gap_to_ms = INT64_MIN;
	if (f->name == NULL || f->kind == NULL || f->currency == NULL ||
	    table_add(&l->names, f->name, strlen(f->name), f) == -1) {
		life_free(f);
		return NULL;
	}
	l->life[l->n++] = f;
	return f;
}

/* From an instrument as the exchange describes it. */
static void life_learn(struct life *f, struct json_span record)
{
	int64_t begin = -1, end = -1;
	struct json_span key;
	struct json_value v;
	struct json j;

	json_init(&j, record.p, record.len);
	if (json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type != JSON_NUMBER)
			continue;
		if (json_span_is(key, "creation_timestamp"))
			num_int64(v.text.p, v.text.len, &begin);
		else if (json_span_is(key, "expiration_timestamp"))
			num_int64(v.text.p, v.text.len, &end);
	}
	if (begin < 0 || begin > TIME_MAX_MS)
		return;
	f->begin_ms = begin;
	/* A spot pair has no expiry. */
	f->end_ms = end > begin && end < TIME_MAX_MS ? end : TIME_MAX_MS;
	f->known = true;
}

int lives_take(struct lives *l, const struct targets *targets, bool sparse,
    struct fault *fault)
{
	for (size_t i = 0; i < targets->n; i++) {
		const struct target *t = &targets->target[i];
		size_t before = l->n;
		struct life *f = lives_get(l, t->name, t->kind, t->currency);

		if (f == NULL)
			return fault_errno(fault, EX_OSERR, "no memory");
		if (l->n > before)
			f->sparse = sparse && t->record != NULL;
		if (t->record != NULL)
			life_learn(f,
			    (struct json_span){t->record, strlen(t->record)});
	}
	return 0;
}

/* Questions under way. */
struct asking {
	struct life *life;
	struct rest_call call;
	char query[QUERY_MAX];
	size_t *open; /* how many are not answered */
};

static void on_reply(void *arg, struct rest_call *call, struct json_span result,
    const struct fault *fault)
{
	struct asking *a = arg;

	(void)call;
	(*a->open)--;
	/* What could not be had may be, next time. */
	a->life->asked = fault == NULL || fault->exit_code == EX_DATAERR;
	if (fault == NULL)
		life_learn(a->life, result);
	else
		log_debug("when %s lives is not known: %s", a->life->name,
		    fault->text);
}

static int asking_run(struct asking *all, size_t n, struct rest *rest,
    size_t *open, struct fault *fault)
{
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++) {
		struct asking *a = &all[i];

		a->open = open;
		snprintf(a->query, sizeof(a->query), "instrument_name=%s",
		    a->life->name);
		a->call = (struct rest_call){.method = "public/get_instrument",
		    .query = a->query,
		    .reply = on_reply,
		    .arg = a};
		result = rest_submit(rest, &a->call, fault);
		*open += result == 0;
	}
	while (result == 0 && *open > 0)
		result = rest_turn(rest, TURN_MS, fault);
	if (result == -1)
		for (size_t i = 0; i < n; i++)
			rest_cancel(rest, &all[i].call);
	return result;
}

int lives_ask(struct lives *l, struct rest *rest, struct fault *fault)
{
	struct asking *all = calloc(l->n + 1, sizeof(*all));
	size_t n = 0, open = 0;
	int result;

	if (all == NULL)
		return fault_errno(fault, EX_OSERR, "no memory");
	for (size_t i = 0; i < l->n; i++)
		if (!l->life[i]->known && !l->life[i]->asked)
			all[n++].life = l->life[i];
	result = asking_run(all, n, rest, &open, fault);
	free(all);
	return result;
}

const struct targets *lives_view(struct lives *l)
{
	struct target *t = calloc(l->n + 1, sizeof(*t));

	if (t == NULL)
		return NULL;
	for (size_t i = 0; i < l->n; i++) {
		t[i].name = l->life[i]->name;
		t[i].kind = l->life[i]->kind;
		t[i].currency = l->life[i]->currency;
	}
	free(l->view.target);
	l->view.target = t;
	l->view.n = l->n;
	return &l->view;
}
