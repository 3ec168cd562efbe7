/*
 * The collector: a set of wanted channels, spread over as many sessions as they
 * need, to records in the output queue.  What was not received, or did not fit
 * into the queue, becomes a gap record.  The sockets never wait for the reader
 * of the output.
 */
#ifndef RECORD_COLLECTOR_H
#define RECORD_COLLECTOR_H

#include <stdint.h>

#include "base/fault.h"
#include "deribit/session.h"
#include "io/loop.h"
#include "io/out.h"

/* 33 connections from one address are one too many for the exchange. */
#define COLLECTOR_SESSIONS_MAX 30

struct collector;

struct collector_options {
	struct session_options session; /* its pace is the collector's */
	int64_t count; /* end after so many records; 0: never */
};

/* loop, out and the strings in options are *borrowed*.  NULL: no memory. */
struct collector *collector_new(struct loop *loop, struct out *out,
    const struct collector_options *options);
void collector_free(struct collector *c);

/* Wants a channel (copied); one that is wanted already is not added.  kind and
 * currency are for the gaps of a channel that names no instrument, and may be
 * NULL.  -1 with *fault. */
int collector_add(struct collector *c, const char *channel, const char *kind,
    const char *currency, struct fault *fault);

/* Of chain-wide trades, passes only those of this kind and base currency; each
 * call adds a pair.  Without any call all pass.  -1: no memory. */
int collector_keep(struct collector *c, const char *kind, const char *currency);

/* Begins to connect.  -1 with *fault: too many channels, no memory. */
int collector_start(struct collector *c, struct fault *fault);

/* Stops reading; the loop ends when the output queue is written. */
void collector_stop(struct collector *c);

/* After the loop: 0, or -1 with *fault, why it ended. */
int collector_result(const struct collector *c, struct fault *fault);

/* Logs what was received, written and lost so far. */
void collector_report(const struct collector *c);

#endif
