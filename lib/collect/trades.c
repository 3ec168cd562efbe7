/*
 * Trades in the order of their trade_seq, each once, whoever brought them.  A
 * number that is skipped is waited for a moment, since another feed or the next
 * message may bring it; then it is fetched over a socket that is there
 * (get_last_trades_by_instrument), and what came behind it waits.  Pages of
 * the exchange may be shifted by some rows and count for nothing in themselves:
 * only the numbers that came do.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collect/collect.h"
#include "collect/sweep.h"

/* For another feed, or a message out of order, to fill a hole by itself. */
#define GRACE_MS 200
/* What was traded before the first trade of an instrument a search finds out,
 * for all at once; after so long it is asked for by number. */
#define BEFORE_MS 10000
#define BEFORE_ROWS 100
/* So many searches for what was traded before the first trade of an instrument
 * have their turn in any case, or so many calls: rows lag behind messages, and
 * others are first. */
#define SEARCHES 3
/* So many holes at once, and a look at the market is cheaper than a call each;
 * it has so long. */
#define MANY 5
#define LOOK_MS 2000
/* Between tries that brought nothing: doubled up to the last. */
#define RETRY_MS 100
#define RETRY_MAX_MS 5000
/* Rows of a call: the exchange allows 1000.  Pages were seen shifted by up to
 * three rows, so more is asked for at both ends. */
#define ROWS_MAX 990
#define SHIFT 3
/* What one instrument may hold behind a hole. */
#define HELD_MAX ((size_t)8 << 20)
/* And all whose first trade waits for earlier ones together. */
#define BEFORE_MAX ((size_t)32 << 20)

static const struct record_head *head_of(struct instrument *i, struct source *s)
{
	struct fault fault;

	return instrument_head(i, s, &fault);
}

static void write_trade(struct collector *c, struct source *s,
    struct instrument *i, struct json_span text, bool repaired)
{
	const struct record_head *head = head_of(i, s);

	if (head != NULL)
		intake_write(c, s, head, text, repaired);
	c->repaired += repaired;
}

/* What waited and may follow now. */
static void write_held(
    struct collector *c, struct source *s, struct instrument *i)
{
	struct tape_trade *t;

	while (!intake_full(c) && (t = tape_pop(&i->tape)) != NULL) {
		i->last_ms = t->times.made_ms;
		write_trade(
		    c, s, i, (struct json_span){t->text, t->len}, t->repaired);
		free(t);
	}
}

static void link_hole(struct instrument *i)
{
	struct collector *c = i->c;

	if (i->holed)
		return;
	i->holed = true;
	i->hole_ms = i->found_ms = collector_now_ms();
	i->due_ms = i->hole_ms + GRACE_MS;
	i->tries = 0;
	i->next_hole = c->holes;
	c->holes = i;
}

/* Of a hole before the first trade that was passed on nothing earlier is known
 * than the beginning of our time. */
static int64_t hole_since_ms(const struct instrument *i, const struct source *s)
{
	int64_t made_ms = i->tape.held->times.made_ms;
	int64_t to_ms = i->tape.held->times.came_ms, from_ms = i->last_ms;

	if (i->before && s->sweep != NULL)
		from_ms = sweep_floor_ms(s->sweep);
	if ((from_ms == 0 || from_ms > made_ms) && s->sweep != NULL)
		from_ms = sweep_since_ms(s->sweep);
	return from_ms > 0 && from_ms < to_ms ? from_ms : to_ms;
}

/* The first hole is told. */
static void tell_skipped(
    struct instrument *i, struct source *s, int64_t from, int64_t to)
{
	i->skipped.what.channel = s->name;
	gaps_add(&i->c->gaps, &i->skipped, hole_since_ms(i, s),
	    i->tape.held->times.came_ms, from, to);
	/* The next hole is a gap of its own: this one is written first. */
	intake_gaps(i->c);
}

/* The first hole is told, and what came behind it follows. */
static void give_up(struct instrument *i, struct source *s)
{
	struct collector *c = i->c;
	int64_t from, to;

	if (!tape_hole(&i->tape, &from, &to))
		return;
	tell_skipped(i, s, from, to);
	tape_skip(&i->tape);
	write_held(c, s, i);
	i->hole_ms = collector_now_ms();
}

void trades_begin(struct collector *c, struct instrument *i)
{
	if (!i->before)
		return;
	i->before = false;
	if (i->tape.next != 1 || i->trades == NULL)
		return;
	frames_begun(c, i);
	tape_skip(&i->tape);
	write_held(c, i->trades, i);
	i->hole_ms = collector_now_ms();
}

/* Its first trade itself was made before our time. */
static bool is_elder(const struct instrument *i)
{
	int64_t stamp_ms = i->tape.held->times.stamp_ms;
	const struct sweep *w = i->trades->sweep;

	return stamp_ms > 0 && w != NULL && !sweep_is_ours(w, stamp_ms);
}

/* What came before its first trade could not be found out.  By number it is
 * told if a number from before our time is known, else by time. */
static void give_up_before(struct instrument *i)
{
	struct source *s = i->trades;
	int64_t from, to;

	if (!tape_hole(&i->tape, &from, &to))
		return;
	if (is_elder(i))
		; /* so is what came before it */
	else if (i->prior_seq == 0)
		tell_skipped(i, s, -1, -1);
	else if (i->prior_seq < to)
		tell_skipped(i, s, i->prior_seq + 1, to);
	trades_begin(i->c, i);
}

void trades_prior(struct instrument *i, int64_t seq)
{
	int64_t from, to;

	if (seq > i->prior_seq)
		i->prior_seq = seq;
	/* Its neighbour is there: nothing is missing between them. */
	if (i->before && tape_hole(&i->tape, &from, &to) && i->prior_seq >= to)
		trades_begin(i->c, i);
}

void trades_listed(struct instrument *i)
{
	if (i->tape.next != 0)
		return;
	tape_begin(&i->tape, 1);
	frames_known(i->c, i);
}

static bool is_searched(const struct source *s)
{
	return s->sweep != NULL && sweep_collects(s->sweep);
}

/* Of what nobody has seen a number yet, the rest of the message, the next one
 * or a search may bring earlier ones. */
static void begin_before(struct source *s, struct instrument *i)
{
	tape_begin(&i->tape, 1);
	i->before = true;
	i->unproven = i->alone = 0;
	if (is_searched(s))
		sweep_want(s->sweep);
}

/* A trade was made before it came, whatever the exchange's clock says. */
static void note_times(struct collector *c, const struct source *s,
    struct instrument *i, int64_t timestamp_ms)
{
	const struct feed *f = feeds_live(c, s);
	int64_t now_ms = collector_wall_ms(), made_ms = now_ms;

	if (timestamp_ms > 0)
		made_ms = timestamp_ms;
	if (timestamp_ms > 0 && f != NULL)
		made_ms -= session_exchange_ms(f->session) - now_ms;
	i->tape.times = (struct tape_times){
	    made_ms < now_ms ? made_ms : now_ms, now_ms, timestamp_ms};
}

bool trades_take(struct collector *c, struct source *s, struct instrument *i,
    const struct datum *d, bool repaired)
{
	struct json_span text = d->value.text;

	if (intake_full(c))
		return false;
	i->trades = s;
	note_times(c, s, i, d->timestamp);
	if (!repaired && s->sweep != NULL && d->timestamp > 0)
		sweep_note(s->sweep, d->timestamp);
	if (i->tape.next == 0)
		begin_before(s, i);
	switch (
	    tape_take(&i->tape, d->seq, text.p, text.len, repaired, HELD_MAX)) {
	case TAPE_NEXT:
		i->last_ms = i->tape.times.made_ms;
		write_trade(c, s, i, text, repaired);
		write_held(c, s, i);
		i->hole_ms = collector_now_ms();
		i->tries = 0;
		i->before = false; /* nothing is before the first of all */
		i->looked = false;
		break;
	case TAPE_SEEN: c->repeated += !repaired; return false;
	case TAPE_HELD:
		c->held++;
		link_hole(i);
		break;
	case TAPE_FULL:
		if (i->before)
			give_up_before(i);
		else
			give_up(i, s);
		if (i->tape.held != NULL || i->tape.next != d->seq)
			return false;
		return trades_take(c, s, i, d, repaired);
	}
	if (d->timestamp > i->traded_ms)
		i->traded_ms = d->timestamp;
	return true;
}

/* -------------------------------------------------------------- fetched */

static bool is_ours(const struct instrument *i, const struct datum *d)
{
	const struct sweep *w = i->trades->sweep;

	return w != NULL && sweep_recalls(w, d->timestamp);
}

static void note_first(struct instrument *i, int64_t seq)
{
	i->met |= seq == i->tape.held->seq;
	i->lower |= seq < i->tape.held->seq;
}

/* The exchange has the first trade time and again, and none before it: whatever
 * was there is too old for it. */
static void settle_first(struct instrument *i)
{
	if (i->lower)
		i->alone = 0;
	else if (i->met)
		i->alone++;
	if (i->alone >= SEARCHES)
		trades_begin(i->c, i);
}

/* Rows of a reply for this instrument that lie in its holes. */
static void take_row(struct instrument *i, struct json_value row)
{
	struct datum d;

	datum_look(&d, row);
	if (d.instrument.p == NULL || d.seq == 0 || i->tape.tail == NULL ||
	    d.seq > i->tape.tail->seq || !json_span_is(d.instrument, i->name))
		return;
	if (i->before)
		note_first(i, d.seq);
	if (i->before && !is_ours(i, &d))
		trades_prior(i, d.seq);
	else
		trades_take(i->c, i->trades, i, &d, true);
}

bool trades_rows(const struct rpc *m, struct json *rows, bool *more)
{
	struct json_value v;
	struct json_span key;
	struct json j;
	bool found = false;

	*more = false;
	if (m == NULL || m->kind != RPC_RESULT)
		return false;
	json_init(&j, m->result.p, m->result.len);
	if (json_object_begin(&j) == -1)
		return false;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type == JSON_ARRAY && json_span_is(key, "trades")) {
			json_init(rows, v.text.p, v.text.len);
			found = json_array_begin(rows) == 0;
		}
		if (json_span_is(key, "has_more"))
			*more = v.type == JSON_TRUE;
	}
	return found;
}

/* How many numbers the first hole lacks. */
static int64_t missing_of(const struct instrument *i)
{
	int64_t from, to;

	return tape_hole(&i->tape, &from, &to) ? to - from + 1 : 0;
}

static void on_reply(void *arg, const struct rpc *m)
{
	struct instrument *i = arg;
	int64_t missing = missing_of(i), now_ms = collector_now_ms();
	struct json_value v;
	struct json rows;
	int64_t wait_ms;
	bool more;

	if (i->trades == NULL)
		return;
	intake_reply(i->c, i->trades, m, 0, 0);
	i->met = i->lower = false;
	if (trades_rows(m, &rows, &more))
		while (
		    json_array_next(&rows) == 1 && json_value(&rows, &v) == 0)
			take_row(i, v);
	if (i->before)
		settle_first(i);
	if (missing_of(i) != missing) {
		i->tries = 0;
		i->due_ms = now_ms;
		return;
	}
	wait_ms = RETRY_MS;
	if (i->tries < 16)
		wait_ms <<= i->tries;
	i->tries++;
	i->due_ms = now_ms + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS);
}

/* Fewer rows after each try that brought nothing: a page that is cut, empty or
 * late for many may be whole for few. */
static int64_t rows_of(unsigned tries, int64_t hole)
{
	int64_t most = ROWS_MAX >> (tries < 6 ? tries : 6);

	return hole < most ? hole : most;
}

static void ask(struct instrument *i)
{
	int64_t from, to, rows;
	struct feed *f;

	if (!tape_hole(&i->tape, &from, &to))
		return;
	f = feeds_live(i->c, i->trades);
	if (f == NULL)
		return;
	rows = rows_of(i->tries, to - from + 1);
	if (i->before && rows > BEFORE_ROWS)
		rows = BEFORE_ROWS;
	if (i->before)
		from = to - rows + 1;
	to = from + rows - 1 + SHIFT;
	from = from > SHIFT ? from - SHIFT : 1;
	i->call.method = "public/get_last_trades_by_instrument";
	i->call.reply = on_reply;
	i->call.arg = i;
	/* One after the other, rather than all a little. */
	i->call.rank = i->before && i->alone > 0 ? CALL_URGENT : CALL_PLAIN;
	snprintf(i->call.params, sizeof(i->call.params),
	    "{\"instrument_name\":\"%s\",\"start_seq\":%" PRId64
	    ",\"end_seq\":%" PRId64 ",\"count\":%" PRId64
	    ",\"sorting\":\"asc\"}",
	    i->name, from, to, to - from + 1);
	session_call(f->session, &i->call);
}

static void repair(struct instrument *i, int64_t now_ms, bool many)
{
	struct source *s = i->trades;

	if (many && !i->looked && s->instrument == NULL && is_searched(s)) {
		i->looked = true;
		sweep_want(s->sweep);
		i->due_ms = now_ms + LOOK_MS;
		return;
	}
	ask(i);
}

/* Whether what was missed of it is being asked for. */
static bool is_swept(const struct source *s)
{
	return s->sweep != NULL && sweep_runs(s->sweep);
}

static bool waits(struct collector *c, const struct source *s)
{
	return (feeds_live(c, s) == NULL && c->from_name == NULL) ||
	       is_swept(s);
}

static bool is_late(
    const struct instrument *i, int64_t now_ms, int64_t after_ms)
{
	return now_ms - i->hole_ms >= after_ms;
}

/* A first trade waits for earlier ones until a search has proven which there
 * are, or a number from before our time is known to be the one before it. */
static void tick_before(
    struct collector *c, struct instrument *i, int64_t now_ms)
{
	bool tried = i->unproven >= SEARCHES || i->tries >= SEARCHES;

	if (!is_searched(i->trades)) {
		if (is_late(i, now_ms, GRACE_MS))
			trades_begin(c, i);
	} else if (waits(c, i->trades)) {
		i->hole_ms = now_ms;
	} else if (session_call_waits(&i->call)) {
		i->hole_ms += c->pause_ms;
	} else if (tried && is_late(i, now_ms, c->options.repair_timeout_ms)) {
		give_up_before(i);
	} else if (i->named && !i->call.busy && now_ms >= i->due_ms &&
		   (is_late(i, now_ms, BEFORE_MS) ||
		       sweep_fails(i->trades->sweep))) {
		ask(i);
	}
}

/* True: it has a hole still. */
static bool tick_hole(
    struct collector *c, struct instrument *i, int64_t now_ms, bool many)
{
	int64_t from, to;

	if (!tape_hole(&i->tape, &from, &to)) {
		if (i->trades != NULL)
			write_held(c, i->trades, i);
		return i->call.busy;
	}
	if (i->before && i->trades != NULL) {
		tick_before(c, i, now_ms);
		return true;
	}
	/* While nobody can be asked, or all is asked for, its time stands
	 * still. */
	if (i->trades != NULL && waits(c, i->trades)) {
		i->hole_ms = now_ms;
		return true;
	}
	if (session_call_waits(&i->call)) {
		i->hole_ms += c->pause_ms;
		return true;
	}
	/* A name that is none cannot be asked for. */
	if (i->trades == NULL || !i->named ||
	    is_late(i, now_ms, c->options.repair_timeout_ms)) {
		if (i->trades != NULL)
			give_up(i, i->trades);
		else
			tape_free(&i->tape);
		return true;
	}
	if (!i->call.busy && now_ms >= i->due_ms)
		repair(i, now_ms, many);
	return true;
}

static void say_filled(const struct instrument *i, int64_t now_ms)
{
	log_debug("%s: whole again after %" PRId64 " ms", i->name,
	    now_ms - i->found_ms);
}

/* The longest of those that wait first, if they are too many. */
static void limit_before(struct collector *c)
{
	struct instrument *i, *largest;
	size_t held;

	do {
		held = 0;
		largest = NULL;
		for (i = c->holes; i != NULL; i = i->next_hole) {
			if (!i->before || i->trades == NULL)
				continue;
			held += i->tape.held_bytes;
			if (largest == NULL ||
			    i->tape.held_bytes > largest->tape.held_bytes)
				largest = i;
		}
		if (held > BEFORE_MAX)
			give_up_before(largest);
	} while (held > BEFORE_MAX && !intake_full(c));
}

void trades_tick(struct collector *c, int64_t now_ms)
{
	struct instrument **at, *i;
	size_t n = 0;

	limit_before(c);
	for (i = c->holes; i != NULL; i = i->next_hole)
		n++;
	for (at = &c->holes; *at != NULL;) {
		i = *at;
		if (tick_hole(c, i, now_ms, n >= MANY)) {
			at = &i->next_hole;
			continue;
		}
		say_filled(i, now_ms);
		*at = i->next_hole;
		i->next_hole = NULL;
		i->holed = false;
	}
}

/* What is searched the next run searches, from where all is known. */
static bool is_next_runs(const struct instrument *i)
{
	return is_searched(i->trades) && i->tape.held != NULL && !is_elder(i);
}

static void flush(struct collector *c, struct instrument *i)
{
	bool carries = keep_carries(c);

	if (i->trades == NULL)
		return;
	if (i->before && carries && is_next_runs(i))
		return;
	if (is_searched(i->trades))
		give_up_before(i);
	trades_begin(c, i);
	/* With a state file the next run fetches what is missing. */
	while (!carries && i->tape.held != NULL && !intake_full(c))
		give_up(i, i->trades);
}

bool trades_are_searched(struct collector *c)
{
	const struct instrument *i;

	for (i = c->holes; i != NULL; i = i->next_hole)
		if (i->before && i->trades != NULL && is_searched(i->trades) &&
		    feeds_live(c, i->trades) != NULL)
			return true;
	return false;
}

void trades_flush(struct collector *c)
{
	struct instrument *i;

	for (i = c->holes; i != NULL; i = i->next_hole)
		flush(c, i);
}

void trades_skip(struct instrument *i)
{
	tape_skip(&i->tape);
	write_held(i->c, i->trades, i);
}
