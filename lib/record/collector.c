#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "record/collect.h"

/* Subscribe calls for those who are not logged in: the rate
 * limits page of the exchange. */
#define PACE_CAPACITY 1
#define PACE_INTERVAL_MS 500
#define LINE_MAX 4096

static void end(struct collector *c, const struct fault *why)
{
	if (!c->ended && why != NULL)
		c->why = *why;
	c->ended = true;
	loop_quit(c->loop);
}

/* ------------------------------------------------ what sessions tell us */

static int on_notification(void *arg, struct rpc *m, struct fault *fault)
{
	struct feed *f = arg;

	return intake(f->c, m, fault);
}

static const char *loss_text(enum session_loss loss)
{
	return loss == SESSION_STALL ? "stall" : "disconnect";
}

/* The data of a channel were missing until now. */
static void record_hole(struct collector *c, struct source *s, int64_t now_ms)
{
	s->cut.what.reason = loss_text(s->loss);
	gaps_add(&c->gaps, &s->cut, s->lost_ms,
	    now_ms > s->lost_ms ? now_ms : s->lost_ms, -1, -1);
}

static void on_acknowledged(void *arg, struct json_span channel)
{
	struct feed *f = arg;
	struct source *s;

	s = table_find(&f->c->channels, channel.p, channel.len);
	if (s == NULL || !s->wanted || s->live)
		return;
	s->live = true;
	s->early = false;
	if (s->lost_ms != 0)
		record_hole(f->c, s, clock_wall_us() / 1000);
	s->lost_ms = 0;
}

static void name_missing(
    const struct collector *c, size_t first, size_t n, char *out, size_t size)
{
	size_t i, said = 0, missing = 0, used = 0;

	out[0] = '\0';
	for (i = first; i < first + n; i++) {
		if (c->source[i]->live)
			continue;
		if (missing++ >= NAMES_SAID)
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s",
		    said++ > 0 ? ", " : "", c->source[i]->name);
		if (used >= size)
			return;
	}
	if (missing > said)
		snprintf(
		    out + used, size - used, " and %zu more", missing - said);
}

static size_t count_live(const struct collector *c, size_t first, size_t n)
{
	size_t i, live = 0;

	for (i = first; i < first + n; i++)
		live += c->source[i]->live;
	return live;
}

static void say_subscribed(
    const struct collector *c, const char *label, size_t first, size_t n)
{
	size_t live = count_live(c, first, n);
	char names[900];

	if (live == n) {
		log_info("%ssuccessfully subscribed to %zu channel%s", label, n,
		    n == 1 ? "" : "s");
		return;
	}
	name_missing(c, first, n, names, sizeof(names));
	log_warn("%ssubscribed to %zu of %zu channels; missing: %s", label,
	    live, n, names);
}

/* All sessions have been answered for the first time. */
static void begin_live(struct collector *c)
{
	struct fault fault;
	char names[900];

	if (count_live(c, 0, c->n_wanted) > 0) {
		say_subscribed(c, "", 0, c->n_wanted);
		return;
	}
	name_missing(c, 0, c->n_wanted, names, sizeof(names));
	fault_set(&fault, EX_UNAVAILABLE,
	    "the exchange took none of the %zu channels: %s", c->n_wanted,
	    names);
	end(c, &fault);
}

static void on_live(void *arg)
{
	struct feed *f = arg;
	struct collector *c = f->c;
	int64_t now_ms = clock_wall_us() / 1000;
	size_t i;

	/* What was not taken again stays missing: told piece by piece, so that
	 * the record does not wait for an end that may never come. */
	for (i = f->first; i < f->first + f->n; i++) {
		struct source *s = c->source[i];

		if (s->live || s->lost_ms == 0)
			continue;
		record_hole(c, s, now_ms);
		s->lost_ms = now_ms;
	}
	if (f->answered) {
		say_subscribed(c, f->label, f->first, f->n);
		return;
	}
	f->answered = true;
	if (++c->feeds_answered == c->feeds)
		begin_live(c);
}

static void on_lost(void *arg, enum session_loss loss, int64_t heard_ms)
{
	struct feed *f = arg;
	size_t i;

	for (i = f->first; i < f->first + f->n; i++) {
		struct source *s = f->c->source[i];

		if (!s->live && !s->early)
			continue;
		s->live = s->early = false;
		/* Lost before, and not confirmed since: one hole. */
		if (s->lost_ms != 0)
			continue;
		s->loss = loss;
		s->lost_ms = heard_ms != 0 ? heard_ms : clock_wall_us() / 1000;
	}
}

static void on_failed(void *arg, const struct fault *why)
{
	struct feed *f = arg;

	end(f->c, why);
}

static const struct session_calls session_calls = {
    on_notification,
    on_acknowledged,
    on_live,
    on_lost,
    on_failed,
};

/* ------------------------------------------------------------ the output */

static void free_sessions(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->feeds; i++) {
		session_free(c->feed[i].session);
		c->feed[i].session = NULL;
	}
}

/* poll(2) reports POLLERR, asked or not: the pipe's reader is gone. */
static void watch_out(struct collector *c)
{
	c->watch.events = c->blocked ? POLLOUT : POLLERR;
}

static void write_out(struct collector *c)
{
	struct fault fault;

	if (out_flush(c->out, &fault) == -1) {
		end(c, &fault);
		return;
	}
	c->blocked = out_pending(c->out);
	watch_out(c);
}

/* A reader that goes while there is nothing to write is noticed as well. */
static void on_out(void *arg, short revents)
{
	struct collector *c = arg;
	struct fault fault;

	if (c->blocked) {
		write_out(c);
	} else if (revents & POLLERR) {
		c->out->closed = true;
		fault_set(&fault, EX_IOERR, "standard output: the reader left");
		end(c, &fault);
	}
}

static void after_turn(void *arg, bool idle)
{
	struct collector *c = arg;

	if (c->ended)
		return;
	if (intake_full(c) && !c->stopping)
		collector_stop(c);
	for (;;) {
		intake_gaps(c);
		if (c->blocked || !out_pending(c->out) ||
		    !(idle || c->stopping || out_full_chunk(c->out)))
			break;
		write_out(c);
		if (c->ended)
			return;
	}
	if (c->stopping && !out_pending(c->out) &&
	    (gaps_first(&c->gaps) == NULL || intake_full(c)))
		end(c, NULL);
}

/* --------------------------------------------------------------- its life */

struct collector *collector_new(
    struct loop *loop, struct out *out, const struct collector_options *options)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->out = out;
	c->options = *options;
	c->options.session.pace = &c->pace;
	ratelimit_init(&c->pace, PACE_CAPACITY, PACE_INTERVAL_MS);
	buf_init(&c->line, LINE_MAX);
	c->watch.fd = out->fd;
	c->watch.call = on_out;
	c->watch.arg = c;
	watch_out(c);
	loop_watch_add(loop, &c->watch);
	loop_after_turn(loop, after_turn, c);
	return c;
}

void collector_free(struct collector *c)
{
	size_t i;

	if (c == NULL)
		return;
	free_sessions(c);
	loop_watch_remove(c->loop, &c->watch);
	for (i = 0; i < c->sources; i++)
		source_free(c->source[i]);
	for (i = 0; i < c->n_instruments; i++)
		instrument_free(c->instrument[i]);
	for (i = 0; i < c->pairs; i++) {
		free(c->pair[i].kind);
		free(c->pair[i].currency);
	}
	table_free(&c->channels);
	table_free(&c->instruments);
	buf_free(&c->line);
	free(c->source);
	free(c->instrument);
	free(c->pair);
	free(c->wanted);
	free(c->feed);
	free(c);
}

int collector_add(struct collector *c, const char *channel, const char *kind,
    const char *currency, struct fault *fault)
{
	struct source *s = source_get(c, channel, strlen(channel), fault);

	if (s == NULL)
		return fault_prefix(fault, "%.80s", channel);
	s->wanted = true;
	if (s->kind == NULL && kind != NULL)
		s->kind = strdup(kind);
	if (s->currency == NULL && currency != NULL)
		s->currency = strdup(currency);
	s->cut.what.kind = s->overflow.what.kind = s->kind;
	s->cut.what.currency = s->overflow.what.currency = s->currency;
	return 0;
}

int collector_keep(struct collector *c, const char *kind, const char *currency)
{
	struct pair *bigger;
	size_t i;

	for (i = 0; i < c->pairs; i++)
		if (strcmp(c->pair[i].kind, kind) == 0 &&
		    strcmp(c->pair[i].currency, currency) == 0)
			return 0;
	bigger = realloc(c->pair, (c->pairs + 1) * sizeof(*bigger));
	if (bigger == NULL)
		return -1;
	c->pair = bigger;
	bigger[c->pairs].kind = strdup(kind);
	bigger[c->pairs].currency = strdup(currency);
	if (bigger[c->pairs].kind == NULL || bigger[c->pairs].currency == NULL)
		return -1;
	c->pairs++;
	return 0;
}

static int start_feed(struct collector *c, size_t i)
{
	struct feed *f = &c->feed[i];

	/* As even as may be: 901 channels are 451 and 450. */
	f->c = c;
	f->first = i * c->n_wanted / c->feeds;
	f->n = (i + 1) * c->n_wanted / c->feeds - f->first;
	if (c->feeds > 1)
		snprintf(f->label, sizeof(f->label), "connection %zu: ", i + 1);
	f->session = session_new(c->loop, &c->options.session, &session_calls,
	    f, c->wanted + f->first, f->n, f->label);
	return f->session != NULL ? 0 : -1;
}

int collector_start(struct collector *c, struct fault *fault)
{
	size_t i;

	c->n_wanted = c->sources;
	c->feeds = (c->n_wanted + SESSION_CHANNELS_MAX - 1) /
	           SESSION_CHANNELS_MAX;
	if (c->feeds > COLLECTOR_SESSIONS_MAX)
		return fault_set(fault, EX_USAGE,
		    "%zu channels are too many: the exchange allows %d "
		    "connections of %d",
		    c->n_wanted, COLLECTOR_SESSIONS_MAX, SESSION_CHANNELS_MAX);
	c->wanted = calloc(c->n_wanted + 1, sizeof(*c->wanted));
	c->feed = calloc(c->feeds + 1, sizeof(*c->feed));
	if (c->wanted == NULL || c->feed == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	for (i = 0; i < c->n_wanted; i++)
		c->wanted[i] = c->source[i]->name;
	for (i = 0; i < c->feeds; i++)
		if (start_feed(c, i) == -1)
			return fault_set(fault, EX_OSERR, "out of memory");
	return 0;
}

void collector_stop(struct collector *c)
{
	int64_t now_ms = clock_wall_us() / 1000;
	size_t i;

	if (c->stopping)
		return;
	c->stopping = true;
	free_sessions(c);
	for (i = 0; i < c->n_wanted; i++)
		if (c->source[i]->lost_ms != 0)
			record_hole(c, c->source[i], now_ms);
}

int collector_result(const struct collector *c, struct fault *fault)
{
	*fault = c->why;
	return c->why.text[0] == '\0' ? 0 : -1;
}

void collector_report(const struct collector *c)
{
	uint64_t received = 0, losses = 0;
	size_t i, live = 0;

	for (i = 0; i < c->feeds; i++) {
		if (c->feed[i].session == NULL)
			continue;
		received += session_received(c->feed[i].session);
		losses += session_losses(c->feed[i].session);
		live += session_is_live(c->feed[i].session);
	}
	log_info("%zu of %zu connections live, %zu of %zu channels; "
		 "%" PRIu64 " bytes and %" PRIu64 " messages received, "
		 "%" PRIu64 " records and %" PRIu64 " bytes written, "
		 "%" PRIu64 " gap records, %" PRIu64 " reconnects, "
		 "%" PRIu64 " dropped, %" PRIu64 " repeated trades left out, "
		 "%" PRIu64 " of other currencies, %zu bytes in the queue",
	    live, c->feeds, count_live(c, 0, c->n_wanted), c->n_wanted,
	    received, c->messages, c->records, c->out->written, c->gap_records,
	    losses, c->dropped, c->repeated, c->filtered, c->out->queued);
}
