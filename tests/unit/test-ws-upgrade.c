/* The opening handshake: RFC 6455's own example, and hostile responses. */
#include "net/upgrade.h"

#include "tap.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define STATUS "HTTP/1.1 101 Switching Protocols\r\n"
#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define GOOD STATUS UP "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n"
#define BUSY(field) "HTTP/1.1 429 x\r\n" field "\r\n\r\n"

struct fixture {
	const char *what;
	const char *response;
	const char *sentence; /* a part of it; NULL: accepted */
	int exit_code;
	bool permanent;
	int status; /* that refused */
	int64_t retry_after_ms;
};

static const struct fixture fixtures[] = {
    {"the RFC's example", GOOD, NULL, 0, false},
    {"names and tokens in any case",
	"HTTP/1.1 101\r\nuPGRADE:WebSocket\t\r\n"
	"CONNECTION:  keep-alive ,\tUPGRADE\r\n"
	"sec-websocket-accept:" ACCEPT "\r\n\r\n",
	NULL, 0, false},
    {"404", "HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404 Not Found", EX_CONFIG,
	true, 404},
    {"no reason", "HTTP/1.1 403\r\n\r\n", "HTTP 403 instead", EX_CONFIG, true,
	403},
    {"408 passes", "HTTP/1.1 408 x\r\n\r\n", "HTTP 408", EX_UNAVAILABLE, false,
	408},
    {"429 passes", "HTTP/1.1 429 x\r\n\r\n", "HTTP 429", EX_UNAVAILABLE, false,
	429},
    {"503 passes", "HTTP/1.0 503 x\r\n\r\n", "HTTP 503", EX_UNAVAILABLE, false,
	503},
    {"a wait", BUSY("retry-AFTER: 7 "), "HTTP 429", EX_UNAVAILABLE, false, 429,
	7000},
    {"a wait of a 503", "HTTP/1.1 503 x\r\nRetry-After:120\r\n\r\n", "HTTP 503",
	EX_UNAVAILABLE, false, 503, 120000},
    {"a wait of 0", BUSY("Retry-After: 0"), "HTTP 429", EX_UNAVAILABLE, false,
	429, 0},
    {"a wait of an hour", BUSY("Retry-After: 3600"), "HTTP 429", EX_UNAVAILABLE,
	false, 429, 3600000},
    {"a wait of more", BUSY("Retry-After: 3601"), "HTTP 429", EX_UNAVAILABLE,
	false, 429, 3600000},
    {"a wait that fits nowhere",
	BUSY("Retry-After: 99999999999999999999999999"), "HTTP 429",
	EX_UNAVAILABLE, false, 429, 3600000},
    {"a wait until a date", BUSY("Retry-After: Fri, 31 Dec 2027 23:59:59 GMT"),
	"HTTP 429", EX_UNAVAILABLE, false, 429, 0},
    {"a wait below 0", BUSY("Retry-After: -5"), "HTTP 429", EX_UNAVAILABLE,
	false, 429, 0},
    {"a wait with a fraction", BUSY("Retry-After: 1.5"), "HTTP 429",
	EX_UNAVAILABLE, false, 429, 0},
    {"a wait of nothing", BUSY("Retry-After:"), "HTTP 429", EX_UNAVAILABLE,
	false, 429, 0},
    {"a wait of a 404", "HTTP/1.1 404 x\r\nRetry-After: 7\r\n\r\n", "HTTP 404",
	EX_CONFIG, true, 404, 0},
    {"a wait of an upgrade", STATUS UP "Retry-After: 7\r\n\r\n",
	"no Sec-WebSocket-Accept", EX_PROTOCOL, true, 0, 0},
    {"200", "HTTP/1.1 200 OK\r\n\r\n<html>", "HTTP 200 OK", EX_UNAVAILABLE,
	false, 200},
    {"301 names its target",
	"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n",
	"points to https://x/", EX_CONFIG, true, 301},
    {"302", "HTTP/1.1 302 Found\r\nLocation: https://x/\r\n\r\n",
	"points to https://x/", EX_UNAVAILABLE, false, 302},
    {"no accept key", STATUS UP "\r\n", "no Sec-WebSocket-Accept", EX_PROTOCOL,
	true},
    {"a wrong accept key",
	STATUS UP "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
	"wrong Sec-WebSocket-Accept", EX_PROTOCOL, true},
    {"an accept key in another case",
	STATUS UP "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	"wrong Sec-WebSocket-Accept", EX_PROTOCOL, true},
    {"the accept key twice",
	STATUS UP "Sec-WebSocket-Accept: " ACCEPT
		  "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
	"no valid HTTP", EX_PROTOCOL, false},
    {"no Upgrade",
	STATUS "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
	       "\r\n\r\n",
	"does not say Upgrade", EX_PROTOCOL, true},
    {"no Connection",
	STATUS "Upgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
	"does not say Upgrade", EX_PROTOCOL, true},
    {"another protocol's upgrade",
	STATUS "Upgrade: websocketx\r\nConnection: Upgrade\r\n"
	       "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
	"does not say Upgrade", EX_PROTOCOL, true},
    {"an extension",
	STATUS UP "Sec-WebSocket-Accept: " ACCEPT
		  "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	"Sec-WebSocket-Extensions that was not offered", EX_PROTOCOL, true},
    {"a subprotocol",
	STATUS UP "Sec-WebSocket-Accept: " ACCEPT
		  "\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
	"Sec-WebSocket-Protocol that was not offered", EX_PROTOCOL, true},
    {"HTTP/1.0 cannot upgrade",
	"HTTP/1.0 101 x\r\n" UP "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
	"no valid HTTP", EX_PROTOCOL, false},
    {"HTTP/2", "HTTP/2 101 x\r\n\r\n", "no valid HTTP", EX_PROTOCOL, false},
    {"no HTTP", "SSH-2.0-x\r\n\r\n", "no valid HTTP", EX_PROTOCOL, false},
    {"no space before the status", "HTTP/1.1-101 x\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a status of four digits", "HTTP/1.1 1010 x\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a status that is none", "HTTP/1.1 0x5 x\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a folded field", STATUS "X: a\r\n b\r\n" UP "\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"white space before the colon", STATUS "Upgrade : websocket\r\n\r\n",
	"no valid HTTP", EX_PROTOCOL, false},
    {"a field without a colon", STATUS "Upgrade\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a field without a name", STATUS ": x\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a control character", STATUS "X: \033[31m\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a line without CR", "HTTP/1.1 404 x\nX: y\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
    {"a bare CR", "HTTP/1.1 404 x\r\nX: y\rZ: z\r\n\r\n", "no valid HTTP",
	EX_PROTOCOL, false},
};

static void test_fixture(const struct fixture *x)
{
	struct fault fault = {0};
	struct upgrade_refusal refusal = {.permanent = true, .status = -1};
	size_t len = strlen(x->response);
	long n = upgrade_response(x->response, len, KEY, &fault, &refusal);

	if (x->sentence == NULL) {
		is_int(n, (int64_t)len, x->what);
		return;
	}
	if (!ok(n == -1 && strstr(fault.text, x->sentence) != NULL &&
		    fault.exit_code == x->exit_code &&
		    refusal.permanent == x->permanent &&
		    refusal.status == x->status &&
		    refusal.retry_after_ms == x->retry_after_ms,
		"%s", x->what))
		printf(
		    "#   %ld, exit %d, permanent %d, status %d, wait %" PRId64
		    ": %s\n",
		    n, fault.exit_code, refusal.permanent, refusal.status,
		    refusal.retry_after_ms, fault.text);
}

/* A copy of the exact size, so that a sanitizer sees a read behind it. */
static void test_byte_by_byte(void)
{
	static const char whole[] = GOOD "\x81\x02{}";
	size_t header = strlen(GOOD);
	bool waited = true;
	struct upgrade_refusal refusal;
	struct fault fault;
	long n = 0;

	for (size_t len = 0; len < sizeof(whole); len++) {
		char copy[sizeof(whole)];

		memcpy(copy, whole, len);
		n = upgrade_response(copy, len, KEY, &fault, &refusal);
		waited = waited && n == (len < header ? 0 : (long)header);
	}
	ok(waited, "byte by byte: waits for the empty line, and leaves the "
		   "frames behind it");
}

static void test_sizes(void)
{
	static char text[UPGRADE_RESPONSE_MAX + 8];
	struct fault fault;
	struct upgrade_refusal refusal;

	memset(text, 'a', sizeof(text));
	memcpy(text, STATUS, strlen(STATUS));
	is_int(upgrade_response(
		   text, UPGRADE_RESPONSE_MAX - 1, KEY, &fault, &refusal),
	    0, "a header just below the cap is waited for");
	ok(upgrade_response(
	       text, UPGRADE_RESPONSE_MAX, KEY, &fault, &refusal) == -1 &&
		strstr(fault.text, "larger than 16 KiB") != NULL,
	    "at the cap it is refused");
	memset(text, 0, sizeof(text));
	memcpy(text, STATUS, strlen(STATUS));
	memcpy(text + 100, "\r\n\r\n", 4);
	ok(upgrade_response(text, 104, KEY, &fault, &refusal) == -1,
	    "NUL bytes are refused");
}

static void test_request(void)
{
	char key[UPGRADE_KEY_SIZE], other[UPGRADE_KEY_SIZE];
	char accept[UPGRADE_ACCEPT_SIZE], text[16];
	struct buf b;

	upgrade_accept(KEY, accept);
	is_str(accept, ACCEPT, "the accept key of RFC 6455 section 1.3");
	ok(upgrade_key(key) == 0 && upgrade_key(other) == 0 &&
		strlen(key) == 24 && strcmp(key, other) != 0,
	    "two keys differ");
	buf_init(&b, 4096);
	upgrade_request(&b, "h:1", "/ws?x=1", KEY, "tool/1");
	is_str(buf_str(&b),
	    "GET /ws?x=1 HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n"
	    "Sec-WebSocket-Version: 13\r\nUser-Agent: tool/1\r\n\r\n",
	    "the request");
	buf_free(&b);
	upgrade_printable(
	    text, sizeof(text), "a\033[31m\xc2\x9b\x7f and on", 18);
	is_str(text, "a?[31m??? and o", "what is not printable is not printed");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++)
		test_fixture(&fixtures[i]);
	test_byte_by_byte();
	test_sizes();
	test_request();
	return done_testing();
}
