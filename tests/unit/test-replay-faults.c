/* The plan of faults, and pages of trades under it, without a socket. */
#include <inttypes.h>
#include <stdlib.h>

#include "replay/harm.h"
#include "replay/pages.h"
#include "replay/rpc.h"
#include "tap.h"

#define NOW_MS INT64_C(1795397091000) /* 2026-11-23 */
#define SECOND INT64_C(1000000)

static struct rules rules = {10000, 10000, 60000};

static void is_refused(const char *text, const char *part)
{
	static struct faults f;
	struct fault fault = {.text = ""};

	memset(&f, 0, sizeof(f));
	is_int(faults_add(&f, text, &fault), -1, text);
	ok(strstr(fault.text, part) != NULL, "  because %s (%s)", part,
	    fault.text);
	is_int((int64_t)f.count, 0, "  and is not there");
}

static void test_parse(void)
{
	static struct faults f;
	struct fault fault;
	int full = 0;

	is_int(faults_add(&f, "cut:every=1.5,apart=0.25", &fault), 0, "a cut");
	is_int(f.rule[0].every_us, 1500000, "every 1.5 s");
	is_int(f.rule[0].apart_us, 250000, "0.25 s apart");
	is_int(faults_add(&f, "maintenance:for=2,mode=503,every=9", &fault), 0,
	    "a maintenance");
	ok(f.rule[1].http && f.rule[1].for_us == 2 * SECOND, "by HTTP");
	is_int(
	    faults_add(&f, "drop:class=trades.,rate=0.5", &fault), 0, "a drop");
	is_str(f.rule[2].class, "trades.", "of trades");
	is_int((int64_t)f.rule[2].rate, INT64_C(1) << 52, "of every second");
	while (faults_add(&f, "page-lost:rate=1", &fault) == 0)
		full++;
	is_int(full, FAULTS_RULES_MAX - 3, "no more than there is room for");
	is_refused("", "no such kind");
	is_refused("nosuch:every=1", "no such kind");
	is_refused("cut", "needs every");
	is_refused("cut:", "takes no");
	is_refused("cut:every", "bad value");
	is_refused("cut:every=", "bad value");
	is_refused("cut:every=0", "bad value");
	is_refused("cut:every=-1", "bad value");
	is_refused("cut:every=nan", "bad value");
	is_refused("cut:every=1x", "bad value");
	is_refused("cut:every=1,every=2", "bad value");
	is_refused("cut:every=1,", "takes no");
	is_refused("cut:rate=1", "takes no rate");
	is_refused("cut:every=1,class=x", "takes no class");
	is_refused("drop:rate=1,first=1", "takes no first");
	is_refused("cut:every=1,first=0", "bad value");
	is_refused("drop:rate=1.1", "bad value");
	is_refused("summary-empty:rate=1,for=1", "takes no for");
	is_refused("drop:class=x", "needs rate");
	is_refused("maintenance:every=1", "needs for");
	is_refused("maintenance:every=1,for=1,mode=404", "bad value");
}

/* When the two rules are due, as text, of a tick each millisecond. */
static void schedule(
    uint64_t seed, int64_t after_us, int64_t limit, struct buf *out)
{
	static struct faults f;
	struct fault fault;

	memset(&f, 0, sizeof(f));
	faults_add(&f, "cut:every=0.5", &fault);
	faults_add(&f, "silent:every=0.5", &fault);
	f.after_us = after_us;
	f.limit = limit;
	faults_seed(&f, seed);
	buf_clear(out);
	for (int64_t ms = 0; ms < 1000000; ms++) {
		/* The first subscription comes after a second. */
		faults_tick(&f, 1 + ms * 1000, ms >= 1000);
		for (size_t i = 0; i < f.count; i++) {
			while (faults_due(&f, &f.rule[i], 1 + ms * 1000)) {
				buf_addf(out, "%zu:%" PRId64 " ", i, ms);
				faults_done(&f, &f.rule[i], 1, "");
			}
		}
	}
}

/* When one that is drawn once a day is due, seconds after the subscription. */
static int64_t first_due(const char *rule, int64_t after_us)
{
	static struct faults f;
	struct fault fault;
	int64_t at;

	memset(&f, 0, sizeof(f));
	faults_add(&f, rule, &fault);
	f.after_us = after_us;
	faults_seed(&f, 7);
	for (at = 0; at < 100; at++) {
		faults_tick(&f, 1 + at * SECOND, true);
		if (faults_due(&f, &f.rule[0], 1 + at * SECOND))
			return at;
	}
	return -1;
}

static size_t words(struct buf *b)
{
	size_t n = 0;

	for (const char *p = buf_str(b); *p != '\0'; p++)
		n += *p == ' ';
	return n;
}

static void test_schedule(void)
{
	struct buf a, b;

	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	schedule(7, 0, 0, &a);
	schedule(7, 0, 0, &b);
	is_str(buf_str(&a), buf_str(&b), "a seed has one schedule");
	/* 3996 are expected, give or take 63 (a standard deviation). */
	ok(words(&a) > 3600 && words(&a) < 4400, "as many as asked for (%zu)",
	    words(&a));
	ok(strtol(buf_str(&a) + 2, NULL, 10) >= 1000,
	    "none before the first subscription");
	schedule(8, 0, 0, &b);
	ok(strcmp(buf_str(&a), buf_str(&b)) != 0, "another seed has another");
	schedule(7, 600 * SECOND, 0, &b);
	ok(strtol(buf_str(&b) + 2, NULL, 10) >= 601000, "none before its time");
	schedule(7, 0, 5, &b);
	is_int((int64_t)words(&b), 5, "as many as may be");
	is_int(first_due("cut:every=86400", 0), -1, "a rare one");
	is_int(first_due("cut:every=86400,first=9", 0), 9,
	    "the first when it is wished");
	is_int(first_due("cut:every=86400,first=9", 20 * SECOND), 29,
	    "behind the time before which there is none");
	buf_free(&a);
	buf_free(&b);
}

static void hear(void *arg, const struct faults_rule *rule, uint64_t connection,
    const char *detail)
{
	buf_addf(arg, "%s %" PRIu64 " %s;", faults_name(rule->kind), connection,
	    detail);
}

static void test_dice(void)
{
	static struct faults f;
	struct fault fault;
	struct buf told;
	int hits = 0, others = 0;

	buf_init(&told, 4096);
	f.tell = hear;
	f.arg = &told;
	faults_add(&f, "drop:rate=0.25,class=trades.", &fault);
	faults_seed(&f, 1);
	ok(faults_roll(&f, FAULTS_DROP, "trades.x", 8) == NULL &&
		faults_roll(&f, FAULTS_DROP, "trades.x", 8) == NULL && !f.open,
	    "no dice before the first tick");
	faults_tick(&f, 1, false);
	for (int i = 0; i < 100000; i++) {
		hits += faults_roll(&f, FAULTS_DROP, "trades.x", 8) != NULL;
		others += faults_roll(&f, FAULTS_DROP, "trades", 6) != NULL;
		others += faults_roll(&f, FAULTS_DROP, "quote.x", 7) != NULL;
		others += faults_roll(&f, FAULTS_REORDER, "trades.", 7) != NULL;
	}
	ok(hits > 24000 && hits < 26000, "a quarter (%d)", hits);
	is_int(others, 0, "of its class and kind only");
	f.limit = 1;
	faults_done(&f, &f.rule[0], 9, "\"a\":1");
	is_str(buf_str(&told), "drop 9 \"a\":1;", "who listens is told");
	while (
	    faults_roll(&f, FAULTS_DROP, "trades.x", 8) == NULL && --hits > 0)
		;
	is_int(hits, 0, "when all are done there are no dice");
	is_int((int64_t)f.done[FAULTS_DROP], 1, "counted");
	buf_free(&told);
}

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static void is_channel(const char *text, const char *want)
{
	struct json_span s = harm_channel(text, strlen(text));

	ok(s.len == strlen(want) && memcmp(s.p, want, s.len) == 0,
	    "channel of %s", text);
}

static void test_harm(void)
{
	struct harm h;
	int n = 0;

	is_channel("{\"params\":{\"channel\":\"a.b\",\"data\":1}}", "a.b");
	is_channel("{\"params\":{\"channel\":\"a\\\"b\"}}", "");
	is_channel("{\"params\":{\"channel\":\"ab", "");
	is_channel("\"channel\":\"", "");
	is_channel("\"channel\":", "");
	is_channel("", "");
	harm_init(&h);
	harm_kill(&h, span("a"));
	harm_kill(&h, span("b.c"));
	harm_kill(&h, span("d"));
	ok(harm_is_dead(&h, span("b.c")) && !harm_is_dead(&h, span("b")),
	    "a channel is dead");
	harm_revive(&h, span("b.c"));
	harm_revive(&h, span("nosuch"));
	ok(!harm_is_dead(&h, span("b.c")) && harm_is_dead(&h, span("a")) &&
		harm_is_dead(&h, span("d")),
	    "and lives again, the others not");
	harm_revive(&h, span("d"));
	ok(!harm_is_dead(&h, span("d")), "so does the last");
	harm_revive_all(&h);
	ok(!harm_is_dead(&h, span("a")), "all do");
	while (harm_hold(&h, "text", 4, 1) == 0)
		n++;
	is_int(n, HARM_HELD_MAX, "so many are held back");
	harm_free(&h);
}

static void ignore(void *arg, uint64_t slots, const char *text, size_t len)
{
	(void)arg;
	(void)slots;
	(void)text;
	(void)len;
}

static void listen_to(struct market *m, const char *channel)
{
	uint64_t *subs;

	if (market_channel(m, channel, strlen(channel), &subs) == CHANNEL_OK)
		market_subscribe(m, subs, 0);
}

/* A market that has made n trades, one second each. */
static struct market *traded(const char *channel, uint64_t n)
{
	struct market *m = market_new(1, NOW_MS, NULL);
	struct market_sink sink = {ignore, NULL};

	listen_to(m, channel);
	while (m->traded < n)
		market_step(
		    m, NOW_MS * 1000 + (int64_t)m->traded * SECOND, &sink);
	return m;
}

/* A reply's trades, as "seq seq ... more". */
static void seqs(
    struct rpc *rpc, const char *method, const char *query, struct buf *out)
{
	struct buf reply;
	char *p;

	buf_init(&reply, 16 << 20);
	buf_clear(out);
	if (rpc_query(rpc, method, query, &reply) == RPC_LOST)
		buf_adds(out, "lost");
	p = buf_str(&reply);
	while ((p = strstr(p, "\"trade_seq\":")) != NULL) {
		p += strlen("\"trade_seq\":");
		buf_addf(out, "%.*s ", (int)strcspn(p, ","), p);
	}
	if (strstr(buf_str(&reply), "\"has_more\":true") != NULL)
		buf_adds(out, "more");
	if (strstr(buf_str(&reply), "\"error\":") != NULL)
		buf_addf(out, "error %.6s",
		    strstr(buf_str(&reply), "\"code\":") + 7);
	buf_free(&reply);
}

/* The numbers from a to b, as seqs() has them. */
static void list(struct buf *out, uint64_t a, uint64_t b)
{
	buf_clear(out);
	if (a <= b)
		for (; a <= b; a++)
			buf_addf(out, "%" PRIu64 " ", a);
	else
		for (; a >= b; a--)
			buf_addf(out, "%" PRIu64 " ", a);
}

#define BY_INSTRUMENT "public/get_last_trades_by_instrument"
#define BY_CURRENCY "public/get_last_trades_by_currency"

static void test_trades(void)
{
	struct market *m = traded("trades.ETH-PERPETUAL.100ms", 200);
	struct rpc rpc = {m, &rules, false, {1000, 1000, 1, 0}};
	uint64_t last = m->walk[market_find(m, "ETH-PERPETUAL", 13)].seq;
	struct buf got, want;
	char query[200];

	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	seqs(&rpc, BY_CURRENCY, "currency=ETH", &got);
	list(&want, last, last - 9);
	buf_adds(&want, "more");
	is_str(buf_str(&got), buf_str(&want), "ten of a currency");
	seqs(&rpc, BY_CURRENCY,
	    "currency=ETH&kind=future&sorting=asc&count=1000", &got);
	list(&want, last + 1 - m->traded, last);
	is_str(buf_str(&got), buf_str(&want), "all that there are");
	seqs(&rpc, BY_CURRENCY, "currency=ETH&kind=option", &got);
	is_str(buf_str(&got), "", "none of another kind");
	seqs(&rpc, BY_CURRENCY, "currency=BTC", &got);
	is_str(buf_str(&got), "", "nor of another currency");
	snprintf(query, sizeof(query),
	    "currency=ETH&kind=any&start_id=ETH-%" PRIu64
	    "&end_id=ETH-%" PRIu64,
	    market_trade_at(m, 50)->id, market_trade_at(m, 53)->id);
	seqs(&rpc, BY_CURRENCY, query, &got);
	list(&want, market_trade_at(m, 53)->seq, market_trade_at(m, 50)->seq);
	is_str(buf_str(&got), buf_str(&want), "between two ids");
	snprintf(query, sizeof(query),
	    "currency=ETH&start_timestamp=%" PRId64 "&end_timestamp=%" PRId64
	    "&count=1000&sorting=asc",
	    market_trade_at(m, 100)->at_ms, market_trade_at(m, 120)->at_ms);
	seqs(&rpc, BY_CURRENCY "_and_time", query, &got);
	ok(strstr(buf_str(&got), "more") == NULL && words(&got) >= 21 &&
		words(&got) < 30,
	    "between two times");
	seqs(&rpc, BY_CURRENCY, "", &got);
	is_str(buf_str(&got), "error -32602", "a currency must be");
	seqs(&rpc, BY_CURRENCY, "currency=ETH&start_id=x", &got);
	is_str(buf_str(&got), "error -32602", "an id has digits");
	seqs(&rpc, BY_CURRENCY, "currency=ETH&count=1001", &got);
	is_str(buf_str(&got), "error -32602", "a thousand at most");
	seqs(&rpc, BY_INSTRUMENT, "instrument_name=ETH-PERPETUAL&sorting=x",
	    &got);
	is_str(buf_str(&got), "error -32602", "a sorting that is none");
	buf_free(&got);
	buf_free(&want);
	market_free(m);
}

/* Asks for 20 trades in the middle under one kind of fault. */
static void harmed(
    const char *fault, uint64_t seed, struct buf *got, struct buf *asked)
{
	static struct faults f;
	struct market *m = traded("trades.ETH-PERPETUAL.100ms", 200);
	struct rpc rpc = {m, &rules, false, {1000, 1000, 1, 0}};
	uint64_t last = m->walk[market_find(m, "ETH-PERPETUAL", 13)].seq;
	char query[200];

	memset(&f, 0, sizeof(f));
	if (faults_add(&f, fault, NULL) == -1)
		abort();
	faults_seed(&f, seed);
	faults_tick(&f, 1, false);
	rpc.faults = &f;
	snprintf(query, sizeof(query),
	    "instrument_name=ETH-PERPETUAL&start_seq=%" PRIu64
	    "&end_seq=%" PRIu64 "&count=50&sorting=asc",
	    last - 100, last - 81);
	seqs(&rpc, BY_INSTRUMENT, query, got);
	list(asked, last - 100, last - 81);
	if (f.done_all != 1)
		buf_adds(got, "not done");
	market_free(m);
}

/* What holds of the replies, whatever the dice say. */
struct harmless {
	int rows, most, other;
	bool more;
};

static struct harmless measure(const char *fault)
{
	struct harmless r = {.rows = 99};
	struct buf got, asked;

	buf_init(&got, 4096);
	buf_init(&asked, 4096);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		int n;

		harmed(fault, seed, &got, &asked);
		n = (int)words(&got);
		r.rows = n < r.rows ? n : r.rows;
		r.most = n > r.most ? n : r.most;
		r.other += strcmp(buf_str(&got), buf_str(&asked)) != 0;
		r.more |= strstr(buf_str(&got), "more") != NULL ||
		          strstr(buf_str(&got), "done") != NULL;
	}
	buf_free(&got);
	buf_free(&asked);
	return r;
}

static void is_measured(const char *fault, int rows, int most)
{
	struct harmless r = measure(fault);

	ok(r.rows == rows && r.most == most, "%s: from %d to %d rows", fault,
	    r.rows, r.most);
	ok(r.other >= 19 && !r.more, "  which are not those asked for");
}

static void test_pages(void)
{
	struct buf got, asked;
	uint64_t first, other;
	int older = 0, newer = 0, wrong = 0;

	buf_init(&got, 4096);
	buf_init(&asked, 4096);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		harmed("page-shift:rate=1", seed, &got, &asked);
		first = strtoull(buf_str(&asked), NULL, 10);
		other = strtoull(buf_str(&got), NULL, 10);
		list(&asked, other, other + 19);
		wrong += strcmp(buf_str(&got), buf_str(&asked)) != 0 ||
		         other + 3 < first || other > first + 3;
		older += other < first;
		newer += other > first;
	}
	is_int(wrong, 0, "a shifted page is a window of as many rows");
	ok(older > 0 && newer > 0 && older + newer == 20, "to either side");
	is_measured("page-duplicate:rate=1", 21, 23);
	is_measured("page-reorder:rate=1", 20, 20);
	is_measured("page-empty:rate=1", 0, 0);
	is_measured("page-late:rate=1", 17, 19);
	ok(measure("page-short:rate=1").most < 20, "a short page is short");
	harmed("page-lost:rate=1", 1, &got, &asked);
	is_str(buf_str(&got), "lost", "no reply");
	harmed("page-error:rate=1", 1, &got, &asked);
	ok(strncmp(buf_str(&got), "error 13028", 11) == 0 ||
		strncmp(buf_str(&got), "error 10040", 11) == 0,
	    "an error for a reply (%s)", buf_str(&got));
	buf_free(&got);
	buf_free(&asked);
}

/* A page at the end of what there is: nothing lies beyond. */
static void test_edges(void)
{
	static struct market_trade trade[5];
	static struct faults f;
	struct page p;
	int most = 0;

	faults_add(&f, "page-shift:rate=1", NULL);
	faults_add(&f, "page-duplicate:rate=1", NULL);
	faults_seed(&f, 3);
	faults_tick(&f, 1, false);
	for (int k = 0; k < 1000; k++) {
		p = (struct page){.count = PAGES_ROWS_MAX, .has_more = true};
		for (size_t i = 0; i < p.count; i++)
			p.row[i] = &trade[i % 5];
		p.newer_count = (size_t)(k % 4);
		p.older_count = (size_t)(k / 4 % 4);
		for (size_t i = 0; i < PAGES_EDGE; i++)
			p.newer[i] = p.older[i] = &trade[0];
		pages_harm(&f, &p, 0);
		most = (int)p.count > most ? (int)p.count : most;
	}
	is_int(
	    most, PAGES_ROWS_MAX + PAGES_EDGE, "a full page stays in bounds");
	for (int k = 0; k < 1000; k++) {
		p = (struct page){.count = (size_t)(k % 2)};
		p.row[0] = &trade[0];
		pages_harm(&f, &p, 0);
		most += p.count > 1 + PAGES_EDGE;
	}
	is_int(most, PAGES_ROWS_MAX + PAGES_EDGE, "a small one too");
}

int main(void)
{
	test_parse();
	test_schedule();
	test_dice();
	test_harm();
	test_trades();
	test_pages();
	test_edges();
	return done_testing();
}
