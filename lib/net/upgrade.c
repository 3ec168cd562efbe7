#include "net/upgrade.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>

/* RFC 6455 section 1.3. */
static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* Nobody is told to wait longer. */
#define RETRY_AFTER_MAX_MS 3600000

struct text {
	const char *p;
	size_t len;
};

struct response {
	int status;
	struct text reason;
	struct text accept;
	struct text location;
	struct text retry_after;
	bool upgrade;    /* Upgrade: websocket */
	bool connection; /* Connection: Upgrade */
	bool extension;
	bool protocol;
};

void upgrade_printable(char *out, size_t size, const char *p, size_t len)
{
	size_t n = 0;

	for (; n < len && n + 1 < size; n++)
		out[n] = p[n] >= 0x20 && p[n] < 0x7f ? p[n] : '?';
	out[n] = '\0';
}

int upgrade_key(char key[UPGRADE_KEY_SIZE])
{
	unsigned char random[16];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return -1;
	EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
	return 0;
}

int upgrade_accept(const char *key, char accept[UPGRADE_ACCEPT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[UPGRADE_KEY_SIZE + sizeof(accept_guid)];
	unsigned len = 0;

	if (strlen(key) >= UPGRADE_KEY_SIZE)
		return -1;
	strcpy(text, key);
	strcat(text, accept_guid);
	if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) !=
		1 ||
	    len != 20)
		return -1;
	EVP_EncodeBlock((unsigned char *)accept, digest, (int)len);
	return 0;
}

int upgrade_request(struct buf *out, const char *host, const char *target,
    const char *key, const char *user_agent)
{
	return buf_addf(out,
	    "GET %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "User-Agent: %s\r\n"
	    "\r\n",
	    target, host, key, user_agent);
}

static bool is_text(struct text t, const char *want)
{
	return t.len == strlen(want) && strncasecmp(t.p, want, t.len) == 0;
}

static struct text trim(struct text t)
{
	while (t.len > 0 && (t.p[0] == ' ' || t.p[0] == '\t')) {
		t.p++;
		t.len--;
	}
	while (t.len > 0 && (t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* Whether a comma-separated list names it. */
static bool lists(struct text list, const char *want)
{
	const char *end = list.p + list.len;

	for (const char *p = list.p; p <= end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		if (comma == NULL)
			comma = end;
		if (is_text(trim((struct text){p, (size_t)(comma - p)}), want))
			return true;
		p = comma + 1;
	}
	return false;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		char c = t.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z') ||
			(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
			return false;
	}
	return t.len > 0;
}

/* No control character but the tab; bytes above ASCII are tolerated. */
static bool is_field_text(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 101 Switching Protocols"; the reason may be absent. */
static int take_status(struct response *r, struct text line)
{
	const char *p = line.p;

	if (line.len < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !is_digit(p[7]) ||
	    p[8] != ' ' || p[9] < '1' || p[9] > '9' || !is_digit(p[10]) ||
	    !is_digit(p[11]) || (line.len > 12 && p[12] != ' ') ||
	    !is_field_text(line))
		return -1;
	r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	/* HTTP/1.0 knows no upgrade. */
	if (p[7] == '0' && r->status == 101)
		return -1;
	if (line.len > 13)
		r->reason = trim((struct text){p + 13, line.len - 13});
	return 0;
}

static int take_field(struct response *r, struct text line)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct text name, value;

	if (colon == NULL)
		return -1;
	name = (struct text){line.p, (size_t)(colon - line.p)};
	value = trim((struct text){colon + 1, line.len - name.len - 1});
	/* A folded line begins with white space: no token. */
	if (!is_token(name) || !is_field_text(value))
		return -1;
	if (is_text(name, "Upgrade")) {
		r->upgrade = r->upgrade || lists(value, "websocket");
	} else if (is_text(name, "Connection")) {
		r->connection = r->connection || lists(value, "upgrade");
	} else if (is_text(name, "Sec-WebSocket-Accept")) {
		if (r->accept.p != NULL)
			return -1;
		r->accept = value;
	} else if (is_text(name, "Sec-WebSocket-Extensions")) {
		r->extension = r->extension || value.len > 0;
	} else if (is_text(name, "Sec-WebSocket-Protocol")) {
		r->protocol = true;
	} else if (is_text(name, "Location")) {
		r->location = value;
	} else if (is_text(name, "Retry-After")) {
		r->retry_after = value;
	}
	return 0;
}

/* Lines end with CR LF, as RFC 9112 wants it of a server. */
static int parse(struct response *r, const char *p, const char *end)
{
	bool first = true;

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		struct text line;

		if (eol == NULL || eol == p || eol[-1] != '\r')
			return -1;
		line = (struct text){p, (size_t)(eol - 1 - p)};
		if (line.len == 0)
			return 0;
		if ((first ? take_status(r, line) : take_field(r, line)) == -1)
			return -1;
		first = false;
		p = eol + 1;
	}
	return -1;
}

/* Seconds as a number alone: a date would need both clocks to be right. */
static int64_t delay_ms(struct text seconds)
{
	int64_t ms = 0;

	for (size_t i = 0; i < seconds.len; i++) {
		if (!is_digit(seconds.p[i]))
			return 0;
		ms = ms * 10 + (seconds.p[i] - '0') * 1000;
		if (ms > RETRY_AFTER_MAX_MS)
			ms = RETRY_AFTER_MAX_MS;
	}
	return ms;
}

/* The server speaks HTTP and does not upgrade. */
static long refused(const struct response *r, struct fault *fault,
    struct upgrade_refusal *refusal)
{
	char reason[64], where[160];
	bool asked_wrong = r->status >= 400 && r->status < 500 &&
	                   r->status != 408 && r->status != 429;

	refusal->permanent = asked_wrong || r->status == 301 ||
	                     r->status == 308;
	refusal->status = r->status;
	if (r->status == 429 || r->status == 503)
		refusal->retry_after_ms = delay_ms(r->retry_after);
	upgrade_printable(reason, sizeof(reason), r->reason.p, r->reason.len);
	upgrade_printable(where, sizeof(where), r->location.p, r->location.len);
	return fault_set(fault, refusal->permanent ? EX_CONFIG : EX_UNAVAILABLE,
	    "HTTP %d%s%s instead of a WebSocket%s%s%s", r->status,
	    reason[0] != '\0' ? " " : "", reason,
	    r->status / 100 == 3 && where[0] != '\0' ? "; it points to " : "",
	    r->status / 100 == 3 ? where : "",
	    r->status == 404 ? "; is the URL right?" : "");
}

static long judge(const struct response *r, const char *key,
    struct fault *fault, struct upgrade_refusal *refusal)
{
	char accept[UPGRADE_ACCEPT_SIZE];

	if (r->status != 101)
		return refused(r, fault, refusal);
	refusal->permanent = true;
	if (!r->upgrade || !r->connection)
		return fault_set(fault, EX_PROTOCOL,
		    "the upgrade response does not say Upgrade: websocket and "
		    "Connection: Upgrade");
	if (r->accept.p == NULL)
		return fault_set(fault, EX_PROTOCOL,
		    "the upgrade response has no Sec-WebSocket-Accept");
	if (upgrade_accept(key, accept) == -1)
		return fault_set(fault, EX_SOFTWARE, "OpenSSL has no SHA-1");
	if (r->accept.len != strlen(accept) ||
	    memcmp(r->accept.p, accept, r->accept.len) != 0)
		return fault_set(fault, EX_PROTOCOL,
		    "the upgrade response has a wrong Sec-WebSocket-Accept");
	if (r->extension || r->protocol)
		return fault_set(fault, EX_PROTOCOL,
		    "the upgrade response has a %s that was not offered",
		    r->extension ? "Sec-WebSocket-Extensions"
				 : "Sec-WebSocket-Protocol");
	refusal->permanent = false;
	return 1;
}

/* Where the header ends, or NULL. */
static const char *header_end(const char *p, size_t len)
{
	const char *end = p + len, *eol;

	while ((eol = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (end - eol >= 3 && eol[1] == '\r' && eol[2] == '\n')
			return eol + 3;
		p = eol + 1;
	}
	return NULL;
}

static long no_http(struct fault *fault)
{
	return fault_set(
	    fault, EX_PROTOCOL, "the upgrade was answered by no valid HTTP");
}

long upgrade_response(const char *p, size_t len, const char *key,
    struct fault *fault, struct upgrade_refusal *refusal)
{
	static const char begin[] = "HTTP/1.";
	size_t n = len < sizeof(begin) - 1 ? len : sizeof(begin) - 1;
	struct response r = {0};
	const char *end;

	*refusal = (struct upgrade_refusal){.permanent = false};
	if (len == 0)
		return 0;
	if (memcmp(p, begin, n) != 0)
		return no_http(fault);
	end = header_end(
	    p, len < UPGRADE_RESPONSE_MAX ? len : UPGRADE_RESPONSE_MAX);
	if (end == NULL) {
		if (len < UPGRADE_RESPONSE_MAX)
			return 0;
		return fault_set(fault, EX_PROTOCOL,
		    "the upgrade response's header is larger than %d KiB",
		    UPGRADE_RESPONSE_MAX / 1024);
	}
	if (parse(&r, p, end) == -1)
		return no_http(fault);
	return judge(&r, key, fault, refusal) == -1 ? -1 : (long)(end - p);
}
