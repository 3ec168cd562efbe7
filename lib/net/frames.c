#include "net/frames.h"

#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/utf8.h"

#define CONTROL_MAX 125
/* A message above this gives its memory back. */
#define KEEP_MAX (64 * 1024)
/* RFC 6455 section 5.2: two bytes, eight of length, four of mask. */
#define HEADER_MAX 14

struct frames {
	wslay_frame_context_ptr wslay;
	struct frames_calls calls;
	void *arg;
	size_t message_max;
	uint64_t left;   /* payload bytes of the running frame to come */
	bool assembling; /* a text message has begun and not ended */
	struct buf text; /* of it */
	char control[CONTROL_MAX];
	size_t control_len;
	struct buf *out; /* during frames_write() */
};

static ssize_t on_recv(uint8_t *p, size_t size, int flags, void *arg)
{
	struct frames *f = arg;
	size_t n = f->calls.pull(f->arg, p, size);

	(void)flags;
	return n > 0 ? (ssize_t)n : -1;
}

static ssize_t on_send(const uint8_t *p, size_t len, int flags, void *arg)
{
	struct frames *f = arg;

	(void)flags;
	return buf_add(f->out, p, len) == -1 ? -1 : (ssize_t)len;
}

static int on_mask(uint8_t *p, size_t len, void *arg)
{
	(void)arg;
	return RAND_bytes(p, (int)len) == 1 ? 0 : -1;
}

struct frames *frames_new(
    size_t message_max, const struct frames_calls *calls, void *arg)
{
	static const struct wslay_frame_callbacks callbacks = {
	    .send_callback = on_send,
	    .recv_callback = on_recv,
	    .genmask_callback = on_mask};
	struct frames *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->calls = *calls;
	f->arg = arg;
	f->message_max = message_max;
	buf_init(&f->text, message_max + 1);
	if (wslay_frame_context_init(&f->wslay, &callbacks, f) != 0) {
		free(f);
		return NULL;
	}
	return f;
}

void frames_free(struct frames *f)
{
	if (f == NULL)
		return;
	wslay_frame_context_free(f->wslay);
	buf_free(&f->text);
	free(f);
}

static int bad(
    unsigned *code, unsigned why, struct fault *fault, const char *sentence)
{
	*code = why;
	return fault_set(fault, EX_PROTOCOL, "%s", sentence);
}

static int too_long(
    struct frames *f, unsigned *code, struct fault *fault, uint64_t len)
{
	*code = WSLAY_CODE_MESSAGE_TOO_BIG;
	return fault_set(fault, EX_PROTOCOL,
	    "a message of %llu bytes is more than the %zu allowed",
	    (unsigned long long)len, f->message_max);
}

/* The first bytes of a frame have come: may it stand here? */
static int begin_frame(struct frames *f, const struct wslay_frame_iocb *c,
    unsigned *code, struct fault *fault)
{
	size_t have = buf_used(&f->text);

	if (c->mask)
		return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
		    "the server masked a frame");
	if (c->rsv != 0)
		return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
		    "a frame with a reserved bit set");
	f->left = c->payload_length;
	f->control_len = 0;
	switch (c->opcode) {
	case WSLAY_CONNECTION_CLOSE:
	case WSLAY_PING:
	case WSLAY_PONG: return 0;
	case WSLAY_TEXT_FRAME:
		if (f->assembling)
			return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
			    "a new message inside a fragmented one");
		break;
	case WSLAY_CONTINUATION_FRAME:
		if (!f->assembling)
			return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
			    "a continuation of no message");
		break;
	case WSLAY_BINARY_FRAME:
		return bad(code, WSLAY_CODE_UNSUPPORTED_DATA, fault,
		    "a binary message where only text is expected");
	default:
		return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
		    "a frame with an unknown opcode");
	}
	if (c->payload_length > f->message_max - have)
		return too_long(f, code, fault, have + c->payload_length);
	return 0;
}

static int deliver(struct frames *f, const char *text, size_t len,
    unsigned *code, struct fault *fault)
{
	if (utf8_span(text, len) != len)
		return bad(code, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, fault,
		    "a text message is not valid UTF-8");
	return f->calls.message(f->arg, text, len) == 0 ? 0 : 1;
}

static void end_message(struct frames *f)
{
	f->assembling = false;
	if (f->text.size > KEEP_MAX)
		buf_free(&f->text);
	else
		buf_clear(&f->text);
}

static int take_text(struct frames *f, const struct wslay_frame_iocb *c,
    unsigned *code, struct fault *fault)
{
	int result;

	/* The usual case: the whole message stands in wslay's own buffer (with
	 * more of its struct behind it). */
	if (c->data_length == c->payload_length && c->fin && !f->assembling)
		return deliver(
		    f, (const char *)c->data, c->data_length, code, fault);
	f->assembling = true;
	if (buf_add(&f->text, c->data, c->data_length) == -1 ||
	    buf_reserve(&f->text, 1) == -1) {
		*code = WSLAY_CODE_INTERNAL_SERVER_ERROR;
		return fault_set(fault, EX_OSERR, "out of memory");
	}
	if (f->left > 0 || !c->fin)
		return 0;
	/* A byte is readable behind it, and a defined one. */
	f->text.data[f->text.len] = '\0';
	result = deliver(
	    f, buf_head(&f->text), buf_used(&f->text), code, fault);
	end_message(f);
	return result;
}

/* RFC 6455 section 7.4. */
static bool may_be_sent(unsigned code)
{
	return (code >= 1000 && code <= 1003) ||
	       (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static int take_close(struct frames *f, unsigned *code, struct fault *fault)
{
	const unsigned char *p = (const unsigned char *)f->control;
	unsigned theirs = WSLAY_CODE_NO_STATUS_RCVD;
	size_t skip = 0;

	if (f->control_len > 0) {
		theirs = f->control_len > 1 ? (unsigned)p[0] << 8 | p[1] : 0;
		skip = 2;
		if (!may_be_sent(theirs))
			return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
			    "a close frame with an impossible code");
	}
	if (utf8_span(f->control + skip, f->control_len - skip) !=
	    f->control_len - skip)
		return bad(code, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, fault,
		    "a close frame's reason is not valid UTF-8");
	f->calls.close(
	    f->arg, theirs, f->control + skip, f->control_len - skip);
	return 1;
}

static int take_control(struct frames *f, const struct wslay_frame_iocb *c,
    unsigned *code, struct fault *fault)
{
	memcpy(f->control + f->control_len, c->data, c->data_length);
	f->control_len += c->data_length;
	if (f->left > 0)
		return 0;
	if (c->opcode == WSLAY_CONNECTION_CLOSE)
		return take_close(f, code, fault);
	if (c->opcode == WSLAY_PONG)
		return 0;
	return f->calls.ping(f->arg, f->control, f->control_len) == 0 ? 0 : 1;
}

int frames_read(struct frames *f, unsigned *code, struct fault *fault)
{
	struct wslay_frame_iocb c;
	ssize_t n;
	int r;

	for (;;) {
		n = wslay_frame_recv(f->wslay, &c);
		if (n == WSLAY_ERR_WANT_READ)
			return 0;
		if (n < 0)
			return bad(code, WSLAY_CODE_PROTOCOL_ERROR, fault,
			    "a frame with an impossible header");
		if (f->left == 0 && begin_frame(f, &c, code, fault) == -1)
			return -1;
		f->left -= c.data_length;
		r = wslay_is_ctrl_frame(c.opcode)
		        ? take_control(f, &c, code, fault)
		        : take_text(f, &c, code, fault);
		if (r != 0)
			return r;
	}
}

int frames_write(struct frames *f, enum frames_opcode opcode, const void *p,
    size_t len, struct buf *out)
{
	struct wslay_frame_iocb c = {.fin = 1,
	    .opcode = (uint8_t)opcode,
	    .payload_length = len,
	    .mask = 1,
	    .data = p,
	    .data_length = len};
	ssize_t n;

	/* With the room assured no callback can fail half way. */
	if (buf_reserve(out, len + HEADER_MAX) == -1)
		return -1;
	f->out = out;
	do {
		n = wslay_frame_send(f->wslay, &c);
		if (n < 0)
			return -1;
		c.data += n;
		c.data_length -= (size_t)n;
	} while (c.data_length > 0);
	return 0;
}
