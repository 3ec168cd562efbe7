/*
 * The collector: a set of channels, spread over as many sessions as they need,
 * to records in the output queue.  The set follows the life of the chains that
 * it was told to follow.  Trades are passed on in order and each once; what was
 * missed of them is fetched.  What was not received and cannot be fetched, or
 * did not fit into the queue, becomes a gap record.  The sockets never wait for
 * the reader of the output.
 */
#ifndef COLLECT_COLLECTOR_H
#define COLLECT_COLLECTOR_H

#include <stdint.h>

#include "base/fault.h"
#include "deribit/chain.h"
#include "deribit/session.h"
#include "io/loop.h"
#include "io/out.h"
#include "record/wants.h"

/* 33 connections from one address are one too many for the exchange. */
#define COLLECTOR_SESSIONS_MAX 30
#define COLLECTOR_SIDES 2

struct collector;

struct collector_options {
	struct session_options session;
	const char *url[COLLECTOR_SIDES]; /* of each side's sessions */
	const char *canary;               /* a channel that ticks; or NULL */
	int64_t redundancy;               /* sides: 1 or 2 */
	int64_t count; /* end after so many records; 0: never */
	int64_t duration_ms;
	int64_t repair_timeout_ms; /* before a hole in trades is left open */
	int64_t audit_ms;          /* trades are compared so often; 0: never */
	int64_t rotate_ms;         /* connections are renewed so often */
	int64_t rerank_ms;         /* of those with a top */
	int64_t linger_ms;         /* an expired channel may still speak */
	int64_t depth, depth_ms;   /* levels; how often each book is asked */
	const char *state;         /* file; or NULL */
	int64_t state_ms;
	const char *metrics; /* file; or NULL */
	int64_t metrics_ms;
	const char *jq;      /* filter; or NULL */
	bool raw;            /* frames as they came */
	struct spool *spool; /* behind out, for its timer; or NULL */
};

/* loop, out and the strings in options are *borrowed*.  NULL with *fault: no
 * memory, a filter that is none, no place for the state or the metrics. */
struct collector *collector_new(struct loop *loop, struct out *out,
    const struct collector_options *options, struct fault *fault);
void collector_free(struct collector *c);

/* Wants a channel by its name, which the exchange may know or not.  -1 with
 * *fault. */
int collector_want(
    struct collector *c, const char *channel, struct fault *fault);

/* Wants these channels of one instrument.  -1 with *fault. */
int collector_instrument(struct collector *c, const struct wants *wants,
    const char *name, struct fault *fault);

/* Wants these channels of the instruments that the query means, now (chain) and
 * as they are listed and expire.  query's strings and wants are *borrowed*.  -1
 * with *fault. */
int collector_follow(struct collector *c, const struct wants *wants,
    const struct chain_query *query, const struct chain *chain,
    struct fault *fault);

/* Begins to connect.  -1 with *fault: too many channels, no memory. */
int collector_start(struct collector *c, struct fault *fault);

/* Takes a recording of frames from this descriptor (name is for sentences, both
 * *borrowed*) in place of the exchange; before collector_start(). */
void collector_from(struct collector *c, int fd, const char *name);

/* Stops reading; the loop ends when the output queue is written. */
void collector_stop(struct collector *c);

/* After the loop: 0, or -1 with *fault, why it ended. */
int collector_result(const struct collector *c, struct fault *fault);

/* Logs what was received, written and lost so far, and writes the metrics. */
void collector_report(struct collector *c);

#endif
