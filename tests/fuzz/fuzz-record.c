/*
 * Any bytes as a message of the exchange: as it stands, as the data of a
 * channel, and in the places of the members that are treated specially.  What
 * is accepted must give one line of valid JSON within the promised bound.
 */
#include <fcntl.h>

#include "deribit/rpc.h"
#include "fuzz.h"
#include "collect/collect.h"

static const char *const channels[] = {"quote.ETH-25DEC26-4000-C",
    "trades.option.ETH.100ms", "incremental_ticker.BTC-PERPETUAL",
    "markprice.options.btc_usd", "chart.trades.SOL_USDC-PERPETUAL.1",
    "estimated_expiration_price.btc_usd", "platform_state", "what.ever"};

static struct record_writer writer;
static struct collector collector;
static struct out out;

static void expect_line(const char *p, size_t n)
{
	struct json_value v;
	struct json j;

	EXPECT(n > 0 && p[n - 1] == '\n' && memchr(p, '\n', n - 1) == NULL);
	EXPECT(memcmp(p, "{\"type\":", 8) == 0);
	json_init(&j, p, n - 1);
	EXPECT(json_value(&j, &v) == 0 && json_end(&j) == 0);
}

/* The data, whatever they are, as one record. */
static void write_one(struct rpc *m)
{
	struct record_head head;
	struct channel channel;
	struct name name;
	char *line;
	size_t n;
	bool named;

	channel_parse(m->channel.p, m->channel.len, &channel);
	named = name_parse(
		    channel.instrument.p, channel.instrument.len, &name) == 0;
	if (record_head_make(&head, &channel, m->channel.p, m->channel.len,
		named ? &name : NULL) == -1)
		return;
	line = malloc(record_bound(&head, m->len));
	EXPECT(line != NULL);
	n = record_write(&writer, &head, 1, &m->json, line);
	if (rpc_finish(m) == 0) {
		EXPECT(n <= record_bound(&head, m->len));
		expect_line(line, n);
	}
	free(line);
	record_head_free(&head);
}

static void collect(struct rpc *m)
{
	struct fault fault;

	if (collector.out == NULL) {
		EXPECT(out_init(&out, open("/dev/null", O_WRONLY), 1 << 20,
			   &fault) == 0);
		collector.out = &out;
		buf_init(&collector.line, 4096);
	}
	intake_notification(&collector, NULL, m, &fault);
	intake_gaps(&collector);
	EXPECT(out_flush(&out, &fault) == 0);
}

static void message(const char *text, size_t len)
{
	struct rpc m;

	if (rpc_parse(&m, text, len) == 0 && m.kind == RPC_NOTIFICATION)
		write_one(&m);
	if (rpc_parse(&m, text, len) == 0 && m.kind == RPC_NOTIFICATION)
		collect(&m);
}

/* The text in each place marked %. */
static void wrapped(
    const char *channel, const char *form, const char *text, size_t len)
{
	struct buf b;

	buf_init(&b, 1 << 24);
	buf_addf(&b,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{"
	    "\"channel\":\"%s\",\"data\":",
	    channel);
	for (; *form != '\0'; form++)
		if (*form == '%')
			buf_add(&b, text, len);
		else
			buf_addc(&b, *form);
	buf_adds(&b, "}}");
	message(buf_head(&b), buf_used(&b));
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *channel =
	    channels[size % (sizeof(channels) / sizeof(channels[0]))];

	message(text, size);
	wrapped(channel, "%", text, size);
	wrapped(channel,
	    "{\"greeks\":%,\"stats\":%,\"iv\":%,\"best_bid_price\":%,"
	    "\"type\":%,\"best_bid_amount\":0.0, \"best_ask_price\":null,"
	    "\"best_ask_amount\":%}",
	    text, size);
	wrapped(channel, "[{\"instrument_name\":%,\"trade_seq\":%,\"x\":%}]",
	    text, size);
	return 0;
}
