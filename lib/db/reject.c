#include "db/reject.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/json.h"

#define TEXT_MAX ((size_t)4096)
#define STDERR_TEXT_MAX ((size_t)200)

void reject_init(struct reject *r, int fd)
{
	r->fd = fd;
	r->count = 0;
	buf_init(&r->out, 16 * TEXT_MAX);
}

void reject_free(struct reject *r)
{
	buf_free(&r->out);
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static void say(uint64_t line, const char *reason, const char *text, size_t len)
{
	size_t shown = len > STDERR_TEXT_MAX ? STDERR_TEXT_MAX : len;
	char copy[STDERR_TEXT_MAX];

	/* A NUL in the line must not hide the rest of it. */
	for (size_t i = 0; i < shown; i++)
		copy[i] = text[i] == '\0' ? ' ' : text[i];
	/* --quiet hides remarks, not lost lines. */
	if (log_shows(LOG_LEVEL_WARN))
		log_warn("line %" PRIu64 ": %s: %.*s%s", line, reason,
		    (int)shown, copy, shown < len ? "..." : "");
	else
		log_error("line %" PRIu64 ": %s: %.*s%s", line, reason,
		    (int)shown, copy, shown < len ? "..." : "");
}

int reject_line(struct reject *r, uint64_t line, const char *reason,
    const char *text, size_t len, struct fault *fault)
{
	r->count++;
	if (r->fd == -1) {
		say(line, reason, text, len);
		return 0;
	}
	buf_clear(&r->out);
	if (buf_addf(&r->out, "{\"line\":%" PRIu64 ",\"reason\":", line) ==
		-1 ||
	    json_encode(&r->out, reason, strlen(reason)) == -1 ||
	    buf_adds(&r->out, ",\"text\":") == -1 ||
	    json_encode(&r->out, text, len > TEXT_MAX ? TEXT_MAX : len) == -1 ||
	    buf_adds(&r->out, "}\n") == -1)
		return fault_errno(fault, EX_OSERR, "reject file");
	if (write_all(r->fd, buf_head(&r->out), buf_used(&r->out)) == -1)
		return fault_errno(fault, EX_IOERR, "reject file");
	return 0;
}
