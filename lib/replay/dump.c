#include "replay/dump.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "replay/text.h"

#define LINE_MAX_SIZE 8192
#define MINUTE_MS INT64_C(60000)
#define SPEC_MAX 256

struct job {
	const struct history *history;
	const struct market *market;
	FILE *file;
	struct buf text;
	int64_t from_ms, to_ms, now_ms;
};

static int put(struct job *j)
{
	buf_addc(&j->text, '\n');
	if (fwrite(buf_head(&j->text), 1, buf_used(&j->text), j->file) !=
	    buf_used(&j->text))
		return -1;
	buf_clear(&j->text);
	return 0;
}

/* Times have colons of their own: the one in the middle is where both sides
 * are times. */
static int take_range(struct job *j, const char *text, struct fault *fault)
{
	char from[SPEC_MAX];

	for (const char *p = text; (p = strchr(p, ':')) != NULL; p++) {
		snprintf(from, sizeof(from), "%.*s", (int)(p - text), text);
		if (clock_parse(from, &j->from_ms, NULL) == 0 &&
		    clock_parse(p + 1, &j->to_ms, NULL) == 0) {
			if (j->to_ms > j->now_ms)
				j->to_ms = j->now_ms;
			return 0;
		}
	}
	return fault_set(
	    fault, EX_USAGE, "--dump: %s: FROM:TO was expected", text);
}

static int find(
    const struct job *j, const char *name, size_t *n, struct fault *fault)
{
	long found = market_find(j->market, name, strlen(name));

	if (found == -1)
		return fault_set(
		    fault, EX_USAGE, "--dump: no instrument %s", name);
	*n = (size_t)found;
	return 0;
}

static int put_trades(struct job *j, const struct history_line *line)
{
	struct history_slot slot = {.line = NULL};
	struct market_trade t;
	uint64_t last = history_before(j->history, line, INT64_MAX);

	for (uint64_t seq = 1; seq <= last; seq++) {
		int64_t at_ms = history_slot(j->history, line, seq, &slot);

		if (at_ms > j->to_ms)
			break;
		if (at_ms < j->from_ms)
			continue;
		history_trade(j->history, &slot, seq, &t);
		text_trade(&j->text, j->market, &t);
		if (put(j) == -1)
			return -1;
	}
	return 0;
}

static int dump_trades(struct job *j, const char *name, struct fault *fault)
{
	bool any = false;

	for (size_t k = 0; k < j->history->count; k++) {
		const struct history_line *line = &j->history->line[k];
		const struct chain_instrument *i =
		    &j->market->chain[line->instrument];
		bool is = strcmp(i->name, name) == 0;

		if (!is && strcmp(chain_bases[i->base].currency, name) != 0)
			continue;
		any = true;
		if (put_trades(j, line) == -1)
			return -1;
	}
	if (!any && market_find(j->market, name, strlen(name)) == -1)
		return fault_set(fault, EX_USAGE,
		    "--dump: no instrument or currency %s", name);
	return 0;
}

/* The minutes of an instrument's life, each with its candle. */
static struct candle *minutes_make(
    const struct job *j, size_t n, size_t *count, struct fault *fault)
{
	const struct chain_instrument *i = &j->market->chain[n];
	const struct history_line *line = history_line(j->history, n);
	struct history_slot slot = {.line = NULL};
	int64_t begin_ms = history_candles_begin(j->history, n);
	int64_t end_ms = history_candles_end(j->history, n), at_ms = 0;
	int64_t price = j->market->walk[n].anchor;
	uint64_t seq = 1, last = line == NULL ? 0
	                                      : history_before(j->history, line,
						    INT64_MAX);
	struct candle *row;

	if (end_ms > j->now_ms)
		end_ms = j->now_ms;
	*count = end_ms > begin_ms ? (size_t)((end_ms - begin_ms) / MINUTE_MS)
	                           : 0;
	row = calloc(*count + 1, sizeof(*row));
	if (row == NULL) {
		fault_set(fault, EX_OSERR, "no memory");
		return NULL;
	}
	for (size_t k = 0; k < *count; k++) {
		int64_t tick = begin_ms + (int64_t)k * MINUTE_MS;
		int64_t flat = chain_shown(i, price);
		bool any = false;

		row[k] = (struct candle){tick, flat, flat, flat, flat, 0, 0};
		for (; seq <= last; seq++, any = true) {
			struct history_deal d;

			at_ms = history_slot(j->history, line, seq, &slot);
			if (at_ms >= tick + MINUTE_MS)
				break;
			d = history_deal(j->history, &slot, seq);
			price = d.price;
			flat = chain_shown(i, price);
			if (!any)
				row[k].open = row[k].high = row[k].low = flat;
			candle_add(&row[k], i, price, d.amount);
		}
	}
	return row;
}

static void join(struct candle *c, const struct candle *next)
{
	if (next->high > c->high)
		c->high = next->high;
	if (next->low < c->low)
		c->low = next->low;
	c->close = next->close;
	c->volume += next->volume;
	c->cost += next->cost;
}

/* Of closed candles only, joined from those of one minute. */
static int put_candles(struct job *j, size_t n, int64_t length_ms,
    const struct candle *row, size_t count)
{
	struct candle c;
	int64_t end_ms = history_candles_end(j->history, n);

	for (size_t k = 0; k < count;) {
		int64_t tick = row[k].tick_ms - row[k].tick_ms % length_ms;

		c = row[k++];
		c.tick_ms = tick;
		while (k < count && row[k].tick_ms < tick + length_ms)
			join(&c, &row[k++]);
		if (tick < j->from_ms || tick > j->to_ms ||
		    (tick + length_ms > j->now_ms && end_ms > j->now_ms))
			continue;
		history_candle_text(&j->text, j->market, n, &c);
		if (put(j) == -1)
			return -1;
	}
	return 0;
}

static int dump_candles(struct job *j, const char *name, const char *resolution,
    struct fault *fault)
{
	struct candle *row;
	size_t n = 0, count;
	int k = 0, r;

	while (candle_resolutions[k] != NULL &&
	       strcmp(candle_resolutions[k], resolution) != 0)
		k++;
	if (candle_resolutions[k] == NULL)
		return fault_set(
		    fault, EX_USAGE, "--dump: no resolution %s", resolution);
	if (find(j, name, &n, fault) == -1 ||
	    (row = minutes_make(j, n, &count, fault)) == NULL)
		return -1;
	r = put_candles(j, n, candle_minutes[k] * MINUTE_MS, row, count);
	free(row);
	return r;
}

static int dump_funding(struct job *j, const char *name, struct fault *fault)
{
	struct history_funding f;
	size_t n = 0;

	if (find(j, name, &n, fault) == -1)
		return -1;
	if (!j->market->chain[n].perpetual)
		return fault_set(
		    fault, EX_USAGE, "--dump: %s is no perpetual", name);
	for (int64_t at_ms = 0; at_ms <= j->to_ms; at_ms += HISTORY_HOUR_MS) {
		if (at_ms < j->from_ms ||
		    at_ms <= j->market->chain[n].creation_ms)
			continue;
		history_funding(j->history, n, at_ms, &f);
		history_funding_text(&j->text, j->market, n, &f);
		if (put(j) == -1)
			return -1;
	}
	return 0;
}

static int dump_instruments(struct job *j)
{
	for (size_t n = 0; n < j->market->count; n++) {
		text_instrument(&j->text, j->market, n);
		if (put(j) == -1)
			return -1;
	}
	return 0;
}

/* The next word of the list, in place. */
static char *word(char **list)
{
	char *p = *list, *end = p + strcspn(p, ":");

	*list = *end == '\0' ? end : end + 1;
	*end = '\0';
	return p;
}

static int dump_what(struct job *j, const char *what, struct fault *fault)
{
	char copy[SPEC_MAX], *rest = copy, *kind, *name, *resolution = NULL;

	snprintf(copy, sizeof(copy), "%s", what);
	kind = word(&rest);
	if (strcmp(kind, "instruments") == 0)
		return dump_instruments(j);
	name = word(&rest);
	if (strcmp(kind, "candles") == 0)
		resolution = word(&rest);
	else if (strcmp(kind, "funding") != 0 && strcmp(kind, "trades") != 0)
		return fault_set(fault, EX_USAGE,
		    "--dump %s: candles, funding, trades or instruments was "
		    "expected",
		    what);
	if (take_range(j, rest, fault) == -1)
		return -1;
	if (resolution != NULL)
		return dump_candles(j, name, resolution, fault);
	return strcmp(kind, "funding") == 0 ? dump_funding(j, name, fault)
	                                    : dump_trades(j, name, fault);
}

int dump(const struct history *h, const char *what, int64_t now_ms, FILE *f,
    struct fault *fault)
{
	struct job j = {
	    .history = h, .market = h->market, .file = f, .now_ms = now_ms};
	int r;

	fault->exit_code = 0;
	buf_init(&j.text, LINE_MAX_SIZE);
	r = dump_what(&j, what, fault);
	buf_free(&j.text);
	if (fflush(f) == EOF)
		r = -1;
	if (r == -1 && fault->exit_code == 0)
		return fault_errno(fault, EX_IOERR, "standard output");
	return r;
}
