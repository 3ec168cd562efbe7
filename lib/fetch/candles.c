#include "fetch/candles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "maps/candles.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
/* The exchange gives about 5001 a call. */
#define ROWS_MAX 5000
/* Of a reply: beyond, it is none. */
#define TICKS_MAX 10000
#define INPUT_MAX ((size_t)80 << 20)
#define GAP_MAX 512
/* No market is as late: sums with it do not overflow. */
#define TIME_MAX_MS INT64_C(100000000000000000)

/* So much later than its end a candle is the final one. */
#define CLOSE_MS 2000
/* What is not there so long after its end will not come. */
#define LATE_MS (10 * MINUTE_MS)
/* How often in a row what is missing is asked for, the first time included. */
#define MISSED_MAX 4
/* How often a part in all, whose replies are no use. */
#define REFUSED_MAX 8

static const struct {
	const char *name;
	int minutes;
} resolutions[] = {{"1", 1}, {"3", 3}, {"5", 5}, {"10", 10}, {"15", 15},
    {"30", 30}, {"60", 60}, {"120", 120}, {"180", 180}, {"360", 360},
    {"720", 720}, {"1D", 1440}};

static int64_t time_clip(int64_t at_ms)
{
	if (at_ms < 0)
		return 0;
	return at_ms < TIME_MAX_MS ? at_ms : TIME_MAX_MS;
}

static int64_t grid_up(const struct candles *c, int64_t at_ms)
{
	int64_t down = window_floor(at_ms, c->grid_ms);

	return down < at_ms ? down + c->grid_ms : down;
}

void candles_span(struct candles *c, int64_t since_ms, int64_t until_ms)
{
	int64_t now_ms = rest_clock_ms(c->rest) - CLOSE_MS;

	since_ms = time_clip(since_ms);
	until_ms = time_clip(until_ms);

	/* What begins a step before now, or earlier, has closed. */
	c->to_ms = window_floor(now_ms - c->step_ms, c->grid_ms) + c->grid_ms;
	if (until_ms != 0 && grid_up(c, until_ms) < c->to_ms)
		c->to_ms = grid_up(c, until_ms);
	c->from_ms = grid_up(c, since_ms);
	c->sparse_to_ms = c->to_ms;
	c->none = c->late = c->missing = 0;
}

int64_t candles_next_ms(const struct candles *c)
{
	return c->to_ms + c->step_ms + CLOSE_MS;
}

void candles_around(const struct candles *c, int64_t from_ms, int64_t to_ms,
    int64_t *begin_ms, int64_t *end_ms)
{
	from_ms = time_clip(from_ms);
	to_ms = time_clip(to_ms);
	*begin_ms = window_floor(from_ms - c->step_ms, c->grid_ms) + c->grid_ms;
	*end_ms = window_floor(to_ms, c->grid_ms) + c->grid_ms;
}

int candles_alive(const struct candles *c, const struct life *life,
    int64_t *from_ms, int64_t *to_ms)
{
	int64_t begin, end;

	*from_ms = c->from_ms;
	*to_ms = c->to_ms;
	if (life->known) {
		candles_around(
		    c, life->begin_ms, life->end_ms - 1, &begin, &end);
		if (begin > *from_ms)
			*from_ms = begin;
		if (end < *to_ms)
			*to_ms = end;
	}
	return *from_ms < *to_ms;
}

static struct life *life_of(
    const struct candles *c, const struct target *target)
{
	return c->lives->life[target - c->lives->view.target];
}

/* The first of the ranges that has anything behind `at`. */
static int wants_ranges(const struct candles *c, const struct life *life,
    int64_t at, int64_t *from, int64_t *to)
{
	int64_t low = *from, high = *to;

	for (size_t i = 0; i < life->ranges.n; i++) {
		candles_around(c, life->ranges.range[i].from,
		    life->ranges.range[i].to, from, to);
		if (*from < low)
			*from = low;
		if (*to > high)
			*to = high;
		if (*from<*to && * to> at)
			return 1;
	}
	return 0;
}

static int wants(void *arg, const struct target *target, int64_t at,
    int64_t *from, int64_t *to)
{
	const struct candles *c = arg;
	const struct life *life = life_of(c, target);

	if (!candles_alive(c, life, from, to))
		return 0;
	if (life->ranges.n > 0)
		return wants_ranges(c, life, at, from, to);
	if (life->sparse && !life->traded && *to > c->sparse_to_ms)
		*to = c->sparse_to_ms;
	return *from<*to && * to> at;
}

static void query_make(void *arg, const struct series_part *part, char *out)
{
	const struct candles *c = arg;
	/* Who asks again wants to see what stands beside the hole. */
	int64_t beside = part->missed > 0 ? c->step_ms : 0;

	/* Both ends are within, for the exchange. */
	snprintf(out, SERIES_QUERY_MAX,
	    "instrument_name=%s&start_timestamp=%" PRId64
	    "&end_timestamp=%" PRId64 "&resolution=%s",
	    part->target->name, part->from - beside, part->to - 1 + beside,
	    c->resolution);
}

/* ------------------------------------------------------------------ a reply */

struct chart {
	bool no_data;
	const int64_t *tick;
	size_t n;
};

static int ticks_read(struct candles *c, struct json_span array, size_t *n)
{
	struct json_value v;
	struct json j;
	int r;

	*n = 0;
	json_init(&j, array.p, array.len);
	if (json_array_begin(&j) == -1)
		return -1;
	while ((r = json_array_next(&j)) == 1) {
		if (*n == TICKS_MAX || json_value(&j, &v) == -1 ||
		    v.type != JSON_NUMBER ||
		    num_int64(v.text.p, v.text.len, &c->tick[*n]) != NUM_OK)
			return -1;
		(*n)++;
	}
	return r;
}

static int chart_read(
    struct candles *c, struct json_span result, struct chart *chart)
{
	struct json_span key, ticks = {NULL, 0};
	struct json_value v;
	struct json j;
	int r;

	memset(chart, 0, sizeof(*chart));
	json_init(&j, result.p, result.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while ((r = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			return -1;
		if (json_span_is(key, "ticks"))
			ticks = v.text;
		else if (json_span_is(key, "status"))
			chart->no_data = json_span_is(v.text, "\"no_data\"");
	}
	if (r == -1)
		return -1;
	if (chart->no_data)
		return 0;
	chart->tick = c->tick;
	return ticks.p != NULL ? ticks_read(c, ticks, &chart->n) : -1;
}

/* Whether the ticks ascend and are those of such candles. */
static bool is_row(struct candles *c, const struct chart *chart)
{
	int64_t phase;

	if (chart->n == 0)
		return true;
	phase = chart->tick[0] - window_floor(chart->tick[0], c->step_ms);
	if (chart->tick[0] < 0 || phase % c->grid_ms != 0 ||
	    (c->phase_ms != -1 && phase != c->phase_ms))
		return false;
	for (size_t i = 1; i < chart->n; i++)
		if (chart->tick[i] <= chart->tick[i - 1] ||
		    (chart->tick[i] - chart->tick[i - 1]) % c->step_ms != 0)
			return false;
	c->phase_ms = phase;
	return true;
}

static int rows_emit(struct candles *c, const struct series_part *part,
    struct json_span result, struct fault *fault)
{
	struct json_span iv = {NULL, 0};
	struct emit_head head;
	struct buf *b = &c->input;

	if (c->marks != NULL)
		iv = marks_find(c->marks, part->target->name);
	buf_clear(b);
	buf_addf(b,
	    "{\"instrument_name\":\"%s\",\"resolution\":\"%s\",\"from\":"
	    "%" PRId64 ",\"to\":%" PRId64,
	    part->target->name, c->resolution, part->from, part->to);
	if (iv.p != NULL)
		buf_addf(b, ",\"mark_tick\":%" PRId64 ",\"mark_iv\":%.*s",
		    c->marks->close_ms - c->step_ms, (int)iv.len, iv.p);
	buf_adds(b, ",\"result\":");
	buf_add(b, result.p, result.len);
	if (buf_addc(b, '}') == -1)
		return fault_errno(fault, EX_OSERR, "candles");
	emit_head(&head, "candle", part->target->name);
	return emit_map(
	    c->emit, &head, c->map, buf_head(b), buf_used(b), fault);
}

/* How many candles begin in [from, to); as if from 0 where they begin is not
 * known. */
static int64_t count_of(const struct candles *c, int64_t from, int64_t to)
{
	int64_t phase = c->phase_ms != -1 ? c->phase_ms : 0;

	return (window_floor(to - 1 - phase, c->step_ms) -
		   window_floor(from - 1 - phase, c->step_ms)) /
	       c->step_ms;
}

static int gap_tell(struct candles *c, const struct target *target,
    int64_t from, int64_t to, struct fault *fault)
{
	struct emit_head head;
	char text[GAP_MAX], first[40], behind[40];
	int n;

	clock_format_ms(from, first, sizeof(first));
	clock_format_ms(to, behind, sizeof(behind));
	log_warn("%s has no candles from %s to %s: a gap record", target->name,
	    first, behind);
	emit_head(&head, "gap", target->name);
	/* Both ends are within, so that the record asks for no more. */
	n = snprintf(text, sizeof(text),
	    "{\"instrument_name\":\"%s\",\"channel\":\"chart.trades.%s.%s\","
	    "\"from\":%" PRId64 ",\"to\":%" PRId64
	    ",\"from_seq\":null,\"to_seq\":null,\"reason\":\"sequence\","
	    "\"repaired\":false}",
	    target->name, target->name, c->resolution, from, to - 1);
	return emit_record(c->emit, &head, text, (size_t)n, fault);
}

/* What was asked for often enough and is not there. */
static int hole_settle(struct candles *c, const struct series_part *part,
    int64_t from, int64_t to, bool before, bool after, struct fault *fault)
{
	struct life *life = life_of(c, part->target);
	int64_t late_ms = window_floor(
	    rest_clock_ms(c->rest) - LATE_MS - c->step_ms, c->grid_ms);
	int64_t n;

	/* Of what the exchange does not know any more, nothing is late. */
	if (!after && to > late_ms && (life->known || !life->asked)) {
		if (late_ms < from)
			late_ms = from;
		c->late += count_of(c, late_ms, to);
		to = late_ms;
	}
	n = count_of(c, from, to);
	if (from >= to)
		return 0;
	if (n > 0 && (before || from == life->gap_to_ms) &&
	    (after || life->known)) {
		c->missing += n;
		life->gap_to_ms = to;
		if (gap_tell(c, part->target, from, to, fault) == -1)
			return -1;
	} else {
		c->none += n;
	}
	return series_have(c->series, part, from, to, fault);
}

static int hole_take(struct candles *c, const struct series_part *part,
    const struct chart *chart, int64_t from, int64_t to, struct fault *fault)
{
	bool before = chart->n > 0 && chart->tick[0] < from;
	bool after = chart->n > 0 && chart->tick[chart->n - 1] >= to;
	/* Of a part of which something came, the rest is asked for anew. */
	bool came = from > part->from || to < part->to;
	struct series_part rest = {
	    part->target, from, to, came ? 1 : part->missed + 1, part->refused};

	/* Between two candles there may be none. */
	if (count_of(c, from, to) == 0)
		return series_have(c->series, part, from, to, fault);
	/* It says so itself, and nothing speaks against it. */
	if (chart->no_data && part->missed == 0 &&
	    !life_of(c, part->target)->known) {
		c->none += count_of(c, from, to);
		return series_have(c->series, part, from, to, fault);
	}
	if (part->missed + 1 < MISSED_MAX || came)
		return series_again(c->series, &rest, fault);
	return hole_settle(c, part, from, to, before, after, fault);
}

/* Splits the part into what is there and what is not. */
static int parts_take(struct candles *c, const struct series_part *part,
    const struct chart *chart, struct fault *fault)
{
	/* Until there, candles stand without a hole from `begin` on. */
	int64_t begin = part->from, at = begin;

	for (size_t i = 0; i < chart->n; i++) {
		int64_t tick = chart->tick[i];

		if (tick < part->from || tick >= part->to)
			continue;
		if (count_of(c, at, tick) > 0) {
			if (series_have(c->series, part, begin, at, fault) ==
				-1 ||
			    hole_take(c, part, chart, at, tick, fault) == -1)
				return -1;
			begin = tick;
		}
		at = tick + c->grid_ms;
	}
	if (count_of(c, at, part->to) == 0)
		at = part->to;
	if (series_have(c->series, part, begin, at, fault) == -1)
		return -1;
	return at < part->to ? hole_take(c, part, chart, at, part->to, fault)
	                     : 0;
}

static int doubt(struct candles *c, const struct series_part *part,
    const char *why, struct fault *fault)
{
	struct series_part again = *part;

	if (part->refused + 1 >= REFUSED_MAX)
		return fault_set(fault, EX_DATAERR, "%s", why);
	log_debug("%s is asked again: %s", part->target->name, why);
	again.refused++;
	return series_again(c->series, &again, fault);
}

static int reply_take(void *arg, const struct series_part *part,
    struct json_span result, int64_t *known, struct fault *fault)
{
	struct candles *c = arg;
	struct chart chart;
	char why[sizeof(fault->text)];

	/* What is known is told by series_have(). */
	(void)known;
	if (chart_read(c, result, &chart) == -1)
		return doubt(c, part, "the result is no chart", fault);
	if (!is_row(c, &chart))
		return doubt(c, part, "its candles are not in order", fault);
	if (chart.n > 0 && rows_emit(c, part, result, fault) == -1) {
		if (fault->exit_code != EX_DATAERR)
			return -1;
		snprintf(why, sizeof(why), "%s", fault->text);
		return doubt(c, part, why, fault);
	}
	return parts_take(c, part, &chart, fault);
}

int candles_init(struct candles *c, const char *resolution, bool sparse,
    struct series_kind *kind, struct fault *fault)
{
	size_t i, n = sizeof(resolutions) / sizeof(resolutions[0]);

	for (i = 0; i < n && strcmp(resolutions[i].name, resolution) != 0; i++)
		;
	if (i == n)
		return fault_set(fault, EX_USAGE,
		    "--resolution: there are 1, 3, 5, 10, 15, 30, 60, 120, "
		    "180, 360, 720 and 1D, but no '%.20s'",
		    resolution);
	c->resolution = resolutions[i].name;
	c->step_ms = resolutions[i].minutes * MINUTE_MS;
	/* Where in the day the longer ones begin, they say themselves. */
	c->grid_ms = c->step_ms < HOUR_MS ? c->step_ms : HOUR_MS;
	c->phase_ms = c->step_ms <= HOUR_MS ? 0 : -1;
	snprintf(c->what, sizeof(c->what), "%s%s",
	    sparse ? "traded candle " : "candle ", c->resolution);
	buf_init(&c->input, INPUT_MAX);
	c->tick = malloc(TICKS_MAX * sizeof(*c->tick));
	if (c->tick == NULL)
		return fault_errno(fault, EX_OSERR, "no memory");
	c->map = jq_map_new(map_candles, NULL, 0, fault);
	*kind = (struct series_kind){
	    .method = "public/get_tradingview_chart_data",
	    .what = c->what,
	    .span_ms = ROWS_MAX * c->step_ms,
	    .query = query_make,
	    .take = reply_take,
	    .wants = wants,
	    .arg = c};
	return c->map != NULL ? 0 : -1;
}

void candles_free(struct candles *c)
{
	buf_free(&c->input);
	free(c->tick);
	jq_map_free(c->map);
}
