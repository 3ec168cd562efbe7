/*
 * What the files of a session share; nobody else includes it.
 *
 *	session.c	the connection and its states
 *	subscribe.c	channels: who waits, asks, lives, leaves
 *	calls.c		calls and their replies
 */
#ifndef DERIBIT_SESSION_OWN_H
#define DERIBIT_SESSION_OWN_H

#include <string.h>

#include "base/backoff.h"
#include "deribit/session.h"

enum session_state {
	STATE_CONNECT,
	STATE_GREET, /* hello and set_heartbeat are asked */
	STATE_LOGIN, /* public/auth is asked */
	STATE_LIVE,  /* subscribes, listens, calls */
	STATE_BACKOFF,
	STATE_FAILED
};

struct session {
	struct loop *loop;
	const struct session_options *options;
	struct ws_options ws_options; /* with this session's url */
	struct pace *pace;
	const struct session_calls *calls;
	void *arg;
	const char *label;
	char peer[256]; /* the host, for the log: an URL may hold a password */

	enum session_state state;
	struct ws *ws;
	int64_t next_id; /* never used twice, on any connection */
	int64_t hello_id, heartbeat_id, login_id; /* 0: not awaited */
	struct loop_timer timer;                  /* of the state */
	struct loop_timer stall;
	struct backoff backoff;
	int64_t live_since_ms;
	bool insists; /* was live, or is to try for ever */
	unsigned remarks;
	uint64_t received, losses;
	struct buf request;
	int64_t clock_ahead_ms; /* of the exchange's before ours */

	struct auth_token token;
	bool renewal; /* of the login that is asked */
	struct loop_timer refresh;

	/* subscribe.c */
	struct session_channel *channel, *channel_end; /* a list */
	size_t n, n_answered;
	int64_t subscribe_id, unsubscribe_id; /* 0: not awaited */
	int64_t change_due_ms;                /* of either */
	bool left_last;                       /* it was unsubscribe, the last */
	struct loop_timer change; /* the next call, or its deadline */
	bool settled;             /* was told since the last change */
	uint64_t notes;           /* notifications on this connection */
	int64_t note_ms;          /* monotonic: the last one; 0: none yet */
	struct session_channel *canary;
	size_t canary_len;
	uint64_t canary_notes;
	int64_t told_ms;       /* the exchange's time of its last tick; or 0 */
	unsigned canary_tries; /* subscribed anew since its last tick */
	int64_t looked_ms;     /* monotonic: the last look; 0: none yet */
	struct watched {
		uint64_t seen;    /* the count at the last look */
		int64_t quiet_ms; /* monotonic: a look that last saw a change */
	} all, tick;
	struct loop_timer look;

	/* calls.c */
	struct session_call *call, **call_end;
	struct loop_timer call_timer;
};

/* session.c */
void session_drop(
    struct session *s, const struct fault *why, enum session_loss loss);
void session_drop_text(struct session *s, const char *what);
/* Sends what is in s->request.  -1: the connection was dropped. */
int session_send(struct session *s);
/* Sends a request; its id, or -1 when the connection was dropped. */
int64_t session_ask(struct session *s, const char *method, const char *params);
/* "www.deribit.com: subscribe was refused: error 13778 (...)" */
void session_error(const struct session *s, const struct rpc *m,
    const char *what, struct fault *fault);
/* An error about which nothing can be done on this connection: drops it, or
 * fails for good. */
void session_refused(struct session *s, const struct rpc *m, const char *what);

/* subscribe.c: from here on channels are asked for; every one waits again after
 * a loss; a reply to one of ours (true). */
void subscribe_begin(struct session *s);
void subscribe_lost(struct session *s);
bool subscribe_reply(struct session *s, const struct rpc *m);
void subscribe_init(struct session *s);
void subscribe_free(struct session *s);
/* The canary's tick. */
void subscribe_told(struct session *s, const struct rpc *m);
/* A notification came. */
static inline void subscribe_heard(struct session *s, const struct rpc *m)
{
	s->notes++;
	s->note_ms = ws_heard_ms(s->ws);
	if (m->channel.len == s->canary_len && s->canary != NULL &&
	    memcmp(m->channel.p, s->canary->name, s->canary_len) == 0) {
		s->canary_notes++;
		subscribe_told(s, m);
	}
}

/* calls.c, likewise. */
void calls_init(struct session *s);
void calls_lost(struct session *s);
bool calls_reply(struct session *s, const struct rpc *m);

#endif
