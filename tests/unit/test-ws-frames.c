/* Frames to messages: each fixture is fed at once, and byte by byte, and in
 * pieces; what comes out must be the same. */
#include "net/frames.h"

#include <stdlib.h>

#include "tap.h"

#define MESSAGE_MAX 100000

struct feed {
	const char *p;
	size_t len, at, step;
	size_t granted; /* of the running step */
	char log[4096];
	bool stop_at_message;
};

static size_t on_pull(void *arg, void *p, size_t size)
{
	struct feed *f = arg;
	size_t n = f->granted;

	if (n > f->len - f->at)
		n = f->len - f->at;
	if (n > size)
		n = size;
	memcpy(p, f->p + f->at, n);
	f->at += n;
	f->granted -= n;
	return n;
}

__attribute__((format(printf, 2, 3))) static void note(
    struct feed *f, const char *fmt, ...)
{
	size_t len = strlen(f->log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->log + len, sizeof(f->log) - len, fmt, ap);
	va_end(ap);
}

static int on_message(void *arg, const char *text, size_t len)
{
	struct feed *f = arg;
	volatile char behind = text[len];

	(void)behind;
	if (len > 200)
		note(f, "[%zu bytes]", len);
	else
		note(f, "[%.*s]", (int)len, text);
	return f->stop_at_message ? -1 : 0;
}

static int on_ping(void *arg, const char *payload, size_t len)
{
	note(arg, "ping(%.*s)", (int)len, payload);
	return 0;
}

static int on_close(void *arg, unsigned code, const char *reason, size_t len)
{
	note(arg, "close(%u %.*s)", code, (int)len, reason);
	return -1;
}

static const struct frames_calls calls = {
    on_pull, on_message, on_ping, on_close};

/* Feeds step bytes at a time; leaves what happened in f->log. */
static void run(struct feed *f, size_t step)
{
	struct frames *frames = frames_new(MESSAGE_MAX, &calls, f);
	struct fault fault = {0};
	unsigned code = 0;
	int r = 0;

	f->log[0] = '\0';
	for (f->at = 0; r == 0 && f->at < f->len;) {
		f->granted = step;
		r = frames_read(frames, &code, &fault);
	}
	if (r == -1)
		note(f, "!%u", code);
	frames_free(frames);
}

struct fixture {
	const char *what;
	const char *bytes;
	size_t len;
	const char *log;
};

#define BYTES(s) (s), sizeof(s) - 1

static const struct fixture fixtures[] = {
    {"two messages", BYTES("\x81\x02{}\x81\x05hello"), "[{}][hello]"},
    {"an empty message", BYTES("\x81\x00\x81\x01x"), "[][x]"},
    {"three fragments",
	BYTES("\x01\x01"
	      "a\x00\x01"
	      "b\x80\x01"
	      "c"),
	"[abc]"},
    {"empty fragments", BYTES("\x01\x00\x00\x00\x80\x00"), "[]"},
    {"a ping between fragments",
	BYTES("\x01\x01"
	      "a\x89\x02hi\x80\x01"
	      "b"),
	"ping(hi)[ab]"},
    {"a pong is ignored", BYTES("\x8a\x03xyz\x81\x01y"), "[y]"},
    {"a character cut by a fragment", BYTES("\x01\x01\xc3\x80\x01\xa9"),
	"[\xc3\xa9]"},
    {"a long form of a short length is refused", BYTES("\x81\x7e\x00\x02{}"),
	"!1002"},
    {"closed with a reason", BYTES("\x88\x11\x0f\xa0heartbeat close\x81\x01x"),
	"close(4000 heartbeat close)"},
    {"closed without a code", BYTES("\x88\x00"), "close(1005 )"},
    {"closed with half a code", BYTES("\x88\x01\x03"), "!1002"},
    {"closed with 1005", BYTES("\x88\x02\x03\xed"), "!1002"},
    {"closed with 1006", BYTES("\x88\x02\x03\xee"), "!1002"},
    {"closed with 5000", BYTES("\x88\x02\x13\x88"), "!1002"},
    {"closed with no UTF-8", BYTES("\x88\x04\x03\xe8\xc3\x28"), "!1007"},
    {"a masked frame", BYTES("\x81\x82\x01\x02\x03\x04zy"), "!1002"},
    {"RSV1", BYTES("\xc1\x02{}"), "!1002"},
    {"RSV3", BYTES("\x91\x02{}"), "!1002"},
    {"binary", BYTES("\x82\x02{}"), "!1003"},
    {"opcode 3", BYTES("\x83\x02{}"), "!1002"},
    {"opcode 11", BYTES("\x8b\x02{}"), "!1002"},
    {"a fragmented ping", BYTES("\x09\x02{}"), "!1002"},
    {"a ping of 126 bytes", BYTES("\x89\x7e\x00\x7e"), "!1002"},
    {"a continuation of nothing", BYTES("\x80\x02{}"), "!1002"},
    {"a message inside a message",
	BYTES("\x01\x01"
	      "a\x81\x01"
	      "b"),
	"!1002"},
    {"invalid UTF-8", BYTES("\x81\x02\xc3\x28"), "!1007"},
    {"a surrogate", BYTES("\x81\x03\xed\xa0\x80"), "!1007"},
    {"a character cut by the end", BYTES("\x81\x01\xc3"), "!1007"},
    {"20 MiB declared, nothing sent",
	BYTES("\x81\x7f\x00\x00\x00\x00\x01\x40\x00\x00 "), "!1009"},
    {"2^63 declared", BYTES("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00 "),
	"!1002"},
    {"2^63 - 1 declared in a continuation",
	BYTES("\x01\x01"
	      "a\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff "),
	"!1009"},
};

static void test_fixture(const struct fixture *x)
{
	static const size_t steps[] = {1, 2, 3, 7, 4096};
	/* Of the exact size, so that a sanitizer sees a read behind it. */
	char *copy = malloc(x->len);
	bool pass = true;

	memcpy(copy, x->bytes, x->len);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct feed f = {.p = copy, .len = x->len};

		run(&f, steps[i]);
		if (strcmp(f.log, x->log) != 0) {
			printf("# in steps of %zu: %s\n", steps[i], f.log);
			pass = false;
		}
	}
	free(copy);
	ok(pass, "%s: %s", x->what, x->log);
}

/* A server's frame, unmasked. */
static size_t put_frame(char *out, unsigned first, const char *p, size_t n)
{
	size_t at = 2;

	out[0] = (char)first;
	out[1] = n < 126 ? (char)n : n < 65536 ? 126 : 127;
	for (int i = n < 126 ? 0 : n < 65536 ? 2 : 8; i-- > 0;)
		out[at++] = (char)((unsigned long long)n >> (8 * i));
	memcpy(out + at, p, n);
	return at + n;
}

/* Lengths at the borders of the header's forms and of wslay's buffer. */
static void test_lengths(void)
{
	static const size_t lengths[] = {125, 126, 4091, 4092, 4093, 4094, 4096,
	    8192, 65535, 65536, MESSAGE_MAX, MESSAGE_MAX + 1};
	char *payload = malloc(MESSAGE_MAX + 1);
	char *bytes = malloc(MESSAGE_MAX + 100);

	memset(payload, 'x', MESSAGE_MAX + 1);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct feed f = {.p = bytes};
		char want[256];

		f.len = put_frame(bytes, 0x81, "abc", 3);
		f.len += put_frame(bytes + f.len, 0x81, payload, lengths[i]);
		f.len += put_frame(bytes + f.len, 0x81, "end", 3);
		if (lengths[i] > MESSAGE_MAX)
			snprintf(want, sizeof(want), "[abc]!1009");
		else if (lengths[i] > 200)
			snprintf(want, sizeof(want), "[abc][%zu bytes][end]",
			    lengths[i]);
		else
			snprintf(want, sizeof(want), "[abc][%.*s][end]",
			    (int)lengths[i], payload);
		run(&f, SIZE_MAX);
		ok(strcmp(f.log, want) == 0, "a message of %zu bytes",
		    lengths[i]);
	}
	free(payload);
	free(bytes);
}

static void test_stop(void)
{
	struct feed f = {.p = "\x81\x01"
			      "a\x81\x01"
			      "b",
	    .len = 6,
	    .stop_at_message = true};

	run(&f, SIZE_MAX);
	is_str(f.log, "[a]", "no message after the callback said stop");
}

static void test_write(void)
{
	struct frames *f = frames_new(100, &calls, NULL);
	struct buf out;
	const unsigned char *p;
	char text[6] = "";
	bool differ;

	buf_init(&out, 100);
	is_int(frames_write(f, FRAMES_TEXT, "hello", 5, &out), 0, "written");
	p = (const unsigned char *)buf_head(&out);
	for (size_t i = 0; i < 5; i++)
		text[i] = (char)(p[6 + i] ^ p[2 + (i & 3)]);
	ok(buf_used(&out) == 11 && p[0] == 0x81 && p[1] == 0x85 &&
		strcmp(text, "hello") == 0,
	    "a masked text frame");
	frames_write(f, FRAMES_PONG, "", 0, &out);
	p = (const unsigned char *)buf_head(&out);
	differ = memcmp(p + 2, p + 13, 4) != 0;
	ok(buf_used(&out) == 17 && p[11] == 0x8a && p[12] == 0x80 && differ,
	    "an empty pong, under another mask");
	is_int(frames_write(f, FRAMES_TEXT, out.data, 90, &out), -1,
	    "beyond the buffer's cap");
	is_int((int64_t)buf_used(&out), 17, "nothing of it was appended");
	buf_free(&out);
	frames_free(f);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++)
		test_fixture(&fixtures[i]);
	test_lengths();
	test_stop();
	test_write();
	return done_testing();
}
