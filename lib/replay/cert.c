#include "replay/cert.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define LIFE_S (30L * 86400)
#define SINCE_S (-86400L) /* clocks of containers differ */

static int trouble(struct fault *fault, const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	return fault_set(fault, EX_SOFTWARE, "certificate: %s: %s", what, text);
}

static EVP_PKEY *key_make(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) !=
		1 ||
	    EVP_PKEY_keygen(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	int r;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (e == NULL)
		return -1;
	r = X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
	return r == 1 ? 0 : -1;
}

static int serial_set(X509 *cert)
{
	unsigned char bytes[8];
	uint64_t serial = 0;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		serial = serial << 8 | bytes[i];
	return ASN1_INTEGER_set_uint64(
		   X509_get_serialNumber(cert), serial >> 1) == 1
	           ? 0
	           : -1;
}

static X509 *cert_begin(const char *name, EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *subject;

	if (cert == NULL)
		return NULL;
	subject = X509_get_subject_name(cert);
	if (X509_set_version(cert, 2) == 1 && serial_set(cert) == 0 &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), SINCE_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), LIFE_S) != NULL &&
	    X509_set_pubkey(cert, key) == 1 &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0) == 1)
		return cert;
	X509_free(cert);
	return NULL;
}

static X509 *ca_make(EVP_PKEY *key)
{
	X509 *ca = cert_begin("deribit-replay test CA", key);

	if (ca == NULL)
		return NULL;
	if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
	    extension(ca, ca, NID_basic_constraints,
		"critical,CA:TRUE,pathlen:0") == 0 &&
	    extension(ca, ca, NID_key_usage, "critical,keyCertSign") == 0 &&
	    extension(ca, ca, NID_subject_key_identifier, "hash") == 0 &&
	    X509_sign(ca, key, EVP_sha256()) > 0)
		return ca;
	X509_free(ca);
	return NULL;
}

static X509 *server_make(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
	X509 *cert = cert_begin("localhost", key);

	if (cert == NULL)
		return NULL;
	if (X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
	    extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ==
		0 &&
	    extension(cert, ca, NID_key_usage, "critical,digitalSignature") ==
		0 &&
	    extension(cert, ca, NID_ext_key_usage, "serverAuth") == 0 &&
	    extension(cert, ca, NID_authority_key_identifier, "keyid") == 0 &&
	    extension(cert, ca, NID_subject_alt_name,
		"DNS:localhost,IP:127.0.0.1,IP:::1") == 0 &&
	    X509_sign(cert, ca_key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

static int write_pem(
    const char *path, X509 *cert, EVP_PKEY *key, struct fault *fault)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, key ? 0600 : 0644);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "w");
	int good;

	if (f == NULL) {
		if (fd != -1)
			close(fd);
		return fault_errno(fault, EX_CANTCREAT, "%s", path);
	}
	good = key ? PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL)
	           : PEM_write_X509(f, cert);
	if (fclose(f) != 0 || good != 1)
		return fault_errno(fault, EX_IOERR, "%s", path);
	return 0;
}

int cert_make(const char *ca_file, const char *cert_file, const char *key_file,
    struct fault *fault)
{
	EVP_PKEY *ca_key = key_make(), *key = key_make();
	X509 *ca = ca_key ? ca_make(ca_key) : NULL;
	X509 *cert = ca && key ? server_make(key, ca, ca_key) : NULL;
	int r;

	if (cert == NULL)
		r = trouble(fault, "cannot make one");
	else if (write_pem(key_file, NULL, key, fault) == -1 ||
		 write_pem(cert_file, cert, NULL, fault) == -1 ||
		 write_pem(ca_file, ca, NULL, fault) == -1)
		r = -1;
	else
		r = 0;
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return r;
}
