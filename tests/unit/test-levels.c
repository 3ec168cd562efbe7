/* The rebuilt book that other tests compare with. */
#include "gen.h"
#include "levels.h"
#include "tap.h"

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static void is_book(const struct levels *l, const char *want, const char *what)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	ok(levels_text(l, &text) == 0, "%s: written", what);
	is_str(buf_str(&text), want, what);
	buf_free(&text);
}

static void test_apply(void)
{
	struct levels l = {.bids = {.n = 0}};

	is_int(levels_apply(&l,
		   span("{\"type\":\"snapshot\",\"bids\":[[\"new\",10.5,1.0],"
			"[\"new\",11,20],[\"new\",9.0e0,3]],\"asks\":"
			"[[\"new\",12,5.0],[\"new\",11.5,4e-1]]}")),
	    0, "a snapshot");
	is_book(&l, "bid 11 20\nbid 10.5 1\nbid 9 3\nask 11.5 0.4\nask 12 5\n",
	    "best first");
	is_int(levels_apply(
		   &l, span("{\"bids\":[[\"new\",1.1e1,7],[\"delete\",9,0.0],"
			    "[\"delete\",8,0.0],[\"change\",10.50,0e5]],"
			    "\"asks\":[[\"delete\",120e-1,6]]}")),
	    0, "changes, whatever their word and their spelling");
	is_book(&l, "bid 11 7\nask 11.5 0.4\nask 12 6\n", "the book after");
	ok(!levels_crossed(&l), "it is not crossed");
	is_int(levels_apply(&l, span("{\"bids\":[[11.5,1]],\"asks\":[]}")), 0,
	    "a pair has no word");
	ok(levels_crossed(&l), "now it is");
	levels_clear(&l);
	is_book(&l, "", "a cleared book is empty");
	is_int(levels_apply(
		   &l, span("{\"bids\":[[-0.0005,1],[-2,1],[0,1],[-0.0,3],"
			    "[1000000000000,1],[1E-10,1],[0.001,1]]}")),
	    0, "odd prices");
	is_book(&l,
	    "bid 1000000000000 1\nbid 0.001 1\nbid 0.0000000001 1\nbid 0 3\n"
	    "bid -0.0005 1\nbid -2 1\n",
	    "in the order of their values");
	levels_free(&l);
}

static void test_refused(void)
{
	static const char *const bad[] = {
	    "[]",
	    "{\"bids\":{}}",
	    "{\"bids\":null}",
	    "{\"bids\":[1]}",
	    "{\"bids\":[[]]}",
	    "{\"bids\":[[1]]}",
	    "{\"bids\":[[\"new\",1]]}",
	    "{\"bids\":[[\"new\",1,2,3]]}",
	    "{\"bids\":[[\"new\",\"1\",2]]}",
	    "{\"asks\":[[\"new\",1,null]]}",
	    "{\"asks\":[[1,-1]]}",
	    "{\"asks\":[[1e41,1]]}",
	    "{\"asks\":[[1e-99999999999999999999,1]]}",
	    "{\"asks\":[[1.00000000000000000000000000000000001,1]]}",
	    "{\"asks\":[[1,1]]",
	    "{\"asks\":[[1,1]]} x",
	};
	struct levels l = {.bids = {.n = 0}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(levels_apply(&l, span(bad[i])), -1, bad[i]);
	levels_free(&l);
}

static void test_cap(void)
{
	struct levels l = {.bids = {.n = 0}};
	struct buf text;
	int r = 0;
	char one[64];

	buf_init(&text, 64);
	for (int i = 1; i <= LEVELS_MAX && r == 0; i++) {
		snprintf(one, sizeof(one), "{\"%s\":[[%d,1]]}",
		    i % 2 ? "bids" : "asks", i % 2 ? -i : i);
		r = levels_apply(&l, span(one));
	}
	is_int(r, 0, "as many levels as there may be");
	is_int(levels_apply(&l, span("{\"bids\":[[9,1]]}")), -1, "one more");
	is_int(levels_apply(&l, span("{\"bids\":[[-1,2],[-3,0],[9,1]]}")), 0,
	    "one instead of another");
	is_int(levels_text(&l, &text), -1, "too much text for a buffer");
	buf_free(&text);
	levels_free(&l);
}

/*
 * Against a plain array: prices are multiples of 0.0005, each written in a way
 * that is drawn anew.
 */
#define TICKS 60
#define TICK_SCALE 10000

struct model {
	int amount[2][TICKS];
};

/* units / TICK_SCALE, spelled somehow. */
static void spell(struct gen *g, struct buf *out, int units)
{
	switch (gen_below(g, 4)) {
	case 0:
		buf_addf(
		    out, "%d.%04d", units / TICK_SCALE, units % TICK_SCALE);
		break;
	case 1: buf_addf(out, "%d.0E-06", units * 100); break;
	case 2: buf_addf(out, "%de-4", units); break;
	default: buf_addf(out, "0.%08de+4", units); break;
	}
}

static int units_of(int tick)
{
	return 5 * tick + 9900; /* on both sides of 1 */
}

/* A message with up to a dozen levels, in no order, applied to the model. */
static void make_message(struct gen *g, struct model *m, struct buf *out)
{
	static const char *const word[] = {
	    "", "\"new\",", "\"change\",", "\"delete\","};

	buf_clear(out);
	buf_addc(out, '{');
	for (int side = 0; side < 2; side++) {
		unsigned n = gen_below(g, 12);

		buf_adds(out, side ? ",\"asks\":[" : "\"bids\":[");
		for (unsigned i = 0; i < n; i++) {
			int tick = (int)gen_below(g, TICKS);
			int amount = gen_below(g, 3) ? (int)gen_below(g, 900)
			                             : 0;

			m->amount[side][tick] = amount;
			buf_addf(
			    out, "%s[%s", i ? "," : "", word[gen_below(g, 4)]);
			spell(g, out, units_of(tick));
			buf_addc(out, ',');
			spell(g, out, amount);
			buf_addc(out, ']');
		}
		buf_addc(out, ']');
	}
	buf_addc(out, '}');
}

/* The decimal without zeros behind it. */
static void add_plain(struct buf *out, int units)
{
	buf_addf(out, "%d.%04d", units / TICK_SCALE, units % TICK_SCALE);
	while (out->data[out->len - 1] == '0')
		out->len--;
	if (out->data[out->len - 1] == '.')
		out->len--;
}

static void model_text(const struct model *m, struct buf *out)
{
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < TICKS; i++) {
			int tick = side ? i : TICKS - 1 - i;

			if (m->amount[side][tick] == 0)
				continue;
			buf_adds(out, side ? "ask " : "bid ");
			add_plain(out, units_of(tick));
			buf_addc(out, ' ');
			add_plain(out, m->amount[side][tick]);
			buf_addc(out, '\n');
		}
}

static bool run_seed(uint64_t seed)
{
	struct gen g = {seed};
	struct model m = {{{0}}};
	struct levels l = {.bids = {.n = 0}};
	struct buf message, got, want;
	bool good = true;

	buf_init(&message, 1 << 16);
	buf_init(&got, 1 << 16);
	buf_init(&want, 1 << 16);
	for (int i = 0; good && i < 40; i++) {
		make_message(&g, &m, &message);
		buf_clear(&got);
		buf_clear(&want);
		model_text(&m, &want);
		good = levels_apply(&l, span(buf_str(&message))) == 0 &&
		       levels_text(&l, &got) == 0 &&
		       strcmp(buf_str(&got), buf_str(&want)) == 0;
	}
	buf_free(&message);
	buf_free(&got);
	buf_free(&want);
	levels_free(&l);
	return good;
}

int main(void)
{
	uint64_t seed = 1;

	test_apply();
	test_refused();
	test_cap();
	while (seed <= 300 && run_seed(seed))
		seed++;
	ok(seed > 300, "it agrees with an array, of 300 runs");
	if (seed <= 300)
		printf("# seed %" PRIu64 "\n", seed);
	return done_testing();
}
