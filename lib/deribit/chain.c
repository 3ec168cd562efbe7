#include "deribit/chain.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "deribit/currencies.h"
#include "io/cache.h"
#include "io/jq.h"
#include "io/json.h"
#include "maps/instruments.h"

#define REPLY_MAX ((size_t)64 << 20)
#define CACHE_AGE_MS INT64_C(3600000)

/* A reply's result, from the disk or the exchange. */
struct reply {
	struct buf text;
	struct buf key;
	int64_t fetched_us;
	bool fresh; /* to be kept, once it has proved useful */
};

struct summary_row {
	struct json_span name;
	struct json_span row;
};

struct work {
	struct rest *rest;
	const struct chain_query *query;
	struct chain *chain;
	size_t size; /* of chain->instrument */
	struct fault *fault;
	char base[CHAIN_CURRENCY_MAX + 1];
	char filter[CHAIN_CURRENCY_MAX + 1]; /* the currency parameter */
	struct reply instruments, summary;
	struct summary_row *row; /* sorted by name */
	size_t nrow;
	bool ranked; /* there is a summary */
	struct jq_map *map;
	struct buf input; /* of the map: a row with what belongs to it */
	int64_t nmapped;  /* rows seen */
	bool base_seen;   /* the exchange lists something of this base */
};

static const char *const kinds[] = {"option", "future", "perpetual", "spot",
    "option_combo", "future_combo", NULL};

static bool is_currency(const char *text)
{
	size_t len = strlen(text), i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]))
			return false;
	return len > 0 && len <= CHAIN_CURRENCY_MAX;
}

static void upper(const char *text, char *out, size_t size)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < size; i++)
		out[i] = (char)toupper((unsigned char)text[i]);
	out[i] = '\0';
}

static bool is_spot(const struct chain_query *q)
{
	return q->kind != NULL && strcmp(q->kind, "spot") == 0;
}

int chain_query_check(const struct chain_query *q, struct fault *fault)
{
	size_t i;

	if (!is_currency(q->currency))
		return fault_set(fault, EX_USAGE,
		    "'%.40s' is no base currency (such as BTC, ETH, SOL)%s",
		    q->currency,
		    strchr(q->currency, '_') != NULL
			? "; for BTC_USDC say BTC --settlement USDC"
			: "");
	if (q->settlement != NULL && !is_currency(q->settlement))
		return fault_set(fault, EX_USAGE,
		    "'%.40s' is no settlement currency (such as USDC)",
		    q->settlement);
	for (i = 0; q->kind != NULL && kinds[i] != NULL; i++)
		if (strcmp(q->kind, kinds[i]) == 0)
			break;
	if (q->kind != NULL && kinds[i] == NULL)
		return fault_set(fault, EX_USAGE,
		    "'%.40s' is no kind: option, future, perpetual, spot, "
		    "option_combo, future_combo or all",
		    q->kind);
	if (q->top > 0 && is_spot(q))
		return fault_set(fault, EX_USAGE,
		    "spot pairs have no open interest to rank them by");
	if (q->top > 0 && q->expired)
		return fault_set(fault, EX_USAGE,
		    "what has expired has no open interest to rank it by");
	return 0;
}

void chain_filter(const struct chain_query *q, char *out, size_t size)
{
	upper(q->settlement != NULL ? q->settlement : q->currency, out, size);
	if (q->settlement != NULL || strcmp(out, "BTC") == 0 ||
	    strcmp(out, "ETH") == 0) {
		if (q->settlement != NULL || !is_spot(q))
			return;
	}
	snprintf(out, size, "%s", is_spot(q) ? "any" : "USDC");
}

const char *chain_kind_filter(const char *kind)
{
	return strcmp(kind, "perpetual") == 0 ? "future" : kind;
}

void chain_nothing(const struct chain_query *q, char *out, size_t size)
{
	char base[CHAIN_CURRENCY_MAX + 1], filter[CHAIN_CURRENCY_MAX + 1];
	const char *kind = q->kind == NULL ? "instrument"
	                   : is_spot(q)    ? "spot pair"
	                                   : q->kind;
	const char *hint = "; try --kind all";
	const char *listed = q->expired ? "has expired of late" : "is listed";

	upper(q->currency, base, sizeof(base));
	chain_filter(q, filter, sizeof(filter));
	if (q->settlement != NULL)
		hint = "; try without --settlement";
	else if (is_spot(q) || q->kind == NULL)
		hint = "";
	else if (strcmp(base, "BTC") == 0 || strcmp(base, "ETH") == 0)
		hint = "; try --settlement USDC";
	if (strcmp(filter, "any") == 0)
		snprintf(
		    out, size, "no %s of %s %s%s", kind, base, listed, hint);
	else
		snprintf(out, size, "no %s of %s %s under %s%s", kind, base,
		    listed, filter, hint);
}

static void reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->text, REPLY_MAX);
	buf_init(&r->key, 8192);
}

static void reply_free(struct reply *r)
{
	buf_free(&r->text);
	buf_free(&r->key);
}

/* kind: ours, or NULL for all; more: "", or parameters from an & on. */
static int reply_fetch(struct work *w, const char *method, const char *currency,
    const char *kind, const char *more, struct reply *r)
{
	int64_t age_ms = w->query->cache_age_ms;
	char query[128];

	snprintf(query, sizeof(query), "currency=%s%s%s%s", currency,
	    kind != NULL ? "&kind=" : "",
	    kind != NULL ? chain_kind_filter(kind) : "", more);
	if (age_ms == 0)
		age_ms = CACHE_AGE_MS;
	buf_clear(&r->key);
	if (buf_addf(&r->key, "%s/%s?%s", rest_base(w->rest), method, query) ==
		-1 ||
	    buf_str(&r->key) == NULL)
		return fault_set(w->fault, EX_OSERR, "no memory");
	if (!w->query->no_cache && cache_read(buf_str(&r->key), age_ms * 1000,
				       &r->text, &r->fetched_us)) {
		log_debug("from the cache: %s", buf_str(&r->key));
		return 0;
	}
	if (rest_call(w->rest, method, query, &r->text, w->fault) == -1)
		return -1;
	r->fetched_us = clock_wall_us();
	r->fresh = true;
	return 0;
}

/* A cache that cannot be written costs the next run a request, no more. */
static void reply_keep(struct reply *r)
{
	struct fault fault;

	if (r->fresh && cache_write(buf_str(&r->key), buf_head(&r->text),
			    buf_used(&r->text), r->fetched_us, &fault) == -1)
		log_warn("the reply is not cached: %s", fault.text);
}

struct row {
	struct json_span text, name, base;
};

static int row_scan(struct json_span text, struct row *row)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int r;

	memset(row, 0, sizeof(*row));
	row->text = text;
	json_init(&j, text.p, text.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		if (v.type != JSON_STRING)
			continue;
		if (json_span_is(key, "instrument_name"))
			row->name = json_inside(v.text);
		else if (json_span_is(key, "base_currency"))
			row->base = json_inside(v.text);
	}
	return r == 0 && row->name.p != NULL ? 0 : -1;
}

/* Hands out each row of a reply; take() returns -1 to stop, with the fault
 * set. */
static int rows_walk(struct work *w, const char *method, const struct buf *text,
    int (*take)(struct work *w, const struct row *row))
{
	struct json_value v;
	struct row row;
	struct json j;
	int r;

	json_init(&j, buf_head(text), buf_used(text));
	if (json_array_begin(&j) == -1)
		return fault_set(w->fault, EX_PROTOCOL,
		    "%s: %s: the result is no array", rest_peer(w->rest),
		    method);
	while ((r = json_array_next(&j)) == 1) {
		if (json_value(&j, &v) == -1)
			break;
		if (row_scan(v.text, &row) == -1)
			return fault_set(w->fault, EX_PROTOCOL,
			    "%s: %s: a row without instrument_name: %.*s",
			    rest_peer(w->rest), method,
			    (int)(v.text.len < 80 ? v.text.len : 80), v.text.p);
		if (take(w, &row) == -1)
			return -1;
	}
	if (r == 0)
		return 0;
	return fault_set(w->fault, EX_PROTOCOL, "%s: %s: the result is no JSON",
	    rest_peer(w->rest), method);
}

static int span_compare(struct json_span a, struct json_span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = memcmp(a.p, b.p, n);

	return r != 0 ? r : (a.len > b.len) - (a.len < b.len);
}

static int summary_compare(const void *a, const void *b)
{
	return span_compare(((const struct summary_row *)a)->name,
	    ((const struct summary_row *)b)->name);
}

static int summary_take(struct work *w, const struct row *row)
{
	struct summary_row *grown;

	/* Grows at the powers of two. */
	if ((w->nrow & (w->nrow - 1)) == 0) {
		grown = realloc(
		    w->row, (w->nrow ? w->nrow * 2 : 1) * sizeof(*grown));
		if (grown == NULL)
			return fault_errno(w->fault, EX_OSERR, "no memory");
		w->row = grown;
	}
	w->row[w->nrow].name = row->name;
	w->row[w->nrow++].row = row->text;
	return 0;
}

static int summary_load(struct work *w)
{
	static const char method[] = "public/get_book_summary_by_currency";

	/* The method takes no "any", and spot pairs have no open interest. */
	w->ranked = (w->query->top > 0 || w->query->summary) &&
	            strcmp(w->filter, "any") != 0 && !w->query->expired;
	if (!w->ranked)
		return 0;
	if (reply_fetch(
		w, method, w->filter, w->query->kind, "", &w->summary) == -1 ||
	    rows_walk(w, method, &w->summary.text, summary_take) == -1)
		return -1;
	if (w->nrow > 1)
		qsort(w->row, w->nrow, sizeof(*w->row), summary_compare);
	return 0;
}

static struct json_span summary_find(
    const struct work *w, struct json_span name)
{
	static const struct json_span none = {"{}", 2}, unasked = {"null", 4};
	struct summary_row key = {.name = name}, *found = NULL;

	if (!w->ranked)
		return unasked;
	if (w->nrow > 0)
		found = bsearch(
		    &key, w->row, w->nrow, sizeof(*w->row), summary_compare);
	return found != NULL ? found->row : none;
}

static char *copy(struct json_span s)
{
	char *text = malloc(s.len + 1);

	if (text != NULL) {
		if (s.len > 0)
			memcpy(text, s.p, s.len);
		text[s.len] = '\0';
	}
	return text;
}

static void instrument_free(struct chain_instrument *i)
{
	free(i->name);
	free(i->kind);
	free(i->currency);
	free(i->settlement);
	free(i->record);
}

/* The members of a record that programs ask for. */
static int instrument_read(struct chain_instrument *i, struct json_span record)
{
	struct json_span key, name = {"", 0}, kind = name, currency = name,
			      settlement = name;
	struct json_value v;
	struct json j;

	i->open_interest = -1;
	json_init(&j, record.p, record.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type == JSON_NUMBER && json_span_is(key, "open_interest"))
			num_double(v.text.p, v.text.len, &i->open_interest);
		if (v.type != JSON_STRING)
			continue;
		if (json_span_is(key, "instrument_name"))
			name = json_inside(v.text);
		else if (json_span_is(key, "kind"))
			kind = json_inside(v.text);
		else if (json_span_is(key, "currency"))
			currency = json_inside(v.text);
		else if (json_span_is(key, "settlement_currency"))
			settlement = json_inside(v.text);
	}
	i->name = copy(name);
	i->kind = copy(kind);
	i->currency = copy(currency);
	i->settlement = copy(settlement);
	i->record = copy(record);
	return i->name && i->kind && i->currency && i->settlement && i->record
	           ? 0
	           : -1;
}

static int record_take(void *arg, const char *json, size_t len)
{
	struct work *w = arg;
	struct chain *c = w->chain;
	struct chain_instrument *grown, *i;
	size_t size = w->size ? w->size * 2 : 64;

	if (c->n == w->size) {
		grown = realloc(c->instrument, size * sizeof(*grown));
		if (grown == NULL)
			return fault_errno(w->fault, EX_OSERR, "no memory");
		c->instrument = grown;
		w->size = size;
	}
	i = &c->instrument[c->n++];
	memset(i, 0, sizeof(*i));
	if (instrument_read(i, (struct json_span){json, len}) == -1)
		return fault_errno(w->fault, EX_OSERR, "no memory");
	return 0;
}

/* Rows go through the map one at a time: a whole chain of 3 600 would cost
 * libjq 40 MB, one row costs nothing.  received_at grows by a microsecond a
 * row, for it is strictly increasing within a stream. */
static int instrument_take(struct work *w, const struct row *row)
{
	struct json_span summary;
	int64_t at = w->instruments.fetched_us + w->nmapped++;

	if (!json_span_is(row->base, w->base))
		return 0;
	w->base_seen = true;
	summary = summary_find(w, row->name);
	buf_clear(&w->input);
	if (buf_addf(&w->input, "{\"received_at\":%" PRId64 ",\"row\":", at) ==
		-1 ||
	    buf_add(&w->input, row->text.p, row->text.len) == -1 ||
	    buf_adds(&w->input, ",\"summary\":") == -1 ||
	    buf_add(&w->input, summary.p, summary.len) == -1 ||
	    buf_addc(&w->input, '}') == -1)
		return fault_errno(w->fault, EX_OSERR, "no memory");
	if (jq_map_text(w->map, buf_head(&w->input), buf_used(&w->input),
		record_take, w, w->fault) == 0)
		return 0;
	return fault_prefix(w->fault, "%s: the instrument %.*s",
	    rest_peer(w->rest), (int)(row->name.len < 80 ? row->name.len : 80),
	    row->name.p);
}

static int instruments_map(struct work *w)
{
	char base[CHAIN_CURRENCY_MAX + 3], kind[32] = "null";
	const char *args[] = {"currency", base, "kind", kind, "inactive",
	    w->query->inactive || w->query->expired ? "true" : "false"};
	int result;

	snprintf(base, sizeof(base), "\"%s\"", w->base);
	if (w->query->kind != NULL)
		snprintf(kind, sizeof(kind), "\"%s\"", w->query->kind);
	w->map = jq_map_new(map_instruments, args, 3, w->fault);
	if (w->map == NULL)
		return -1;
	result = rows_walk(
	    w, "public/get_instruments", &w->instruments.text, instrument_take);
	jq_map_free(w->map);
	return result;
}

static int base_take(struct work *w, const struct row *row)
{
	if (json_span_is(row->base, w->base))
		w->base_seen = true;
	return 0;
}

/* Whether the base currency has anything in this corner of the exchange. */
static int base_look(struct work *w, const char *currency, const char *kind)
{
	struct reply reply;
	int result = -1;

	reply_init(&reply);
	if (reply_fetch(
		w, "public/get_instruments", currency, kind, "", &reply) == 0 &&
	    rows_walk(w, "public/get_instruments", &reply.text, base_take) == 0)
		result = 0;
	if (result == 0)
		reply_keep(&reply);
	reply_free(&reply);
	return result;
}

/* Nothing was found: is there such a currency at all?  The exchange answers an
 * empty list for those on its own list of currencies (SOL) and an error for
 * others, of which some are the base of a perpetual or a spot pair. */
static int base_check(struct work *w)
{
	if (base_look(w, w->base, "option") == 0)
		return 0;
	if (w->fault->exit_code != EX_DATAERR)
		return -1;
	if (base_look(w, "USDC", "future") == -1)
		return -1;
	if (!w->base_seen && base_look(w, "any", "spot") == -1)
		return -1;
	if (w->base_seen)
		return 0;
	return currencies_find(w->rest, w->base, w->fault) == 1 ? 0 : -1;
}

static int rank_compare(const void *a, const void *b)
{
	const struct chain_instrument *x = a, *y = b;

	if (x->open_interest != y->open_interest)
		return x->open_interest < y->open_interest ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void chain_cut(struct chain *c, size_t n)
{
	while (c->n > n)
		instrument_free(&c->instrument[--c->n]);
}

/* The list of instruments; what the exchange refuses may be a settlement
 * currency that there is not. */
static int list_fetch(struct work *w)
{
	struct fault why;

	if (reply_fetch(w, "public/get_instruments", w->filter, w->query->kind,
		w->query->expired ? "&expired=true" : "", &w->instruments) == 0)
		return 0;
	why = *w->fault;
	if (why.exit_code == EX_DATAERR && w->query->settlement != NULL &&
	    currencies_find(w->rest, w->filter, w->fault) == 1)
		*w->fault = why;
	return -1;
}

static int chain_work(struct work *w)
{
	if (list_fetch(w) == -1 || summary_load(w) == -1 ||
	    instruments_map(w) == -1)
		return -1;
	/* An empty list is no state of the exchange worth an hour. */
	if (w->nmapped > 0)
		reply_keep(&w->instruments);
	if (w->nrow > 0)
		reply_keep(&w->summary);
	if (w->chain->n == 0)
		return w->base_seen ? 0 : base_check(w);
	if (w->query->top > 0) {
		qsort(w->chain->instrument, w->chain->n,
		    sizeof(*w->chain->instrument), rank_compare);
		chain_cut(w->chain, (size_t)w->query->top);
	}
	return 0;
}

int chain_fetch(struct rest *rest, const struct chain_query *query,
    struct chain *chain, struct fault *fault)
{
	struct fault own = {0};
	struct work w = {.rest = rest,
	    .query = query,
	    .chain = chain,
	    .fault = fault != NULL ? fault : &own};
	int result;

	memset(chain, 0, sizeof(*chain));
	if (chain_query_check(query, w.fault) == -1)
		return -1;
	upper(query->currency, w.base, sizeof(w.base));
	chain_filter(query, w.filter, sizeof(w.filter));
	reply_init(&w.instruments);
	reply_init(&w.summary);
	buf_init(&w.input, REPLY_MAX);
	result = chain_work(&w);
	reply_free(&w.instruments);
	reply_free(&w.summary);
	buf_free(&w.input);
	free(w.row);
	if (result == -1)
		chain_free(chain);
	return result;
}

void chain_free(struct chain *chain)
{
	chain_cut(chain, 0);
	free(chain->instrument);
	memset(chain, 0, sizeof(*chain));
}
