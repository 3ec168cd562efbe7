#include "replay/auth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "replay/methods.h"

#define SKEW_MS 60000 /* a signature's time may be off by so much */
#define DATA_SIZE 1024
#define TOKEN_BYTES 32

/* A line without its end; -1: none, or too long. */
static int read_line(FILE *f, char *out, int size)
{
	size_t len;

	if (fgets(out, size, f) == NULL)
		return -1;
	len = strcspn(out, "\r\n");
	if (out[len] == '\0' && !feof(f))
		return -1;
	out[len] = '\0';
	return len == 0 ? -1 : 0;
}

int auth_read(struct auth *a, const char *path, struct fault *fault)
{
	FILE *f = fopen(path, "r");
	int r = 0;

	if (f == NULL)
		return fault_errno(fault, EX_NOINPUT, "%s", path);
	if (read_line(f, a->id, sizeof(a->id)) == -1 ||
	    read_line(f, a->secret, sizeof(a->secret)) == -1)
		r = fault_set(fault, EX_DATAERR,
		    "%s: expected a line with the client's id and one with its "
		    "secret, of %zu bytes at most",
		    path, sizeof(a->id) - 2);
	fclose(f);
	return r;
}

static void hex(char *out, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

/* A string with its escapes taken out, "" when absent. */
static int text_param(
    struct rpc_call *c, const char *name, char *out, size_t size)
{
	struct json_value v;
	struct buf text;
	int r = 0;

	out[0] = '\0';
	if (rpc_param(c, name, &v) == 0)
		return 0;
	if (v.type != JSON_STRING)
		return rpc_invalid(c, "must be a string", name);
	buf_init(&text, size - 1);
	if (json_decode(json_inside(v.text), &text) == -1)
		r = rpc_invalid(c, "is too long", name);
	else if (buf_used(&text) > 0)
		memcpy(out, buf_head(&text), buf_used(&text));
	out[buf_used(&text)] = '\0';
	if (r == 0 && strlen(out) != buf_used(&text))
		r = rpc_invalid(c, "must not hold a NUL", name);
	buf_free(&text);
	return r;
}

static bool is_same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0;
}

static int deny(struct rpc_call *c)
{
	return rpc_fail(c, 13004, "invalid_credentials");
}

static int by_credentials(struct rpc_call *c)
{
	const struct auth *a = c->rpc->auth;
	char id[256], secret[256];

	if (text_param(c, "client_id", id, sizeof(id)) == -1 ||
	    text_param(c, "client_secret", secret, sizeof(secret)) == -1)
		return -1;
	return is_same(id, a->id) && is_same(secret, a->secret) ? 0 : deny(c);
}

/* Lowercase hexadecimal HMAC-SHA256 over three lines, the last without end. */
static int sign(const char *secret, int64_t at_ms, const char *nonce,
    const char *data, char *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char message[DATA_SIZE + AUTH_NONCE_SIZE + 32];
	unsigned len = 0;
	int n = snprintf(message, sizeof(message), "%" PRId64 "\n%s\n%s", at_ms,
	    nonce, data);

	if (HMAC(EVP_sha256(), secret, (int)strlen(secret),
		(const unsigned char *)message, (size_t)n, sum, &len) == NULL)
		return -1;
	hex(out, sum, len);
	return 0;
}

static bool nonce_seen(const struct auth *a, const char *nonce)
{
	for (uint64_t i = 0; i < a->nonces && i < AUTH_NONCES; i++)
		if (strcmp(a->nonce[i], nonce) == 0)
			return true;
	return false;
}

static int by_signature(struct rpc_call *c)
{
	struct auth *a = c->rpc->auth;
	char id[256], nonce[AUTH_NONCE_SIZE], data[DATA_SIZE], signature[256];
	char want[2 * EVP_MAX_MD_SIZE + 1];
	int64_t at_ms = 0, now_ms = c->now_us / 1000;

	if (text_param(c, "client_id", id, sizeof(id)) == -1 ||
	    text_param(c, "nonce", nonce, sizeof(nonce)) == -1 ||
	    text_param(c, "data", data, sizeof(data)) == -1 ||
	    text_param(c, "signature", signature, sizeof(signature)) == -1 ||
	    integer_param(c, "timestamp", &at_ms) == -1)
		return -1;
	if (nonce[0] == '\0')
		return rpc_invalid(c, "value is required", "nonce");
	if (!is_same(id, a->id) || at_ms < now_ms - SKEW_MS ||
	    at_ms > now_ms + SKEW_MS || nonce_seen(a, nonce) ||
	    sign(a->secret, at_ms, nonce, data, want) == -1 ||
	    !is_same(signature, want))
		return deny(c);
	/* Only a good signature uses its nonce up: else anybody could. */
	strcpy(a->nonce[a->nonces++ % AUTH_NONCES], nonce);
	return 0;
}

static int by_refresh(struct rpc_call *c)
{
	char token[256];

	if (text_param(c, "refresh_token", token, sizeof(token)) == -1)
		return -1;
	return c->session != NULL && c->session->refresh[0] != '\0' &&
	               is_same(token, c->session->refresh)
	           ? 0
	           : deny(c);
}

static int token_make(char *out)
{
	unsigned char bytes[TOKEN_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	hex(out, bytes, sizeof(bytes));
	return 0;
}

static int grant(struct rpc_call *c)
{
	char access[RULES_TOKEN_SIZE], refresh[RULES_TOKEN_SIZE];
	int64_t life_s = c->rpc->auth->life_s;

	if (token_make(access) == -1 || token_make(refresh) == -1)
		return rpc_fail(c, 13028, "temporarily_unavailable");
	if (c->session != NULL) {
		c->session->authenticated = true;
		c->session->token_until_ms = c->mono_ms + life_s * 1000;
		strcpy(c->session->refresh, refresh);
	}
	return buf_addf(c->result,
	    "{\"access_token\":\"%s\",\"refresh_token\":\"%s\","
	    "\"expires_in\":%" PRId64
	    ",\"token_type\":\"bearer\",\"scope\":\"connection\"}",
	    access, refresh, life_s);
}

int auth_call(struct rpc_call *c)
{
	char type[32];
	int r;

	if (text_param(c, "grant_type", type, sizeof(type)) == -1)
		return -1;
	if (type[0] == '\0')
		return rpc_invalid(c, "value is required", "grant_type");
	if (c->rpc->auth == NULL || c->rpc->auth->id[0] == '\0')
		return deny(c);
	if (strcmp(type, "client_credentials") == 0)
		r = by_credentials(c);
	else if (strcmp(type, "client_signature") == 0)
		r = by_signature(c);
	else if (strcmp(type, "refresh_token") == 0)
		r = by_refresh(c);
	else
		r = rpc_invalid(c, "invalid grant type", "grant_type");
	return r == -1 ? -1 : grant(c);
}

void auth_keep_raw(struct session *s, struct json_span channel)
{
	if (buf_reserve(&s->raw, channel.len + 1) == -1)
		return;
	buf_add(&s->raw, channel.p, channel.len);
	buf_addc(&s->raw, '\0');
}

void auth_leave_raw(struct session *s, struct market *m)
{
	const char *name = buf_head(&s->raw);

	for (size_t left = buf_used(&s->raw); left > 0;) {
		size_t len = strlen(name);
		uint64_t *subs;

		if (market_channel(m, name, len, &subs) != CHANNEL_UNKNOWN &&
		    subs != NULL && market_unsubscribe(m, subs, s->slot))
			s->channels--;
		name += len + 1;
		left -= len + 1;
	}
	buf_clear(&s->raw);
}
