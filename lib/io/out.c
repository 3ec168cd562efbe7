#include "io/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/spool.h"

#define CHUNK_SIZE ((size_t)64 * 1024)

struct out_chunk {
	struct out_chunk *next;
	size_t size;  /* of data */
	size_t start; /* first byte not yet written */
	size_t len;   /* end of the bytes committed */
	char data[];
};

int out_init(struct out *o, int fd, size_t cap, struct fault *fault)
{
	struct stat st;

	memset(o, 0, sizeof(*o));
	o->fd = fd;
	o->cap = cap;
	o->saved_flags = fcntl(fd, F_GETFL);
	if (fstat(fd, &st) == -1 || o->saved_flags == -1)
		return fault_errno(fault, EX_IOERR, "standard output");
	if ((o->saved_flags & O_ACCMODE) == O_RDONLY) {
		errno = EBADF;
		return fault_errno(fault, EX_IOERR, "standard output");
	}
	if ((S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) &&
	    !(o->saved_flags & O_NONBLOCK)) {
		fcntl(fd, F_SETFL, o->saved_flags | O_NONBLOCK);
		o->restore = true;
	}
	return 0;
}

int out_init_spool(
    struct out *o, struct spool *s, size_t cap, struct fault *fault)
{
	memset(o, 0, sizeof(*o));
	o->fd = -1;
	o->spool = s;
	o->cap = cap;
	(void)fault; /* as out_init(), though nothing fails */
	return 0;
}

void out_free(struct out *o)
{
	struct out_chunk *c, *next;

	for (c = o->head; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(o->spare);
	if (o->restore)
		fcntl(o->fd, F_SETFL, o->saved_flags);
	o->head = o->tail = o->spare = NULL;
	o->queued = 0;
	o->restore = false;
}

static struct out_chunk *chunk_get(struct out *o, size_t n)
{
	size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
	struct out_chunk *c;

	if (size == CHUNK_SIZE && o->spare != NULL) {
		c = o->spare;
		o->spare = NULL;
	} else {
		c = malloc(sizeof(*c) + size);
	}
	if (c != NULL) {
		c->next = NULL;
		c->size = size;
		c->start = c->len = 0;
	}
	return c;
}

char *out_reserve(struct out *o, size_t n)
{
	struct out_chunk *c = o->tail;

	if (n > o->cap || o->queued > o->cap - n)
		return NULL;
	if (c != NULL && c->size - c->len >= n)
		return c->data + c->len;
	c = chunk_get(o, n);
	if (c == NULL)
		return NULL;
	if (o->tail != NULL)
		o->tail->next = c;
	else
		o->head = c;
	o->tail = c;
	return c->data;
}

void out_commit(struct out *o, size_t n)
{
	o->tail->len += n;
	o->queued += n;
}

int out_add(struct out *o, const char *p, size_t n)
{
	char *to = out_reserve(o, n);

	if (to == NULL)
		return -1;
	memcpy(to, p, n);
	out_commit(o, n);
	return 0;
}

static void chunk_done(struct out *o)
{
	struct out_chunk *c = o->head;

	o->head = c->next;
	if (o->head == NULL)
		o->tail = NULL;
	if (o->spare == NULL && c->size == CHUNK_SIZE)
		o->spare = c;
	else
		free(c);
}

static void chunk_written(struct out *o, size_t n)
{
	o->head->start += n;
	o->queued -= n;
	o->written += (uint64_t)n;
}

/* Records are not divided between chunks, and each ends in a newline: what a
 * spool takes ends one, and so does what is left. */
static int flush_spool(struct out *o, struct fault *fault)
{
	struct out_chunk *c;
	ssize_t n;

	while ((c = o->head) != NULL) {
		if (c->len == c->start) {
			chunk_done(o);
			continue;
		}
		n = spool_write(
		    o->spool, c->data + c->start, c->len - c->start, &o->why);
		if (n == -1 && fault != NULL)
			*fault = o->why;
		o->full = n == 0;
		if (n <= 0)
			return (int)n;
		chunk_written(o, (size_t)n);
	}
	return 0;
}

int out_flush(struct out *o, struct fault *fault)
{
	struct out_chunk *c;
	ssize_t n;

	if (o->spool != NULL)
		return flush_spool(o, fault);
	while ((c = o->head) != NULL) {
		size_t left = c->len - c->start;

		if (left == 0) {
			chunk_done(o);
			continue;
		}
		n = write(o->fd, c->data + c->start, left);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n == -1) {
			o->closed = errno == EPIPE;
			return fault_errno(fault, EX_IOERR, "standard output");
		}
		chunk_written(o, (size_t)n);
	}
	return 0;
}

bool out_full_chunk(const struct out *o)
{
	return o->head != NULL && o->head != o->tail;
}
