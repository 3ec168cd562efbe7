#include "fetch/trades.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "deribit/name.h"
#include "fetch/flight.h"
#include "fetch/progress.h"
#include "fetch/ranges.h"
#include "fetch/seqs.h"
#include "fetch/trade-rows.h"
#include "io/jq.h"
#include "maps/trades.h"
#include "record/record.h"

#define TURN_MS 100
#define QUERY_MAX 300
/* Rows may come a moment after the trade; between rounds it is waited for. */
#define ROUND_BASE_MS 100
#define ROUND_MAX_MS 5000
/* Of the rows of a run together. */
#define TEXT_MAX ((size_t)64 << 20)

/* An instrument of which numbers are wanted. */
struct job {
	char name[NAME_MAX_LEN + 1];
	struct range_list want; /* without what is written */
	size_t range_at;        /* of those, where the walk is */
	int64_t next;           /* of the range; 0: its first */
	size_t chunks;          /* under way */
};

struct row {
	size_t at, len; /* in the run's text; len 0: none */
	int64_t timestamp_ms;
	bool liquidation;
};

/* A run of numbers that is under way. */
struct chunk {
	struct chunk *next;
	struct fetch *fetch;
	struct job *job;
	struct seqs seqs;
	struct row *row;
	struct buf text;
	size_t asks;    /* that are not answered */
	size_t had;     /* of seqs, as the round began */
	unsigned round; /* of those, fruitless in a row */
	struct backoff backoff;
	int64_t due_ms; /* the next round, monotonic */
	bool asked, done, failed;
};

/* A call for numbers of a chunk. */
struct ask {
	struct flight_call flight; /* at the front */
	struct chunk *chunk;
	char query[QUERY_MAX];
};

struct fetch {
	struct trades_options options;
	struct trades_result *result;
	struct job *job;
	size_t jobs, job_at; /* of those before it all was begun */
	struct chunk *first, **tail;
	int64_t chunks;
	struct flight flight;
	struct jq_map *map;
	struct buf input;
	struct progress progress;
	bool over;
	struct fault why;
};

/* -------------------------------------------------------------- the walk */

static struct job *job_get(struct fetch *f, const char *name)
{
	struct job *grown;

	/* The parts of an instrument come together. */
	if (f->jobs > 0 && strcmp(f->job[f->jobs - 1].name, name) == 0)
		return &f->job[f->jobs - 1];
	if ((f->jobs & (f->jobs - 1)) == 0) {
		grown = realloc(
		    f->job, (f->jobs > 0 ? f->jobs * 2 : 1) * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		f->job = grown;
	}
	memset(&f->job[f->jobs], 0, sizeof(*f->job));
	snprintf(f->job[f->jobs].name, sizeof(f->job->name), "%s", name);
	return &f->job[f->jobs++];
}

static int want_take(
    void *arg, const char *instrument, int64_t from, int64_t to)
{
	struct fetch *f = arg;
	const struct trades_options *o = &f->options;
	int64_t begin, end;
	struct job *j;

	for (; resume_lacks(
		 o->resume, instrument, o->written, from, to, &begin, &end);
	     from = end) {
		j = job_get(f, instrument);
		if (j == NULL ||
		    ranges_list_add(&j->want, begin, end - 1) == -1)
			return fault_errno(&f->why, EX_OSERR, "no memory");
		f->progress.total += end - begin;
	}
	return 0;
}

static bool is_begun(const struct job *j)
{
	return j->range_at == j->want.n;
}

/* Whether a run of it is there and may not be written yet, since an earlier one
 * is not there. */
static bool is_held(const struct fetch *f, const struct job *j)
{
	const struct chunk *c;

	for (c = f->first; c != NULL; c = c->next)
		if (c->job == j && c->done)
			return true;
	return false;
}

/* Whose turn it is: the first with the fewest runs under way.  What waits in
 * memory is asked for again if the process dies, so that many instruments at a
 * time, whose runs are written as they come, are better than many runs of one;
 * and who holds some gets no more.  NULL: nobody's. */
static struct job *job_next(struct fetch *f)
{
	struct job *best = NULL, *j;

	while (f->job_at < f->jobs && is_begun(&f->job[f->job_at]))
		f->job_at++;
	for (j = f->job + f->job_at; j < f->job + f->jobs; j++) {
		if (is_begun(j) || (best != NULL && j->chunks >= best->chunks))
			continue;
		if (j->chunks > 0 && is_held(f, j))
			continue;
		best = j;
		if (best->chunks == 0)
			break;
	}
	return best;
}

/* The next run: its instrument, or NULL if none may begin. */
static struct job *walk_next(struct fetch *f, int64_t *first, size_t *n)
{
	struct job *j = job_next(f);
	const struct range *r;
	int64_t left;

	if (j == NULL)
		return NULL;
	r = &j->want.range[j->range_at];
	*first = j->next != 0 ? j->next : r->from;
	left = r->to - *first + 1;
	*n = (size_t)(left < f->options.rows ? left : f->options.rows);
	j->next = *first + (int64_t)*n;
	if (j->next > r->to) {
		j->next = 0;
		j->range_at++;
	}
	return j;
}

/* ---------------------------------------------------------------- chunks */

static void chunk_free(struct chunk *c)
{
	seqs_free(&c->seqs);
	free(c->row);
	buf_free(&c->text);
	free(c);
}

static int chunk_new(struct fetch *f, struct job *job, int64_t first, size_t n)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return fault_errno(&f->why, EX_OSERR, "no memory");
	c->fetch = f;
	c->job = job;
	buf_init(&c->text, TEXT_MAX);
	c->backoff.base_ms = ROUND_BASE_MS;
	c->backoff.max_ms = ROUND_MAX_MS;
	c->row = calloc(n, sizeof(*c->row));
	if (c->row == NULL || seqs_init(&c->seqs, first, n) == -1) {
		chunk_free(c);
		return fault_errno(&f->why, EX_OSERR, "no memory");
	}
	*f->tail = c;
	f->tail = &c->next;
	f->chunks++;
	job->chunks++;
	return 0;
}

static void row_take(struct chunk *c, const struct trade_row *row)
{
	struct row *r;

	if (!json_span_is(row->instrument, c->job->name) ||
	    seqs_take(&c->seqs, row->seq) != SEQS_NEW)
		return;
	r = &c->row[row->seq - c->seqs.first];
	r->at = buf_used(&c->text);
	r->len = row->text.len;
	r->timestamp_ms = row->timestamp_ms;
	r->liquidation = row->liquidation;
	if (buf_add(&c->text, row->text.p, row->text.len) == -1) {
		r->len = 0;
		c->fetch->over = true;
		fault_errno(&c->fetch->why, EX_OSERR, "rows of trades");
	}
	c->fetch->progress.done++;
}

static int rows_take(
    struct chunk *c, struct json_span result, struct fault *fault)
{
	struct trade_rows rows;
	struct trade_row row;
	int n;

	if (trade_rows_begin(&rows, result, fault) == -1)
		return -1;
	while ((n = trade_rows_next(&rows, &row, fault)) == 1)
		row_take(c, &row);
	return n;
}

/* After the last answer of a round. */
static void round_end(struct chunk *c)
{
	if (c->seqs.have == c->seqs.n || c->failed) {
		c->done = true;
		return;
	}
	if (c->seqs.have > c->had) {
		c->round = 0;
		c->backoff.failures = 0;
	} else {
		c->round++;
	}
	if (c->round > (unsigned)c->fetch->options.retry)
		c->done = true;
	else
		c->due_ms = clock_mono_ms() + backoff_next(&c->backoff);
}

static void chunk_failed(struct chunk *c, const struct fault *fault)
{
	struct trades_result *r = c->fetch->result;

	c->failed = true;
	log_error("%s from number %" PRId64 " to %" PRId64
		  " is not to be had: %s",
	    c->job->name, c->seqs.first, c->seqs.first + (int64_t)c->seqs.n - 1,
	    fault->text);
	if (r->failed++ == 0)
		r->first = *fault;
}

static void on_reply(void *arg, struct rest_call *call, struct json_span result,
    const struct fault *why)
{
	struct ask *a = arg;
	struct chunk *c = a->chunk;
	struct fault fault = {0};

	(void)call;
	if (why != NULL)
		chunk_failed(c, why);
	else if (rows_take(c, result, &fault) == -1)
		chunk_failed(c, &fault);
	flight_end(&c->fetch->flight, &a->flight);
	free(a);
	if (--c->asks == 0)
		round_end(c);
}

static int ask_begin(struct chunk *c, int64_t from, int64_t to)
{
	struct fetch *f = c->fetch;
	struct ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return fault_errno(&f->why, EX_OSERR, "no memory");
	a->chunk = c;
	snprintf(a->query, sizeof(a->query),
	    "instrument_name=%s&start_seq=%" PRId64 "&end_seq=%" PRId64
	    "&count=%" PRId64 "&sorting=asc%s",
	    c->job->name, from, to, to - from + 1,
	    f->options.old ? "&include_old=true" : "");
	a->flight.rest = (struct rest_call){
	    .method = "public/get_last_trades_by_instrument",
	    .query = a->query,
	    .reply = on_reply,
	    .arg = a};
	if (flight_begin(&f->flight, &a->flight, &f->why) == -1) {
		free(a);
		return -1;
	}
	c->asks++;
	return 0;
}

/* A round: every hole. */
static int chunk_ask(struct chunk *c)
{
	size_t piece = seqs_piece(&c->seqs, c->round);
	int64_t from, to = c->seqs.first - 1;

	c->had = c->seqs.have;
	if (c->asked)
		log_debug("%s: %zu of %zu numbers from %" PRId64
			  " on are asked for again",
		    c->job->name, c->seqs.n - c->seqs.have, c->seqs.n,
		    c->seqs.first);
	c->asked = true;
	while (seqs_hole(&c->seqs, to, piece, &from, &to))
		if (ask_begin(c, from, to) == -1)
			return -1;
	return 0;
}

/* --------------------------------------------------------------- output */

static int row_emit(struct fetch *f, const struct emit_head *head,
    const struct chunk *c, const struct row *r, struct fault *fault)
{
	struct emit *e = f->options.emit;

	if (f->options.late && !r->liquidation)
		return 0;
	buf_clear(&f->input);
	if (buf_addf(&f->input, "{\"repaired\":%s,\"row\":",
		f->options.repaired ? "true" : "false") == -1 ||
	    buf_add(&f->input, buf_head(&c->text) + r->at, r->len) == -1 ||
	    buf_addc(&f->input, '}') == -1)
		return fault_errno(fault, EX_OSERR, "a row");
	return emit_map(
	    e, head, f->map, buf_head(&f->input), buf_used(&f->input), fault);
}

/* The times of the neighbours are known at best. */
static int gap_emit(struct fetch *f, const struct chunk *c, int64_t from,
    int64_t to, struct fault *fault)
{
	size_t before = (size_t)(from - c->seqs.first);
	size_t behind = (size_t)(to - c->seqs.first) + 1;
	struct record_gap gap = {.instrument_name = c->job->name,
	    .reason = "sequence",
	    .from_seq = from,
	    .to_seq = to,
	    .from_ms = before > 0 ? c->row[before - 1].timestamp_ms : -1,
	    .to_ms = behind < c->seqs.n ? c->row[behind].timestamp_ms : -1,
	    .dropped = -1};
	char base[NAME_MAX_LEN + 1];
	struct name name;

	if (name_parse(c->job->name, strlen(c->job->name), &name) == 0) {
		snprintf(base, sizeof(base), "%.*s", (int)name.base.len,
		    name.base.p);
		gap.kind = name_kind_text(name.kind);
		gap.currency = base;
	}
	log_warn("%s: numbers %" PRId64 " to %" PRId64 " are missing",
	    c->job->name, from, to);
	f->result->missing += to - from + 1;
	f->progress.done += to - from + 1;
	if (record_gap(
		&f->options.emit->out, &gap, emit_stamp(f->options.emit)) == -1)
		return fault_errno(fault, EX_OSERR, "a gap record");
	f->options.emit->records++;
	return 0;
}

/* What is there up to this number, which is not. */
static int rows_note(
    struct fetch *f, const struct chunk *c, int64_t from, int64_t to)
{
	const struct trades_options *o = &f->options;

	return resume_add(
	    o->resume, c->job->name, o->written, from, to, &f->why);
}

static int chunk_emit(struct fetch *f, const struct chunk *c)
{
	int64_t at = c->seqs.first, end = at + (int64_t)c->seqs.n;
	int64_t from, to;
	struct emit_head head;

	emit_head(&head, "trade", c->job->name);
	while (at < end) {
		if (!seqs_hole(&c->seqs, at - 1, c->seqs.n, &from, &to))
			from = to = end;
		for (; at < from; at++)
			if (row_emit(f, &head, c, &c->row[at - c->seqs.first],
				&f->why) == -1)
				return -1;
		if (from < end && gap_emit(f, c, from, to, &f->why) == -1)
			return -1;
		at = to + 1;
	}
	return emit_flush(f->options.emit, &f->why);
}

/* Emitted, flushed, and only then noted. */
static int chunk_finish(struct fetch *f, const struct chunk *c)
{
	int64_t at = c->seqs.first, end = at + (int64_t)c->seqs.n;
	int64_t from, to;

	if (chunk_emit(f, c) == -1)
		return -1;
	while (at < end) {
		if (!seqs_hole(&c->seqs, at - 1, c->seqs.n, &from, &to))
			from = to = end;
		if (rows_note(f, c, at, from) == -1)
			return -1;
		at = to + 1;
	}
	return resume_save(f->options.resume, &f->why);
}

/* Whether an earlier run of the instrument is not written yet. */
static bool is_behind_another(const struct fetch *f, const struct chunk *c)
{
	const struct chunk *p;

	for (p = f->first; p != c; p = p->next)
		if (p->job == c->job)
			return true;
	return false;
}

static int chunks_finish(struct fetch *f)
{
	struct chunk **at = &f->first, *c;

	while ((c = *at) != NULL) {
		if (!c->done || is_behind_another(f, c)) {
			at = &c->next;
			continue;
		}
		if (chunk_finish(f, c) == -1)
			return -1;
		*at = c->next;
		if (*at == NULL)
			f->tail = at;
		f->chunks--;
		c->job->chunks--;
		chunk_free(c);
	}
	return 0;
}

/* ------------------------------------------------------------------ turns */

static int chunks_ask(struct fetch *f, int64_t *wait_ms)
{
	int64_t now_ms = clock_mono_ms(), first;
	struct chunk *c;
	struct job *job;
	size_t n;

	while (f->chunks < f->options.parallel &&
	       (job = walk_next(f, &first, &n)) != NULL)
		if (chunk_new(f, job, first, n) == -1)
			return -1;
	for (c = f->first; c != NULL; c = c->next) {
		if (c->done || c->asks > 0)
			continue;
		if (c->due_ms > now_ms) {
			if (c->due_ms - now_ms < *wait_ms)
				*wait_ms = c->due_ms - now_ms;
			continue;
		}
		if (chunk_ask(c) == -1)
			return -1;
	}
	return 0;
}

static int fetch_turn(struct fetch *f)
{
	int64_t wait_ms = TURN_MS;

	if (chunks_ask(f, &wait_ms) == -1)
		return -1;
	if (f->first == NULL)
		return 0;
	if (rest_turn(f->options.rest, wait_ms, &f->why) == -1 || f->over)
		return -1;
	progress_tick(&f->progress, clock_mono_ms());
	return chunks_finish(f);
}

static void fetch_free(struct fetch *f)
{
	struct chunk *c;

	flight_drop(&f->flight);
	while ((c = f->first) != NULL) {
		f->first = c->next;
		chunk_free(c);
	}
	for (size_t i = 0; i < f->jobs; i++)
		free(f->job[i].want.range);
	free(f->job);
	jq_map_free(f->map);
	buf_free(&f->input);
}

int trades_run(const struct trades_options *options,
    struct trades_result *result, struct fault *fault)
{
	struct fetch f = {.options = *options,
	    .result = result,
	    .flight = {.rest = options->rest}};
	int r;

	memset(result, 0, sizeof(*result));
	f.tail = &f.first;
	buf_init(&f.input, TEXT_MAX);
	f.map = jq_map_new(map_trades, NULL, 0, &f.why);
	progress_begin(&f.progress, 2, "trades", 0, clock_mono_ms());
	r = f.map != NULL
	        ? resume_each(options->resume, options->wanted, want_take, &f)
	        : -1;
	while (r == 0) {
		r = fetch_turn(&f);
		if (r == 0 && f.first == NULL && f.job_at == f.jobs)
			break;
	}
	progress_end(&f.progress);
	fetch_free(&f);
	if (r == -1 && fault != NULL)
		*fault = f.why;
	return r;
}
