#include "replay/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifdef HAVE_LINUX_SOCKIOS_H
#include <linux/sockios.h>
#include <sys/ioctl.h>
#endif

#include "base/clock.h"
#include "base/log.h"
#include "replay/auth.h"
#include "replay/inflict.h"
#include "replay/wall.h"

#define REPLY_MAX ((size_t)64 << 20)
#define LINGER_MS 10000
#define FRAMES_AHEAD (256 * 1024) /* bytes queued of frames */
#define TURN_MAX 512              /* messages a callback */

/* A record of the queue: the length, room that lws_write() wants, the text. */
#define RECORD_HEAD (sizeof(size_t) + LWS_PRE)

struct conn *conn_new(struct server *s, struct lws *wsi)
{
	struct conn *c;
	unsigned slot = 0;

	while (slot < RPC_GHOST && s->conn[slot] != NULL)
		slot++;
	if (slot == RPC_GHOST || (c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->server = s;
	c->wsi = wsi;
	c->number = ++s->stats.connections;
	buf_init(&c->in, RULES_FRAME_MAX + 1);
	buf_init(&c->queue, REPLY_MAX);
	session_init(&c->session, slot, clock_mono_ms());
	c->session.number = c->number;
	c->session.harm = &c->harm;
	harm_init(&c->harm);
	if (s->options->stall_after_us > 0)
		c->stall_at_us = clock_mono_us() + s->options->stall_after_us;
	s->conn[slot] = c;
	s->live++;
	truth_event(s->truth, c->number, "open", NULL, 0);
	return c;
}

void conn_free(struct conn *c)
{
	struct server *s = c->server;

	truth_event(s->truth, c->number, "close", NULL, 0);
	market_leave(s->market, c->session.slot);
	s->conn[c->session.slot] = NULL;
	s->live--;
	buf_free(&c->in);
	buf_free(&c->queue);
	harm_free(&c->harm);
	session_free(&c->session);
	free(c);
}

static int queue_add(struct conn *c, const char *text, size_t len)
{
	char pre[LWS_PRE] = {0};

	if (buf_reserve(&c->queue, RECORD_HEAD + len) == -1)
		return -1;
	buf_add(&c->queue, &len, sizeof(len));
	buf_add(&c->queue, pre, sizeof(pre));
	buf_add(&c->queue, text, len);
	lws_callback_on_writable(c->wsi);
	return 0;
}

static void too_slow(struct conn *c)
{
	c->server->stats.too_slow++;
	log_info("connection %llu: connection_too_slow",
	    (unsigned long long)c->number);
	conn_cut(c);
}

void conn_say(struct conn *c, const char *text, size_t len)
{
	if (c->state != CONN_LIVE || c->stalled)
		return;
	if (queue_add(c, text, len) == -1)
		too_slow(c);
}

bool conn_notify(struct conn *c, const char *text, size_t len)
{
	const struct server_options *o = c->server->options;

	if (c->state != CONN_LIVE || c->stalled)
		return false;
	c->notifications++;
	if (o->drop_every > 0 &&
	    c->notifications % (uint64_t)o->drop_every == 0) {
		c->server->stats.dropped++;
		truth_event(c->server->truth, c->number, "drop", text, len);
		return true;
	}
	if (o->faults->count > 0)
		return inflict_notify(c, text, len);
	conn_queue(c, text, len);
	return true;
}

void conn_queue(struct conn *c, const char *text, size_t len)
{
	size_t max = (size_t)c->server->options->queue_max;

	if (c->state != CONN_LIVE)
		return;
	if (buf_used(&c->queue) + len > max || queue_add(c, text, len) == -1)
		too_slow(c);
}

/* Nothing new is queued from now on. */
static void leave(struct conn *c, enum conn_state state)
{
	c->state = state;
	c->kill_at_ms = clock_mono_ms() + LINGER_MS;
	market_leave(c->server->market, c->session.slot);
	lws_callback_on_writable(c->wsi);
}

void conn_reset(struct conn *c)
{
	if (c->state == CONN_LIVE)
		leave(c, CONN_TEARING);
}

void conn_stall(struct conn *c)
{
	c->stalled = true;
	c->server->stats.stalls++;
	truth_event(c->server->truth, c->number, "stall", NULL, 0);
}

void conn_cut(struct conn *c)
{
	if (c->state == CONN_LIVE)
		leave(c, CONN_ENDING);
}

void conn_close(struct conn *c, unsigned code, const char *reason)
{
	if (c->state != CONN_LIVE)
		return;
	inflict_release(c, 0);
	c->close_code = code;
	c->close_reason = reason;
	leave(c, CONN_CLOSING);
}

static void greet(void *arg, uint64_t slots, const char *text, size_t len)
{
	(void)slots;
	conn_notify(arg, text, len);
}

static void greet_note(void *arg, const char *text, size_t len)
{
	const struct conn *c = arg;

	if (c->server->truth->file != NULL)
		truth_note(c->server->truth, text, len);
}

static void take(struct conn *c)
{
	struct server *s = c->server;
	struct market_sink greeter = {greet, c, greet_note};
	struct buf reply;
	enum rpc_outcome outcome = RPC_ERROR;

	s->stats.requests++;
	buf_init(&reply, REPLY_MAX);
	if (c->too_large)
		rpc_refuse(&reply, -32600, "request entity too large", NULL);
	else
		outcome = rpc_answer(&s->rpc, &c->session, buf_head(&c->in),
		    buf_used(&c->in), &reply);
	s->stats.errors += outcome != RPC_RESULT;
	s->stats.limited += outcome == RPC_TERMINATE;
	if (outcome != RPC_LOST)
		conn_say(c, buf_head(&reply), buf_used(&reply));
	market_greet(s->market, c->session.slot, wall_us(), &greeter);
	buf_free(&reply);
	if (outcome == RPC_TERMINATE)
		conn_close(c, 1000, "too_many_requests");
	if (c->session.subscribed && s->frames != NULL &&
	    c->frames_from_us == 0)
		c->frames_from_us = clock_mono_us();
	s->began |= c->session.subscribed;
}

int conn_receive(struct conn *c, const char *p, size_t len)
{
	c->session.heard_ms = clock_mono_ms();
	if (c->state != CONN_LIVE)
		return 0;
	if (buf_used(&c->in) + len > RULES_FRAME_MAX)
		c->too_large = true;
	else
		buf_add(&c->in, p, len);
	if (!lws_is_final_fragment(c->wsi) ||
	    lws_remaining_packet_payload(c->wsi) > 0)
		return 0;
	/* The scanner wants a pointer also for an empty message. */
	if (buf_str(&c->in) != NULL)
		take(c);
	buf_clear(&c->in);
	c->too_large = false;
	return 0;
}

/* lws has drained: the front record is the kernel's. */
static void settle(struct conn *c)
{
	struct server *s = c->server;
	char *text = buf_head(&c->queue) + RECORD_HEAD;

	truth_message(s->truth, c->number, c->handed_us, text, c->handed);
	s->stats.sent++;
	s->stats.bytes += c->handed;
	c->session.told++;
	buf_consume(&c->queue, RECORD_HEAD + c->handed);
	c->handed = 0;
	if (buf_used(&c->queue) == 0)
		buf_clear(&c->queue);
}

/* Hands the front record to lws; -1: the connection is gone. */
static int hand(struct conn *c)
{
	char *text = buf_head(&c->queue) + RECORD_HEAD;

	memcpy(&c->handed, buf_head(&c->queue), sizeof(c->handed));
	c->handed_us = clock_wall_us();
	if (lws_write(c->wsi, (unsigned char *)text, c->handed,
		LWS_WRITE_TEXT) < (int)c->handed)
		return -1;
	if (!lws_partial_buffered(c->wsi))
		settle(c);
	return 0;
}

static void frames_refill(struct conn *c, int64_t now_us)
{
	const struct frames *f = c->server->frames;
	double speed = c->server->options->speed;

	if (f == NULL || c->frames_from_us == 0 || c->stalled ||
	    c->state != CONN_LIVE)
		return;
	while (c->frame < f->count && buf_used(&c->queue) < FRAMES_AHEAD) {
		const struct frames_line *l = &f->line[c->frame];

		if (speed > 0 &&
		    (double)l->at_ms * 1000 >
			(double)(now_us - c->frames_from_us) * speed)
			break;
		c->frame++;
		conn_notify(c, l->text, l->len);
	}
	if (c->frame == f->count && buf_used(&c->queue) == 0 &&
	    c->server->options->exit)
		conn_close(c, 1000, "all was sent");
}

static void half_close(struct conn *c)
{
	shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
	c->state = CONN_LINGERS;
	c->server->stats.cuts++;
	truth_event(c->server->truth, c->number, "cut", NULL, 0);
}

/* Hands over half of the next message, which no client can take for one. */
static int tear(struct conn *c)
{
	char *text;
	size_t len;

	c->state = CONN_TORN;
	if (buf_used(&c->queue) == 0)
		return 0;
	memcpy(&len, buf_head(&c->queue), sizeof(len));
	len /= 2;
	text = buf_head(&c->queue) + RECORD_HEAD;
	return lws_write(c->wsi, (unsigned char *)text, len,
		   LWS_WRITE_TEXT | LWS_WRITE_NO_FIN) < (int)len
	           ? -1
	           : 0;
}

/* Bytes that the client's kernel has not got yet; -1: nobody can tell. */
static int unsent(int fd)
{
	int n = -1;
#if defined(SIOCOUTQ)
	if (ioctl(fd, SIOCOUTQ, &n) == -1)
		n = -1;
#elif defined(SO_NWRITE)
	socklen_t size = sizeof(n);

	if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &n, &size) == -1)
		n = -1;
#else
	(void)fd;
#endif
	return n;
}

/* A reset throws away what is under way: it waits until nothing is. */
static void torn_tick(struct conn *c)
{
	int fd = lws_get_socket_fd(c->wsi);
	struct linger none = {.l_onoff = 1, .l_linger = 0};
	int n = unsent(fd);

	if (lws_partial_buffered(c->wsi) || n > 0)
		return;
	if (n == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == -1) {
		half_close(c);
		return;
	}
	c->server->stats.cuts++;
	truth_event(c->server->truth, c->number, "reset", NULL, 0);
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	c->state = CONN_LINGERS;
}

/* lws calls only when its own buffer is empty. */
int conn_writeable(struct conn *c)
{
	int n = 0;

	if (c->handed > 0)
		settle(c);
	if (c->state == CONN_ENDING)
		half_close(c);
	if (c->state == CONN_TEARING)
		return tear(c);
	if (c->state == CONN_LINGERS || c->state == CONN_TORN)
		return 0;
	frames_refill(c, clock_mono_us());
	while (!c->stalled && buf_used(&c->queue) > 0) {
		if (n++ == TURN_MAX || lws_send_pipe_choked(c->wsi))
			break;
		if (hand(c) == -1)
			return -1;
	}
	if (buf_used(&c->queue) > 0 && !c->stalled) {
		lws_callback_on_writable(c->wsi);
		return 0;
	}
	frames_refill(c, clock_mono_us());
	if (c->state != CONN_CLOSING)
		return 0;
	lws_close_reason(c->wsi, (enum lws_close_status)c->close_code,
	    (unsigned char *)(uintptr_t)c->close_reason,
	    strlen(c->close_reason));
	return -1;
}

static void say_heartbeat(struct conn *c, const char *type)
{
	char text[128];
	int n = snprintf(text, sizeof(text),
	    "{\"params\":{\"type\":\"%s\"},\"method\":\"heartbeat\","
	    "\"jsonrpc\":\"2.0\"}",
	    type);

	conn_say(c, text, (size_t)n);
}

/* The raw channels are over; the session is not. */
static void token_ended(struct conn *c)
{
	struct buf text;

	auth_leave_raw(&c->session, c->server->market);
	buf_init(&text, 1024);
	rpc_refuse(
	    &text, 13009, "unauthorized", "{\"reason\":\"invalid_token\"}");
	conn_say(c, buf_head(&text), buf_used(&text));
	buf_free(&text);
}

static void tick_session(struct conn *c, int64_t now_ms)
{
	struct server *s = c->server;

	for (;;) {
		switch (session_due(&c->session, &s->options->rules, now_ms)) {
		case RULES_HEARTBEAT: say_heartbeat(c, "heartbeat"); break;
		case RULES_TEST_REQUEST:
			say_heartbeat(c, "test_request");
			break;
		case RULES_UNANSWERED:
			s->stats.unanswered++;
			conn_close(c, 4000, "heartbeat close");
			return;
		case RULES_IDLE: conn_cut(c); return;
		case RULES_TOKEN_ENDED: token_ended(c); break;
		default: return;
		}
	}
}

void conn_tick(struct conn *c, int64_t now_us)
{
	if (c->state == CONN_TORN)
		torn_tick(c);
	if (c->state != CONN_LIVE) {
		if (now_us / 1000 >= c->kill_at_ms)
			lws_set_timeout(
			    c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
		return;
	}
	if (c->stall_at_us > 0 && now_us >= c->stall_at_us && !c->stalled) {
		conn_stall(c);
	}
	if (c->stalled)
		return;
	inflict_release(c, now_us);
	tick_session(c, now_us / 1000);
	if (c->frames_from_us > 0 && buf_used(&c->queue) < FRAMES_AHEAD)
		lws_callback_on_writable(c->wsi);
}
