#include "behave.h"
#include "replies.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Longer than any deadline that a test gives its client. */
#define HOLD_MS 60000
#define LOAD 20000
#define WHOLE 500

void event(const struct talk *t, const char *fmt, ...)
{
	char text[300];
	va_list ap;
	int n = snprintf(text, sizeof(text), "event %d ", t->number);

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	strcat(text, "\n");
	/* One write: the lines of several connections do not mix. */
	if (write(STDOUT_FILENO, text, strlen(text)) == -1)
		exit(1);
}

static void lost(struct talk *t)
{
	if (!t->over)
		event(t, "gone");
	t->over = true;
}

static void tell(struct talk *t, const char *text)
{
	if (wire_text(&t->w, "%s", text) == -1)
		lost(t);
}

void send_quote(struct talk *t)
{
	t->quotes++;
	if (wire_text(&t->w,
		"{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{"
		"\"channel\":\"quote.%s\",\"data\":{\"timestamp\":%lu,"
		"\"instrument_name\":\"%s\",\"best_ask_price\":0.0105,"
		"\"best_bid_price\":0.01,\"best_ask_amount\":10.0,"
		"\"best_bid_amount\":5.0}}}",
		t->instrument, 1790133840000UL + t->quotes,
		t->instrument) == -1)
		lost(t);
}

void take_channels(struct talk *t, const char *text)
{
	const char *p = strstr(text, "\"channels\":"), *end;

	snprintf(t->channels, sizeof(t->channels), "[]");
	if (p == NULL || (p = strchr(p, '[')) == NULL ||
	    (end = strchr(p, ']')) == NULL)
		return;
	snprintf(
	    t->channels, sizeof(t->channels), "%.*s", (int)(end - p + 1), p);
	p = strstr(t->channels, "\"quote.");
	if (p != NULL)
		snprintf(t->instrument, sizeof(t->instrument), "%.*s",
		    (int)strcspn(p + 7, "\""), p + 7);
}

static void grant(struct talk *t)
{
	if (wire_text(&t->w,
		"{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{"
		"\"access_token\":\"acc3ss\",\"refresh_token\":\"r3fresh\","
		"\"expires_in\":2,\"token_type\":\"bearer\","
		"\"scope\":\"connection\"}}",
		t->id) == -1)
		lost(t);
}

static void log_in(struct talk *t, const char *text, const struct behaviour *b)
{
	t->renewal = strstr(text, "\"grant_type\":\"refresh_token\"") != NULL;
	event(t, t->renewal ? "renewal" : "login");
	if (t->logins++ > 0 && b->stage == STAGE_LOGIN)
		b->act(t);
	else
		grant(t);
}

static void answer(struct talk *t, const char *text, const struct behaviour *b)
{
	const char *p = strstr(text, "\"id\":");

	t->id = p != NULL ? strtol(p + 5, NULL, 10) : 0;
	if (b->stage == STAGE_CALL) {
		t->text = text;
		t->calls++;
		t->answered = false;
		b->act(t);
		if (t->answered || t->over)
			return;
	}
	if (strstr(text, "\"public/auth\"") != NULL) {
		log_in(t, text, b);
		return;
	}
	if (strstr(text, "\"public/subscribe\"") == NULL) {
		if (strstr(text, "\"public/test\"") != NULL)
			t->tests++;
		if (wire_text(&t->w,
			"{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}", t->id,
			strstr(text, "\"public/set_heartbeat\"") != NULL
			    ? "\"ok\""
			    : "{\"version\":\"1.2.26\"}") == -1)
			lost(t);
		return;
	}
	take_channels(t, text);
	if (b->stage == STAGE_SUBSCRIBE) {
		b->act(t);
		return;
	}
	if (wire_text(&t->w, "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}",
		t->id, t->channels) == -1)
		lost(t);
	event(t, "subscribed");
	send_quote(t);
	if (b->stage == STAGE_LIVE && !t->over)
		b->act(t);
}

void hear(struct talk *t, const struct behaviour *b)
{
	static char text[65536];
	unsigned code = 1005;
	size_t len = 0;

	switch (wire_read_frame(&t->w, text, sizeof(text), &len)) {
	case 0x1: answer(t, text, b); break;
	case 0xa: t->pongs++; break;
	case 0x8:
		if (len >= 2)
			code = (unsigned char)text[0] * 256U +
			       (unsigned char)text[1];
		event(t, "close %u", code);
		t->over = true;
		break;
	default: lost(t); break;
	}
}

/* Says nothing until the client leaves. */
static void hold(struct talk *t)
{
	char byte[64];
	struct pollfd p = {.fd = t->w.fd, .events = POLLIN};

	event(t, "silent");
	while (poll(&p, 1, HOLD_MS) > 0 &&
	       recv(t->w.fd, byte, sizeof(byte), 0) > 0)
		;
	event(t, "gone");
	t->over = true;
}

static void say_http(struct talk *t, const char *text)
{
	wire_write(&t->w, text, strlen(text));
	t->over = true;
}

static void http_404(struct talk *t)
{
	say_http(
	    t, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnope\n");
}

static void http_302(struct talk *t)
{
	say_http(t, "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/"
		    "\033[31m\r\nContent-Length: 0\r\n\r\n");
}

static void http_302_plain(struct talk *t)
{
	say_http(t, "HTTP/1.1 302 Found\r\nLocation: "
		    "https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n");
}

static void http_503(struct talk *t)
{
	say_http(t, "HTTP/1.1 503 Service Unavailable\r\n\r\n<html>sorry");
}

static void http_429(struct talk *t)
{
	say_http(t, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"
		    "Content-Length: 0\r\n\r\n");
}

static void no_http(struct talk *t)
{
	say_http(t, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void no_accept(struct talk *t)
{
	say_http(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\n\r\n");
}

static void bad_accept(struct talk *t)
{
	say_http(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Accept: "
		    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

static void extension(struct talk *t)
{
	wire_upgrade(&t->w, t->request,
	    "Sec-WebSocket-Extensions: permessage-deflate\r\n");
	t->over = true;
}

static void huge_header(struct talk *t)
{
	static const char begin[] = "HTTP/1.1 101 Switching Protocols\r\n";
	static const char line[] = "X-Filler: 0123456789012345678901234567\r\n";

	wire_write(&t->w, begin, sizeof(begin) - 1);
	for (int i = 0; i < 30000; i++)
		if (wire_write(&t->w, line, sizeof(line) - 1) == -1)
			break;
	t->over = true;
}

static void reply(struct talk *t, const char *what)
{
	if (wire_text(&t->w, "{\"jsonrpc\":\"2.0\",\"id\":%ld,%s}", t->id,
		what) == -1)
		lost(t);
}

static void refuse_login(struct talk *t)
{
	reply(t,
	    "\"error\":{\"code\":13004,\"message\":\"invalid_credentials\"}");
}

static void refuse_renewal(struct talk *t)
{
	if (t->renewal)
		refuse_login(t);
	else
		grant(t);
}

static void forget_login(struct talk *t)
{
	(void)t;
}

static void empty_result(struct talk *t)
{
	reply(t, "\"result\":[]");
	event(t, "subscribed to nothing");
}

static void partial_result(struct talk *t)
{
	char first[200];

	snprintf(
	    first, sizeof(first), "\"result\":[\"quote.%s\"]", t->instrument);
	reply(t, first);
	event(t, "subscribed");
	send_quote(t);
}

/* The quotes are taken and the canary is not, however often it is asked for;
 * and then nothing is said unasked. */
static void quiet(struct talk *t)
{
	static const struct behaviour again = {"", STAGE_SUBSCRIBE, quiet};
	char first[200];

	snprintf(
	    first, sizeof(first), "\"result\":[\"quote.%s\"]", t->instrument);
	reply(t, first);
	event(t, "subscribed");
	while (!t->over)
		if (wire_readable(&t->w, 1000))
			hear(t, &again);
}

static void auth_error(struct talk *t)
{
	reply(t, "\"error\":{\"code\":13778,\"message\":"
		 "\"raw_subscriptions_not_available_for_unauthorized\"}");
}

static void rate_limit(struct talk *t)
{
	reply(t, "\"error\":{\"code\":10028,\"message\":"
		 "\"too_many_requests\",\"data\":{\"wait\":1}}");
	t->over = true;
}

static void maintenance(struct talk *t)
{
	tell(t, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":11051,\"message\":"
		"\"system_maintenance\"},\"testnet\":false}");
}

static void error_without_id(struct talk *t)
{
	tell(t,
	    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":11050,\"message\":"
	    "\"bad_request\",\"data\":\"invalid json\"},\"testnet\":false}");
}

static void unknown_method(struct talk *t)
{
	tell(t, "{\"jsonrpc\":\"2.0\",\"method\":\"public/surprise\","
		"\"params\":{\"type\":\"x\"}}");
}

static void invalid_json(struct talk *t)
{
	tell(t, "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{"
		"\"channel\":}}");
}

static void invalid_utf8(struct talk *t)
{
	tell(t, "{\"jsonrpc\":\"2.0\",\"method\":\"\xc3\x28\"}");
}

static void binary_frame(struct talk *t)
{
	wire_frame(&t->w, 0x82, "\0\1\2\3", 4);
}

static void masked_frame(struct talk *t)
{
	wire_write(&t->w, "\x81\x82\1\2\3\4zy", 8);
}

static void reserved_bit(struct talk *t)
{
	wire_frame(&t->w, 0xc1, "{}", 2);
}

static void long_ping(struct talk *t)
{
	char text[126] = {0};

	wire_frame(&t->w, 0x89, text, sizeof(text));
}

static void lone_continuation(struct talk *t)
{
	wire_frame(&t->w, 0x80, "{}", 2);
}

static void huge_message(struct talk *t)
{
	static unsigned char text[8192];
	size_t n = wire_header(text, 0x81, 0, 20ULL * 1024 * 1024);

	memset(text + n, ' ', sizeof(text) - n);
	for (int i = 0; i < 2560 && !wire_readable(&t->w, 0); i++) {
		if (wire_write(&t->w, text, sizeof(text)) == -1)
			break;
		memset(text, ' ', n);
	}
}

static void close_4000(struct talk *t)
{
	wire_frame(&t->w, 0x88, "\x0f\xa0heartbeat close", 17);
}

/* Whole quotes, then half a frame, then the end without any ceremony. */
static void half_frame(struct talk *t)
{
	for (int i = 0; i < WHOLE && !t->over; i++)
		send_quote(t);
	wire_write(&t->w, "\x81\x7e\x01\x00{\"json", 10);
	t->over = true;
}

static void cut(struct talk *t)
{
	half_frame(t);
	shutdown(t->w.fd, SHUT_WR);
	hold(t);
}

/* A quote of a channel that is not confirmed yet, and the end. */
static void early_cut(struct talk *t)
{
	send_quote(t);
	shutdown(t->w.fd, SHUT_WR);
	hold(t);
}

/* Two pieces of a quote, of which nothing may be written. */
static void fragment_cut(struct talk *t)
{
	static const char begin[] =
	    "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{";
	static const char more[] =
	    "\"channel\":\"quote.X\",\"data\":{\"a\":1}}}";

	wire_frame(&t->w, 0x01, begin, sizeof(begin) - 1);
	wire_frame(&t->w, 0x00, more, sizeof(more) - 1);
	shutdown(t->w.fd, SHUT_WR);
	hold(t);
}

static void reset(struct talk *t)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	half_frame(t);
	setsockopt(t->w.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	SSL_free(t->w.ssl);
	t->w.ssl = NULL;
}

static void ping_flood(struct talk *t)
{
	static const struct behaviour none = {"", STAGE_NONE, NULL};

	for (int i = 0; i < LOAD && !t->over; i++) {
		wire_frame(&t->w, 0x89, "flood", 5);
		while (!t->over && wire_readable(&t->w, 0))
			hear(t, &none);
	}
	while (!t->over && t->pongs == 0)
		hear(t, &none);
	send_quote(t);
	event(t, "survived %s", t->pongs <= LOAD ? "some pongs" : "too many");
}

/* One quote in five pieces, pings between them. */
static void fragmented(struct talk *t)
{
	char text[600];
	size_t len, at = 0;

	t->quotes++;
	len = (size_t)snprintf(text, sizeof(text),
	    "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{"
	    "\"channel\":\"quote.%s\",\"data\":{\"timestamp\":4242,"
	    "\"instrument_name\":\"%s\",\"best_ask_price\":0.0105,"
	    "\"best_bid_price\":0.01,\"best_ask_amount\":10.0,"
	    "\"best_bid_amount\":5.0,\"note\":\"\xc3\xa9\"}}}",
	    t->instrument, t->instrument);
	for (int i = 0; i < 5; i++) {
		/* The last cut goes through the two bytes of the e acute. */
		size_t n = i == 4 ? len - at : i == 3 ? len - 6 - at : len / 6;

		wire_frame(&t->w, (i == 0 ? 1U : 0U) | (i == 4 ? 0x80U : 0U),
		    text + at, n);
		wire_frame(&t->w, 0x89, "p", 1);
		at += n;
	}
}

/* A test_request in the middle of all that the socket takes. */
static void heartbeat(struct talk *t)
{
	static const struct behaviour none = {"", STAGE_NONE, NULL};
	time_t due;

	for (int i = 0; i < LOAD && !t->over; i++)
		send_quote(t);
	tell(t, "{\"params\":{\"type\":\"test_request\"},\"method\":"
		"\"heartbeat\",\"jsonrpc\":\"2.0\"}");
	due = time(NULL) + 10;
	while (!t->over && t->tests == 0 && time(NULL) <= due) {
		for (int i = 0; i < 100 && !t->over; i++)
			send_quote(t);
		while (!t->over && wire_readable(&t->w, 0))
			hear(t, &none);
	}
	event(t, "heartbeat %s", t->tests > 0 ? "answered" : "missed");
	if (t->tests == 0)
		close_4000(t);
}

/* Only that it is there, ten times a second. */
static void heartbeats_only(struct talk *t)
{
	static const struct behaviour none = {"", STAGE_NONE, NULL};
	unsigned long tests = t->tests;

	while (!t->over) {
		tell(t, "{\"params\":{\"type\":\"test_request\"},\"method\":"
			"\"heartbeat\",\"jsonrpc\":\"2.0\"}");
		while (!t->over && wire_readable(&t->w, 100))
			hear(t, &none);
		if (t->tests > tests)
			event(t, "answered");
		tests = t->tests;
	}
}

const struct behaviour behaviours[] = {
    {"none", STAGE_NONE, NULL},
    {"wrong-certificate", STAGE_CERT, NULL},
    {"wrong-host", STAGE_CERT, NULL},
    {"accept-and-say-nothing", STAGE_TCP, hold},
    {"tls-and-say-nothing", STAGE_TLS, hold},
    {"upgrade-and-say-nothing", STAGE_UPGRADE, hold},
    {"http-404", STAGE_REQUEST, http_404},
    {"http-302", STAGE_REQUEST, http_302_plain},
    {"http-429", STAGE_REQUEST, http_429},
    {"http-503", STAGE_REQUEST, http_503},
    {"bad-header", STAGE_REQUEST, http_302},
    {"no-http", STAGE_REQUEST, no_http},
    {"no-accept", STAGE_REQUEST, no_accept},
    {"bad-accept", STAGE_REQUEST, bad_accept},
    {"extension", STAGE_REQUEST, extension},
    {"huge-header", STAGE_REQUEST, huge_header},
    {"renewal-refused", STAGE_LOGIN, refuse_renewal},
    {"renewal-silent", STAGE_LOGIN, forget_login},
    {"login-refused", STAGE_LOGIN, refuse_login},
    {"empty-result", STAGE_SUBSCRIBE, empty_result},
    {"partial-result", STAGE_SUBSCRIBE, partial_result},
    {"quiet", STAGE_SUBSCRIBE, quiet},
    {"auth-error", STAGE_SUBSCRIBE, auth_error},
    {"rate-limit", STAGE_SUBSCRIBE, rate_limit},
    {"maintenance", STAGE_LIVE, maintenance},
    {"error-without-id", STAGE_LIVE, error_without_id},
    {"unknown-method", STAGE_LIVE, unknown_method},
    {"invalid-json", STAGE_LIVE, invalid_json},
    {"invalid-utf8", STAGE_LIVE, invalid_utf8},
    {"binary-frame", STAGE_LIVE, binary_frame},
    {"masked-frame", STAGE_LIVE, masked_frame},
    {"reserved-bit", STAGE_LIVE, reserved_bit},
    {"long-ping", STAGE_LIVE, long_ping},
    {"lone-continuation", STAGE_LIVE, lone_continuation},
    {"huge-message", STAGE_LIVE, huge_message},
    {"close-4000", STAGE_LIVE, close_4000},
    {"no-answer", STAGE_SUBSCRIBE, hold},
    {"cut-at-request", STAGE_CALL, cut_at_request},
    {"double-replies", STAGE_CALL, double_replies},
    {"string-ids", STAGE_CALL, string_ids},
    {"hello-error", STAGE_CALL, hello_error},
    {"heartbeat-error", STAGE_CALL, heartbeat_error},
    {"subscribe-later", STAGE_CALL, subscribe_later},
    {"subscribe-error", STAGE_CALL, subscribe_error},
    {"subscribe-no-list", STAGE_CALL, subscribe_no_list},
    {"unsubscribe-lost", STAGE_CALL, unsubscribe_lost},
    {"unsubscribe-later", STAGE_CALL, unsubscribe_later},
    {"speak-late", STAGE_CALL, speak_late},
    {"price-moves", STAGE_CALL, price_moves},
    {"price-flickers", STAGE_CALL, price_flickers},
    {"price-old", STAGE_CALL, price_old},
    {"price-unticked", STAGE_CALL, price_unticked},
    {"junk-replies", STAGE_CALL, junk_replies},
    {"error-replies", STAGE_CALL, error_replies},
    {"endless-pages", STAGE_CALL, endless_pages},
    {"early-cut", STAGE_SUBSCRIBE, early_cut},
    {"fragment-cut", STAGE_LIVE, fragment_cut},
    {"cut", STAGE_LIVE, cut},
    {"reset", STAGE_LIVE, reset},
    {"stall", STAGE_LIVE, hold},
    {"ping-flood", STAGE_LIVE, ping_flood},
    {"fragmented-ok", STAGE_LIVE, fragmented},
    {"heartbeat", STAGE_LIVE, heartbeat},
    {"heartbeats-only", STAGE_LIVE, heartbeats_only},
    {NULL, STAGE_NONE, NULL},
};

const struct behaviour *behaviour_find(const char *name)
{
	for (const struct behaviour *b = behaviours; b->name != NULL; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}
