#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "deribit/session-own.h"

/* Looks for data within one time-out of the canary. */
#define LOOKS 5
/* Doublings of the time-out for a canary that does not come back. */
#define TRIES_MAX 10
/* A look that is later than this says that we did not listen. */
#define LATE_MS 1000
/* Before what was refused for the moment is asked for again. */
#define TRANSIENT_MS 1000

static bool is_answered(enum session_channel_state state)
{
	return state == CHANNEL_LIVE || state == CHANNEL_REFUSED;
}

static void set_state(struct session *s, struct session_channel *c,
    enum session_channel_state state)
{
	s->n_answered -= is_answered(c->state);
	s->n_answered += is_answered(state);
	c->state = state;
}

static void change_at(struct session *s, int64_t at_ms)
{
	s->settled = false;
	loop_timer_set(s->loop, &s->change, at_ms);
}

static void change_soon(struct session *s)
{
	if (s->state == STATE_LIVE && s->subscribe_id == 0 &&
	    s->unsubscribe_id == 0)
		change_at(s, clock_mono_ms());
}

static void unlink_channel(struct session *s, struct session_channel *c)
{
	set_state(s, c, CHANNEL_APART);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->channel = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		s->channel_end = c->prev;
	c->next = c->prev = NULL;
	s->n--;
	if (s->canary == c)
		session_canary(s, NULL);
}

void session_add(struct session *s, struct session_channel *c)
{
	c->again = false;
	c->state = CHANNEL_APART;
	set_state(s, c, CHANNEL_WAITS);
	c->next = NULL;
	c->prev = s->channel_end;
	if (c->prev != NULL)
		c->prev->next = c;
	else
		s->channel = c;
	s->channel_end = c;
	s->n++;
	change_soon(s);
}

void session_remove(struct session *s, struct session_channel *c)
{
	c->again = false;
	switch (c->state) {
	case CHANNEL_ASKED:
	case CHANNEL_LIVE:
		set_state(s, c, CHANNEL_LEAVES);
		change_soon(s);
		break;
	case CHANNEL_WAITS:
	case CHANNEL_REFUSED:
		unlink_channel(s, c);
		s->calls->left(s->arg, c);
		change_soon(s);
		break;
	case CHANNEL_APART:
	case CHANNEL_LEAVES:
	case CHANNEL_LEAVING: break;
	}
}

void session_again(struct session *s, struct session_channel *c)
{
	if (c->state == CHANNEL_LIVE) {
		c->again = true;
		set_state(s, c, CHANNEL_LEAVES);
	} else if (c->state == CHANNEL_REFUSED) {
		set_state(s, c, CHANNEL_WAITS);
	} else {
		return;
	}
	change_soon(s);
}

bool session_keep(struct session *s, struct session_channel *c)
{
	if (c->state != CHANNEL_LEAVES || !c->again)
		return false;
	c->again = false;
	set_state(s, c, CHANNEL_LIVE);
	return true;
}

void session_canary(struct session *s, struct session_channel *c)
{
	if (c == s->canary)
		return;
	s->tick = (struct watched){s->canary_notes, clock_mono_ms()};
	s->canary = c;
	s->canary_len = c != NULL ? strlen(c->name) : 0;
}

size_t session_channels(const struct session *s)
{
	return s->n;
}

size_t session_answered(const struct session *s)
{
	return s->n_answered;
}

/* -------------------------------------------------------------- the calls */

static int add_name(struct buf *b, const char *name, bool first)
{
	if (!first && buf_addc(b, ',') == -1)
		return -1;
	return json_encode(b, name, strlen(name));
}

/* The text of a call with as many of the channels in this state as it may
 * hold; they are in the next state then. */
static int build(struct session *s, const char *method,
    enum session_channel_state state, enum session_channel_state next)
{
	struct session_channel *c;
	struct buf *b = &s->request;
	size_t n = 0;

	buf_clear(b);
	if (buf_addf(b,
		"{\"jsonrpc\":\"2.0\",\"id\":%" PRId64
		",\"method\":\"%s\",\"params\":{\"channels\":[",
		++s->next_id, method) == -1)
		return -1;
	for (c = s->channel; c != NULL && n < SESSION_CHANNELS_MAX;
	     c = c->next) {
		if (c->state != state)
			continue;
		/* Each byte may become an escape of six. */
		if (n > 0 &&
		    buf_used(b) + 6 * strlen(c->name) + 8 > SESSION_FRAME_MAX)
			break;
		if (add_name(b, c->name, n == 0) == -1)
			return -1;
		set_state(s, c, next);
		n++;
	}
	return buf_adds(b, "]}}");
}

static bool has(const struct session *s, enum session_channel_state state)
{
	const struct session_channel *c;

	for (c = s->channel; c != NULL; c = c->next)
		if (c->state == state)
			return true;
	return false;
}

/* Sends one call, when the pace allows it. */
static void change_now(struct session *s, bool leaves)
{
	int64_t now_ms = clock_mono_ms();
	int64_t wait_ms = pace_subscribe(s->pace, s, now_ms);
	int r;

	if (wait_ms > 0) {
		change_at(s, now_ms + wait_ms);
		return;
	}
	if (leaves)
		r = build(
		    s, "public/unsubscribe", CHANNEL_LEAVES, CHANNEL_LEAVING);
	else
		r = build(s, "public/subscribe", CHANNEL_WAITS, CHANNEL_ASKED);
	if (r == -1) {
		session_drop_text(s, "no memory for a subscribe call");
		return;
	}
	*(leaves ? &s->unsubscribe_id : &s->subscribe_id) = s->next_id;
	s->left_last = leaves;
	s->change_due_ms = now_ms + s->options->reply_timeout_ms;
	change_at(s, s->change_due_ms);
	session_send(s);
}

/* By turns, when there are both: many that leave are not to keep a new one
 * waiting, nor the other way round. */
static bool leaves_next(const struct session *s)
{
	return has(s, CHANNEL_LEAVES) &&
	       !(s->left_last && has(s, CHANNEL_WAITS));
}

static void on_change(void *arg)
{
	struct session *s = arg;

	if (s->state != STATE_LIVE)
		return;
	if (s->subscribe_id != 0 || s->unsubscribe_id != 0) {
		session_drop_text(s, s->subscribe_id != 0
					 ? "no answer to subscribe"
					 : "no answer to unsubscribe");
		return;
	}
	if (has(s, CHANNEL_LEAVES) || has(s, CHANNEL_WAITS)) {
		change_now(s, leaves_next(s));
		return;
	}
	pace_leave(s->pace, s);
	if (!s->settled) {
		s->settled = true;
		s->insists = true;
		s->calls->settled(s->arg);
	}
}

/* ------------------------------------------------------------ the replies */

static void take_name(struct session *s, struct json_span name, int64_t now_ms)
{
	struct session_channel *c = s->calls->find(s->arg, name);

	if (c == NULL || c->state != CHANNEL_ASKED)
		return;
	set_state(s, c, CHANNEL_LIVE);
	if (c == s->canary) {
		s->tick = (struct watched){s->canary_notes, now_ms};
		/* To ask for it again is no sign of life. */
		if (s->all.quiet_ms == 0)
			s->all = (struct watched){s->notes, now_ms};
	}
	s->calls->acknowledged(s->arg, c);
}

static void take_subscribed(struct session *s, struct json_span result)
{
	int64_t now_ms = clock_mono_ms();
	struct session_channel *c;
	struct json_value v;
	struct json j;

	json_init(&j, result.p, result.len);
	if (json_array_begin(&j) == -1) {
		session_drop_text(s, "the reply to subscribe is no list");
		return;
	}
	s->subscribe_id = 0;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		if (v.type == JSON_STRING)
			take_name(s, json_inside(v.text), now_ms);
	for (c = s->channel; c != NULL; c = c->next)
		if (c->state == CHANNEL_ASKED)
			set_state(s, c, CHANNEL_REFUSED);
	/* The connection may end before settled() is told. */
	s->insists |= s->n_answered == s->n;
	change_at(s, now_ms);
}

/* What has left is apart, or is asked for again. */
static void all_left(struct session *s, bool asked_only)
{
	struct session_channel *c, *next;

	for (c = s->channel; c != NULL; c = next) {
		next = c->next;
		if (c->state != CHANNEL_LEAVING &&
		    (asked_only || c->state != CHANNEL_LEAVES))
			continue;
		if (c->again) {
			c->again = false;
			set_state(s, c, CHANNEL_WAITS);
			continue;
		}
		unlink_channel(s, c);
		s->calls->left(s->arg, c);
	}
}

static void put_back(struct session *s, enum session_channel_state asked,
    enum session_channel_state waits)
{
	struct session_channel *c;

	for (c = s->channel; c != NULL; c = c->next)
		if (c->state == asked)
			set_state(s, c, waits);
}

/* The exchange's errors page: those that pass by themselves. */
static bool is_transient(int64_t code)
{
	return code == 10040 || code == 10041 || code == 10047 ||
	       code == 10048 || code == 13025 || code == 13028 || code == 13503;
}

static void refused(struct session *s, const struct rpc *m, bool subscribe)
{
	struct fault fault;

	if (!is_transient(m->code)) {
		session_refused(s, m,
		    subscribe ? "subscribe was refused"
			      : "unsubscribe was refused");
		return;
	}
	session_error(s, m, "subscribe is asked again", &fault);
	log_warn("%s%s", s->label, fault.text);
	if (subscribe)
		put_back(s, CHANNEL_ASKED, CHANNEL_WAITS);
	else
		put_back(s, CHANNEL_LEAVING, CHANNEL_LEAVES);
	s->subscribe_id = s->unsubscribe_id = 0;
	change_at(s, clock_mono_ms() + TRANSIENT_MS);
}

bool subscribe_reply(struct session *s, const struct rpc *m)
{
	bool subscribe = s->subscribe_id != 0 && m->id == s->subscribe_id;

	if (!subscribe &&
	    (s->unsubscribe_id == 0 || m->id != s->unsubscribe_id))
		return false;
	if (m->kind == RPC_ERROR) {
		refused(s, m, subscribe);
	} else if (subscribe) {
		take_subscribed(s, m->result);
	} else {
		s->unsubscribe_id = 0;
		all_left(s, true);
		change_at(s, clock_mono_ms());
	}
	return true;
}

/* ---------------------------------------------------------------- silence */

/* On a connection all comes in the order in which it was sent. */
void subscribe_told(struct session *s, const struct rpc *m)
{
	struct json j = m->json;
	struct json_value v;
	struct json_span key;
	int64_t at_ms;

	if (json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0)
		if (json_span_is(key, "timestamp") &&
		    num_int64(v.text.p, v.text.len, &at_ms) == NUM_OK)
			s->told_ms = at_ms;
}

int64_t session_told_ms(const struct session *s)
{
	if (s->canary != NULL && s->canary->state != CHANNEL_REFUSED)
		return s->told_ms;
	return s->note_ms != 0
	           ? session_exchange_ms(s) - (clock_mono_ms() - s->note_ms)
	           : 0;
}

static bool is_quiet(
    struct watched *w, uint64_t count, int64_t now_ms, int64_t timeout_ms)
{
	if (w->seen != count) {
		w->seen = count;
		w->quiet_ms = now_ms;
	}
	return now_ms - w->quiet_ms >= timeout_ms;
}

/* What was not heard while nobody listened (the process was stopped, say) is no
 * silence. */
static void forgive(struct session *s, int64_t now_ms, int64_t every_ms)
{
	int64_t late_ms = now_ms - s->looked_ms - every_ms;
	bool late = s->looked_ms != 0 && late_ms >= LATE_MS;

	s->looked_ms = now_ms;
	if (!late || s->all.quiet_ms == 0)
		return;
	s->all.quiet_ms += late_ms;
	s->tick.quiet_ms += late_ms;
}

/* The canary alone: others were heard just now. */
static void again_silent(struct session *s, int64_t now_ms, int64_t every_ms)
{
	struct session_channel *c = s->canary;
	int64_t silent_ms = now_ms - s->tick.quiet_ms + every_ms;

	log_info("%s%s: %s is silent; subscribing to it again", s->label,
	    s->peer, c->name);
	if (s->canary_tries < TRIES_MAX)
		s->canary_tries++;
	if (s->calls->silent != NULL)
		s->calls->silent(s->arg, c, clock_wall_us() / 1000 - silent_ms);
	session_again(s, c);
}

/* A socket that carries the canary hears something every second. */
static void on_look(void *arg)
{
	struct session *s = arg;
	int64_t now_ms = clock_mono_ms();
	int64_t timeout_ms = s->options->canary_timeout_ms;
	int64_t every_ms = timeout_ms / LOOKS + 1;
	struct fault fault;

	loop_timer_set(s->loop, &s->look, now_ms + every_ms);
	forgive(s, now_ms, every_ms);
	if (s->canary == NULL || s->all.quiet_ms == 0)
		return;
	if (s->tick.seen != s->canary_notes)
		s->canary_tries = 0;
	if (is_quiet(&s->all, s->notes, now_ms, timeout_ms)) {
		fault_set(&fault, EX_UNAVAILABLE,
		    "%s: connection lost: no index tick nor anything else for "
		    "%" PRId64 ".%" PRId64 " s",
		    s->peer, timeout_ms / 1000, timeout_ms % 1000 / 100);
		session_drop(s, &fault, SESSION_STALL);
	} else if (s->canary->state == CHANNEL_LIVE &&
		   now_ms - s->all.quiet_ms <= every_ms &&
		   is_quiet(&s->tick, s->canary_notes, now_ms,
		       timeout_ms << s->canary_tries)) {
		again_silent(s, now_ms, every_ms);
	}
}

/* ------------------------------------------------------------------- life */

void subscribe_init(struct session *s)
{
	s->change.call = on_change;
	s->change.arg = s;
	s->look.call = on_look;
	s->look.arg = s;
}

void subscribe_begin(struct session *s)
{
	s->notes = s->canary_notes = 0;
	s->canary_tries = 0;
	s->looked_ms = 0;
	change_at(s, clock_mono_ms());
	if (s->options->canary_timeout_ms > 0)
		loop_timer_set(s->loop, &s->look, clock_mono_ms());
}

void subscribe_lost(struct session *s)
{
	s->subscribe_id = s->unsubscribe_id = 0;
	s->settled = false;
	loop_timer_cancel(s->loop, &s->change);
	loop_timer_cancel(s->loop, &s->look);
	put_back(s, CHANNEL_ASKED, CHANNEL_WAITS);
	put_back(s, CHANNEL_LIVE, CHANNEL_WAITS);
	put_back(s, CHANNEL_REFUSED, CHANNEL_WAITS);
	all_left(s, false);
}

void subscribe_free(struct session *s)
{
	struct session_channel *c, *next;

	loop_timer_cancel(s->loop, &s->change);
	loop_timer_cancel(s->loop, &s->look);
	for (c = s->channel; c != NULL; c = next) {
		next = c->next;
		c->state = CHANNEL_APART;
		c->next = c->prev = NULL;
	}
	s->channel = s->channel_end = NULL;
	s->n = s->n_answered = 0;
}
