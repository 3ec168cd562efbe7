/*
 * A byte stream to a host, TLS or plain, on the poll loop.  libcurl does DNS,
 * proxy tunnel, TCP, TLS and the certificate check (CURLOPT_CONNECT_ONLY), all
 * without blocking, and then carries the bytes.  What the bytes mean is the
 * owner's business.
 *
 * Every stream has a multi handle of its own and keeps the easy handle in it
 * for life: taking a connect-only handle out of its multi closes it.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "io/loop.h"

struct stream;

enum stream_event {
	STREAM_OPEN,  /* connected, certificate verified */
	STREAM_IO,    /* try stream_recv(), stream_send() */
	STREAM_FAILED /* not connected; stream_fault() says why */
};

struct stream_options {
	const char *url;    /* https:, wss: (or http:, ws: to loopback) */
	const char *cacert; /* PEM file, or NULL for the system's */
	const char *proxy;  /* or NULL: libcurl's own environment */
	int64_t connect_timeout_ms; /* DNS, proxy, TCP, TLS together */
};

enum { STREAM_AGAIN = -2 };

/* Begins to connect; options are *borrowed* during the call only.  Events come
 * from the loop; the callback may free the stream.  NULL with *fault for a URL
 * that cannot be had (EX_CONFIG) or without memory. */
struct stream *stream_new(struct loop *loop,
    const struct stream_options *options,
    void (*call)(void *arg, enum stream_event event), void *arg,
    struct fault *fault);
void stream_free(struct stream *s);

/* Up to size bytes: their number, 0 at the end of the stream, STREAM_AGAIN, or
 * -1 with *fault. */
ssize_t stream_recv(
    struct stream *s, void *p, size_t size, struct fault *fault);
/* How many bytes went, STREAM_AGAIN, or -1 with *fault.  After STREAM_AGAIN
 * the next call must begin with the same bytes (TLS has them half sent). */
ssize_t stream_send(
    struct stream *s, const void *p, size_t n, struct fault *fault);

/* STREAM_IO also when the stream can be written. */
void stream_want_write(struct stream *s, bool want);
/* STREAM_IO in the next turn without polling: TLS may hold decrypted bytes. */
void stream_ready(struct stream *s);

/* Why it failed, and whether trying again cannot help (certificate, CA file);
 * *borrowed*. */
const struct fault *stream_fault(const struct stream *s, bool *permanent);

/* "www.deribit.com", with ":port" unless it is the scheme's own: for sentences
 * and for the Host header.  *Borrowed*. */
const char *stream_peer(const struct stream *s);
/* Path and query of the URL, beginning with '/'.  *Borrowed*. */
const char *stream_target(const struct stream *s);

#endif
