#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/notify.h"
#include "collect/collect.h"
#include "collect/sweep.h"

#define LINE_MAX 4096
#define FILTERED_MAX ((size_t)32 << 20)
#define STATE_MAX ((size_t)64 << 20)
/* What is due now and then is looked for so often. */
#define TICK_MS 50
/* After an output that takes nothing, though it is no pipe. */
#define OUT_RETRY_MS 500
/* An output that cannot take the rest, at the end. */
#define DRAIN_MS 10000
/* A search that runs when it is stopped. */
#define CLOSE_MS 3000
/* Before it is said what it waits for. */
#define DRAIN_TELL_MS 1000

int64_t collector_now_ms(void)
{
	return clock_mono_ms();
}

int64_t collector_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

void collector_end(struct collector *c, const struct fault *why)
{
	if (!c->ended && why != NULL)
		c->why = *why;
	c->ended = true;
	loop_quit(c->loop);
}

/* ------------------------------------------------------------ the output */

/* poll(2) reports POLLERR, asked or not: the pipe's reader is gone. */
static void watch_out(struct collector *c)
{
	c->watch.events = c->blocked ? POLLOUT : POLLERR;
}

/* A spool without room: said once, tried again now and then. */
static void wait_for_room(struct collector *c)
{
	if (!c->waits_for_room)
		log_warn(
		    "%s; what comes waits in memory", out_why(c->out)->text);
	c->waits_for_room = true;
	c->blocked = true;
	loop_timer_set(c->loop, &c->retry, collector_now_ms() + OUT_RETRY_MS);
}

static void write_out(struct collector *c)
{
	struct fault fault;

	if (out_flush(c->out, &fault) == -1) {
		collector_end(c, &fault);
		return;
	}
	if (out_waits(c->out)) {
		wait_for_room(c);
		return;
	}
	if (c->waits_for_room)
		log_info("there is room again");
	c->waits_for_room = false;
	c->blocked = out_pending(c->out);
	watch_out(c);
}

static void on_retry(void *arg)
{
	write_out(arg);
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
		collector_end(c, &fault);
	}
}

static void drain_no_longer(struct collector *c)
{
	struct fault fault;

	fault_set(&fault, EX_IOERR, "%zu bytes could not be written: %s",
	    c->out->queued, out_why(c->out)->text);
	collector_end(c, &fault);
}

/* ----------------------------------------------------------------- the end */

/* What waits for another feed, or for the exchange, waits no longer. */
static void stop_source(struct collector *c, struct source *s)
{
	if (s->merge != NULL && merge_waiting(s->merge)) {
		merge_settle(s->merge);
		intake_merged(c, s);
	}
	if (s->sweep != NULL)
		sweep_stop(s->sweep);
}

static void stop(struct collector *c)
{
	size_t i;

	if (!c->closing)
		c->stopped_ms = collector_wall_ms();
	c->closing = false;
	for (i = 0; i < c->sources; i++)
		stop_source(c, c->source[i]);
	trades_flush(c);
	feeds_holes(c);
	manager_stopping();
	c->stopping = true;
	c->drain_by_ms = collector_now_ms() + DRAIN_MS;
	feeds_free(c);
}

static void after_turn(void *arg, bool idle)
{
	struct collector *c = arg;

	if (c->ended)
		return;
	if (intake_full(c) && !c->stopping)
		stop(c);
	for (;;) {
		intake_gaps(c);
		if (c->blocked || !out_pending(c->out) ||
		    !(idle || c->stopping || out_full_chunk(c->out)))
			break;
		write_out(c);
		if (c->ended)
			return;
	}
	if (c->n_gone > 0)
		sources_reap(c);
	if (c->stopping && !out_pending(c->out) &&
	    (gaps_first(&c->gaps) == NULL || intake_full(c))) {
		keep_last(c);
		collector_end(c, NULL);
	}
}

/* ------------------------------------------------------------------- time */

static void tick_sweeps(struct collector *c, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < c->sources; i++)
		if (c->source[i]->sweep != NULL)
			sweep_tick(c->source[i]->sweep, now_ms);
}

static void tick_spool(struct collector *c, int64_t now_ms)
{
	struct spool *s = c->options.spool;
	struct fault fault;

	if (s != NULL && spool_due(s, now_ms) &&
	    spool_sync(s, now_ms, &fault) == -1)
		collector_end(c, &fault);
}

static void tick_exchange(struct collector *c, int64_t now_ms)
{
	tick_sweeps(c, now_ms);
	trades_tick(c, now_ms);
	feeds_tick(c, now_ms);
	life_tick(c, now_ms);
	depth_tick(c, now_ms);
	audit_tick(c, now_ms);
}

/* Who stopped it is told why it goes on. */
static void tick_drain(struct collector *c, int64_t now_ms)
{
	if (c->waits_for_room && now_ms >= c->drain_by_ms) {
		drain_no_longer(c);
		return;
	}
	if (c->drain_told || now_ms < c->drain_by_ms - DRAIN_MS + DRAIN_TELL_MS)
		return;
	c->drain_told = true;
	log_info(
	    "%zu bytes wait to be written; another signal ends it at once, "
	    "without them",
	    c->out->queued);
}

/* What is searched for has a moment still. */
static void tick_closing(struct collector *c, int64_t now_ms)
{
	tick_sweeps(c, now_ms);
	trades_tick(c, now_ms);
	if (!trades_are_searched(c) || now_ms >= c->close_by_ms)
		stop(c);
}

static void on_tick(void *arg)
{
	struct collector *c = arg;
	int64_t now_ms = collector_now_ms();

	loop_timer_set(c->loop, &c->tick, now_ms + TICK_MS);
	c->pause_ms = now_ms - c->tick_ms;
	c->tick_ms = now_ms;
	tick_spool(c, now_ms);
	if (c->ended)
		return;
	if (c->stopping) {
		tick_drain(c, now_ms);
		return;
	}
	if (c->closing) {
		tick_closing(c, now_ms);
		return;
	}
	if (c->options.duration_ms > 0 &&
	    now_ms - c->started_ms >= c->options.duration_ms) {
		collector_stop(c);
		return;
	}
	if (c->from_name != NULL)
		frames_tick(c);
	else
		tick_exchange(c, now_ms);
	keep_tick(c, now_ms);
	c->sample = true;
}

/* --------------------------------------------------------------- its life */

static int compile(struct collector *c, struct fault *fault)
{
	if (c->options.jq == NULL)
		return 0;
	c->jq = jq_map_new(c->options.jq, NULL, 0, fault);
	if (c->jq != NULL)
		return 0;
	fault->exit_code = EX_USAGE;
	return fault_prefix(fault, "--jq");
}

static void init_output(struct collector *c)
{
	c->watch.fd = c->out->fd;
	c->watch.call = on_out;
	c->watch.arg = c;
	c->retry = (struct loop_timer){.call = on_retry, .arg = c};
	watch_out(c);
	if (c->options.spool == NULL)
		loop_watch_add(c->loop, &c->watch);
	loop_after_turn(c->loop, after_turn, c);
}

struct collector *collector_new(struct loop *loop, struct out *out,
    const struct collector_options *options, struct fault *fault)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		return NULL;
	}
	c->loop = loop;
	c->out = out;
	c->started_ms = c->tick_ms = collector_now_ms();
	c->options = *options;
	if (c->options.redundancy < 1)
		c->options.redundancy = 1;
	pace_init(&c->pace, options->session.retry_delay_ms,
	    options->session.retry_max_ms);
	buf_init(&c->line, LINE_MAX);
	buf_init(&c->record, FILTERED_MAX);
	buf_init(&c->outputs, FILTERED_MAX);
	buf_init(&c->state, STATE_MAX);
	c->watchdog_ms = notify_watchdog_ms();
	c->tick = (struct loop_timer){.call = on_tick, .arg = c};
	init_output(c);
	if (compile(c, fault) == -1 || keep_check(options, fault) == -1) {
		collector_free(c);
		return NULL;
	}
	return c;
}

void collector_free(struct collector *c)
{
	size_t i;

	if (c == NULL)
		return;
	feeds_free(c);
	loop_watch_remove(c->loop, &c->watch);
	loop_timer_cancel(c->loop, &c->tick);
	loop_timer_cancel(c->loop, &c->retry);
	for (i = 0; i < c->sources; i++)
		source_free(c->source[i]);
	for (i = 0; i < c->n_instruments; i++)
		instrument_free(c->instrument[i]);
	for (i = 0; i < c->pairs; i++) {
		free(c->pair[i].kind);
		free(c->pair[i].currency);
	}
	life_free(c);
	depth_free(c);
	audit_free(c);
	ndjson_free(&c->from);
	keep_free(c);
	jq_map_free(c->jq);
	table_free(&c->channels);
	table_free(&c->instruments);
	buf_free(&c->line);
	buf_free(&c->record);
	buf_free(&c->outputs);
	free(c->source);
	free(c->instrument);
	free(c->pair);
	free(c);
}

/* kind and currency are for the gaps of a channel that names no instrument;
 * one that carries several bears none. */
static int set_text(char **to, const char *text, bool first)
{
	if (first && text != NULL) {
		*to = strdup(text);
		return *to != NULL ? 0 : -1;
	}
	if (*to != NULL && (text == NULL || strcmp(*to, text) != 0)) {
		free(*to);
		*to = NULL;
	}
	return 0;
}

static int carry_again(struct collector *c, struct source *s)
{
	unsigned side;

	if (!s->gone)
		return 0;
	s->gone = false;
	c->n_gone--;
	for (side = 0; side < COLLECTOR_SIDES; side++) {
		struct place *p = &s->place[side];

		if (p->feed == NULL)
			continue;
		feeds_place_lost(c, p, "disconnect", 0);
		p->channel.again = true;
	}
	return 0;
}

int collector_add(struct collector *c, const char *channel, const char *kind,
    const char *currency, bool wanted, struct fault *fault)
{
	struct source *s = source_get(c, channel, strlen(channel), fault);
	bool first;

	if (s == NULL)
		return fault_prefix(fault, "%.80s", channel);
	first = !s->carried;
	carry_again(c, s);
	s->carried = true;
	if (s->instrument == NULL && wanted &&
	    (set_text(&s->kind, kind, !s->wanted) == -1 ||
		set_text(&s->currency, currency, !s->wanted) == -1))
		return fault_set(fault, EX_OSERR, "out of memory");
	s->wanted |= wanted;
	s->cut.what.kind = s->overflow.what.kind = s->kind;
	s->cut.what.currency = s->overflow.what.currency = s->currency;
	return first && c->started ? feeds_place(c, s, fault) : 0;
}

int collector_want(
    struct collector *c, const char *channel, struct fault *fault)
{
	return collector_add(c, channel, NULL, NULL, true, fault);
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

int collector_start(struct collector *c, struct fault *fault)
{
	int64_t now_ms = collector_now_ms();
	size_t live;

	if (c->from_name != NULL) {
		c->started = true;
		loop_timer_set(c->loop, &c->tick, now_ms);
		return 0;
	}
	if (feeds_wanted(c, &live) == 0 && c->depth == NULL)
		return fault_set(fault, EX_USAGE,
		    "what was named has none of these channels; "
		    "--list-channels says which have what");
	if (life_start(c, fault) == -1 || keep_read(c, fault) == -1 ||
	    feeds_start(c, fault) == -1)
		return -1;
	frames_begin(c);
	c->started = true;
	c->sample = true;
	/* The market was asked for since, for seconds perhaps. */
	c->tick_ms = c->feeds_ms = now_ms;
	loop_timer_set(c->loop, &c->tick, now_ms + TICK_MS);
	return 0;
}

void collector_stop(struct collector *c)
{
	if (c->stopping || c->closing)
		return;
	if (c->from_name != NULL || intake_full(c) || !trades_are_searched(c)) {
		stop(c);
		return;
	}
	c->closing = true;
	c->stopped_ms = collector_wall_ms();
	c->close_by_ms = collector_now_ms() + CLOSE_MS;
}

int collector_result(const struct collector *c, struct fault *fault)
{
	*fault = c->why;
	return c->why.text[0] == '\0' ? frames_result(c, fault) : -1;
}
