#include "fetch/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"

/* Whoever waits less does not ask. */
#define SHORT_MS 1000
#define DRAW_MS 100
#define SAY_MS 60000
#define SAMPLE_MS 1000
#define BAR_MAX 40
#define BAR_MIN 10
#define LINE_SIZE 512

static void erase(void *arg)
{
	struct progress *p = arg;

	if (p->drawn && write(p->fd, "\r\033[K", 4) == -1)
		p->terminal = false;
	p->drawn = false;
}

void progress_begin(
    struct progress *p, int fd, const char *unit, int64_t total, int64_t now_ms)
{
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	p->unit = unit;
	p->total = total;
	p->terminal = isatty(fd) == 1;
	p->shown = log_shows(LOG_LEVEL_INFO);
	p->begun_ms = p->said_ms = now_ms;
	p->drawn_ms = now_ms - DRAW_MS;
	if (p->terminal && p->shown)
		log_before_set(erase, p);
}

void progress_end(struct progress *p)
{
	erase(p);
	if (p->terminal && p->shown)
		log_before_set(NULL, NULL);
	p->shown = false;
}

static void sample_take(struct progress *p, int64_t now_ms)
{
	size_t last = (p->samples + PROGRESS_SAMPLES - 1) % PROGRESS_SAMPLES;

	if (p->samples > 0 && now_ms - p->sample[last].at_ms < SAMPLE_MS)
		return;
	p->sample[p->samples % PROGRESS_SAMPLES].at_ms = now_ms;
	p->sample[p->samples % PROGRESS_SAMPLES].done = p->done;
	p->samples++;
}

/* How much was done per 10 s, as of the oldest sample; -1: not known. */
static int64_t rate_of(const struct progress *p, int64_t now_ms)
{
	size_t oldest = p->samples < PROGRESS_SAMPLES
	                    ? 0
	                    : p->samples % PROGRESS_SAMPLES;
	int64_t ms = p->samples > 0 ? now_ms - p->sample[oldest].at_ms : 0;

	if (ms < SHORT_MS)
		return -1;
	return (p->done - p->sample[oldest].done) * 10000 / ms;
}

static void left_text(int64_t s, char *out, size_t size)
{
	if (s < 60)
		snprintf(out, size, ", %" PRId64 " s left", s);
	else if (s < 3600)
		snprintf(out, size, ", %" PRId64 " min left", (s + 30) / 60);
	else
		snprintf(out, size, ", %" PRId64 " h %" PRId64 " min left",
		    s / 3600, s % 3600 / 60);
}

static int percent_of(const struct progress *p)
{
	if (p->done >= p->total)
		return 100;
	return (int)((double)p->done * 100 / (double)p->total);
}

void progress_text(
    const struct progress *p, int64_t now_ms, char *out, size_t size)
{
	int64_t rate = rate_of(p, now_ms);
	char of[80] = "", speed[40] = "", left[60] = "";

	if (p->total > 0)
		snprintf(of, sizeof(of), " of %" PRId64, p->total);
	if (rate >= 0)
		snprintf(speed, sizeof(speed), ", %" PRId64 ".%" PRId64 "/s",
		    rate / 10, rate % 10);
	if (rate > 0 && p->total > p->done)
		left_text((p->total - p->done) * 10 / rate, left, sizeof(left));
	if (p->total > 0)
		snprintf(out, size, "%" PRId64 "%s %s, %d %%%s%s", p->done, of,
		    p->unit, percent_of(p), speed, left);
	else
		snprintf(
		    out, size, "%" PRId64 " %s%s", p->done, p->unit, speed);
}

static int columns_of(int fd)
{
	int columns = 0;
	const char *text = getenv("COLUMNS");
#ifdef TIOCGWINSZ
	struct winsize w;

	if (ioctl(fd, TIOCGWINSZ, &w) == 0)
		columns = w.ws_col;
#endif
	if (columns <= 0 && text != NULL)
		columns = atoi(text);
	return columns > 0 ? columns : 80;
}

static void draw(struct progress *p, int64_t now_ms)
{
	int columns = columns_of(p->fd), bar, full, n;
	char text[256], line[LINE_SIZE], cells[BAR_MAX + 1];

	progress_text(p, now_ms, text, sizeof(text));
	/* The last column stays free: some terminals go on to the next. */
	bar = columns - 1 - (int)strlen(text) - 3;
	if (bar > BAR_MAX)
		bar = BAR_MAX;
	if (bar >= BAR_MIN && p->total > 0) {
		full = bar * percent_of(p) / 100;
		memset(cells, '#', (size_t)full);
		memset(cells + full, '.', (size_t)(bar - full));
		cells[bar] = '\0';
		n = snprintf(
		    line, sizeof(line), "\r[%s] %s\033[K", cells, text);
	} else {
		n = snprintf(
		    line, sizeof(line), "\r%.*s\033[K", columns - 1, text);
	}
	if (write(p->fd, line, (size_t)n) != -1)
		p->drawn = true;
	p->drawn_ms = now_ms;
}

void progress_tick(struct progress *p, int64_t now_ms)
{
	char text[256];

	sample_take(p, now_ms);
	if (!p->shown || now_ms - p->begun_ms < SHORT_MS)
		return;
	if (p->terminal) {
		if (now_ms - p->drawn_ms >= DRAW_MS)
			draw(p, now_ms);
		return;
	}
	if (now_ms - p->said_ms < SAY_MS)
		return;
	p->said_ms = now_ms;
	progress_text(p, now_ms, text, sizeof(text));
	log_info("%s", text);
}
