#include "deribit/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

#define FILE_MAX 16384
#define NONCE_BYTES 16
/* An escape of JSON is at most this much longer than what it stands for. */
#define ESCAPE_MAX 6
#define PARAMS_ROOM 256      /* of the params, without what is escaped */
#define REFRESH_MS_PER_S 800 /* 80 % of the life */
#define REFRESH_MIN_MS 1000
#define REFRESH_MAX_MS INT64_C(86400000)

/* One of the two, and where it was found, for the fault. */
struct entry {
	const char *name;
	const char *what;
	char *out;
	size_t size;
};

struct entries {
	struct entry id, secret;
};

static struct entries entries_of(struct credentials *c)
{
	return (struct entries){
	    .id = {"DERIBIT_CLIENT_ID", "client id", c->id, sizeof(c->id)},
	    .secret = {"DERIBIT_CLIENT_SECRET", "client secret", c->secret,
		sizeof(c->secret)},
	};
}

static bool is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

/* Quotes and backslashes would be a shell's, left in by mistake. */
static bool is_entry_char(char c)
{
	return is_visible(c) && strchr("\"'\\`", c) == NULL;
}

static int entry_take(const struct entry *e, struct json_span value,
    const char *where, struct fault *fault)
{
	if (e->out[0] != '\0')
		return fault_set(
		    fault, EX_CONFIG, "%s: a second %s", where, e->what);
	if (value.len == 0)
		return fault_set(
		    fault, EX_CONFIG, "%s: the %s is empty", where, e->what);
	if (value.len >= e->size)
		return fault_set(fault, EX_CONFIG,
		    "%s: the %s is longer than %zu characters", where, e->what,
		    e->size - 1);
	for (size_t i = 0; i < value.len; i++)
		if (!is_entry_char(value.p[i]))
			return fault_set(fault, EX_CONFIG,
			    "%s: character %zu cannot be part of a %s (no "
			    "blanks, "
			    "quotes or backslashes)",
			    where, i + 1, e->what);
	memcpy(e->out, value.p, value.len);
	e->out[value.len] = '\0';
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct json_span trim(struct json_span s)
{
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_blank(*s.p)) {
		s.p++;
		s.len--;
	}
	return s;
}

/* The length of NAME in NAME=value, 0 if the line is none. */
static size_t name_len(struct json_span line)
{
	size_t n = 0;

	while (n < line.len &&
	       ((line.p[n] >= 'A' && line.p[n] <= 'Z') ||
		   (line.p[n] >= '0' && line.p[n] <= '9') || line.p[n] == '_'))
		n++;
	return n < line.len && line.p[n] == '=' ? n : 0;
}

static bool is_named(const struct entry *e, const char *name, size_t len)
{
	return strlen(e->name) == len && memcmp(e->name, name, len) == 0;
}

static int line_take(const struct entries *to, struct json_span line,
    const char *where, struct fault *fault)
{
	const struct entry *e = NULL;
	size_t n = name_len(line);

	if (line.len == 0 || *line.p == '#')
		return 0;
	if (n > 0) {
		if (is_named(&to->id, line.p, n))
			e = &to->id;
		else if (is_named(&to->secret, line.p, n))
			e = &to->secret;
		else
			return 0;
		line = (struct json_span){line.p + n + 1, line.len - n - 1};
	} else {
		e = to->id.out[0] == '\0' ? &to->id : &to->secret;
	}
	return entry_take(e, line, where, fault);
}

static int text_parse(const char *file, struct json_span text,
    const struct entries *to, struct fault *fault)
{
	char where[320];

	for (int number = 1; text.len > 0; number++) {
		const char *eol = memchr(text.p, '\n', text.len);
		size_t n = eol != NULL ? (size_t)(eol - text.p) : text.len;
		struct json_span line = {text.p, n};

		snprintf(where, sizeof(where), "%.255s: line %d", file, number);
		if (line_take(to, trim(line), where, fault) == -1)
			return -1;
		n += eol != NULL;
		text = (struct json_span){text.p + n, text.len - n};
	}
	return 0;
}

/* Opens it for us alone; -1 with *fault. */
static int file_open(const char *file, struct fault *fault)
{
	/* A pipe without a writer must not make us wait. */
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return fault_errno(fault,
		    errno == EACCES || errno == EPERM ? EX_NOPERM : EX_NOINPUT,
		    "%.255s", file);
	if (fstat(fd, &st) == -1)
		fault_errno(fault, EX_NOINPUT, "%.255s", file);
	else if (!S_ISREG(st.st_mode))
		fault_set(fault, EX_CONFIG, "%.255s: not a regular file", file);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		fault_set(fault, EX_NOPERM,
		    "%.255s: these credentials belong to another user (%ld)",
		    file, (long)st.st_uid);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		fault_set(fault, EX_NOPERM,
		    "%.255s: others may read these credentials (mode %04o): "
		    "chmod 600 %.255s",
		    file, (unsigned)(st.st_mode & 07777), file);
	else
		return fd;
	close(fd);
	return -1;
}

/* The whole file's length, or -1 with *fault. */
static ssize_t file_slurp(
    int fd, const char *file, char text[FILE_MAX], struct fault *fault)
{
	size_t len = 0;
	ssize_t n;

	while (len < FILE_MAX) {
		n = read(fd, text + len, FILE_MAX - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fault_errno(fault, EX_IOERR, "%.255s", file);
		if (n == 0)
			return (ssize_t)len;
		len += (size_t)n;
	}
	return fault_set(fault, EX_CONFIG,
	    "%.255s: a file of %d KiB or more holds no credentials", file,
	    FILE_MAX / 1024);
}

static int read_file(
    const char *file, const struct entries *to, struct fault *fault)
{
	char text[FILE_MAX];
	ssize_t len;
	int result = -1;
	int fd = file_open(file, fault);

	if (fd == -1)
		return -1;
	len = file_slurp(fd, file, text, fault);
	close(fd);
	if (len >= 0)
		result = text_parse(
		    file, (struct json_span){text, (size_t)len}, to, fault);
	secret_wipe(text, sizeof(text));
	return result;
}

static int read_variable(const struct entry *e, struct fault *fault)
{
	const char *value = getenv(e->name);

	if (value == NULL || *value == '\0')
		return 0;
	return entry_take(
	    e, (struct json_span){value, strlen(value)}, e->name, fault);
}

static int check_whole(
    const char *file, const struct entries *got, struct fault *fault)
{
	const struct entry *lacks = got->id.out[0] == '\0'       ? &got->id
	                            : got->secret.out[0] == '\0' ? &got->secret
	                                                         : NULL;

	if (lacks == NULL)
		return 0;
	if (file == NULL)
		return fault_set(fault, EX_CONFIG, "no %s: %s is not set",
		    lacks->what, lacks->name);
	return fault_set(
	    fault, EX_CONFIG, "%.255s: no %s in it", file, lacks->what);
}

int credentials_read(
    const char *file, struct credentials *c, struct fault *fault)
{
	struct entries to = entries_of(c);
	int r;

	memset(c, 0, sizeof(*c));
	if (file != NULL)
		r = read_file(file, &to, fault);
	else if ((r = read_variable(&to.id, fault)) == 0)
		r = read_variable(&to.secret, fault);
	if (r == 0 && check_whole(file, &to, fault) == 0)
		return 0;
	credentials_wipe(c);
	return -1;
}

void credentials_wipe(struct credentials *c)
{
	secret_wipe(c, sizeof(*c));
}

int auth_signature(const struct credentials *c, int64_t now_ms,
    const char *nonce, char out[HMAC_HEX_SIZE])
{
	char text[128];
	int n = snprintf(
	    text, sizeof(text), "%" PRId64 "\n%s\n", now_ms, nonce);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -1;
	return hmac_sha256_hex(
	    c->secret, strlen(c->secret), text, (size_t)n, out);
}

int auth_signature_params(struct buf *out, const struct credentials *c,
    int64_t now_ms, struct fault *fault)
{
	char nonce[2 * NONCE_BYTES + 1], signature[HMAC_HEX_SIZE];

	if (random_hex(nonce, NONCE_BYTES) == -1)
		return fault_set(
		    fault, EX_OSERR, "OpenSSL has no random bytes to give");
	if (auth_signature(c, now_ms, nonce, signature) == -1)
		return fault_set(
		    fault, EX_SOFTWARE, "OpenSSL has no HMAC-SHA256");
	/* With that much room nothing below can fail halfway. */
	if (buf_reserve(out, ESCAPE_MAX * sizeof(c->id) + PARAMS_ROOM) == -1)
		return fault_errno(
		    fault, EX_OSERR, "no room for the params of public/auth");
	buf_adds(out, "{\"grant_type\":\"client_signature\",\"client_id\":");
	json_encode(out, c->id, strlen(c->id));
	buf_addf(out,
	    ",\"timestamp\":%" PRId64
	    ",\"nonce\":\"%s\",\"data\":\"\",\"signature\":\"%s\"}",
	    now_ms, nonce, signature);
	return 0;
}

int auth_refresh_params(struct buf *out, const char *refresh_token)
{
	size_t len = strlen(refresh_token);

	if (len >= sizeof(((struct auth_token *)NULL)->refresh)) {
		errno = EFBIG;
		return -1;
	}
	if (buf_reserve(out, ESCAPE_MAX * len + PARAMS_ROOM) == -1)
		return -1;
	buf_adds(out, "{\"grant_type\":\"refresh_token\",\"refresh_token\":");
	json_encode(out, refresh_token, len);
	return buf_addc(out, '}');
}

/* -1: longer than a token may be, or not of visible ASCII. */
static int token_take(const struct json_value *v, struct auth_token *t)
{
	struct buf text;
	size_t n = 0;
	int r = -1;

	if (v->type != JSON_STRING)
		return -1;
	buf_init(&text, sizeof(t->refresh) - 1);
	/* All of it at once: what grows leaves copies behind. */
	if (buf_reserve(&text, sizeof(t->refresh) - 1) == 0 &&
	    json_decode(json_inside(v->text), &text) == 0) {
		while (n < buf_used(&text) && is_visible(buf_head(&text)[n]))
			n++;
		if (n > 0 && n == buf_used(&text)) {
			memcpy(t->refresh, buf_head(&text), n);
			t->refresh[n] = '\0';
			r = 0;
		}
	}
	if (text.data != NULL)
		secret_wipe(text.data, text.size);
	buf_free(&text);
	return r;
}

static int seconds_take(const struct json_value *v, int64_t *seconds)
{
	if (v->type != JSON_NUMBER ||
	    num_int64(v->text.p, v->text.len, seconds) != NUM_OK ||
	    *seconds <= 0)
		return -1;
	return 0;
}

static int result_read(
    struct json *j, struct auth_token *t, struct fault *fault)
{
	struct json_span key;
	struct json_value v;
	int r;

	if (json_object_begin(j) == -1)
		return fault_set(fault, EX_PROTOCOL,
		    "the result of public/auth is no object");
	while ((r = json_object_next(j, &key)) == 1) {
		if (json_value(j, &v) == -1)
			break;
		if (json_span_is(key, "refresh_token") &&
		    token_take(&v, t) == -1)
			return fault_set(fault, EX_PROTOCOL,
			    "the result of public/auth has a refresh_token "
			    "that is none");
		if (json_span_is(key, "expires_in") &&
		    seconds_take(&v, &t->expires_s) == -1)
			return fault_set(fault, EX_PROTOCOL,
			    "the result of public/auth has an expires_in that "
			    "is no number of seconds");
	}
	if (r != 0 || json_end(j) == -1)
		return fault_set(
		    fault, EX_PROTOCOL, "the result of public/auth is no JSON");
	if (t->refresh[0] == '\0' || t->expires_s == 0)
		return fault_set(fault, EX_PROTOCOL,
		    "the result of public/auth has no %s",
		    t->refresh[0] == '\0' ? "refresh_token" : "expires_in");
	return 0;
}

int auth_result(
    struct json_span result, struct auth_token *t, struct fault *fault)
{
	struct json j;

	memset(t, 0, sizeof(*t));
	json_init(&j, result.p, result.len);
	if (result_read(&j, t, fault) == 0)
		return 0;
	secret_wipe(t, sizeof(*t));
	return -1;
}

int64_t auth_refresh_after_ms(const struct auth_token *t)
{
	int64_t ms;

	/* Before the product, which might not fit. */
	if (t->expires_s >= REFRESH_MAX_MS / REFRESH_MS_PER_S)
		return REFRESH_MAX_MS;
	ms = t->expires_s * REFRESH_MS_PER_S;
	return ms < REFRESH_MIN_MS ? REFRESH_MIN_MS : ms;
}
