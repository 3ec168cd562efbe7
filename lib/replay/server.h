/*
 * The replay server's transport: libwebsockets, WebSocket and REST on one TLS
 * port, the connections, their bounded queues, and the faults that are done to
 * them on schedule.  What is said comes from replay/rpc.h, replay/market.h and
 * replay/frames.h.
 */
#ifndef REPLAY_SERVER_H
#define REPLAY_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "replay/auth.h"
#include "replay/faults.h"
#include "replay/frames.h"
#include "replay/market.h"
#include "replay/rules.h"
#include "replay/truth.h"

struct server_options {
	const char *listen; /* an address */
	int64_t port;       /* 0: any free one */
	const char *cert_file, *key_file;
	int64_t rate;         /* notifications a second; 0: none */
	int64_t count;        /* stop after so many; 0: never */
	bool exit;            /* end when all is sent */
	double speed;         /* of frames; 0: as fast as taken */
	int64_t cut_every_us; /* 0: never, as the next two */
	int64_t stall_after_us;
	int64_t drop_every;
	int64_t queue_max;      /* bytes waiting for one client */
	bool always;            /* the market goes on without a client */
	struct truth *ledger;   /* every trade that is made */
	struct truth *requests; /* every call over HTTP */
	int64_t rows_max;       /* of a page of trades */
	bool chart_cut_last;    /* see struct rpc */
	int64_t rest_rate;      /* calls a second over HTTP; 0: any */
	struct faults *faults;  /* may be a plan of none */
	struct auth *auth;
	struct rules rules;
};

struct server_stats {
	uint64_t connections, refused, requests, errors;
	uint64_t made;    /* notifications of the market */
	uint64_t sent;    /* messages handed to the kernel */
	uint64_t bytes;   /* of them */
	uint64_t dropped; /* by drop_every */
	uint64_t cuts, stalls, too_slow, unanswered;
	uint64_t limited;      /* calls refused with 10028 */
	uint64_t rest_limited; /* of those, over HTTP */
	uint64_t knocking;     /* upgrades asked for in a second, at most */
	unsigned live;
};

struct server;

/* Listens.  All arguments are *borrowed* for the server's life; frames NULL:
 * the market is sent. */
struct server *server_new(const struct server_options *options,
    struct market *market, const struct frames *frames, struct truth *truth,
    struct fault *fault);
void server_free(struct server *s);

int server_port(const struct server *s);

/* Serves for a moment; 1: go on, 0: all was sent and exit was asked for. */
int server_turn(struct server *s);

/* Says good-bye to every client, and waits a second for them to hear it. */
void server_stop(struct server *s);

void server_stats(const struct server *s, struct server_stats *out);

/* The nth method's name, and how often it was called over either way; NULL
 * behind the last. */
const char *server_called(const struct server *s, size_t n, uint64_t *called);

#endif
