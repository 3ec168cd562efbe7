#include "replies.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 100
/* Quotes, before what is to come later. */
#define LATER 20
/* Summaries, of which two are enough to find somebody silent. */
#define ENOUGH 45
/* Older than one that is believed. */
#define OLD_MS 10000

static bool asks(const struct talk *t, const char *method)
{
	char quoted[100];

	snprintf(quoted, sizeof(quoted), "\"public/%s\"", method);
	return strstr(t->text, quoted) != NULL;
}

/* Not of what a session needs to begin and to live. */
static bool asks_data(const struct talk *t)
{
	return asks(t, "get_last_trades_by_instrument") ||
	       strstr(t->text, "\"public/get_") != NULL;
}

static void say(struct talk *t, const char *what)
{
	if (wire_text(&t->w, "{\"jsonrpc\":\"2.0\",%s}", what) == -1)
		t->over = true;
}

static void reply(struct talk *t, long id, const char *what)
{
	if (wire_text(&t->w, "{\"jsonrpc\":\"2.0\",\"id\":%ld,%s}", id, what) ==
	    -1)
		t->over = true;
	t->answered = true;
}

static void refuse(struct talk *t, int code, const char *message)
{
	char what[200];

	snprintf(what, sizeof(what),
	    "\"error\":{\"code\":%d,\"message\":\"%s\"}", code, message);
	reply(t, t->id, what);
}

void cut_at_request(struct talk *t)
{
	if (t->calls != (unsigned long)t->number)
		return;
	event(t, "cut at request %d", t->number);
	shutdown(t->w.fd, SHUT_RDWR);
	t->over = t->answered = true;
}

void double_replies(struct talk *t)
{
	char what[41000];

	reply(t, t->id + 1000, "\"result\":[\"quote.X\"]");
	reply(t, t->id - 1, "\"error\":{\"code\":10040,\"message\":\"retry\"}");
	reply(t, 0, "\"result\":{\"trades\":[]}");
	say(t, "\"id\":null,\"result\":[]");
	say(t, "\"id\":[1],\"result\":{}");
	t->answered = false;
	if (!asks(t, "subscribe"))
		return;
	take_channels(t, t->text);
	snprintf(what, sizeof(what),
	    "\"result\":[\"quote.NOSUCH-1JAN20-1-C\",7,null,[\"x\"],{},\"\","
	    "\"\\u0000\",%s,%s",
	    t->channels + 1, t->channels + 1);
	/* Of the first list the bracket goes. */
	*strchr(strstr(what, "\\u0000") + 8, ']') = ' ';
	reply(t, t->id, what);
	reply(t, t->id, "\"result\":[]");
	event(t, "subscribed");
	send_quote(t);
}

void string_ids(struct talk *t)
{
	char what[100];

	snprintf(what, sizeof(what), "\"id\":\"%ld\",\"result\":\"ok\"", t->id);
	say(t, what);
	t->answered = true;
}

void hello_error(struct talk *t)
{
	if (asks(t, "hello"))
		refuse(t, -32601, "Method not found");
}

void heartbeat_error(struct talk *t)
{
	if (asks(t, "set_heartbeat"))
		refuse(t, 11029, "invalid_arguments");
}

void subscribe_later(struct talk *t)
{
	if (asks(t, "subscribe") && t->refused++ == 0)
		refuse(t, 10040, "retry");
}

void subscribe_error(struct talk *t)
{
	if (asks(t, "subscribe"))
		refuse(t, 11050, "bad_request");
}

void subscribe_no_list(struct talk *t)
{
	if (asks(t, "subscribe"))
		reply(t, t->id, "\"result\":\"ok\"");
}

void unsubscribe_lost(struct talk *t)
{
	t->answered = asks(t, "unsubscribe");
	if (t->answered)
		event(t, "unsubscribe lost");
}

void unsubscribe_later(struct talk *t)
{
	if (!asks(t, "unsubscribe"))
		return;
	if (t->refused++ == 0)
		refuse(t, 13028, "temporarily_unavailable");
	else
		event(t, "unsubscribed");
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void tick(struct talk *t, const char *index)
{
	char what[300];

	snprintf(what, sizeof(what),
	    "\"method\":\"subscription\",\"params\":{\"channel\":"
	    "\"deribit_price_index.%s\",\"data\":{\"timestamp\":"
	    "%lld,\"price\":100.5,\"index_name\":\"%s\"}}",
	    index, now_ms(), index);
	say(t, what);
}

/* Goes on with quotes. */
static void await_go(struct talk *t)
{
	const char *path = getenv("PEER_GO");

	while (path != NULL && access(path, F_OK) == -1 && !t->over) {
		poll(NULL, 0, POLL_MS);
		send_quote(t);
	}
}

void speak_late(struct talk *t)
{
	/* It is asked for books, now and then. */
	if (asks_data(t) && t->quotes >= LATER && t->replies++ == 0)
		tick(t, "sol_usd");
	if (!asks(t, "unsubscribe"))
		return;
	take_channels(t, t->text);
	event(t, "unsubscribe %s", t->channels);
	if (t->refused++ > 0)
		return;
	await_go(t);
	tick(t, "sol_usd");
	tick(t, "eth_usd");
}

/* The quotes of the first one go on, and the second one is silent. */
static void summarize(
    struct talk *t, unsigned long price, long long age_ms, bool ticks)
{
	char what[600];

	if (asks(t, "subscribe"))
		event(t, "asked");
	if (!asks(t, "get_book_summary_by_currency"))
		return;
	snprintf(what, sizeof(what),
	    "\"result\":[{\"instrument_name\":\"ETH-27MAR26-3000-C\","
	    "\"creation_timestamp\":%lld,\"bid_price\":0.01,"
	    "\"ask_price\":null},"
	    "{\"instrument_name\":\"ETH-27MAR26-3100-C\","
	    "\"creation_timestamp\":%lld,\"bid_price\":%lu.5,"
	    "\"ask_price\":null}]",
	    now_ms() - age_ms, now_ms() - age_ms, price);
	reply(t, t->id, what);
	if (ticks)
		tick(t, "btc_usd");
	if (++t->replies == ENOUGH)
		event(t, "enough");
}

void price_moves(struct talk *t)
{
	summarize(t, t->replies, 0, true);
}

void price_flickers(struct talk *t)
{
	summarize(t, t->replies % 2, 0, true);
}

void price_old(struct talk *t)
{
	summarize(t, t->replies, OLD_MS, true);
}

void price_unticked(struct talk *t)
{
	summarize(t, t->replies, 0, false);
}

void junk_replies(struct talk *t)
{
	static const char *const junk[] = {"\"result\":null", "\"result\":7",
	    "\"result\":\"x\"", "\"result\":[]", "\"result\":{}",
	    "\"result\":[[],{},null,7,{\"instrument_name\":7,\"bid_price\":{}}"
	    "]",
	    "\"result\":{\"trades\":7}",
	    "\"result\":{\"trades\":[7,null,[],{},{\"trade_seq\":\"x\"},"
	    "{\"trade_seq\":-1,\"instrument_name\":\"ETH-27MAR26-3000-C\"},"
	    "{\"trade_seq\":9223372036854775807,\"instrument_name\":"
	    "\"ETH-27MAR26-3000-C\",\"timestamp\":9223372036854775807},"
	    "{\"trade_seq\":1e99,\"instrument_name\":\"\\u0000\"}],"
	    "\"has_more\":\"x\"}",
	    "\"result\":{\"bids\":7,\"asks\":null}", "\"x\":1",
	    "\"error\":null", "\"error\":7", "\"error\":{}",
	    "\"result\":[],\"usOut\":9223372036854775807",
	    "\"result\":[],\"usOut\":-1"};

	if (!asks_data(t))
		return;
	reply(t, t->id, junk[t->replies % (sizeof(junk) / sizeof(junk[0]))]);
	if (++t->replies == 2 * sizeof(junk) / sizeof(junk[0]))
		event(t, "all junk");
}

void error_replies(struct talk *t)
{
	static const int codes[] = {
	    10040, 10041, 10047, 11029, 13020, 13028, -32600, -32602, -32000};

	if (!asks_data(t))
		return;
	refuse(t, codes[t->replies % (sizeof(codes) / sizeof(codes[0]))],
	    "an error");
	if (++t->replies == 2 * sizeof(codes) / sizeof(codes[0]))
		event(t, "all errors");
}

void endless_pages(struct talk *t)
{
	char what[400];

	if (!asks_data(t))
		return;
	snprintf(what, sizeof(what),
	    "\"result\":{\"trades\":[{\"trade_seq\":5,\"trade_id\":\"ETH-5\","
	    "\"instrument_name\":\"ETH-27MAR26-3000-C\",\"timestamp\":"
	    "1790133840000}],\"has_more\":true}");
	reply(t, t->id, what);
	if (++t->replies == 30)
		event(t, "thirty pages");
}
