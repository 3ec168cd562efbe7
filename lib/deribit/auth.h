/*
 * The login (the exchange's authentication page): where the client's
 * credentials come from, the params of public/auth, and what its result says.
 * The secret never crosses the wire: a signature made with it does.  No fault
 * holds a secret or a token, and nothing here is logged.  Sends nothing and
 * keeps no state; the owner of a struct wipes it.
 */
#ifndef DERIBIT_AUTH_H
#define DERIBIT_AUTH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "io/json.h"
#include "net/hmac.h"

struct credentials {
	char id[129];
	char secret[257];
};

struct auth_token {
	char refresh[2049];
	int64_t expires_s; /* from its issue; above 0 */
};

/* Reads the file: a line with the client id and one with the client secret, or
 * NAME=value lines of which DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET count;
 * blank lines and lines of # are skipped.  It has to be a regular file of ours
 * or root's, without any permission for group and others.  file NULL: from the
 * environment, under the same names.  -1 with *fault and *c wiped: EX_NOINPUT
 * (no such file), EX_NOPERM (who may read it), EX_CONFIG (what is in it). */
int credentials_read(
    const char *file, struct credentials *c, struct fault *fault);
void credentials_wipe(struct credentials *c);

/* Lower-case hexadecimal HMAC-SHA256 of timestamp, nonce and (empty) data, a
 * newline between each.  -1 as hmac_sha256_hex(). */
int auth_signature(const struct credentials *c, int64_t now_ms,
    const char *nonce, char out[HMAC_HEX_SIZE]);

/* Appends the params object of public/auth, grant type client_signature, with
 * a nonce of its own.  now_ms is the wall clock's.  -1 with *fault, and then
 * nothing was appended. */
int auth_signature_params(struct buf *out, const struct credentials *c,
    int64_t now_ms, struct fault *fault);

/* Appends that of the grant type refresh_token.  -1 as buf_add(). */
int auth_refresh_params(struct buf *out, const char *refresh_token);

/* Reads the result of public/auth.  -1 with *fault (EX_PROTOCOL, without the
 * peer) and *t wiped. */
int auth_result(
    struct json_span result, struct auth_token *t, struct fault *fault);

/* How long after its issue to ask for the next one: at 80 % of its life, but
 * after 1 s at least and a day at most. */
int64_t auth_refresh_after_ms(const struct auth_token *t);

#endif
