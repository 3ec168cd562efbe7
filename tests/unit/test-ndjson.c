/* Lines from a pipe, whatever the cuts between reads. */
#include "io/ndjson.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

struct expected {
	enum ndjson_line what;
	const char *text;
	uint64_t line, offset, whole;
};

static int fds[2];

static void feed(const char *text, size_t len)
{
	if (write(fds[1], text, len) != (ssize_t)len)
		abort();
}

static void expect(struct ndjson *n, const struct expected *e)
{
	struct ndjson_item item;
	int r;

	while ((r = ndjson_next(n, &item)) == 0)
		if (ndjson_read(n) != 1 && ndjson_next(n, &item) == 0)
			break;
		else if (r == 0 && n->eof) {
			r = 1;
			break;
		}
	if (!ok(r == 1, "an item for line %d", (int)e->line))
		return;
	is_int(item.what, e->what, "its kind");
	ok(item.len == strlen(e->text) &&
		memcmp(item.p, e->text, item.len) == 0,
	    "its text");
	ok(item.line == e->line && item.offset == e->offset &&
		item.whole == e->whole,
	    "its place: line %d, byte %d, %d bytes", (int)item.line,
	    (int)item.offset, (int)item.whole);
}

static void simple(void)
{
	struct ndjson n;

	if (pipe(fds) == -1)
		abort();
	ndjson_init(&n, fds[0], 16);
	feed("one\n\ntw", 7);
	expect(&n, &(struct expected){NDJSON_LINE, "one", 1, 0, 4});
	expect(&n, &(struct expected){NDJSON_LINE, "", 2, 4, 1});
	feed("o\ntorn", 6);
	expect(&n, &(struct expected){NDJSON_LINE, "two", 3, 5, 4});
	close(fds[1]);
	expect(&n, &(struct expected){NDJSON_TORN, "torn", 4, 9, 4});
	ok(n.eof && ndjson_read(&n) == 0, "then the end");
	ndjson_free(&n);
	close(fds[0]);
}

/* A line far beyond the cap between two good ones, in pieces. */
static void too_long(void)
{
	struct ndjson n;
	struct ndjson_item item;
	char piece[10000];
	uint64_t fed = 0;

	if (pipe(fds) == -1)
		abort();
	memset(piece, 'x', sizeof(piece));
	ndjson_init(&n, fds[0], 5000);
	feed("a\n", 2);
	expect(&n, &(struct expected){NDJSON_LINE, "a", 1, 0, 2});
	for (int i = 0; i < 300; i++) {
		feed(piece, sizeof(piece));
		fed += sizeof(piece);
		ndjson_read(&n);
		if (ndjson_next(&n, &item) != 0)
			ok(false, "a line without its end came out");
	}
	ok(n.in.size <= n.in.cap && buf_used(&n.in) <= 5000 + 4096,
	    "what is kept of it is small");
	feed("\nb\n", 3);
	ndjson_read(&n);
	ok(ndjson_next(&n, &item) == 1 && item.what == NDJSON_TOO_LONG,
	    "it is reported as too long");
	ok(item.len > 0 && item.len <= 4096 && item.p[0] == 'x',
	    "with its first bytes");
	ok(item.line == 2 && item.offset == 2 && item.whole == fed + 1,
	    "and its place and size");
	expect(&n, &(struct expected){NDJSON_LINE, "b", 3, 2 + fed + 1, 2});
	close(fds[1]);
	ndjson_free(&n);
	close(fds[0]);
}

/* The same bytes in pieces of every size give the same lines. */
static void pieces(void)
{
	static const char text[] =
	    "{\"a\":1}\nshort\nthis is much too long\n\nz";
	int bad = 0;

	for (size_t step = 1; step < sizeof(text); step++) {
		struct ndjson n;
		struct ndjson_item item;
		uint64_t lines = 0, bytes = 0, too_long_lines = 0, torn = 0;
		size_t at = 0;

		if (pipe(fds) == -1)
			abort();
		ndjson_init(&n, fds[0], 10);
		for (;;) {
			size_t left = sizeof(text) - 1 - at;
			size_t now = left < step ? left : step;

			if (now > 0)
				feed(text + at, now);
			else
				close(fds[1]);
			at += now;
			ndjson_read(&n);
			while (ndjson_next(&n, &item) == 1) {
				lines++;
				bytes += item.whole;
				too_long_lines += item.what == NDJSON_TOO_LONG;
				torn += item.what == NDJSON_TORN;
			}
			if (now == 0)
				break;
		}
		if (lines != 5 || bytes != sizeof(text) - 1 ||
		    too_long_lines != 1 || torn != 1)
			bad++;
		ndjson_free(&n);
		close(fds[0]);
	}
	is_int(bad, 0, "pieces of every size give the same lines");
}

int main(void)
{
	simple();
	too_long();
	pieces();
	return done_testing();
}
