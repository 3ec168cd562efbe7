#include "deribit/rest.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "deribit/reply.h"
#include "net/http.h"
#include "net/ratelimit.h"

/*
 * A call waits, in the order of submission, until one of the `parallel` places
 * is free and the buckets have a token each for it; it keeps its place until it
 * is answered for good, also while it waits for its next try, so that an
 * exchange that is away is asked by a few calls only.
 *
 * A token is reserved when a request goes out and spent when its answer has
 * come: by then, and not before, it is certain that the exchange has counted
 * it, and ten requests that were held up on the way and arrive together with
 * ten later ones do not overdraw its bucket.
 *
 * A rate above REST_RATE is a bet on what the exchange allows this address.  If
 * it is lost, REST_RATE counts, until so many calls have gone well.
 */

/* The rate limits page has a bucket for get_instruments: a burst of 50 there,
 * of 5 and one every 10 s in the changelog of June 2025. */
#define INSTRUMENTS_BURST 5
#define INSTRUMENTS_INTERVAL_MS 10000

#define SLOW_CALLS 500

#define BACKOFF_BASE_MS 500
#define BACKOFF_MAX_MS 30000
#define TURN_MS 100
#define URL_MAX 8192

/* Replies that the exchange's clock is told from; an odd number. */
#define CLOCK_SAMPLES 5
/* The exchange is younger than 2016, and its perpetuals end in 3000: a clock
 * beyond is none. */
#define CLOCK_MIN_MS INT64_C(1451606400000)
#define CLOCK_MAX_MS INT64_C(32503680000000)

struct bucket {
	const char *method; /* NULL: of all */
	struct ratelimit limit;
	int64_t reserved;
};

enum { BUCKET_ALL, BUCKET_INSTRUMENTS, BUCKETS };

enum call_state { CALL_WAITS, CALL_PAUSES, CALL_FLIES };

/* A call's life between rest_submit() and its answer. */
struct rest_own {
	struct rest_own *next, *prev;
	struct rest *rest;
	struct rest_call *call;
	enum call_state state;
	struct http_request request;
	struct http_reply reply;
	struct backoff backoff;
	int64_t tries;
	int64_t due_ms; /* of the next try, while it pauses */
	char url[];
};

struct list {
	struct rest_own *first, *last;
	size_t n;
};

struct rest {
	struct rest_options options;
	struct http *http;
	struct bucket bucket[BUCKETS];
	int64_t slow;                /* calls that REST_RATE still counts for */
	struct list waiting, active; /* active: those that have a place */
	int64_t offset_us[CLOCK_SAMPLES]; /* to our monotonic clock */
	size_t offsets;                   /* ever taken */
	char peer[300];
};

const char *rest_url(void)
{
	const char *url = getenv("DERIBIT_REST_URL");

	return url != NULL && *url != '\0' ? url
	                                   : "https://www.deribit.com/api/v2";
}

const char *rest_cacert(void)
{
	static const char *const names[] = {
	    "DERIBIT_CACERT", "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
	const char *file;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		file = getenv(names[i]);
		if (file != NULL && *file != '\0')
			return file;
	}
	return NULL;
}

void rest_options_init(
    struct rest_options *options, const volatile sig_atomic_t *stop)
{
	*options = (struct rest_options){.url = rest_url(),
	    .cacert = rest_cacert(),
	    .connect_timeout_ms = 10000,
	    .max_time_ms = 60000,
	    .retry = 5,
	    .rate = REST_RATE,
	    .parallel = REST_PARALLEL,
	    .stop = stop};
}

const char *rest_base(const struct rest *r)
{
	return r->options.url;
}

const char *rest_peer(const struct rest *r)
{
	return r->peer;
}

static bool stopped(const struct rest *r)
{
	return r->options.stop != NULL && *r->options.stop != 0;
}

static int stopped_fault(const struct rest *r, struct fault *fault)
{
	return fault_set(fault, EX_TEMPFAIL,
	    "%s: stopped before the answer was complete", r->peer);
}

/* ------------------------------------------------------------------ lists */

static void list_add(struct list *l, struct rest_own *o)
{
	o->next = NULL;
	o->prev = l->last;
	if (l->last != NULL)
		l->last->next = o;
	else
		l->first = o;
	l->last = o;
	l->n++;
}

static void list_remove(struct list *l, struct rest_own *o)
{
	if (o->prev != NULL)
		o->prev->next = o->next;
	else
		l->first = o->next;
	if (o->next != NULL)
		o->next->prev = o->prev;
	else
		l->last = o->prev;
	l->n--;
}

/* ---------------------------------------------------------------- buckets */

/* A second's worth at once, as the exchange has it; what is spent stays so. */
static void rate_set(struct rest *r, int64_t rate)
{
	struct ratelimit *l = &r->bucket[BUCKET_ALL].limit;

	l->capacity = rate;
	l->interval_ms = (1000 + rate - 1) / rate;
}

static void buckets_init(struct rest *r)
{
	ratelimit_init(&r->bucket[BUCKET_ALL].limit, 1, 1);
	rate_set(r, r->options.rate);
	r->bucket[BUCKET_INSTRUMENTS].method = "public/get_instruments";
	ratelimit_init(&r->bucket[BUCKET_INSTRUMENTS].limit, INSTRUMENTS_BURST,
	    INSTRUMENTS_INTERVAL_MS);
}

static bool bucket_is_of(const struct bucket *b, const struct rest_own *o)
{
	return b->method == NULL || strcmp(b->method, o->call->method) == 0;
}

/* How long until all buckets of the call have a token. */
static int64_t buckets_wait(
    const struct rest *r, const struct rest_own *o, int64_t now_ms)
{
	const struct bucket *b;
	int64_t ms, longest = 0;

	for (b = r->bucket; b < r->bucket + BUCKETS; b++) {
		if (!bucket_is_of(b, o))
			continue;
		ms = ratelimit_wait(&b->limit, b->reserved, now_ms);
		if (ms > longest)
			longest = ms;
	}
	return longest;
}

static void buckets_reserve(struct rest *r, const struct rest_own *o)
{
	struct bucket *b;

	for (b = r->bucket; b < r->bucket + BUCKETS; b++)
		b->reserved += bucket_is_of(b, o);
}

static void buckets_spend(struct rest *r, const struct rest_own *o)
{
	int64_t now_ms = clock_mono_ms();
	struct bucket *b;

	for (b = r->bucket; b < r->bucket + BUCKETS; b++) {
		if (!bucket_is_of(b, o))
			continue;
		b->reserved--;
		ratelimit_spend(&b->limit, now_ms);
	}
}

/* ------------------------------------------------------------------ clock */

static void clock_learn(
    struct rest *r, const struct http_reply *reply, int64_t out_us)
{
	int64_t server_us;

	if (out_us / 1000 < CLOCK_MIN_MS || out_us / 1000 > CLOCK_MAX_MS)
		return;
	/* It was out_us there half a round trip before the first byte came. */
	server_us = out_us + reply->wait_us / 2 + reply->body_us;
	r->offset_us[r->offsets++ % CLOCK_SAMPLES] = server_us -
	                                             clock_mono_us();
}

static int offset_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t rest_clock_ms(const struct rest *r)
{
	int64_t sorted[CLOCK_SAMPLES];
	size_t n = r->offsets < CLOCK_SAMPLES ? r->offsets : CLOCK_SAMPLES;

	if (n == 0)
		return clock_wall_us() / 1000;
	memcpy(sorted, r->offset_us, sizeof(sorted));
	qsort(sorted, n, sizeof(*sorted), offset_compare);
	/* Of two the earlier: rather late for a candle than early. */
	return (clock_mono_us() + sorted[(n - 1) / 2]) / 1000;
}

/* ------------------------------------------------------------------ calls */

struct rest *rest_new(const struct rest_options *options, struct fault *fault)
{
	struct rest *r = calloc(1, sizeof(*r));
	struct http_options http = {.cacert = options->cacert,
	    .proxy = options->proxy,
	    .user_agent = "deribit-tools",
	    .connect_timeout_ms = options->connect_timeout_ms,
	    .max_time_ms = options->max_time_ms,
	    .stop = options->stop};

	if (r == NULL) {
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	r->options = *options;
	if (r->options.rate == 0)
		r->options.rate = REST_RATE;
	if (r->options.parallel == 0)
		r->options.parallel = REST_PARALLEL;
	http.connections = r->options.parallel;
	buckets_init(r);
	if (http_peer(options->url, r->peer, sizeof(r->peer)) == -1)
		fault_set(fault, EX_USAGE, "'%.200s' is no https:// URL",
		    options->url);
	else
		r->http = http_new(&http, fault);
	if (r->http == NULL) {
		rest_free(r);
		return NULL;
	}
	return r;
}

void rest_spent(struct rest *r)
{
	ratelimit_drain(&r->bucket[BUCKET_ALL].limit, clock_mono_ms());
}

/* The call is its owner's again. */
static void own_release(struct rest_own *o)
{
	struct rest *r = o->rest;

	if (o->state == CALL_FLIES) {
		http_cancel(r->http, &o->request);
		buckets_spend(r, o);
	}
	list_remove(o->state == CALL_WAITS ? &r->waiting : &r->active, o);
	o->call->own = NULL;
}

static void own_free(struct rest_own *o)
{
	http_reply_free(&o->reply);
	free(o);
}

void rest_cancel(struct rest *r, struct rest_call *call)
{
	struct rest_own *o = call->own;

	(void)r;
	if (o == NULL)
		return;
	own_release(o);
	own_free(o);
}

void rest_free(struct rest *r)
{
	if (r == NULL)
		return;
	while (r->waiting.first != NULL)
		rest_cancel(r, r->waiting.first->call);
	while (r->active.first != NULL)
		rest_cancel(r, r->active.first->call);
	http_free(r->http);
	free(r);
}

static void own_answer(
    struct rest_own *o, struct json_span result, const struct fault *fault)
{
	struct rest_call *call = o->call;

	own_release(o);
	call->reply(call->arg, call, result, fault);
	own_free(o);
}

static void own_fail(struct rest_own *o, const struct fault *fault)
{
	struct json_span none = {NULL, 0};

	own_answer(o, none, fault);
}

/* Who is too fast is so with all calls. */
static void slow_down(struct rest *r, int64_t due_ms)
{
	if (r->options.rate > REST_RATE) {
		if (r->slow == 0)
			rate_set(r, REST_RATE);
		r->slow = SLOW_CALLS;
	}
	ratelimit_drain(&r->bucket[BUCKET_ALL].limit, due_ms);
}

/* Another try, after a wait with full jitter on top of what the peer asked. */
static void own_again(
    struct rest_own *o, const struct reply_facts *facts, struct fault *fault)
{
	struct rest *r = o->rest;
	size_t len = strlen(fault->text);
	int64_t wait_ms;

	o->tries++;
	if (r->options.retry >= 0 && o->tries > r->options.retry) {
		if (o->tries > 1)
			snprintf(fault->text + len, sizeof(fault->text) - len,
			    "; given up after %" PRId64 " tries", o->tries);
		own_fail(o, fault);
		return;
	}
	wait_ms = facts->wait_ms + backoff_next(&o->backoff);
	log_warn("%s; retry in %" PRId64 ".%" PRId64 " s", fault->text,
	    wait_ms / 1000, wait_ms % 1000 / 100);
	o->state = CALL_PAUSES;
	o->due_ms = clock_mono_ms() + wait_ms;
	if (facts->too_fast)
		slow_down(r, o->due_ms);
}

static void on_done(
    struct http_request *request, int result, const struct fault *why)
{
	struct rest_own *o = request->arg;
	struct rest *r = o->rest;
	struct reply_facts facts = {.out_us = -1};
	struct fault fault = {0};
	enum reply_verdict verdict;

	/* Until its answer it pauses, or is over. */
	o->state = CALL_PAUSES;
	buckets_spend(r, o);
	if (result == 0) {
		verdict = reply_read(
		    &o->reply, r->peer, o->call->method, &facts, &fault);
		clock_learn(r, &o->reply, facts.out_us);
	} else {
		fault = *why;
		verdict = o->reply.permanent ? REPLY_REFUSED : REPLY_AGAIN;
	}
	if (verdict == REPLY_AGAIN)
		own_again(o, &facts, &fault);
	else if (verdict == REPLY_REFUSED)
		own_fail(o, &fault);
	else {
		if (r->slow > 0 && --r->slow == 0)
			rate_set(r, r->options.rate);
		own_answer(o, facts.result, NULL);
	}
}

int rest_submit(struct rest *r, struct rest_call *call, struct fault *fault)
{
	size_t len = strlen(r->options.url);
	size_t size = len + strlen(call->method) + strlen(call->query) + 3;
	struct rest_own *o;

	call->own = NULL;
	if (size > URL_MAX)
		return fault_set(
		    fault, EX_USAGE, "%s: the URL is too long", r->peer);
	o = calloc(1, sizeof(*o) + size);
	if (o == NULL)
		return fault_errno(fault, EX_OSERR, "no memory");
	while (len > 0 && r->options.url[len - 1] == '/')
		len--;
	snprintf(o->url, size, "%.*s/%s%s%s", (int)len, r->options.url,
	    call->method, *call->query ? "?" : "", call->query);
	http_reply_init(&o->reply);
	o->rest = r;
	o->call = call;
	o->state = CALL_WAITS;
	o->backoff.base_ms = BACKOFF_BASE_MS;
	o->backoff.max_ms = BACKOFF_MAX_MS;
	o->request = (struct http_request){
	    .url = o->url, .reply = &o->reply, .done = on_done, .arg = o};
	call->own = o;
	list_add(&r->waiting, o);
	return 0;
}

size_t rest_busy(const struct rest *r)
{
	return r->waiting.n + r->active.n;
}

/* ------------------------------------------------------------------ turns */

/* 1: it went out, or failed at once; 0: not yet, and *wait_ms is no longer than
 * until then. */
static int own_begin(struct rest_own *o, int64_t now_ms, int64_t *wait_ms)
{
	struct rest *r = o->rest;
	struct fault fault;
	int64_t ms = buckets_wait(r, o, now_ms);

	if (o->state == CALL_PAUSES && o->due_ms - now_ms > ms)
		ms = o->due_ms - now_ms;
	if (ms > 0) {
		if (ms < *wait_ms)
			*wait_ms = ms;
		return 0;
	}
	if (o->state == CALL_WAITS) {
		list_remove(&r->waiting, o);
		list_add(&r->active, o);
		o->state = CALL_PAUSES;
	}
	log_debug("GET %s", o->url);
	if (http_start(r->http, &o->request, &fault) == -1) {
		own_fail(o, &fault);
		return 1;
	}
	o->state = CALL_FLIES;
	buckets_reserve(r, o);
	return 1;
}

/* One call that may go out, goes out.  0: there is none now. */
static int begin_one(struct rest *r, int64_t now_ms, int64_t *wait_ms)
{
	struct rest_own *o;

	for (o = r->active.first; o != NULL; o = o->next)
		if (o->state == CALL_PAUSES && own_begin(o, now_ms, wait_ms))
			return 1;
	if ((int64_t)r->active.n >= r->options.parallel)
		return 0;
	/* A method that may not be asked now does not keep others waiting. */
	for (o = r->waiting.first; o != NULL; o = o->next) {
		if (own_begin(o, now_ms, wait_ms))
			return 1;
		if (ratelimit_wait(&r->bucket[BUCKET_ALL].limit,
			r->bucket[BUCKET_ALL].reserved, now_ms) > 0)
			break;
	}
	return 0;
}

int rest_turn(struct rest *r, int64_t wait_ms, struct fault *fault)
{
	int64_t now_ms = clock_mono_ms();

	if (stopped(r))
		return stopped_fault(r, fault);
	while (begin_one(r, now_ms, &wait_ms))
		;
	if (http_turn(r->http, wait_ms, fault) == -1)
		return fault_prefix(fault, "%s", r->peer);
	return stopped(r) ? stopped_fault(r, fault) : 0;
}

struct waiting {
	struct buf *result;
	struct fault *fault;
	bool done;
	int value;
};

static void waited_for(void *arg, struct rest_call *call,
    struct json_span result, const struct fault *fault)
{
	struct waiting *w = arg;

	w->done = true;
	if (fault != NULL) {
		*w->fault = *fault;
		w->value = -1;
		return;
	}
	buf_clear(w->result);
	if (buf_add(w->result, result.p, result.len) == -1)
		w->value = fault_errno(
		    w->fault, EX_OSERR, "%s: the result", call->method);
}

int rest_call(struct rest *r, const char *method, const char *query,
    struct buf *result, struct fault *fault)
{
	struct fault own;
	struct waiting w = {
	    .result = result, .fault = fault != NULL ? fault : &own};
	struct rest_call call = {
	    .method = method, .query = query, .reply = waited_for, .arg = &w};

	if (rest_submit(r, &call, w.fault) == -1)
		return -1;
	while (!w.done)
		if (rest_turn(r, TURN_MS, w.fault) == -1) {
			rest_cancel(r, &call);
			return -1;
		}
	return w.value;
}

int rest_clock_ask(struct rest *r, struct fault *fault)
{
	struct buf now;
	int result;

	buf_init(&now, 100);
	result = rest_call(r, "public/get_time", "", &now, fault);
	buf_free(&now);
	return result;
}
