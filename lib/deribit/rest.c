#include "deribit/rest.h"

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "io/json.h"
#include "net/http.h"
#include "net/ratelimit.h"

/* The exchange's rate limits page: 10 requests/s without a login;
 * get_instruments costs as much as it may cost, so one a second and few at
 * once. */
#define CALLS_BURST 10
#define CALLS_INTERVAL_MS 100
#define INSTRUMENTS_BURST 5
#define INSTRUMENTS_INTERVAL_MS 1000

#define BACKOFF_BASE_MS 500
#define BACKOFF_MAX_MS 30000
/* What a peer may make us wait in one go. */
#define WAIT_MAX_MS 300000
#define TURN_MS 100

struct rest {
	struct rest_options options;
	struct http *http;
	struct http_reply reply;
	struct ratelimit calls, instruments;
	struct backoff backoff;
	struct buf url;
	char peer[300];
};

/* What became of one try. */
enum outcome { DONE, AGAIN, FAILED };

/* The error member of an envelope, decoded as far as it goes. */
struct api_error {
	int64_t code;
	int64_t wait_ms;
	char message[200];
	char reason[200];
	char param[100];
};

struct envelope {
	struct json_span result; /* p NULL: none */
	bool has_error;
	struct api_error error;
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

const char *rest_base(const struct rest *r)
{
	return r->options.url;
}

const char *rest_peer(const struct rest *r)
{
	return r->peer;
}

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
	r->backoff.base_ms = BACKOFF_BASE_MS;
	r->backoff.max_ms = BACKOFF_MAX_MS;
	buf_init(&r->url, 8192);
	http_reply_init(&r->reply);
	ratelimit_init(&r->calls, CALLS_BURST, CALLS_INTERVAL_MS);
	ratelimit_init(
	    &r->instruments, INSTRUMENTS_BURST, INSTRUMENTS_INTERVAL_MS);
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

void rest_free(struct rest *r)
{
	if (r == NULL)
		return;
	http_free(r->http);
	http_reply_free(&r->reply);
	buf_free(&r->url);
	free(r);
}

static bool stopped(const struct rest *r)
{
	return r->options.stop != NULL && *r->options.stop != 0;
}

/* -1: stopped meanwhile. */
static int wait_until(const struct rest *r, int64_t at_ms, struct fault *fault)
{
	int64_t left;

	while ((left = at_ms - clock_mono_ms()) > 0 && !stopped(r))
		poll(NULL, 0, (int)(left < TURN_MS ? left : TURN_MS));
	if (stopped(r))
		return fault_set(fault, EX_TEMPFAIL,
		    "%s: stopped while waiting for the next request", r->peer);
	return 0;
}

static int pace(struct rest *r, struct ratelimit *limit, struct fault *fault)
{
	int64_t wait_ms, now;

	for (;;) {
		now = clock_mono_ms();
		wait_ms = ratelimit_take(limit, now);
		if (wait_ms == 0)
			return 0;
		if (wait_until(r, now + wait_ms, fault) == -1)
			return -1;
	}
}

/* Decodes a string value, cut to fit; other types leave their text. */
static void text_take(const struct json_value *v, char *out, size_t size)
{
	struct buf text;

	buf_init(&text, 4096);
	if (v->type == JSON_STRING)
		json_decode(json_inside(v->text), &text);
	else if (v->type != JSON_NULL)
		buf_add(&text, v->text.p, v->text.len);
	if (buf_str(&text) != NULL)
		snprintf(out, size, "%s", buf_str(&text));
	buf_free(&text);
}

static void seconds_take(const struct json_value *v, int64_t *ms)
{
	int64_t s;

	if (v->type == JSON_NUMBER &&
	    num_int64(v->text.p, v->text.len, &s) == NUM_OK && s > 0)
		*ms = s > WAIT_MAX_MS / 1000 ? WAIT_MAX_MS : s * 1000;
}

static int data_read(struct json *j, struct api_error *e)
{
	struct json_span key;
	struct json_value v;
	int r;

	if (json_peek(j) != JSON_OBJECT) {
		if (json_value(j, &v) == -1)
			return -1;
		text_take(&v, e->reason, sizeof(e->reason));
		return 0;
	}
	if (json_object_begin(j) == -1)
		return -1;
	while ((r = json_object_next(j, &key)) == 1) {
		if (json_value(j, &v) == -1)
			return -1;
		if (json_span_is(key, "reason"))
			text_take(&v, e->reason, sizeof(e->reason));
		else if (json_span_is(key, "param"))
			text_take(&v, e->param, sizeof(e->param));
		else if (json_span_is(key, "wait"))
			seconds_take(&v, &e->wait_ms);
	}
	return r;
}

static int error_read(struct json *j, struct api_error *e)
{
	struct json_span key;
	struct json_value v;
	int r;

	if (json_object_begin(j) == -1)
		return -1;
	while ((r = json_object_next(j, &key)) == 1) {
		if (json_span_is(key, "data")) {
			if (data_read(j, e) == -1)
				return -1;
			continue;
		}
		if (json_value(j, &v) == -1)
			return -1;
		if (json_span_is(key, "message"))
			text_take(&v, e->message, sizeof(e->message));
		else if (json_span_is(key, "code") && v.type == JSON_NUMBER)
			num_int64(v.text.p, v.text.len, &e->code);
	}
	return r;
}

static int member_read(struct json *j, struct json_span key, struct envelope *e)
{
	struct json_value v;

	if (json_span_is(key, "error") && json_peek(j) == JSON_OBJECT) {
		e->has_error = true;
		return error_read(j, &e->error);
	}
	if (json_value(j, &v) == -1)
		return -1;
	if (json_span_is(key, "result"))
		e->result = v.text;
	return 0;
}

/* 0, or -1 if the text is no JSON object. */
static int envelope_read(
    const struct buf *body, struct envelope *e, const char **error, size_t *at)
{
	struct json_span key;
	struct json j;
	int r = -1;

	memset(e, 0, sizeof(*e));
	json_init(&j, buf_used(body) > 0 ? buf_head(body) : "", buf_used(body));
	if (json_object_begin(&j) == 0)
		while ((r = json_object_next(&j, &key)) == 1)
			if (member_read(&j, key, e) == -1)
				break;
	if (r == 0)
		r = json_end(&j);
	*error = json_error(&j, at);
	return r == 0 ? 0 : -1;
}

/* Of the exchange's errors page, those that pass by themselves. */
static bool code_is_transient(int64_t code)
{
	static const int codes[] = {10028, 10040, 10041, 10047, 10048, 11051,
	    11056, 13025, 13028, 13503};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool code_is_about_arguments(int64_t code)
{
	static const int codes[] = {-32602, -32000, 10020, 11029, 11043, 11047,
	    11049, 11050, 13019, 13020};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static enum outcome error_judge(struct rest *r, const char *method,
    const struct api_error *e, int64_t *wait_ms, struct fault *fault)
{
	const char *sep = e->reason[0] ? ": " : "";
	bool transient = code_is_transient(e->code) || r->reply.status == 429 ||
	                 r->reply.status >= 500;
	int exit_code = transient                          ? EX_UNAVAILABLE
	                : code_is_about_arguments(e->code) ? EX_DATAERR
	                                                   : EX_PROTOCOL;

	fault_set(fault, exit_code, "%s: %s: %" PRId64 " %s%s%s%s%s%s", r->peer,
	    method, e->code, e->message[0] ? e->message : "error", sep,
	    e->reason, e->param[0] ? " (" : "", e->param,
	    e->param[0] ? ")" : "");
	if (e->wait_ms > *wait_ms)
		*wait_ms = e->wait_ms;
	if (e->code == 10028 || r->reply.status == 429)
		ratelimit_drain(&r->calls, clock_mono_ms());
	return transient ? AGAIN : FAILED;
}

/* No JSON: a page of the proxy in between, a torn body, nothing at all. */
static enum outcome body_judge(struct rest *r, const char *method,
    const char *error, size_t at, struct fault *fault)
{
	const struct http_reply *reply = &r->reply;
	long status = reply->status;
	const char *type = reply->type[0] ? reply->type : "no content type";

	if ((status >= 300 && status < 400) || status == 401 || status == 404 ||
	    status == 405 || status == 410) {
		fault_set(fault, EX_PROTOCOL,
		    "%s: %s: HTTP %ld (%s): this is not Deribit's API; is the "
		    "URL right?",
		    r->peer, method, status, type);
		return FAILED;
	}
	if (status == 429)
		ratelimit_drain(&r->calls, clock_mono_ms());
	if (buf_used(&reply->body) == 0)
		fault_set(fault, EX_UNAVAILABLE,
		    "%s: %s: HTTP %ld with an empty body", r->peer, method,
		    status);
	else
		fault_set(fault, status >= 400 ? EX_UNAVAILABLE : EX_PROTOCOL,
		    "%s: %s: HTTP %ld (%s): the body is no JSON object: %s at "
		    "byte %zu",
		    r->peer, method, status, type,
		    error != NULL ? error : "another value", at);
	return AGAIN;
}

static enum outcome reply_judge(struct rest *r, const char *method,
    struct buf *result, int64_t *wait_ms, struct fault *fault)
{
	struct envelope e;
	const char *error;
	size_t at = 0;

	*wait_ms = r->reply.retry_after_ms;
	if (envelope_read(&r->reply.body, &e, &error, &at) == -1)
		return body_judge(r, method, error, at, fault);
	if (e.has_error)
		return error_judge(r, method, &e.error, wait_ms, fault);
	if (r->reply.status != 200 || e.result.p == NULL) {
		fault_set(fault, EX_PROTOCOL,
		    "%s: %s: HTTP %ld with neither result nor error", r->peer,
		    method, r->reply.status);
		return r->reply.status == 429 || r->reply.status >= 500
		           ? AGAIN
		           : FAILED;
	}
	buf_clear(result);
	if (buf_add(result, e.result.p, e.result.len) == -1) {
		fault_errno(
		    fault, EX_OSERR, "%s: %s: the result", r->peer, method);
		return FAILED;
	}
	return DONE;
}

static enum outcome call_once(struct rest *r, const char *method,
    struct buf *result, int64_t *wait_ms, struct fault *fault)
{
	*wait_ms = 0;
	if (pace(r, &r->calls, fault) == -1)
		return FAILED;
	if (strcmp(method, "public/get_instruments") == 0 &&
	    pace(r, &r->instruments, fault) == -1)
		return FAILED;
	log_debug("GET %s", buf_str(&r->url));
	if (http_get(r->http, buf_str(&r->url), &r->reply, fault) == 0)
		return reply_judge(r, method, result, wait_ms, fault);
	/* The transport says who and why; say what it was about. */
	if (stopped(r) || r->reply.permanent)
		return FAILED;
	return AGAIN;
}

/* Waits for the next try; -1: stopped. */
static int retry_wait(struct rest *r, int64_t asked_ms, struct fault *fault)
{
	int64_t wait_ms = backoff_next(&r->backoff);

	if (asked_ms > WAIT_MAX_MS)
		asked_ms = WAIT_MAX_MS;
	/* The peer's word is a lower bound; the jitter comes on top. */
	if (asked_ms > 0)
		wait_ms += asked_ms;
	log_warn("%s; retry in %" PRId64 ".%" PRId64 " s", fault->text,
	    wait_ms / 1000, wait_ms % 1000 / 100);
	return wait_until(r, clock_mono_ms() + wait_ms, fault);
}

static int url_make(
    struct rest *r, const char *method, const char *query, struct fault *fault)
{
	size_t len = strlen(r->options.url);

	while (len > 0 && r->options.url[len - 1] == '/')
		len--;
	buf_clear(&r->url);
	if (buf_add(&r->url, r->options.url, len) == -1 ||
	    buf_addf(&r->url, "/%s%s%s", method, *query ? "?" : "", query) ==
		-1 ||
	    buf_str(&r->url) == NULL)
		return fault_set(
		    fault, EX_USAGE, "%s: the URL is too long", r->peer);
	return 0;
}

static int given_up(struct fault *fault, int tries)
{
	size_t len = strlen(fault->text);

	snprintf(fault->text + len, sizeof(fault->text) - len,
	    "; given up after %d tries", tries);
	return -1;
}

int rest_call(struct rest *r, const char *method, const char *query,
    struct buf *result, struct fault *fault)
{
	int tries = 0;
	int64_t wait_ms;
	struct fault own;

	if (fault == NULL)
		fault = &own;
	if (url_make(r, method, query, fault) == -1)
		return -1;
	for (;;) {
		switch (call_once(r, method, result, &wait_ms, fault)) {
		case DONE: backoff_reset(&r->backoff); return 0;
		case FAILED: return -1;
		case AGAIN: break;
		}
		if (r->options.retry >= 0 && tries++ >= r->options.retry)
			return tries == 1 ? -1 : given_up(fault, tries);
		if (retry_wait(r, wait_ms, fault) == -1)
			return -1;
	}
}
