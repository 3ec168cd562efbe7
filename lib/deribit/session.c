#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "deribit/session-own.h"

/* After so long without a loss the next one is waited out briefly again. */
#define HEALTHY_MS 60000
/* How often a connection may make us say what we do not understand. */
#define REMARKS_MAX 5

/* The exchange's errors page.  Those that end a session: */
#define ERROR_TOO_MANY_REQUESTS 10028
#define ERROR_MAINTENANCE 11051
#define ERROR_NO_ANONYMOUS 11056
/* Those that asking again cannot cure: */
#define ERROR_RAW_NEEDS_LOGIN 13778
#define ERROR_CREDENTIALS 13004
#define ERROR_UNAUTHORIZED 13009
#define ERROR_TOO_LARGE (-32600)
#define ERROR_NO_METHOD (-32601)
#define ERROR_PARAMETERS (-32602)

static void connect_now(struct session *s);

/* Until when all came.  A connection that carries the canary and brings no
 * notification is silent, whatever else may come. */
static int64_t heard_wall_ms(const struct session *s)
{
	int64_t heard = s->ws != NULL ? ws_heard_ms(s->ws) : 0;

	if (s->all.quiet_ms != 0 && s->note_ms != 0)
		heard = s->note_ms;
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
	s->hello_id = s->heartbeat_id = s->login_id = 0;
	loop_timer_cancel(s->loop, &s->timer);
	loop_timer_cancel(s->loop, &s->stall);
	loop_timer_cancel(s->loop, &s->refresh);
}

static void fail(struct session *s, const struct fault *why)
{
	close_socket(s);
	s->state = STATE_FAILED;
	pace_leave(s->pace, s);
	subscribe_lost(s);
	calls_lost(s);
	s->calls->failed(s->arg, why);
}

/* Who was refused the upgrade is told whether to come again soon. */
static void look_at_refusal(struct session *s)
{
	int status = s->ws != NULL ? ws_refused_status(s->ws) : 0;

	if (status == 429 || status == 503)
		pace_close(
		    s->pace, s, ws_retry_after_ms(s->ws), clock_mono_ms());
	else
		pace_leave(s->pace, s);
}

/* Another try after so long; channels and calls are told. */
static void begin_anew(
    struct session *s, enum session_loss loss, int64_t wait_ms)
{
	int64_t heard_ms = heard_wall_ms(s);

	close_socket(s);
	s->state = STATE_BACKOFF;
	loop_timer_set(s->loop, &s->timer, clock_mono_ms() + wait_ms);
	s->calls->lost(s->arg, loss, heard_ms);
	subscribe_lost(s);
	calls_lost(s);
}

void session_drop(
    struct session *s, const struct fault *why, enum session_loss loss)
{
	int64_t wait_ms;

	if (s->state == STATE_BACKOFF || s->state == STATE_FAILED)
		return;
	if (s->state == STATE_LIVE &&
	    clock_mono_ms() - s->live_since_ms >= HEALTHY_MS)
		backoff_reset(&s->backoff);
	look_at_refusal(s);
	wait_ms = pace_wait(
	    s->pace, backoff_next(&s->backoff), clock_mono_ms());
	s->losses++;
	log_warn("%s%s; retry in %" PRId64 ".%" PRId64 " s", s->label,
	    why->text, wait_ms / 1000, wait_ms % 1000 / 100);
	begin_anew(s, loss, wait_ms);
}

void session_drop_text(struct session *s, const char *what)
{
	struct fault fault;

	fault_set(&fault, EX_PROTOCOL, "%s: %s", s->peer, what);
	session_drop(s, &fault, SESSION_DISCONNECT);
}

void session_renew(struct session *s, const char *why)
{
	if (s->state != STATE_LIVE)
		return;
	log_info("%s%s: %s", s->label, s->peer, why);
	begin_anew(s, SESSION_DISCONNECT, 0);
}

static void remark(struct session *s, const char *what, struct json_span text)
{
	if (s->remarks++ < REMARKS_MAX)
		log_warn("%s%s: %s: %.*s", s->label, s->peer, what,
		    text.len < 200 ? (int)text.len : 200, text.p);
}

int session_send(struct session *s)
{
	struct fault fault;

	if (ws_send(s->ws, buf_head(&s->request), buf_used(&s->request),
		&fault) == 0)
		return 0;
	session_drop(s, &fault, SESSION_DISCONNECT);
	return -1;
}

int64_t session_ask(struct session *s, const char *method, const char *params)
{
	int64_t id = ++s->next_id;

	buf_clear(&s->request);
	if (rpc_request(&s->request, id, method, params) == -1) {
		session_drop_text(s, "no memory for a request");
		return -1;
	}
	return session_send(s) == -1 ? -1 : id;
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
	s->hello_id = session_ask(s, "public/hello", params);
	if (s->hello_id == -1)
		return;
	snprintf(params, sizeof(params), "{\"interval\":%" PRId64 "}",
	    s->options->heartbeat_s);
	s->heartbeat_id = session_ask(s, "public/set_heartbeat", params);
}

static void begin(struct session *s)
{
	loop_timer_cancel(s->loop, &s->timer);
	s->state = STATE_LIVE;
	s->live_since_ms = clock_mono_ms();
	pace_open(s->pace);
	subscribe_begin(s);
}

/* ------------------------------------------------------------------ login */

static void ask_login(struct session *s, bool refresh)
{
	struct fault fault;
	struct buf params;
	int r;

	s->renewal = refresh;
	buf_init(&params, 4096);
	r = refresh ? auth_refresh_params(&params, s->token.refresh)
	            : auth_signature_params(&params, s->options->login,
			  session_exchange_ms(s), &fault);
	if (r == -1 || buf_str(&params) == NULL)
		session_drop_text(s, "no memory for a login");
	else
		s->login_id = session_ask(s, "public/auth", buf_str(&params));
	buf_free(&params);
}

static void login(struct session *s)
{
	s->state = STATE_LOGIN;
	await_reply(s);
	ask_login(s, false);
}

/* Renews the login, or sees that the answer does not come. */
static void on_refresh(void *arg)
{
	struct session *s = arg;

	if (s->login_id != 0) {
		session_drop_text(s, "no answer to the renewal of the login");
		return;
	}
	loop_timer_set(s->loop, &s->refresh,
	    clock_mono_ms() + s->options->reply_timeout_ms);
	ask_login(s, true);
}

static void logged_in(struct session *s, const struct rpc *m)
{
	struct fault fault;

	s->login_id = 0;
	if (auth_result(m->result, &s->token, &fault) == -1) {
		fault_prefix(&fault, "%s", s->peer);
		session_drop(s, &fault, SESSION_DISCONNECT);
		return;
	}
	log_debug("%s%s: logged in for %" PRId64 " s", s->label, s->peer,
	    s->token.expires_s);
	loop_timer_set(s->loop, &s->refresh,
	    clock_mono_ms() + auth_refresh_after_ms(&s->token));
	if (s->state == STATE_LOGIN)
		begin(s);
}

/* ---------------------------------------------------------------- replies */

static bool is_incurable(int64_t code)
{
	return code == ERROR_RAW_NEEDS_LOGIN || code == ERROR_TOO_LARGE ||
	       code == ERROR_NO_METHOD || code == ERROR_PARAMETERS ||
	       code == ERROR_CREDENTIALS || code == ERROR_UNAUTHORIZED;
}

static bool is_about_login(int64_t code)
{
	return code == ERROR_RAW_NEEDS_LOGIN || code == ERROR_CREDENTIALS ||
	       code == ERROR_UNAUTHORIZED;
}

static const char *advice(const struct session *s, int64_t code)
{
	if (code == ERROR_CREDENTIALS)
		return ": the client's id or its secret is not the exchange's";
	if (code != ERROR_RAW_NEEDS_LOGIN)
		return "";
	return s->options->login == NULL
	           ? ": raw channels are for those who log in: use --auth, "
	             "or 100ms in place of raw"
	           : ": raw channels are not for this login";
}

void session_error(const struct session *s, const struct rpc *m,
    const char *what, struct fault *fault)
{
	fault_set(fault, is_about_login(m->code) ? EX_NOPERM : EX_UNAVAILABLE,
	    "%s: %s: error %" PRId64 " (%.*s%s%.*s)%s", s->peer, what, m->code,
	    (int)(m->message.len < 200 ? m->message.len : 200),
	    m->message.p != NULL ? m->message.p : "",
	    m->reason.len > 0 ? ": " : "",
	    (int)(m->reason.len < 200 ? m->reason.len : 200),
	    m->reason.p != NULL ? m->reason.p : "", advice(s, m->code));
}

/* What the exchange says of itself concerns every session. */
static bool is_closing(const struct rpc *m)
{
	return m->code == ERROR_TOO_MANY_REQUESTS ||
	       m->code == ERROR_MAINTENANCE || m->code == ERROR_NO_ANONYMOUS;
}

static void close_all(struct session *s, const struct rpc *m)
{
	int64_t now_ms = clock_mono_ms();

	if (m->code == ERROR_TOO_MANY_REQUESTS)
		pace_spent(s->pace, now_ms);
	pace_close(s->pace, s, m->wait_s > 0 ? m->wait_s * 1000 : 0, now_ms);
}

void session_refused(struct session *s, const struct rpc *m, const char *what)
{
	struct fault fault;

	session_error(s, m, what, &fault);
	if (is_closing(m))
		close_all(s, m);
	if (is_incurable(m->code) && !s->insists)
		fail(s, &fault);
	else
		session_drop(s, &fault, SESSION_DISCONNECT);
}

static bool answers(const struct rpc *m, int64_t id)
{
	return id > 0 && m->has_id && m->id == id;
}

static void greeted(struct session *s)
{
	if (s->state != STATE_GREET || s->hello_id != 0 || s->heartbeat_id != 0)
		return;
	if (s->options->login != NULL)
		login(s);
	else
		begin(s);
}

static void note_clock(struct session *s, const struct rpc *m)
{
	if (m->us_out > 0)
		s->clock_ahead_ms = (m->us_out - clock_wall_us()) / 1000;
}

static void on_result(struct session *s, const struct rpc *m)
{
	note_clock(s, m);
	if (answers(m, s->login_id)) {
		logged_in(s, m);
		return;
	}
	if (subscribe_reply(s, m) || calls_reply(s, m))
		return;
	if (answers(m, s->hello_id))
		s->hello_id = 0;
	else if (answers(m, s->heartbeat_id))
		s->heartbeat_id = 0;
	else
		return; /* to public/test, or to nobody */
	greeted(s);
}

/* A token that cannot be refreshed may be had anew. */
static void login_refused(struct session *s, const struct rpc *m)
{
	struct fault fault;
	bool renewal = s->renewal;

	s->login_id = 0;
	if (s->state == STATE_LOGIN || !renewal) {
		session_refused(s, m, "the login was refused");
		return;
	}
	session_error(s, m, "the login was not renewed", &fault);
	log_warn("%s%s", s->label, fault.text);
	ask_login(s, false);
}

static void on_error(struct session *s, const struct rpc *m)
{
	struct fault fault;

	if (answers(m, s->login_id)) {
		login_refused(s, m);
	} else if (answers(m, s->heartbeat_id)) {
		session_refused(s, m, "set_heartbeat was refused");
	} else if (is_closing(m) ||
		   (m->code == ERROR_UNAUTHORIZED && !m->has_id)) {
		session_refused(s, m, "the exchange ends the session");
	} else if (!subscribe_reply(s, m) && !calls_reply(s, m)) {
		session_error(s, m, "ignored", &fault);
		if (s->remarks++ < REMARKS_MAX)
			log_warn("%s%s", s->label, fault.text);
		if (answers(m, s->hello_id)) {
			s->hello_id = 0;
			greeted(s);
		}
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
	session_drop(s, fault, SESSION_DISCONNECT);
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
		subscribe_heard(s, &m);
		if (s->calls->notification(s->arg, &m, &fault) == -1)
			bad_message(s, &fault);
		break;
	case RPC_TEST_REQUEST: session_ask(s, "public/test", "{}"); break;
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

	if (permanent && !s->insists)
		fail(s, why);
	else
		session_drop(s, why, SESSION_DISCONNECT);
}

/* ----------------------------------------------------------------- timers */

static void try_to_connect(struct session *s)
{
	int64_t now_ms = clock_mono_ms();
	int64_t wait_ms = pace_connect(s->pace, s, now_ms);

	if (wait_ms > 0)
		loop_timer_set(s->loop, &s->timer, now_ms + wait_ms);
	else
		connect_now(s);
}

static void on_timer(void *arg)
{
	struct session *s = arg;

	switch (s->state) {
	case STATE_BACKOFF: try_to_connect(s); break;
	case STATE_GREET:
		session_drop_text(s, "no answer to hello and set_heartbeat");
		break;
	case STATE_LOGIN: session_drop_text(s, "no answer to the login"); break;
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
	session_drop(s, &fault, SESSION_STALL);
}

static void connect_now(struct session *s)
{
	static const struct ws_calls calls = {on_open, on_message, on_closed};
	struct fault fault;

	s->state = STATE_CONNECT;
	s->remarks = 0;
	s->all = s->tick = (struct watched){0, 0};
	s->note_ms = s->told_ms = 0;
	s->ws = ws_new(s->loop, &s->ws_options, &calls, s, &fault);
	if (s->ws == NULL)
		on_closed(s, &fault, true);
}

/* ------------------------------------------------------------------- life */

/* wss://user:password@host:port/path -> host:port */
static void name_peer(struct session *s)
{
	const char *host = strstr(s->ws_options.url, "://");
	const char *at;
	size_t len;

	host = host != NULL ? host + 3 : s->ws_options.url;
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
    const struct session_options *options, struct pace *pace, const char *url,
    const struct session_calls *calls, void *arg, const char *label)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->options = options;
	s->ws_options = options->ws;
	s->ws_options.url = url;
	s->pace = pace;
	s->calls = calls;
	s->arg = arg;
	s->label = label;
	name_peer(s);
	s->timer = (struct loop_timer){.call = on_timer, .arg = s};
	s->stall = (struct loop_timer){.call = on_stall, .arg = s};
	s->refresh = (struct loop_timer){.call = on_refresh, .arg = s};
	s->backoff.base_ms = options->retry_delay_ms;
	s->backoff.max_ms = options->retry_max_ms;
	buf_init(&s->request, (size_t)SESSION_FRAME_MAX * 2);
	subscribe_init(s);
	calls_init(s);
	/* From the loop, so that no call comes before this returns. */
	s->state = STATE_BACKOFF;
	loop_timer_set(loop, &s->timer, clock_mono_ms());
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	s->state = STATE_FAILED;
	subscribe_free(s);
	calls_lost(s);
	close_socket(s);
	pace_leave(s->pace, s);
	buf_free(&s->request);
	free(s);
}

void session_insist(struct session *s)
{
	s->insists = true;
}

bool session_is_live(const struct session *s)
{
	return s->state == STATE_LIVE;
}

int64_t session_exchange_ms(const struct session *s)
{
	return clock_wall_us() / 1000 + s->clock_ahead_ms;
}

uint64_t session_received(const struct session *s)
{
	return s->received + (s->ws != NULL ? ws_received(s->ws) : 0);
}

uint64_t session_losses(const struct session *s)
{
	return s->losses;
}
