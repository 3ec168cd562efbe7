/*
 * public/get_tradingview_chart_data and the methods of funding (replay/rpc.h):
 * pages of the history (replay/history.h), with the exchange's caps.  Without a
 * history there is none.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replay/history.h"
#include "replay/methods.h"
#include "replay/pages.h"
#include "replay/text.h"

#define CHART_ROWS_MAX 5001
#define FUNDING_ROWS_MAX 744
#define MINUTE_MS INT64_C(60000)

/* A range of times that are multiples of a length, and what a page has of it.
 */
struct window {
	int64_t start_ms, end_ms; /* both within */
	int64_t first_ms;
	size_t count;
};

static int window_params(struct rpc_call *c, struct window *w)
{
	int r;

	w->start_ms = 0;
	r = integer_param(c, "start_timestamp", &w->start_ms);
	if (r == 0)
		return rpc_invalid(c, "value is required", "start_timestamp");
	if (r == -1)
		return -1;
	r = integer_param(c, "end_timestamp", &w->end_ms);
	if (r == 0)
		return rpc_invalid(c, "value is required", "end_timestamp");
	if (r == 1 && w->start_ms > w->end_ms)
		return rpc_invalid(
		    c, "must not be after end_timestamp", "start_timestamp");
	return r == -1 ? -1 : 0;
}

static int64_t floor_to(int64_t at_ms, int64_t length_ms)
{
	return at_ms - at_ms % length_ms;
}

/* Fits the window into [low_ms, high_ms], both within and low_ms a multiple,
 * and cuts it at max rows. */
static void window_fit(struct window *w, int64_t low_ms, int64_t high_ms,
    int64_t length_ms, int64_t max, bool cut_last)
{
	int64_t last, n;

	if (w->start_ms < low_ms)
		w->start_ms = low_ms;
	if (w->end_ms > high_ms)
		w->end_ms = high_ms;
	w->count = 0;
	if (w->end_ms < w->start_ms)
		return;
	w->first_ms = floor_to(w->start_ms + length_ms - 1, length_ms);
	last = floor_to(w->end_ms, length_ms);
	n = (last - w->first_ms) / length_ms + 1;
	if (n > max && !cut_last)
		w->first_ms = last - (max - 1) * length_ms;
	w->count = n <= 0 ? 0 : (size_t)(n < max ? n : max);
}

static int resolution_param(struct rpc_call *c, int *minutes)
{
	struct json_value v;
	struct json_span s;

	if (rpc_param(c, "resolution", &v) == 0)
		return rpc_invalid(c, "value is required", "resolution");
	/* A query string makes a number of it. */
	s = v.type == JSON_STRING ? json_inside(v.text) : v.text;
	for (int k = 0; candle_resolutions[k] != NULL; k++) {
		if (json_span_is(s, candle_resolutions[k])) {
			*minutes = candle_minutes[k];
			return 0;
		}
	}
	return rpc_invalid(c, "invalid resolution", "resolution");
}

/* The members of a candle, in the order of the reply. */
static int64_t column(const struct candle *c, int which)
{
	const int64_t value[] = {
	    c->open, c->high, c->low, c->close, c->volume, c->cost};

	return value[which];
}

static const char *const columns[] = {
    "open", "high", "low", "close", "volume", "cost", NULL};

static int scale_of(const struct chain_instrument *i, int which)
{
	if (which < 4)
		return chain_grid_of(i)->scale;
	return which == 4 ? candle_volume_scale(i) : candle_cost_scale(i);
}

/* The same words whenever a candle is told. */
static int number(struct buf *out, const struct market *m,
    const struct chain_instrument *i, const struct candle *c, int which)
{
	struct rng r = rng_for(
	    m->seed ^ (uint64_t)c->tick_ms, (uint64_t)(i->id * 8 + which));

	return text_number(out, column(c, which), scale_of(i, which), &r);
}

static int chart_tell(struct buf *out, const struct market *m, size_t n,
    const struct candle *row, size_t count)
{
	const struct chain_instrument *i = &m->chain[n];

	buf_addf(out, "{\"status\":\"%s\",\"ticks\":[",
	    count > 0 ? "ok" : "no_data");
	for (size_t k = 0; k < count; k++)
		buf_addf(out, "%s%" PRId64, k > 0 ? "," : "", row[k].tick_ms);
	buf_addc(out, ']');
	for (int which = 0; columns[which] != NULL; which++) {
		buf_addf(out, ",\"%s\":[", columns[which]);
		for (size_t k = 0; k < count; k++) {
			if (k > 0)
				buf_addc(out, ',');
			number(out, m, i, &row[k], which);
		}
		buf_addc(out, ']');
	}
	return buf_addc(out, '}');
}

int history_candle_text(
    struct buf *out, const struct market *m, size_t n, const struct candle *c)
{
	buf_addf(out, "{\"tick\":%" PRId64, c->tick_ms);
	for (int which = 0; columns[which] != NULL; which++) {
		buf_addf(out, ",\"%s\":", columns[which]);
		number(out, m, &m->chain[n], c, which);
	}
	return buf_addc(out, '}');
}

/* The plan of faults, done to a page of candles as it is to one of trades
 * (replay/pages.h). */
struct chart_page {
	struct candle row[CHART_ROWS_MAX];
	size_t count;
	struct window within; /* of the instrument's life */
	const struct history *history;
	size_t instrument;
	int minutes;
	int64_t now_ms;
};

static size_t few(struct rng *r, size_t n)
{
	size_t k = 1 + (size_t)rng_below(r, PAGES_EDGE);

	return k < n ? k : n;
}

static void chart_drop_oldest(struct chart_page *p, size_t k)
{
	p->count -= k;
	memmove(p->row, p->row + k, p->count * sizeof(p->row[0]));
}

/* Rows of the range are missing at one edge, and rows beyond it are there at
 * the other. */
static void chart_shift(struct chart_page *p, struct rng *r)
{
	int64_t length_ms = p->minutes * MINUTE_MS;
	int64_t by_ms = (int64_t)few(r, p->count) * length_ms;
	int64_t first_ms = p->row[0].tick_ms;
	int64_t last_ms = p->row[p->count - 1].tick_ms;

	if (first_ms - by_ms >= p->within.start_ms && rng_below(r, 2))
		first_ms -= by_ms;
	else if (last_ms + by_ms <= p->within.end_ms)
		first_ms += by_ms;
	else
		return chart_drop_oldest(p, (size_t)(by_ms / length_ms));
	history_candles(p->history, p->instrument, p->minutes, first_ms,
	    p->now_ms, p->row, p->count);
}

static void chart_late(struct chart_page *p, struct rng *r)
{
	p->count -= few(r, p->count);
}

static void chart_short(struct chart_page *p, struct rng *r)
{
	size_t k = 1 + (size_t)rng_below(r, (int64_t)p->count);

	if (rng_below(r, 2))
		chart_drop_oldest(p, k);
	else
		p->count -= k;
}

static void chart_duplicate(struct chart_page *p, struct rng *r)
{
	size_t i = (size_t)rng_below(r, (int64_t)p->count);

	/* In the place of the next one. */
	if (i + 1 < p->count)
		p->row[i + 1] = p->row[i];
}

static void chart_reorder(struct chart_page *p, struct rng *r)
{
	size_t i = (size_t)rng_below(r, (int64_t)p->count);
	struct candle other = p->row[i];

	if (i + 1 < p->count) {
		p->row[i] = p->row[i + 1];
		p->row[i + 1] = other;
	}
}

static void chart_empty(struct chart_page *p, struct rng *r)
{
	(void)r;
	p->count = 0;
}

static void chart_harm(struct rpc_call *c, struct chart_page *p)
{
	static const struct {
		enum faults_kind kind;
		void (*act)(struct chart_page *p, struct rng *r);
	} acts[] = {
	    {FAULTS_PAGE_SHIFT, chart_shift},
	    {FAULTS_PAGE_LATE, chart_late},
	    {FAULTS_PAGE_SHORT, chart_short},
	    {FAULTS_PAGE_DUPLICATE, chart_duplicate},
	    {FAULTS_PAGE_REORDER, chart_reorder},
	    {FAULTS_PAGE_EMPTY, chart_empty},
	};
	struct faults *f = c->rpc->faults;

	for (size_t i = 0; f != NULL && i < sizeof(acts) / sizeof(acts[0]);
	     i++) {
		struct faults_rule *r = faults_roll(f, acts[i].kind, "", 0);

		if (r == NULL || p->count == 0)
			continue;
		acts[i].act(p, &r->rng);
		faults_done(f, r, 0, "");
	}
}

int method_chart(struct rpc_call *c)
{
	const struct history *h = c->rpc->market->history;
	struct chart_page p = {.history = h, .now_ms = c->now_us / 1000};
	struct window w;
	size_t n;
	int minutes = 1;
	int64_t last_ms;

	if (instrument_param(c, &n) == -1 || window_params(c, &w) == -1 ||
	    resolution_param(c, &minutes) == -1)
		return -1;
	w.count = 0;
	if (h != NULL) {
		last_ms = history_candles_end(h, n) - 1;
		p.within = (struct window){
		    .start_ms = floor_to(
			history_candles_begin(h, n), minutes * MINUTE_MS),
		    .end_ms = last_ms < p.now_ms ? last_ms : p.now_ms};
		window_fit(&w, p.within.start_ms, p.within.end_ms,
		    minutes * MINUTE_MS, CHART_ROWS_MAX, c->rpc->cut_last);
		history_candles(
		    h, n, minutes, w.first_ms, p.now_ms, p.row, w.count);
	}
	p.count = w.count;
	p.instrument = n;
	p.minutes = minutes;
	chart_harm(c, &p);
	c->rpc->rows = (long)p.count;
	return chart_tell(c->result, c->rpc->market, n, p.row, p.count);
}

static int perpetual_param(struct rpc_call *c, size_t *n)
{
	if (instrument_param(c, n) == -1)
		return -1;
	if (!c->rpc->market->chain[*n].perpetual)
		return rpc_invalid(c, "must be a perpetual", "instrument_name");
	return 0;
}

int history_funding_text(struct buf *out, const struct market *m, size_t n,
    const struct history_funding *f)
{
	int scale = chain_bases[m->chain[n].base].index.scale;
	struct rng r = rng_for(
	    m->seed ^ (uint64_t)f->at_ms, (uint64_t)m->chain[n].id);

	buf_addf(out, "{\"timestamp\":%" PRId64 ",\"index_price\":", f->at_ms);
	text_number(out, f->index, scale, &r);
	buf_adds(out, ",\"prev_index_price\":");
	text_number(out, f->before, scale, &r);
	buf_adds(out, ",\"interest_8h\":");
	text_number(out, f->interest_8h, HISTORY_INTEREST_SCALE, &r);
	buf_adds(out, ",\"interest_1h\":");
	text_number(out, f->interest_1h, HISTORY_INTEREST_SCALE, &r);
	return buf_addc(out, '}');
}

/* A row stands for the hour before it: none is as early as the listing. */
static void funding_fit(
    struct rpc_call *c, size_t n, int64_t max, struct window *w)
{
	const struct market *m = c->rpc->market;
	int64_t first = floor_to(m->chain[n].creation_ms, HISTORY_HOUR_MS) +
	                HISTORY_HOUR_MS;

	w->count = 0;
	if (m->history != NULL)
		window_fit(w, first, c->now_us / 1000, HISTORY_HOUR_MS, max,
		    c->rpc->cut_last);
}

int method_funding_history(struct rpc_call *c)
{
	const struct market *m = c->rpc->market;
	struct window w;
	size_t n;

	if (perpetual_param(c, &n) == -1 || window_params(c, &w) == -1)
		return -1;
	funding_fit(c, n, FUNDING_ROWS_MAX, &w);
	buf_addc(c->result, '[');
	for (size_t k = 0; k < w.count; k++) {
		struct history_funding f;

		history_funding(m->history, n,
		    w.first_ms + (int64_t)k * HISTORY_HOUR_MS, &f);
		if (k > 0)
			buf_addc(c->result, ',');
		history_funding_text(c->result, m, n, &f);
	}
	c->rpc->rows = (long)w.count;
	return buf_addc(c->result, ']');
}

/* What the hours paid that ended after start and not after end. */
int method_funding_value(struct rpc_call *c)
{
	const struct market *m = c->rpc->market;
	struct window w;
	struct history_funding f;
	struct rng r = rng_for(m->seed, 3);
	int64_t sum = 0;
	size_t n;

	if (perpetual_param(c, &n) == -1 || window_params(c, &w) == -1)
		return -1;
	w.start_ms++;
	funding_fit(c, n, HISTORY_DAYS_MAX * INT64_C(24), &w);
	for (size_t k = 0; k < w.count; k++) {
		history_funding(m->history, n,
		    w.first_ms + (int64_t)k * HISTORY_HOUR_MS, &f);
		sum += f.interest_1h;
	}
	return text_number(c->result, sum, HISTORY_INTEREST_SCALE, &r);
}

/* A point's interest is that of the full hour before it. */
static void funding_point(struct rpc_call *c, size_t n, int64_t at_ms)
{
	const struct market *m = c->rpc->market;
	int scale = chain_bases[m->chain[n].base].index.scale;
	struct rng r = rng_for(m->seed ^ (uint64_t)at_ms, 5);
	struct history_funding f;

	history_funding(m->history, n, floor_to(at_ms, HISTORY_HOUR_MS), &f);
	buf_addf(
	    c->result, "{\"timestamp\":%" PRId64 ",\"index_price\":", at_ms);
	text_number(c->result,
	    history_index(m->history, m->chain[n].base, at_ms), scale, &r);
	buf_adds(c->result, ",\"interest_8h\":");
	text_number(c->result, f.interest_8h, HISTORY_INTEREST_SCALE, &r);
	buf_addc(c->result, '}');
}

int method_funding_chart(struct rpc_call *c)
{
	static const struct {
		const char *name;
		int64_t length_ms, apart_ms;
	} charts[] = {{"8h", 8 * HISTORY_HOUR_MS, MINUTE_MS},
	    {"24h", HISTORY_DAY_MS, 5 * MINUTE_MS},
	    {"1m", 30 * HISTORY_DAY_MS, HISTORY_HOUR_MS}};
	const struct market *m = c->rpc->market;
	struct history_funding now = {.at_ms = 0};
	int64_t now_ms = c->now_us / 1000, at_ms, apart;
	struct rng r = rng_for(m->seed, 4);
	char length[8] = "8h";
	size_t n, which = 0;

	if (perpetual_param(c, &n) == -1 ||
	    string_param(c, "length", length, sizeof(length)) == -1)
		return -1;
	while (which < 3 && strcmp(charts[which].name, length) != 0)
		which++;
	if (which == 3)
		return rpc_invalid(c, "invalid length", "length");
	if (m->history != NULL)
		history_funding(
		    m->history, n, floor_to(now_ms, HISTORY_HOUR_MS), &now);
	buf_adds(c->result, "{\"current_interest\":");
	text_number(c->result, now.interest_1h, HISTORY_INTEREST_SCALE, &r);
	buf_adds(c->result, ",\"interest_8h\":");
	text_number(c->result, now.interest_8h, HISTORY_INTEREST_SCALE, &r);
	buf_adds(c->result, ",\"data\":[");
	apart = charts[which].apart_ms;
	at_ms = floor_to(now_ms - charts[which].length_ms, apart) + apart;
	if (at_ms <= m->chain[n].creation_ms)
		at_ms = floor_to(m->chain[n].creation_ms, apart) + apart;
	c->rpc->rows = 0;
	for (; m->history != NULL && at_ms <= now_ms; at_ms += apart) {
		if (c->rpc->rows++ > 0)
			buf_addc(c->result, ',');
		funding_point(c, n, at_ms);
	}
	return buf_adds(c->result, "]}");
}
