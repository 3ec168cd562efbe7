/* The past of the synthetic market: one function of seed, instrument and time,
 * whichever way it is asked; and what is done to replies over HTTP. */
#include "replay/history.h"
#include "replay/text.h"
#include "replay/wall.h"
#include "replay/web-harm.h"

#include "base/clock.h"
#include "market.h"

#define MIDNIGHT_MS INT64_C(1795392000000)
#define DAYS 30
#define TRADES 100000
#define LINES 50
#define PASS_S INT64_C(43200)

struct past {
	struct market *market;
	struct history *history;
};

static struct past past_new(uint64_t seed, int64_t now_ms)
{
	struct past p = {.market = market_new(seed, now_ms, NULL)};

	p.history = history_new(p.market, now_ms, DAYS, TRADES, LINES, NULL);
	return p;
}

static void past_free(struct past *p)
{
	market_free(p->market);
	history_free(p->history);
}

/* All trades until then, each as its text, in one number. */
static uint64_t sum_of(const struct past *p, int64_t until_ms)
{
	uint64_t h = 1;
	struct buf text;

	buf_init(&text, 4096);
	for (size_t k = 0; k < p->history->count; k++) {
		const struct history_line *line = &p->history->line[k];
		uint64_t n = history_before(p->history, line, until_ms);
		struct history_slot slot = {.line = NULL};
		struct market_trade t;

		for (uint64_t seq = 1; seq <= n; seq++) {
			history_slot(p->history, line, seq, &slot);
			history_trade(p->history, &slot, seq, &t);
			buf_clear(&text);
			text_trade(&text, p->market, &t);
			for (size_t i = 0; i < buf_used(&text); i++)
				h = h * 31 + (unsigned char)buf_head(&text)[i];
		}
	}
	buf_free(&text);
	return h;
}

static void test_function(void)
{
	struct past a = past_new(7, NOW_MS), c = past_new(8, NOW_MS);
	struct past b = past_new(7, NOW_MS + 2 * HISTORY_HOUR_MS);
	uint64_t n = 0;

	for (size_t k = 0; k < a.history->count; k++)
		n += history_before(a.history, &a.history->line[k], NOW_MS);
	ok(n > TRADES * 9 / 10 && n < TRADES * 12 / 10,
	    "about as many trades as wanted (%d)", (int)n);
	is_int((int64_t)a.history->count, LINES, "of as many instruments");
	is_int(a.history->begin_ms, MIDNIGHT_MS - DAYS * HISTORY_DAY_MS,
	    "it begins at a midnight");
	ok(sum_of(&a, NOW_MS) == sum_of(&b, NOW_MS),
	    "a later start of the same day tells the same");
	ok(sum_of(&a, NOW_MS) != sum_of(&c, NOW_MS), "another seed does not");
	past_free(&a);
	past_free(&b);
	past_free(&c);
}

/* Times rise within a line, and count as history_before() has it. */
static void test_times(void)
{
	struct past p = past_new(3, NOW_MS);
	int falls = 0, wrong = 0, outside = 0, ids = 0;

	for (size_t k = 0; k < p.history->count; k++) {
		const struct history_line *line = &p.history->line[k];
		uint64_t n = history_before(p.history, line, NOW_MS);
		struct history_slot slot = {.line = NULL};
		int64_t before = line->from_ms;
		uint64_t id = 0;

		for (uint64_t seq = 1; seq <= n; seq++) {
			int64_t at = history_slot(p.history, line, seq, &slot);
			struct market_trade t;

			history_trade(p.history, &slot, seq, &t);
			falls += at < before || t.at_ms != at;
			outside += at < line->from_ms || at >= line->to_ms;
			wrong += history_before(p.history, line, at) >= seq ||
			         history_before(p.history, line, at + 1) < seq;
			ids += t.id <= id ||
			       history_id_ms(p.history, t.id) != at;
			before = at;
			id = t.id;
		}
	}
	is_int(falls, 0, "times do not fall");
	is_int(outside, 0, "none is outside of the instrument's life");
	is_int(wrong, 0, "a time is found by the number, and back");
	is_int(ids, 0, "ids rise with the number, and tell the time");
	past_free(&p);
}

static bool walks(struct past *p, bool ascending)
{
	struct history_cursor c;
	struct market_trade t, last = {.id = ascending ? 0 : UINT64_MAX};
	uint64_t n = 0, all = 0;
	bool good = history_cursor_begin(&c, p->history, ascending) == 0;

	for (size_t k = 0; k < p->history->count; k++) {
		const struct history_line *line = &p->history->line[k];
		uint64_t low = history_before(
		    p->history, line, NOW_MS - 5 * HISTORY_DAY_MS);
		uint64_t high = history_before(p->history, line, NOW_MS);

		history_cursor_add(&c, line, low + 1, high);
		all += high - low;
	}
	while (history_cursor_next(&c, &t)) {
		good = good && (ascending ? t.id > last.id : t.id < last.id);
		last = t;
		n++;
	}
	history_cursor_end(&c);
	return good && n == all && n > 1000;
}

static void test_cursor(void)
{
	struct past p = past_new(3, NOW_MS);

	ok(walks(&p, true), "lines are merged by time");
	ok(walks(&p, false), "and backwards");
	past_free(&p);
}

static bool is_same(const struct candle *a, const struct candle *b)
{
	return a->tick_ms == b->tick_ms && a->open == b->open &&
	       a->high == b->high && a->low == b->low && a->close == b->close &&
	       a->volume == b->volume && a->cost == b->cost;
}

/* Candles of minutes put together by hand. */
static bool joins(const struct past *p, size_t n, int minutes, int64_t tick_ms)
{
	struct candle row[1440], whole;
	int64_t begin = history_candles_begin(p->history, n);
	int64_t from = tick_ms > begin ? tick_ms : begin;
	size_t count = (size_t)((tick_ms + minutes * INT64_C(60000) - from) /
				60000);

	history_candles(p->history, n, minutes, tick_ms, NOW_MS, &whole, 1);
	history_candles(p->history, n, 1, from, NOW_MS, row, count);
	row[0].tick_ms = tick_ms;
	for (size_t k = 1; k < count; k++) {
		if (row[k].high > row[0].high)
			row[0].high = row[k].high;
		if (row[k].low < row[0].low)
			row[0].low = row[k].low;
		row[0].close = row[k].close;
		row[0].volume += row[k].volume;
		row[0].cost += row[k].cost;
	}
	return is_same(&row[0], &whole);
}

static void test_candles(void)
{
	struct past p = past_new(5, NOW_MS);
	int wrong = 0, flat = 0, odd = 0;

	for (size_t k = 0; k < p.history->count; k++) {
		const struct history_line *line = &p.history->line[k];
		int64_t day = line->from_ms / HISTORY_DAY_MS * HISTORY_DAY_MS;
		struct candle row[600];

		wrong += !joins(&p, line->instrument, 1440, day);
		if (line->from_ms < MIDNIGHT_MS - 10 * HISTORY_DAY_MS)
			wrong += !joins(&p, line->instrument, 60,
			    MIDNIGHT_MS - 10 * HISTORY_DAY_MS);
		history_candles(p.history, line->instrument, 1,
		    MIDNIGHT_MS - 600 * INT64_C(60000), NOW_MS, row, 600);
		for (size_t i = 1; i < 600; i++) {
			odd += row[i].low > row[i].high ||
			       row[i].open < row[i].low ||
			       row[i].close > row[i].high;
			if (row[i].volume > 0)
				continue;
			flat++;
			odd += row[i].open != row[i - 1].close ||
			       row[i].high != row[i].low || row[i].cost != 0;
		}
	}
	is_int(wrong, 0, "long candles are made of short ones");
	is_int(odd, 0, "those without a trade are flat at the last close");
	ok(flat > 1000, "of which there are many");
	past_free(&p);
}

static void test_open_candle(void)
{
	struct past p = past_new(5, NOW_MS);
	struct candle open, closed;
	int same = 0;

	for (size_t n = 0; n < p.market->count; n++) {
		int64_t tick = NOW_MS / 60000 * 60000;

		if (!chain_is_open(&p.market->chain[n]))
			continue;
		history_candles(p.history, n, 1, tick, NOW_MS, &open, 1);
		history_candles(
		    p.history, n, 1, tick, NOW_MS + 60000, &closed, 1);
		same += is_same(&open, &closed) || open.close == closed.close;
	}
	is_int(same, 0, "no open candle is what it will be");
	past_free(&p);
}

static void test_funding(void)
{
	struct past p = past_new(5, NOW_MS);
	struct history_funding f, before;
	int64_t at = MIDNIGHT_MS - 3 * HISTORY_DAY_MS, sum = 0;
	int zero = 0;

	for (int k = 0; k < 8; k++) {
		history_funding(p.history, 0, at - k * HISTORY_HOUR_MS, &f);
		sum += f.interest_1h;
	}
	history_funding(p.history, 0, at, &f);
	history_funding(p.history, 0, at - HISTORY_HOUR_MS, &before);
	is_int(f.interest_8h, sum, "eight hours are those of one");
	is_int(f.before, before.index, "an hour knows the index before");
	for (int k = 0; k < 300; k++) {
		long n = market_find(p.market, "SOL_USDC-PERPETUAL", 18);

		history_funding(
		    p.history, (size_t)n, at - k * HISTORY_HOUR_MS, &f);
		zero += f.interest_1h == 0;
	}
	ok(zero > 60 && zero < 140, "of linear ones a third is nothing");
	past_free(&p);
}

static int liquidations;

static void hear(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct buf whole;

	(void)slots;
	buf_init(&whole, 1 << 20);
	buf_add(&whole, text, len);
	liquidations += strstr(buf_str(&whole), "liquidation") != NULL;
	buf_free(&whole);
	++*(int *)arg;
}

/* As the clock goes, trades become the market's. */
static void test_goes_on(void)
{
	struct past p = past_new(5, NOW_MS);
	int heard = 0;
	struct market_sink sink = {.emit = hear, .arg = &heard};
	uint64_t want = 0, first;
	int wrong = 0;

	ok(listen_to(p.market, "trades.future.BTC.100ms", 0), "a listener");
	first = p.market->walk[0].seq;
	for (int64_t s = 0; s <= PASS_S; s += 60)
		history_turn(p.history, (NOW_MS + s * 1000) * 1000, &sink);
	for (size_t k = 0; k < p.history->count; k++) {
		const struct history_line *line = &p.history->line[k];

		want += history_before(
			    p.history, line, NOW_MS + PASS_S * 1000 + 1) -
		        history_before(p.history, line, NOW_MS + 1);
		wrong += p.market->walk[line->instrument].seq !=
		         history_before(
			     p.history, line, NOW_MS + PASS_S * 1000 + 1);
	}
	is_int((int64_t)p.market->traded, (int64_t)want, "each is made once");
	is_int(wrong, 0, "and the numbers go on");
	is_int(liquidations, 0, "no channel tells of a liquidation");
	ok(heard > 0 && p.market->walk[0].seq > first, "they are told");
	is_int(market_step(p.market, NOW_MS * 1000, &sink), 0,
	    "and none is made at the rate");
	past_free(&p);
}

static void test_clock(void)
{
	struct market *m = market_new(
	    1, MIDNIGHT_MS + 7 * HISTORY_HOUR_MS - 1000, NULL);
	int heard = 0, dead = 0;
	struct market_sink sink = {.emit = hear, .arg = &heard};
	int64_t due = MIDNIGHT_MS + 8 * HISTORY_HOUR_MS;

	market_expire_by_clock(m);
	market_beside(m, 1, (due - 1) * 1000, &sink);
	for (size_t n = 0; n < m->count; n++)
		dead += !chain_is_open(&m->chain[n]);
	is_int(dead, 0, "before the time nothing expires");
	market_beside(m, 2, due * 1000, &sink);
	for (size_t n = 0; n < m->count; n++)
		dead += chain_is_open(&m->chain[n]) !=
		        (m->chain[n].expiration_ms > due);
	is_int(dead, 0, "at the time all that is due, and nothing else");
	ok(m->delivered > 100, "which are many");
	market_free(m);
	wall_shift(INT64_C(3600000000));
	ok(wall_us() - clock_wall_us() > INT64_C(3599000000),
	    "the exchange's clock is moved");
	wall_shift(0);
}

/* Each kind does its own, and is counted. */
static void test_harm(void)
{
	static const struct {
		const char *rule;
		enum web_harm_kind kind;
		unsigned status;
	} cases[] = {{"http-429:rate=1", WEB_INSTEAD, 429},
	    {"http-502:rate=1", WEB_INSTEAD, 502},
	    {"http-empty:rate=1", WEB_INSTEAD, 502},
	    {"http-reset:rate=1", WEB_RESET, 0},
	    {"http-late:rate=1,for=0.5", WEB_LATE, 0},
	    {"http-502:rate=1,class=get_last", WEB_WHOLE, 0},
	    {"http-502:rate=0", WEB_WHOLE, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct faults f = {.count = 0};
		struct web_harm h;
		struct buf body;

		buf_init(&body, 4096);
		faults_add(&f, cases[i].rule, NULL);
		faults_seed(&f, 1);
		faults_tick(&f, 1, false);
		web_harm_draw(&f, "public/get_time", &h, &body);
		ok(h.kind == cases[i].kind && h.status == cases[i].status &&
			f.done_all == (h.kind != WEB_WHOLE),
		    "%s", cases[i].rule);
		buf_free(&body);
	}
}

int main(void)
{
	test_function();
	test_times();
	test_cursor();
	test_candles();
	test_open_candle();
	test_funding();
	test_goes_on();
	test_clock();
	test_harm();
	return done_testing();
}
