/*
 * Two feeds of a simulated channel, against what was really sent.  A message's
 * text is its number; its content may be that of an earlier one.  Each
 * connection has a delay of its own, and they are cut, or fall silent and are
 * cut later.  At most some 30 messages lie between the two sides, as
 * MERGE_HELD_MAX wants it; with times some hundreds, and a connection that is
 * made anew is back long before the other side has come so far.
 */
#include <stdlib.h>

#include "gen.h"
#include "record/merge.h"
#include "tap.h"

/* Of each kind; the first of them is SEED + 1, of the environment. */
#define CASES 4000
#define CASES_DENSE 100
#define SETTLE_MS 1500
#define LATE_MS 1000
#define SILENT_MS 6000 /* before it is noticed */

struct message {
	int64_t ms;
	uint64_t content;
	bool owed; /* some side brought it that was not cut soon */
};

enum event_is { EVENT_JOIN, EVENT_LEAVE, EVENT_MESSAGE, EVENT_GREETING };

struct event {
	int64_t ms;
	unsigned order;
	unsigned side;
	enum event_is is;
	size_t index;
};

struct world {
	struct gen g;
	struct message *message;
	size_t count;
	struct event *event;
	size_t events, room;
	size_t *got; /* the numbers that were passed on, in order */
	size_t got_count;
	size_t seen, held, joins, settled;
	int64_t *brought_ms; /* first, each message */
	size_t late;         /* passed on more than LATE_MS after it */
	bool stamped, greets, silent;
	bool joined[2];
	int64_t begun_ms; /* the first that joined */
	int64_t away_ms;  /* the last of them left */
};

static struct {
	size_t cases, messages, passed, seen, held, joins, settled, missing,
	    late;
} total;

static void add_event(
    struct world *w, int64_t ms, unsigned side, enum event_is is, size_t index)
{
	if (w->events == w->room) {
		w->room = w->room ? 2 * w->room : 4096;
		w->event = realloc(w->event, w->room * sizeof(*w->event));
		if (w->event == NULL)
			abort();
	}
	w->event[w->events] = (struct event){
	    ms, (unsigned)w->events, side, is, index};
	w->events++;
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Messages with this mean distance; of 100, so many repeat the last one, and
 * so many an older one. */
static void make_channel(struct world *w, int64_t length_ms, unsigned mean_ms,
    unsigned repeats, unsigned returns)
{
	int64_t ms = 0;
	size_t room = 1024;

	w->message = malloc(room * sizeof(*w->message));
	while (w->message != NULL) {
		unsigned roll = gen_below(&w->g, 100);
		struct message *next;

		/* Bursts and pauses. */
		ms += gen_below(&w->g, 4) ? gen_below(&w->g, mean_ms)
		                          : gen_below(&w->g, 5 * mean_ms);
		if (ms >= length_ms)
			break;
		if (w->count == room) {
			room *= 2;
			w->message = realloc(
			    w->message, room * sizeof(*w->message));
			if (w->message == NULL)
				abort();
		}
		next = &w->message[w->count];
		*next = (struct message){.ms = ms, .content = gen_next(&w->g)};
		if (w->count > 0 && roll < repeats)
			next->content = next[-1].content;
		else if (w->count > 20 && roll < repeats + returns)
			next->content =
			    next[-1 - (int)gen_below(&w->g, 20)].content;
		w->count++;
	}
}

/* One connection of a side, with a delay of its own, from and to then. */
static void make_session(
    struct world *w, unsigned side, int64_t from_ms, int64_t to_ms)
{
	unsigned delay = 1 + gen_below(&w->g, 500),
		 jitter = gen_below(&w->g, 200);
	int64_t last = from_ms + gen_below(&w->g, 50), first = last;
	size_t brought = 0;

	if (last >= to_ms)
		return; /* cut before the acknowledgement */
	add_event(w, last, side, EVENT_JOIN, 0);
	w->joins++;
	if (w->greets)
		add_event(w, last, side, EVENT_GREETING, (size_t)from_ms);
	for (size_t i = 0; i < w->count; i++) {
		struct message *message = &w->message[i];
		int64_t ms = message->ms + delay + gen_below(&w->g, jitter + 1);

		if (message->ms < from_ms)
			continue;
		if (ms < last)
			ms = last;
		if (ms >= to_ms)
			break;
		last = ms;
		add_event(w, ms, side, EVENT_MESSAGE, i);
		brought++;
		/* Unaligned sides take what was held with them. */
		if (ms + 2 * SETTLE_MS < to_ms ||
		    (brought > 12 && ms > first + 4 * SETTLE_MS))
			message->owed = true;
	}
	add_event(w, to_ms + (w->silent ? SILENT_MS : 0), side, EVENT_LEAVE, 0);
}

/* When a side that appeared then has been aligned for a while: it has brought
 * twelve messages, and what was held has been settled. */
static int64_t aligned_by(const struct world *w, int64_t from_ms)
{
	int64_t by_ms = from_ms;

	for (size_t i = 0, n = 0; i < w->count && n < 12; i++)
		if (w->message[i].ms > from_ms) {
			by_ms = w->message[i].ms;
			n++;
		}
	return by_ms + 4 * SETTLE_MS;
}

/* Cuts that leave the other side, aligned for a while, alone. */
static void make_careful(struct world *w, int64_t length_ms)
{
	int64_t from[2], cut = 0;

	from[0] = gen_below(&w->g, 100);
	from[1] = gen_below(&w->g, 100);
	for (;;) {
		unsigned side = gen_below(&w->g, 2);
		int64_t least = aligned_by(w, from[!side]);

		if (least <= from[side])
			least = from[side] + 1;
		if (least < cut)
			least = cut;
		cut = least + gen_below(&w->g, 20000);
		if (cut >= length_ms)
			break;
		make_session(w, side, from[side], cut);
		from[side] = cut + (w->silent ? SILENT_MS + 1 : 0);
		if (gen_below(&w->g, 3))
			from[side] += gen_below(&w->g, 10000);
		cut = from[side];
	}
	make_session(w, 0, from[0], length_ms + 10000);
	make_session(w, 1, from[1], length_ms + 10000);
}

/* Cuts at any time, some within moments. */
static void make_careless(struct world *w, int64_t length_ms)
{
	for (unsigned side = 0; side < 2; side++) {
		int64_t from = gen_below(&w->g, 1000), to;

		while (from < length_ms) {
			to = from + 1 +
			     gen_below(
				 &w->g, gen_below(&w->g, 3) ? 30000 : 1000);
			make_session(w, side, from, to);
			from = to + (w->silent ? SILENT_MS + 1 : 0);
			from += gen_below(
			    &w->g, gen_below(&w->g, 3) ? 300 : 10000);
		}
	}
}

/* A state of that time, and nobody there who could bring what is older. */
static void got_greeting(struct world *w, int64_t stamp)
{
	if (w->joined[0] && w->joined[1])
		return;
	for (size_t i = 0; i < w->count && w->message[i].ms + 1 < stamp; i++)
		w->message[i].owed = false;
}

/* With the first one that joins a gap ends, in which what was said since then
 * lies. */
static void got_back(struct world *w, int64_t ms)
{
	if (w->joined[0] || w->joined[1])
		return;
	for (size_t i = 0; i < w->count && w->message[i].ms < ms; i++)
		if (w->message[i].ms >= w->away_ms)
			w->message[i].owed = false;
}

static void got(struct world *w, const struct merge_news *news, int64_t now_ms)
{
	size_t index;

	if (news->len != sizeof(index)) {
		got_greeting(w, news->stamp);
		return;
	}
	memcpy(&index, news->text, sizeof(index));
	w->got[w->got_count++] = index;
	w->late += now_ms - w->brought_ms[index] > LATE_MS;
}

static void got_popped(struct world *w, struct merge *m, int64_t now_ms)
{
	struct merge_message *message;

	while ((message = merge_pop(m)) != NULL) {
		struct merge_news news = {message->digest, message->stamp,
		    message->text, message->len};

		got(w, &news, now_ms);
		free(message);
	}
}

static struct merge_news news_of(const struct world *w, const struct event *e)
{
	struct merge_news news = {0, 0, NULL, 0};

	if (e->is == EVENT_GREETING) {
		/* The index is a time; nothing is got from an empty text. */
		news.digest = e->index * UINT64_C(0x9e3779b97f4a7c15);
		news.stamp = (int64_t)e->index + 1;
		return news;
	}
	news.digest = w->message[e->index].content;
	news.stamp = w->message[e->index].ms + 1;
	news.text = (const char *)&e->index;
	news.len = sizeof(e->index);
	return news;
}

static void run_event(struct world *w, struct merge *m, const struct event *e)
{
	struct merge_news news;
	enum merge_is is;

	if (e->is == EVENT_JOIN) {
		if (w->begun_ms == 0)
			w->begun_ms = e->ms;
		got_back(w, e->ms);
		w->joined[e->side] = true;
		merge_join(m, e->side);
	} else if (e->is == EVENT_LEAVE) {
		w->joined[e->side] = false;
		w->away_ms = e->ms;
		merge_leave(m, e->side, !w->silent);
	} else {
		news = news_of(w, e);
		/* The time is one of the contents. */
		if (w->stamped)
			news.digest += (uint64_t)news.stamp;
		else
			news.stamp = 0;
		if (e->is == EVENT_MESSAGE && w->brought_ms[e->index] == 0)
			w->brought_ms[e->index] = e->ms;
		is = merge_take(m, e->side, &news);
		w->held += is == MERGE_HELD;
		w->seen += is == MERGE_SEEN;
		if (is == MERGE_PASS)
			got(w, &news, e->ms);
	}
	got_popped(w, m, e->ms);
}

static void run(struct world *w)
{
	struct merge *m = merge_new(w->greets);
	int64_t since = -1;

	qsort(w->event, w->events, sizeof(*w->event), by_time);
	/* Each side may bring each. */
	w->got = malloc((2 * w->count + 1) * sizeof(*w->got));
	w->brought_ms = calloc(w->count + 1, sizeof(*w->brought_ms));
	if (w->got == NULL || w->brought_ms == NULL || m == NULL)
		abort();
	for (size_t i = 0; i < w->events; i++) {
		const struct event *e = &w->event[i];

		if (since != -1 && e->ms >= since + SETTLE_MS) {
			merge_settle(m);
			got_popped(w, m, e->ms);
			w->settled++;
		}
		run_event(w, m, e);
		if (!merge_waiting(m))
			since = -1;
		else if (since == -1 || e->is == EVENT_JOIN)
			since = e->ms;
	}
	merge_free(m);
}

static void world_free(struct world *w)
{
	total.cases++;
	total.messages += w->count;
	total.passed += w->got_count;
	total.seen += w->seen;
	total.held += w->held;
	total.joins += w->joins;
	total.settled += w->settled;
	total.late += w->late;
	free(w->brought_ms);
	free(w->message);
	free(w->event);
	free(w->got);
}

static uint64_t content(const struct world *w, size_t index)
{
	return w->message[index].content;
}

/* All, in order, from the one that was passed on first: a later text of the
 * same content may stand for it. */
static bool is_all_from_first(const struct world *w)
{
	size_t first = w->count - w->got_count;

	if (w->got_count == 0 || w->got_count > w->count || first > w->got[0])
		return false;
	for (size_t i = 0; i < w->got_count; i++)
		if (content(w, w->got[i]) != content(w, first + i))
			return false;
	return true;
}

/* The same, but of what was said before anybody was there, some. */
static bool is_all_since_begun(const struct world *w)
{
	size_t head = 0, some, next = 0;

	while (head < w->count && w->message[head].ms < w->begun_ms)
		head++;
	if (w->got_count < w->count - head || w->got_count > w->count)
		return false;
	some = w->got_count - (w->count - head);
	for (size_t i = 0; i < some; i++) {
		while (next < head && content(w, next) != content(w, w->got[i]))
			next++;
		if (next++ >= head)
			return false;
	}
	for (size_t i = some; i < w->got_count; i++)
		if (content(w, w->got[i]) != content(w, head + i - some))
			return false;
	return true;
}

/* Nobody knows which of one millisecond was first, if no side brought both. */
static bool is_tie(const struct world *w, size_t a, size_t b)
{
	return w->stamped && a != b && w->message[a].ms == w->message[b].ms;
}

/* In order, none twice; and what a side owed is there. */
static bool is_part(const struct world *w)
{
	size_t next = 0;
	bool good = true;

	for (size_t i = 0; i < w->got_count; i++) {
		if (w->got[i] < next && i > 0 &&
		    !is_tie(w, w->got[i], next - 1)) {
			printf("# %zu passed on behind %zu\n", w->got[i],
			    next - 1);
			return false;
		}
		for (; next < w->got[i]; next++)
			if (w->message[next].owed && i > 0) {
				if (good)
					printf("# %zu is missing\n", next);
				good = false;
			} else if (i > 0) {
				total.missing++;
			}
		if (w->got[i] >= next)
			next = w->got[i] + 1;
	}
	return good;
}

/* In order, none twice, as far as contents tell. */
static bool is_subsequence(const struct world *w)
{
	size_t next = 0;

	for (size_t i = 0; i < w->got_count; i++) {
		while (next < w->count &&
		       content(w, next) != content(w, w->got[i]))
			next++;
		if (next++ >= w->count)
			return false;
	}
	return true;
}

static uint64_t seed_of(uint64_t n)
{
	const char *base = getenv("SEED");

	return n + (base != NULL ? strtoull(base, NULL, 10) : 0);
}

static void count_total(const char *what)
{
	printf("# %s: %zu cases, %zu messages, %zu passed on, %zu seen, %zu "
	       "held, %zu joins, %zu settled, %zu late, %zu missing\n",
	    what, total.cases, total.messages, total.passed, total.seen,
	    total.held, total.joins, total.settled, total.late, total.missing);
	memset(&total, 0, sizeof(total));
}

struct manner {
	const char *what;
	bool stamped, greets, silent;
};

static void test_careful(const struct manner *how)
{
	unsigned bad = 0;

	for (uint64_t n = 1; n <= CASES; n++) {
		uint64_t seed = seed_of(n);
		struct world w = {.g = {seed},
		    .stamped = how->stamped,
		    .greets = how->greets,
		    .silent = how->silent};
		unsigned mean = 25 + gen_below(&w.g, seed % 4 ? 300 : 3000);

		make_channel(&w, 60000, mean, gen_below(&w.g, 30),
		    gen_below(&w.g, 2) * 3);
		make_careful(&w, 60000);
		run(&w);
		if (!is_all_from_first(&w) && !is_all_since_begun(&w) &&
		    bad++ < 10)
			printf("# seed %" PRIu64 ", mean %u\n", seed, mean);
		world_free(&w);
	}
	ok(bad == 0, "%s: all, in order, while one side is aligned", how->what);
	count_total(how->what);
}

static void test_careless(const struct manner *how)
{
	unsigned bad = 0;

	for (uint64_t n = 1; n <= CASES; n++) {
		uint64_t seed = seed_of(n);
		struct world w = {.g = {seed},
		    .stamped = how->stamped,
		    .greets = how->greets,
		    .silent = how->silent};
		unsigned mean = 25 + gen_below(&w.g, seed % 4 ? 300 : 3000);

		make_channel(&w, 60000, mean, 0, 0);
		make_careless(&w, 60000);
		run(&w);
		if (!is_part(&w) && bad++ < 10)
			printf("# seed %" PRIu64 ", mean %u\n", seed, mean);
		world_free(&w);
	}
	ok(bad == 0,
	    "%s, however both are cut: in order, none twice, none missing "
	    "that a side owed",
	    how->what);
	count_total(how->what);
}

static void test_dense(void)
{
	unsigned bad = 0;

	for (uint64_t n = 1; n <= CASES_DENSE; n++) {
		uint64_t seed = seed_of(n);
		struct world w = {.g = {seed}, .stamped = true};

		make_channel(&w, 30000, 2 + gen_below(&w.g, 4), 0, 0);
		make_careful(&w, 30000);
		run(&w);
		if (!is_all_from_first(&w) && !is_all_since_begun(&w) &&
		    bad++ < 10)
			printf("# seed %" PRIu64 "\n", seed);
		world_free(&w);
	}
	is_int(bad, 0, "hundreds between the two sides: all, in order");
	count_total("dense");
}

static void test_careless_repetitions(void)
{
	unsigned bad = 0;

	for (uint64_t n = 1; n <= CASES; n++) {
		uint64_t seed = seed_of(n);
		struct world w = {.g = {seed}};
		unsigned mean = 25 + gen_below(&w.g, seed % 4 ? 300 : 3000);

		make_channel(&w, 60000, mean, 30, 0);
		make_careless(&w, 60000);
		run(&w);
		if (!is_subsequence(&w) && bad++ < 10)
			printf("# seed %" PRIu64 ", mean %u\n", seed, mean);
		world_free(&w);
	}
	is_int(bad, 0, "the same with repetitions: in order, none twice");
	count_total("careless, repetitions");
}

static void test_many_channels(void)
{
	unsigned bad = 0;

	for (uint64_t n = 1; n <= 50; n++) {
		struct world w = {.g = {seed_of(n) << 32}};

		make_channel(&w, 600000, 100, 10, 1);
		make_careful(&w, 600000);
		run(&w);
		bad += !is_all_from_first(&w) && !is_all_since_begun(&w);
		world_free(&w);
	}
	is_int(bad, 0, "ten minutes of fifty channels: all, in order");
	count_total("ten minutes");
}

int main(void)
{
	static const struct manner manners[] = {
	    {"contents", false, false, false},
	    {"contents, silence", false, false, true},
	    {"times", true, false, false},
	    {"times, silence", true, false, true},
	    {"times, greetings", true, true, false},
	    {"times, greetings, silence", true, true, true},
	};

	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
		test_careful(&manners[i]);
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
		test_careless(&manners[i]);
	test_careless_repetitions();
	test_many_channels();
	test_dense();
	return done_testing();
}
