/*
 * The plan of faults: what --fault asks for, and when it is due.  Pure: a seed
 * gives the same schedule and the same dice, and times are given.  Does nothing
 * to anybody: replay/inflict.c does, and replay/pages.c to pages of trades;
 * they tell it what they did, and it counts and passes it on.  All memory is
 * the struct's; all-zero is a plan of no faults.
 */
#ifndef REPLAY_FAULTS_H
#define REPLAY_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "replay/rng.h"

#define FAULTS_RULES_MAX 32
#define FAULTS_CLASS_SIZE 96

enum faults_kind {
	/* On schedule. */
	FAULTS_CUT,
	FAULTS_RESET,
	FAULTS_HALF_OPEN,
	FAULTS_SILENT,
	FAULTS_DEAD,
	FAULTS_ERROR,
	FAULTS_LIMIT,
	FAULTS_MAINTENANCE,
	/* By dice, a notification each. */
	FAULTS_DROP,
	FAULTS_DUPLICATE,
	FAULTS_REORDER,
	/* By dice, a reply of trades each. */
	FAULTS_PAGE_SHIFT,
	FAULTS_PAGE_DUPLICATE,
	FAULTS_PAGE_REORDER,
	FAULTS_PAGE_SHORT,
	FAULTS_PAGE_EMPTY,
	FAULTS_PAGE_LATE,
	FAULTS_PAGE_ERROR,
	FAULTS_PAGE_LOST,
	/* By dice, a summary over WebSocket each. */
	FAULTS_SUMMARY_REFUSED,
	FAULTS_SUMMARY_EMPTY,
	FAULTS_SUMMARY_SHORT,
	/* By dice, a call over HTTP each; in this order the first that hits. */
	FAULTS_HTTP_429,
	FAULTS_HTTP_502,
	FAULTS_HTTP_EMPTY,
	FAULTS_HTTP_LIMIT,
	FAULTS_HTTP_RESET,
	FAULTS_HTTP_TRUNCATED,
	FAULTS_HTTP_LATE,
	FAULTS_KINDS
};

struct faults_rule {
	enum faults_kind kind;
	int64_t every_us; /* mean; 0: by dice */
	int64_t first_us; /* 0: as all the others */
	int64_t apart_us;
	int64_t for_us;
	uint64_t rate; /* of 2^53 */
	char class[FAULTS_CLASS_SIZE];
	bool http; /* maintenance answers upgrades with 503 */
	struct rng rng;
	int64_t next_us; /* after the first subscription */
};

struct faults {
	struct faults_rule rule[FAULTS_RULES_MAX];
	size_t count;
	int64_t limit;    /* faults in all; 0: no limit */
	int64_t after_us; /* none before, from the first subscription */
	int64_t began_us; /* monotonic, of that; 0: not yet */
	bool open;        /* faults_tick() found that it is time */
	uint64_t done[FAULTS_KINDS], done_all;
	enum faults_kind latest; /* of those done */
	/* Hears of every fault; connection 0: of no WebSocket.  detail: JSON
	 * members, "" for none. */
	void (*tell)(void *arg, const struct faults_rule *rule,
	    uint64_t connection, const char *detail);
	void *arg;
};

/* Takes KIND[:KEY=VALUE[,KEY=VALUE]...]; -1 with *fault. */
int faults_add(struct faults *f, const char *text, struct fault *fault);

/* Behind the last faults_add(), before all else. */
void faults_seed(struct faults *f, uint64_t seed);

/* As --fault has it. */
const char *faults_name(enum faults_kind kind);

bool faults_has(const struct faults *f, enum faults_kind kind);

/* The time is now_us, monotonic; began: somebody has subscribed. */
void faults_tick(struct faults *f, int64_t now_us, bool began);

/* Whether the rule, which is one with a schedule, is due; once for each time
 * that it is. */
bool faults_due(struct faults *f, struct faults_rule *r, int64_t now_us);

/* Throws the dice of every rule of the kind whose class the channel begins
 * with: a rule that hit, or NULL. */
struct faults_rule *faults_roll(
    struct faults *f, enum faults_kind kind, const char *channel, size_t len);

/* Whether a rule's class takes this channel. */
bool faults_takes(const struct faults_rule *r, const char *channel, size_t len);

/* A fault was done. */
void faults_done(struct faults *f, const struct faults_rule *r,
    uint64_t connection, const char *detail);

#endif
