/*
 * What there is in a market, by its book summary: asked for when listings or
 * expiries may have been missed, and now and then, for nobody is told of a
 * message that was not sent.  Chains with a top are ranked by it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "collect/life-own.h"

/* Between two looks at a market, unless ranks are wanted more often; if
 * something is known to have been missed, or one had no answer. */
#define LOOK_MS 10000
#define SOON_MS 5000
/* The summary is made anew every 2 s (the exchange's market data page does not
 * say it; it was seen): what is younger may be missing in it. */
#define SUMMARY_MS 5000
/* Of more than these, half missing is believed when it is seen twice. */
#define DOUBT_MIN 10
/* The exchange's errors page: asking again cannot help. */
#define ERROR_NO_METHOD (-32601)
#define ERROR_PARAMETERS (-32602)

struct market *look_market(
    struct collector *c, const char *kind, const char *currency)
{
	struct market *m, **bigger;
	size_t i;

	for (i = 0; i < c->markets; i++)
		if (strcmp(c->market[i]->kind, kind) == 0 &&
		    strcmp(c->market[i]->currency, currency) == 0)
			return c->market[i];
	m = calloc(1, sizeof(*m));
	bigger = realloc(c->market, (c->markets + 1) * sizeof(struct market *));
	if (bigger != NULL)
		c->market = bigger;
	if (m == NULL || bigger == NULL) {
		free(m);
		return NULL;
	}
	m->c = c;
	snprintf(m->kind, sizeof(m->kind), "%s", kind);
	snprintf(m->currency, sizeof(m->currency), "%s", currency);
	return c->market[c->markets++] = m;
}

static void clear_rows(struct market *m)
{
	while (m->rows > 0)
		free(m->row[--m->rows].name);
}

void look_free(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->markets; i++) {
		clear_rows(c->market[i]);
		free(c->market[i]->row);
		free(c->market[i]);
	}
	free(c->market);
	c->market = NULL;
	c->markets = 0;
}

/* ------------------------------------------------------------------- rows */

static int add_row(
    struct market *m, struct json_span name, double open_interest)
{
	size_t size = m->rows_size > 0 ? m->rows_size * 2 : 256;
	struct row *bigger;
	char *text;

	if (name.len > NAME_MAX_LEN || m->rows >= INSTRUMENTS_MAX)
		return 0;
	if (m->rows == m->rows_size) {
		bigger = realloc(m->row, size * sizeof(*bigger));
		if (bigger == NULL)
			return -1;
		m->row = bigger;
		m->rows_size = size;
	}
	text = strndup(name.p, name.len);
	if (text == NULL)
		return -1;
	m->row[m->rows++] = (struct row){text, open_interest};
	return 0;
}

static int take_row(struct market *m, struct json_value row)
{
	struct json_span key, name = {NULL, 0};
	double open_interest = -1;
	struct json_value v;
	struct json j;

	json_init(&j, row.text.p, row.text.len);
	if (row.type != JSON_OBJECT || json_object_begin(&j) == -1)
		return 0;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type == JSON_STRING &&
		    json_span_is(key, "instrument_name"))
			name = json_inside(v.text);
		if (v.type == JSON_NUMBER && json_span_is(key, "open_interest"))
			num_double(v.text.p, v.text.len, &open_interest);
	}
	return name.p != NULL ? add_row(m, name, open_interest) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* False: this is no list, or there is no memory for it. */
static bool read_rows(struct market *m, const struct rpc *reply)
{
	struct json_value v;
	struct json j;

	clear_rows(m);
	if (reply == NULL || reply->kind != RPC_RESULT)
		return false;
	json_init(&j, reply->result.p, reply->result.len);
	if (json_array_begin(&j) == -1)
		return false;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		if (take_row(m, v) == -1) {
			clear_rows(m);
			return false;
		}
	if (m->rows > 0)
		qsort(m->row, m->rows, sizeof(*m->row), by_name);
	return true;
}

static int name_to_row(const void *name, const void *row)
{
	return strcmp(name, ((const struct row *)row)->name);
}

static bool is_among(const struct row *row, size_t n, const char *name)
{
	return n > 0 &&
	       bsearch(name, row, n, sizeof(*row), name_to_row) != NULL;
}

/* ----------------------------------------------------- what is not there */

/* The user may have named one that will be listed some day. */
static bool is_awaited(const struct collector *c, const struct instrument *in)
{
	bool awaited = false;
	size_t i;

	for (i = 0; in->named_by_user && i < c->sources; i++) {
		const struct source *s = c->source[i];

		if (s->instrument == NULL ||
		    strcmp(s->instrument, in->name) != 0)
			continue;
		if (s->begun)
			return false;
		awaited = true;
	}
	return awaited;
}

static bool is_absent(const struct market *m, const struct instrument *in)
{
	return !in->unopened && in->ends != END_TOLD &&
	       in->ends != END_ABSENT &&
	       in->since_ms < m->asked_ms - SUMMARY_MS &&
	       life_is_in(m, in->name) &&
	       !is_among(m->row, m->rows, in->name) && !is_awaited(m->c, in);
}

/* An answer that lacks half the market is no reason to let go of it at once. */
static bool is_doubtful(struct market *m)
{
	size_t i, all = 0, absent = 0;

	for (i = 0; i < m->c->n_instruments; i++) {
		all += life_is_in(m, m->c->instrument[i]->name);
		absent += is_absent(m, m->c->instrument[i]);
	}
	if (m->rows > 0 && (absent <= DOUBT_MIN || absent <= all / 2))
		m->doubted = false;
	else if (m->rows == 0 || !m->doubted)
		return m->doubted = true;
	return false;
}

/* False: the answer is not to be believed yet. */
static bool find_absent(struct market *m)
{
	struct collector *c = m->c;
	size_t i;

	if (is_doubtful(m)) {
		if (m->rows > 0)
			look_soon(m, 1);
		return false;
	}
	for (i = 0; i < c->n_instruments; i++) {
		if (!is_absent(m, c->instrument[i]))
			continue;
		life_over(c, c->instrument[i], END_ABSENT);
		/* While it lingers it may turn out to be there. */
		look_soon(m, 1);
	}
	return true;
}

/* ---------------------------------------------------------- what is there */

static struct instrument *known(const struct collector *c, const char *name)
{
	return table_find(&c->instruments, name, strlen(name));
}

/* What the exchange said to be over stands in its summary for a while. */
static bool is_to_be_followed(const struct collector *c, const char *name)
{
	const struct instrument *i = known(c, name);

	return i == NULL ||
	       (i->ends != END_TOLD && (!i->followed || i->ends != END_NOT));
}

static void find_listed(struct market *m, const struct chain_followed *f)
{
	size_t i;

	for (i = 0; i < m->rows; i++)
		if (life_is_of(f, m->row[i].name) &&
		    is_to_be_followed(m->c, m->row[i].name))
			life_listed(m->c, f, m->row[i].name, "is listed");
}

/* ------------------------------------------------------------------ ranks */

static int by_interest(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->open_interest != y->open_interest)
		return x->open_interest < y->open_interest ? 1 : -1;
	return strcmp(x->name, y->name);
}

static bool has_looked(const struct chain_followed *f)
{
	size_t i;

	for (i = 0; i < f->markets; i++)
		if (!f->market[i]->known)
			return false;
	return true;
}

/* The rows of all its markets (*borrowed* names), the first n by rank sorted by
 * name; NULL: there are none, or no memory. */
static struct row *first_rows(const struct chain_followed *f, size_t *n)
{
	struct row *row;
	size_t i, k, size = 0;

	*n = 0;
	for (i = 0; i < f->markets; i++)
		size += f->market[i]->rows;
	row = size > 0 ? malloc(size * sizeof(*row)) : NULL;
	for (i = 0; row != NULL && i < f->markets; i++)
		for (k = 0; k < f->market[i]->rows; k++)
			if (life_is_of(f, f->market[i]->row[k].name))
				row[(*n)++] = f->market[i]->row[k];
	if (*n == 0) {
		free(row);
		return NULL;
	}
	qsort(row, *n, sizeof(*row), by_interest);
	if (*n > (size_t)f->query.top)
		*n = (size_t)f->query.top;
	qsort(row, *n, sizeof(*row), by_name);
	return row;
}

/* Of a market whose summary is not believed, or is refused, all stays. */
static bool is_told(const struct chain_followed *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->markets; i++)
		if (f->market[i]->doubted && life_is_in(f->market[i], name))
			return false;
	return true;
}

static void rank(struct collector *c, const struct chain_followed *f)
{
	size_t i, n;
	struct row *row = first_rows(f, &n);

	if (row == NULL)
		return;
	for (i = 0; i < c->n_instruments; i++) {
		struct instrument *in = c->instrument[i];

		if (in->followed && in->ends == END_NOT && !in->named_by_user &&
		    life_is_of(f, in->name) && is_told(f, in->name) &&
		    !is_among(row, n, in->name))
			life_over(c, in, END_RANK);
	}
	for (i = 0; i < n; i++)
		if (is_to_be_followed(c, row[i].name))
			life_listed(c, f, row[i].name, "is among the first");
	free(row);
}

/* --------------------------------------------------------------- the call */

static bool is_of(const struct market *m, const struct chain_followed *f)
{
	size_t i;

	for (i = 0; i < f->markets; i++)
		if (f->market[i] == m)
			return true;
	return false;
}

static void look_again(struct market *m, const struct rpc *reply)
{
	if (reply == NULL || reply->kind != RPC_ERROR ||
	    (reply->code != ERROR_NO_METHOD &&
		reply->code != ERROR_PARAMETERS)) {
		look_early(m, 1);
		return;
	}
	log_warn("the exchange does not say what %s %s there is: error %" PRId64
		 " (%.*s)",
	    m->currency, m->kind, reply->code,
	    (int)(reply->message.len < 200 ? reply->message.len : 200),
	    reply->message.p != NULL ? reply->message.p : "");
	m->looks = 0;
	/* The others are ranked without it. */
	m->known = m->doubted = true;
}

static void on_reply(void *arg, const struct rpc *reply)
{
	struct market *m = arg;
	struct collector *c = m->c;
	bool ranks = false;
	size_t i;

	m->known = read_rows(m, reply);
	if (!m->known) {
		look_again(m, reply);
		return;
	}
	m->known = find_absent(m) || m->rows == 0;
	for (i = 0; m->known && i < c->n_followed; i++) {
		const struct chain_followed *f = &c->followed[i];

		if (!is_of(m, f))
			continue;
		if (f->query.top == 0)
			find_listed(m, f);
		else if (has_looked(f))
			rank(c, f);
		ranks |= f->query.top > 0 && f->markets > 1;
	}
	/* A rank of several markets wants the rows of each. */
	if (!ranks)
		clear_rows(m);
}

/* The book summary takes no "any", under which spot pairs are. */
static bool has_summary(const struct market *m)
{
	return strcmp(m->currency, "any") != 0;
}

static void look(struct market *m, int64_t now_ms)
{
	struct feed *f = feeds_live(m->c, NULL);

	if (f == NULL)
		return;
	m->call.method = has_summary(m) ? "public/get_book_summary_by_currency"
	                                : "public/get_instruments";
	m->call.reply = on_reply;
	m->call.arg = m;
	m->call.rank = CALL_FIRST;
	snprintf(m->call.params, sizeof(m->call.params),
	    "{\"currency\":\"%s\",\"kind\":\"%s\"}", m->currency, m->kind);
	if (!session_call(f->session, &m->call))
		return;
	m->looks--;
	m->asked_ms = now_ms;
	m->due_ms = now_ms + (m->c->options.rerank_ms < LOOK_MS
				     ? m->c->options.rerank_ms
				     : LOOK_MS);
}

void look_soon(struct market *m, unsigned looks)
{
	if (m->looks < looks)
		m->looks = looks;
}

/* Losses in a row are no reason to ask all the time. */
void look_early(struct market *m, unsigned looks)
{
	int64_t early_ms = m->asked_ms + SOON_MS;

	look_soon(m, looks);
	if (m->due_ms > early_ms)
		m->due_ms = early_ms;
}

/* get_instruments is dear, and pairs are listed rarely: only after a loss. */
void look_all(struct collector *c, unsigned looks)
{
	size_t i;

	for (i = 0; i < c->markets; i++)
		if (has_summary(c->market[i]))
			look_soon(c->market[i], looks);
}

void look_tick(struct collector *c, int64_t now_ms)
{
	size_t i;

	if (c->rerank_ms == 0 || now_ms >= c->rerank_ms) {
		if (c->rerank_ms != 0)
			look_all(c, 1);
		c->rerank_ms = now_ms + c->options.rerank_ms;
	}
	for (i = 0; i < c->markets; i++) {
		struct market *m = c->market[i];

		if (m->looks > 0 && !m->call.busy && now_ms >= m->due_ms)
			look(m, now_ms);
	}
}
