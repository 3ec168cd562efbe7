/*
 * HTTPS GET through libcurl's multi interface, several at once: connections are
 * kept and used again, HTTP/2 where the server offers it (many requests on one
 * connection, else several connections), gzip but no brotli, certificates
 * always verified, each body capped.  Plain http:// goes to loopback only.
 * Knows neither JSON nor Deribit and never retries: the caller judges status
 * and fault.  No redirect is followed.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

#define HTTP_BODY_MAX ((size_t)64 << 20)

struct http;
struct http_transfer;

struct http_options {
	const char *cacert; /* PEM file, or NULL for the system's */
	const char *proxy;  /* or NULL: libcurl's own environment */
	const char *user_agent;
	int64_t connect_timeout_ms;
	int64_t max_time_ms; /* of one request, connecting included */
	int64_t connections; /* to one host, at most; 0: as many as requests */
	const volatile sig_atomic_t *stop; /* non-zero: give up; may be NULL */
};

struct http_reply {
	long status;            /* 0: there was none */
	int64_t retry_after_ms; /* the header's, -1 without one */
	char type[64];          /* Content-Type, "" without one */
	struct buf body;
	bool permanent;  /* of a failure: trying again cannot help */
	int64_t wait_us; /* from the request's last byte to the first back */
	int64_t body_us; /* from there to the last */
};

/* A request under way, from http_start() to done(); the caller owns it and what
 * it points to.  result is what http_get() would return. */
struct http_request {
	const char *url;
	struct http_reply *reply; /* initialised */
	void (*done)(struct http_request *request, int result,
	    const struct fault *fault);
	void *arg;
	struct http_transfer *transfer; /* http's; NULL: not under way */
};

/* The strings of options are *borrowed* for the handle's life.  NULL with
 * *fault (EX_SOFTWARE: libcurl cannot do what is asked). */
struct http *http_new(const struct http_options *options, struct fault *fault);

/* Requests that are under way are dropped: their done() is not called. */
void http_free(struct http *h);

/* Empty, no more than HTTP_BODY_MAX bytes; http_reply_free() when done. */
void http_reply_init(struct http_reply *reply);
void http_reply_free(struct http_reply *reply);

/* Begins a GET; done() is called by a later http_turn(), and may start and
 * cancel others.  -1 with *fault (EX_USAGE: no such URL; EX_OSERR): it has not
 * begun, and done() is not called. */
int http_start(
    struct http *h, struct http_request *request, struct fault *fault);

/* Forgets it; done() is not called.  Nothing if it is not under way. */
void http_cancel(struct http *h, struct http_request *request);

/* Lets all requests go on, until one is done, wait_ms have passed or *stop is
 * set.  -1 with *fault: libcurl itself fails (EX_SOFTWARE). */
int http_turn(struct http *h, int64_t wait_ms, struct fault *fault);

/* GET url, and wait for it; others under way go on meanwhile.  0: an answer
 * came, whatever its status.  -1 with *fault, which names the peer:
 * EX_UNAVAILABLE, EX_PROTOCOL (body beyond the cap), EX_USAGE (no such URL),
 * EX_CONFIG (no such CA file), EX_TEMPFAIL (stopped). */
int http_get(struct http *h, const char *url, struct http_reply *reply,
    struct fault *fault);

/* host[:port] of a URL to out; -1 if it is no http(s) URL. */
int http_peer(const char *url, char *out, size_t size);

#endif
