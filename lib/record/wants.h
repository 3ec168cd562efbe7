/*
 * Which channels a user means by an instrument or a chain of them.  Names the
 * channels and hands them to a collector; fetches nothing.
 */
#ifndef RECORD_WANTS_H
#define RECORD_WANTS_H

#include <stdbool.h>

#include "base/fault.h"
#include "deribit/chain.h"
#include "record/collector.h"

struct wants {
	bool quotes;
	bool trades;
	bool each; /* trades by instrument, not by market */
};

/* Adds the channels of one instrument, trades (if wanted) its own.  -1 with
 * *fault. */
int wants_instrument(const struct wants *w, const char *name,
    struct collector *c, struct fault *fault);

/* Adds the channels of all of them; trades by market are filtered to what is
 * of the chain's kinds and currencies.  -1 with *fault. */
int wants_chain(const struct wants *w, const struct chain *chain,
    struct collector *c, struct fault *fault);

#endif
