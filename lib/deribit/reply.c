#include "deribit/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"

/* Of the exchange's errors page: too_many_requests. */
#define TOO_MANY_REQUESTS 10028

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
	int64_t out_us;
};

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
		*ms = s > REPLY_WAIT_MAX_MS / 1000 ? REPLY_WAIT_MAX_MS
		                                   : s * 1000;
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
	else if (json_span_is(key, "usOut") && v.type == JSON_NUMBER)
		num_int64(v.text.p, v.text.len, &e->out_us);
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
	e->out_us = -1;
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
	static const int codes[] = {TOO_MANY_REQUESTS, 10040, 10041, 10047,
	    10048, 11051, 11056, 13025, 13028, 13503};
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

static enum reply_verdict error_judge(const struct http_reply *reply,
    const char *peer, const char *method, const struct api_error *e,
    struct reply_facts *facts, struct fault *fault)
{
	const char *sep = e->reason[0] ? ": " : "";
	bool transient = code_is_transient(e->code) || reply->status == 429 ||
	                 reply->status >= 500;
	int exit_code = transient                          ? EX_UNAVAILABLE
	                : code_is_about_arguments(e->code) ? EX_DATAERR
	                                                   : EX_PROTOCOL;

	fault_set(fault, exit_code, "%s: %s: %" PRId64 " %s%s%s%s%s%s", peer,
	    method, e->code, e->message[0] ? e->message : "error", sep,
	    e->reason, e->param[0] ? " (" : "", e->param,
	    e->param[0] ? ")" : "");
	if (e->wait_ms > facts->wait_ms)
		facts->wait_ms = e->wait_ms;
	if (e->code == TOO_MANY_REQUESTS)
		facts->too_fast = true;
	return transient ? REPLY_AGAIN : REPLY_REFUSED;
}

/* No JSON: a page of the proxy in between, a torn body, nothing at all. */
static enum reply_verdict body_judge(const struct http_reply *reply,
    const char *peer, const char *method, const char *error, size_t at,
    struct fault *fault)
{
	long status = reply->status;
	const char *type = reply->type[0] ? reply->type : "no content type";

	if ((status >= 300 && status < 400) || status == 401 || status == 404 ||
	    status == 405 || status == 410) {
		fault_set(fault, EX_PROTOCOL,
		    "%s: %s: HTTP %ld (%s): this is not Deribit's API; is the "
		    "URL right?",
		    peer, method, status, type);
		return REPLY_REFUSED;
	}
	if (buf_used(&reply->body) == 0)
		fault_set(fault, EX_UNAVAILABLE,
		    "%s: %s: HTTP %ld with an empty body", peer, method,
		    status);
	else
		fault_set(fault, status >= 400 ? EX_UNAVAILABLE : EX_PROTOCOL,
		    "%s: %s: HTTP %ld (%s): the body is no JSON object: %s at "
		    "byte %zu",
		    peer, method, status, type,
		    error != NULL ? error : "another value", at);
	return REPLY_AGAIN;
}

enum reply_verdict reply_read(const struct http_reply *reply, const char *peer,
    const char *method, struct reply_facts *facts, struct fault *fault)
{
	struct envelope e;
	const char *error;
	size_t at = 0;

	memset(facts, 0, sizeof(*facts));
	facts->out_us = -1;
	facts->too_fast = reply->status == 429;
	if (reply->retry_after_ms > 0)
		facts->wait_ms = reply->retry_after_ms < REPLY_WAIT_MAX_MS
		                     ? reply->retry_after_ms
		                     : REPLY_WAIT_MAX_MS;
	if (envelope_read(&reply->body, &e, &error, &at) == -1)
		return body_judge(reply, peer, method, error, at, fault);
	facts->out_us = e.out_us;
	if (e.has_error)
		return error_judge(reply, peer, method, &e.error, facts, fault);
	if (reply->status != 200 || e.result.p == NULL) {
		fault_set(fault, EX_PROTOCOL,
		    "%s: %s: HTTP %ld with neither result nor error", peer,
		    method, reply->status);
		return reply->status == 429 || reply->status >= 500
		           ? REPLY_AGAIN
		           : REPLY_REFUSED;
	}
	facts->result = e.result;
	return REPLY_RESULT;
}
