#include "record/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

#define GAP_TABLE "collection_gaps"

int router_init(struct router *r, const char *const *names, size_t count,
    size_t named, struct fault *fault)
{
	memset(r, 0, sizeof(*r));
	r->tables = calloc(count + 1, sizeof(*r->tables));
	if (r->tables == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	r->count = count;
	r->named = named;
	for (size_t i = 0; i < count; i++) {
		struct router_table *t = &r->tables[i];

		snprintf(t->name, sizeof(t->name), "%s", names[i]);
		t->named = i < named;
		t->ours = route_of_table(t->name, &t->use);
		if (t->named && !t->ours && named > 1)
			return fault_set(fault, EX_USAGE,
			    "%s: the name does not say which records it takes; "
			    "name it alone, and it takes all",
			    t->name);
	}
	return 0;
}

void router_free(struct router *r)
{
	free(r->tables);
	memset(r, 0, sizeof(*r));
}

static bool same(const char *want, const char *got)
{
	return want == NULL || got == NULL || strcmp(want, got) == 0;
}

static void pass_by(
    struct router *r, const struct router_subject *s, const char *why)
{
	char what[80];

	snprintf(what, sizeof(what), "%.24s%s%.24s%s%.24s", s->type,
	    s->kind ? " " : "", s->kind ? s->kind : "",
	    s->currency ? " of " : "", s->currency ? s->currency : "");
	for (size_t i = 0; i < r->said_count; i++)
		if (strcmp(r->said[i], what) == 0)
			return;
	if (r->said_count == ROUTER_SAID_MAX)
		return;
	memcpy(r->said[r->said_count++], what, sizeof(what));
	if (r->said_count == ROUTER_SAID_MAX)
		why = "and so are further sorts of records, not named here";
	log_info("records passed by: %s: %s", what, why);
}

static enum router_verdict take(struct router *r, size_t i, size_t *table)
{
	r->tables[i].accepted = true;
	*table = i;
	return ROUTER_TAKE;
}

/* The index of the table of that name, r->count if there is none. */
static size_t find(const struct router *r, const char *name)
{
	size_t i = 0;

	while (i < r->count && strcmp(r->tables[i].name, name) != 0)
		i++;
	return i;
}

/* A hole is part of what was recorded: its record is kept with whatever was
 * named, unless it clearly speaks of something else. */
static bool gap_wanted(const struct router *r, const struct router_subject *s)
{
	const char *type = NULL;

	if (s->channel != NULL)
		type = route_channel_type(s->channel);
	for (size_t i = 0; i < r->named; i++) {
		const struct router_table *t = &r->tables[i];

		if (!t->ours || strcmp(t->use.type, "gap") == 0)
			return true;
		if (same(t->use.type, type) && same(t->use.kind, s->kind) &&
		    (t->use.currency[0] == '\0' || s->currency == NULL ||
			strcasecmp(t->use.currency, s->currency) == 0))
			return true;
	}
	return r->named == 0;
}

static enum router_verdict decide_gap(
    struct router *r, const struct router_subject *s, size_t *table)
{
	size_t i = find(r, GAP_TABLE);

	if (!gap_wanted(r, s)) {
		pass_by(r, s, "a hole in what no table named takes");
		return ROUTER_PASS;
	}
	if (i < r->count)
		return take(r, i, table);
	if (r->named == 1 && !r->tables[0].ours)
		return take(r, 0, table);
	pass_by(r, s, "there is no table " GAP_TABLE);
	return ROUTER_PASS;
}

static enum router_verdict other_currency(const struct router *r, size_t i,
    const struct router_subject *s, struct fault *fault)
{
	fault_set(fault, EX_DATAERR,
	    "a %.24s of %.24s cannot go to %s (currency %s)", s->type,
	    s->currency, r->tables[i].name, r->tables[i].use.currency);
	return r->tables[i].accepted ? ROUTER_REJECT : ROUTER_STOP;
}

static enum router_verdict decide_named(struct router *r,
    const struct router_subject *s, size_t *table, struct fault *fault)
{
	size_t stray = r->count;

	if (r->named == 1 && (!r->tables[0].ours || s->type == NULL))
		return take(r, 0, table);
	for (size_t i = 0; i < r->named; i++) {
		const struct route_use *use = &r->tables[i].use;

		if (!same(use->type, s->type) || !same(use->kind, s->kind))
			continue;
		if (use->currency[0] == '\0' || s->currency == NULL ||
		    strcasecmp(use->currency, s->currency) == 0)
			return take(r, i, table);
		stray = i;
	}
	if (stray < r->count)
		return other_currency(r, stray, s, fault);
	pass_by(r, s, "no table named takes them");
	return ROUTER_PASS;
}

enum router_verdict router_decide(struct router *r,
    const struct router_subject *s, size_t *table, struct fault *fault)
{
	char name[64];
	size_t i;

	if (s->type == NULL && r->named != 1) {
		fault_set(fault, EX_DATAERR,
		    "type: missing, so no table can be told");
		return ROUTER_REJECT;
	}
	if (s->type != NULL && strcmp(s->type, "gap") == 0)
		return decide_gap(r, s, table);
	if (r->named > 0)
		return decide_named(r, s, table, fault);
	if (route_table(s->type, s->kind, s->currency, name, sizeof(name)) ==
	    -1) {
		pass_by(r, s, "no table is meant for them");
		return ROUTER_PASS;
	}
	i = find(r, name);
	if (i < r->count)
		return take(r, i, table);
	pass_by(r, s, "their table is not in this database");
	return ROUTER_PASS;
}
