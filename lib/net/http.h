/*
 * HTTPS GET through libcurl's multi interface: connections are kept and used
 * again, HTTP/2 where the server offers it, gzip but no brotli, certificates
 * always verified, the body capped.  Plain http:// goes to loopback only.  One
 * request at a time; knows neither JSON nor Deribit and never retries: the
 * caller judges status and fault.  No redirect is followed.
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

struct http_options {
	const char *cacert; /* PEM file, or NULL for the system's */
	const char *proxy;  /* or NULL: libcurl's own environment */
	const char *user_agent;
	int64_t connect_timeout_ms;
	int64_t max_time_ms; /* of one request, connecting included */
	const volatile sig_atomic_t *stop; /* non-zero: give up; may be NULL */
};

struct http_reply {
	long status;            /* 0: there was none */
	int64_t retry_after_ms; /* the header's, -1 without one */
	char type[64];          /* Content-Type, "" without one */
	struct buf body;
	bool permanent; /* of a failure: trying again cannot help */
};

/* The strings of options are *borrowed* for the handle's life.  NULL with
 * *fault (EX_SOFTWARE: libcurl cannot do what is asked). */
struct http *http_new(const struct http_options *options, struct fault *fault);
void http_free(struct http *h);

/* Empty, no more than HTTP_BODY_MAX bytes; http_reply_free() when done. */
void http_reply_init(struct http_reply *reply);
void http_reply_free(struct http_reply *reply);

/* GET url.  0: an answer came, whatever its status.  -1 with *fault, which
 * names the peer: EX_UNAVAILABLE, EX_PROTOCOL (body beyond the cap), EX_USAGE
 * (no such URL), EX_CONFIG (no such CA file), EX_TEMPFAIL (stopped). */
int http_get(struct http *h, const char *url, struct http_reply *reply,
    struct fault *fault);

/* host[:port] of a URL to out; -1 if it is no http(s) URL. */
int http_peer(const char *url, char *out, size_t size);

#endif
