/* The maps of the REST collectors and what records begin with: what came in
 * comes out, every number as it was sent; also of replies that were recorded.
 */
#include "fetch/emit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "maps/candles.h"
#include "maps/funding.h"
#include "maps/ticker.h"
#include "maps/trades.h"
#include "record/record.h"
#include "tap.h"

#define TEXT_MAX ((size_t)4 << 20)

static struct emit e;
static struct fault fault;
static int sink[2];

static struct jq_map *map_of(const char *program)
{
	struct jq_map *m = jq_map_new(program, NULL, 0, &fault);

	if (m == NULL)
		printf("Bail out! %s\n", fault.text);
	return m;
}

/* What was emitted, with N for each received_at, which must grow. */
static const char *emitted(void)
{
	static struct buf b;
	static int64_t last;
	static const char member[] = "\"received_at\":";
	const char *p, *at;

	if (b.cap == 0)
		buf_init(&b, TEXT_MAX);
	buf_clear(&b);
	if (buf_str(&e.out) == NULL)
		return "";
	for (p = buf_str(&e.out); (at = strstr(p, member)) != NULL; p = at) {
		at += sizeof(member) - 1;
		buf_add(&b, p, (size_t)(at - p));
		buf_addc(&b, 'N');
		if (atoll(at) <= last)
			buf_adds(&b, "(does not grow)");
		last = atoll(at);
		at += strspn(at, "0123456789");
	}
	buf_adds(&b, p);
	buf_clear(&e.out);
	return buf_str(&b);
}

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static void candles(void)
{
	struct jq_map *m = map_of(map_candles);
	struct emit_head h;
	static const char in[] =
	    "{\"instrument_name\":\"BTC-PERPETUAL\",\"resolution\":\"1\","
	    "\"from\":60000,\"to\":240000,\"result\":{\"status\":\"ok\","
	    "\"volume\":[9007199254740993,1.0,0.0,7,8],"
	    "\"ticks\":[0,60000,1.2e5,180000.0,240000],"
	    "\"open\":[1,2.50,6.4e4,4,5],\"high\":[1,2,3,4,5],"
	    "\"low\":[1,2,3,4,5],\"close\":[1,2,3,9007199254740993,5],"
	    "\"cost\":[1,2,3,4,5],\"new\":[1,null,3e0,4,5],"
	    "\"kind\":[1,2,3,4,5],\"other\":7}}";
	static const char none[] =
	    "{\"instrument_name\":\"A\",\"resolution\":\"1\",\"from\":null,"
	    "\"to\":null,\"result\":{\"status\":\"no_data\",\"ticks\":[],"
	    "\"open\":[],\"close\":[]}}";
	static const char *const bad[] = {
	    "{\"result\":{\"ticks\":[1,2],\"open\":[1]}}",
	    "{\"result\":{\"ticks\":[1],\"open\":[1]}}",
	    "{\"result\":{\"ticks\":7}}", "{\"result\":7}", "{}", "{"};

	emit_head(&h, "candle", "BTC-PERPETUAL");
	is_int(emit_map(&e, &h, m, in, sizeof(in) - 1, &fault), 0, "candles");
#define CANDLE(tick, rest)                                          \
	"{\"type\":\"candle\",\"kind\":\"perpetual\",\"currency\":" \
	"\"BTC\",\"received_at\":N,\"instrument_name\":"            \
	"\"BTC-PERPETUAL\",\"resolution\":\"1\",\"tick\":" tick "," rest "}\n"
	is_str(emitted(),
	    CANDLE("60000",
		"\"open\":2.50,\"high\":2,\"low\":2,\"close\":2,"
		"\"volume\":1.0,\"cost\":2,\"new\":null") CANDLE("1.2e5",
		"\"open\":6.4e4,\"high\":3,\"low\":3,\"close\":3,"
		"\"volume\":0.0,\"cost\":3,\"new\":3e0")
		CANDLE("180000.0", "\"open\":4,\"high\":4,\"low\":4,"
				   "\"close\":9007199254740993,\"volume\":7,"
				   "\"cost\":4,\"new\":4"),
	    "those within the window, columns to rows, numbers as sent");
	is_int(
	    emit_map(&e, &h, m, none, sizeof(none) - 1, &fault), 0, "no data");
	is_str(emitted(), "", "is no record");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&fault, 0, sizeof(fault));
		ok(emit_map(&e, &h, m, bad[i], strlen(bad[i]), &fault) == -1 &&
			fault.exit_code == EX_DATAERR,
		    "refused: %s", bad[i]);
	}
	buf_clear(&e.out);
	jq_map_free(m);
}

static void funding(void)
{
	struct jq_map *m = map_of(map_funding);
	struct emit_head h;

	emit_head(&h, "funding", "SOL_USDC-PERPETUAL");
	is_int(emit_rows(&e, &h, m,
		   "\"instrument_name\":\"SOL_USDC-PERPETUAL\","
		   "\"from\":3600000,\"to\":7200000",
		   span("[{\"timestamp\":0,\"interest_1h\":1},\n"
			" {\"timestamp\":3600000,\"index_price\":1.50,\n"
			"  \"interest_8h\":2.0e-4,\"interest_1h\":-0.0,"
			"\"id\":9007199254740993,\"kind\":\"x\","
			"\"instrument_name\":\"y\"},\n"
			" {\"timestamp\":7200000}]"),
		   &fault),
	    0, "funding");
	is_str(emitted(),
	    "{\"type\":\"funding\",\"kind\":\"perpetual\",\"currency\":"
	    "\"SOL\",\"received_at\":N,\"instrument_name\":"
	    "\"SOL_USDC-PERPETUAL\",\"timestamp\":3600000,"
	    "\"index_price\":1.50,\"interest_8h\":2.0e-4,"
	    "\"interest_1h\":-0.0,\"id\":9007199254740993}\n",
	    "the row within, our words in front");
	is_int(emit_rows(&e, &h, m, "", span("{}"), &fault), -1, "no array");
	is_int(emit_rows(&e, &h, m, "", span("[7]"), &fault), -1, "no row");
	is_int(emit_rows(&e, &h, m, "", span("[{}"), &fault), -1, "torn");
	buf_clear(&e.out);
	jq_map_free(m);
}

static void trades(void)
{
	struct jq_map *m = map_of(map_trades);
	struct emit_head h;

	emit_head(&h, "trade", "XRP_USDC-25DEC26-1d25-C");
	emit_rows(&e, &h, m, "\"repaired\":true",
	    span("[{\"trade_seq\":1,\"starbase_match_id\":227538549002481664,"
		 "\"price\":1.0e-4,\"legs\":[ {\"a\" : 1.0}],\"type\":\"t\"}]"),
	    &fault);
	is_str(emitted(),
	    "{\"type\":\"trade\",\"kind\":\"option\",\"currency\":\"XRP\","
	    "\"received_at\":N,\"trade_seq\":1,"
	    "\"starbase_match_id\":227538549002481664,\"price\":1.0e-4,"
	    "\"legs\":[{\"a\":1.0}],\"update_type\":\"t\","
	    "\"repaired\":true}\n",
	    "a trade that was fetched");
	emit_rows(&e, &h, m, "", span("[{\"a\":1},{}]"), &fault);
	ok(strstr(emitted(), "N,\"a\":1}\n") != NULL, "nothing is added else");
	emit_head(&h, "trade", "no such name");
	emit_rows(&e, &h, m, "", span("[{}]"), &fault);
	is_str(emitted(),
	    "{\"type\":\"trade\",\"kind\":null,\"currency\":null,"
	    "\"received_at\":N}\n",
	    "a name that says nothing");
	jq_map_free(m);
}

static const char *ticker(struct jq_map *m, const char *at, const char *row)
{
	struct emit_head h;
	char in[4000];

	emit_head(&h, "ticker", "ETH-25DEC26-4000-C");
	snprintf(in, sizeof(in), "{\"snapshot_at\":%s,\"row\":%s}", at, row);
	emit_map(&e, &h, m, in, strlen(in), &fault);
	return emitted();
}

static void tickers(void)
{
	struct jq_map *m = map_of(map_ticker);
	const char *out;

#define TICKER                                                                \
	"{\"type\":\"ticker\",\"kind\":\"option\",\"currency\":\"ETH\",\"rec" \
	"eived_at\":N,"
	out = ticker(m, "1790000000000",
	    "{\"best_bid_price\":0.0,\"best_bid_amount\":0.0,"
	    "\"best_ask_price\":0.0,\"best_ask_amount\":5.0,"
	    "\"greeks\":{\"delta\":1.0e-1,\"rho\":0.0,\"kind\":1},"
	    "\"stats\":{\"volume\":null,\"high\":9007199254740993},"
	    "\"kind\":\"x\",\"type\":\"snapshot\",\"mark_iv\":61.590}");
	is_str(out,
	    TICKER "\"snapshot_at\":1790000000000,\"best_bid_price\":null,"
		   "\"best_bid_amount\":null,\"best_ask_price\":0.0,"
		   "\"best_ask_amount\":5.0,\"delta\":1.0e-1,\"rho\":0.0,"
		   "\"stats_volume\":null,\"stats_high\":9007199254740993,"
		   "\"update_type\":\"snapshot\",\"mark_iv\":61.590}\n",
	    "a ticker");
	is_str(ticker(m, "null", "{\"best_bid_price\":null}"),
	    TICKER "\"best_bid_price\":null}\n", "a member that is alone");
	is_str(ticker(m, "null", "{\"greeks\":null,\"stats\":7}"),
	    TICKER "\"greeks\":null,\"stats\":7}\n", "what is no object stays");
	jq_map_free(m);
}

/* ---------------------------------------------------------------- recorded */

static char *recorded(const char *name)
{
	const char *dir = getenv("RECORDED");
	char path[1000];
	char *text = calloc(1, TEXT_MAX);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "", name);
	f = dir != NULL ? fopen(path, "r") : NULL;
	if (f == NULL) {
		printf("ok %d - %s # SKIP no recorded payloads\n", ++tap_count,
		    name);
		free(text);
		return NULL;
	}
	text[fread(text, 1, TEXT_MAX - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* The value of a member at the top, or of that within "result". */
static struct json_span member(struct json_span text, const char *name)
{
	struct json_span key;
	struct json_value v;
	struct json j;

	json_init(&j, text.p, text.len);
	if (json_object_begin(&j) == 0)
		while (
		    json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0)
			if (json_span_is(key, name))
				return v.text;
	return (struct json_span){"null", 4};
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The numbers in a text, but those in strings; sorted, one a line. */
static char *numbers(struct json_span text)
{
	static char *list[100000];
	size_t n = 0, len, i;
	const char *p = text.p, *end = text.p + text.len;
	struct buf b;

	while (p < end) {
		if (*p == '"') {
			len = strcspn(p + 1, "\"");
			p += len + 2;
		} else if (strchr("-0123456789", *p) != NULL) {
			len = strspn(p, "-+.eE0123456789");
			list[n++] = strndup(p, len);
			p += len;
		} else {
			p++;
		}
	}
	qsort(list, n, sizeof(*list), text_compare);
	buf_init(&b, TEXT_MAX);
	for (i = 0; i < n; i++) {
		buf_addf(&b, "%s\n", list[i]);
		free(list[i]);
	}
	buf_str(&b);
	return b.data != NULL ? b.data : calloc(1, 1);
}

static void same_numbers(struct json_span in, const char *what)
{
	const char *out = emitted();
	char *want = numbers(in), *got = numbers(span(out));
	size_t n = 0;

	for (const char *p = want; *p != '\0'; p++)
		n += *p == '\n';
	ok(n > 0 && strcmp(want, got) == 0, "%s: %zu numbers as they were sent",
	    what, n);
	free(want);
	free(got);
}

static void recorded_candles(void)
{
	static const char name[] =
	    "nautilus/http_get_tradingview_chart_data.json";
	char *text = recorded(name);
	struct jq_map *m = map_of(map_candles);
	struct json_span result;
	struct emit_head h;
	struct buf in;

	if (text != NULL) {
		result = member(span(text), "result");
		emit_head(&h, "candle", "BTC-PERPETUAL");
		buf_init(&in, TEXT_MAX);
		buf_addf(&in,
		    "{\"instrument_name\":\"BTC-PERPETUAL\",\"resolution\":"
		    "\"1\",\"from\":null,\"to\":null,\"result\":%.*s}",
		    (int)result.len, result.p);
		emit_map(&e, &h, m, buf_str(&in), buf_used(&in), &fault);
		same_numbers(result, name);
		buf_free(&in);
	}
	jq_map_free(m);
	free(text);
}

static void recorded_rows(const char *name, const char *program,
    const char *type, const char *instrument)
{
	char *text = recorded(name);
	struct jq_map *m = map_of(program);
	struct json_span rows;
	struct emit_head h;

	if (text != NULL) {
		rows = span(text);
		if (text[0] == '{')
			rows = member(member(rows, "result"), "trades");
		emit_head(&h, type, instrument);
		is_int(emit_rows(&e, &h, m, "\"instrument_name\":\"x\"", rows,
			   &fault),
		    0, name);
		same_numbers(rows, name);
	}
	jq_map_free(m);
	free(text);
}

/* As the channel's record, which deribit-ws-stream makes of the same data. */
static void as_streamed(struct jq_map *m, struct json_span row)
{
	static struct record_writer w;
	struct json_span quoted = member(row, "instrument_name");
	char name[100], channel[140], want[8000], in[8000];
	struct channel c;
	struct name n;
	struct record_head rh;
	struct emit_head h;
	struct json j;
	const char *got;
	size_t len;

	snprintf(name, sizeof(name), "%.*s", (int)quoted.len - 2, quoted.p + 1);
	snprintf(channel, sizeof(channel), "ticker.%s.100ms", name);
	channel_parse(channel, strlen(channel), &c);
	name_parse(name, strlen(name), &n);
	record_head_make(&rh, &c, channel, strlen(channel), &n);
	json_init(&j, row.p, row.len);
	len = record_write(&w, &rh, 7, &j, want);
	want[len] = '\0';
	record_head_free(&rh);
	emit_head(&h, "ticker", name);
	snprintf(in, sizeof(in), "{\"snapshot_at\":null,\"row\":%.*s}",
	    (int)row.len, row.p);
	emit_map(&e, &h, m, in, strlen(in), &fault);
	got = emitted();
	ok(strstr(want, "\"received_at\":7,") != NULL &&
		strstr(got, "\"received_at\":N,") != NULL &&
		strcmp(strstr(want, ":7,") + 2, strstr(got, ":N,") + 2) == 0 &&
		strncmp(want, got, (size_t)(strstr(want, ":7,") - want)) == 0,
	    "the ticker of %s as the stream has it", name);
}

static void recorded_tickers(void)
{
	char *text = recorded("openbb/option_tickers_subset.json");
	struct jq_map *m = map_of(map_ticker);
	struct json_span key;
	struct json_value v;
	struct json j;

	if (text != NULL) {
		json_init(&j, text, strlen(text));
		json_object_begin(&j);
		while (
		    json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0)
			as_streamed(m, v.text);
		free(text);
	}
	text = recorded("openbb/ticker_future.json");
	if (text != NULL)
		as_streamed(m, span(text));
	free(text);
	jq_map_free(m);
}

/* ------------------------------------------------------------------ output */

static void output(void)
{
	struct jq_map *m = map_of(map_trades);
	struct emit_head h;
	char text[200];
	ssize_t n;

	emit_head(&h, "trade", "BTC-PERPETUAL");
	emit_rows(&e, &h, m, "", span("[{\"a\":1}]"), &fault);
	is_int(emit_flush(&e, &fault), 0, "flushed");
	n = read(sink[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	ok(n > 0 && text[n - 1] == '\n' && strstr(text, "\"a\":1}") != NULL,
	    "a whole line is written");
	is_int(emit_flush(&e, &fault), 0, "nothing to flush");
	close(sink[0]);
	emit_rows(&e, &h, m, "", span("[{\"a\":1}]"), &fault);
	is_int(emit_flush(&e, &fault), -1, "a reader that left");
	ok(e.closed && fault.exit_code == EX_IOERR, "is told");
	jq_map_free(m);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (pipe(sink) == -1)
		return 1;
	emit_init(&e, sink[1]);
	candles();
	funding();
	trades();
	tickers();
	recorded_candles();
	recorded_rows("openbb/funding_rate_history.json", map_funding,
	    "funding", "BTC-PERPETUAL");
	recorded_rows("nautilus/http_get_last_trades.json", map_trades, "trade",
	    "ETH-PERPETUAL");
	recorded_tickers();
	output();
	emit_free(&e);
	return done_testing();
}
