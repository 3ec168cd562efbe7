#include "db/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

const char ledger_exists_sql[] = "SELECT to_regclass('" LEDGER_TABLE
				 "') IS NOT NULL";

const char ledger_create_sql[] =
    "CREATE TABLE IF NOT EXISTS " LEDGER_TABLE " ("
    "source text PRIMARY KEY, position bigint NOT NULL, "
    "lines bigint NOT NULL, "
    "updated_at timestamptz NOT NULL DEFAULT now())";

const char ledger_prune_sql[] =
    "DELETE FROM " LEDGER_TABLE " WHERE source LIKE 'stdin:%' "
    "AND updated_at < now() - interval '" LEDGER_PRUNE "'";

void ledger_init(struct ledger *l)
{
	unsigned char r[16] = {0};
	int64_t us = clock_wall_us();
	int64_t pid = getpid();
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	memset(l, 0, sizeof(*l));
	if (fd != -1) {
		n = read(fd, r, sizeof(r));
		close(fd);
	}
	if (n != (ssize_t)sizeof(r)) { /* a chroot without devices */
		memcpy(r, &us, 8);
		memcpy(r + 8, &pid, 8);
	}
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	snprintf(l->source, sizeof(l->source),
	    "stdin:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
	    "%02x%02x%02x%02x%02x%02x",
	    r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10],
	    r[11], r[12], r[13], r[14], r[15]);
}

int ledger_claim_sql(
    const struct ledger *l, uint64_t position, uint64_t lines, struct buf *out)
{
	if (!l->known)
		return buf_addf(out,
		    "INSERT INTO " LEDGER_TABLE " (source, position, lines) "
		    "VALUES ('%s', %" PRIu64 ", %" PRIu64
		    ") ON CONFLICT (source) DO NOTHING RETURNING ",
		    l->source, position, lines);
	return buf_addf(out,
	    "UPDATE " LEDGER_TABLE " SET position = %" PRIu64
	    ", lines = %" PRIu64 ", updated_at = now() "
	    "WHERE source = '%s' AND position = %" PRIu64 " RETURNING ",
	    position, lines, l->source, l->position);
}

int ledger_read_sql(const struct ledger *l, struct buf *out)
{
	return buf_addf(out,
	    "SELECT position FROM " LEDGER_TABLE " WHERE source = '%s'",
	    l->source);
}

int ledger_remove_sql(const struct ledger *l, struct buf *out)
{
	return buf_addf(
	    out, "DELETE FROM " LEDGER_TABLE " WHERE source = '%s'", l->source);
}
