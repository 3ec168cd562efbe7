/* trade_seq: each trade once, in order, whatever order they come in. */
#include <stdlib.h>

#include "gen.h"
#include "record/tape.h"
#include "tap.h"

#define PLENTY ((size_t)1 << 30)
#define TEXT "trade"

static enum tape_is take(struct tape *t, int64_t seq)
{
	return tape_take(t, seq, TEXT, sizeof(TEXT) - 1, false, PLENTY);
}

/* The number of the next popped trade, -1 for none. */
static int64_t pop(struct tape *t)
{
	struct tape_trade *trade = tape_pop(t);
	int64_t seq = trade != NULL ? trade->seq : -1;

	free(trade);
	return seq;
}

static void is_hole(
    const struct tape *t, int64_t after, int64_t from, int64_t to)
{
	int64_t f = -1, e = -1;

	ok(tape_hole_after(t, after, &f, &e) == (from != -1) && f == from &&
		e == to,
	    "the hole after %" PRId64 " is %" PRId64 " to %" PRId64, after,
	    from, to);
}

static void test_order(void)
{
	struct tape t = {.next = 0};
	int64_t from, to;

	ok(tape_pop(&t) == NULL, "an empty tape holds nothing");
	tape_skip(&t);
	is_int(t.next, 0, "and has no hole to give up");
	is_int(take(&t, 40), TAPE_NEXT, "the first that comes begins");
	is_int(take(&t, 40), TAPE_SEEN, "the same again");
	is_int(take(&t, 39), TAPE_SEEN, "one from before the beginning");
	is_int(take(&t, 41), TAPE_NEXT, "the next");
	ok(t.held == NULL, "of which no copy is made");
	t.times = (struct tape_times){7, 8, 6};
	is_int(take(&t, 44), TAPE_HELD, "one beyond a hole waits");
	t.times = (struct tape_times){9, 10, 8};
	ok(t.held->times.made_ms == 7 && t.held->times.came_ms == 8 &&
		t.held->times.stamp_ms == 6,
	    "with its times");
	is_int(take(&t, 44), TAPE_SEEN, "and once");
	is_int(take(&t, 43), TAPE_HELD, "one before it waits too");
	ok(tape_hole(&t, &from, &to) && from == 42 && to == 42,
	    "the hole is what is missing");
	is_int(pop(&t), -1, "no turn has come");
	is_int(take(&t, 42), TAPE_NEXT, "what is missing");
	is_int(take(&t, 43), TAPE_SEEN, "a held one whose turn has come");
	is_int(pop(&t), 43, "it comes");
	is_int(pop(&t), 44, "and the one behind it");
	is_int(pop(&t), -1, "and no more");
	ok(!tape_hole(&t, &from, &to), "no hole is left");
	is_int(take(&t, 45), TAPE_NEXT, "and so on");
	is_int((int64_t)t.held_bytes, 0, "nothing is held");
	tape_free(&t);
}

static void test_holes(void)
{
	struct tape t = {.next = 0};

	tape_begin(&t, 1);
	is_int(take(&t, 5), TAPE_HELD, "a new listing begins at 1");
	take(&t, 9);
	take(&t, 6);
	take(&t, 12);
	take(&t, 13);
	is_hole(&t, 0, 1, 4);
	is_hole(&t, 3, 1, 4);
	is_hole(&t, 4, 7, 8);
	is_hole(&t, 8, 10, 11);
	is_hole(&t, 11, -1, -1);
	tape_skip(&t);
	is_int(pop(&t), 5, "a hole that was given up");
	is_int(take(&t, 3), TAPE_SEEN, "what was given up comes too late");
	is_int(pop(&t), 6, "up to the next hole");
	is_int(pop(&t), -1, "and no further");
	is_hole(&t, 0, 7, 8);
	tape_skip(&t);
	tape_skip(&t);
	is_int(pop(&t), 9, "giving up twice gives up one hole");
	tape_begin(&t, 13);
	is_int((int64_t)t.held_n, 1, "a later beginning drops what is before");
	is_int(pop(&t), 13, "and goes on behind it");
	tape_begin(&t, 3);
	is_int(take(&t, 3), TAPE_NEXT, "a state file may know it better");
	tape_free(&t);
}

static void test_text(void)
{
	struct tape t = {.next = 0};
	struct tape_trade *trade;

	tape_begin(&t, 1);
	tape_take(&t, 2, "live", 4, false, PLENTY);
	tape_take(&t, 3, "page", 4, true, PLENTY);
	tape_take(&t, 4, NULL, 0, false, PLENTY);
	is_int(tape_take(&t, 2, "again", 5, true, PLENTY), TAPE_SEEN,
	    "a held one repaired");
	take(&t, 1);
	trade = tape_pop(&t);
	ok(trade != NULL && !trade->repaired && trade->len == 4 &&
		memcmp(trade->text, "live", 4) == 0,
	    "stays what it was");
	free(trade);
	trade = tape_pop(&t);
	ok(trade != NULL && trade->repaired &&
		memcmp(trade->text, "page", 4) == 0,
	    "one that a repair brought first is so marked");
	free(trade);
	trade = tape_pop(&t);
	ok(trade != NULL && trade->len == 0, "an empty text is one");
	free(trade);
	tape_free(&t);
}

static void test_cap(void)
{
	struct tape t = {.next = 0};
	size_t cap = 2 * (sizeof(struct tape_trade) + 5);

	tape_begin(&t, 1);
	is_int(tape_take(&t, 3, TEXT, 5, false, cap), TAPE_HELD, "one");
	is_int(tape_take(&t, 5, TEXT, 6, false, cap), TAPE_FULL,
	    "a byte too much is not taken");
	is_int(
	    tape_take(&t, 5, TEXT, 5, false, cap), TAPE_HELD, "just enough is");
	is_int((int64_t)t.held_bytes, (int64_t)cap, "the tape is full");
	is_int(tape_take(&t, 7, "", 0, false, cap), TAPE_FULL, "no more");
	is_int(tape_take(&t, 7, TEXT, 5, false, 1), TAPE_FULL,
	    "nor with a cap that shrank");
	is_int(tape_take(&t, 5, TEXT, 5, false, cap), TAPE_SEEN,
	    "what is held is seen all the same");
	is_int(tape_take(&t, 7, TEXT, SIZE_MAX, false, SIZE_MAX), TAPE_FULL,
	    "nor a length that no memory has");
	is_int(tape_take(&t, 1, TEXT, 5, false, cap), TAPE_NEXT,
	    "the next needs no room");
	tape_free(&t);
	ok(t.held_n == 0 && t.held_bytes == 0 && t.next == 0,
	    "a tape that was freed is as new");
}

/*
 * One run: the trades 1 to n are sent by two connections, each of which loses,
 * repeats and shuffles its own; holes are fetched or given up.  What comes out
 * has to be 1 to n in order, without those that were given up.
 */
#define N_MAX 400

struct run {
	struct gen gen;
	struct tape tape;
	int64_t n;
	int64_t due; /* the number that has to come out next */
	bool gone[N_MAX + 2];
	size_t held_max;
	const char *wrong; /* NULL, or what went wrong first */
};

static void check(struct run *r, bool holds, const char *what)
{
	if (!holds && r->wrong == NULL)
		r->wrong = what;
}

static void came_out(struct run *r, int64_t seq)
{
	while (r->due <= r->n && r->gone[r->due])
		r->due++;
	check(r, seq == r->due, "out of order, lost, or twice");
	r->due = seq + 1;
}

static void drain(struct run *r)
{
	struct tape_trade *trade;
	char want[32];

	while ((trade = tape_pop(&r->tape)) != NULL) {
		size_t len = (size_t)snprintf(
		    want, sizeof(want), "%" PRId64, trade->seq);

		check(r,
		    trade->len == len && memcmp(trade->text, want, len) == 0,
		    "the text of another");
		came_out(r, trade->seq);
		free(trade);
	}
}

static void check_held(struct run *r)
{
	const struct tape_trade *p, *last = NULL;
	size_t n = 0, bytes = 0;

	for (p = r->tape.held; p != NULL; last = p, p = p->next) {
		check(r, p->seq > (last ? last->seq : r->tape.next),
		    "what is held is not in order");
		n++;
		bytes += sizeof(*p) + p->len;
	}
	check(r, r->tape.tail == last, "the tail is not the last");
	check(r, n == r->tape.held_n && bytes == r->tape.held_bytes,
	    "what is held is not what was counted");
	check(r, bytes <= r->held_max, "more is held than the cap");
}

static void send(struct run *r, int64_t seq, bool repaired)
{
	char text[32];
	size_t len = (size_t)snprintf(text, sizeof(text), "%" PRId64, seq);
	bool is_due = seq == r->tape.next;
	enum tape_is is = tape_take(
	    &r->tape, seq, text, len, repaired, r->held_max);

	check(r, (is == TAPE_NEXT) == is_due, "next is what is due");
	if (is == TAPE_NEXT) {
		came_out(r, seq);
		drain(r);
	}
	check_held(r);
}

/* 1 to n as a connection sends them; returns how many, at most 3 n. */
static size_t make_feed(struct run *r, int64_t *out)
{
	unsigned loss = gen_below(&r->gen, 30), twice = gen_below(&r->gen, 30);
	unsigned window = 1 + gen_below(&r->gen, 12), back;
	size_t n = 0;

	for (int64_t seq = 1; seq <= r->n; seq++) {
		if (gen_below(&r->gen, 100) < loss)
			continue;
		out[n++] = seq;
		if (gen_below(&r->gen, 100) < twice)
			out[n++] = 1 +
			           (int64_t)gen_below(&r->gen, (unsigned)seq);
		if (gen_below(&r->gen, 100) == 0) /* a reconnect */
			for (back = gen_below(&r->gen, 20);
			     back > 0 && n + 2 < (size_t)(3 * r->n); back--)
				if (seq > (int64_t)back)
					out[n++] = seq - (int64_t)back;
		if (n + 4 >= (size_t)(3 * r->n))
			break;
	}
	for (size_t i = 0; i < n; i++) {
		size_t other = i + gen_below(&r->gen, window);
		int64_t kept = out[i];

		if (other < n) {
			out[i] = out[other];
			out[other] = kept;
		}
	}
	return n;
}

static void give_up(struct run *r)
{
	int64_t from, to;

	if (!tape_hole(&r->tape, &from, &to))
		return;
	check(r, from == r->tape.next && to >= from, "no first hole");
	for (int64_t seq = from; seq <= to; seq++)
		r->gone[seq] = true;
	tape_skip(&r->tape);
	drain(r);
	check_held(r);
}

/* A page for one of the holes, which may end early and come backwards. */
static void fetch(struct run *r)
{
	int64_t from, to, after = 0, seq;
	unsigned which = gen_below(&r->gen, 4);

	do {
		if (!tape_hole_after(&r->tape, after, &from, &to))
			return;
		check(r, to > after && to >= from, "a hole is a range beyond");
		after = to;
	} while (which-- > 0);
	if (gen_below(&r->gen, 3) == 0)
		for (seq = to; seq >= from; seq--)
			send(r, seq, true);
	else
		for (seq = from; seq <= to && gen_below(&r->gen, 20); seq++)
			send(r, seq, true);
}

/* Whether the holes that are told are just the numbers that are missing. */
static void check_holes(struct run *r)
{
	const struct tape_trade *p = r->tape.held;
	int64_t from = 0, to = 0, seq = r->tape.next;

	while (tape_hole_after(&r->tape, to, &from, &to)) {
		for (; p != NULL && p->seq < from; p = p->next, seq++)
			check(r, p->seq == seq, "a hole was not told");
		check(r, from == seq, "a hole begins where one is missing");
		seq = to + 1;
		check(r, p != NULL && p->seq == seq, "a hole ends before one");
	}
	for (; p != NULL; p = p->next, seq++)
		check(r, p->seq == seq, "the last hole was not told");
}

static void play(struct run *r, int64_t *feed[2])
{
	size_t n[2] = {make_feed(r, feed[0]), make_feed(r, feed[1])};
	size_t at[2] = {0, 0};
	unsigned patience = 5 + gen_below(&r->gen, 60);

	while (at[0] < n[0] || at[1] < n[1]) {
		unsigned which = gen_below(&r->gen, 2);

		if (at[which] == n[which])
			which = !which;
		send(r, feed[which][at[which]++], false);
		if (gen_below(&r->gen, patience) == 0)
			fetch(r);
		if (gen_below(&r->gen, 4 * patience) == 0)
			give_up(r);
		check_holes(r);
	}
}

static bool run_seed(uint64_t seed, const char **wrong)
{
	static int64_t a[3 * N_MAX + 8], b[3 * N_MAX + 8];
	int64_t *feed[2] = {a, b};
	struct run r = {.gen = {seed}, .due = 1, .held_max = PLENTY};

	r.n = 1 + gen_below(&r.gen, N_MAX);
	if (gen_below(&r.gen, 4) == 0)
		r.held_max = gen_below(&r.gen, 2000);
	tape_begin(&r.tape, 1);
	play(&r, feed);
	while (r.tape.held != NULL)
		gen_below(&r.gen, 3) ? fetch(&r) : give_up(&r);
	/* The last trades may have been lost everywhere: one page more. */
	for (int64_t seq = r.tape.next; seq <= r.n; seq++)
		send(&r, seq, true);
	came_out(&r, r.n + 1);
	check(&r, r.tape.next == r.n + 1, "the tape stands at its end");
	tape_free(&r.tape);
	*wrong = r.wrong;
	return r.wrong == NULL;
}

static void test_runs(void)
{
	const char *wrong = NULL;
	uint64_t seed;

	for (seed = 1; seed <= 2000; seed++)
		if (!run_seed(seed, &wrong))
			break;
	ok(wrong == NULL, "each once and in order, of 2000 runs");
	if (wrong != NULL)
		printf("# seed %" PRIu64 ": %s\n", seed, wrong);
}

/* Two connections, both beyond the same hole: what costs a walk per trade
 * would not end. */
static void test_many(void)
{
	struct tape t = {.next = 0};
	int64_t n = 300000, seq;
	int64_t held = 0, seen = 0, popped = 0;

	tape_begin(&t, 1);
	for (seq = 2; seq <= n; seq++) {
		held += take(&t, seq) == TAPE_HELD;
		if (seq > n / 2)
			seen += take(&t, seq - n / 2 + 1) == TAPE_SEEN;
	}
	is_int(held, n - 1, "many are held");
	is_int(seen, n / 2, "and met again by the other connection");
	take(&t, 1);
	while (pop(&t) == popped + 2)
		popped++;
	is_int(popped, n - 1, "and all come out in order");
	tape_free(&t);
}

int main(void)
{
	test_order();
	test_holes();
	test_text();
	test_cap();
	test_runs();
	test_many();
	return done_testing();
}
