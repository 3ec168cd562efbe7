/* public/auth of the replay server, without a socket. */
#include <stdlib.h>

#include "base/clock.h"
#include "replay/auth.h"
#include "tap.h"

#define NOW_MS INT64_C(1795397091000) /* 2026-11-23 */

static struct rules rules = {10000, 10000, 60000};

static const char *answer(struct rpc *rpc, struct session *s, struct buf *out,
    const char *method, const char *params)
{
	char request[2048];
	int n = snprintf(request, sizeof(request),
	    "{\"id\":1,\"method\":\"public/%s\",\"params\":%s}", method,
	    params);

	buf_clear(out);
	rpc_answer(rpc, s, request, (size_t)n, out);
	return buf_str(out);
}

#define RAW                                                                    \
	"{\"channels\":[\"trades.BTC-PERPETUAL.raw\",\"quote.BTC-PERPETUAL\"]" \
	"}"

/* Of a string member of a reply, without quotes. */
static void member(const char *reply, const char *name, char *out, size_t size)
{
	char key[64];
	const char *p;

	snprintf(key, sizeof(key), "\"%s\":\"", name);
	p = strstr(reply, key);
	snprintf(out, size, "%.*s",
	    p == NULL ? 0 : (int)strcspn(p + strlen(key), "\""),
	    p == NULL ? "" : p + strlen(key));
}

static void test_auth(void)
{
	static struct auth auth = {"me", "s3cr\"t", 60, {""}, 0};
	struct market *m = market_new(1, NOW_MS, NULL);
	struct rpc rpc = {m, &rules, false, {1000, 1000, 1, 0}};
	struct session s, other;
	char token[128], params[400];
	struct buf out;

	buf_init(&out, 1 << 20);
	session_init(&s, 0, clock_mono_ms());
	session_init(&other, 1, clock_mono_ms());
	ok(strstr(answer(&rpc, &s, &out, "auth",
		      "{\"grant_type\":\"client_credentials\","
		      "\"client_id\":\"\",\"client_secret\":\"\"}"),
	       "13004") != NULL,
	    "nobody has an account");
	rpc.auth = &auth;
	ok(strstr(answer(&rpc, &s, &out, "auth", "{}"), "-32602") != NULL,
	    "a grant type must be");
	ok(strstr(answer(&rpc, &s, &out, "auth", "{\"grant_type\":\"x\"}"),
	       "-32602") != NULL,
	    "and be known");
	ok(strstr(answer(&rpc, &s, &out, "auth",
		      "{\"grant_type\":\"client_credentials\",\"client_id\":"
		      "\"me\",\"client_secret\":\"s3cr\"}"),
	       "13004") != NULL,
	    "a wrong secret");
	ok(strstr(answer(&rpc, &s, &out, "auth",
		      "{\"grant_type\":\"refresh_token\","
		      "\"refresh_token\":\"\"}"),
	       "13004") != NULL,
	    "no token to refresh");
	ok(!s.authenticated, "so it is nobody");
	ok(strstr(answer(&rpc, &s, &out, "subscribe", RAW), "13778") != NULL,
	    "nobody has raw channels");
	answer(&rpc, &s, &out, "auth",
	    "{\"grant_type\":\"client_credentials\",\"client_id\":\"me\","
	    "\"client_secret\":\"s3cr\\\"t\"}");
	ok(strstr(buf_str(&out), "\"expires_in\":60,\"token_type\":\"bearer\","
				 "\"scope\":\"connection\"") != NULL &&
		s.authenticated,
	    "the right one (%s)", buf_str(&out));
	member(buf_str(&out), "refresh_token", token, sizeof(token));
	ok(strstr(answer(&rpc, &s, &out, "subscribe", RAW),
	       "quote.BTC-PERPETUAL\"]") != NULL,
	    "raw channels are no error then");
	snprintf(params, sizeof(params),
	    "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
	    token);
	ok(strstr(answer(&rpc, &other, &out, "auth", params), "13004") != NULL,
	    "a token is its connection's");
	ok(strstr(answer(&rpc, &s, &out, "auth", params), "access_token") !=
		NULL,
	    "which may refresh it");
	ok(strstr(answer(&rpc, &s, &out, "auth", params), "13004") != NULL,
	    "once");
	s.token_until_ms = 5000;
	is_int(session_due(&s, &rules, 4999), RULES_NOTHING, "not yet");
	is_int(session_due(&s, &rules, 5000), RULES_TOKEN_ENDED, "it ends");
	ok(!s.authenticated, "and with it all");
	is_int(session_due(&s, &rules, 5000), RULES_NOTHING, "once");
	session_free(&s);
	session_free(&other);
	buf_free(&out);
	market_free(m);
}

/* Of HMAC-SHA256, with openssl dgst -sha256 -hmac s3cr3t over
 * "1795397091000\nf00dcafe\n". */
#define AT_MS "1795397091000"
#define SIGNATURE \
	"d3d3aab5f3db1d53ec0f5351d79131f104df1dc50ca91ca16e74c0572c20a176"

/* A session that signs, heard at now_ms: whether it may. */
static bool signs(
    struct auth *auth, int64_t now_ms, const char *nonce, const char *signature)
{
	struct session s;
	struct rpc rpc = {.auth = auth};
	struct buf result;
	char params[400];
	struct rpc_call c = {.rpc = &rpc,
	    .session = &s,
	    .now_us = now_ms * 1000,
	    .result = &result};
	bool good;

	buf_init(&result, 4096);
	session_init(&s, 0, 0);
	snprintf(params, sizeof(params),
	    "{\"grant_type\":\"client_signature\",\"client_id\":\"AbCd\","
	    "\"timestamp\":" AT_MS ",\"nonce\":\"%s\",\"data\":\"\","
	    "\"signature\":\"%s\"}",
	    nonce, signature);
	c.params = (struct json_span){params, strlen(params)};
	good = auth_call(&c) == 0 && s.authenticated;
	buf_free(&result);
	session_free(&s);
	return good;
}

static void test_signature(void)
{
	static struct auth auth = {"AbCd", "s3cr3t", 60, {""}, 0};
	char wrong[] = SIGNATURE;

	wrong[0] = wrong[0] == '0' ? '1' : '0';
	ok(!signs(&auth, NOW_MS, "f00dcafe", wrong), "a wrong signature");
	ok(!signs(&auth, NOW_MS, "f00dcaff", SIGNATURE), "of another nonce");
	ok(!signs(&auth, NOW_MS, "", SIGNATURE), "of none");
	ok(!signs(&auth, NOW_MS + 60001, "f00dcafe", SIGNATURE), "too old");
	ok(!signs(&auth, NOW_MS - 60001, "f00dcafe", SIGNATURE), "too early");
	ok(signs(&auth, NOW_MS + 60000, "f00dcafe", SIGNATURE), "a good one");
	ok(!signs(&auth, NOW_MS, "f00dcafe", SIGNATURE), "is good once");
}

static void test_read(void)
{
	static struct auth auth;
	char path[] = "test-replay-auth.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	struct fault fault;

	fputs("me\r\nmy secret\n", f);
	fclose(f);
	is_int(auth_read(&auth, path, &fault), 0, "credentials");
	is_str(auth.id, "me", "id");
	is_str(auth.secret, "my secret", "secret");
	f = fopen(path, "w");
	fputs("me\n", f);
	fclose(f);
	is_int(auth_read(&auth, path, &fault), -1, "half of them");
	is_int(fault.exit_code, EX_DATAERR, "are none");
	f = fopen(path, "w");
	for (int i = 0; i < 200; i++)
		putc('x', f);
	fputs("\ny\n", f);
	fclose(f);
	is_int(auth_read(&auth, path, &fault), -1, "nor too long ones");
	remove(path);
	is_int(auth_read(&auth, path, &fault), -1, "no file");
	is_int(fault.exit_code, EX_NOINPUT, "is no input");
}

int main(void)
{
	test_auth();
	test_signature();
	test_read();
	return done_testing();
}
