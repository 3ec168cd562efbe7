/*
 * What a trades channel may have missed, asked for by time: after a loss, as an
 * audit, and for the sake of instruments that are heard of for the first time.
 * It finds trades and gives them to trades.c, which knows their numbers; what
 * pages prove record/reach.h says.  One of them belongs to each source of
 * trades, which frees it.  Times are ms, by the clock that is named.
 */
#ifndef COLLECT_SWEEP_H
#define COLLECT_SWEEP_H

#include "collect/collect.h"

struct sweep *sweep_new(struct collector *c, struct source *s);
void sweep_free(struct sweep *w);

/* The channel was not heard from from_ms (our clock) on, and is again. */
void sweep_begin(struct sweep *w, int64_t from_ms);
void sweep_tick(struct sweep *w, int64_t now_ms);
bool sweep_runs(const struct sweep *w);
/* Since when (our clock, ms) it is to fill. */
int64_t sweep_lost_ms(const struct sweep *w);
/* Until when (the exchange's clock, ms) trades were compared; 0: never. */
int64_t sweep_audited_ms(const struct sweep *w);
/* Whether it searches for the beginnings of instruments. */
bool sweep_collects(const struct sweep *w);
/* Whether anything is being asked for. */
bool sweep_asks(const struct sweep *w);
/* The channel is taken off: what it may have missed is looked for once more. */
void sweep_last(struct sweep *w);
/* An instrument waits to know what came before its first trade. */
void sweep_want(struct sweep *w);
/* The channel was acknowledged: what is made from now on is ours. */
void sweep_live(struct sweep *w);
/* It sent a trade of this time by the exchange. */
void sweep_note(struct sweep *w, int64_t timestamp_ms);
/* It is not answered as it should be, time and again. */
bool sweep_fails(const struct sweep *w);
/* Our clock, ms: since when trades are ours; until when it is proven that all
 * were seen. */
int64_t sweep_since_ms(const struct sweep *w);
int64_t sweep_floor_ms(const struct sweep *w);
/* Whether a trade of this time by the exchange, of an instrument that nobody
 * remembers, is ours. */
bool sweep_is_ours(const struct sweep *w, int64_t timestamp_ms);
/* Whether trades of this time may come as rows still. */
bool sweep_recalls(const struct sweep *w, int64_t timestamp_ms);

/* At the end: the hole that it was to fill stays open. */
void sweep_stop(struct sweep *w);

#endif
