/*
 * What a login needs of OpenSSL: HMAC-SHA256 (RFC 2104), random bytes, and
 * memory that is wiped for certain.  Pure functions over bytes; whose secrets
 * they are, and what is signed, is not known here.
 */
#ifndef NET_HMAC_H
#define NET_HMAC_H

#include <stddef.h>

#define HMAC_HEX_SIZE 65 /* 32 bytes in hexadecimal, and a NUL */

/* The HMAC-SHA256 of the text in lower-case hexadecimal; -1 when OpenSSL does
 * not have it. */
int hmac_sha256_hex(const char *key, size_t key_len, const char *text,
    size_t len, char out[HMAC_HEX_SIZE]);

/* That many random bytes in lower-case hexadecimal; out has 2 * bytes + 1.  -1
 * when OpenSSL has none to give. */
int random_hex(char *out, size_t bytes);

/* Overwrites memory that held a secret; no compiler leaves it out. */
void secret_wipe(void *p, size_t size);

#endif
