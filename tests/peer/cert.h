/*
 * Throw-away certificates for servers in tests: a CA and a leaf signed by it,
 * made anew by every process.  Not for anything but loopback.
 */
#ifndef PEER_CERT_H
#define PEER_CERT_H

#include <openssl/ssl.h>

struct cert_wish {
	const char *name;    /* DNS name in the leaf; 127.0.0.1 and ::1 come
	                        with "localhost" */
	const char *ca_file; /* where the CA's certificate is written */
	int untrusted;       /* write another CA's certificate there */
};

/* A TLS server's context, or NULL when OpenSSL or the file refuses.  The
 * caller frees. */
SSL_CTX *cert_context(const struct cert_wish *wish);

#endif
