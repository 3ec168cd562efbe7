/*
 * JSON-RPC of the replay server: a request's text in, the reply's text out,
 * the same for WebSocket and REST.  Answers from the synthetic market, judges
 * by replay/rules.h, changes subscriptions in the market; sends nothing.
 */
#ifndef REPLAY_RPC_H
#define REPLAY_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "io/json.h"
#include "replay/market.h"
#include "replay/rules.h"

/* Nobody: who listens for ever, so that a market goes on without a client. */
#define RPC_GHOST (MARKET_SLOTS - 1)

#define RPC_METHODS_MAX 32

struct auth;
struct faults;

struct rpc {
	struct market *market; /* *borrowed* */
	const struct rules *rules;
	bool plausible; /* frames: every well-formed channel is acknowledged */
	struct rules_bucket rest;       /* calls over HTTP, together */
	struct rules_bucket rest_lists; /* get_instruments over HTTP */
	bool unlimited;                 /* over HTTP */
	int64_t rows_max;               /* of a page of trades; 0: 1000 */
	bool cut_last;    /* of rows beyond the cap, the newest are missing */
	long rows;        /* of the last answer; -1: it has none */
	bool always;      /* what was ever subscribed to goes on */
	bool maintenance; /* every call is refused */
	struct faults *faults;            /* of pages; NULL: none */
	struct auth *auth;                /* NULL: nobody can authenticate */
	uint64_t called[RPC_METHODS_MAX]; /* as methods_at() has them */
};

/* A call being answered. */
struct rpc_call {
	struct rpc *rpc;
	struct session *session;             /* NULL over HTTP */
	struct json_span method, id, params; /* id.len 0: none */
	int64_t now_us;                      /* wall clock */
	int64_t mono_ms;
	struct buf *result; /* JSON text of the result */
	bool lost;          /* the reply is */
	int code;           /* of the error */
	const char *message;
	char data[160]; /* JSON text, "" for none */
};

enum rpc_outcome {
	RPC_RESULT,
	RPC_ERROR,
	RPC_LOST,     /* there is no reply */
	RPC_TERMINATE /* 10028: send the reply, then end the session */
};

/* Appends the reply to the request text to out. */
enum rpc_outcome rpc_answer(struct rpc *rpc, struct session *session,
    const char *text, size_t len, struct buf *out);

/* The same for REST: "public/get_time" and a query string (may be empty). */
enum rpc_outcome rpc_query(
    struct rpc *rpc, const char *method, const char *query, struct buf *out);

/* An error reply without id; data is JSON text or NULL. */
void rpc_refuse(
    struct buf *out, int code, const char *message, const char *data);

/* For methods: fills the error, returns -1.  rpc_invalid: -32602 with reason
 * and param. */
int rpc_fail(struct rpc_call *c, int code, const char *message);
int rpc_invalid(struct rpc_call *c, const char *reason, const char *param);

/* A member of params: 1 and *value, or 0.  A NULL value counts as absent. */
int rpc_param(
    const struct rpc_call *c, const char *name, struct json_value *value);

/* The same for an integer; -1 with the error. */
int integer_param(struct rpc_call *c, const char *name, int64_t *out);

/* The instrument that params names; -1 with the error. */
int instrument_param(struct rpc_call *c, size_t *instrument);

/* Methods with files of their own. */
int method_order_book(struct rpc_call *c);
int method_chart(struct rpc_call *c);
int method_funding_history(struct rpc_call *c);
int method_funding_value(struct rpc_call *c);
int method_funding_chart(struct rpc_call *c);

/* The method by name, or NULL; *ws_only, *subscribe as the exchange has it. */
struct rpc_method {
	const char *name;
	bool ws_only;
	bool subscribe; /* charged as a subscribe call */
	int (*call)(struct rpc_call *c);
};
const struct rpc_method *methods_find(struct json_span name);

/* The nth method, NULL behind the last; and counts a call of one. */
const struct rpc_method *methods_at(size_t n);
void methods_count(struct rpc *rpc, const struct rpc_method *m);

#endif
