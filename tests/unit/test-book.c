/* The chain of a book's changes: by hand, at random, and as recorded. */
#include <stdlib.h>

#include "base/table.h"
#include "deribit/rpc.h"
#include "gen.h"
#include "levels.h"
#include "record/book.h"
#include "tap.h"

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static void test_names(void)
{
	static const char *const chain[] = {"book.BTC-PERPETUAL.raw",
	    "book.BTC_USDC-27SEP24-60d5-C.100ms", "book.ETH-PERPETUAL.agg2"};
	static const char *const none[] = {"book.BTC-PERPETUAL.none.20.100ms",
	    "book.BTC-PERPETUAL", "quote.BTC-PERPETUAL.raw", "book", "",
	    "books.BTC-PERPETUAL.raw"};
	size_t i;

	for (i = 0; i < sizeof(chain) / sizeof(chain[0]); i++)
		ok(book_is_chain(span(chain[i])), "a chain: %s", chain[i]);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ok(!book_is_chain(span(none[i])), "no chain: %s", none[i]);
}

static void is_read(const char *text, int want, struct book_message m)
{
	struct book_message got;

	ok(book_read(span(text), &got) == want && got.snapshot == m.snapshot &&
		got.has_change == m.has_change &&
		got.change_id == m.change_id && got.has_prev == m.has_prev &&
		got.prev == m.prev,
	    "%s", text);
}

static void test_read(void)
{
	is_read("{\"type\":\"snapshot\",\"change_id\":193809618511}", 0,
	    (struct book_message){true, true, 193809618511, false, 0});
	is_read("{\"type\":\"snapshot\",\"prev_change_id\":null,"
		"\"change_id\":7}",
	    0, (struct book_message){true, true, 7, false, 0});
	is_read("{\"prev_change_id\":6,\"change_id\":7,"
		"\"type\":\"snapshot\"}",
	    0, (struct book_message){true, true, 7, true, 6});
	is_read("{\"type\":\"change\",\"prev_change_id\":193809618511,"
		"\"bids\":[[\"new\",1,2]],\"change_id\":193809634213}",
	    0,
	    (struct book_message){
		false, true, 193809634213, true, 193809618511});
	is_read("{\"change_id\":7}", 0,
	    (struct book_message){true, true, 7, false, 0});
	is_read("{\"prev_change_id\":6,\"change_id\":7}", 0,
	    (struct book_message){false, true, 7, true, 6});
	is_read("{\"type\":\"change\",\"change_id\":7}", 0,
	    (struct book_message){false, true, 7, false, 0});
	is_read("{\"type\":\"change\",\"prev_change_id\":\"6\","
		"\"change_id\":7.0}",
	    0, (struct book_message){false, true, 7, false, 0});
	is_read("{\"type\":\"snapshot\"}", -1,
	    (struct book_message){.snapshot = true});
	is_read("{\"type\":\"change\",\"change_id\":\"7\"}", -1,
	    (struct book_message){.snapshot = false});
	is_read("{\"type\":\"change\",\"change_id\":9223372036854775808}", -1,
	    (struct book_message){.snapshot = false});
	is_read("[]", -1, (struct book_message){.snapshot = false});
}

static enum book_is snapshot(struct book *b, int64_t id)
{
	return book_take(b, &(struct book_message){true, true, id, false, 0});
}

static enum book_is change(struct book *b, int64_t prev, int64_t id)
{
	return book_take(
	    b, &(struct book_message){false, true, id, true, prev});
}

static void test_chain(void)
{
	struct book b = {.valid = false};

	is_int(change(&b, 80, 90), BOOK_GAP, "a change before any snapshot");
	is_int(change(&b, 90, 95), BOOK_WAITS, "is told once");
	is_int(snapshot(&b, 100), BOOK_SNAPSHOT, "a snapshot begins");
	is_int(change(&b, 90, 95), BOOK_STALE, "an older change behind it");
	is_int(change(&b, 95, 100), BOOK_STALE, "the change it ends with");
	is_int(change(&b, 100, 150), BOOK_NEXT, "the next may jump");
	is_int(change(&b, 100, 150), BOOK_STALE, "the same again");
	is_int(change(&b, 150, 151), BOOK_NEXT, "or not");
	is_int(change(&b, 152, 160), BOOK_GAP, "another link is missing");
	ok(!b.valid, "the book is not valid");
	is_int(change(&b, 151, 152), BOOK_WAITS, "even if it comes too late");
	is_int(change(&b, 160, 170), BOOK_WAITS, "and all the rest");
	is_int(snapshot(&b, 165), BOOK_SNAPSHOT, "until a snapshot");
	is_int(change(&b, 160, 170), BOOK_GAP, "a gap right behind it");
	is_int(snapshot(&b, 170), BOOK_SNAPSHOT, "a snapshot");
	is_int(snapshot(&b, 170), BOOK_STALE, "the same again");
	is_int(snapshot(&b, 175), BOOK_SNAPSHOT, "and another");
	is_int(snapshot(&b, 170), BOOK_SNAPSHOT, "and an older one");
	is_int(change(&b, 170, 180), BOOK_NEXT, "and on");
	is_int(change(&b, 0, 190), BOOK_GAP, "0 is no link of a valid book");
	is_int(change(&b, 0, 200), BOOK_SNAPSHOT, "but begins a new one");
	is_int(change(&b, 200, 210), BOOK_NEXT, "that goes on");
	is_int(change(&b, 5, 6), BOOK_GAP,
	    "a counter that began anew is no old message");
	is_int(
	    book_take(&b, &(struct book_message){false, true, 211, false, 0}),
	    BOOK_WAITS, "a change that names none");
}

static void test_lost(void)
{
	struct book b = {.valid = false};

	snapshot(&b, 100);
	change(&b, 100, 110);
	book_lost(&b);
	is_int(change(&b, 110, 120), BOOK_GAP,
	    "behind a lost connection nothing follows");
	is_int(change(&b, 120, 130), BOOK_WAITS, "and that is told once");
	book_lost(&b);
	is_int(change(&b, 130, 140), BOOK_GAP, "a connection");
	is_int(snapshot(&b, 90), BOOK_SNAPSHOT, "a lower snapshot is one");
	is_int(change(&b, 90, 91), BOOK_NEXT, "and goes on");
	book_lost(&b);
	is_int(change(&b, 0, 10), BOOK_SNAPSHOT, "a new book begins at 0");
	is_int(book_take(&b, &(struct book_message){false, true, 11, false, 0}),
	    BOOK_GAP, "a change that names none");
	snapshot(&b, 0);
	is_int(book_take(&b, &(struct book_message){false, true, 1, false, 0}),
	    BOOK_GAP, "not even behind a snapshot of 0");
}

/*
 * A market's chain with losses, repetitions and new snapshots: what is passed
 * on has to be whole between a snapshot and the next gap.
 */
static bool run_seed(uint64_t seed)
{
	struct gen g = {seed};
	struct book b = {.valid = false};
	int64_t id = (int64_t)1 << 37, prev, passed = -1;
	bool told = false;

	for (int i = 0; i < 400; i++) {
		unsigned fate = gen_below(&g, 20);
		enum book_is is;

		prev = id;
		id += 1 + (int64_t)gen_below(&g, 1000);
		if (fate == 0) /* lost on its way */
			continue;
		is = fate == 1 ? snapshot(&b, id) : change(&b, prev, id);
		if (fate == 1) {
			if (is != BOOK_SNAPSHOT)
				return false;
			passed = id;
			told = false;
		} else if (passed == prev) {
			if (is != BOOK_NEXT)
				return false;
			passed = id;
		} else {
			if (is != (told ? BOOK_WAITS : BOOK_GAP))
				return false;
			passed = -1;
			told = true;
		}
		if (fate == 2 && passed == id &&
		    change(&b, prev, id) != BOOK_STALE)
			return false;
	}
	return true;
}

static enum book_turn line_snapshot(
    struct book_line *l, unsigned side, int64_t id)
{
	return book_line_take(l, side, BOOK_SNAPSHOT,
	    &(struct book_message){true, true, id, false, 0});
}

static enum book_turn line_change(
    struct book_line *l, unsigned side, int64_t prev, int64_t id)
{
	return book_line_take(l, side, BOOK_NEXT,
	    &(struct book_message){false, true, id, true, prev});
}

static void test_line(void)
{
	struct book_line l = {.last = 0};

	is_int(line_snapshot(&l, 0, 100), BOOK_PASS, "the first snapshot");
	is_int(line_snapshot(&l, 1, 100), BOOK_SEEN, "the other side's");
	is_int(line_change(&l, 1, 100, 110), BOOK_PASS, "who comes first");
	is_int(
	    line_change(&l, 0, 100, 110), BOOK_SEEN, "the same by the other");
	is_int(line_change(&l, 0, 110, 120), BOOK_PASS, "each may lead");
	book_line_leave(&l, 0);
	is_int(line_change(&l, 1, 110, 120), BOOK_SEEN,
	    "one that lags while the other leaves");
	ok(l.on[1] && !l.on[0], "has met it");
	is_int(line_change(&l, 1, 120, 130), BOOK_PASS, "and goes on alone");
	is_int(
	    line_snapshot(&l, 0, 140), BOOK_SEEN, "a snapshot that is ahead");
	ok(!l.on[0], "has not met it");
	is_int(
	    line_change(&l, 1, 130, 140), BOOK_PASS, "until the line is there");
	is_int(
	    line_change(&l, 0, 140, 150), BOOK_PASS, "from where it goes on");
	is_int(line_change(&l, 1, 140, 160), BOOK_ASTRAY,
	    "a side whose links are others");
	is_int(line_change(&l, 0, 150, 170), BOOK_PASS, "is of no use");
	is_int(line_change(&l, 1, 160, 170), BOOK_SEEN, "until they meet");
	is_int(line_change(&l, 1, 170, 180), BOOK_PASS, "and it leads again");
	book_line_leave(&l, 0);
	is_int(line_snapshot(&l, 0, 190), BOOK_SEEN, "ahead, and still");
	is_int(line_change(&l, 1, 180, 190), BOOK_PASS, "the line is there");
	book_line_leave(&l, 1);
	is_int(line_snapshot(&l, 1, 190), BOOK_SEEN,
	    "who was ahead goes on from there");
	book_line_leave(&l, 0);
	book_line_leave(&l, 1);
	is_int(line_snapshot(&l, 0, 50), BOOK_PASS,
	    "of a counter that began anew, too");
	is_int(line_change(&l, 0, 50, 51), BOOK_PASS, "and on");
}

/*
 * Two sides at their own pace, which break and begin anew with a snapshot now
 * and then, but never both at once: one chain is passed on, whole, each link
 * once.
 */
static bool run_pair(uint64_t seed)
{
	struct gen g = {seed};
	struct book_line l = {.last = 0};
	int64_t id[404];
	size_t at[2] = {0, 0}, passed = 0;
	bool on[2] = {false, false};

	id[0] = (int64_t)1 << 37;
	for (size_t k = 1; k < 404; k++)
		id[k] = id[k - 1] + 1 + (int64_t)gen_below(&g, 1000);
	while (at[0] < 400 && at[1] < 400) {
		unsigned side = gen_below(&g, 2), fate = gen_below(&g, 30);
		size_t ahead = at[side] > at[1 - side] ? at[side]
		                                       : at[1 - side];
		enum book_turn turn;

		if (fate == 0 && l.on[1 - side] && on[side]) {
			book_line_leave(&l, side);
			on[side] = false;
			continue;
		}
		if (!on[side]) {
			/* Its server has told others of changes, or not yet. */
			at[side] = ahead + gen_below(&g, 3);
			turn = line_snapshot(&l, side, id[at[side]]);
			on[side] = true;
			if (passed > 0 && turn == BOOK_PASS)
				return false;
		} else {
			at[side]++;
			turn = line_change(
			    &l, side, id[at[side] - 1], id[at[side]]);
		}
		/* A side that is ahead by its snapshot waits for the other. */
		if (turn == BOOK_ASTRAY && at[1 - side] >= at[side])
			return false;
		if (turn != BOOK_PASS)
			continue;
		if (passed > 0 && at[side] != passed + 1)
			return false;
		passed = at[side];
	}
	return passed > 300;
}

/* What was recorded.  Each channel has its chain and its levels. */
#define CHANNELS_MAX 64

struct replay {
	struct table by_name;
	struct source {
		struct book book;
		struct levels levels;
		char name[128];
	} source[CHANNELS_MAX];
	size_t n;
	int count[BOOK_WAITS + 1];
	int windows, wrong, crossed;
};

static struct source *source_of(struct replay *r, struct json_span name)
{
	struct source *s = table_find(&r->by_name, name.p, name.len);

	if (s != NULL || r->n == CHANNELS_MAX || name.len > sizeof(s->name))
		return s;
	s = &r->source[r->n++];
	memcpy(s->name, name.p, name.len);
	return table_add(&r->by_name, s->name, name.len, s) == 0 ? s : NULL;
}

static void replay_data(
    struct replay *r, struct source *s, struct json_span data)
{
	struct book_message m;
	enum book_is is;

	if (book_read(data, &m) == -1) {
		r->wrong++;
		return;
	}
	is = book_take(&s->book, &m);
	r->count[is]++;
	if (is == BOOK_SNAPSHOT)
		levels_clear(&s->levels);
	if (is == BOOK_SNAPSHOT || is == BOOK_NEXT) {
		r->wrong += levels_apply(&s->levels, data) == -1;
		r->crossed += levels_crossed(&s->levels);
	}
}

static void replay_text(struct replay *r, const char *text, size_t len)
{
	struct rpc rpc;
	struct json_value data;
	struct source *s;

	if (rpc_parse(&rpc, text, len) == -1 || rpc.kind != RPC_NOTIFICATION ||
	    rpc.channel.len < 5 || memcmp(rpc.channel.p, "book.", 5) != 0)
		return;
	if (json_value(&rpc.json, &data) == -1 || rpc_finish(&rpc) == -1) {
		r->wrong++;
		return;
	}
	if (!book_is_chain(rpc.channel)) {
		r->windows++;
		return;
	}
	s = source_of(r, rpc.channel);
	if (s == NULL)
		r->wrong++;
	else
		replay_data(r, s, data.text);
}

/* A file of one message, or with one a line, a time and a colon before it. */
static bool replay_file(struct replay *r, const char *name, bool lines)
{
	static char text[1 << 18];
	const char *where = getenv("RECORDED"), *src = getenv("srcdir");
	char path[4096];
	FILE *f;

	if (where != NULL && *where != '\0')
		snprintf(path, sizeof(path), "%s/%s", where, name);
	else
		snprintf(path, sizeof(path), "%s/../shared/recorded/%s",
		    src != NULL ? src : ".", name);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	while (lines && fgets(text, sizeof(text), f) != NULL) {
		const char *p = text + strspn(text, "0123456789.: ");

		replay_text(r, p, strlen(p));
	}
	if (!lines)
		replay_text(r, text, fread(text, 1, sizeof(text), f));
	fclose(f);
	return true;
}

static void check_replay(
    struct replay *r, const char *name, const int *count, int windows)
{
	bool same = memcmp(r->count, count, sizeof(r->count)) == 0;

	ok(same && r->windows == windows && r->wrong == 0 && r->crossed == 0,
	    "%s: the chain is as it was recorded", name);
	if (!same)
		printf("# snapshots %d, next %d, stale %d, gaps %d, waits %d\n",
		    r->count[BOOK_SNAPSHOT], r->count[BOOK_NEXT],
		    r->count[BOOK_STALE], r->count[BOOK_GAP],
		    r->count[BOOK_WAITS]);
	for (size_t i = 0; i < r->n; i++)
		levels_free(&r->source[i].levels);
	table_free(&r->by_name);
	memset(r, 0, sizeof(*r));
}

/* The two collections of single messages leave the messages between out: each
 * has one true gap. */
static void test_recorded(void)
{
	static struct replay r;
	static const int run[] = {10, 46, 0, 0, 0}, pair[] = {1, 1, 0, 0, 0};
	static const int torn[] = {1, 0, 0, 1, 0};

	if (!replay_file(&r, "cryptofeed/DERIBIT.ws.30.0", true)) {
		ok(true, "recorded books # SKIP no recorded payloads");
		return;
	}
	check_replay(&r, "cryptofeed", run, 0);
	replay_file(&r, "nautilus/ws_book_snapshot.json", false);
	replay_file(&r, "nautilus/ws_book_delta.json", false);
	replay_file(&r, "nautilus/ws_book_grouped_snapshot.json", false);
	check_replay(&r, "nautilus", pair, 1);
	replay_file(&r, "tardis/mapper_messages.ndjson", true);
	check_replay(&r, "tardis", torn, 0);
	replay_file(&r, "crypto-msg-parser/messages.ndjson", true);
	check_replay(&r, "crypto-msg-parser", torn, 1);
}

int main(void)
{
	uint64_t seed = 1;

	test_names();
	test_read();
	test_chain();
	test_lost();
	while (seed <= 1000 && run_seed(seed))
		seed++;
	ok(seed > 1000, "whole between a snapshot and a gap, of 1000 runs");
	if (seed <= 1000)
		printf("# seed %" PRIu64 "\n", seed);
	test_line();
	seed = 1;
	while (seed <= 1000 && run_pair(seed))
		seed++;
	ok(seed > 1000, "two sides give one chain, of 1000 runs");
	if (seed <= 1000)
		printf("# seed %" PRIu64 "\n", seed);
	test_recorded();
	return done_testing();
}
