/*
 * Any bytes as a server's answer: the upgrade response, then frames.  However
 * the bytes are cut on the way, the same must come of them.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "net/frames.h"
#include "net/upgrade.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define MESSAGE_MAX 10000

struct feed {
	const uint8_t *p;
	size_t left, step, granted;
	uint64_t heard; /* a hash of all that came out */
};

static void hash(struct feed *f, char what, const void *p, size_t n)
{
	const uint8_t *c = p;

	f->heard = (f->heard ^ (uint8_t)what) * 1099511628211U;
	for (size_t i = 0; i < n; i++)
		f->heard = (f->heard ^ c[i]) * 1099511628211U;
}

static size_t on_pull(void *arg, void *p, size_t size)
{
	struct feed *f = arg;
	size_t n = f->granted < f->left ? f->granted : f->left;

	if (n > size)
		n = size;
	if (n > 0)
		memcpy(p, f->p, n);
	f->p += n;
	f->left -= n;
	f->granted -= n;
	return n;
}

static int on_message(void *arg, const char *text, size_t len)
{
	volatile char behind = text[len];

	(void)behind;
	EXPECT(len <= MESSAGE_MAX && utf8_span(text, len) == len);
	hash(arg, 'm', text, len);
	return 0;
}

static int on_ping(void *arg, const char *payload, size_t len)
{
	EXPECT(len <= 125);
	hash(arg, 'p', payload, len);
	return 0;
}

static int on_close(void *arg, unsigned code, const char *reason, size_t len)
{
	EXPECT(code >= 1000 && code < 5000);
	EXPECT(len <= 123 && utf8_span(reason, len) == len);
	hash(arg, 'c', reason, len);
	return -1;
}

static uint64_t read_frames(const uint8_t *p, size_t n, size_t step)
{
	static const struct frames_calls calls = {
	    on_pull, on_message, on_ping, on_close};
	struct feed f = {.p = p, .left = n, .heard = 14695981039346656037U};
	struct frames *frames = frames_new(MESSAGE_MAX, &calls, &f);
	struct fault fault = {0};
	unsigned code = 0;
	int r = 0;

	EXPECT(frames != NULL);
	while (r == 0 && f.left > 0) {
		f.granted = step;
		r = frames_read(frames, &code, &fault);
	}
	EXPECT(r != -1 || (code >= 1002 && code <= 1009));
	hash(&f, 'r', &r, sizeof(r));
	hash(&f, 'e', &code, sizeof(code));
	frames_free(frames);
	return f.heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct fault fault = {0};
	uint64_t once;
	struct upgrade_refusal refusal;
	long n = upgrade_response(text, size, KEY, &fault, &refusal);

	EXPECT(n >= -1 && n <= (long)size);
	EXPECT(n != -1 || fault.exit_code != 0);
	EXPECT(
	    refusal.retry_after_ms >= 0 && refusal.retry_after_ms <= 3600000);
	EXPECT(n == -1 || (refusal.status == 0 && !refusal.permanent));
	for (size_t i = 0; i < sizeof(fault.text) && fault.text[i]; i++)
		EXPECT(fault.text[i] >= 0x20 && fault.text[i] < 0x7f);
	if (n > 0) {
		EXPECT(upgrade_response(
			   text, (size_t)n - 1, KEY, &fault, &refusal) == 0);
		data += n;
		size -= (size_t)n;
	}
	once = read_frames(data, size, SIZE_MAX);
	EXPECT(read_frames(data, size, 1) == once);
	EXPECT(read_frames(data, size, 13) == once);
	return 0;
}
