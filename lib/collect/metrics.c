/* What others are told of how it goes: a file for Prometheus's textfile
 * collector, and the service manager. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/notify.h"
#include "io/replace.h"
#include "collect/collect.h"
#include "collect/sweep.h"

#define TEXT_MAX 16384
/* Read by another user's collector. */
#define FILE_MODE 0644
/* How often it is looked what is missing. */
#define LOOK_MS 1000

struct figures {
	uint64_t received, losses;
	size_t feeds_live, channels, channels_live;
	size_t holes;
};

static void count(const struct collector *c, struct figures *g)
{
	const struct instrument *i;
	size_t n;

	*g = (struct figures){c->received_gone, c->losses_gone, 0, 0, 0, 0};
	for (n = 0; n < c->feeds; n++) {
		g->received += session_received(c->feed[n]->session);
		g->losses += session_losses(c->feed[n]->session);
		g->feeds_live += session_is_live(c->feed[n]->session);
	}
	g->channels = feeds_wanted(c, &g->channels_live);
	if (c->feeds == 0)
		g->channels_live = 0; /* at the end */
	for (i = c->holes; i != NULL; i = i->next_hole)
		g->holes += !i->before;
	for (n = 0; n < c->sources; n++)
		g->holes += c->source[n]->sweep != NULL &&
		            sweep_runs(c->source[n]->sweep);
}

static int add(struct buf *b, const char *name, const char *type,
    const char *help, const char *value)
{
	return buf_addf(b,
	    "# HELP deribit_ws_stream_%s %s\n"
	    "# TYPE deribit_ws_stream_%s %s\n"
	    "deribit_ws_stream_%s %s\n",
	    name, help, name, type, name, value);
}

static void add_count(
    struct buf *b, const char *name, const char *help, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	add(b, name, "counter", help, text);
}

static void add_gauge(
    struct buf *b, const char *name, const char *help, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	add(b, name, "gauge", help, text);
}

static void add_seconds(
    struct buf *b, const char *name, const char *help, int64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%" PRId64 ".%03" PRId64,
	    ms < 0 ? "-" : "", (ms < 0 ? -ms : ms) / 1000,
	    (ms < 0 ? -ms : ms) % 1000);
	add(b, name, "gauge", help, text);
}

static void build(const struct collector *c, struct buf *b)
{
	struct figures g;

	count(c, &g);
	add_count(b, "messages_total", "Notifications received.", c->messages);
	add_count(b, "received_bytes_total", "Bytes received.", g.received);
	add_count(b, "records_total", "Records written.", c->records);
	add_count(b, "written_bytes_total", "Bytes written.", c->out->written);
	add_count(
	    b, "gap_records_total", "Gap records written.", c->gap_records);
	add_count(b, "dropped_records_total",
	    "Records that did not fit into the queue.", c->dropped);
	add_count(b, "repeated_messages_total",
	    "Messages and trades that came twice.", c->repeated);
	add_count(b, "repaired_trades_total", "Trades that were fetched.",
	    c->repaired);
	add_count(b, "resubscriptions_total",
	    "Channels subscribed anew for a silence or a missing change.",
	    c->resyncs);
	add_count(b, "reconnects_total", "Connections lost.", g.losses);
	add_gauge(b, "connections_live", "Connections that are live.",
	    (int64_t)g.feeds_live);
	add_gauge(b, "connections", "Connections that there are to be.",
	    (int64_t)c->feeds);
	add_gauge(b, "channels_wanted", "Channels that are wanted.",
	    (int64_t)g.channels);
	add_gauge(b, "channels_acknowledged",
	    "Channels of those that the exchange has acknowledged.",
	    (int64_t)g.channels_live);
	add_gauge(b, "channels_known",
	    "Channels with something to remember, wanted or not.",
	    (int64_t)c->sources);
	add_gauge(b, "instruments_known",
	    "Instruments with something to remember.",
	    (int64_t)c->n_instruments);
	add_gauge(b, "holes_open",
	    "Instruments and markets with trades to be fetched.",
	    (int64_t)g.holes);
	add_gauge(b, "queue_bytes", "Bytes that wait for the reader.",
	    (int64_t)c->out->queued);
	if (c->lag_known)
		add_seconds(b, "lag_seconds",
		    "Our clock before the exchange's time of a message: the "
		    "least since the last writing.",
		    c->lag_ms);
	add_seconds(b, "last_message_timestamp_seconds",
	    "When a message was received last.", c->message_ms);
	add_seconds(b, "last_success_timestamp_seconds",
	    "When everything wanted was live and the output went on.",
	    c->success_ms);
}

void metrics_write(struct collector *c)
{
	struct fault fault;
	struct buf b;

	if (c->lag_seen) {
		c->lag_ms = c->lag_least_ms;
		c->lag_known = true;
		c->lag_seen = false;
	}
	buf_init(&b, TEXT_MAX);
	build(c, &b);
	if (replace_file(c->options.metrics, buf_head(&b), buf_used(&b),
		FILE_MODE, &fault) == -1) {
		if (!c->metrics_failed)
			log_warn("the metrics are not written: %s", fault.text);
		c->metrics_failed = true;
	} else {
		if (c->metrics_failed)
			log_info("the metrics are written again");
		c->metrics_failed = false;
	}
	buf_free(&b);
}

/* The output took something since the last look, or has taken all. */
static bool output_goes_on(struct collector *c)
{
	bool moved = c->out->written != c->written_seen;

	c->written_seen = c->out->written;
	return moved || !out_pending(c->out);
}

/* What "systemctl status" shows: told when it changes. */
static void tell_status(struct collector *c, const char *what)
{
	char text[STATUS_SIZE + 32];
	bool ready = c->ready;

	if (strcmp(c->status, what) == 0 && ready == c->ready_told)
		return;
	snprintf(c->status, sizeof(c->status), "%s", what);
	snprintf(text, sizeof(text), "%sSTATUS=%s",
	    ready && !c->ready_told ? "READY=1\n" : "", what);
	c->ready_told = ready;
	notify_send(text);
}

/* Ready when what is confirmed is what is wanted. */
static void look_at_channels(struct collector *c)
{
	size_t live, n, i, up = 0;
	char names[900], text[STATUS_SIZE];

	n = feeds_missing(c, &live, names, sizeof(names));
	for (i = 0; i < c->feeds; i++)
		up += session_is_live(c->feed[i]->session);
	if (c->begun && live == n && output_goes_on(c))
		c->success_ms = collector_wall_ms();
	c->ready |= c->begun && live == n;
	snprintf(text, sizeof(text),
	    "%zu of %zu channels on %zu of %zu connections%s%s", live, n, up,
	    c->feeds, live < n ? "; missing: " : "", names);
	tell_status(c, text);
}

/* Alive while data come. */
void manager_tick(struct collector *c, int64_t now_ms)
{
	if (c->messages != c->messages_seen) {
		c->message_ms = collector_wall_ms();
		if (c->watchdog_ms > 0 && now_ms >= c->watchdog_due_ms) {
			notify_send("WATCHDOG=1");
			c->watchdog_due_ms = now_ms + c->watchdog_ms;
		}
	}
	c->messages_seen = c->messages;
	if (c->from_name != NULL || now_ms < c->success_due_ms)
		return;
	c->success_due_ms = now_ms + LOOK_MS;
	look_at_channels(c);
}

void manager_stopping(void)
{
	notify_send("STOPPING=1\nSTATUS=stopped; what waits is written");
}

void collector_report(struct collector *c)
{
	struct figures g;

	count(c, &g);
	log_info("%zu of %zu connections live, %zu of %zu channels; "
		 "%" PRIu64 " bytes and %" PRIu64 " messages received, "
		 "%" PRIu64 " records and %" PRIu64 " bytes written, "
		 "%" PRIu64 " gap records, %" PRIu64 " reconnects, "
		 "%" PRIu64 " dropped, %" PRIu64 " repeated messages left out, "
		 "%" PRIu64 " of other currencies, %" PRIu64
		 " trades fetched, %zu holes open, %zu bytes in the queue",
	    g.feeds_live, c->feeds, g.channels_live, g.channels, g.received,
	    c->messages, c->records, c->out->written, c->gap_records, g.losses,
	    c->dropped, c->repeated, c->filtered, c->repaired, g.holes,
	    c->out->queued);
	if (c->options.metrics != NULL)
		metrics_write(c);
}
