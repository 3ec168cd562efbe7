/*
 * One WebSocket session with Deribit, kept up for ever: connect, greet, set the
 * heartbeat, subscribe, live; and after a loss wait and begin again
 * (the exchange's connection management page).  Each state has a deadline.  It
 * knows a list of channels; what their data mean, and what a loss costs, is its
 * owner's.
 */
#ifndef DERIBIT_SESSION_H
#define DERIBIT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/rpc.h"
#include "io/loop.h"
#include "net/ratelimit.h"
#include "net/ws.h"

/* What the exchange takes: channels in a call and on a socket, bytes a frame.
 */
#define SESSION_CHANNELS_MAX 500
#define SESSION_FRAME_MAX 32000

struct session;

struct session_options {
	struct ws_options ws;
	int64_t heartbeat_s;
	int64_t stall_timeout_ms; /* no byte for so long: lost */
	int64_t reply_timeout_ms;
	int64_t retry_delay_ms;
	int64_t retry_max_ms;
	struct ratelimit *pace; /* of subscribe calls, *borrowed*, shared */
	const char *version;    /* of the client, told to the exchange */
};

enum session_loss { SESSION_DISCONNECT, SESSION_STALL };

struct session_calls {
	/* A notification: take the data from m->json, then rpc_finish().  -1
	 * with *fault drops the connection. */
	int (*notification)(void *arg, struct rpc *m, struct fault *fault);
	/* The exchange confirmed this channel. */
	void (*acknowledged)(void *arg, struct json_span channel);
	/* All subscribe calls have been answered. */
	void (*live)(void *arg);
	/* The connection is lost (or was never made); another try follows.
	 * heard_ms: wall clock when the last byte was heard, 0 for none. */
	void (*lost)(void *arg, enum session_loss loss, int64_t heard_ms);
	/* Trying again cannot help; the session does nothing more. */
	void (*failed)(void *arg, const struct fault *why);
};

/* Options, channels (n names) and label ("" or "connection 2: ", for the log)
 * are *borrowed* for its life.  Begins to connect.  NULL: no memory. */
struct session *session_new(struct loop *loop,
    const struct session_options *options, const struct session_calls *calls,
    void *arg, const char *const *channels, size_t n, const char *label);

/* Ends it; no call comes after it. */
void session_free(struct session *s);

bool session_is_live(const struct session *s);

/* Bytes received over all its connections; how many of these were lost. */
uint64_t session_received(const struct session *s);
uint64_t session_losses(const struct session *s);

#endif
