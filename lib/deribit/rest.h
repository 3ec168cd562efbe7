/*
 * Deribit's REST API: methods and their parameters to the "result" texts of the
 * replies, several at once.  Retries what is worth it (429, 10028, 5xx,
 * time-outs, bodies that are no JSON); never asks faster than the exchange's
 * rate limits page allows, whatever the network does to the requests; one reply
 * that says "too fast" makes all calls wait.  Makes no records: a reply is
 * text.
 */
#ifndef DERIBIT_REST_H
#define DERIBIT_REST_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "io/json.h"

#define REST_RATE 10
#define REST_PARALLEL 8
/* The exchange takes 32 connections from one address. */
#define REST_PARALLEL_MAX 32

struct rest;
struct rest_own;

struct rest_options {
	const char *url; /* ends in /api/v2; *borrowed* */
	const char *cacert;
	const char *proxy;
	int64_t connect_timeout_ms;
	int64_t max_time_ms; /* of one request */
	int64_t retry;       /* tries after the first; -1: until stopped */
	int64_t rate;        /* requests a second; 0: REST_RATE */
	int64_t parallel;    /* requests at a time; 0: REST_PARALLEL */
	const volatile sig_atomic_t *stop; /* non-zero: give up; may be NULL */
};

/* A call from rest_submit() to reply(); the caller owns it and its strings. */
struct rest_call {
	const char *method; /* "public/get_instruments" */
	const char *query;  /* "currency=BTC&kind=option", already encoded */
	/* result is *borrowed* until reply() returns, its p NULL when it failed
	 * for good; then *fault says why, as rest_call().  The call is the
	 * caller's own again: it may be submitted anew, or freed.  Others may
	 * be submitted and cancelled, but nothing may be waited for. */
	void (*reply)(void *arg, struct rest_call *call,
	    struct json_span result, const struct fault *fault);
	void *arg;
	struct rest_own *own; /* rest's; NULL: not submitted */
};

/* The options' defaults, those of the environment among them. */
void rest_options_init(
    struct rest_options *options, const volatile sig_atomic_t *stop);

/* The default, or DERIBIT_REST_URL.  *borrowed*. */
const char *rest_url(void);

/* The CA file that DERIBIT_CACERT, CURL_CA_BUNDLE or SSL_CERT_FILE names, or
 * NULL: the system's.  *borrowed* from the environment. */
const char *rest_cacert(void);

struct rest *rest_new(const struct rest_options *options, struct fault *fault);

/* Calls that are not answered are dropped: their reply() is not called. */
void rest_free(struct rest *r);

/* The base URL in use, *borrowed*; the peer in it (host[:port]), for
 * sentences. */
const char *rest_base(const struct rest *r);
const char *rest_peer(const struct rest *r);

/* Another process of ours may just have asked, whom the exchange counts with
 * us: begins without a token. */
void rest_spent(struct rest *r);

/* Puts a call behind those that wait; they begin in this order.  -1 with
 * *fault (EX_USAGE: too long for a URL; EX_OSERR). */
int rest_submit(struct rest *r, struct rest_call *call, struct fault *fault);

/* Forgets the call; reply() is not called.  Nothing if it is not submitted. */
void rest_cancel(struct rest *r, struct rest_call *call);

/* How many calls are not answered. */
size_t rest_busy(const struct rest *r);

/* Lets the calls go on, until something has happened or wait_ms have passed.
 * -1: stopped (EX_TEMPFAIL), or libcurl itself fails (EX_SOFTWARE). */
int rest_turn(struct rest *r, int64_t wait_ms, struct fault *fault);

/* Submits one and takes turns until it is answered; others go on meanwhile.
 * The text of the reply's "result" is left in *result (cleared first).  -1:
 * EX_UNAVAILABLE (not to be had), EX_PROTOCOL (no Deribit reply), EX_DATAERR
 * (the exchange refused the arguments), EX_TEMPFAIL (stopped), EX_USAGE and
 * EX_CONFIG (URL, CA file). */
int rest_call(struct rest *r, const char *method, const char *query,
    struct buf *result, struct fault *fault);

/* What time it is for the exchange, milliseconds since the epoch: by the usOut
 * of the last replies, of which the middle one counts.  Before the first reply
 * our own clock's.  For whoever must know which candle has closed. */
int64_t rest_clock_ms(const struct rest *r);

/* Asks for it; and sees that the exchange is there.  As rest_call(). */
int rest_clock_ask(struct rest *r, struct fault *fault);

#endif
