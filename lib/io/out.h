/*
 * The bounded queue before stdout or a spool.  Records are appended whole; the
 * queue grows chunk by chunk to its cap and shrinks again, so a reader that
 * stalls costs memory up to the cap and nothing else.  What does not fit is
 * refused whole: the caller counts it and says so in a gap record.
 *
 * A pipe or socket is made non-blocking while the queue lives and put back by
 * out_free(); a file or terminal is written in place, and may block.
 *
 * Before a spool it is the same queue: it waits while the spool has no room,
 * and since no descriptor tells when there is some, its owner asks again by a
 * timer.
 */
#ifndef IO_OUT_H
#define IO_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct out_chunk;
struct spool;

struct out {
	int fd; /* *borrowed*; -1 before a spool */
	int saved_flags;
	bool restore;
	bool closed; /* the reader is gone (EPIPE) */
	struct out_chunk *head, *tail, *spare;
	size_t queued; /* bytes waiting */
	size_t cap;
	uint64_t written;    /* bytes */
	struct spool *spool; /* *borrowed*, or NULL */
	bool full;           /* the spool had no room at the last flush */
	struct fault why;    /* and said so */
};

int out_init(struct out *o, int fd, size_t cap, struct fault *fault);
void out_free(struct out *o);

/* The same before a spool, which the owner closes after out_free(): what is
 * added must be whole lines, each ended by a newline.  Does not fail. */
int out_init_spool(
    struct out *o, struct spool *s, size_t cap, struct fault *fault);

/* Room for one record of up to n bytes, contiguous, or NULL when it would
 * exceed the cap (or memory is short).  out_commit() takes the bytes that were
 * really written there; nothing is queued before. */
char *out_reserve(struct out *o, size_t n);
void out_commit(struct out *o, size_t n);

/* reserve + copy + commit; -1 when it does not fit. */
int out_add(struct out *o, const char *p, size_t n);

/* Writes what the descriptor takes now.  0: done or would block (see
 * out_pending()); -1: error; the fault's exit_code is EX_IOERR; o->closed is
 * set when the reader went away. */
int out_flush(struct out *o, struct fault *fault);

static inline bool out_pending(const struct out *o)
{
	return o->queued > 0;
}

/* What is pending waits for room in the spool, not for POLLOUT: flush again by
 * a timer. */
static inline bool out_waits(const struct out *o)
{
	return o->full;
}

/* Why it waits, *borrowed* until the next flush; NULL: it does not. */
static inline const struct fault *out_why(const struct out *o)
{
	return o->full ? &o->why : NULL;
}

/* A whole chunk is waiting: worth a write even while input is busy. */
bool out_full_chunk(const struct out *o);

#endif
