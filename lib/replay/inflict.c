#include "replay/inflict.h"

#include <stdio.h>

#include "base/clock.h"
#include "replay/text.h"

#define HOLD_US 1000000  /* a channel that says no more lets go */
#define NOTICE_US 100000 /* from a maintenance's notice to its cut */
#define SPARE_MAX 20     /* notifications that a dying channel may yet have */
#define DETAIL_SIZE 256

void inflict_tell(void *server, const struct faults_rule *rule,
    uint64_t connection, const char *detail)
{
	struct server *s = server;

	truth_fault(s->truth, connection, faults_name(rule->kind), detail);
	/* Somebody may wait for it; those by dice are too many. */
	if (rule->every_us > 0)
		truth_flush(s->truth);
}

static void channel_detail(char *out, struct json_span channel)
{
	out[0] = '\0';
	if (channel.len > 0 && channel.len < DETAIL_SIZE - 16)
		snprintf(out, DETAIL_SIZE, "\"channel\":\"%.*s\"",
		    (int)channel.len, channel.p);
}

static void done(
    struct conn *c, const struct faults_rule *r, struct json_span channel)
{
	char detail[DETAIL_SIZE];

	channel_detail(detail, channel);
	faults_done(c->server->options->faults, r, c->number, detail);
}

/* Whether the channel is dead, or dies with this very notification. */
static bool is_dead(struct conn *c, struct json_span channel)
{
	struct harm *h = &c->harm;

	if (harm_is_dead(h, channel))
		return true;
	if (h->dying == NULL || channel.len == 0 ||
	    !faults_takes(h->dying, channel.p, channel.len) || h->spare-- > 0)
		return false;
	harm_kill(h, channel);
	done(c, h->dying, channel);
	h->dying = NULL;
	return true;
}

static void release_one(struct conn *c, struct harm_held *held)
{
	conn_queue(c, buf_head(&held->text), buf_used(&held->text));
	buf_clear(&held->text);
	c->harm.held_count--;
}

void inflict_release(struct conn *c, int64_t now_us)
{
	struct harm *h = &c->harm;

	for (unsigned i = 0; i < HARM_HELD_MAX && h->held_count > 0; i++)
		if (buf_used(&h->held[i].text) > 0 &&
		    (now_us == 0 || now_us >= h->held[i].until_us))
			release_one(c, &h->held[i]);
}

/* What was held back of this channel comes behind its next. */
static void release_channel(struct conn *c, struct json_span channel)
{
	struct harm *h = &c->harm;

	for (unsigned i = 0; i < HARM_HELD_MAX && h->held_count > 0; i++) {
		struct buf *b = &h->held[i].text;
		struct json_span of;

		if (buf_used(b) == 0)
			continue;
		of = harm_channel(buf_head(b), buf_used(b));
		if (of.len == channel.len &&
		    memcmp(of.p, channel.p, of.len) == 0)
			release_one(c, &h->held[i]);
	}
}

bool inflict_notify(struct conn *c, const char *text, size_t len)
{
	struct server *s = c->server;
	struct faults *f = s->options->faults;
	struct json_span of = harm_channel(text, len);
	struct faults_rule *r;

	if (c->harm.silent || is_dead(c, of))
		return false;
	r = faults_roll(f, FAULTS_DROP, of.p, of.len);
	if (r != NULL) {
		done(c, r, of);
		s->stats.dropped++;
		truth_event(s->truth, c->number, "drop", text, len);
		return true;
	}
	r = faults_roll(f, FAULTS_REORDER, of.p, of.len);
	if (r != NULL &&
	    harm_hold(&c->harm, text, len, clock_mono_us() + HOLD_US) == 0) {
		done(c, r, of);
		return true;
	}
	conn_queue(c, text, len);
	r = faults_roll(f, FAULTS_DUPLICATE, of.p, of.len);
	if (r != NULL) {
		done(c, r, of);
		conn_queue(c, text, len);
	}
	release_channel(c, of);
	return true;
}

static bool is_victim(const struct conn *c)
{
	return c != NULL && c->state == CONN_LIVE && !c->stalled &&
	       c->session.channels > 0;
}

/* Whether what the client is subscribed to reaches it by this connection. */
static bool is_whole(const struct conn *c)
{
	return is_victim(c) && !c->harm.silent && c->harm.dying == NULL &&
	       buf_used(&c->harm.dead) == 0;
}

/* Since when as many connections are whole as ever were. */
static void whole_tick(struct server *s, int64_t now_us)
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < MARKET_SLOTS; slot++)
		n += s->conn[slot] != NULL && is_whole(s->conn[slot]);
	if (n > s->whole_most)
		s->whole_since_us = now_us;
	else if (n < s->whole_most)
		s->whole_since_us = 0;
	else if (s->whole_since_us == 0)
		s->whole_since_us = now_us;
	if (n > s->whole_most)
		s->whole_most = n;
}

/* A random connection that has a subscription, or NULL. */
static struct conn *victim(struct server *s, struct faults_rule *r)
{
	struct conn *found[MARKET_SLOTS];
	int64_t n = 0;

	for (unsigned slot = 0; slot < MARKET_SLOTS; slot++) {
		struct conn *c = s->conn[slot];

		if (!is_victim(c) ||
		    (r->kind == FAULTS_SILENT && c->harm.silent) ||
		    (r->kind == FAULTS_DEAD && c->harm.dying != NULL))
			continue;
		found[n++] = c;
	}
	return n == 0 ? NULL : found[rng_below(&r->rng, n)];
}

/* What no request asked for. */
static void say_error(struct conn *c, struct faults_rule *r)
{
	static const char strange[] =
	    "{\"jsonrpc\":\"2.0\",\"method\":\"nosuch\",\"params\":{}}";
	struct buf text;
	int64_t which = rng_below(&r->rng, 3);

	buf_init(&text, sizeof(strange) + 1024);
	if (which == 0)
		rpc_refuse(&text, 11050, "bad_request", NULL);
	else if (which == 1)
		rpc_refuse(&text, 13028, "temporarily_unavailable", NULL);
	else
		buf_adds(&text, strange);
	conn_say(c, buf_head(&text), buf_used(&text));
	buf_free(&text);
}

static void say_limit(struct conn *c)
{
	struct buf text;

	buf_init(&text, 1024);
	rpc_refuse(&text, 10028, "too_many_requests", NULL);
	conn_say(c, buf_head(&text), buf_used(&text));
	buf_free(&text);
	conn_close(c, 1000, "too_many_requests");
}

static void hurt(struct conn *c, struct faults_rule *r)
{
	static const struct json_span none = {"", 0};

	if (r->kind == FAULTS_DEAD) {
		/* It is known, and done, when that channel speaks next. */
		c->harm.dying = r;
		c->harm.spare = rng_below(&r->rng, SPARE_MAX);
		return;
	}
	done(c, r, none);
	switch (r->kind) {
	case FAULTS_CUT: conn_cut(c); break;
	case FAULTS_RESET: conn_reset(c); break;
	case FAULTS_HALF_OPEN: conn_stall(c); break;
	case FAULTS_SILENT: c->harm.silent = true; break;
	case FAULTS_ERROR: say_error(c, r); break;
	case FAULTS_LIMIT: say_limit(c); break;
	default: break;
	}
}

static void maintenance_begin(
    struct server *s, struct faults_rule *r, int64_t now_us)
{
	uint64_t slots = s->market->platform[0];
	struct buf text;

	if (s->maintenance != NULL)
		return;
	faults_done(s->options->faults, r, 0, r->http ? "\"mode\":503" : "");
	s->maintenance = r;
	s->cut_at_us = now_us + NOTICE_US;
	buf_init(&text, 1024);
	text_begin(&text, "platform_state");
	buf_adds(&text, "{\"maintenance\":true}");
	text_end(&text);
	for (unsigned slot = 0; slot < MARKET_SLOTS; slot++)
		if ((slots >> slot & 1) != 0 && s->conn[slot] != NULL)
			conn_notify(
			    s->conn[slot], buf_head(&text), buf_used(&text));
	buf_free(&text);
}

static void maintenance_cut(struct server *s, int64_t now_us)
{
	s->cut_at_us = 0;
	s->back_at_us = now_us + s->maintenance->for_us;
	s->rpc.maintenance = true;
	/* A connection that is half open has lost its way to us: it does not
	 * hear of this either. */
	for (unsigned slot = 0; slot < MARKET_SLOTS; slot++)
		if (s->conn[slot] != NULL && !s->conn[slot]->stalled)
			conn_cut(s->conn[slot]);
}

static void maintenance_tick(struct server *s, int64_t now_us)
{
	if (s->maintenance == NULL)
		return;
	if (s->cut_at_us != 0) {
		if (now_us >= s->cut_at_us)
			maintenance_cut(s, now_us);
		return;
	}
	if (now_us < s->back_at_us)
		return;
	s->maintenance = NULL;
	s->rpc.maintenance = false;
	truth_event(s->truth, 0, "maintenance-end", NULL, 0);
	truth_flush(s->truth);
}

static void rule_tick(struct server *s, struct faults_rule *r, int64_t now_us)
{
	struct conn *c;

	while (faults_due(s->options->faults, r, now_us)) {
		if (r->kind == FAULTS_MAINTENANCE) {
			maintenance_begin(s, r, now_us);
			continue;
		}
		if (r->apart_us > 0 &&
		    (s->whole_since_us == 0 ||
			now_us - s->whole_since_us < r->apart_us))
			continue;
		c = victim(s, r);
		if (c == NULL)
			continue;
		hurt(c, r);
		whole_tick(s, now_us);
	}
}

void inflict_tick(struct server *s, int64_t now_us)
{
	struct faults *f = s->options->faults;

	if (f->count == 0)
		return;
	faults_tick(f, now_us, s->began);
	whole_tick(s, now_us);
	maintenance_tick(s, now_us);
	for (size_t i = 0; i < f->count; i++)
		rule_tick(s, &f->rule[i], now_us);
}
