/*
 * Does to connections what the plan of faults (replay/faults.h) has: the
 * schedule, and every notification on its way into a queue.  A part of the
 * transport (replay/conn.h); does nothing without --fault.
 */
#ifndef REPLAY_INFLICT_H
#define REPLAY_INFLICT_H

#include "replay/conn.h"

/* What is due by now. */
void inflict_tick(struct server *s, int64_t now_us);

/* Queues a notification: not at all, once, twice or later.  False: it is
 * withheld, as all are. */
bool inflict_notify(struct conn *c, const char *text, size_t len);

/* Queues what was held back for too long; now_us 0: all of it. */
void inflict_release(struct conn *c, int64_t now_us);

/* Where faults go when they were done: the truth file. */
void inflict_tell(void *server, const struct faults_rule *rule,
    uint64_t connection, const char *detail);

#endif
