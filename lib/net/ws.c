#include "net/ws.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/frames.h"
#include "net/stream.h"
#include "net/upgrade.h"

/* Read in one turn; then the other sockets, the timers and the sink have
 * theirs. */
#define TURN_MAX 65536
#define QUEUE_MAX (1024 * 1024)
/* Room beyond QUEUE_MAX for a pong and a close frame. */
#define CONTROL_ROOM 1024
#define CLOSE_WAIT_MS 2000
#define CODE_NORMAL 1000
#define CODE_NONE 1005

enum ws_state {
	WS_CONNECT, /* libcurl is at it */
	WS_UPGRADE, /* the request is sent */
	WS_OPEN,
	WS_CLOSING, /* our close frame is queued, or was never needed */
	WS_ENDED    /* closed() was called */
};

struct ws {
	struct loop *loop;
	const struct ws_options *options;
	struct ws_calls calls;
	void *arg;
	enum ws_state state;
	struct stream *stream;
	struct frames *frames;   /* from the upgrade on */
	struct loop_timer timer; /* of the upgrade, of the closing */
	struct buf in;  /* the response; what came behind it are frames */
	struct buf out; /* whole frames */
	char key[UPGRADE_KEY_SIZE];
	char ping[125]; /* the latest unanswered one */
	size_t ping_len;
	bool ping_due;
	size_t budget; /* bytes that this turn may still read */
	bool more;     /* the budget ended before the bytes did */
	bool cut;      /* nothing more can be read; why says why */
	bool mute;     /* nothing more can be sent; why says why */
	struct fault why;
	unsigned depth; /* callbacks of the loop that are running */
	bool freed;     /* by its owner, while depth > 0 */
	int64_t heard_ms;
	uint64_t received;
	struct upgrade_refusal refusal;
};

static void destroy(struct ws *ws)
{
	loop_timer_cancel(ws->loop, &ws->timer);
	stream_free(ws->stream);
	frames_free(ws->frames);
	buf_free(&ws->in);
	buf_free(&ws->out);
	free(ws);
}

static void enter(struct ws *ws)
{
	ws->depth++;
}

/* The last thing that a callback of the loop does here. */
static void leave(struct ws *ws)
{
	if (--ws->depth > 0)
		return;
	if (ws->freed) {
		destroy(ws);
	} else if (ws->state == WS_ENDED) {
		stream_free(ws->stream);
		ws->stream = NULL;
	}
}

static bool is_over(const struct ws *ws)
{
	return ws->freed || ws->state == WS_ENDED;
}

static void set_timer(struct ws *ws, int64_t in_ms)
{
	loop_timer_set(ws->loop, &ws->timer, clock_mono_ms() + in_ms);
}

static void end(struct ws *ws, const struct fault *why, bool permanent)
{
	if (is_over(ws))
		return;
	ws->state = WS_ENDED;
	loop_timer_cancel(ws->loop, &ws->timer);
	ws->calls.closed(ws->arg, why, permanent);
}

/* fault holds what is wrong, without the peer. */
static void end_naming(struct ws *ws, struct fault *fault, bool permanent)
{
	fault_prefix(fault, "%.255s", stream_peer(ws->stream));
	end(ws, fault, permanent);
}

/* A failed send says that the peer is gone, but what it had sent before may
 * still be readable: go on reading, for a while. */
static void flush(struct ws *ws)
{
	ssize_t n;

	while (!ws->mute && buf_used(&ws->out) > 0) {
		n = stream_send(ws->stream, buf_head(&ws->out),
		    buf_used(&ws->out), &ws->why);
		if (n == STREAM_AGAIN) {
			stream_want_write(ws->stream, true);
			return;
		}
		if (n < 0) {
			ws->mute = true;
			stream_ready(ws->stream);
			set_timer(ws, CLOSE_WAIT_MS);
			break;
		}
		buf_consume(&ws->out, (size_t)n);
	}
	stream_want_write(ws->stream, false);
}

static int queue_close(struct ws *ws, unsigned code)
{
	unsigned char payload[2] = {
	    (unsigned char)(code >> 8), (unsigned char)code};

	return frames_write(ws->frames, FRAMES_CLOSE, payload,
	    code == CODE_NONE ? 0 : sizeof(payload), &ws->out);
}

/* One read of up to size bytes within the turn's budget. */
static size_t receive(struct ws *ws, void *p, size_t size)
{
	struct fault why;
	ssize_t n;

	if (ws->cut)
		return 0;
	if (ws->budget == 0) {
		ws->more = true;
		return 0;
	}
	n = stream_recv(ws->stream, p, size, &why);
	if (n > 0) {
		ws->received += (size_t)n;
		ws->heard_ms = clock_mono_ms();
		ws->budget -= (size_t)n < ws->budget ? (size_t)n : ws->budget;
		return (size_t)n;
	}
	if (n == STREAM_AGAIN)
		return 0;
	ws->cut = true;
	if (ws->mute)
		return 0;
	if (n == 0)
		fault_set(&ws->why, EX_UNAVAILABLE,
		    "%.255s: connection lost: the server hung up%s",
		    stream_peer(ws->stream),
		    ws->state == WS_UPGRADE ? " during the upgrade" : "");
	else
		ws->why = why;
	return 0;
}

static size_t on_pull(void *arg, void *p, size_t size)
{
	struct ws *ws = arg;
	size_t n = buf_used(&ws->in);

	if (n == 0)
		return receive(ws, p, size);
	if (n > size)
		n = size;
	memcpy(p, buf_head(&ws->in), n);
	buf_consume(&ws->in, n);
	if (buf_used(&ws->in) == 0)
		buf_free(&ws->in);
	return n;
}

static int on_message(void *arg, const char *text, size_t len)
{
	struct ws *ws = arg;

	ws->calls.message(ws->arg, text, len);
	return is_over(ws) ? -1 : 0;
}

/* Only the latest is answered, once a turn (RFC 6455 section 5.5.3 allows it):
 * a flood of pings costs its sender more than us. */
static int on_ping(void *arg, const char *payload, size_t len)
{
	struct ws *ws = arg;

	memcpy(ws->ping, payload, len);
	ws->ping_len = len;
	ws->ping_due = true;
	return 0;
}

static int on_close(void *arg, unsigned code, const char *reason, size_t len)
{
	struct ws *ws = arg;
	struct fault why;
	char text[126];

	if (ws->state == WS_CLOSING) {
		fault_set(&why, EX_OK, "closed");
		end_naming(ws, &why, false);
		return -1;
	}
	if (queue_close(ws, code) == 0)
		flush(ws);
	upgrade_printable(text, sizeof(text), reason, len);
	if (code == CODE_NONE)
		fault_set(
		    &why, EX_UNAVAILABLE, "the server closed the connection");
	else
		fault_set(&why, EX_UNAVAILABLE,
		    "the server closed the connection: %u%s%s", code,
		    text[0] != '\0' ? " " : "", text);
	end_naming(ws, &why, false);
	return -1;
}

static void answer_ping(struct ws *ws)
{
	if (!ws->ping_due || ws->state != WS_OPEN ||
	    buf_used(&ws->out) > QUEUE_MAX)
		return;
	if (frames_write(
		ws->frames, FRAMES_PONG, ws->ping, ws->ping_len, &ws->out) == 0)
		ws->ping_due = false;
}

static void read_frames(struct ws *ws)
{
	struct fault fault;
	unsigned code = 0;
	int r = frames_read(ws->frames, &code, &fault);

	if (r == 1 || is_over(ws))
		return;
	if (r == -1) {
		if (ws->state == WS_OPEN && queue_close(ws, code) == 0)
			flush(ws);
		fault_prefix(&fault, "protocol error");
		end_naming(ws, &fault, false);
		return;
	}
	answer_ping(ws);
}

static void upgraded(struct ws *ws, size_t header)
{
	static const struct frames_calls calls = {.pull = on_pull,
	    .message = on_message,
	    .ping = on_ping,
	    .close = on_close};
	struct fault fault;

	buf_consume(&ws->in, header);
	ws->frames = frames_new(ws->options->message_max, &calls, ws);
	if (ws->frames == NULL) {
		fault_set(&fault, EX_OSERR, "out of memory");
		end_naming(ws, &fault, false);
		return;
	}
	loop_timer_cancel(ws->loop, &ws->timer);
	ws->state = WS_OPEN;
	ws->calls.open(ws->arg);
}

static void read_response(struct ws *ws)
{
	struct fault fault;
	size_t got, room;
	long n = 0;

	do {
		room = UPGRADE_RESPONSE_MAX - buf_used(&ws->in);
		if (buf_reserve(&ws->in, room) == -1) {
			fault_set(&fault, EX_OSERR, "out of memory");
			end_naming(ws, &fault, false);
			return;
		}
		got = receive(ws, ws->in.data + ws->in.len, room);
		ws->in.len += got;
		if (got > 0)
			n = upgrade_response(buf_head(&ws->in),
			    buf_used(&ws->in), ws->key, &fault, &ws->refusal);
	} while (got > 0 && n == 0);
	if (n > 0)
		upgraded(ws, (size_t)n);
	else if (n < 0)
		end_naming(ws, &fault, ws->refusal.permanent);
}

/* After our own close frame the peer may well hang up without one. */
static void end_cut(struct ws *ws)
{
	struct fault why;

	if (ws->state != WS_CLOSING) {
		end(ws, &ws->why, false);
		return;
	}
	fault_set(&why, EX_OK, "closed");
	end_naming(ws, &why, false);
}

static void take_turn(struct ws *ws)
{
	ws->budget = TURN_MAX;
	ws->more = false;
	if (ws->state == WS_UPGRADE)
		read_response(ws);
	if (!is_over(ws) && ws->frames != NULL)
		read_frames(ws);
	if (!is_over(ws) && ws->cut)
		end_cut(ws);
	if (is_over(ws))
		return;
	flush(ws);
	if (ws->more)
		stream_ready(ws->stream);
}

static void send_request(struct ws *ws)
{
	struct fault fault;

	ws->heard_ms = clock_mono_ms();
	if (upgrade_key(ws->key) == -1 ||
	    upgrade_request(&ws->out, stream_peer(ws->stream),
		stream_target(ws->stream), ws->key,
		ws->options->user_agent) == -1) {
		fault_set(&fault, EX_OSERR, "the upgrade cannot be written");
		end_naming(ws, &fault, false);
		return;
	}
	ws->state = WS_UPGRADE;
	set_timer(ws, ws->options->upgrade_timeout_ms);
	flush(ws);
}

static void on_stream(void *arg, enum stream_event event)
{
	struct ws *ws = arg;
	const struct fault *why;
	bool permanent;

	enter(ws);
	if (event == STREAM_IO) {
		take_turn(ws);
	} else if (event == STREAM_FAILED) {
		why = stream_fault(ws->stream, &permanent);
		end(ws, why, permanent);
	} else if (ws->state == WS_CONNECT) {
		send_request(ws);
	}
	leave(ws);
}

static void on_timer(void *arg)
{
	struct ws *ws = arg;
	struct fault why;

	enter(ws);
	if (ws->mute) {
		end(ws, &ws->why, false);
	} else if (ws->state == WS_UPGRADE) {
		fault_set(&why, EX_UNAVAILABLE,
		    "the upgrade was not answered within %lld ms",
		    (long long)ws->options->upgrade_timeout_ms);
		end_naming(ws, &why, false);
	} else {
		fault_set(&why, EX_OK, "closed");
		end_naming(ws, &why, false);
	}
	leave(ws);
}

struct ws *ws_new(struct loop *loop, const struct ws_options *options,
    const struct ws_calls *calls, void *arg, struct fault *fault)
{
	struct stream_options so = {.url = options->url,
	    .cacert = options->cacert,
	    .proxy = options->proxy,
	    .connect_timeout_ms = options->connect_timeout_ms};
	struct ws *ws = calloc(1, sizeof(*ws));

	if (ws == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		return NULL;
	}
	ws->loop = loop;
	ws->options = options;
	ws->calls = *calls;
	ws->arg = arg;
	ws->heard_ms = clock_mono_ms();
	ws->timer = (struct loop_timer){.call = on_timer, .arg = ws};
	buf_init(&ws->in, UPGRADE_RESPONSE_MAX);
	buf_init(&ws->out, QUEUE_MAX + CONTROL_ROOM);
	ws->stream = stream_new(loop, &so, on_stream, ws, fault);
	if (ws->stream == NULL) {
		free(ws);
		return NULL;
	}
	return ws;
}

void ws_free(struct ws *ws)
{
	if (ws == NULL || ws->freed)
		return;
	/* A courtesy; nobody waits for the answer. */
	if (ws->state == WS_OPEN && !ws->cut &&
	    queue_close(ws, CODE_NORMAL) == 0)
		flush(ws);
	if (ws->depth > 0)
		ws->freed = true;
	else
		destroy(ws);
}

int ws_send(struct ws *ws, const char *text, size_t len, struct fault *fault)
{
	if (ws->state != WS_OPEN || ws->mute)
		return fault_set(
		    fault, EX_UNAVAILABLE, "the connection is not open");
	if (len > QUEUE_MAX || buf_used(&ws->out) > QUEUE_MAX - len ||
	    frames_write(ws->frames, FRAMES_TEXT, text, len, &ws->out) == -1)
		return fault_set(fault, EX_TEMPFAIL,
		    "%.255s: more than %d KiB wait to be sent",
		    stream_peer(ws->stream), QUEUE_MAX / 1024);
	stream_want_write(ws->stream, true);
	return 0;
}

void ws_close(struct ws *ws, unsigned code)
{
	if (is_over(ws) || ws->state == WS_CLOSING)
		return;
	if (ws->state == WS_OPEN && queue_close(ws, code) == 0) {
		stream_want_write(ws->stream, true);
		set_timer(ws, CLOSE_WAIT_MS);
	} else {
		set_timer(ws, 0);
	}
	ws->state = WS_CLOSING;
}

int64_t ws_heard_ms(const struct ws *ws)
{
	return ws->heard_ms;
}

uint64_t ws_received(const struct ws *ws)
{
	return ws->received;
}

int ws_refused_status(const struct ws *ws)
{
	return ws->refusal.status;
}

int64_t ws_retry_after_ms(const struct ws *ws)
{
	return ws->refusal.retry_after_ms;
}
