/* Books that are asked for: every instrument's once in an interval, one after
 * the other, over a socket that is there (get_order_book). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collect/collect.h"

/* Under way at once: at a round trip of 150 ms some 25 a second, more than the
 * pace of calls allows. */
#define CALLS 4
#define CALLS_A_SECOND 10
/* Of one book: after the first wait twice as long each time. */
#define TRIES_MAX 5
#define RETRY_MS 200
/* The exchange's errors page: no such instrument, or none any more. */
#define ERROR_CLOSED 13019
#define ERROR_NOT_FOUND 13020
#define ERROR_PARAMETERS (-32602)
#define CHANNEL "get_order_book"

struct entry {
	char *name;
	unsigned tries; /* that failed in this round */
	int64_t due_ms; /* of the next one */
	bool asked;
	bool gone;
};

struct depth_call {
	struct session_call call;
	struct depth *depth;
	struct entry *entry;
};

struct depth {
	struct collector *c;
	struct source *source; /* of the records */
	struct entry **entry;
	size_t n, size, at;
	int64_t next_ms;
	bool slow; /* said that a round takes longer than it should */
	struct depth_call call[CALLS];
};

static void entry_free(struct entry *e)
{
	free(e->name);
	free(e);
}

static struct depth *depth_new(struct collector *c, struct fault *fault)
{
	struct depth *d = calloc(1, sizeof(*d));
	size_t i;

	if (d == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		return NULL;
	}
	d->c = c;
	for (i = 0; i < CALLS; i++)
		d->call[i].depth = d;
	d->source = source_get(c, CHANNEL, strlen(CHANNEL), fault);
	if (d->source == NULL) {
		free(d);
		return NULL;
	}
	d->source->wanted = true;
	return d;
}

void depth_free(struct collector *c)
{
	struct depth *d = c->depth;
	size_t i;

	if (d == NULL)
		return;
	for (i = 0; i < d->n; i++)
		entry_free(d->entry[i]);
	free(d->entry);
	free(d);
	c->depth = NULL;
}

static size_t find(const struct depth *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (strcmp(d->entry[i]->name, name) == 0)
			break;
	return i;
}

int depth_add(struct collector *c, const char *name, struct fault *fault)
{
	struct entry **bigger, *e;
	struct depth *d;

	if (c->depth == NULL)
		c->depth = depth_new(c, fault);
	d = c->depth;
	if (d == NULL)
		return -1;
	if (find(d, name) < d->n)
		return 0;
	if (d->n == d->size) {
		size_t size = d->size > 0 ? d->size * 2 : 64;

		bigger = realloc(d->entry, size * sizeof(*bigger));
		if (bigger == NULL)
			return fault_set(fault, EX_OSERR, "out of memory");
		d->entry = bigger;
		d->size = size;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL || (e->name = strdup(name)) == NULL) {
		free(e);
		return fault_set(fault, EX_OSERR, "out of memory");
	}
	d->entry[d->n++] = e;
	return 0;
}

void depth_remove(struct collector *c, const char *name)
{
	struct depth *d = c->depth;
	size_t i = d != NULL ? find(d, name) : 0;

	if (d == NULL || i == d->n)
		return;
	if (d->entry[i]->asked)
		d->entry[i]->gone = true;
	else
		entry_free(d->entry[i]);
	memmove(
	    &d->entry[i], &d->entry[i + 1], (d->n - i - 1) * sizeof(*d->entry));
	d->n--;
	if (d->at > i)
		d->at--;
}

void depth_take(struct collector *c, struct source *s, struct json_span book)
{
	const struct record_head *head = &s->head;
	struct json_value v = {book, JSON_OBJECT};
	struct instrument *i;
	struct fault fault;
	struct datum d;

	datum_look(&d, v);
	if (intake_instrument(c, s, &d, &i, &fault) == 1 && i != NULL)
		head = instrument_head(i, s, &fault);
	if (head != NULL)
		intake_write(c, s, head, book, false);
}

static bool is_book(const struct rpc *m)
{
	return m != NULL && m->kind == RPC_RESULT && m->result.len > 0 &&
	       m->result.p[0] == '{';
}

static bool is_hopeless(const struct rpc *m)
{
	return m != NULL && m->kind == RPC_ERROR &&
	       (m->code == ERROR_CLOSED || m->code == ERROR_NOT_FOUND ||
		   m->code == ERROR_PARAMETERS);
}

static void failed(struct entry *e, const struct rpc *m)
{
	e->due_ms = collector_now_ms() + ((int64_t)RETRY_MS << e->tries);
	if (++e->tries < TRIES_MAX && !is_hopeless(m))
		return;
	log_warn("%s: its order book is not to be had this time", e->name);
	e->tries = 0;
}

static void on_reply(void *arg, const struct rpc *m)
{
	struct depth_call *k = arg;
	struct depth *d = k->depth;
	struct entry *e = k->entry;

	e->asked = false;
	if (e->gone) {
		entry_free(e);
		return;
	}
	if (!is_book(m)) {
		failed(e, m);
		return;
	}
	e->tries = 0;
	intake_reply(d->c, d->source, m, 0, 0);
	depth_take(d->c, d->source, m->result);
}

static void say_slow(struct depth *d)
{
	int64_t needed_ms = (int64_t)d->n * 1000 / CALLS_A_SECOND;

	if (!d->slow && needed_ms > d->c->options.depth_ms)
		log_warn("%zu order books at %d calls a second take %" PRId64
			 ".%" PRId64 " s, more than --depth-interval",
		    d->n, CALLS_A_SECOND, needed_ms / 1000,
		    needed_ms % 1000 / 100);
	d->slow = needed_ms > d->c->options.depth_ms;
}

/* One whose call failed before the next of the round. */
static struct entry *next_entry(struct depth *d, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		struct entry *e = d->entry[i];

		if (e->tries > 0 && !e->asked && now_ms >= e->due_ms)
			return e;
	}
	if (now_ms < d->next_ms || d->n == 0)
		return NULL;
	d->next_ms += d->c->options.depth_ms / (int64_t)d->n;
	if (d->next_ms < now_ms - d->c->options.depth_ms)
		d->next_ms = now_ms;
	if (d->at >= d->n) {
		d->at = 0;
		say_slow(d);
	}
	return d->entry[d->at]->asked ? NULL : d->entry[d->at++];
}

static bool ask(struct depth *d, struct depth_call *k, int64_t now_ms)
{
	struct feed *f = feeds_live(d->c, NULL);
	struct entry *e = f != NULL ? next_entry(d, now_ms) : NULL;

	if (e == NULL)
		return false;
	k->entry = e;
	k->call.method = "public/get_order_book";
	k->call.reply = on_reply;
	k->call.arg = k;
	snprintf(k->call.params, sizeof(k->call.params),
	    "{\"instrument_name\":\"%s\",\"depth\":%" PRId64 "}", e->name,
	    d->c->options.depth);
	e->asked = session_call(f->session, &k->call);
	return e->asked;
}

void depth_tick(struct collector *c, int64_t now_ms)
{
	struct depth *d = c->depth;
	size_t i;

	if (d == NULL)
		return;
	if (d->next_ms == 0)
		d->next_ms = now_ms;
	for (i = 0; i < CALLS; i++)
		if (!d->call[i].call.busy && !ask(d, &d->call[i], now_ms))
			break;
}
