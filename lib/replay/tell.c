#include "replay/tell.h"

#include <stdio.h>

#include "replay/text.h"

const char *const tell_tails[TELL_INTERVALS] = {".100ms", ".agg2", ".raw"};

void tell_begin(
    struct market *m, const char *head, const char *name, const char *tail)
{
	char channel[160];

	snprintf(channel, sizeof(channel), "%s%s%s", head, name, tail);
	buf_clear(&m->text);
	text_begin(&m->text, channel);
}

void tell_number(struct market *m, const char *name, int64_t mantissa,
    int scale, struct rng *r)
{
	buf_addf(&m->text, ",\"%s\":", name);
	text_number(&m->text, mantissa, scale, r);
}

int tell_end(struct market *m, uint64_t subs, struct market_sink *sink)
{
	if (text_end(&m->text) == -1)
		return 0;
	sink->emit(sink->arg, subs, buf_head(&m->text), buf_used(&m->text));
	return 1;
}
