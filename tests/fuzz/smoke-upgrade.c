/* fuzz-upgrade without a fuzzer: good answers, damaged, from a seed. */
#include "fuzz.h"
#include "../unit/gen-json.h"
#include "../unit/tap.h"

#define ROUNDS 30000

static const char response[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/* A frame, mostly a right one. */
static void add_frame(struct gen *g, struct buf *b)
{
	static const unsigned char firsts[] = {
	    0x81, 0x81, 0x81, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x82};
	size_t n = gen_below(g, gen_below(g, 4) ? 100 : 600);
	unsigned first = firsts[gen_below(g, sizeof(firsts))];

	buf_addc(b, (char)first);
	if (n < 126) {
		buf_addc(b, (char)n);
	} else {
		buf_addc(b, 126);
		buf_addc(b, (char)(n >> 8));
		buf_addc(b, (char)n);
	}
	if (first == 0x88 && n >= 2) {
		buf_add(b, "\x0f\xa0", 2);
		n -= 2;
	}
	for (size_t i = 0; i < n; i++)
		buf_addc(b, (char)(0x20 + gen_below(g, 0x5f)));
}

static void run(const struct buf *text)
{
	/* A copy of just that size: the sanitizers see a read beyond it. */
	uint8_t *copy = malloc(buf_used(text));

	EXPECT(copy != NULL);
	memcpy(copy, buf_head(text), buf_used(text));
	LLVMFuzzerTestOneInput(copy, buf_used(text));
	free(copy);
}

int main(void)
{
	struct gen g = {11};
	struct buf text;

	buf_init(&text, 1 << 20);
	for (int i = 0; i < ROUNDS; i++) {
		buf_clear(&text);
		if (gen_below(&g, 4))
			buf_add(&text, response, sizeof(response) - 1);
		for (unsigned n = (unsigned)gen_below(&g, 6) + 1; n > 0; n--)
			add_frame(&g, &text);
		run(&text);
		gen_damage(&g, &text, "\r\n:\x81\x7f", 5);
		if (buf_used(&text) > 0)
			run(&text);
	}
	buf_free(&text);
	ok(true, "%d seeded answers, whole and damaged, without a finding",
	    ROUNDS);
	return done_testing();
}
