/*
 * What the exchange enforces on a session: call rates, heartbeats, idleness.
 * Pure state and time; sends nothing and knows no socket.  The figures are the
 * exchange's (JSON-RPC connection management and rate limits pages) unless an
 * option changed them.
 */
#ifndef REPLAY_RULES_H
#define REPLAY_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define RULES_FRAME_MAX 32768  /* bytes of a client's message */
#define RULES_CHANNELS_MAX 500 /* of a subscribe call */
#define RULES_CONNECTIONS_MAX 32

struct rules {
	int64_t heartbeat_min_ms;   /* the shortest interval granted */
	int64_t heartbeat_grace_ms; /* for the answer to a test_request */
	int64_t idle_ms;            /* without subscription */
};

/* A bucket of calls: burst at most, refilled steadily. */
struct rules_bucket {
	double tokens, burst, per_second;
	int64_t at_ms;
};

/* Hexadecimal digits, and the NUL. */
#define RULES_TOKEN_SIZE 65

struct harm;

struct session {
	uint64_t number; /* of the connection */
	unsigned slot;
	struct rules_bucket subscribes, others;
	int64_t heard_ms;     /* the client's last message */
	int64_t heartbeat_ms; /* 0: none set */
	int64_t next_ms;      /* of the next heartbeat */
	int64_t asked_ms;     /* an unanswered test_request; 0: none */
	uint64_t told;        /* messages sent; the owner counts */
	uint64_t told_at_beat;
	uint64_t channels; /* subscribed now */
	bool subscribed;   /* ever */
	bool authenticated;
	int64_t token_until_ms;
	char refresh[RULES_TOKEN_SIZE]; /* token; "": none */
	struct buf raw;                 /* raw channels, a NUL behind each */
	struct harm *harm;              /* *borrowed*; NULL: none is done */
};

enum rules_due {
	RULES_NOTHING,
	RULES_TOKEN_ENDED,  /* it was not refreshed in time */
	RULES_HEARTBEAT,    /* send type heartbeat, then ask again */
	RULES_TEST_REQUEST, /* send type test_request */
	RULES_UNANSWERED,   /* close with 4000 `heartbeat close` */
	RULES_IDLE          /* drop without a close frame */
};

/* A fresh session of this slot; times are monotonic milliseconds. */
void session_init(struct session *s, unsigned slot, int64_t now_ms);
void session_free(struct session *s);

/* Takes a call's price; -1: too many requests, and the session is over. */
int session_charge(struct session *s, bool subscribe, int64_t now_ms);

/* -1: the interval is below the minimum. */
int session_set_heartbeat(struct session *s, const struct rules *rules,
    int64_t interval_ms, int64_t now_ms);
void session_disable_heartbeat(struct session *s);

/* A public/test came: the test_request is answered. */
void session_tested(struct session *s);

/* What time demands; once per call, so ask until it says RULES_NOTHING. */
enum rules_due session_due(
    struct session *s, const struct rules *rules, int64_t now_ms);

/* -1 when the bucket is empty. */
int rules_take(struct rules_bucket *b, int64_t now_ms);

#endif
