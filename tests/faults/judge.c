/*
 * The judge of a collector that listened to deribit-replay while it did harm:
 * reads what the exchange sent (--truth), what it traded (--ledger) and what
 * the collector wrote, each once, and decides whether nothing is lost.
 *
 *	judge UNTIL_MS TRUTH LEDGER OUTPUT CHANNEL=CURRENCY...
 *
 * A CURRENCY is a base currency whose options the trades channel brings.
 *
 * Trades: those that were made after the first acknowledgement of their channel
 * (a later millisecond than that in which it was sent) and not later than
 * UNTIL_MS are in the output, each once, ascending in each instrument, every
 * member the ledger's text.  Earlier and later ones may be there, but then so,
 * too.  Nothing excuses one that is missing; those that a gap record names are
 * counted apart.
 *
 * A time in which their channel had no connection that delivered lies in gap
 * records, as of quotes; what was left out by one that did is only fetched.
 *
 * Quotes: the records of a channel are what was sent of it, one by one.  What
 * was sent and not read, because the client gave the connection up, lies in a
 * gap.  From the first acknowledgement of a channel until UNTIL_MS every moment
 * is one of delivery (from an acknowledgement until its connection is cut, torn
 * or silent) or lies in a gap record, whose beginning may be as late as the
 * slowest record of the run was behind its message.  Each gap record overlaps
 * such a time without delivery, and begins no earlier than the last
 * notification before it was sent.
 *
 * TAP on standard output; figures as comments.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "io/ndjson.h"
#include "judge.h"
#include "../unit/tap.h"

#define LINE_MAX ((size_t)32 << 20)

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

void *grow(void *array, size_t n, size_t *size, size_t each)
{
	if (n < *size)
		return array;
	*size = *size > 0 ? *size * 2 : 16;
	array = realloc(array, *size * each);
	if (array == NULL)
		die("memory");
	return array;
}

void numbers_add(struct numbers *l, int64_t v)
{
	l->v = grow(l->v, l->n, &l->size, sizeof(*l->v));
	l->v[l->n++] = v;
}

char *span_copy(struct json_span s)
{
	char *p = strndup(s.p, s.len);

	if (p == NULL)
		die("memory");
	return p;
}

void complain(struct judge *j, const char *format, ...)
{
	va_list ap;

	if (j->complaints++ >= COMPLAINTS_MAX)
		return;
	printf("# ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/* ---------------------------------------------------------------- objects */

int members_read(struct members *m, struct json_span text)
{
	struct json j;
	int r;

	m->n = 0;
	json_init(&j, text.p, text.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while (m->n < MEMBERS_MAX &&
	       (r = json_object_next(&j, &m->key[m->n])) == 1)
		if (json_value(&j, &m->value[m->n++]) == -1)
			return -1;
	return m->n == MEMBERS_MAX || r == -1 ? -1 : json_end(&j);
}

const struct json_value *members_find(const struct members *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (json_span_is(m->key[i], key))
			return &m->value[i];
	return NULL;
}

struct json_span members_text(const struct members *m, const char *key)
{
	const struct json_value *v = members_find(m, key);

	return v != NULL && v->type == JSON_STRING ? json_inside(v->text)
	                                           : (struct json_span){"", 0};
}

int64_t members_number(const struct members *m, const char *key)
{
	const struct json_value *v = members_find(m, key);
	int64_t n;

	return v != NULL && v->type == JSON_NUMBER &&
	               num_int64(v->text.p, v->text.len, &n) == NUM_OK
	           ? n
	           : -1;
}

/* ------------------------------------------------------------------ lines */

static void output_line(struct judge *j, const struct members *m)
{
	struct json_span type = members_text(m, "type");

	if (json_span_is(type, "quote"))
		quote_record(j, m);
	else if (json_span_is(type, "trade"))
		trade_record(j, m);
	else if (json_span_is(type, "gap"))
		gap_record(j, m);
	else
		complain(j, "a record of type %.*s", (int)type.len, type.p);
}

enum file { FILE_LEDGER, FILE_TRUTH, FILE_OUTPUT };

static void take_line(
    struct judge *j, enum file what, const char *path, struct ndjson_item *i)
{
	struct members m;

	if (i->what != NDJSON_LINE ||
	    members_read(&m, (struct json_span){i->p, i->len}) == -1) {
		printf("Bail out! %s, line %" PRIu64 ": no object\n", path,
		    i->line);
		exit(1);
	}
	if (what == FILE_LEDGER)
		ledger_line(j, &m, (struct json_span){i->p, i->len});
	else if (what == FILE_TRUTH)
		truth_line(j, &m);
	else
		output_line(j, &m);
}

static void read_file(struct judge *j, enum file what, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 1;
	struct ndjson_item item;
	struct ndjson n;

	if (fd == -1)
		die(path);
	ndjson_init(&n, fd, LINE_MAX);
	while (r == 1) {
		while (ndjson_next(&n, &item) == 1)
			take_line(j, what, path, &item);
		r = ndjson_read(&n);
	}
	if (r == -1)
		die(path);
	while (ndjson_next(&n, &item) == 1)
		take_line(j, what, path, &item);
	ndjson_free(&n);
	close(fd);
}

/* ---------------------------------------------------------------- verdict */

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void print_times(const char *what, struct numbers *l)
{
	if (l->n == 0) {
		printf("# %s: none\n", what);
		return;
	}
	qsort(l->v, l->n, sizeof(*l->v), compare);
	printf("# %s: %zu, p50 %" PRId64 " ms, p99 %" PRId64 " ms, at most "
	       "%" PRId64 " ms\n",
	    what, l->n, l->v[l->n / 2], l->v[l->n - 1 - l->n / 100],
	    l->v[l->n - 1]);
}

static void print_figures(struct judge *j)
{
	print_times("holes in trades, from the making of the first that was "
		    "missing to its record",
	    &j->repairs);
	print_times(
	    "fetched trades, from the making to the record", &j->fetches);
	printf(
	    "# %" PRIu64 " instruments had no trade but those\n", j->unheard);
	print_times("trades channels lost, from the last that was heard to the "
		    "repaired record",
	    &j->outages);
	printf("# quotes were not delivered for %" PRId64 " channel seconds; "
	       "gaps say %" PRId64 "\n",
	    j->hole_us / 1000000, j->gap_us / 1000000);
	printf("# %" PRIu64 " quotes were sent to connections that were given "
	       "up; %" PRIu64 " connections ended without a fault\n",
	    j->quotes_unread, j->closed_unhurt);
	printf("# a record was at most %" PRId64 " ms behind its message\n",
	    j->lag_us / 1000);
}

static int verdict(struct judge *j)
{
	trades_verdict(j);
	quotes_verdict(j);
	ok(j->missing + j->declared == 0,
	    "trades: of %" PRIu64 " none is missing (%" PRIu64 " missing, "
	    "%" PRIu64 " more declared)",
	    j->trades, j->missing, j->declared);
	ok(j->unordered == 0, "trades: each once, ascending (%" PRIu64 " not)",
	    j->unordered);
	ok(j->changed + j->strangers == 0,
	    "trades: every member as the exchange wrote it (%" PRIu64
	    " changed, %" PRIu64 " unknown)",
	    j->changed, j->strangers);
	ok(j->sequence_gaps + j->open_gaps + j->overflows == 0,
	    "trades: no hole is left open (%" PRIu64 " of numbers, %" PRIu64
	    " of time, %" PRIu64 " overflows)",
	    j->sequence_gaps, j->open_gaps, j->overflows);
	ok(j->market_holes > 0 && j->market_holes_open == 0,
	    "trades: %" PRIu64 " times without delivery of a channel lie in "
	    "gap records (%" PRIu64 " do not)",
	    j->market_holes, j->market_holes_open);
	ok(j->repaired > 0, "trades: %" PRIu64 " of them were fetched",
	    j->repaired);
	ok(j->quotes > 0 && j->quotes_wrong + j->quotes_missing == 0,
	    "quotes: %" PRIu64 ", those that were sent, each once (%" PRIu64
	    " are not, %" PRIu64 " are missing)",
	    j->quotes, j->quotes_wrong, j->quotes_missing);
	ok(j->holes > 0 && j->holes_open == 0,
	    "quotes: %" PRIu64 " times without delivery lie in gap records "
	    "(%" PRIu64 " do not)",
	    j->holes, j->holes_open);
	ok(j->gaps > 0 && j->gaps_false == 0,
	    "quotes: %" PRIu64 " gap records tell of such a time (%" PRIu64
	    " do not)",
	    j->gaps, j->gaps_false);
	ok(j->gaps_early == 0,
	    "quotes: none begins before what was heard last (%" PRIu64 " do)",
	    j->gaps_early);
	print_figures(j);
	return done_testing();
}

static void take_market(struct judge *j, char *text)
{
	struct market *m = &j->market[j->markets++];
	char *currency = strchr(text, '=');

	if (currency == NULL || j->markets > MARKETS_MAX)
		die("CHANNEL=CURRENCY");
	*currency++ = '\0';
	*m = (struct market){text, currency, 0};
}

int main(int argc, char **argv)
{
	static struct judge j;

	if (argc < 6) {
		fprintf(stderr, "usage: judge UNTIL_MS TRUTH LEDGER OUTPUT "
				"CHANNEL=CURRENCY...\n");
		return 64;
	}
	for (int i = 5; i < argc; i++)
		take_market(&j, argv[i]);
	j.until_ms = strtoll(argv[1], NULL, 10);
	j.until_us = j.until_ms * 1000;
	read_file(&j, FILE_LEDGER, argv[3]);
	read_file(&j, FILE_TRUTH, argv[2]);
	read_file(&j, FILE_OUTPUT, argv[4]);
	return verdict(&j);
}
