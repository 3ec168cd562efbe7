/* The capped buffer against a model: a plain array and a length. */
#include <errno.h>

#include "base/buf.h"
#include "gen.h"
#include "tap.h"

#define CAP 3000

struct model {
	char data[CAP];
	size_t len;
};

static bool same(struct buf *b, const struct model *m)
{
	return b->start <= b->len && b->len <= b->size && b->size <= b->cap &&
	       buf_used(b) == m->len &&
	       (m->len == 0 || memcmp(buf_head(b), m->data, m->len) == 0);
}

static bool step_add(struct buf *b, struct model *m, struct gen *g)
{
	char bytes[700] = {0};
	size_t n = gen_below(g, sizeof(bytes));
	int want = n > CAP - m->len ? -1 : 0;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)gen_next(g);
	errno = 0;
	if (buf_add(b, bytes, n) != want || (want == -1 && errno != EFBIG))
		return false;
	if (want == 0) {
		memcpy(m->data + m->len, bytes, n);
		m->len += n;
	}
	return true;
}

static void step_consume(struct buf *b, struct model *m, struct gen *g)
{
	size_t n = gen_below(g, (unsigned)m->len + 1);

	buf_consume(b, n);
	memmove(m->data, m->data + n, m->len - n);
	m->len -= n;
}

static void test_model(void)
{
	static struct model m;
	struct gen g = {1};
	struct buf b;
	bool good = true;
	int i;

	buf_init(&b, CAP);
	for (i = 0; i < 200000 && good; i++) {
		switch (gen_below(&g, 5)) {
		case 0: step_consume(&b, &m, &g); break;
		case 1:
			good = buf_addc(&b, 'c') == (m.len < CAP ? 0 : -1);
			if (m.len < CAP)
				m.data[m.len++] = 'c';
			break;
		case 2:
			if (gen_below(&g, 50) == 0) {
				buf_clear(&b);
				m.len = 0;
			}
			break;
		default: good = step_add(&b, &m, &g);
		}
		good = good && same(&b, &m);
	}
	ok(good, "200000 steps like the model (stopped at %d)", i);
	buf_free(&b);
	ok(b.data == NULL && buf_used(&b) == 0 && b.cap == CAP,
	    "freed, the cap kept");
}

static void test_cap(void)
{
	struct buf b;

	buf_init(&b, 10);
	ok(buf_add(&b, "0123456789", 10) == 0, "as many bytes as the cap");
	errno = 0;
	ok(buf_addc(&b, 'x') == -1 && errno == EFBIG, "EFBIG for one more");
	ok(buf_reserve(&b, 0) == 0, "0 more are none");
	ok(buf_reserve(&b, (size_t)-1) == -1 &&
		buf_reserve(&b, (size_t)-5) == -1,
	    "no size wraps around");
	buf_consume(&b, 4);
	ok(buf_add(&b, "abcd", 4) == 0 && buf_used(&b) == 10 &&
		memcmp(buf_head(&b), "456789abcd", 10) == 0,
	    "room consumed is room again");
	ok(buf_str(&b) == NULL, "no room for the NUL of a full buffer");
	buf_consume(&b, 1);
	is_str(buf_str(&b), "56789abcd", "room for it behind one byte less");
	buf_free(&b);
}

static void test_text(void)
{
	struct buf b;

	buf_init(&b, 1000);
	is_str(buf_str(&b), "", "an empty buffer is an empty string");
	ok(buf_adds(&b, "n=") == 0 && buf_addf(&b, "%d,%s", 42, "x") == 0,
	    "texts are appended");
	is_str(buf_str(&b), "n=42,x", "and stand there");
	is_int((int64_t)buf_used(&b), 6, "the NUL is not counted");
	ok(buf_add(&b, NULL, 0) == 0, "no bytes from nowhere");
	ok(buf_addf(&b, "%2000d", 1) == -1 && buf_used(&b) == 6,
	    "what does not fit leaves the rest as it was");
	buf_free(&b);
}

int main(void)
{
	test_cap();
	test_text();
	test_model();
	return done_testing();
}
