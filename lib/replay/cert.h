/*
 * A certificate authority of one's own and a server certificate for
 * localhost, 127.0.0.1 and ::1, for one run of the replay server.  The CA's key
 * is forgotten at once; nobody can sign with it again.
 */
#ifndef REPLAY_CERT_H
#define REPLAY_CERT_H

#include "base/fault.h"

/* Makes both; writes the CA's certificate to ca_file, the server's to
 * cert_file and its key (mode 0600) to key_file, as PEM. */
int cert_make(const char *ca_file, const char *cert_file, const char *key_file,
    struct fault *fault);

#endif
