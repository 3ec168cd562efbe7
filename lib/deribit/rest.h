/*
 * Deribit's REST API: a method and its parameters to the reply's "result"
 * text.  Retries what is worth it (429, 10028, 5xx, time-outs, bodies that are
 * no JSON), paced by net/ratelimit.h.  Follows the exchange's JSON-RPC
 * overview, errors and rate limits pages.
 */
#ifndef DERIBIT_REST_H
#define DERIBIT_REST_H

#include <signal.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

struct rest;

struct rest_options {
	const char *url; /* ends in /api/v2; *borrowed* */
	const char *cacert;
	const char *proxy;
	int64_t connect_timeout_ms;
	int64_t max_time_ms; /* of one request */
	int64_t retry;       /* tries after the first; -1: until stopped */
	const volatile sig_atomic_t *stop; /* non-zero: give up; may be NULL */
};

/* The default, or DERIBIT_REST_URL.  *borrowed*. */
const char *rest_url(void);

/* The CA file that DERIBIT_CACERT, CURL_CA_BUNDLE or SSL_CERT_FILE names, or
 * NULL: the system's.  *borrowed* from the environment. */
const char *rest_cacert(void);

struct rest *rest_new(const struct rest_options *options, struct fault *fault);
void rest_free(struct rest *r);

/* The base URL in use, *borrowed*; the peer in it (host[:port]), for
 * sentences. */
const char *rest_base(const struct rest *r);
const char *rest_peer(const struct rest *r);

/* GET method ("public/get_instruments") with query ("currency=BTC&kind=option",
 * already encoded).  The text of the reply's "result" is left in *result
 * (cleared first).  -1: EX_UNAVAILABLE (not to be had), EX_PROTOCOL (no
 * Deribit reply), EX_DATAERR (the exchange refused the arguments), EX_TEMPFAIL
 * (stopped), EX_USAGE and EX_CONFIG (URL, CA file). */
int rest_call(struct rest *r, const char *method, const char *query,
    struct buf *result, struct fault *fault);

#endif
