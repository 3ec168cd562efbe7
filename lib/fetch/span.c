#include "fetch/span.h"

#include <string.h>

#include "base/clock.h"

static bool is_relative(const char *value)
{
	return value[0] == '-' || strcmp(value, "now") == 0;
}

int span_since(struct span *s, const char *value, struct fault *fault)
{
	s->since_relative = is_relative(value);
	if (clock_parse(value, &s->since_ms, fault) == -1)
		return fault_prefix(fault, "--since");
	return 0;
}

int span_until(struct span *s, const char *value, struct fault *fault)
{
	s->until_relative = is_relative(value);
	if (clock_parse(value, &s->until_ms, fault) == -1)
		return fault_prefix(fault, "--until");
	return 0;
}

int span_check(const struct span *s, bool follow, struct fault *fault)
{
	if (follow && s->until_ms != 0)
		return fault_set(fault, EX_USAGE,
		    "--follow has no end: it goes without --until");
	if (s->until_ms != 0 && s->until_ms <= s->since_ms)
		return fault_set(
		    fault, EX_USAGE, "--until is not after --since");
	return 0;
}

void span_settle(struct span *s, const struct rest *rest)
{
	int64_t ahead_ms = rest_clock_ms(rest) - clock_wall_us() / 1000;

	if (s->since_relative)
		s->since_ms += ahead_ms;
	if (s->until_relative)
		s->until_ms += ahead_ms;
}
