/*
 * Replies kept on disk for a while: one file per key (a URL) in
 * XDG_CACHE_HOME (else ~/.cache)/deribit-tools, written beside and renamed, so
 * that a reader never sees half of one.  Nothing here is precious: a file that
 * is torn, altered, too old, or not ours counts as absent.  Knows no exchange.
 *
 *	deribit-tools cache 1\n
 *	key\n
 *	microseconds of the fetch, bytes of the body, FNV-1a of it (hex)\n
 *	body
 */
#ifndef IO_CACHE_H
#define IO_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

/* Fills *body (cleared first) with what was kept for key and *fetched_us with
 * when that was stored.  1: found, no older than max_age_us; 0: not. */
int cache_read(
    const char *key, int64_t max_age_us, struct buf *body, int64_t *fetched_us);

/* Keeps a copy of body.  -1 with *fault: the disk would not (the caller has
 * lost nothing and goes on). */
int cache_write(const char *key, const char *body, size_t len,
    int64_t fetched_us, struct fault *fault);

#endif
