/*
 * The life of the synthetic market's options: new ones are listed, old ones
 * expire, by the clock, and instrument.creation and instrument.state tell.
 */
#ifndef REPLAY_LIFE_H
#define REPLAY_LIFE_H

#include "replay/market.h"

/* Does what is due; mono_us is monotonic. */
void life_turn(struct market *m, int64_t mono_us, int64_t now_us,
    struct market_sink *sink);

#endif
