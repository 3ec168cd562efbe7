#include "fetch/greeks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "fetch/flight.h"
#include "fetch/progress.h"
#include "fetch/window.h"
#include "io/json.h"
#include "maps/ticker.h"

/* How many calls are submitted, so that there are always some to begin. */
#define AHEAD (2 * REST_PARALLEL_MAX)
#define TURN_MS 100
#define LATE_MS 60000
#define QUERY_MAX (NAME_MAX_LEN + 40)

struct run {
	struct greeks *g;
	struct greeks_snapshot *s;
	size_t next; /* target to ask for */
	struct flight flight;
	struct progress progress;
	bool over;          /* a record could not be written */
	struct fault fault; /* why */
};

struct call {
	struct flight_call flight; /* at the front */
	struct run *run;
	const struct target *target;
	char query[QUERY_MAX];
};

/* A member at the top of an object, p NULL if there is none. */
static struct json_value member(struct json_span object, const char *name)
{
	struct json_value v, found = {.text = {NULL, 0}};
	struct json_span key;
	struct json j;

	json_init(&j, object.p, object.len);
	if (json_object_begin(&j) == 0)
		while (
		    json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0)
			if (json_span_is(key, name))
				found = v;
	return found;
}

/* By the exchange's clock and list; what is in no list is not known to be. */
static bool has_expired(const struct run *run, const struct target *t)
{
	struct json_value v;
	int64_t at;

	if (t->record == NULL)
		return false;
	v = member((struct json_span){t->record, strlen(t->record)},
	    "expiration_timestamp");
	return v.text.p != NULL && v.type == JSON_NUMBER &&
	       num_int64(v.text.p, v.text.len, &at) == NUM_OK &&
	       at <= rest_clock_ms(run->g->rest);
}

static void failed(
    struct run *run, const struct target *t, const struct fault *fault)
{
	struct greeks_snapshot *s = run->s;

	/* It is refused once it is no longer known. */
	if (fault->exit_code == EX_DATAERR && has_expired(run, t)) {
		log_info("%s has expired meanwhile", t->name);
		s->expired++;
		return;
	}
	log_error("%s is not to be had: %s", t->name, fault->text);
	if (s->failed++ == 0)
		s->first = *fault;
}

static int input_make(struct buf *b, int64_t snapshot_at, struct json_span row)
{
	buf_clear(b);
	if (buf_addf(b, "{\"snapshot_at\":%" PRId64 ",\"row\":", snapshot_at) ==
		-1 ||
	    buf_add(b, row.p, row.len) == -1)
		return -1;
	return buf_addc(b, '}');
}

/* -1: run->fault. */
static int ticker_take(
    struct run *run, const struct target *t, struct json_span result)
{
	struct emit *e = run->g->emit;
	struct json_value name = member(result, "instrument_name");
	struct emit_head head;
	struct fault fault;

	if (name.text.p == NULL || name.type != JSON_STRING ||
	    !json_span_is(json_inside(name.text), t->name)) {
		fault_set(&fault, EX_PROTOCOL,
		    "%s: public/ticker: the result is of another instrument",
		    rest_peer(run->g->rest));
		failed(run, t, &fault);
		return 0;
	}
	if (input_make(&e->input, run->s->at_ms, result) == -1)
		return fault_errno(&run->fault, EX_OSERR, "a ticker");
	emit_head(&head, "ticker", t->name);
	if (emit_map(e, &head, run->g->map, buf_head(&e->input),
		buf_used(&e->input), &fault) == 0) {
		run->s->written++;
		return 0;
	}
	if (fault.exit_code == EX_DATAERR) {
		fault.exit_code = EX_PROTOCOL;
		failed(run, t, &fault);
		return 0;
	}
	run->fault = fault;
	return -1;
}

static void on_reply(void *arg, struct rest_call *rest, struct json_span result,
    const struct fault *fault)
{
	struct call *c = arg;
	struct run *run = c->run;

	(void)rest;
	run->progress.done++;
	if (fault != NULL)
		failed(run, c->target, fault);
	else if (!run->over && ticker_take(run, c->target, result) == -1)
		run->over = true;
	flight_end(&run->flight, &c->flight);
	free(c);
}

static int call_begin(struct run *run, const struct target *t)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return fault_errno(&run->fault, EX_OSERR, "no memory");
	c->run = run;
	c->target = t;
	snprintf(c->query, sizeof(c->query), "instrument_name=%s", t->name);
	c->flight.rest = (struct rest_call){.method = "public/ticker",
	    .query = c->query,
	    .reply = on_reply,
	    .arg = c};
	if (flight_begin(&run->flight, &c->flight, &run->fault) == -1) {
		free(c);
		return -1;
	}
	return 0;
}

static int calls_begin(struct run *run)
{
	const struct targets *all = run->s->targets;

	while (rest_busy(run->g->rest) < AHEAD && run->next < all->n) {
		const struct target *t = &all->target[run->next++];

		if (has_expired(run, t)) {
			run->s->expired++;
			run->progress.done++;
		} else if (call_begin(run, t) == -1) {
			return -1;
		}
	}
	return 0;
}

static int run_turn(struct run *run)
{
	if (calls_begin(run) == -1)
		return -1;
	if (!flight_is_empty(&run->flight) &&
	    rest_turn(run->g->rest, TURN_MS, &run->fault) == -1)
		return -1;
	progress_tick(&run->progress, clock_mono_ms());
	return run->over ? -1 : emit_flush(run->g->emit, &run->fault);
}

int greeks_run(struct greeks *g, struct greeks_snapshot *s, struct fault *fault)
{
	struct run run = {.g = g, .s = s, .flight = {.rest = g->rest}};
	int result;

	s->written = s->failed = s->expired = 0;
	progress_begin(&run.progress, STDERR_FILENO, "options",
	    (int64_t)s->targets->n, clock_mono_ms());
	do
		result = run_turn(&run);
	while (result == 0 && !flight_is_empty(&run.flight));
	flight_drop(&run.flight);
	progress_end(&run.progress);
	/* What came is written, whatever the end. */
	if (result == -1 && run.fault.exit_code != EX_IOERR &&
	    emit_flush(g->emit, &run.fault) == -1)
		result = -1;
	if (result == -1 && fault != NULL)
		*fault = run.fault;
	return result;
}

int64_t greeks_due(int64_t after_ms, int64_t interval_ms, int64_t *late_ms)
{
	*late_ms = interval_ms / 2 < LATE_MS ? interval_ms / 2 : LATE_MS;
	return window_floor(after_ms, interval_ms) + interval_ms;
}

int greeks_init(
    struct greeks *g, struct rest *rest, struct emit *emit, struct fault *fault)
{
	g->rest = rest;
	g->emit = emit;
	g->map = jq_map_new(map_ticker, NULL, 0, fault);
	return g->map != NULL ? 0 : -1;
}

void greeks_free(struct greeks *g)
{
	jq_map_free(g->map);
}
