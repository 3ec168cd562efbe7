/*
 * The opening handshake of a WebSocket client (RFC 6455 section 4): the text
 * of the request and the judgement of the response.  Pure functions over bytes;
 * no connection is known here.  We offer no extension and no subprotocol, so a
 * server that answers with one is refused.
 */
#ifndef NET_UPGRADE_H
#define NET_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

#define UPGRADE_KEY_SIZE 25    /* base64 of 16 bytes, and a NUL */
#define UPGRADE_ACCEPT_SIZE 29 /* base64 of a SHA-1, and a NUL */
#define UPGRADE_RESPONSE_MAX 16384

/* What else there is to know of a handshake that failed. */
struct upgrade_refusal {
	bool permanent; /* trying again cannot help */
	int status;     /* of HTTP, if it is no upgrade; else 0 */
	/* Of a 429 or 503 (RFC 9110 section 10.2.3), an hour at most; 0: not
	 * said, or as a date. */
	int64_t retry_after_ms;
};

/* Sixteen random bytes in base64: -1 when OpenSSL has none to give. */
int upgrade_key(char key[UPGRADE_KEY_SIZE]);

/* What an honest server answers to the key (RFC 6455 section 4.2.2). */
int upgrade_accept(const char *key, char accept[UPGRADE_ACCEPT_SIZE]);

/* Appends the request; -1: the buffer's cap. */
int upgrade_request(struct buf *out, const char *host, const char *target,
    const char *key, const char *user_agent);

/* Judges what came so far.  Above 0: the handshake is done with that many
 * bytes, the rest are frames.  0: more is needed.  -1 with *fault
 * and *refusal, which is empty else. */
long upgrade_response(const char *p, size_t len, const char *key,
    struct fault *fault, struct upgrade_refusal *refusal);

/* Copies text that came from outside for use in a sentence: printable ASCII
 * stays, anything else becomes '?'; cut to size - 1 bytes. */
void upgrade_printable(char *out, size_t size, const char *p, size_t len);

#endif
