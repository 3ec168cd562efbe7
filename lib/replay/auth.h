/*
 * public/auth: who may have raw channels.  Judges client_credentials,
 * client_signature and refresh_token as the exchange documents them, for one
 * client whose id and secret stand in a file.  A token belongs to its socket
 * (scope connection) and ends with it.
 */
#ifndef REPLAY_AUTH_H
#define REPLAY_AUTH_H

#include <stdint.h>

#include "base/fault.h"
#include "replay/rpc.h"

#define AUTH_NONCE_SIZE 65
#define AUTH_NONCES 1024 /* remembered; they are good for a minute only */

struct auth {
	char id[128], secret[128]; /* "": nobody */
	int64_t life_s;            /* of a token */
	char nonce[AUTH_NONCES][AUTH_NONCE_SIZE];
	uint64_t nonces;
};

/* Reads the id and the secret, a line each. */
int auth_read(struct auth *a, const char *path, struct fault *fault);

/* The method. */
int auth_call(struct rpc_call *c);

/* Raw channels of a session: told when one was subscribed; unsubscribed from
 * all when its token has ended. */
void auth_keep_raw(struct session *s, struct json_span channel);
void auth_leave_raw(struct session *s, struct market *m);

#endif
