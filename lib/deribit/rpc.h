/*
 * JSON-RPC 2.0 as Deribit speaks it (its JSON-RPC overview page): the envelope
 * of what the server says, and the text of what we ask.  One pass: of a
 * notification only the envelope is read here, the caller takes the data from
 * the cursor.  Members may come in any order; the usual one is guessed first.
 */
#ifndef DERIBIT_RPC_H
#define DERIBIT_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "io/json.h"

enum rpc_kind {
	RPC_NOTIFICATION, /* channel; json stands before the data */
	RPC_HEARTBEAT,
	RPC_TEST_REQUEST, /* a heartbeat that wants public/test for an answer */
	RPC_RESULT,       /* id, result */
	RPC_ERROR,        /* id or none (has_id), code, message, reason */
	RPC_METHOD,       /* a method nobody knows: method */
	RPC_OTHER         /* JSON, but nothing of the above */
};

struct rpc {
	enum rpc_kind kind;
	struct json json;         /* a notification's cursor */
	struct json_span channel; /* between the quotes, escapes as sent */
	struct json_span method;  /* likewise */
	struct json_span result;  /* any JSON value */
	bool has_id;
	int64_t id;
	int64_t code;
	struct json_span message; /* between the quotes; may be empty */
	struct json_span reason;  /* error.data.reason, likewise */
	/* usOut: microseconds of the exchange's clock; 0: none.  This and
	 * the next are set of results and errors. */
	int64_t us_out;
	/* error.data.wait: seconds, rounded up, a day at most; -1: none */
	int64_t wait_s;

	const char *text; /* *borrowed* */
	size_t len;
	bool open; /* the envelope goes on behind the data */
};

/* Reads the envelope of one message.  -1: it is no JSON; rpc_fault() says
 * where.  The text is *borrowed* as long as *m is used. */
int rpc_parse(struct rpc *m, const char *text, size_t len);

/* After the data of a notification were taken from m->json: checks what is
 * left of the message.  -1 as rpc_parse(). */
int rpc_finish(struct rpc *m);

/* "invalid JSON at byte 17 of a message: ...", EX_PROTOCOL; returns -1. */
int rpc_fault(const struct rpc *m, struct fault *fault);

/* Appends a request.  params is the text of an object.  -1 as buf_add(). */
int rpc_request(
    struct buf *out, int64_t id, const char *method, const char *params);

#endif
