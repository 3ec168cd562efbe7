#include "net/hmac.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

/* The bytes may stand in the second half of out: each is read before its place
 * is written. */
static void write_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		unsigned char c = bytes[i];

		out[2 * i] = digits[c >> 4];
		out[2 * i + 1] = digits[c & 15];
	}
	out[2 * n] = '\0';
}

int hmac_sha256_hex(const char *key, size_t key_len, const char *text,
    size_t len, char out[HMAC_HEX_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (key_len > INT_MAX ||
	    HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text,
		len, digest, &n) == NULL ||
	    n != (HMAC_HEX_SIZE - 1) / 2)
		return -1;
	write_hex(digest, n, out);
	return 0;
}

int random_hex(char *out, size_t bytes)
{
	unsigned char *random = (unsigned char *)out + bytes;

	if (bytes > INT_MAX || RAND_bytes(random, (int)bytes) != 1)
		return -1;
	write_hex(random, bytes, out);
	return 0;
}

void secret_wipe(void *p, size_t size)
{
	OPENSSL_cleanse(p, size);
}
