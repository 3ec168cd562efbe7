/*
 * What the files that follow the life of chains share; nobody else includes it.
 *
 *	life.c	what is followed; listings and expiries as they are told
 *	look.c	what there is: the book summary of a market, asked for; ranks
 */
#ifndef COLLECT_LIFE_OWN_H
#define COLLECT_LIFE_OWN_H

#include "collect/collect.h"

#define MARKETS_MAX 8 /* of a chain */

/* A market of the exchange, by what it is asked for. */
struct market {
	struct collector *c;
	char kind[16], currency[24];
	struct session_call call;
	unsigned looks;   /* to be made */
	int64_t due_ms;   /* monotonic: of the next */
	int64_t asked_ms; /* likewise: of the last */
	struct row {
		char *name;
		double open_interest; /* -1: none is known */
	} * row;                      /* of the last look, by name */
	size_t rows, rows_size;
	bool known;   /* it was answered, and can be believed */
	bool doubted; /* much was missing in it */
};

/* A chain that is followed. */
struct chain_followed {
	struct wants wants;
	struct chain_query query;
	char currency[24]; /* the query's, upper case */
	struct market *market[MARKETS_MAX];
	size_t markets;
};

/* Whether an instrument of this name is of the chain; of the market. */
bool life_is_of(const struct chain_followed *f, const char *name);
bool life_is_in(const struct market *m, const char *name);

/* Subscribes to what is wanted of it.  -1 with *fault. */
int life_follow(struct collector *c, const struct wants *wants,
    const char *name, struct fault *fault);
/* The same of one that was listed: what fails is said, and undone. */
void life_listed(struct collector *c, const struct chain_followed *f,
    const char *name, const char *why);

/* Its last messages may still come. */
void life_over(
    struct collector *c, struct instrument *i, enum instrument_end ends);

/* look.c */
struct market *look_market(
    struct collector *c, const char *kind, const char *currency);
/* Looks at it so often, in its time; the first time early: something was
 * missed. */
void look_soon(struct market *m, unsigned looks);
void look_early(struct market *m, unsigned looks);
void look_all(struct collector *c, unsigned looks);
void look_tick(struct collector *c, int64_t now_ms);
void look_free(struct collector *c);

#endif
