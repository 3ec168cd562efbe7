#include "fetch/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fetch/flight.h"

/* How many calls are submitted, so that there are always some to begin; the
 * others are still numbers. */
#define AHEAD (2 * REST_PARALLEL_MAX)
#define TURN_MS 100

/* Parts of parts. */
struct series_list {
	struct series_part *part;
	size_t n;
};

/* Walks over all parts that the state lacks. */
struct walk {
	const struct series *s;
	size_t target;
	int64_t at; /* of the target: all before it has been handed out */
	struct window window;
};

struct run {
	struct series *s;
	struct walk walk;
	struct flight flight;
	struct progress progress;
	struct series_list have, again;
	bool over;          /* a call's reply could not be written */
	struct fault fault; /* why */
};

struct call {
	struct flight_call flight; /* at the front */
	struct run *run;
	struct series_part part;
	char query[SERIES_QUERY_MAX];
};

static void walk_begin(struct walk *w, const struct series *s)
{
	w->s = s;
	w->target = 0;
	w->at = INT64_MIN;
	/* Empty. */
	window_init(&w->window, 0, 0, 1, 1);
}

/* The first range behind w->at that is wanted and lacks: 1, or 0. */
static int walk_lacks(struct walk *w, int64_t *begin, int64_t *end)
{
	const struct series *s = w->s;
	const struct target *t = &s->targets->target[w->target];
	int64_t from = s->from, to = s->to;

	for (;;) {
		if (s->kind->wants != NULL &&
		    !s->kind->wants(s->kind->arg, t, w->at, &from, &to))
			return 0;
		if (from < w->at)
			from = w->at;
		if (resume_lacks(s->resume, t->name, s->kind->what, from, to,
			begin, end))
			return 1;
		if (s->kind->wants == NULL)
			return 0;
		w->at = to;
	}
}

/* 1: a part; 0: there is none left. */
static int walk_next(struct walk *w, struct series_part *part)
{
	const struct series *s = w->s;
	int64_t begin, end, last;

	for (; w->target < s->targets->n; w->target++, w->at = INT64_MIN) {
		part->target = &s->targets->target[w->target];
		part->missed = part->refused = 0;
		for (;;) {
			if (window_next(&w->window, &part->from, &last)) {
				part->to = last + 1;
				return 1;
			}
			if (!walk_lacks(w, &begin, &end))
				break;
			window_init(
			    &w->window, begin, end, 1, s->kind->span_ms);
			w->at = end;
		}
	}
	return 0;
}

static int64_t walk_count(const struct series *s)
{
	struct series_part part;
	struct walk w;
	int64_t n = 0;

	walk_begin(&w, s);
	while (walk_next(&w, &part))
		n++;
	return n;
}

static void failed(
    struct run *run, const struct series_part *part, const struct fault *fault)
{
	struct series *s = run->s;
	char from[40], to[40];

	clock_format_ms(part->from, from, sizeof(from));
	clock_format_ms(part->to, to, sizeof(to));
	log_error("%s from %s to %s is not to be had: %s", part->target->name,
	    from, to, fault->text);
	if (s->failed++ == 0)
		s->first = *fault;
}

static int list_add(
    struct series_list *l, const struct series_part *part, struct fault *fault)
{
	struct series_part *grown;

	if (part->from >= part->to)
		return 0;
	/* Grows at the powers of two. */
	if ((l->n & (l->n - 1)) == 0) {
		grown = realloc(
		    l->part, (l->n > 0 ? l->n * 2 : 1) * sizeof(*grown));
		if (grown == NULL)
			return fault_errno(fault, EX_OSERR, "no memory");
		l->part = grown;
	}
	l->part[l->n++] = *part;
	return 0;
}

int series_have(struct series *s, const struct series_part *part, int64_t from,
    int64_t to, struct fault *fault)
{
	struct series_part known = {part->target, from, to, 0, 0};

	return list_add(s->have, &known, fault);
}

int series_again(
    struct series *s, const struct series_part *part, struct fault *fault)
{
	return list_add(s->again, part, fault);
}

static int part_note(struct series *s, const struct series_part *part,
    int64_t to, struct fault *fault)
{
	return resume_add(s->resume, part->target->name, s->kind->what,
	    part->from, to, fault);
}

/* Emitted, flushed, and only then noted. */
static int reply_take(struct run *run, const struct series_part *part,
    struct json_span result, struct fault *fault)
{
	struct series *s = run->s;
	int64_t known = part->from;
	size_t again = run->again.n;

	run->have.n = 0;
	if (s->kind->take(s->kind->arg, part, result, &known, fault) == -1) {
		if (fault->exit_code != EX_DATAERR)
			return -1;
		fault->exit_code = EX_PROTOCOL;
		run->again.n = again;
		failed(run, part, fault);
		return emit_flush(s->emit, fault);
	}
	run->progress.total += (int64_t)(run->again.n - again);
	if (emit_flush(s->emit, fault) == -1 ||
	    part_note(s, part, known, fault) == -1)
		return -1;
	for (size_t i = 0; i < run->have.n; i++)
		if (part_note(s, &run->have.part[i], run->have.part[i].to,
			fault) == -1)
			return -1;
	return resume_save(s->resume, fault);
}

static void on_reply(void *arg, struct rest_call *rest, struct json_span result,
    const struct fault *fault)
{
	struct call *c = arg;
	struct run *run = c->run;

	(void)rest;
	run->progress.done++;
	if (fault != NULL)
		failed(run, &c->part, fault);
	else if (!run->over &&
		 reply_take(run, &c->part, result, &run->fault) == -1)
		run->over = true;
	flight_end(&run->flight, &c->flight);
	free(c);
}

static int call_begin(struct run *run, const struct series_part *part)
{
	const struct series_kind *kind = run->s->kind;
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return fault_errno(&run->fault, EX_OSERR, "no memory");
	c->run = run;
	c->part = *part;
	kind->query(kind->arg, part, c->query);
	c->flight.rest = (struct rest_call){.method = kind->method,
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
	struct series_part part;

	while (rest_busy(run->s->rest) < AHEAD) {
		if (run->again.n > 0)
			part = run->again.part[--run->again.n];
		else if (!walk_next(&run->walk, &part))
			return 0;
		if (call_begin(run, &part) == -1)
			return -1;
	}
	return 0;
}

int series_run(struct series *s, struct fault *fault)
{
	struct run run = {.s = s, .flight = {.rest = s->rest}};
	int result;

	s->failed = 0;
	s->have = &run.have;
	s->again = &run.again;
	walk_begin(&run.walk, s);
	progress_begin(
	    &run.progress, 2, "calls", walk_count(s), clock_mono_ms());
	do {
		result = calls_begin(&run);
		if (result == 0 && !flight_is_empty(&run.flight))
			result = rest_turn(s->rest, TURN_MS, &run.fault);
		if (run.over)
			result = -1;
		progress_tick(&run.progress, clock_mono_ms());
	} while (
	    result == 0 && (!flight_is_empty(&run.flight) || run.again.n > 0));
	flight_drop(&run.flight);
	progress_end(&run.progress);
	free(run.have.part);
	free(run.again.part);
	s->have = s->again = NULL;
	if (result == -1 && fault != NULL)
		*fault = run.fault;
	return result;
}

int series_end(const struct series *s, bool has_state, struct fault *fault)
{
	if (s->failed == 0)
		return 0;
	return fault_set(fault, s->first.exit_code, "%zu calls failed; %s",
	    s->failed,
	    has_state ? "the same command asks for what is missing"
		      : "with --state the next run asks for no more");
}
