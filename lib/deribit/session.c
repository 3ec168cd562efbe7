#include "deribit/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"

/* After so long without a loss the next one is waited out briefly again. */
#define HEALTHY_MS 60000
/* How often a connection may make us say what we do not understand. */
#define REMARKS_MAX 5

/* Errors that end a session (the exchange's errors page). */
#define ERROR_TOO_MANY_REQUESTS 10028
#define ERROR_MAINTENANCE 11051
/* Errors that asking again cannot cure. */
#define ERROR_RAW_NEEDS_LOGIN 13778
#define ERROR_TOO_LARGE (-32600)
#define ERROR_NO_METHOD (-32601)
#define ERROR_PARAMETERS (-32602)

enum session_state {
	STATE_CONNECT,
	STATE_GREET, /* hello and set_heartbeat are asked */
	STATE_SUBSCRIBE,
	STATE_LIVE,
	STATE_BACKOFF,
	STATE_FAILED
};

struct session {
	struct loop *loop;
	const struct session_options *options;
	const struct session_calls *calls;
	void *arg;
	const char *const *channels;
	size_t n;
	const char *label;
	char peer[256]; /* the host, for the log: an URL may hold a password */

	enum session_state state;
	struct ws *ws;
	int64_t next_id; /* never used twice, on any connection */
	int64_t hello_id, heartbeat_id, subscribe_id; /* 0: not awaited */
	size_t asked; /* channels asked for so far on this connection */
	struct loop_timer timer; /* of the state */
	struct loop_timer stall;
	struct backoff backoff;
	int64_t live_since_ms;
	bool was_live; /* ever */
	unsigned remarks;
	uint64_t received, losses;
	struct buf request;
};

static void drop(
    struct session *s, const struct fault *why, enum session_loss loss);
static void connect_now(struct session *s);

static int64_t heard_wall_ms(const struct session *s)
{
	int64_t heard = s->ws != NULL ? ws_heard_ms(s->ws) : 0;

	if (heard == 0)
		return 0;
	return clock_wall_us() / 1000 - (clock_mono_ms() - heard);
}

static void close_socket(struct session *s)
{
	if (s->ws != NULL) {
		s->received += ws_received(s->ws);
		ws_free(s->ws);
	}
	s->ws = NULL;
	loop_timer_cancel(s->loop, &s->timer);
	loop_timer_cancel(s->loop, &s->stall);
}

static void fail(struct session *s, const struct fault *why)
{
	close_socket(s);
	s->state = STATE_FAILED;
	s->calls->failed(s->arg, why);
}

static void drop(
    struct session *s, const struct fault *why, enum session_loss loss)
{
	int64_t heard_ms = heard_wall_ms(s);
	int64_t wait_ms;

	if (s->state == STATE_LIVE &&
	    clock_mono_ms() - s->live_since_ms >= HEALTHY_MS)
		backoff_reset(&s->backoff);
	wait_ms = backoff_next(&s->backoff);
	close_socket(s);
	s->state = STATE_BACKOFF;
	s->losses++;
	log_warn("%s%s; retry in %" PRId64 ".%" PRId64 " s", s->label,
	    why->text, wait_ms / 1000, wait_ms % 1000 / 100);
	loop_timer_set(s->loop, &s->timer, clock_mono_ms() + wait_ms);
	s->calls->lost(s->arg, loss, heard_ms);
}

static void drop_text(struct session *s, const char *what)
{
	struct fault fault;

	fault_set(&fault, EX_PROTOCOL, "%s: %s", s->peer, what);
	drop(s, &fault, SESSION_DISCONNECT);
}

static void remark(struct session *s, const char *what, struct json_span text)
{
	if (s->remarks++ < REMARKS_MAX)
		log_warn("%s%s: %s: %.*s", s->label, s->peer, what,
		    text.len < 200 ? (int)text.len : 200, text.p);
}

/* Sends what is in s->request.  -1: the connection was dropped. */
static int send_request(struct session *s)
{
	struct fault fault;

	if (ws_send(s->ws, buf_head(&s->request), buf_used(&s->request),
		&fault) == 0)
		return 0;
	drop(s, &fault, SESSION_DISCONNECT);
	return -1;
}

/* The id, or -1 when the connection was dropped. */
static int64_t ask(struct session *s, const char *method, const char *params)
{
	int64_t id = ++s->next_id;

	buf_clear(&s->request);
	if (rpc_request(&s->request, id, method, params) == -1) {
		drop_text(s, "no memory for a request");
		return -1;
	}
	return send_request(s) == -1 ? -1 : id;
}

static void await_reply(struct session *s)
{
	loop_timer_set(
	    s->loop, &s->timer, clock_mono_ms() + s->options->reply_timeout_ms);
}

static void greet(struct session *s)
{
	char params[128];

	s->state = STATE_GREET;
	await_reply(s);
	snprintf(params, sizeof(params),
	    "{\"client_name\":\"deribit-tools\",\"client_version\":\"%s\"}",
	    s->options->version);
	s->hello_id = ask(s, "public/hello", params);
	if (s->hello_id == -1)
		return;
	snprintf(params, sizeof(params), "{\"interval\":%" PRId64 "}",
	    s->options->heartbeat_s);
	s->heartbeat_id = ask(s, "public/set_heartbeat", params);
}

static int add_channel(struct buf *b, const char *name, bool first)
{
	if (!first && buf_addc(b, ',') == -1)
		return -1;
	return json_encode(b, name, strlen(name));
}

/* The text of the next subscribe call: as many channels as one may hold. */
static int build_subscribe(struct session *s)
{
	struct buf *b = &s->request;
	size_t n = 0;

	buf_clear(b);
	if (buf_addf(b,
		"{\"jsonrpc\":\"2.0\",\"id\":%" PRId64
		",\"method\":\"public/subscribe\",\"params\":{\"channels\":[",
		++s->next_id) == -1)
		return -1;
	while (s->asked + n < s->n && n < SESSION_CHANNELS_MAX) {
		const char *name = s->channels[s->asked + n];

		/* Each byte may become an escape of six. */
		if (n > 0 &&
		    buf_used(b) + 6 * strlen(name) + 8 > SESSION_FRAME_MAX)
			break;
		if (add_channel(b, name, n == 0) == -1)
			return -1;
		n++;
	}
	s->asked += n;
	return buf_adds(b, "]}}");
}

static void subscribe_next(struct session *s)
{
	int64_t wait_ms = ratelimit_take(s->options->pace, clock_mono_ms());

	s->state = STATE_SUBSCRIBE;
	if (wait_ms > 0) {
		loop_timer_set(s->loop, &s->timer, clock_mono_ms() + wait_ms);
		return;
	}
	if (build_subscribe(s) == -1) {
		drop_text(s, "no memory for a subscribe call");
		return;
	}
	s->subscribe_id = s->next_id;
	await_reply(s);
	send_request(s);
}

static void go_live(struct session *s)
{
	loop_timer_cancel(s->loop, &s->timer);
	s->state = STATE_LIVE;
	s->was_live = true;
	s->live_since_ms = clock_mono_ms();
	s->calls->live(s->arg);
}

static void take_subscribed(struct session *s, struct json_span result)
{
	struct json_value v;
	struct json j;

	json_init(&j, result.p, result.len);
	if (json_array_begin(&j) == -1) {
		drop_text(s, "the reply to subscribe is no list");
		return;
	}
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		if (v.type == JSON_STRING)
			s->calls->acknowledged(s->arg, json_inside(v.text));
	s->subscribe_id = 0;
	if (s->asked < s->n)
		subscribe_next(s);
	else
		go_live(s);
}

static bool answers(const struct rpc *m, int64_t id)
{
	return id > 0 && m->has_id && m->id == id;
}

static void on_result(struct session *s, const struct rpc *m)
{
	if (answers(m, s->subscribe_id)) {
		take_subscribed(s, m->result);
		return;
	}
	if (answers(m, s->hello_id))
		s->hello_id = 0;
	else if (answers(m, s->heartbeat_id))
		s->heartbeat_id = 0;
	else
		return; /* to public/test, or to nobody */
	if (s->state == STATE_GREET && s->hello_id == 0 && s->heartbeat_id == 0)
		subscribe_next(s);
}

static bool is_incurable(int64_t code)
{
	return code == ERROR_RAW_NEEDS_LOGIN || code == ERROR_TOO_LARGE ||
	       code == ERROR_NO_METHOD || code == ERROR_PARAMETERS;
}

static void error_sentence(const struct session *s, const struct rpc *m,
    const char *what, struct fault *fault)
{
	fault_set(fault,
	    m->code == ERROR_RAW_NEEDS_LOGIN ? EX_NOPERM : EX_UNAVAILABLE,
	    "%s: %s: error %" PRId64 " (%.*s%s%.*s)%s", s->peer, what, m->code,
	    (int)(m->message.len < 200 ? m->message.len : 200),
	    m->message.p != NULL ? m->message.p : "",
	    m->reason.len > 0 ? ": " : "",
	    (int)(m->reason.len < 200 ? m->reason.len : 200),
	    m->reason.p != NULL ? m->reason.p : "",
	    m->code == ERROR_RAW_NEEDS_LOGIN
		? ": raw channels are for those who log in"
		: "");
}

static void on_error(struct session *s, const struct rpc *m)
{
	struct fault fault;

	if (answers(m, s->subscribe_id)) {
		error_sentence(s, m, "subscribe was refused", &fault);
		if (is_incurable(m->code) && !s->was_live)
			fail(s, &fault);
		else
			drop(s, &fault, SESSION_DISCONNECT);
	} else if (answers(m, s->heartbeat_id)) {
		error_sentence(s, m, "set_heartbeat was refused", &fault);
		drop(s, &fault, SESSION_DISCONNECT);
	} else if (m->code == ERROR_TOO_MANY_REQUESTS ||
		   m->code == ERROR_MAINTENANCE) {
		error_sentence(s, m, "the exchange ends the session", &fault);
		ratelimit_drain(s->options->pace, clock_mono_ms());
		drop(s, &fault, SESSION_DISCONNECT);
	} else {
		error_sentence(s, m, "ignored", &fault);
		if (s->remarks++ < REMARKS_MAX)
			log_warn("%s%s", s->label, fault.text);
		if (answers(m, s->hello_id))
			on_result(s, m);
	}
}

static void on_open(void *arg)
{
	struct session *s = arg;

	loop_timer_set(
	    s->loop, &s->stall, clock_mono_ms() + s->options->stall_timeout_ms);
	greet(s);
}

static void bad_message(struct session *s, struct fault *fault)
{
	fault_prefix(fault, "%s", s->peer);
	drop(s, fault, SESSION_DISCONNECT);
}

static void on_message(void *arg, const char *text, size_t len)
{
	struct session *s = arg;
	struct json_span all = {text, len};
	struct fault fault;
	struct rpc m;

	if (rpc_parse(&m, text, len) == -1) {
		rpc_fault(&m, &fault);
		bad_message(s, &fault);
		return;
	}
	switch (m.kind) {
	case RPC_NOTIFICATION:
		if (s->calls->notification(s->arg, &m, &fault) == -1)
			bad_message(s, &fault);
		break;
	case RPC_TEST_REQUEST: ask(s, "public/test", "{}"); break;
	case RPC_HEARTBEAT: break;
	case RPC_RESULT: on_result(s, &m); break;
	case RPC_ERROR: on_error(s, &m); break;
	case RPC_METHOD:
		remark(s, "ignored an unknown method", m.method);
		break;
	case RPC_OTHER: remark(s, "ignored a message", all); break;
	}
}

static void on_closed(void *arg, const struct fault *why, bool permanent)
{
	struct session *s = arg;

	if (permanent && !s->was_live)
		fail(s, why);
	else
		drop(s, why, SESSION_DISCONNECT);
}

static void on_timer(void *arg)
{
	struct session *s = arg;

	switch (s->state) {
	case STATE_BACKOFF: connect_now(s); break;
	case STATE_GREET:
		drop_text(s, "no answer to hello and set_heartbeat");
		break;
	case STATE_SUBSCRIBE:
		if (s->subscribe_id != 0)
			drop_text(s, "no answer to subscribe");
		else
			subscribe_next(s);
		break;
	case STATE_CONNECT:
	case STATE_LIVE:
	case STATE_FAILED: break;
	}
}

static void on_stall(void *arg)
{
	struct session *s = arg;
	int64_t due = ws_heard_ms(s->ws) + s->options->stall_timeout_ms;
	struct fault fault;

	if (clock_mono_ms() < due) {
		loop_timer_set(s->loop, &s->stall, due);
		return;
	}
	fault_set(&fault, EX_UNAVAILABLE,
	    "%s: connection lost: no heartbeat for %" PRId64 " s", s->peer,
	    s->options->stall_timeout_ms / 1000);
	drop(s, &fault, SESSION_STALL);
}

static void connect_now(struct session *s)
{
	static const struct ws_calls calls = {on_open, on_message, on_closed};
	struct fault fault;

	s->state = STATE_CONNECT;
	s->asked = 0;
	s->remarks = 0;
	s->hello_id = s->heartbeat_id = s->subscribe_id = 0;
	s->ws = ws_new(s->loop, &s->options->ws, &calls, s, &fault);
	if (s->ws == NULL)
		on_closed(s, &fault, true);
}

/* wss://user:password@host:port/path -> host:port */
static void name_peer(struct session *s)
{
	const char *host = strstr(s->options->ws.url, "://");
	const char *at;
	size_t len;

	host = host != NULL ? host + 3 : s->options->ws.url;
	len = strcspn(host, "/?#");
	at = memchr(host, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	snprintf(s->peer, sizeof(s->peer), "%.*s", (int)(len < 255 ? len : 255),
	    host);
}

struct session *session_new(struct loop *loop,
    const struct session_options *options, const struct session_calls *calls,
    void *arg, const char *const *channels, size_t n, const char *label)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->options = options;
	s->calls = calls;
	s->arg = arg;
	s->channels = channels;
	s->n = n;
	s->label = label;
	name_peer(s);
	s->timer.call = on_timer;
	s->timer.arg = s;
	s->stall.call = on_stall;
	s->stall.arg = s;
	s->backoff.base_ms = options->retry_delay_ms;
	s->backoff.max_ms = options->retry_max_ms;
	buf_init(&s->request, (size_t)SESSION_FRAME_MAX * 2);
	/* From the loop, so that no call comes before this returns. */
	s->state = STATE_BACKOFF;
	loop_timer_set(loop, &s->timer, clock_mono_ms());
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	close_socket(s);
	buf_free(&s->request);
	free(s);
}

bool session_is_live(const struct session *s)
{
	return s->state == STATE_LIVE;
}

uint64_t session_received(const struct session *s)
{
	return s->received + (s->ws != NULL ? ws_received(s->ws) : 0);
}

uint64_t session_losses(const struct session *s)
{
	return s->losses;
}
