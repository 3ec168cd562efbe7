/* The replay server's order books: what is told of them adds up. */
#include "market.h"
#include "replay/book.h"
#include "replay/rpc.h"

#define PRICES 128

static struct rules rules = {10000, 10000, 60000};

/* What a client of one book knows. */
struct client {
	struct market *m;
	size_t n;
	const char *channel;
	uint64_t slot;
	struct book_side side[2]; /* in any order */
	uint64_t last;
	int snapshots, changes, gaps, wrong;
	int acted[3]; /* new, change, delete */
};

static int level_find(const struct book_side *s, int64_t price)
{
	for (int i = 0; i < s->count; i++)
		if (s->level[i].price == price)
			return i;
	return -1;
}

static void apply(struct client *c, bool ask, struct json_span triple)
{
	static const char *const actions[] = {"new", "change", "delete"};
	struct book_side *s = &c->side[ask];
	int64_t unit = chain_amount(&c->m->chain[c->n]).mantissa;
	struct json_value v[3];
	struct json j;
	int64_t price, amount;
	int at, action = 0;

	json_init(&j, triple.p, triple.len);
	json_array_begin(&j);
	for (int i = 0; i < 3; i++) {
		json_array_next(&j);
		json_value(&j, &v[i]);
	}
	while (action < 2 && !span_is(v[0].text, actions[action]))
		action++;
	price = units(v[1].text, chain_grid_of(&c->m->chain[c->n])->scale);
	amount = units(v[2].text, chain_amount(&c->m->chain[c->n]).scale) /
	         unit;
	at = level_find(s, price);
	c->acted[action]++;
	c->wrong += (at == -1) != (action == 0);
	c->wrong += (amount == 0) != (action == 2);
	if (at == -1 && s->count < BOOK_LEVELS)
		at = s->count++;
	if (at == -1)
		c->wrong++;
	else if (amount == 0)
		s->level[at] = s->level[--s->count];
	else
		s->level[at] = (struct book_level){price, amount};
}

/* Deletes make room first: a side is never longer than what it becomes. */
static void apply_all(struct client *c, bool ask, struct json_span list)
{
	for (int pass = 0; pass < 2; pass++) {
		struct json_value v;
		struct json j;

		json_init(&j, list.p, list.len);
		json_array_begin(&j);
		while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
			if ((memcmp(v.text.p, "[\"delete", 8) == 0) ==
			    (pass == 0))
				apply(c, ask, v.text);
	}
}

/* Best first, and each price once. */
static bool is_sorted(const struct client *c, bool ask, struct json_span list)
{
	int scale = chain_grid_of(&c->m->chain[c->n])->scale;
	int64_t last = ask ? INT64_MIN : INT64_MAX;
	struct json_value v;
	struct json j;

	json_init(&j, list.p, list.len);
	json_array_begin(&j);
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0) {
		const char *comma = strchr(v.text.p, ',');
		int64_t price = llround(
		    strtod(comma + 1, NULL) * pow(10, scale));

		if (ask ? price <= last : price >= last)
			return false;
		last = price;
	}
	return true;
}

static void hear_book(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct client *c = arg;
	struct json_span message = {text, len};
	struct json_span data = at(message, "params.data");

	if (!is_json(message))
		c->wrong++;
	if ((slots & c->slot) == 0 ||
	    !span_is(at(message, "params.channel"), c->channel))
		return;
	if (span_is(at(data, "type"), "snapshot")) {
		c->side[0].count = c->side[1].count = 0;
		c->snapshots++;
	} else {
		c->gaps += whole(at(data, "prev_change_id")) != c->last;
		c->changes++;
	}
	c->wrong += whole(at(data, "change_id")) <= c->last;
	c->last = whole(at(data, "change_id"));
	c->wrong += !is_sorted(c, false, at(data, "bids"));
	c->wrong += !is_sorted(c, true, at(data, "asks"));
	apply_all(c, false, at(data, "bids"));
	apply_all(c, true, at(data, "asks"));
}

static bool side_is(const struct book_side *got, const struct book_side *want)
{
	if (got->count != want->count)
		return false;
	for (int i = 0; i < want->count; i++) {
		int at = level_find(got, want->level[i].price);

		if (at == -1 || got->level[at].amount != want->level[i].amount)
			return false;
	}
	return true;
}

static bool client_is_right(const struct client *c)
{
	struct book b;

	book_make(c->m, c->n, &b);
	return c->last == b.change_id && side_is(&c->side[0], &b.bid) &&
	       side_is(&c->side[1], &b.ask);
}

/* Whether the book's best levels are the quote's, in order, on the grid. */
static bool book_is_sane(const struct market *m, size_t n)
{
	const struct market_walk *w = &m->walk[n];
	const struct chain_grid *g = chain_grid_of(&m->chain[n]);
	struct book b;
	bool good;

	book_make(m, n, &b);
	good = (w->bid == 0) == (b.bid.count == 0) &&
	       (w->ask == 0) == (b.ask.count == 0);
	if (b.bid.count > 0)
		good = good && b.bid.level[0].price == w->bid &&
		       b.bid.level[0].amount == w->bid_amount;
	if (b.ask.count > 0)
		good = good && b.ask.level[0].price == w->ask &&
		       b.ask.level[0].amount == w->ask_amount;
	for (int i = 1; i < b.bid.count; i++)
		good = good && b.bid.level[i].price < b.bid.level[i - 1].price;
	for (int i = 1; i < b.ask.count; i++)
		good = good && b.ask.level[i].price > b.ask.level[i - 1].price;
	for (int i = 0; i < b.bid.count; i++)
		good = good && b.bid.level[i].price ==
		                   chain_snap(g, b.bid.level[i].price);
	for (int i = 0; i < b.ask.count; i++)
		good = good && b.ask.level[i].price ==
		                   chain_snap(g, b.ask.level[i].price);
	return good;
}

static void test_rebuilt(const char *name)
{
	struct client c = {.m = market_new(5, NOW_MS, NULL), .slot = 1};
	struct market_sink sink = {hear_book, &c, NULL};
	char channel[128];
	int differs = 0, insane = 0, empty = 0;

	snprintf(channel, sizeof(channel), "book.%s.100ms", name);
	c.channel = channel;
	c.n = (size_t)market_find(c.m, name, strlen(name));
	listen_to(c.m, channel, 0);
	listen_to(c.m, "book.ETH-PERPETUAL.agg2", 1);
	market_greet(c.m, 0, NOW_MS * 1000, &sink);
	is_int(c.snapshots, 1, "a snapshot at once");
	for (int i = 0; i < 20000; i++) {
		market_step(c.m, NOW_MS * 1000, &sink);
		differs += !client_is_right(&c);
		insane += !book_is_sane(c.m, c.n);
		empty += c.side[0].count == 0 || c.side[1].count == 0;
	}
	is_int(c.gaps, 0, "each change follows the one before");
	is_int(c.wrong, 0, "each action fits the book");
	is_int(differs, 0, "the book rebuilt is the book");
	is_int(insane, 0, "best first, on the grid, as the quote");
	ok(c.changes > 1000 && c.acted[0] > 100 && c.acted[1] > 100 &&
		c.acted[2] > 100,
	    "%s: %d changes of all kinds", name, c.changes);
	ok((c.m->chain[c.n].kind == CHAIN_OPTION) == (empty > 0),
	    "a side of an option is empty at times");
	ok(c.last > UINT64_C(1) << 32, "change ids are large");
	market_free(c.m);
}

/* Who comes later has the same book; who asks again gets nothing. */
static void test_snapshots(void)
{
	struct client a = {.m = market_new(5, NOW_MS, NULL),
	    .slot = 1,
	    .channel = "book.BTC-PERPETUAL.100ms"};
	struct client b = a;
	struct market_sink to_a = {hear_book, &a, NULL};
	struct market_sink to_b = {hear_book, &b, NULL};

	a.n = b.n = (size_t)market_find(a.m, "BTC-PERPETUAL", 13);
	b.slot = 2;
	listen_to(a.m, a.channel, 0);
	market_greet(a.m, 0, NOW_MS * 1000, &to_a);
	for (int i = 0; i < 777; i++)
		market_step(a.m, NOW_MS * 1000, &to_a);
	listen_to(a.m, a.channel, 1);
	market_greet(a.m, 1, NOW_MS * 1000, &to_b);
	is_int(b.snapshots, 1, "a later client has its snapshot");
	is_int((int64_t)b.last, (int64_t)a.last, "of the same change");
	ok(client_is_right(&b), "and the same book");
	is_int(a.snapshots, 1, "the first client has no second one");
	listen_to(a.m, a.channel, 0);
	market_greet(a.m, 0, NOW_MS * 1000, &to_a);
	is_int(a.snapshots, 1, "nor when it subscribes again");
	market_leave(a.m, 0);
	market_leave(a.m, 1);
	listen_to(a.m, "quote.BTC-PERPETUAL", 2);
	for (int i = 0; i < 100; i++)
		market_step(a.m, NOW_MS * 1000, &to_a);
	listen_to(a.m, a.channel, 0);
	market_greet(a.m, 0, NOW_MS * 1000, &to_a);
	is_int(a.snapshots, 2, "but after it had left");
	ok(client_is_right(&a), "and the book has moved meanwhile");
	market_free(a.m);
}

/* Windows: the first levels of the book, whole each time. */
struct window {
	int heard, wrong, longest;
	struct market *m;
	size_t n;
};

static int window_count(struct json_span list)
{
	struct json_value v;
	struct json j;
	int n = 0;

	json_init(&j, list.p, list.len);
	json_array_begin(&j);
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		n++;
	return n;
}

static void hear_window(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct window *w = arg;
	struct json_span data = at(
	    (struct json_span){text, len}, "params.data");
	struct book b;
	int bids = window_count(at(data, "bids"));

	(void)slots;
	book_make(w->m, w->n, &b);
	w->heard++;
	w->wrong += at(data, "type").len > 0;
	w->wrong += whole(at(data, "change_id")) != b.change_id;
	w->wrong += bids != (b.bid.count < 10 ? b.bid.count : 10);
	w->longest = bids > w->longest ? bids : w->longest;
}

static void test_windows(void)
{
	struct window w = {.m = market_new(5, NOW_MS, NULL)};
	struct market_sink sink = {hear_window, &w, NULL};

	w.n = (size_t)market_find(w.m, "ETH-PERPETUAL", 13);
	listen_to(w.m, "book.ETH-PERPETUAL.none.10.agg2", 0);
	market_greet(w.m, 0, NOW_MS * 1000, &sink);
	for (int i = 0; i < 1000; i++)
		market_step(w.m, NOW_MS * 1000, &sink);
	ok(w.heard > 900, "a window for every change");
	is_int(w.wrong, 0, "the book's first ten levels");
	is_int(w.longest, 10, "and no more");
	market_free(w.m);
}

static struct buf notes;

static void hear_note(void *arg, const char *text, size_t len)
{
	(void)arg;
	buf_clear(&notes);
	buf_add(&notes, text, len);
}

/* After every change the truth file has the whole book. */
static void test_notes(void)
{
	struct client c = {.m = market_new(5, NOW_MS, NULL),
	    .slot = 1,
	    .channel = "book.ETH-PERPETUAL.raw"};
	struct market_sink sink = {hear_book, &c, hear_note};
	struct client noted;
	int differs = 0;

	buf_init(&notes, 1 << 16);
	c.n = (size_t)market_find(c.m, "ETH-PERPETUAL", 13);
	listen_to(c.m, c.channel, 0);
	market_greet(c.m, 0, NOW_MS * 1000, &sink);
	for (int i = 0; i < 500; i++) {
		struct json_span note;

		market_step(c.m, NOW_MS * 1000, &sink);
		note = (struct json_span){buf_head(&notes), buf_used(&notes)};
		differs += whole(at(note, "change_id")) != c.last ||
		           window_count(at(note, "bids")) != c.side[0].count ||
		           window_count(at(note, "asks")) != c.side[1].count ||
		           !span_is(at(note, "event"), "book");
	}
	is_int(differs, 0, "the truth has the book of each change");
	noted = c;
	ok(client_is_right(&noted), "raw is a stream of its own");
	buf_free(&notes);
	market_free(c.m);
}

static void is_rest(
    struct market *m, const char *query, int bids, const char *what)
{
	struct rpc rpc = {
	    .market = m, .rules = &rules, .rest = {1000, 1000, 1, 0}};
	struct json_span reply;
	struct buf out;

	buf_init(&out, 1 << 20);
	rpc_query(&rpc, "public/get_order_book", query, &out);
	reply = (struct json_span){buf_str(&out), buf_used(&out)};
	ok(is_json(reply), "JSON");
	is_int(at(reply, "result.bids").len > 0
		   ? window_count(at(reply, "result.bids"))
		   : -1,
	    bids, what);
	buf_free(&out);
}

static void test_rest(void)
{
	struct market *m = market_new(5, NOW_MS, NULL);
	size_t n = (size_t)market_find(m, "BTC-PERPETUAL", 13);
	struct book b;

	book_make(m, n, &b);
	ok(b.bid.count > 6, "a book for this test");
	is_rest(m, "instrument_name=BTC-PERPETUAL&depth=1", 1, "depth 1");
	is_rest(m, "instrument_name=BTC-PERPETUAL", 5, "the default is 5");
	is_rest(
	    m, "instrument_name=BTC-PERPETUAL&depth=2", 5, "2 is rounded up");
	is_rest(m, "instrument_name=BTC-PERPETUAL&depth=10000", b.bid.count,
	    "all of it");
	is_rest(m, "instrument_name=BTC-PERPETUAL&depth=0", -1, "none");
	is_rest(m, "instrument_name=BTC-NO", -1, "of nothing");
	market_free(m);
}

int main(void)
{
	test_rebuilt("BTC-PERPETUAL");
	test_rebuilt("BTC-25DEC26-60000-C");
	test_rebuilt("XRP_USDC-27NOV26-1d325-P");
	test_snapshots();
	test_windows();
	test_notes();
	test_rest();
	return done_testing();
}
