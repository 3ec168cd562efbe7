#include "base/clock.h"
#include "deribit/session-own.h"

void calls_init(struct session *s)
{
	s->call = NULL;
	s->call_end = &s->call;
}

static void take_off(struct session *s, struct session_call **at)
{
	struct session_call *c = *at;

	*at = c->next;
	if (s->call_end == &c->next)
		s->call_end = at;
	c->next = NULL;
	c->busy = false;
}

static void arm(struct session *s, int64_t at_ms)
{
	if (!s->call_timer.armed || s->call_timer.at_ms > at_ms)
		loop_timer_set(s->loop, &s->call_timer, at_ms);
}

/* The earliest deadline of those that are sent. */
static void arm_deadline(struct session *s)
{
	struct session_call *c;

	for (c = s->call; c != NULL; c = c->next)
		if (c->id != 0)
			arm(s, c->due_ms);
}

/* Sends those that wait, as far as the pace allows. */
static void send_some(struct session *s)
{
	struct session_call *c;
	int64_t now_ms = clock_mono_ms(), wait_ms, id;

	for (c = s->call; c != NULL; c = c->next) {
		if (c->id != 0)
			continue;
		wait_ms = pace_call(s->pace, now_ms);
		if (wait_ms > 0) {
			arm(s, now_ms + wait_ms);
			break;
		}
		c->due_ms = now_ms + s->options->reply_timeout_ms;
		id = session_ask(s, c->method, c->params);
		if (id == -1)
			return; /* dropped: every call has been answered */
		c->id = id;
	}
	arm_deadline(s);
}

static void expire(struct session *s, int64_t now_ms)
{
	struct session_call **at = &s->call;

	while (*at != NULL) {
		struct session_call *c = *at;

		if (c->id == 0 || now_ms < c->due_ms) {
			at = &c->next;
			continue;
		}
		take_off(s, at);
		c->reply(c->arg, NULL);
		/* The reply may have asked or forgotten others. */
		at = &s->call;
	}
}

static void on_calls(void *arg)
{
	struct session *s = arg;

	if (s->state != STATE_LIVE)
		return;
	expire(s, clock_mono_ms());
	if (s->state == STATE_LIVE)
		send_some(s);
}

/* Behind those that are sent, and those that are as urgent. */
static struct session_call **place_of(struct session *s, enum call_rank rank)
{
	struct session_call **at = &s->call;

	if (rank == CALL_PLAIN)
		return s->call_end;
	while (*at != NULL && ((*at)->id != 0 || (*at)->rank >= rank))
		at = &(*at)->next;
	return at;
}

bool session_call(struct session *s, struct session_call *call)
{
	struct session_call **at;

	if (s->state != STATE_LIVE)
		return false;
	at = place_of(s, call->rank);
	call->id = 0;
	call->next = *at;
	call->busy = true;
	*at = call;
	if (call->next == NULL)
		s->call_end = &call->next;
	s->call_timer.call = on_calls;
	s->call_timer.arg = s;
	arm(s, clock_mono_ms());
	return true;
}

bool session_call_waits(const struct session_call *call)
{
	return call->busy && call->id == 0;
}

void session_call_forget(struct session *s, struct session_call *call)
{
	struct session_call **at;

	for (at = &s->call; *at != NULL; at = &(*at)->next)
		if (*at == call) {
			take_off(s, at);
			return;
		}
}

bool calls_reply(struct session *s, const struct rpc *m)
{
	struct session_call **at;

	for (at = &s->call; *at != NULL; at = &(*at)->next) {
		struct session_call *c = *at;

		if (c->id == 0 || c->id != m->id)
			continue;
		take_off(s, at);
		c->reply(c->arg, m);
		return true;
	}
	return false;
}

void calls_lost(struct session *s)
{
	loop_timer_cancel(s->loop, &s->call_timer);
	while (s->call != NULL) {
		struct session_call *c = s->call;

		take_off(s, &s->call);
		c->reply(c->arg, NULL);
	}
}
