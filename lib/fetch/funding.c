#include "fetch/funding.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "maps/funding.h"

#define HOUR_MS INT64_C(3600000)
/* The exchange gives 744 rows at most, an hour each; 30 days are 720. */
#define SPAN_MS (720 * HOUR_MS)
/* A row that is not there so long after its hour will not come. */
#define LATE_MS (2 * HOUR_MS)

static void query_make(void *arg, const struct series_part *part, char *out)
{
	(void)arg;
	/* Both ends are within, for the exchange. */
	snprintf(out, SERIES_QUERY_MAX,
	    "instrument_name=%s&start_timestamp=%" PRId64
	    "&end_timestamp=%" PRId64,
	    part->target->name, part->from, part->to - 1);
}

static int64_t timestamp_of(struct json_span row)
{
	struct json_span key;
	struct json_value v;
	struct json j;
	int64_t at = -1;

	json_init(&j, row.p, row.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0)
		if (json_span_is(key, "timestamp") && v.type == JSON_NUMBER)
			num_int64(v.text.p, v.text.len, &at);
	return at;
}

/* The time of the last row within the part, -1 if there is none. */
static int64_t newest(const struct series_part *part, struct json_span rows)
{
	struct json_value v;
	struct json j;
	int64_t at, last = -1;

	json_init(&j, rows.p, rows.len);
	if (json_array_begin(&j) == -1)
		return -1;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0) {
		at = timestamp_of(v.text);
		if (at >= part->from && at < part->to && at > last)
			last = at;
	}
	return last;
}

static int reply_take(void *arg, const struct series_part *part,
    struct json_span result, int64_t *known, struct fault *fault)
{
	struct funding *f = arg;
	struct emit_head head;
	char members[300];
	int64_t last;

	snprintf(members, sizeof(members),
	    "\"instrument_name\":\"%s\",\"from\":%" PRId64 ",\"to\":%" PRId64,
	    part->target->name, part->from, part->to);
	emit_head(&head, "funding", part->target->name);
	if (emit_rows(f->emit, &head, f->map, members, result, fault) == -1)
		return -1;
	if (part->to <= rest_clock_ms(f->rest) - LATE_MS) {
		*known = part->to;
		return 0;
	}
	last = newest(part, result);
	if (last != -1)
		*known = last + 1;
	return 0;
}

int funding_init(struct funding *f, struct rest *rest, struct emit *emit,
    struct series_kind *kind, struct fault *fault)
{
	f->rest = rest;
	f->emit = emit;
	f->map = jq_map_new(map_funding, NULL, 0, fault);
	*kind = (struct series_kind){
	    .method = "public/get_funding_rate_history",
	    .what = "funding",
	    .span_ms = SPAN_MS,
	    .query = query_make,
	    .take = reply_take,
	    .arg = f};
	return f->map != NULL ? 0 : -1;
}

void funding_free(struct funding *f)
{
	jq_map_free(f->map);
}
