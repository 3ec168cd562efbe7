/*
 * One WebSocket session with Deribit, kept up for ever: connect, greet, set the
 * heartbeat, log in, subscribe, live; and after a loss wait and begin again
 * (the exchange's connection management page).  Each state has a deadline.  It
 * carries channels, which come and go while it lives, and asks calls; what data
 * mean, and what a loss costs, is its owner's.
 *
 * Channels and calls live in their owners' structs.
 */
#ifndef DERIBIT_SESSION_H
#define DERIBIT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "deribit/auth.h"
#include "deribit/pace.h"
#include "deribit/rpc.h"
#include "io/loop.h"
#include "net/ws.h"

/* What the exchange takes: channels in a call and on a socket, bytes a frame.
 */
#define SESSION_CHANNELS_MAX 500
#define SESSION_FRAME_MAX 32000
#define SESSION_PARAMS_SIZE 384 /* of a call */

struct session;

struct session_options {
	struct ws_options ws; /* its url is the session's own argument */
	int64_t heartbeat_s;
	int64_t stall_timeout_ms;  /* no byte for so long: lost */
	int64_t canary_timeout_ms; /* the canary silent for so long: lost */
	int64_t reply_timeout_ms;
	int64_t retry_delay_ms;
	int64_t retry_max_ms;
	const struct credentials *login; /* or NULL; *borrowed* */
	const char *version;             /* of the client, told the exchange */
};

enum session_loss { SESSION_DISCONNECT, SESSION_STALL };

enum session_channel_state {
	CHANNEL_APART,   /* of no session */
	CHANNEL_WAITS,   /* to be asked for */
	CHANNEL_ASKED,   /* and not answered yet */
	CHANNEL_LIVE,    /* acknowledged: its data come */
	CHANNEL_REFUSED, /* left out of the acknowledgement */
	CHANNEL_LEAVES,  /* to be unsubscribed */
	CHANNEL_LEAVING  /* asked to, and not answered yet */
};

struct session_channel {
	const char *name; /* *borrowed* */
	enum session_channel_state state;
	bool again; /* to be asked for once more when it has left */
	struct session_channel *next, *prev; /* the session's */
};

/* The higher ones are sent before the lower ones. */
enum call_rank { CALL_PLAIN, CALL_URGENT, CALL_FIRST };

/* A call over the session's socket, at most once under way. */
struct session_call {
	const char *method; /* a literal */
	char params[SESSION_PARAMS_SIZE];
	/* m NULL: there is no answer, the session was lost or too slow. */
	void (*reply)(void *arg, const struct rpc *m);
	void *arg;
	enum call_rank rank;
	struct session_call *next; /* the session's, as what follows */
	int64_t id;                /* 0: not sent yet */
	int64_t due_ms;
	bool busy;
};

struct session_calls {
	/* A notification: take the data from m->json, then rpc_finish().  -1
	 * with *fault drops the connection. */
	int (*notification)(void *arg, struct rpc *m, struct fault *fault);
	/* The channel of that name on this session, or NULL. */
	struct session_channel *(*find)(void *arg, struct json_span name);
	/* The exchange confirmed this channel. */
	void (*acknowledged)(void *arg, struct session_channel *channel);
	/* No channel waits for an answer any more. */
	void (*settled)(void *arg);
	/* The channel was taken off as session_remove() wished. */
	void (*left)(void *arg, struct session_channel *channel);
	/* The canary is silent since then (wall clock), and other channels are
	 * not; it is subscribed anew.  Or NULL. */
	void (*silent)(
	    void *arg, struct session_channel *channel, int64_t since_ms);
	/* The connection is lost (or was never made); another try follows.
	 * heard_ms: wall clock when the last byte was heard, 0 for none. */
	void (*lost)(void *arg, enum session_loss loss, int64_t heard_ms);
	/* Trying again cannot help; the session does nothing more. */
	void (*failed)(void *arg, const struct fault *why);
};

/* Options, pace (shared by all), url and label ("" or "connection 2: ", for the
 * log) are *borrowed* for its life.  Begins to connect.  NULL: no memory. */
struct session *session_new(struct loop *loop,
    const struct session_options *options, struct pace *pace, const char *url,
    const struct session_calls *calls, void *arg, const char *label);

/* Ends it; channels are apart then, calls are answered with NULL; no other
 * callback comes. */
void session_free(struct session *s);

/* Carries one more channel; it is asked for when it can be. */
void session_add(struct session *s, struct session_channel *channel);

/* Unsubscribes it; left() comes now or later. */
void session_remove(struct session *s, struct session_channel *channel);

/* Unsubscribes and subscribes anew: the way to a fresh snapshot.  One that was
 * refused is asked for once more. */
void session_again(struct session *s, struct session_channel *channel);

/* Takes session_again() back; false: the exchange has been asked already. */
bool session_keep(struct session *s, struct session_channel *channel);

/* The channel whose data show that the session lives: one of its own, that
 * speaks every second; NULL: none. */
void session_canary(struct session *s, struct session_channel *channel);

/* Asks; reply() comes from the loop.  The call is *borrowed* until then.
 * False: the session is not live, nothing comes. */
bool session_call(struct session *s, struct session_call *call);

/* Whether it stands in line still, and the exchange was not asked yet. */
bool session_call_waits(const struct session_call *call);

/* Forgets a call: no reply() comes. */
void session_call_forget(struct session *s, struct session_call *call);

/* Ends the connection and makes another one at once: lost() comes, but it is no
 * loss to be counted. */
void session_renew(struct session *s, const char *why);

/* From now on it tries again, whatever is in the way: what cannot be cured at
 * the beginning passes later. */
void session_insist(struct session *s);

bool session_is_live(const struct session *s);

/* How many channels it carries, and how many of them are live or refused. */
size_t session_channels(const struct session *s);
size_t session_answered(const struct session *s);

/* The exchange's clock, ms, as its last reply told it; ours before that. */
int64_t session_exchange_ms(const struct session *s);

/* By the same clock: what this connection was sent until then has come, as the
 * last tick of the canary tells; 0: nobody knows.  Where there is no canary to
 * go by, when the last notification came. */
int64_t session_told_ms(const struct session *s);

/* Bytes received over all its connections; how many of these were lost. */
uint64_t session_received(const struct session *s);
uint64_t session_losses(const struct session *s);

#endif
