/*
 * WebSocket frames to messages and back (RFC 6455 section 5), client side, on
 * wslay's frame API.  wslay cuts and masks frames; fragments, control frames,
 * the UTF-8 check and the size cap are ours.  Bytes come from pull() and go to
 * a buffer: no connection is known here.
 */
#ifndef NET_FRAMES_H
#define NET_FRAMES_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/fault.h"

struct frames;

enum frames_opcode {
	FRAMES_TEXT = 0x1,
	FRAMES_CLOSE = 0x8,
	FRAMES_PING = 0x9,
	FRAMES_PONG = 0xa
};

/* Those that return int: 0 to go on, -1 to let frames_read() return.  None may
 * free the frames. */
struct frames_calls {
	/* Up to size more bytes: their number, or 0 for none now. */
	size_t (*pull)(void *arg, void *p, size_t size);
	/* A whole text message, valid UTF-8, *borrowed*; a byte behind it is
	 * readable. */
	int (*message)(void *arg, const char *text, size_t len);
	/* len is at most 125. */
	int (*ping)(void *arg, const char *payload, size_t len);
	/* code 1005: the frame had none.  The reason is valid UTF-8. */
	int (*close)(void *arg, unsigned code, const char *reason, size_t len);
};

/* message_max: bytes; judged by what a frame declares.  NULL without memory. */
struct frames *frames_new(
    size_t message_max, const struct frames_calls *calls, void *arg);
void frames_free(struct frames *f);

/* Hands out what pull() gives: 0 when it gives no more, 1 when a callback said
 * so, -1 with *fault and the code to close with (RFC 6455 section 7.4). */
int frames_read(struct frames *f, unsigned *code, struct fault *fault);

/* Appends one whole frame, masked, to out: -1 beyond its cap, and then nothing
 * was appended. */
int frames_write(struct frames *f, enum frames_opcode opcode, const void *p,
    size_t len, struct buf *out);

#endif
