#include "deribit/rpc.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"

/* Nobody is told to wait longer. */
#define WAIT_MAX_S 86400

#define GUESS(j, key) (json_object_guess((j), key, sizeof(key) - 1) == 1)

/* The envelope's members, whatever their order. */
struct envelope {
	struct json_value method, params, id, result, error, us_out;
	bool has_method, has_params, has_id, has_result, has_error, has_us_out;
};

static bool is_quoted(const struct json_value *v, const char *text)
{
	size_t len = strlen(text);

	if (v->type != JSON_STRING)
		return false;
	return (v->text.len == len + 2 &&
		   memcmp(v->text.p + 1, text, len) == 0) ||
	       json_span_is(json_inside(v->text), text);
}

/* {"jsonrpc":"2.0","method":"subscription","params":{"channel":"...","data":
 * is nearly every message.  False: it is not; nothing is decided. */
static bool parse_usual(struct rpc *m)
{
	struct json *j = &m->json;
	struct json_value v;

	json_init(j, m->text, m->len);
	if (json_object_begin(j) == -1 || !GUESS(j, "jsonrpc") ||
	    json_value(j, &v) == -1 || !GUESS(j, "method") ||
	    json_value(j, &v) == -1 || !is_quoted(&v, "subscription") ||
	    !GUESS(j, "params") || json_object_begin(j) == -1 ||
	    !GUESS(j, "channel") || json_value(j, &v) == -1 ||
	    v.type != JSON_STRING || !GUESS(j, "data"))
		return false;
	m->kind = RPC_NOTIFICATION;
	m->channel = json_inside(v.text);
	m->open = true;
	return true;
}

static int take_member(struct json *j, struct json_span key, struct envelope *e)
{
	const struct {
		const char *name;
		struct json_value *value;
		bool *has;
	} members[] = {
	    {"method", &e->method, &e->has_method},
	    {"params", &e->params, &e->has_params},
	    {"id", &e->id, &e->has_id},
	    {"result", &e->result, &e->has_result},
	    {"error", &e->error, &e->has_error},
	    {"usOut", &e->us_out, &e->has_us_out},
	};
	struct json_value ignored;
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_span_is(key, members[i].name)) {
			*members[i].has = true;
			return json_value(j, members[i].value);
		}
	return json_value(j, &ignored);
}

/* Validates the whole message and keeps the spans of the envelope. */
static int parse_envelope(struct rpc *m, struct envelope *e)
{
	struct json *j = &m->json;
	struct json_value ignored;
	struct json_span key;
	int r = 0;

	json_init(j, m->text, m->len);
	if (json_peek(j) != JSON_OBJECT) {
		if (json_value(j, &ignored) == -1)
			return -1;
		return json_end(j);
	}
	if (json_object_begin(j) == -1)
		return -1;
	while ((r = json_object_next(j, &key)) == 1)
		if (take_member(j, key, e) == -1)
			return -1;
	return r == -1 ? -1 : json_end(j);
}

/* The member name of a validated object. */
static bool find(
    const struct json_value *object, const char *name, struct json_value *out)
{
	struct json_span key;
	struct json j;

	json_init(&j, object->text.p, object->text.len);
	if (json_object_begin(&j) == -1)
		return false;
	while (json_object_next(&j, &key) == 1) {
		if (json_value(&j, out) == -1)
			return false;
		if (json_span_is(key, name))
			return true;
	}
	return false;
}

static bool find_string(
    const struct json_value *object, const char *name, struct json_span *out)
{
	struct json_value v;

	if (!find(object, name, &v) || v.type != JSON_STRING)
		return false;
	*out = json_inside(v.text);
	return true;
}

static void judge_method(struct rpc *m, const struct envelope *e)
{
	struct json_value v;

	m->method = e->method.type == JSON_STRING ? json_inside(e->method.text)
	                                          : e->method.text;
	m->kind = RPC_METHOD;
	if (is_quoted(&e->method, "heartbeat")) {
		m->kind = RPC_HEARTBEAT;
		if (e->has_params && find(&e->params, "type", &v) &&
		    is_quoted(&v, "test_request"))
			m->kind = RPC_TEST_REQUEST;
	} else if (is_quoted(&e->method, "subscription")) {
		m->kind = RPC_OTHER;
		if (e->has_params &&
		    find_string(&e->params, "channel", &m->channel) &&
		    find(&e->params, "data", &v)) {
			m->kind = RPC_NOTIFICATION;
			json_init(&m->json, v.text.p, v.text.len);
		}
	}
}

/* Whole seconds, rounded up; -1 for what is no number of them. */
static int64_t wait_seconds(const struct json_value *v)
{
	struct json_span text = v->text;
	struct num_decimal d;
	int64_t s = 0;

	if (v->type == JSON_STRING)
		text = json_inside(text);
	if (num_decimal(text.p, text.len, &d) != NUM_OK || d.negative)
		return -1;
	for (int i = 0; i <= d.weight && s < WAIT_MAX_S; i++)
		s = s * 10000 + (i < d.ndigits ? d.digit[i] : 0);
	if (d.ndigits > d.weight + 1)
		s++;
	return s < WAIT_MAX_S ? s : WAIT_MAX_S;
}

static void judge_error(struct rpc *m, const struct envelope *e)
{
	struct json_value v, data;

	m->kind = RPC_ERROR;
	if (find(&e->error, "code", &v))
		num_int64(v.text.p, v.text.len, &m->code);
	find_string(&e->error, "message", &m->message);
	if (!find(&e->error, "data", &data) || data.type != JSON_OBJECT)
		return;
	find_string(&data, "reason", &m->reason);
	if (find(&data, "wait", &v))
		m->wait_s = wait_seconds(&v);
}

static int64_t microseconds(const struct json_value *v)
{
	int64_t us;

	if (num_int64(v->text.p, v->text.len, &us) != NUM_OK || us < 0)
		return 0;
	return us;
}

int rpc_parse(struct rpc *m, const char *text, size_t len)
{
	struct envelope e = {.has_id = false};

	m->text = text;
	m->len = len;
	m->open = false;
	if (parse_usual(m))
		return 0;
	memset(m, 0, sizeof(*m));
	m->text = text;
	m->len = len;
	m->kind = RPC_OTHER;
	m->wait_s = -1;
	if (parse_envelope(m, &e) == -1)
		return -1;
	if (e.has_id && e.id.type == JSON_NUMBER)
		m->has_id = num_int64(e.id.text.p, e.id.text.len, &m->id) ==
		            NUM_OK;
	if (e.has_us_out)
		m->us_out = microseconds(&e.us_out);
	if (e.has_error && e.error.type == JSON_OBJECT)
		judge_error(m, &e);
	else if (e.has_method)
		judge_method(m, &e);
	else if (e.has_result && m->has_id) {
		m->kind = RPC_RESULT;
		m->result = e.result.text;
	}
	return 0;
}

static int skip_rest(struct json *j)
{
	struct json_value ignored;
	struct json_span key;
	int r;

	while ((r = json_object_next(j, &key)) == 1)
		if (json_value(j, &ignored) == -1)
			return -1;
	return r;
}

int rpc_finish(struct rpc *m)
{
	if (m->open && (skip_rest(&m->json) == -1 || skip_rest(&m->json) == -1))
		return -1;
	m->open = false;
	return json_end(&m->json);
}

int rpc_fault(const struct rpc *m, struct fault *fault)
{
	const char *what;
	size_t at = 0;

	what = json_error(&m->json, &at);
	if (m->json.begin >= m->text && m->json.begin <= m->text + m->len)
		at += (size_t)(m->json.begin - m->text);
	return fault_set(fault, EX_PROTOCOL,
	    "invalid JSON at byte %zu of a message: %s", at,
	    what != NULL ? what : "not what it should be");
}

int rpc_request(
    struct buf *out, int64_t id, const char *method, const char *params)
{
	return buf_addf(out,
	    "{\"jsonrpc\":\"2.0\",\"id\":%" PRId64
	    ",\"method\":\"%s\",\"params\":%s}",
	    id, method, params);
}
