/*
 * What a REST reply says: a result, a reason to ask again, or a refusal.  The
 * envelope of the exchange's JSON-RPC overview and errors pages, and what
 * comes instead of one: pages of a proxy, torn bodies, nothing.  Pure: asks
 * nobody and waits for nothing.
 */
#ifndef DERIBIT_REPLY_H
#define DERIBIT_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "io/json.h"
#include "net/http.h"

/* What a peer may make us wait in one go. */
#define REPLY_WAIT_MAX_MS INT64_C(300000)

enum reply_verdict { REPLY_RESULT, REPLY_AGAIN, REPLY_REFUSED };

struct reply_facts {
	struct json_span result; /* *borrowed* from the body */
	int64_t wait_ms;         /* asked for; 0: nothing is */
	bool too_fast;           /* 429, 10028: it means all our calls */
	int64_t out_us;          /* usOut, -1 if there is none */
};

/* Judges an answer; peer and method are for the sentence.  *fault is filled
 * unless there is a result: EX_UNAVAILABLE (it may pass), EX_PROTOCOL (no
 * Deribit reply), EX_DATAERR (the arguments were refused). */
enum reply_verdict reply_read(const struct http_reply *reply, const char *peer,
    const char *method, struct reply_facts *facts, struct fault *fault);

#endif
