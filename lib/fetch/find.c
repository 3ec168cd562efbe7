#include "fetch/find.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fetch/find-own.h"
#include "fetch/progress.h"

#define TURN_MS 100
/* Searches at work: what they have not noted is lost with the process. */
#define SEARCHES REST_PARALLEL
/* A trade that REST has not so long after it happened will not come. */
#define LATE_MS INT64_C(600000)

struct find *find_new(const struct find_options *options, struct fault *fault)
{
	struct find *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	f->options = *options;
	f->tail = &f->first;
	return f;
}

static void search_free(struct search *s)
{
	rest_cancel(s->find->options.rest, &s->call);
	if (s->kind->free != NULL)
		s->kind->free(s);
	free(s);
}

void find_free(struct find *f)
{
	struct search *s;

	if (f == NULL)
		return;
	while ((s = f->first) != NULL) {
		f->first = s->next;
		search_free(s);
	}
	free(f);
}

struct search *search_new(struct find *f, size_t size,
    const struct search_kind *kind, int64_t from, int64_t to,
    struct fault *fault)
{
	struct search *s = calloc(1, size);

	if (s == NULL) {
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	s->find = f;
	s->kind = kind;
	s->from = from;
	s->to = to;
	*f->tail = s;
	f->tail = &s->next;
	return s;
}

void search_failed(struct search *s, const struct fault *fault)
{
	log_error("%s: %s", s->label, fault->text);
	if (s->find->failed++ == 0)
		s->find->fault = *fault;
}

int64_t find_clock_ms(const struct find *f)
{
	return rest_clock_ms(f->options.clock);
}

int64_t find_settled_ms(const struct find *f)
{
	return find_clock_ms(f) - LATE_MS;
}

size_t find_failed(const struct find *f, struct fault *first)
{
	*first = f->fault;
	return f->failed;
}

static void search_remove(struct search *s)
{
	struct find *f = s->find;
	struct search **at = &f->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (*at == NULL)
		f->tail = at;
	search_free(s);
}

static int rows_take(
    struct search *s, struct json_span result, struct fault *fault)
{
	struct trade_rows rows;
	struct trade_row row;
	int n;

	if (trade_rows_begin(&rows, result, fault) == -1)
		return -1;
	while ((n = trade_rows_next(&rows, &row, fault)) == 1)
		s->kind->row(s, &row);
	return n == -1 ? -1 : s->kind->reply(s, rows.has_more, fault);
}

static void on_reply(void *arg, struct rest_call *call, struct json_span result,
    const struct fault *why)
{
	struct search *s = arg;
	struct find *f = s->find;
	struct fault fault = {0};

	(void)call;
	s->asks = false;
	f->calls++;
	if (why == NULL && rows_take(s, result, &fault) == 0)
		return;
	if (why == NULL && fault.exit_code != EX_PROTOCOL) {
		f->over = true;
		f->why = fault;
		return;
	}
	search_failed(s, why != NULL ? why : &fault);
	search_remove(s);
}

/* 1: it is over, and gone. */
static int search_turn(struct search *s, struct fault *fault)
{
	if (s->kind->ask(s) == 0) {
		if (s->kind->end(s, fault) == -1)
			return -1;
		search_remove(s);
		return 1;
	}
	s->call = (struct rest_call){.method = s->method,
	    .query = s->query,
	    .reply = on_reply,
	    .arg = s};
	s->asks = true;
	return rest_submit(s->find->options.rest, &s->call, fault);
}

/* So many as there is room for, in their order; *wait_ms until one is due. */
static int searches_turn(struct find *f, int64_t *wait_ms, struct fault *fault)
{
	int64_t now_ms = clock_mono_ms();
	struct search *s, *next;

	for (s = f->first; s != NULL; s = next) {
		next = s->next;
		if (s->asks)
			continue;
		if (rest_busy(f->options.rest) >= SEARCHES)
			break;
		if (s->due_ms > now_ms) {
			if (s->due_ms - now_ms < *wait_ms)
				*wait_ms = s->due_ms - now_ms;
			continue;
		}
		if (search_turn(s, fault) == -1)
			return -1;
	}
	return 0;
}

int find_run(struct find *f, struct fault *fault)
{
	struct progress progress;
	int64_t wait_ms;
	int result = 0;

	progress_begin(
	    &progress, 2, "calls to find the trades", 0, clock_mono_ms());
	while (result == 0 && f->first != NULL) {
		wait_ms = TURN_MS;
		result = searches_turn(f, &wait_ms, fault);
		if (result == 0 && f->first != NULL)
			result = rest_turn(f->options.rest, wait_ms, fault);
		if (f->over) {
			*fault = f->why;
			result = -1;
		}
		progress.done = f->calls;
		progress_tick(&progress, clock_mono_ms());
	}
	progress_end(&progress);
	return result;
}
