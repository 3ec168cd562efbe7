/*
 * What was done to one connection's notifications: silence, dead channels,
 * messages that are held back.  State only: replay/inflict.c decides and sends.
 * The owner of the struct frees it with harm_free().
 */
#ifndef REPLAY_HARM_H
#define REPLAY_HARM_H

#include "base/buf.h"
#include "io/json.h"
#include "replay/faults.h"

#define HARM_HELD_MAX 16 /* messages held back at a time */

struct harm_held {
	struct buf text; /* empty: a free place */
	int64_t until_us;
};

struct harm {
	bool silent;
	const struct faults_rule *dying; /* one channel shall die */
	int64_t spare;                   /* notifications until it does */
	struct buf dead;                 /* names, a NUL behind each */
	struct harm_held held[HARM_HELD_MAX];
	unsigned held_count;
};

void harm_init(struct harm *h);
void harm_free(struct harm *h);

/* The name of a notification's channel, *borrowed*; empty when there is none
 * that could stand in a line as it is. */
struct json_span harm_channel(const char *text, size_t len);

bool harm_is_dead(const struct harm *h, struct json_span channel);
void harm_kill(struct harm *h, struct json_span channel);

/* Who subscribes again may have it again. */
void harm_revive(struct harm *h, struct json_span channel);
void harm_revive_all(struct harm *h);

/* Keeps a copy; -1: no place. */
int harm_hold(struct harm *h, const char *text, size_t len, int64_t until_us);

#endif
