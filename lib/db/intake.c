#include "db/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define WORD_MAX 96
#define NAMED_BYTES_MAX ((size_t)4096)

enum { W_TYPE, W_KIND, W_CURRENCY, W_CHANNEL, W_COUNT };

static const char *const words[W_COUNT] = {
    "type", "kind", "currency", "channel"};

/* What is known of a shape. */
struct intake_leaf {
	int at[W_COUNT]; /* where these members stand, -1: nowhere */
	struct copy_plan *plans;
	/* The last answer: the words as sent, and the plan. */
	char said[W_CHANNEL][WORD_MAX];
	size_t said_len[W_CHANNEL];
	struct copy_plan *answer;
};

static void leaf_free(void *use)
{
	struct intake_leaf *leaf = use;

	copy_plan_free(leaf->plans);
	free(leaf);
}

void intake_init(struct intake *in, int reject_fd)
{
	memset(&in->catalog, 0, sizeof(in->catalog));
	memset(&in->sinks, 0, sizeof(in->sinks));
	shapes_init(&in->shapes, leaf_free);
	reject_init(&in->reject, reject_fd);
	in->passed = 0;
	in->named = NULL;
	in->named_len = 0;
}

void intake_reset(struct intake *in)
{
	shapes_clear(&in->shapes);
	copy_sinks_free(&in->sinks);
	catalog_free(&in->catalog);
}

void intake_free(struct intake *in)
{
	intake_reset(in);
	shapes_free(&in->shapes);
	reject_free(&in->reject);
	free(in->named);
}

static struct intake_leaf *leaf_of(struct shape *shape)
{
	struct intake_leaf *leaf = shape->use;

	if (leaf != NULL)
		return leaf;
	leaf = calloc(1, sizeof(*leaf));
	if (leaf == NULL)
		return NULL;
	for (int i = 0; i < W_COUNT; i++)
		leaf->at[i] = shape_member(shape, words[i]);
	shape->use = leaf;
	return leaf;
}

/* The same words as in the last line of this shape get the same answer.  A
 * gap is asked for anew: its channel counts too. */
static bool same_words(const struct intake *in, const struct intake_leaf *leaf)
{
	if (leaf->answer == NULL || leaf->at[W_CHANNEL] != -1)
		return false;
	for (int i = 0; i < W_CHANNEL; i++) {
		struct json_span s;

		if (leaf->at[i] == -1)
			continue;
		s = in->shapes.values[leaf->at[i]].text;
		if (s.len != leaf->said_len[i] ||
		    memcmp(s.p, leaf->said[i], s.len) != 0)
			return false;
	}
	return true;
}

static void keep_words(
    const struct intake *in, struct intake_leaf *leaf, struct copy_plan *plan)
{
	leaf->answer = plan;
	for (int i = 0; i < W_CHANNEL; i++) {
		struct json_span s;

		if (leaf->at[i] == -1)
			continue;
		s = in->shapes.values[leaf->at[i]].text;
		if (s.len > WORD_MAX) {
			leaf->answer = NULL;
			return;
		}
		memcpy(leaf->said[i], s.p, s.len);
		leaf->said_len[i] = s.len;
	}
}

static int word(const struct intake *in, int at, const char *name, char *out,
    const char **to, struct fault *fault)
{
	const struct json_value *v;
	struct buf b;
	int r;

	*to = NULL;
	if (at == -1 || in->shapes.values[at].type == JSON_NULL)
		return 0;
	v = &in->shapes.values[at];
	if (v->type != JSON_STRING)
		return fault_set(fault, EX_DATAERR, "%s: not a string", name);
	buf_init(&b, WORD_MAX);
	r = json_decode(json_inside(v->text), &b);
	if (r == -1 || buf_used(&b) >= WORD_MAX ||
	    (buf_used(&b) > 0 && memchr(b.data, 0, buf_used(&b)) != NULL)) {
		buf_free(&b);
		return fault_set(fault, EX_DATAERR, "%s: too long", name);
	}
	if (buf_used(&b) > 0)
		memcpy(out, b.data, buf_used(&b));
	out[buf_used(&b)] = '\0';
	buf_free(&b);
	*to = out;
	return 0;
}

static enum intake_verdict ask(struct intake *in,
    const struct intake_leaf *leaf, size_t *table, struct fault *fault)
{
	char text[W_COUNT][WORD_MAX];
	const char *said[W_COUNT];
	struct intake_subject s;

	for (int i = 0; i < W_COUNT; i++)
		if (word(in, leaf->at[i], words[i], text[i], &said[i], fault) ==
			-1 &&
		    i < W_CHANNEL)
			return INTAKE_REJECT;
	s.type = said[W_TYPE];
	s.kind = said[W_KIND];
	s.currency = said[W_CURRENCY];
	s.channel = said[W_CHANNEL];
	return in->route(in->arg, &s, table, fault);
}

static bool is_word(const char *name)
{
	return strcmp(name, "type") == 0 || strcmp(name, "kind") == 0 ||
	       strcmp(name, "currency") == 0;
}

/* Remembers "table.member\n"; whether it is new. */
static bool name_once(struct intake *in, const char *table, const char *name)
{
	char entry[256];
	size_t len;
	char *p;

	len = (size_t)snprintf(
	    entry, sizeof(entry), "\n%.100s.%.100s\n", table, name);
	if (in->named != NULL && strstr(in->named, entry) != NULL)
		return false;
	if (in->named_len + len > NAMED_BYTES_MAX)
		return false;
	p = realloc(in->named, in->named_len + len + 1);
	if (p == NULL)
		return false;
	in->named = p;
	memcpy(p + in->named_len, entry, len + 1);
	in->named_len += len;
	return true;
}

static void name_unused(
    struct intake *in, const struct catalog_table *t, const struct shape *leaf)
{
	for (; leaf->parent != NULL; leaf = leaf->parent) {
		size_t i = 0;

		if (leaf->name == NULL || is_word(leaf->name))
			continue;
		while (i < t->column_count &&
		       strcmp(t->columns[i].name, leaf->name) != 0)
			i++;
		if (i == t->column_count && name_once(in, t->name, leaf->name))
			log_info("%s: member %s has no column: passed by",
			    t->name, leaf->name);
	}
}

static struct copy_plan *plan_for(struct intake *in, struct shape *shape,
    struct intake_leaf *leaf, size_t table, struct fault *fault)
{
	const struct catalog_table *t = &in->catalog.tables[table];
	struct copy_plan *plan;

	for (plan = leaf->plans; plan != NULL; plan = plan->next)
		if (plan->sink->table == t)
			return plan;
	plan = copy_plan_new(&in->sinks, t, shape, fault);
	if (plan == NULL)
		return NULL;
	plan->next = leaf->plans;
	leaf->plans = plan;
	name_unused(in, t, shape);
	return plan;
}

/* The plan for the line just sliced to *plan, unless the verdict says what
 * else becomes of it. */
static enum intake_verdict choose(struct intake *in, struct shape *shape,
    struct copy_plan **plan, struct fault *fault)
{
	struct intake_leaf *leaf = leaf_of(shape);
	enum intake_verdict verdict;
	size_t table;

	if (leaf == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		return INTAKE_STOP;
	}
	if (same_words(in, leaf)) {
		*plan = leaf->answer;
		return INTAKE_TAKE;
	}
	verdict = ask(in, leaf, &table, fault);
	if (verdict != INTAKE_TAKE)
		return verdict;
	*plan = plan_for(in, shape, leaf, table, fault);
	if (*plan == NULL)
		return fault->exit_code == EX_DATAERR ? INTAKE_REJECT
		                                      : INTAKE_STOP;
	keep_words(in, leaf, *plan);
	return INTAKE_TAKE;
}

static int refuse(struct intake *in, const struct ndjson_item *item,
    const char *reason, struct fault *fault)
{
	return reject_line(
	    &in->reject, item->line, reason, item->p, item->len, fault);
}

static int take_line(struct intake *in, const struct ndjson_item *item,
    struct batch *batch, struct fault *fault)
{
	struct batch_row row = {.line = item->line, .text_len = item->len};
	struct copy_plan *plan = NULL;
	struct fault why = {0};
	struct shape *shape;

	shape = shapes_take(&in->shapes, item->p, item->len, &why);
	if (shape == NULL)
		return refuse(in, item, why.text, fault);
	switch (choose(in, shape, &plan, &why)) {
	case INTAKE_TAKE: break;
	case INTAKE_PASS: in->passed++; return 0;
	case INTAKE_REJECT: return refuse(in, item, why.text, fault);
	case INTAKE_STOP:
		*fault = why;
		return fault_prefix(fault, "line %" PRIu64, item->line);
	}
	row.position = item->offset + item->whole;
	if (batch_add(batch, plan, in->shapes.values, &row, item->p, &why) == 0)
		return 0;
	if (why.exit_code == EX_DATAERR)
		return refuse(in, item, why.text, fault);
	*fault = why;
	return -1;
}

int intake_line(struct intake *in, const struct ndjson_item *item,
    struct batch *batch, struct fault *fault)
{
	char reason[80];

	switch (item->what) {
	case NDJSON_LINE: return take_line(in, item, batch, fault);
	case NDJSON_TOO_LONG:
		snprintf(reason, sizeof(reason), "too long: %" PRIu64 " bytes",
		    item->whole);
		return refuse(in, item, reason, fault);
	case NDJSON_TORN:
		return refuse(
		    in, item, "torn: the input ended within the line", fault);
	}
	return 0;
}
