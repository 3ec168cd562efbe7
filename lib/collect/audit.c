/*
 * Whether channels that tell the best prices of an instrument tell them.  A
 * quiet option says nothing for an hour, so silence proves nothing; but when
 * the book summary of its market shows that a best price has moved since the
 * last one, and the channel brought nothing from before that one until now, a
 * message is missing.  When it moves twice, and is not back where it was, the
 * channel is in doubt; and when its connection has brought what the exchange
 * sent after that audit, and still no word of it, it is subscribed to anew: a
 * connection that is silent, or late, says nothing of its channels.  One call a
 * market, whatever it holds, and what is kept of a channel is a few numbers.
 *
 * Only that a price moved counts, and not which it is: what the summary and the
 * channel understand by a price need not be the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "collect/collect.h"
#include "record/digest.h"

/* The share of --audit-interval: an audit of trades asks for much more. */
#define SHARE 5
/* After one that found somebody silent, so often. */
#define SOON_MS 15000
#define SOON_MAX 8
/* The first, after the start. */
#define FIRST_MS 10000
/* An older summary is not looked at (it is made anew every 2 s: that was seen).
 */
#define AGE_MS 5000
/* One channel of a connection may be later than another by so much: some are
 * conflated, for a second at most. */
#define LATE_MS 2000
/* Prices that moved without a word, in a row: doubled for each new subscription
 * that changed nothing. */
#define MISSES 2
#define DOUBLINGS 6

struct audit {
	struct collector *c;
	char kind[16], currency[NAME_MAX_LEN + 1];
	struct session_call call;
	/* Monotonic: when it is due; whether it is still needed soon is seen
	 * then, or 0. */
	int64_t due_ms, soon_ms;
	int64_t asked_ms;
	unsigned soon; /* of them, one after the other */
};

/* The market of a source; false: it tells no best price, or one of combos, for
 * which the exchange knows prices that are implied by others. */
static bool market_of(
    const struct source *s, const char **kind, char *currency, size_t size)
{
	struct name name;

	if (s->instrument == NULL || !s->carried ||
	    (s->channel.id != CHANNEL_QUOTE && s->channel.id != CHANNEL_BOOK &&
		s->channel.id != CHANNEL_BOOK_CHANGE) ||
	    name_parse(s->instrument, strlen(s->instrument), &name) == -1 ||
	    name.kind == NAME_OPTION_COMBO || name.kind == NAME_FUTURE_COMBO)
		return false;
	/* Perpetuals are futures to the exchange. */
	*kind = name_kind_text(
	    name.kind == NAME_PERPETUAL ? NAME_FUTURE : name.kind);
	name_settlement(&name, currency, size);
	return true;
}

static bool is_of(const struct audit *a, const struct source *s)
{
	char currency[NAME_MAX_LEN + 1];
	const char *kind;

	return market_of(s, &kind, currency, sizeof(currency)) &&
	       strcmp(kind, a->kind) == 0 && strcmp(currency, a->currency) == 0;
}

static struct audit *find(
    struct collector *c, const char *kind, const char *currency)
{
	size_t i;

	for (i = 0; i < c->audits; i++)
		if (strcmp(c->audit[i]->kind, kind) == 0 &&
		    strcmp(c->audit[i]->currency, currency) == 0)
			return c->audit[i];
	return NULL;
}

static void add(
    struct collector *c, const char *kind, const char *currency, int64_t now_ms)
{
	struct audit **bigger = realloc(
	    c->audit, (c->audits + 1) * sizeof(struct audit *));
	struct audit *a = calloc(1, sizeof(*a));

	if (bigger != NULL)
		c->audit = bigger;
	if (bigger == NULL || a == NULL) {
		free(a);
		return;
	}
	a->c = c;
	a->due_ms = now_ms + FIRST_MS;
	snprintf(a->kind, sizeof(a->kind), "%s", kind);
	snprintf(a->currency, sizeof(a->currency), "%s", currency);
	c->audit[c->audits++] = a;
}

/* The markets of what is carried now. */
static void find_markets(struct collector *c, int64_t now_ms)
{
	char currency[NAME_MAX_LEN + 1];
	const char *kind;
	size_t i;

	for (i = 0; i < c->sources; i++)
		if (market_of(
			c->source[i], &kind, currency, sizeof(currency)) &&
		    find(c, kind, currency) == NULL)
			add(c, kind, currency, now_ms);
}

/* ----------------------------------------------------------------- a look */

/* A side without a price is null, or 0. */
static uint64_t price(const struct json_value *v)
{
	static const struct json_span none = {"0", 1};

	return digest_data(v->type == JSON_NUMBER ? v->text : none, NULL);
}

/* The instrument of a row and what stands for its best prices, never 0.  False:
 * it is none, or was made before then. */
static bool read_row(struct json_value row, int64_t since_ms,
    struct json_span *name, uint64_t *top)
{
	int64_t at_ms = since_ms;
	struct json_value v, bid = {{NULL, 0}, JSON_NULL}, ask = bid;
	struct json_span key;
	struct json j;

	name->p = NULL;
	json_init(&j, row.text.p, row.text.len);
	if (row.type != JSON_OBJECT || json_object_begin(&j) == -1)
		return false;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type == JSON_STRING &&
		    json_span_is(key, "instrument_name"))
			*name = json_inside(v.text);
		else if (json_span_is(key, "creation_timestamp"))
			num_int64(v.text.p, v.text.len, &at_ms);
		else if (json_span_is(key, "bid_price"))
			bid = v;
		else if (json_span_is(key, "ask_price"))
			ask = v;
	}
	*top = (price(&bid) * 3 + price(&ask)) | 1;
	return name->p != NULL && at_ms >= since_ms;
}

/* Whether the place was there and silent since before the last look. */
static bool is_silent(const struct place *p, int64_t last_ms)
{
	return p->live && p->channel.state == CHANNEL_LIVE &&
	       p->live_ms < last_ms - AGE_MS && p->spoke_ms < last_ms - AGE_MS;
}

/* So many misses are a doubt. */
static unsigned misses_max(const struct place *p)
{
	return (unsigned)MISSES
	       << (p->tries < DOUBLINGS ? p->tries : DOUBLINGS);
}

/* A price moved, as an audit at that time of the exchange's tells, and the
 * place was silent.  False: it is back, and nobody need have been told. */
static bool miss(struct place *p, uint64_t top, int64_t made_ms)
{
	if (top == p->top) {
		p->misses = 0;
		return false;
	}
	if (++p->misses == misses_max(p))
		p->doubt_ms = made_ms + LATE_MS;
	return true;
}

/* The best price moved between two looks.  Whether somebody was silent. */
static bool moved(struct source *s, uint64_t top, int64_t made_ms)
{
	bool some = false;
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++) {
		struct place *p = &s->place[side];

		if (!is_silent(p, s->top_ms))
			continue;
		if (p->misses == 0)
			p->top = s->top;
		some |= miss(p, top, made_ms);
	}
	return some;
}

bool audit_doubt(struct collector *c, struct place *p, int64_t now_ms)
{
	int64_t silent_ms = now_ms - p->spoke_ms;

	if (p->misses < misses_max(p) ||
	    session_told_ms(p->feed->session) <= p->doubt_ms)
		return false;
	p->misses = 0;
	log_info("%s%s is silent for %lld s, and prices moved; "
		 "subscribing to it again",
	    p->feed->label, p->source->name, (long long)(silent_ms / 1000));
	feeds_place_again(c, p, collector_wall_ms() - silent_ms);
	return true;
}

/* The rows by their names: the caller frees *rows.  The table's values are
 * their numbers, from 1. */
static size_t read_rows(
    const struct rpc *m, int64_t since_ms, struct table *table, uint64_t **rows)
{
	size_t n = 0, size = 0;
	struct json_value v;
	struct json_span name = {NULL, 0};
	uint64_t *bigger, top = 0;
	struct json j;

	*rows = NULL;
	json_init(&j, m->result.p, m->result.len);
	if (json_array_begin(&j) == -1)
		return 0;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0) {
		if (!read_row(v, since_ms, &name, &top) ||
		    n >= INSTRUMENTS_MAX ||
		    table_find(table, name.p, name.len) != NULL)
			continue;
		if (n == size) {
			size = size > 0 ? size * 2 : 256;
			bigger = realloc(*rows, size * sizeof(**rows));
			if (bigger == NULL)
				break;
			*rows = bigger;
		}
		if (table_add(table, name.p, name.len,
			(void *)(uintptr_t)(n + 1)) == -1)
			break;
		(*rows)[n++] = top;
	}
	return n;
}

static void look(struct audit *a, const struct rpc *m, int64_t now_ms)
{
	struct collector *c = a->c;
	struct table table = {0};
	uint64_t *rows;
	bool some = false;
	int64_t made_ms = m->us_out > 0 ? m->us_out / 1000
	                                : collector_wall_ms();
	size_t i, n = read_rows(m, made_ms - AGE_MS, &table, &rows);

	for (i = 0; n > 0 && i < c->sources; i++) {
		struct source *s = c->source[i];
		size_t row;

		if (!is_of(a, s))
			continue;
		row = (uintptr_t)table_find(
		    &table, s->instrument, strlen(s->instrument));
		if (row == 0)
			continue;
		if (s->top != 0 && s->top != rows[row - 1])
			some |= moved(s, rows[row - 1], made_ms);
		s->top = rows[row - 1];
		s->top_ms = a->asked_ms;
	}
	table_free(&table);
	free(rows);
	a->soon = some && a->soon < SOON_MAX ? a->soon + 1 : 0;
	a->soon_ms = a->soon > 0 ? now_ms + SOON_MS : 0;
}

static void on_reply(void *arg, const struct rpc *m)
{
	struct audit *a = arg;

	if (m != NULL && m->kind == RPC_RESULT && !a->c->closing)
		look(a, m, collector_now_ms());
}

static void ask(struct audit *a, int64_t now_ms)
{
	struct feed *f = feeds_live(a->c, NULL);

	if (f == NULL)
		return;
	a->asked_ms = now_ms;
	a->soon_ms = 0;
	a->due_ms = now_ms + a->c->options.audit_ms / SHARE;
	a->call.method = "public/get_book_summary_by_currency";
	a->call.reply = on_reply;
	a->call.arg = a;
	snprintf(a->call.params, sizeof(a->call.params),
	    "{\"currency\":\"%.*s\",\"kind\":\"%s\"}", NAME_MAX_LEN,
	    a->currency, a->kind);
	session_call(f->session, &a->call);
}

/* Whether somebody has not spoken since.  Most have: a summary may overtake the
 * last words of another connection. */
static bool is_suspected(const struct audit *a)
{
	const struct collector *c = a->c;
	size_t i;

	for (i = 0; i < c->sources; i++) {
		const struct source *s = c->source[i];

		if ((s->place[0].misses > 0 || s->place[1].misses > 0) &&
		    is_of(a, s))
			return true;
	}
	return false;
}

static void tick(struct audit *a, int64_t now_ms)
{
	bool soon = a->soon_ms != 0 && now_ms >= a->soon_ms;

	if (a->call.busy)
		return;
	if (soon) {
		a->soon_ms = 0;
		soon = is_suspected(a);
	}
	if (soon || now_ms >= a->due_ms)
		ask(a, now_ms);
}

void audit_tick(struct collector *c, int64_t now_ms)
{
	size_t i;

	if (c->options.audit_ms == 0 || c->from_name != NULL)
		return;
	if (now_ms >= c->markets_ms) {
		find_markets(c, now_ms);
		c->markets_ms = now_ms + FIRST_MS;
	}
	for (i = 0; i < c->audits; i++)
		tick(c->audit[i], now_ms);
}

void audit_free(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->audits; i++)
		free(c->audit[i]);
	free(c->audit);
	c->audit = NULL;
	c->audits = 0;
}
