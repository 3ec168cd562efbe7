/*
 * A WebSocket client connection (RFC 6455) on the poll loop: libcurl connects
 * (DNS, proxy, TLS; net/stream.h), this file upgrades and verifies, wslay's
 * frame API reads and writes frames.  Fragments, control frames, the UTF-8
 * check, the size cap and the closing handshake are ours.  Knows no Deribit.
 *
 * Callbacks come from the loop, never from inside ws_new() or ws_send().
 * ws_free() may be called anywhere, also inside a callback: the connection is
 * marked and reaped by the loop.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "io/loop.h"

struct ws;

struct ws_options {
	const char *url;    /* wss://host[:port]/path (ws:// for loopback) */
	const char *cacert; /* PEM file, or NULL for the system's */
	const char *proxy;  /* or NULL: libcurl's own environment */
	const char *user_agent;
	int64_t connect_timeout_ms; /* DNS, TCP, TLS */
	int64_t upgrade_timeout_ms;
	size_t message_max; /* a longer message closes with 1009 */
};

struct ws_calls {
	/* Upgraded and verified: ws_send() may be called. */
	void (*open)(void *arg);
	/* One whole text message, valid UTF-8; *borrowed* during the call.  One
	 * byte behind it is readable (for scanners). */
	void (*message)(void *arg, const char *text, size_t len);
	/* Once, at the end, whoever ended it; no call comes after it.
	 * permanent: trying again cannot help (certificate, HTTP 4xx other than
	 * 408 and 429, bad accept key, bad URL).  All messages received before
	 * were handed out. The fault names the peer: "www.deribit.com:
	 * connection lost: ...". */
	void (*closed)(void *arg, const struct fault *why, bool permanent);
};

/* Begins to connect.  options and its strings are *borrowed* for the life of
 * the connection.  NULL with *fault when not even that is possible. */
struct ws *ws_new(struct loop *loop, const struct ws_options *options,
    const struct ws_calls *calls, void *arg, struct fault *fault);
void ws_free(struct ws *ws);

/* Queues a text message (copied).  -1 with *fault beyond 1 MiB queued. */
int ws_send(struct ws *ws, const char *text, size_t len, struct fault *fault);

/* Begins the closing handshake with this code; closed() follows within 2 s. */
void ws_close(struct ws *ws, unsigned code);

/* Monotonic ms of the last byte received, any byte. */
int64_t ws_heard_ms(const struct ws *ws);

/* Bytes received, frames' headers included. */
uint64_t ws_received(const struct ws *ws);

/* The HTTP status that the upgrade was refused with, 0 if it was not: to be
 * asked in closed(). */
int ws_refused_status(const struct ws *ws);

/* How long such a refusal (429, 503) asks to wait before the next try; an hour
 * at most, 0: it does not say. */
int64_t ws_retry_after_ms(const struct ws *ws);

#endif
