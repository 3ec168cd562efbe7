/*
 * What a trades channel may have missed in a time, asked for: by time for a
 * market (get_last_trades_by_currency_and_time) or an instrument.  It runs
 * after a loss of the channel; as an audit of a channel that seems well, now
 * and then; and when an instrument is heard of for the first time, whose first
 * trade may have been missed.
 *
 * record/reach.h says how far the pages reach and what they prove.  After a
 * loss a second pass has to find nothing new; audits begin where everything was
 * proven to be there, whatever was found since.  What is missing in between
 * shows in the numbers and is trades.c's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collect/collect.h"
#include "collect/sweep.h"
#include "record/reach.h"

/* The exchange's most rows in a reply. */
#define ROWS 1000
#define PASSES_MIN 2
/* Of a market so quiet that no row is beyond the end. */
#define PASSES_QUIET 4
#define PASSES_MAX 12
#define AUDIT_PASSES_MAX 3
/* Between passes: rows lag behind messages. */
#define PASS_MS 300
#define RETRY_MS 200
#define TRIES_MANY 3
#define RETRY_MAX_MS 5000
/* An audit leaves out what the channel may be about to bring. */
#define AUDIT_LAG_MS 5000
/* Rows of the market that are newer than the subscription come by it. */
#define BEYOND_MS 1000
/* Instruments that nobody remembers, without audits: new since so long. */
#define MARGIN_MS 1000
/* From an instrument's first trade to the search for earlier ones: many begin
 * in the same moment, and the next message may bring them. */
#define LOOK_MS 500

struct sweep {
	struct collector *c;
	struct source *s;
	bool runs;
	bool audit;
	bool last;   /* of a channel that is taken off: no other follows */
	bool wanted; /* by instruments whose first trade is held */
	int64_t lost_ms, back_ms; /* our clock: the hole */
	const char *reason;       /* of it; static */

	/* By the exchange's clock: */
	int64_t since_ms; /* the channel was live first */
	int64_t lost_at_ms, back_at_ms;
	int64_t to_ms;    /* the end of what is asked about */
	int64_t until_ms; /* of the rows that are asked for */
	int64_t heard_ms; /* the latest trade that the channel sent */
	int64_t found_ms; /* and that was found */
	struct reach reach;

	unsigned passes, tries;
	uint64_t serial;           /* of the pass */
	uint64_t found, found_all; /* in this pass, in all */
	struct session_call call;

	/* Monotonic: */
	int64_t due_ms;   /* the next call */
	int64_t good_ms;  /* the last answer */
	int64_t audit_ms; /* the next audit */
	int64_t look_ms;  /* none for the sake of an instrument before it */
	int64_t pass_ms;  /* the pass began */
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

bool sweep_asks(const struct sweep *w)
{
	return w->runs;
}

bool sweep_runs(const struct sweep *w)
{
	return w->runs && !w->audit;
}

int64_t sweep_lost_ms(const struct sweep *w)
{
	return w->lost_ms;
}

int64_t sweep_audited_ms(const struct sweep *w)
{
	return w->reach.whole_ms != 0 ? w->reach.whole_ms : w->s->audited_ms;
}

static bool has_audits(const struct sweep *w)
{
	return w->c->options.audit_ms > 0;
}

bool sweep_collects(const struct sweep *w)
{
	return w->runs || has_audits(w);
}

/* The exchange's clock, by the session that knows it. */
static int64_t exchange_ms(const struct sweep *w)
{
	struct feed *f = feeds_live(w->c, w->s);

	return f != NULL ? session_exchange_ms(f->session)
	                 : collector_wall_ms();
}

void sweep_live(struct sweep *w)
{
	if (w->since_ms == 0)
		w->since_ms = w->reach.whole_ms = exchange_ms(w);
}

void sweep_note(struct sweep *w, int64_t timestamp_ms)
{
	int64_t now_ms;

	if (timestamp_ms <= w->heard_ms)
		return;
	/* A time to come would let a dead channel pass for one that is well. */
	now_ms = exchange_ms(w);
	w->heard_ms = timestamp_ms < now_ms ? timestamp_ms : now_ms;
}

void sweep_want(struct sweep *w)
{
	if (w->wanted)
		return;
	w->wanted = true;
	w->look_ms = collector_now_ms() + LOOK_MS;
}

/* Rows of instruments that nobody remembers are new from here on. */
static int64_t floor_ms(const struct sweep *w)
{
	int64_t ms = has_audits(w) ? w->reach.whole_ms
	                           : w->lost_at_ms - MARGIN_MS;

	return ms > w->since_ms ? ms : w->since_ms;
}

static int64_t ours_ms(const struct sweep *w, int64_t ms)
{
	return ms - (exchange_ms(w) - collector_wall_ms());
}

int64_t sweep_since_ms(const struct sweep *w)
{
	return ours_ms(w, w->since_ms);
}

int64_t sweep_floor_ms(const struct sweep *w)
{
	return ours_ms(w, floor_ms(w));
}

bool sweep_is_ours(const struct sweep *w, int64_t timestamp_ms)
{
	return timestamp_ms >= floor_ms(w);
}

bool sweep_recalls(const struct sweep *w, int64_t timestamp_ms)
{
	return has_audits(w) && sweep_is_ours(w, timestamp_ms);
}

static void begin_pass(struct sweep *w, int64_t now_ms)
{
	int64_t ms = exchange_ms(w), limit_ms = ms - AUDIT_LAG_MS;

	w->serial++;
	w->pass_ms = now_ms;
	w->found = 0;
	w->until_ms = (ms > w->to_ms ? ms : w->to_ms) + BEYOND_MS;
	reach_begin(&w->reach, limit_ms < w->to_ms ? limit_ms : w->to_ms,
	    w->audit ? w->to_ms : w->back_at_ms);
}

/* passes 0, nothing found. */
static void begin(struct sweep *w, bool audit, int64_t now_ms)
{
	w->runs = true;
	w->audit = audit;
	w->last = false;
	w->passes = w->tries = 0;
	w->found_all = 0;
	w->found_ms = 0;
	w->good_ms = now_ms;
	w->due_ms = now_ms;
	begin_pass(w, now_ms);
}

void sweep_begin(struct sweep *w, int64_t from_ms)
{
	int64_t ahead_ms = exchange_ms(w) - collector_wall_ms();

	/* Lost once more before it was done: one hole. */
	if (!sweep_runs(w) || from_ms < w->lost_ms) {
		w->lost_ms = from_ms;
		w->reason = w->s->reason;
	}
	w->back_ms = collector_wall_ms();
	w->lost_at_ms = w->lost_ms + ahead_ms;
	w->back_at_ms = w->back_ms + ahead_ms;
	w->to_ms = w->back_at_ms + BEYOND_MS;
	/* What was not audited before a stop is asked for with it. */
	if (w->since_ms == 0 && w->s->audited_ms != 0 &&
	    w->s->audited_ms < w->lost_at_ms)
		w->since_ms = w->reach.whole_ms = w->s->audited_ms;
	if (w->since_ms == 0)
		w->since_ms = w->reach.whole_ms = w->lost_at_ms;
	/* What was proven then is too long ago. */
	if (!has_audits(w))
		w->reach = (struct reach){.whole_ms = w->lost_at_ms};
	begin(w, false, collector_now_ms());
}

bool sweep_fails(const struct sweep *w)
{
	return w->tries >= TRIES_MANY || w->reach.broken >= TRIES_MANY;
}

/* Those whose first number we do not know begin with what is there, if the pass
 * that has just ended reached it from the anchor; force: in any case. */
static void settle_before(struct sweep *w, bool force)
{
	struct collector *c = w->c;
	bool some = false;
	size_t i;

	for (i = 0; i < c->n_instruments; i++) {
		struct instrument *in = c->instrument[i];

		if (!in->before || in->trades != w->s)
			continue;
		if (force || (w->reach.chained && in->sure_pass == w->serial))
			trades_begin(c, in);
		else
			some = true;
	}
	w->wanted = some;
	w->look_ms = collector_now_ms() + LOOK_MS;
}

static void note_unproven(struct sweep *w)
{
	struct collector *c = w->c;
	size_t i;

	for (i = 0; i < c->n_instruments; i++)
		if (c->instrument[i]->before &&
		    c->instrument[i]->trades == w->s)
			c->instrument[i]->unproven++;
}

static void tell_hole(struct sweep *w, bool repaired)
{
	struct source *s = w->s;
	int64_t lost_ms = s->lost_ms;
	const char *reason = s->reason;

	/* It may be lost once more by now. */
	s->lost_ms = w->lost_ms;
	s->reason = w->reason;
	feeds_hole(w->c, s, w->back_ms, repaired);
	s->lost_ms = lost_ms;
	s->reason = reason;
}

static void end(struct sweep *w, bool repaired)
{
	w->runs = false;
	/* No other search follows. */
	settle_before(w, !has_audits(w));
	note_unproven(w);
	if (w->audit)
		return;
	tell_hole(w, repaired);
	if (repaired)
		log_debug("%s: %" PRIu64 " trades fetched of %" PRId64 " ms",
		    w->s->name, w->found_all, w->back_ms - w->lost_ms);
	else
		log_warn("%s: what was missed in %" PRId64
			 " ms could not be fetched in time",
		    w->s->name, w->back_ms - w->lost_ms);
}

void sweep_stop(struct sweep *w)
{
	/* With a state file the next run goes on with it. */
	if (sweep_runs(w) && keep_carries(w->c))
		return;
	if (sweep_runs(w))
		end(w, false);
	w->runs = false;
}

/* ---------------------------------------------------------------- a page */

/* A trade from before our time, of an instrument that nobody remembers. */
static bool is_prior(
    const struct sweep *w, const struct instrument *i, const struct datum *d)
{
	return (i->tape.next == 0 || i->before) &&
	       !sweep_is_ours(w, d->timestamp);
}

/* Whether a row is of the time that is asked about, and of ours. */
static bool concerns(
    const struct sweep *w, const struct instrument *i, const struct datum *d)
{
	if (is_prior(w, i, d))
		return false;
	if (i->tape.tail != NULL && d->seq < i->tape.tail->seq)
		return true;
	return d->timestamp <= w->to_ms;
}

static void take_row(struct sweep *w, struct json_value row)
{
	struct instrument *i;
	struct fault fault;
	struct datum d;
	bool fresh;

	datum_look(&d, row);
	if (d.timestamp <= 0 || d.seq == 0 || d.instrument.p == NULL)
		return;
	reach_row(&w->reach, d.instrument, d.seq, d.timestamp);
	if (intake_instrument(w->c, w->s, &d, &i, &fault) != 1 || i == NULL)
		return;
	fresh = i->tape.next == 0;
	/* At the end of the pass what came before it is known: also of a trade
	 * that was held when the pass began. */
	if (i->before && i->tape.held != NULL && d.seq >= i->tape.held->seq &&
	    i->found_ms < w->pass_ms)
		i->sure_pass = w->serial;
	if (is_prior(w, i, &d))
		trades_prior(i, d.seq);
	if (!concerns(w, i, &d) || !trades_take(w->c, w->s, i, &d, true))
		return;
	if (fresh)
		i->sure_pass = w->serial;
	/* What fills a later hole is no sign that this one is not filled. */
	if (d.timestamp <= w->to_ms) {
		w->found++;
		w->found_all++;
		if (d.timestamp > w->found_ms)
			w->found_ms = d.timestamp;
	}
}

static void end_audit(struct sweep *w, int64_t whole_ms)
{
	end(w, true);
	if (w->found_all == 0)
		return;
	log_info("%s: %" PRIu64 " trades were not sent, and fetched",
	    w->s->name, w->found_all);
	/* Later ones than any that was sent: the channel is dead. */
	if (w->found_ms > w->heard_ms && !w->c->closing)
		feeds_again(w->c, w->s, ours_ms(w, whole_ms));
}

static bool is_done(const struct sweep *w)
{
	if (w->found > 0 || w->passes < PASSES_MIN)
		return false;
	return reach_is_proof(&w->reach) || w->passes >= PASSES_QUIET;
}

static void end_pass(struct sweep *w, int64_t now_ms)
{
	int64_t whole_ms = w->reach.whole_ms;
	bool audit = w->audit && !w->last;

	w->passes++;
	reach_end(&w->reach);
	if (audit && (w->reach.chained || w->passes >= AUDIT_PASSES_MAX)) {
		end_audit(w, whole_ms);
	} else if (!audit && (is_done(w) || w->passes >= PASSES_MAX)) {
		end(w, w->found == 0);
	} else {
		settle_before(w, false);
		begin_pass(w, now_ms);
		w->due_ms = now_ms + PASS_MS;
	}
}

static int64_t wait_of(unsigned tries)
{
	int64_t ms = tries < 8 ? RETRY_MS << tries : RETRY_MAX_MS;

	return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static void take_page(struct sweep *w, struct json *rows, bool more)
{
	int64_t now_ms = collector_now_ms();
	struct json_value v;

	w->tries = 0;
	w->good_ms = w->due_ms = now_ms;
	reach_page(&w->reach);
	while (json_array_next(rows) == 1 && json_value(rows, &v) == 0)
		take_row(w, v);
	switch (reach_page_end(&w->reach, more)) {
	case REACH_AGAIN:
		w->due_ms = now_ms + wait_of(w->reach.broken - 1);
		break;
	case REACH_NEXT:
		/* Who says "more" for ever does not keep us. */
		if (w->reach.cursor_ms > w->until_ms)
			end_pass(w, now_ms);
		break;
	case REACH_END: end_pass(w, now_ms); break;
	}
}

static void on_reply(void *arg, const struct rpc *m)
{
	struct sweep *w = arg;
	struct json rows;
	bool more;

	if (!w->runs)
		return;
	intake_reply(w->c, w->s, m, floor_ms(w), w->to_ms);
	if (trades_rows(m, &rows, &more))
		take_page(w, &rows, more);
	else
		w->due_ms = collector_now_ms() + wait_of(w->tries++);
}

/* --------------------------------------------------------------- the call */

/* Of trades.option.BTC.100ms the words between the dots, or the instrument. */
static void name_whose(const struct source *s, char *out, size_t size)
{
	const char *kind = strchr(s->name, '.') + 1;
	const char *currency = kind + strcspn(kind, ".");
	int len = (int)(currency - kind);

	currency += *currency == '.';
	if (s->instrument != NULL)
		snprintf(
		    out, size, "\"instrument_name\":\"%s\"", s->instrument);
	else
		snprintf(out, size, "\"currency\":\"%.*s\",\"kind\":\"%.*s\"",
		    (int)strcspn(currency, "."), currency, len, kind);
}

static void ask(struct sweep *w)
{
	struct feed *f = feeds_live(w->c, w->s);
	char whose[SESSION_PARAMS_SIZE];

	if (f == NULL)
		return;
	name_whose(w->s, whose, sizeof(whose));
	w->call.method = w->s->instrument != NULL
	                     ? "public/get_last_trades_by_instrument_and_time"
	                     : "public/get_last_trades_by_currency_and_time";
	w->call.reply = on_reply;
	w->call.arg = w;
	w->call.rank = CALL_URGENT;
	snprintf(w->call.params, sizeof(w->call.params),
	    "{%.200s,\"start_timestamp\":%" PRId64 ",\"end_timestamp\":%" PRId64
	    ",\"count\":%d,\"sorting\":\"asc\"}",
	    whose, w->reach.cursor_ms, w->until_ms, ROWS);
	session_call(f->session, &w->call);
}

static void begin_audit(struct sweep *w, int64_t now_ms)
{
	int64_t to_ms = exchange_ms(w) - AUDIT_LAG_MS;

	if (now_ms >= w->audit_ms)
		w->audit_ms = now_ms + w->c->options.audit_ms;
	if (to_ms <= w->reach.whole_ms && !w->wanted)
		return;
	w->to_ms = to_ms;
	begin(w, true, now_ms);
}

static bool is_due(const struct sweep *w, int64_t now_ms)
{
	return has_audits(w) && w->s->live > 0 &&
	       (now_ms >= w->audit_ms || (w->wanted && now_ms >= w->look_ms));
}

void sweep_last(struct sweep *w)
{
	if (!has_audits(w) || sweep_runs(w) || w->reach.whole_ms == 0)
		return;
	w->to_ms = exchange_ms(w);
	begin(w, true, collector_now_ms());
	w->last = true;
}

void sweep_tick(struct sweep *w, int64_t now_ms)
{
	if (!w->runs) {
		if (is_due(w, now_ms))
			begin_audit(w, now_ms);
		return;
	}
	/* Lost once more: it begins anew when the channel is back. */
	if (w->s->carried && w->s->live == 0) {
		w->good_ms = now_ms;
		return;
	}
	/* While others are first, or nobody can be asked, its time stands
	 * still. */
	if (session_call_waits(&w->call) || feeds_live(w->c, w->s) == NULL) {
		w->good_ms += w->c->pause_ms;
		return;
	}
	if (now_ms - w->good_ms >= w->c->options.repair_timeout_ms) {
		end(w, false);
		return;
	}
	if (!w->call.busy && now_ms >= w->due_ms)
		ask(w);
}
