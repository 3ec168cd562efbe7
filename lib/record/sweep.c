/*
 * What a trades channel may have missed in a time, asked for: by time for a
 * market (get_last_trades_by_currency_and_time), by number for an instrument
 * whose last one is known.  It runs after a loss of the channel, and now and
 * then as an audit of a channel that seems well.
 *
 * The exchange's pages prove nothing: they were seen shifted by some rows at
 * their ends, and rows come later than the messages.  So every page begins some
 * rows before the end of the last one, and the whole is asked for again from
 * further back, until a pass has brought nothing new, twice at least.  What is
 * missing in between shows in the numbers and is trades.c's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "record/collect.h"

/* Rows that two pages share. */
#define OVERLAP 10
/* How far before the loss a pass begins, at the least: also so many of the
 * trades that were received before it.  Each further pass begins earlier. */
#define KNOWN 10
#define MARGIN_MS 1000
#define MARGIN_GROWS 8
#define PASSES_MIN 2
#define PASSES_MAX 8
#define MARGINS 3 /* then it begins no earlier */
/* Between passes: rows lag behind messages. */
#define PASS_MS 300
#define RETRY_MS 200
#define RETRY_MAX_MS 5000
/* An audit leaves out what the channel may be about to bring. */
#define AUDIT_LAG_MS 5000
/* Rows of the market that are newer than the subscription come by it. */
#define BEYOND_MS 1000

struct sweep {
	struct collector *c;
	struct source *s;
	bool runs;
	bool audit;
	int64_t lost_ms, back_ms; /* our clock: the hole */
	int64_t from_ms, to_ms;   /* the exchange's clock */
	int64_t since_ms;         /* likewise: the channel was live first */
	int64_t cursor_ms;        /* of the next page */
	unsigned passes, tries;
	uint64_t found, found_all; /* in this pass, in all */
	int64_t due_ms;            /* monotonic: the next call */
	int64_t good_ms;           /* monotonic: the last answer */
	int64_t audit_ms;          /* monotonic: the next audit */
	int64_t audited_ms;        /* the exchange's: whole until then */
	unsigned misses;           /* audits in a row that found some */
	struct session_call call;
	size_t rows;                     /* of the page, in c->page */
	int64_t recent[KNOWN * MARGINS]; /* times of the last trades received */
	uint64_t noted;
	int64_t
	    anchor[MARGINS]; /* of them, before the time that is asked about */
};

struct sweep *sweep_new(struct collector *c, struct source *s)
{
	struct sweep *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->c = c;
	w->s = s;
	return w;
}

void sweep_free(struct sweep *w)
{
	struct collector *c;
	size_t i;

	if (w == NULL)
		return;
	c = w->c;
	for (i = 0; w->call.busy && i < c->feeds; i++)
		session_call_forget(c->feed[i]->session, &w->call);
	free(w);
}

bool sweep_runs(const struct sweep *w)
{
	return w->runs && !w->audit;
}

int64_t sweep_lost_ms(const struct sweep *w)
{
	return w->lost_ms;
}

bool sweep_collects(const struct sweep *w)
{
	return w->runs;
}

bool sweep_reaches(const struct sweep *w, int64_t timestamp_ms)
{
	return w->runs || w->s->lost_ms != 0 ||
	       (w->c->options.audit_ms > 0 && w->audited_ms <= timestamp_ms);
}

/* The exchange's clock, by the session that knows it. */
static int64_t exchange_ms(const struct sweep *w)
{
	struct feed *f = feeds_live(w->c, w->s);

	return f != NULL ? session_exchange_ms(f->session)
	                 : collector_wall_ms();
}

void sweep_note(struct sweep *w, int64_t timestamp_ms)
{
	w->recent[w->noted++ % (KNOWN * MARGINS)] = timestamp_ms;
}

/* The times of the last tenth, twentieth and thirtieth trade received. */
static void take_anchors(struct sweep *w)
{
	unsigned i;

	for (i = 0; i < MARGINS; i++) {
		uint64_t back = (uint64_t)KNOWN * (i + 1);

		w->anchor[i] =
		    w->noted < back
			? 0
			: w->recent[(w->noted - back) % (KNOWN * MARGINS)];
	}
}

static void begin_pass(struct sweep *w)
{
	unsigned i, n = w->passes < MARGINS ? w->passes : MARGINS - 1;
	int64_t margin_ms = MARGIN_MS;

	for (i = 0; i < n; i++)
		margin_ms *= MARGIN_GROWS;
	w->found = 0;
	w->cursor_ms = w->from_ms - margin_ms;
	if (w->anchor[n] != 0 && w->anchor[n] < w->cursor_ms)
		w->cursor_ms = w->anchor[n];
	if (w->cursor_ms < 1)
		w->cursor_ms = 1;
}

void sweep_begin(struct sweep *w, int64_t from_ms)
{
	int64_t ahead_ms = exchange_ms(w) - collector_wall_ms();
	int64_t now_ms = collector_now_ms();

	/* Lost once more before it was done: one hole. */
	if (!sweep_runs(w))
		take_anchors(w);
	if (!sweep_runs(w) || from_ms < w->lost_ms)
		w->lost_ms = from_ms;
	w->runs = true;
	w->audit = false;
	w->back_ms = collector_wall_ms();
	w->from_ms = w->lost_ms + ahead_ms;
	w->to_ms = w->back_ms + ahead_ms + BEYOND_MS;
	if (w->since_ms == 0)
		w->since_ms = w->from_ms;
	w->passes = w->tries = 0;
	w->found_all = 0;
	w->good_ms = now_ms;
	w->due_ms = now_ms;
	begin_pass(w);
}

/* Those whose first number we do not know begin with what is there. */
static void settle_before(struct sweep *w)
{
	struct collector *c = w->c;
	size_t i;

	for (i = 0; i < c->n_instruments; i++)
		if (c->instrument[i]->before &&
		    c->instrument[i]->trades == w->s)
			trades_begin(c, c->instrument[i]);
}

static void end(struct sweep *w, bool repaired)
{
	w->runs = false;
	settle_before(w);
	if (w->audit)
		return;
	w->s->lost_ms = w->lost_ms;
	feeds_hole(w->c, w->s, w->back_ms, repaired);
	w->s->lost_ms = 0;
	if (repaired) {
		w->audited_ms = w->to_ms - BEYOND_MS;
		log_debug("%s: %" PRIu64 " trades fetched of %" PRId64 " ms",
		    w->s->name, w->found_all, w->back_ms - w->lost_ms);
	} else {
		log_warn("%s: what was missed in %" PRId64
			 " ms could not be fetched in time",
		    w->s->name, w->back_ms - w->lost_ms);
	}
}

void sweep_stop(struct sweep *w)
{
	if (sweep_runs(w))
		end(w, false);
	w->runs = false;
}

/* ---------------------------------------------------------------- a page */

/* Whether a row is of the time that is asked about, and of ours. */
static bool concerns(
    const struct sweep *w, const struct instrument *i, const struct datum *d)
{
	if (i->tape.tail != NULL && d->seq < i->tape.tail->seq)
		return true;
	if (d->timestamp > w->to_ms)
		return false;
	if (i->tape.next == 0 || i->before)
		return d->timestamp >= w->since_ms &&
		       d->timestamp >= w->from_ms;
	return true;
}

static void take_row(struct sweep *w, struct json_value row)
{
	struct instrument *i;
	struct fault fault;
	struct datum d;

	datum_look(&d, row);
	if (d.timestamp > 0 && w->rows < SWEEP_ROWS)
		w->c->page[w->rows++] = d.timestamp;
	if (d.seq == 0 || d.instrument.p == NULL ||
	    intake_instrument(w->c, w->s, &d, &i, &fault) != 1 || i == NULL)
		return;
	if (concerns(w, i, &d) && trades_take(w->c, w->s, i, &d, true)) {
		w->found++;
		w->found_all++;
	}
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The next page begins some rows before the end of this one. */
static void advance(struct sweep *w)
{
	int64_t last, next;

	qsort(w->c->page, w->rows, sizeof(w->c->page[0]), compare);
	last = w->c->page[w->rows - 1];
	next = w->rows > OVERLAP ? w->c->page[w->rows - OVERLAP] : last;
	if (next <= w->cursor_ms)
		next = last;
	w->cursor_ms = next > w->cursor_ms ? next : w->cursor_ms + 1;
}

static void end_audit(struct sweep *w)
{
	end(w, true);
	w->audited_ms = w->to_ms;
	take_anchors(w);
	w->misses = w->found_all > 0 ? w->misses + 1 : 0;
	if (w->found_all == 0)
		return;
	log_warn("%s: %" PRIu64 " trades were not sent, and fetched",
	    w->s->name, w->found_all);
	/* Once may be chance; twice, and the channel is dead. */
	if (w->misses >= 2) {
		w->misses = 0;
		feeds_again(w->c, w->s, collector_wall_ms());
	}
}

static void end_pass(struct sweep *w, int64_t now_ms)
{
	w->passes++;
	if ((w->found == 0 && (w->audit || w->passes >= PASSES_MIN)) ||
	    w->passes >= PASSES_MAX) {
		if (w->audit)
			end_audit(w);
		else
			end(w, true);
		return;
	}
	begin_pass(w);
	w->due_ms = now_ms + PASS_MS;
}

static void on_reply(void *arg, const struct rpc *m)
{
	struct sweep *w = arg;
	int64_t now_ms = collector_now_ms();
	struct json_value v;
	struct json rows;
	int64_t wait_ms;
	bool more;

	if (!w->runs)
		return;
	intake_reply(w->c, w->s, m);
	if (!trades_rows(m, &rows, &more)) {
		wait_ms = w->tries < 8 ? RETRY_MS << w->tries : RETRY_MAX_MS;
		w->tries++;
		w->due_ms = now_ms +
		            (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS);
		return;
	}
	w->tries = 0;
	w->good_ms = w->due_ms = now_ms;
	w->rows = 0;
	while (json_array_next(&rows) == 1 && json_value(&rows, &v) == 0)
		take_row(w, v);
	if (w->rows > 0 && (more || w->rows >= SWEEP_ROWS))
		advance(w);
	else
		end_pass(w, now_ms);
}

/* --------------------------------------------------------------- the call */

/* trades.option.BTC.100ms: the words between the dots. */
static void market_of(
    const struct source *s, struct json_span *kind, struct json_span *currency)
{
	const char *p = strchr(s->name, '.') + 1;

	kind->p = p;
	kind->len = strcspn(p, ".");
	currency->p = p + kind->len + 1;
	currency->len = strcspn(currency->p, ".");
}

static void ask_market(struct sweep *w)
{
	struct json_span kind, currency;

	market_of(w->s, &kind, &currency);
	w->call.method = "public/get_last_trades_by_currency_and_time";
	snprintf(w->call.params, sizeof(w->call.params),
	    "{\"currency\":\"%.*s\",\"kind\":\"%.*s\",\"start_timestamp\":"
	    "%" PRId64 ",\"end_timestamp\":%" PRId64
	    ",\"count\":%d,\"sorting\":\"asc\"}",
	    (int)currency.len, currency.p, (int)kind.len, kind.p, w->cursor_ms,
	    w->to_ms + BEYOND_MS, SWEEP_ROWS);
}

static void ask_instrument(struct sweep *w)
{
	w->call.method = "public/get_last_trades_by_instrument_and_time";
	snprintf(w->call.params, sizeof(w->call.params),
	    "{\"instrument_name\":\"%s\",\"start_timestamp\":%" PRId64
	    ",\"end_timestamp\":%" PRId64 ",\"count\":%d,\"sorting\":\"asc\"}",
	    w->s->instrument, w->cursor_ms, w->to_ms + BEYOND_MS, SWEEP_ROWS);
}

static void ask(struct sweep *w)
{
	struct feed *f = feeds_live(w->c, w->s);

	if (f == NULL)
		return;
	w->call.reply = on_reply;
	w->call.arg = w;
	if (w->s->instrument != NULL)
		ask_instrument(w);
	else
		ask_market(w);
	session_call(f->session, &w->call);
}

static void begin_audit(struct sweep *w, int64_t now_ms)
{
	int64_t to_ms = exchange_ms(w) - AUDIT_LAG_MS;

	w->audit_ms = now_ms + w->c->options.audit_ms;
	if (w->audited_ms == 0 || to_ms <= w->audited_ms) {
		if (w->audited_ms == 0)
			w->audited_ms = to_ms + AUDIT_LAG_MS;
		return;
	}
	w->runs = w->audit = true;
	w->from_ms = w->audited_ms;
	w->to_ms = to_ms;
	w->passes = w->tries = 0;
	w->found_all = 0;
	w->good_ms = w->due_ms = now_ms;
	begin_pass(w);
}

void sweep_tick(struct sweep *w, int64_t now_ms)
{
	if (w->since_ms == 0 && w->s->live > 0)
		w->since_ms = exchange_ms(w);
	if (!w->runs) {
		if (w->c->options.audit_ms > 0 && w->s->live > 0 &&
		    now_ms >= w->audit_ms)
			begin_audit(w, now_ms);
		return;
	}
	if (now_ms - w->good_ms >= w->c->options.repair_timeout_ms) {
		end(w, false);
		return;
	}
	if (!w->call.busy && now_ms >= w->due_ms)
		ask(w);
}
