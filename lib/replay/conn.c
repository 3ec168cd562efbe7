#include "replay/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

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

	while (slot < MARKET_SLOTS && s->conn[slot] != NULL)
		slot++;
	if (slot == MARKET_SLOTS || (c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->server = s;
	c->wsi = wsi;
	c->number = ++s->stats.connections;
	buf_init(&c->in, RULES_FRAME_MAX + 1);
	buf_init(&c->queue, REPLY_MAX);
	session_init(&c->session, slot, clock_mono_ms());
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

void conn_notify(struct conn *c, const char *text, size_t len)
{
	const struct server_options *o = c->server->options;

	if (c->state != CONN_LIVE || c->stalled)
		return;
	c->notifications++;
	if (o->drop_every > 0 &&
	    c->notifications % (uint64_t)o->drop_every == 0) {
		c->server->stats.dropped++;
		truth_event(c->server->truth, c->number, "drop", text, len);
		return;
	}
	if (buf_used(&c->queue) + len > (size_t)o->queue_max ||
	    queue_add(c, text, len) == -1)
		too_slow(c);
}

void conn_cut(struct conn *c)
{
	if (c->state != CONN_LIVE)
		return;
	c->state = CONN_ENDING;
	c->kill_at_ms = clock_mono_ms() + LINGER_MS;
	market_leave(c->server->market, c->session.slot);
	lws_callback_on_writable(c->wsi);
}

void conn_close(struct conn *c, unsigned code, const char *reason)
{
	if (c->state != CONN_LIVE)
		return;
	c->state = CONN_CLOSING;
	c->close_code = code;
	c->close_reason = reason;
	c->kill_at_ms = clock_mono_ms() + LINGER_MS;
	market_leave(c->server->market, c->session.slot);
	lws_callback_on_writable(c->wsi);
}

static void take(struct conn *c)
{
	struct server *s = c->server;
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
	conn_say(c, buf_head(&reply), buf_used(&reply));
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

/* lws calls only when its own buffer is empty. */
int conn_writeable(struct conn *c)
{
	int n = 0;

	if (c->handed > 0)
		settle(c);
	if (c->state == CONN_ENDING)
		half_close(c);
	if (c->state == CONN_LINGERS)
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
		default: return;
		}
	}
}

void conn_tick(struct conn *c, int64_t now_us)
{
	if (c->state != CONN_LIVE) {
		if (now_us / 1000 >= c->kill_at_ms)
			lws_set_timeout(
			    c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
		return;
	}
	if (c->stall_at_us > 0 && now_us >= c->stall_at_us && !c->stalled) {
		c->stalled = true;
		c->server->stats.stalls++;
		truth_event(c->server->truth, c->number, "stall", NULL, 0);
	}
	if (c->stalled)
		return;
	tick_session(c, now_us / 1000);
	if (c->frames_from_us > 0 && buf_used(&c->queue) < FRAMES_AHEAD)
		lws_callback_on_writable(c->wsi);
}
