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

struct rpc {
	struct market *market; /* *borrowed* */
	const struct rules *rules;
	bool plausible; /* frames: every well-formed channel is acknowledged */
	struct rules_bucket rest; /* calls over HTTP, together */
};

/* A call being answered. */
struct rpc_call {
	struct rpc *rpc;
	struct session *session;             /* NULL over HTTP */
	struct json_span method, id, params; /* id.len 0: none */
	int64_t now_us;                      /* wall clock */
	int64_t mono_ms;
	struct buf *result; /* JSON text of the result */
	int code;           /* of the error */
	const char *message;
	char data[160]; /* JSON text, "" for none */
};

enum rpc_outcome {
	RPC_RESULT,
	RPC_ERROR,
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

/* The method by name, or NULL; *ws_only, *subscribe as the exchange has it. */
struct rpc_method {
	const char *name;
	bool ws_only;
	bool subscribe; /* charged as a subscribe call */
	int (*call)(struct rpc_call *c);
};
const struct rpc_method *methods_find(struct json_span name);

#endif
