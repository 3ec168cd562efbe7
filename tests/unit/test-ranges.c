/* Gap records to what is to be asked for. */
#include "fetch/ranges.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "tap.h"

static struct ranges r;
static struct fault fault;

static int take(const char *text, const char *prefix)
{
	FILE *f = tmpfile();
	int result;

	if (f == NULL)
		return -1;
	fputs(text, f);
	fflush(f);
	lseek(fileno(f), 0, SEEK_SET);
	result = ranges_read(&r, fileno(f), prefix, &fault);
	fclose(f);
	return result;
}

#define GAP(name, channel, rest)                         \
	"{\"type\":\"gap\",\"kind\":\"option\","         \
	"\"currency\":\"ETH\",\"instrument_name\":" name \
	",\"channel\":\"" channel "\"," rest "}\n"
#define TIME(from, to) "\"from\":" from ",\"to\":" to
#define SEQ(from, to) "\"from_seq\":" from ",\"to_seq\":" to

static void is_range(const struct range_list *l, size_t i, int64_t from,
    int64_t to, const char *what)
{
	ok(i < l->n && l->range[i].from == from && l->range[i].to == to, "%s",
	    what);
}

static void merged(void)
{
	is_int(
	    take(GAP("\"A-PERPETUAL\"", "trades.A.raw", TIME("50", "60")) GAP(
		     "\"A-PERPETUAL\"", "trades.A.raw",
		     TIME("10", "20")) GAP("\"A-PERPETUAL\"", "trades.A.raw",
		     TIME("15", "30")) GAP("\"A-PERPETUAL\"", "trades.A.raw",
		     TIME("31", "33")) GAP("\"B-PERPETUAL\"", "trades.B.raw",
		     TIME("1", "2") "," SEQ("7", "9")) GAP("\"B-PERPETUAL\"",
		     "trades.B.raw",
		     SEQ("227538549002481664", "227538549002481665"))
		     GAP("\"B-PERPETUAL\"", "trades.B.raw", SEQ("8", "8"))
			 GAP("null", "trades.option.ETH.100ms", TIME("5", "6")),
		"trades."),
	    0, "gaps are read");
	is_int((int64_t)r.n, 3, "two instruments and a market");
	is_int((int64_t)r.gaps, 8, "all taken");
	is_str(r.set[0].name, "A-PERPETUAL", "in the order in which they came");
	is_int((int64_t)r.set[0].times.n, 2, "what overlaps or touches is one");
	is_range(&r.set[0].times, 0, 10, 33, "sorted: the first");
	is_range(&r.set[0].times, 1, 50, 60, "the second");
	is_int((int64_t)r.set[1].times.n, 0, "numbers go before times");
	is_range(&r.set[1].seqs, 0, 7, 9, "a number within others");
	is_range(&r.set[1].seqs, 1, INT64_C(227538549002481664),
	    INT64_C(227538549002481665), "numbers above 2^53");
	is_str(r.set[2].name, "", "of a whole market");
	is_str(r.set[2].kind, "option", "its kind");
	is_str(r.set[2].currency, "ETH", "its currency");
	ranges_free(&r);
}

static void passed_by(void)
{
	take(
	    GAP("\"A\"", "quote.A", TIME("1", "2")) GAP("\"A\"", "trades.A.raw",
		TIME("1",
		    "2") ",\"repaired\":true") "{\"type\":\"quote\",\"from\":1,"
					       "\"to\":2}\n"
					       "{}\n"
					       "{\"type\":\"gap\",\"instrument_"
					       "name\":\"C-PERPETUAL\","
					       "\"from\":3,\"to\":4}\n",
	    "trades.");
	is_int((int64_t)r.n, 1, "other channels, repaired ones, other types");
	is_str(r.set[0].name, "C-PERPETUAL", "a gap of no channel is taken");
	is_int((int64_t)r.others, 4, "counted");
	is_int((int64_t)r.bad, 0, "and not bad");
	ranges_free(&r);
	take(GAP("\"A\"", "quote.A", TIME("1", "2")), NULL);
	is_int((int64_t)r.gaps, 1, "without a prefix: of any channel");
	ranges_free(&r);
}

static void bad_lines(void)
{
	is_int(
	    take("no json\n"
		 "[]\n"
		 "{\"type\":\"gap\"\n"
		 "{\"type\":\"gap\"} x\n" GAP("\"A\"", "c", TIME("2", "1")) GAP(
		     "\"A\"", "c", TIME("null", "1")) GAP("\"A\"", "c",
		     SEQ("1", "null")) GAP("null", "c",
		     SEQ("1", "2")) GAP("\"\"", "c",
		     TIME("1", "2")) GAP("\"a\\u0041\"", "c",
		     TIME("1", "2")) GAP("\"A\"", "c",
		     TIME("1e3",
			 "2000.0")) "\n"
				    "{\"type\":\"gap\",\"from\":1,\"to\":2}\n"
				    "{\"type\":\"gap\"",
		NULL),
	    0, "bad lines do not end it");
	is_int((int64_t)r.bad, 13, "each is counted");
	is_int((int64_t)r.gaps, 1, "the good one is taken");
	is_range(&r.set[0].times, 0, 1000, 2000, "in whatever syntax");
	ranges_free(&r);
	is_int(take("", NULL), 0, "nothing at all");
	is_int((int64_t)r.n, 0, "is nothing");
	ranges_free(&r);
	is_int(ranges_read(&r, -1, NULL, &fault), -1, "what cannot be read");
	is_int(fault.exit_code, EX_IOERR, "is an error");
}

static void edges(void)
{
	struct range_list l = {0};

	ranges_list_settle(&l);
	is_int((int64_t)l.n, 0, "an empty list");
	ranges_list_add(&l, INT64_MIN, INT64_MAX);
	ranges_list_add(&l, INT64_MIN, INT64_MIN);
	ranges_list_add(&l, INT64_MAX, INT64_MAX);
	ranges_list_settle(&l);
	is_int((int64_t)l.n, 1, "the widest range has all");
	free(l.range);
}

int main(void)
{
	log_open("test-ranges");
	log_level_set(LOG_LEVEL_ERROR);
	merged();
	passed_by();
	bad_lines();
	edges();
	return done_testing();
}
