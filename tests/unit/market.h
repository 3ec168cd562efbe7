/* A market without a socket, for the unit tests of deribit-replay's parts. */
#ifndef TESTS_MARKET_H
#define TESTS_MARKET_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "replay/market.h"
#include "tap.h"

#define NOW_MS INT64_C(1795397091000) /* 2026-11-23 */
#define UNUSED __attribute__((unused))

UNUSED static bool listen_to(
    struct market *m, const char *channel, unsigned slot)
{
	uint64_t *subs;

	return market_channel(m, channel, strlen(channel), &subs) !=
	           CHANNEL_UNKNOWN &&
	       subs != NULL && market_subscribe(m, subs, slot);
}

/* A member of an object, by a path like params.data.type; a missing one has
 * JSON text of length 0. */
UNUSED static struct json_span at(struct json_span object, const char *path)
{
	struct json_value v;
	struct json_span key;
	struct json j;
	size_t len = strcspn(path, ".");

	json_init(&j, object.p, object.len);
	if (object.len == 0 || json_object_begin(&j) == -1)
		return (struct json_span){"", 0};
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (key.len != len || memcmp(key.p, path, len) != 0)
			continue;
		return path[len] == '.' ? at(v.text, path + len + 1) : v.text;
	}
	return (struct json_span){"", 0};
}

/* The text is this: a string's without its quotes. */
UNUSED static bool span_is(struct json_span s, const char *text)
{
	if (s.len > 0 && s.p[0] == '"')
		s = json_inside(s);
	return json_span_is(s, text);
}

/* A number in units of 10^-scale, whatever its syntax. */
UNUSED static int64_t units(struct json_span s, int scale)
{
	char text[64] = "";

	if (s.len > 0 && s.len < sizeof(text))
		memcpy(text, s.p, s.len);
	return llround(strtod(text, NULL) * pow(10, scale));
}

UNUSED static uint64_t whole(struct json_span s)
{
	char text[64] = "";

	if (s.len > 0 && s.len < sizeof(text))
		memcpy(text, s.p, s.len);
	return strtoull(text, NULL, 10);
}

UNUSED static bool is_json(struct json_span s)
{
	struct json j;
	struct json_value v;

	json_init(&j, s.p, s.len);
	return json_value(&j, &v) == 0 && json_end(&j) == 0;
}

#endif
