/*
 * The writer's side of a spool, deribit-spool(5): a directory of append-only
 * segments of NDJSON that outlives its writer, so that a reader (tsdb-load)
 * can be away.  One writer at a time; whole lines only; the reader removes
 * what it no longer needs.  Knows no record: a line is bytes and a newline.
 *
 *	DIR/0000000000000001.ndjson	complete: a newer one exists
 *	DIR/0000000000000002.ndjson	complete
 *	DIR/0000000000000003.ndjson	the newest: its writer appends
 *	DIR/lock			locked by the writer;
 *"0000000000000003\n"
 *
 * A segment is complete, and will not change again, as soon as one with a
 * higher number exists; until then a last line without a newline is not a
 * line yet.  A number is used once: lock holds the highest ever begun, so
 * that a ledger can name a segment that was removed.
 */
#ifndef IO_SPOOL_H
#define IO_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

struct spool;

struct spool_options {
	const char *dir;     /* made if absent; its parent must exist */
	int64_t segment_max; /* bytes; a longer line has a segment of its own */
	int64_t sync_ms;     /* 0: after every write */
	int64_t max;         /* bytes of all segments; 0: no limit */
};

/* Takes the lock, cuts the torn end off the newest segment and begins a new
 * one.  A disk that is full now is no failure: spool_write() will say so.
 * NULL with *fault: EX_TEMPFAIL: another writer holds the lock; EX_DATAERR:
 * lock holds something else than a number; EX_CANTCREAT, EX_IOERR.  Where the
 * process has a limit for the size of files (RLIMIT_FSIZE), it should ignore
 * SIGXFSZ: segments then keep to it. */
struct spool *spool_open(const struct spool_options *o, struct fault *fault);

/* Syncs and gives the lock back; s may be NULL.  Whether the sync worked only
 * a spool_sync() before tells. */
void spool_close(struct spool *s);

/* Appends lines: n > 0 bytes that end in a newline.  The bytes taken, which
 * end a line and may be fewer than n; 0: no room now (a full disk or quota, or
 * max): nothing was taken, *fault says why, and a later call may find some;
 * -1: an error, and what was not yet synced may be lost.
 *
 * A write that stops within a line is cut back to the line before.  If a
 * spool without room has but this segment, another is begun, so that a reader
 * may remove it.  A line longer than max is taken when there is no other. */
ssize_t spool_write(
    struct spool *s, const char *p, size_t n, struct fault *fault);

/* Whether something has been written and sync_ms have passed since the last
 * spool_sync(); clock_mono_ms(). */
bool spool_due(const struct spool *s, int64_t now_ms);

/* Syncs what has been written; it blocks for as long as the disk needs.  -1:
 * the disk refused, or the segment was removed under its writer; what was not
 * yet synced may be lost. */
int spool_sync(struct spool *s, int64_t now_ms, struct fault *fault);

/* Bytes of all segments, as far as known: a reader removes some. */
uint64_t spool_bytes(const struct spool *s);

/* The name in dir of the segment written to, *borrowed* until the next
 * spool_write(), or NULL as long as there was no room to begin one. */
const char *spool_segment(const struct spool *s);

#endif
