/*
 * The public methods that the replay server knows (replay/rpc.h).
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/auth.h"
#include "replay/faults.h"
#include "replay/harm.h"
#include "replay/history.h"
#include "replay/methods.h"
#include "replay/text.h"

static int done(struct rpc_call *c, const char *json)
{
	buf_adds(c->result, json);
	return 0;
}

int string_param(struct rpc_call *c, const char *name, char *out, size_t size)
{
	struct json_value v;
	struct json_span s;

	if (rpc_param(c, name, &v) == 0)
		return 0;
	s = json_inside(v.text);
	if (v.type != JSON_STRING || s.len >= size)
		return rpc_invalid(c, "must be a string", name);
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return 1;
}

int integer_param(struct rpc_call *c, const char *name, int64_t *out)
{
	struct json_value v;
	char text[24], *end;

	if (rpc_param(c, name, &v) == 0)
		return 0;
	if (v.type != JSON_NUMBER || v.text.len >= sizeof(text))
		return rpc_invalid(c, "must be integer", name);
	memcpy(text, v.text.p, v.text.len);
	text[v.text.len] = '\0';
	*out = strtoll(text, &end, 10);
	return *end == '\0' ? 1 : rpc_invalid(c, "must be integer", name);
}

int instrument_param(struct rpc_call *c, size_t *instrument)
{
	char name[96];
	int r = string_param(c, "instrument_name", name, sizeof(name));
	long n;

	if (r == -1)
		return -1;
	if (r == 0)
		return rpc_invalid(c, "value is required", "instrument_name");
	n = market_find(c->rpc->market, name, strlen(name));
	if (n == -1)
		return rpc_invalid(
		    c, "instrument not found", "instrument_name");
	*instrument = (size_t)n;
	return 0;
}

/* Settlement currencies that have instruments here, and real base currencies
 * that answer an empty list because theirs are under USDC. */
static const char *const currencies[] = {"BTC", "ETH", "USDC", "USDT", "EURR",
    "SOL", "XRP", "AVAX", "TRX", "HYPE", "PAXG", "STETH"};

static bool is_currency(const char *name, bool any_too)
{
	if (strcmp(name, "any") == 0)
		return any_too;
	for (size_t i = 0; i < sizeof(currencies) / sizeof(currencies[0]); i++)
		if (strcmp(name, currencies[i]) == 0)
			return true;
	return false;
}

bool filter_takes(const struct filter *f, const struct chain_instrument *i)
{
	if (strcmp(f->currency, "any") != 0 &&
	    strcmp(f->currency, chain_bases[i->base].currency) != 0)
		return false;
	if (f->kind[0] == '\0' || strcmp(f->kind, "any") == 0)
		return true;
	if (strcmp(f->kind, "combo") == 0)
		return chain_is_combo(i);
	return strcmp(f->kind, market_kinds[market_kind_at(i)]) == 0;
}

static bool is_kind(const char *kind)
{
	static const char *const known[] = {"any", "option", "future", "spot",
	    "future_combo", "option_combo", "combo"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(kind, known[i]) == 0)
			return true;
	return false;
}

int filter_params(struct rpc_call *c, struct filter *f, bool any_too)
{
	int r;

	memset(f, 0, sizeof(*f));
	r = string_param(c, "currency", f->currency, sizeof(f->currency));
	if (r == -1)
		return -1;
	if (r == 0 && !any_too)
		return rpc_invalid(c, "value is required", "currency");
	if (r == 0)
		strcpy(f->currency, "any");
	if (!is_currency(f->currency, any_too))
		return rpc_invalid(c, "invalid currency", "currency");
	r = string_param(c, "kind", f->kind, sizeof(f->kind));
	if (r == 1 && !is_kind(f->kind))
		return rpc_invalid(c, "invalid kind", "kind");
	return r == -1 ? -1 : 0;
}

/* Of a history: what expired long ago is in no list any more. */
static bool is_listed(
    const struct rpc_call *c, const struct chain_instrument *i)
{
	return c->rpc->market->history == NULL ||
	       i->expiration_ms + HISTORY_LISTED_MS > c->now_us / 1000;
}

static int get_instruments(struct rpc_call *c)
{
	struct market *m = c->rpc->market;
	struct filter f;
	struct json_value expired = {.type = JSON_FALSE};
	bool any = false;

	if (filter_params(c, &f, true) == -1)
		return -1;
	c->rpc->rows = 0;
	if (rpc_param(c, "expired", &expired) == 1 &&
	    expired.type != JSON_TRUE && expired.type != JSON_FALSE)
		return rpc_invalid(c, "must be boolean", "expired");
	buf_addc(c->result, '[');
	for (size_t i = 0; i < m->count; i++) {
		if (chain_has_expired(&m->chain[i]) !=
			(expired.type == JSON_TRUE) ||
		    !filter_takes(&f, &m->chain[i]) ||
		    !is_listed(c, &m->chain[i]))
			continue;
		if (any)
			buf_addc(c->result, ',');
		c->rpc->rows++;
		text_instrument(c->result, m, i);
		any = true;
	}
	return buf_addc(c->result, ']');
}

static int get_instrument(struct rpc_call *c)
{
	size_t n;

	if (instrument_param(c, &n) == -1)
		return -1;
	if (c->rpc->market->history != NULL &&
	    c->rpc->market->chain[n].expiration_ms + HISTORY_KNOWN_MS <
		c->now_us / 1000)
		return rpc_invalid(
		    c, "instrument not found", "instrument_name");
	return text_instrument(c->result, c->rpc->market, n);
}

/* Whether the dice of this kind hit the summary of option.BTC, say. */
static bool is_harmed(
    const struct rpc_call *c, enum faults_kind kind, const struct filter *of)
{
	char name[64];
	int n = snprintf(name, sizeof(name), "%s.%s",
	    of->kind[0] != '\0' ? of->kind : "any", of->currency);
	struct faults_rule *r;

	if (c->session == NULL || c->rpc->faults == NULL)
		return false;
	r = faults_roll(c->rpc->faults, kind, name, (size_t)n);
	if (r != NULL)
		faults_done(c->rpc->faults, r, c->session->number, "");
	return r != NULL;
}

static int get_book_summary(struct rpc_call *c)
{
	struct market *m = c->rpc->market;
	struct filter f;
	bool any = false, is_short;
	size_t n = 0;

	if (filter_params(c, &f, false) == -1)
		return -1;
	c->rpc->rows = 0;
	if (is_harmed(c, FAULTS_SUMMARY_REFUSED, &f))
		return rpc_invalid(c, "invalid kind", "kind");
	if (is_harmed(c, FAULTS_SUMMARY_EMPTY, &f))
		return done(c, "[]");
	is_short = is_harmed(c, FAULTS_SUMMARY_SHORT, &f);
	buf_addc(c->result, '[');
	for (size_t i = 0; i < m->count; i++) {
		if (!chain_is_open(&m->chain[i]) ||
		    !filter_takes(&f, &m->chain[i]) ||
		    (is_short && ++n % 2 == 0))
			continue;
		if (any)
			buf_addc(c->result, ',');
		c->rpc->rows++;
		text_summary(c->result, m, i, c->now_us / 1000);
		any = true;
	}
	return buf_addc(c->result, ']');
}

static int ticker(struct rpc_call *c)
{
	struct market *m = c->rpc->market;
	struct rng r;
	size_t n;

	if (instrument_param(c, &n) == -1)
		return -1;
	r = rng_for(m->seed, n);
	return text_ticker(c->result, m, n, c->now_us / 1000, &r);
}

static int get_currencies(struct rpc_call *c)
{
	size_t n = sizeof(currencies) / sizeof(currencies[0]);

	buf_addc(c->result, '[');
	for (size_t i = 0; i < n; i++)
		buf_addf(c->result,
		    "%s{\"currency\":\"%s\",\"currency_long\":\"%s\","
		    "\"decimals\":6,\"withdrawal_fee\":0.0}",
		    i > 0 ? "," : "", currencies[i], currencies[i]);
	return buf_addc(c->result, ']');
}

static int get_time(struct rpc_call *c)
{
	return buf_addf(c->result, "%" PRId64, c->now_us / 1000);
}

static int status(struct rpc_call *c)
{
	return done(c, "{\"locked\":\"false\"}");
}

static int hello(struct rpc_call *c)
{
	return done(c, "{\"version\":\"1.2.26\"}");
}

static int test(struct rpc_call *c)
{
	char expected[16] = "";

	if (string_param(c, "expected_result", expected, sizeof(expected)) ==
	    -1)
		return -1;
	if (c->session != NULL)
		session_tested(c->session);
	if (strcmp(expected, "exception") == 0)
		return rpc_fail(c, -32000, "exception");
	return hello(c);
}

static int set_heartbeat(struct rpc_call *c)
{
	struct json_value v;
	int64_t seconds = 0;

	if (rpc_param(c, "interval", &v) == 0)
		return rpc_invalid(c, "value is required", "interval");
	if (integer_param(c, "interval", &seconds) == -1)
		return -1;
	if (seconds < 1 || seconds > 86400 ||
	    session_set_heartbeat(
		c->session, c->rpc->rules, seconds * 1000, c->mono_ms) == -1)
		return rpc_invalid(c, "value is too low", "interval");
	return done(c, "\"ok\"");
}

static int disable_heartbeat(struct rpc_call *c)
{
	session_disable_heartbeat(c->session);
	return done(c, "\"ok\"");
}

/* Steps into params.channels: the number of channels, or -1 with the error. */
static int channels_param(struct rpc_call *c, struct json_value *list)
{
	struct json j;
	struct json_value v;
	int r, n = 0;

	if (rpc_param(c, "channels", list) == 0)
		return rpc_invalid(c, "value is required", "channels");
	json_init(&j, list->text.p, list->text.len);
	if (json_array_begin(&j) == -1)
		return rpc_invalid(c, "must be an array", "channels");
	while ((r = json_array_next(&j)) == 1) {
		if (json_value(&j, &v) == -1 || v.type != JSON_STRING)
			return rpc_invalid(c, "must be strings", "channels");
		n++;
	}
	if (n > RULES_CHANNELS_MAX)
		return rpc_invalid(c, "more than 500 channels", "channels");
	return n;
}

/* Calls each() for every channel name of the list. */
static int channels_each(struct rpc_call *c, const struct json_value *list,
    int (*each)(struct rpc_call *c, struct json_span name))
{
	struct json j;
	struct json_value v;

	json_init(&j, list->text.p, list->text.len);
	json_array_begin(&j);
	while (json_array_next(&j) == 1) {
		if (json_value(&j, &v) == -1 ||
		    each(c, json_inside(v.text)) == -1)
			return -1;
	}
	return 0;
}

static int refuse_raw(struct rpc_call *c, struct json_span name)
{
	uint64_t *subs;

	if (c->session->authenticated || market_channel(c->rpc->market, name.p,
					     name.len, &subs) != CHANNEL_RAW)
		return 0;
	return rpc_fail(
	    c, 13778, "raw_subscriptions_not_available_for_unauthorized");
}

static int acknowledge(struct rpc_call *c, struct json_span name)
{
	size_t used = buf_used(c->result);

	return buf_addf(c->result, "%s\"%.*s\"",
	    buf_head(c->result)[used - 1] == '[' ? "" : ",", (int)name.len,
	    name.p);
}

/* The mask of a channel that the session may have, or NULL. */
static uint64_t *channel_subs(
    struct rpc_call *c, struct json_span name, bool *raw)
{
	uint64_t *subs;
	enum market_channel is = market_channel(
	    c->rpc->market, name.p, name.len, &subs);

	*raw = is == CHANNEL_RAW;
	return is == CHANNEL_OK || (*raw && c->session->authenticated) ? subs
	                                                               : NULL;
}

/* Frames hold channels of any market: take what looks like one. */
static bool is_plausible(struct json_span name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	for (size_t i = 0; i < name.len; i++)
		if (memchr(allowed, name.p[i], sizeof(allowed) - 1) == NULL)
			return false;
	return name.len > 0;
}

static int subscribe_one(struct rpc_call *c, struct json_span name)
{
	uint64_t *subs;
	bool raw;

	if (c->rpc->plausible) {
		if (!is_plausible(name))
			return 0;
		c->session->channels++;
		return acknowledge(c, name);
	}
	subs = channel_subs(c, name, &raw);
	if (subs == NULL)
		return 0;
	if (c->rpc->always)
		*subs |= UINT64_C(1) << RPC_GHOST;
	if (market_subscribe(c->rpc->market, subs, c->session->slot)) {
		c->session->channels++;
		if (raw)
			auth_keep_raw(c->session, name);
	}
	return acknowledge(c, name);
}

static int subscribe(struct rpc_call *c)
{
	struct json_value list;

	if (channels_param(c, &list) == -1)
		return -1;
	if (!c->rpc->plausible && channels_each(c, &list, refuse_raw) == -1)
		return -1;
	buf_addc(c->result, '[');
	if (channels_each(c, &list, subscribe_one) == -1)
		return rpc_fail(c, -32600, "request entity too large");
	c->session->subscribed |= c->session->channels > 0;
	return buf_addc(c->result, ']');
}

static int unsubscribe_one(struct rpc_call *c, struct json_span name)
{
	uint64_t *subs;

	if (c->session->harm != NULL)
		harm_revive(c->session->harm, name);
	if (c->rpc->plausible) {
		if (c->session->channels == 0)
			return 0;
		c->session->channels--;
		return acknowledge(c, name);
	}
	market_channel(c->rpc->market, name.p, name.len, &subs);
	if (subs == NULL ||
	    !market_unsubscribe(c->rpc->market, subs, c->session->slot))
		return 0;
	c->session->channels--;
	return acknowledge(c, name);
}

static int unsubscribe(struct rpc_call *c)
{
	struct json_value list;

	if (channels_param(c, &list) == -1)
		return -1;
	buf_addc(c->result, '[');
	if (channels_each(c, &list, unsubscribe_one) == -1)
		return rpc_fail(c, -32600, "request entity too large");
	return buf_addc(c->result, ']');
}

static int unsubscribe_all(struct rpc_call *c)
{
	if (c->session->harm != NULL)
		harm_revive_all(c->session->harm);
	market_leave(c->rpc->market, c->session->slot);
	c->session->channels = 0;
	return done(c, "\"ok\"");
}

static const struct rpc_method methods[] = {
    {"public/subscribe", true, true, subscribe},
    {"public/unsubscribe", true, true, unsubscribe},
    {"public/unsubscribe_all", true, false, unsubscribe_all},
    {"public/set_heartbeat", true, false, set_heartbeat},
    {"public/disable_heartbeat", true, false, disable_heartbeat},
    {"public/auth", false, false, auth_call},
    {"public/hello", true, false, hello},
    {"public/test", false, false, test},
    {"public/get_currencies", false, false, get_currencies},
    {"public/get_time", false, false, get_time},
    {"public/status", false, false, status},
    {"public/get_instruments", false, false, get_instruments},
    {"public/get_instrument", false, false, get_instrument},
    {"public/get_book_summary_by_currency", false, false, get_book_summary},
    {"public/ticker", false, false, ticker},
    {"public/get_order_book", false, false, method_order_book},
    {"public/get_tradingview_chart_data", false, false, method_chart},
    {"public/get_funding_rate_history", false, false, method_funding_history},
    {"public/get_funding_rate_value", false, false, method_funding_value},
    {"public/get_funding_chart_data", false, false, method_funding_chart},
    {"public/get_last_trades_by_instrument", false, false,
	trades_by_instrument},
    {"public/get_last_trades_by_instrument_and_time", false, false,
	trades_by_instrument},
    {"public/get_last_trades_by_currency", false, false, trades_by_currency},
    {"public/get_last_trades_by_currency_and_time", false, false,
	trades_by_currency},
};

static_assert(sizeof(methods) / sizeof(methods[0]) <= RPC_METHODS_MAX,
    "each method is counted");

const struct rpc_method *methods_at(size_t n)
{
	return n < sizeof(methods) / sizeof(methods[0]) ? &methods[n] : NULL;
}

void methods_count(struct rpc *rpc, const struct rpc_method *m)
{
	rpc->called[m - methods]++;
}

const struct rpc_method *methods_find(struct json_span name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (json_span_is(name, methods[i].name))
			return &methods[i];
	return NULL;
}
