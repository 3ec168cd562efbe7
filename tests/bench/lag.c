/* How late records are: reads them, and every few seconds prints their number
 * and the lag (our clock when the line was read, minus the exchange's
 *timestamp) at its median, 99th percentile and most, in milliseconds.
 *
 *	lag SECONDS <records
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/ndjson.h"

#define LINE_MAX (1 << 20)
#define LAG_MAX 60000

static uint64_t at[LAG_MAX + 1], n;

static int64_t member(const char *line, size_t len, const char *name)
{
	const char *p = memmem(line, len, name, strlen(name));

	return p != NULL ? strtoll(p + strlen(name), NULL, 10) : 0;
}

static void take(const char *line, size_t len, int64_t now_ms)
{
	int64_t lag_ms, sent_ms = member(line, len, "\"timestamp\":");

	if (sent_ms == 0)
		return;
	lag_ms = now_ms - sent_ms;
	if (lag_ms < 0)
		lag_ms = 0;
	at[lag_ms < LAG_MAX ? lag_ms : LAG_MAX]++;
	n++;
}

static int64_t quantile(uint64_t permille)
{
	uint64_t want = (n * permille + 999) / 1000, seen = 0;
	int64_t i;

	for (i = 0; i < LAG_MAX; i++) {
		seen += at[i];
		if (seen >= want)
			break;
	}
	return i;
}

static void report(int64_t second)
{
	printf("%" PRId64 " s: %" PRIu64 " records, lag p50 %" PRId64
	       " p99 %" PRId64 " max %" PRId64 " ms\n",
	    second, n, quantile(500), quantile(990), quantile(1000));
	fflush(stdout);
	memset(at, 0, sizeof(at));
	n = 0;
}

int main(int argc, char **argv)
{
	int64_t every_ms = argc > 1 ? atoll(argv[1]) * 1000 : 10000;
	int64_t began_ms = clock_mono_ms(), due_ms = began_ms + every_ms;
	struct ndjson_item item;
	struct ndjson in;

	ndjson_init(&in, STDIN_FILENO, LINE_MAX);
	while (ndjson_read(&in) == 1) {
		int64_t now_ms = clock_wall_us() / 1000;

		while (ndjson_next(&in, &item) == 1)
			take(item.p, item.len, now_ms);
		if (clock_mono_ms() >= due_ms) {
			report((due_ms - began_ms) / 1000);
			due_ms += every_ms;
		}
	}
	ndjson_free(&in);
	return 0;
}
