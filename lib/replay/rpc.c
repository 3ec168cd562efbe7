#include "replay/rpc.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "replay/wall.h"

#define RESULT_MAX (64 << 20)

int rpc_fail(struct rpc_call *c, int code, const char *message)
{
	c->code = code;
	c->message = message;
	return -1;
}

int rpc_invalid(struct rpc_call *c, const char *reason, const char *param)
{
	snprintf(c->data, sizeof(c->data),
	    "{\"reason\":\"%s\",\"param\":\"%s\"}", reason, param);
	return rpc_fail(c, -32602, "Invalid params");
}

int rpc_param(
    const struct rpc_call *c, const char *name, struct json_value *value)
{
	struct json j;
	struct json_span key;
	struct json_value v;

	json_init(&j, c->params.p, c->params.len);
	if (c->params.len == 0 || json_object_begin(&j) == -1)
		return 0;
	while (json_object_next(&j, &key) == 1) {
		if (json_value(&j, &v) == -1)
			return 0;
		if (!json_span_is(key, name))
			continue;
		*value = v;
		return v.type != JSON_NULL;
	}
	return 0;
}

static void envelope_begin(struct buf *out, struct json_span id)
{
	buf_adds(out, "{\"jsonrpc\":\"2.0\",");
	if (id.len > 0)
		buf_addf(out, "\"id\":%.*s,", (int)id.len, id.p);
}

static void envelope_end(struct buf *out, int64_t in_us)
{
	int64_t out_us = wall_us();

	buf_addf(out,
	    ",\"usIn\":%" PRId64 ",\"usOut\":%" PRId64 ",\"usDiff\":%" PRId64
	    ",\"testnet\":false}",
	    in_us, out_us, out_us - in_us);
}

static void envelope_error(struct buf *out, struct json_span id, int code,
    const char *message, const char *data, int64_t in_us)
{
	envelope_begin(out, id);
	buf_addf(
	    out, "\"error\":{\"code\":%d,\"message\":\"%s\"", code, message);
	if (data != NULL && data[0] != '\0')
		buf_addf(out, ",\"data\":%s", data);
	buf_addc(out, '}');
	envelope_end(out, in_us);
}

void rpc_refuse(
    struct buf *out, int code, const char *message, const char *data)
{
	envelope_error(
	    out, (struct json_span){"", 0}, code, message, data, wall_us());
}

/* Takes the members of a request; -1 when it is no JSON object. */
static int request_parse(struct rpc_call *c, const char *text, size_t len)
{
	struct json j;
	struct json_span key;
	struct json_value v;
	int r;

	json_init(&j, text, len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		if (json_span_is(key, "id") &&
		    (v.type == JSON_NUMBER || v.type == JSON_STRING))
			c->id = v.text;
		else if (json_span_is(key, "method") && v.type == JSON_STRING)
			c->method = json_inside(v.text);
		else if (json_span_is(key, "params"))
			c->params = v.text;
	}
	return r == -1 ? -1 : json_end(&j);
}

/* Over HTTP, one bucket for all, and the lists from one of their own too. */
static int charge_rest(struct rpc_call *c)
{
	if (c->rpc->unlimited)
		return 0;
	if (rules_take(&c->rpc->rest, c->mono_ms) == -1)
		return -1;
	return json_span_is(c->method, "public/get_instruments") &&
	               c->rpc->rest_lists.burst > 0
	           ? rules_take(&c->rpc->rest_lists, c->mono_ms)
	           : 0;
}

static int charge(struct rpc_call *c, const struct rpc_method *m)
{
	if (c->session == NULL)
		return charge_rest(c);
	return session_charge(
	    c->session, m != NULL && m->subscribe, c->mono_ms);
}

static int call(struct rpc_call *c, const struct rpc_method *m)
{
	if (c->rpc->maintenance)
		return rpc_fail(c, 11051, "system_maintenance");
	if (m == NULL)
		return rpc_fail(c, -32601, "Method not found");
	if (c->session == NULL && m->ws_only)
		return rpc_fail(c, 10030, "must_be_websocket_request");
	if (c->params.len > 0 && c->params.p[0] != '{') {
		snprintf(c->data, sizeof(c->data), "\"params is no object\"");
		return rpc_fail(c, -32602, "Invalid params");
	}
	return m->call(c);
}

static enum rpc_outcome answer(struct rpc_call *c, struct buf *out)
{
	const struct rpc_method *m = methods_find(c->method);

	if (m != NULL)
		methods_count(c->rpc, m);
	if (charge(c, m) == -1) {
		envelope_error(
		    out, c->id, 10028, "too_many_requests", NULL, c->now_us);
		return RPC_TERMINATE;
	}
	if (call(c, m) == -1) {
		envelope_error(
		    out, c->id, c->code, c->message, c->data, c->now_us);
		return RPC_ERROR;
	}
	if (c->lost)
		return RPC_LOST;
	envelope_begin(out, c->id);
	buf_adds(out, "\"result\":");
	buf_add(out, buf_head(c->result), buf_used(c->result));
	envelope_end(out, c->now_us);
	return RPC_RESULT;
}

enum rpc_outcome rpc_answer(struct rpc *rpc, struct session *session,
    const char *text, size_t len, struct buf *out)
{
	struct buf result;
	struct rpc_call c = {.rpc = rpc,
	    .session = session,
	    .id = {"", 0},
	    .method = {"", 0},
	    .params = {"", 0},
	    .now_us = wall_us(),
	    .mono_ms = clock_mono_ms(),
	    .result = &result};
	enum rpc_outcome outcome;

	rpc->rows = -1;
	if (request_parse(&c, text, len) == -1) {
		/* As seen on the wire: no id, and the socket stays open. */
		rpc_refuse(out, 11050, "bad_request", "\"invalid json\"");
		return RPC_ERROR;
	}
	buf_init(&result, RESULT_MAX);
	outcome = answer(&c, out);
	buf_free(&result);
	return outcome;
}

static int unhex(int ch)
{
	return isdigit(ch) ? ch - '0' : tolower(ch) - 'a' + 10;
}

/* Percent-decodes one name or value; stops at & and =. */
static const char *query_word(
    const char *p, bool stop_at_equals, struct buf *word)
{
	buf_clear(word);
	while (*p != '\0' && *p != '&' && !(stop_at_equals && *p == '=')) {
		const unsigned char *u = (const unsigned char *)p;

		if (p[0] == '%' && isxdigit(u[1]) && isxdigit(u[2])) {
			buf_addc(word, (char)(unhex(u[1]) * 16 + unhex(u[2])));
			p += 3;
			continue;
		}
		buf_addc(word, *p == '+' ? ' ' : *p);
		p++;
	}
	return p;
}

/* true, false and numbers stand as they are; all else is a string. */
static void query_value(struct buf *out, struct buf *word)
{
	const char *text = buf_str(word);
	struct json j;
	struct json_value v;

	json_init(&j, text, buf_used(word));
	if (json_value(&j, &v) == 0 && json_end(&j) == 0 &&
	    (v.type == JSON_NUMBER || v.type == JSON_TRUE ||
		v.type == JSON_FALSE))
		buf_adds(out, text);
	else
		json_encode(out, text, buf_used(word));
}

static void query_params(struct buf *out, const char *query)
{
	struct buf word;
	bool first = true;

	buf_init(&word, RULES_FRAME_MAX);
	while (*query != '\0') {
		query = query_word(query, true, &word);
		if (buf_used(&word) > 0) {
			if (!first)
				buf_addc(out, ',');
			json_encode(out, buf_str(&word), buf_used(&word));
			buf_addc(out, ':');
			if (*query == '=')
				query++;
			query = query_word(query, false, &word);
			query_value(out, &word);
			first = false;
		}
		if (*query != '\0')
			query++;
	}
	buf_free(&word);
}

enum rpc_outcome rpc_query(
    struct rpc *rpc, const char *method, const char *query, struct buf *out)
{
	struct buf text;
	enum rpc_outcome outcome;

	buf_init(&text, 4 * RULES_FRAME_MAX);
	buf_adds(&text, "{\"method\":");
	json_encode(&text, method, strlen(method));
	buf_adds(&text, ",\"params\":{");
	query_params(&text, query);
	buf_adds(&text, "}}");
	outcome = rpc_answer(rpc, NULL, buf_head(&text), buf_used(&text), out);
	buf_free(&text);
	return outcome;
}
