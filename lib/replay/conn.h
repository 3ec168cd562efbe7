/*
 * A WebSocket connection of the replay server, and the server's own state:
 * internal to the transport (server.c, conn.c, web.c).  A connection's messages
 * wait in its queue; the front one stays there until the kernel has all of it,
 * and only then is it told to the truth file.
 */
#ifndef REPLAY_CONN_H
#define REPLAY_CONN_H

#include <libwebsockets.h>

#include "base/buf.h"
#include "replay/harm.h"
#include "replay/rpc.h"
#include "replay/server.h"

/* Of so many upgrades the times are kept. */
#define CONN_KNOCKS 256

enum conn_state {
	CONN_LIVE,
	CONN_ENDING,  /* nothing new is sent; half-close when lws is drained */
	CONN_LINGERS, /* half-closed; waits for the client to go */
	CONN_TEARING, /* as ENDING, but half of the next message goes */
	CONN_TORN,    /* and is gone; a reset when the client has it */
	CONN_CLOSING  /* a close frame goes out behind the queue */
};

struct conn {
	struct server *server;
	struct lws *wsi;
	uint64_t number;
	enum conn_state state;
	struct session session;
	struct buf in;  /* the client's message being received */
	bool too_large; /* and it is beyond what the exchange takes */
	struct buf queue;
	size_t handed; /* length of the front record when lws has it */
	int64_t handed_us;
	bool stalled;
	int64_t stall_at_us; /* monotonic; 0: never */
	int64_t kill_at_ms;
	unsigned close_code;
	const char *close_reason; /* a literal */
	size_t frame;             /* the next one */
	int64_t frames_from_us;   /* monotonic; 0: not begun */
	uint64_t notifications;   /* for drop_every */
	struct harm harm;
};

struct server {
	const struct server_options *options;
	const struct frames *frames;
	struct market *market;
	struct truth *truth;
	struct lws_context *context;
	struct lws_vhost *vhost;
	lws_sorted_usec_list_t tick;
	struct rpc rpc;
	struct conn *conn[MARKET_SLOTS];
	unsigned live, web; /* sockets, HTTP requests in work */
	uint64_t made;
	uint64_t heard;         /* notifications that somebody listened to */
	uint64_t booked;        /* trades in the ledger */
	unsigned whole_most;    /* connections that had all of theirs at once */
	int64_t whole_since_us; /* as many have; 0: not now */
	const struct faults_rule *maintenance; /* NULL: none */
	int64_t cut_at_us, back_at_us;         /* of that */
	int64_t knock_us[CONN_KNOCKS];         /* the latest, of upgrades */
	uint64_t knocks;
	int64_t paced_us; /* monotonic: market events are made up to here */
	int64_t cut_us, checked_ms;
	double owed; /* notifications */
	uint64_t sent_at_flush;
	bool began, over, stopping;
	struct server_stats stats;
};

/* NULL: no slot or no memory. */
struct conn *conn_new(struct server *s, struct lws *wsi);
void conn_free(struct conn *c);

/* Queues a text of the server (a reply, a heartbeat). */
void conn_say(struct conn *c, const char *text, size_t len);

/* Queues a notification: counted for drop_every, refused when the client is
 * too slow (and then it is dropped).  False: it is withheld, and nothing says
 * so.
 */
bool conn_notify(struct conn *c, const char *text, size_t len);

/* The same behind all counting and faults. */
void conn_queue(struct conn *c, const char *text, size_t len);

/* What the client sent; -1: lws shall close. */
int conn_receive(struct conn *c, const char *p, size_t len);

/* The socket takes bytes; -1: lws shall close. */
int conn_writeable(struct conn *c);

/* Ends the TCP connection as a failing network would, without a close frame,
 * but with everything delivered that the truth file says was sent. */
void conn_cut(struct conn *c);

/* The same in the middle of a message, and with a reset where the kernel can
 * tell that the client has all the rest. */
void conn_reset(struct conn *c);

/* Not one more byte. */
void conn_stall(struct conn *c);

/* Ends with a close frame, behind what is queued. */
void conn_close(struct conn *c, unsigned code, const char *reason);

/* Deadlines: heartbeats, idleness, stalls, lingering. */
void conn_tick(struct conn *c, int64_t now_us);

/* Whether nothing but HTTP 503 is to be had (maintenance,mode=503). */
bool server_hides(const struct server *s);

/* REST (web.c): the lws callbacks of HTTP; returns what lws wants. */
int web_callback(struct server *s, struct lws *wsi,
    enum lws_callback_reasons why, void **reply, void *in, size_t len);

#endif
