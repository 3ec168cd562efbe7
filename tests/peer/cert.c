#include "cert.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static EVP_PKEY *key_make(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	if (c != NULL && EVP_PKEY_keygen_init(c) == 1 &&
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1) ==
		1)
		EVP_PKEY_keygen(c, &key);
	EVP_PKEY_CTX_free(c);
	return key;
}

static int extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;
	int ok;

	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

/* Signed by issuer with its key; by itself where issuer is NULL. */
static X509 *cert_make(
    EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	X509_NAME *subject;
	char san[300];
	int ok;

	if (x == NULL)
		return NULL;
	snprintf(san, sizeof(san), "DNS:%s%s", name,
	    strcmp(name, "localhost") == 0 ? ",IP:127.0.0.1,IP:::1" : "");
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), issuer == NULL ? 1 : 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
	subject = X509_get_subject_name(x);
	ok = X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		 (const unsigned char *)name, -1, -1, 0) == 1 &&
	     X509_set_issuer_name(
		 x, issuer == NULL ? subject : X509_get_subject_name(issuer)) ==
	         1 &&
	     X509_set_pubkey(x, key) == 1;
	if (issuer == NULL)
		ok = ok &&
		     extend(x, x, NID_basic_constraints, "critical,CA:TRUE") &&
		     extend(x, x, NID_key_usage, "critical,keyCertSign");
	else
		ok = ok && extend(x, issuer, NID_subject_alt_name, san);
	if (!ok || X509_sign(x, issuer_key, EVP_sha256()) == 0) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static int pem_write(const char *path, X509 *x)
{
	FILE *f = fopen(path, "w");
	int ok = f != NULL && PEM_write_X509(f, x) == 1;

	return f != NULL && fclose(f) == 0 && ok;
}

SSL_CTX *cert_context(const struct cert_wish *wish)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *ca_key = key_make(), *key = key_make(), *other = key_make();
	X509 *ca = NULL, *leaf = NULL, *shown = NULL;
	int ok = 0;

	if (ctx == NULL || ca_key == NULL || key == NULL || other == NULL)
		goto out;
	ca = cert_make(ca_key, "deribit-tools test CA", NULL, ca_key);
	if (ca == NULL)
		goto out;
	leaf = cert_make(key, wish->name, ca, ca_key);
	shown = cert_make(other, "another test CA", NULL, other);
	ok = leaf != NULL && shown != NULL &&
	     SSL_CTX_use_certificate(ctx, leaf) == 1 &&
	     SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	     pem_write(wish->ca_file, wish->untrusted ? shown : ca);
out:
	X509_free(ca);
	X509_free(leaf);
	X509_free(shown);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	if (!ok) {
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}
