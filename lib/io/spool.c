#include "io/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LOCK_NAME "lock"
#define SUFFIX ".ndjson"
#define DIGITS 16
#define NUMBER_MAX UINT64_C(9999999999999999)
#define NAME_SIZE (DIGITS + sizeof(SUFFIX))
#define SCAN_MS 1000
#define BLOCK_SIZE 65536

struct spool {
	char *dir;
	int dir_fd, lock_fd;
	int fd; /* of the segment, or -1 */
	int64_t segment_max, sync_ms, max;
	uint64_t number; /* the highest ever begun */
	char name[NAME_SIZE];
	int64_t len;   /* bytes of the segment */
	int64_t total; /* bytes of all segments */
	int64_t scanned_ms, synced_ms;
	bool dirty; /* bytes or a length that were not synced */
};

/* What a directory held. */
struct content {
	uint64_t newest; /* 0: no segment */
	int64_t newest_len, total;
};

/* ---------------------------------------------------------------- the names */

static void name_set(char *name, uint64_t number)
{
	snprintf(name, NAME_SIZE, "%0*" PRIu64 SUFFIX, DIGITS,
	    number % (NUMBER_MAX + 1));
}

/* The number that DIGITS digits are, or 0. */
static uint64_t digits_read(const char *p)
{
	uint64_t number = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		number = number * 10 + (uint64_t)(p[i] - '0');
	}
	return number;
}

/* The segment's number, or 0: the name is another's. */
static uint64_t name_read(const char *name)
{
	if (strlen(name) != NAME_SIZE - 1 || strcmp(name + DIGITS, SUFFIX) != 0)
		return 0;
	return digits_read(name);
}

/* Segments and how much they hold; -1 with errno. */
static int directory_scan(const struct spool *s, struct content *what)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	uint64_t number;

	memset(what, 0, sizeof(*what));
	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		number = name_read(e->d_name);
		/* A reader may remove what readdir has just named. */
		if (number == 0 ||
		    fstatat(s->dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			-1 ||
		    !S_ISREG(st.st_mode))
			continue;
		what->total += st.st_size;
		if (number > what->newest) {
			what->newest = number;
			what->newest_len = st.st_size;
		}
	}
	closedir(d);
	return 0;
}

/* ------------------------------------------------------------------ the disk
 */

static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

/* Of a call that failed on a file of the spool: 0: no room; -1. */
static int refusal(
    const struct spool *s, const char *name, int exit_code, struct fault *fault)
{
	bool full = is_full(errno);

	fault_errno(fault, exit_code, "%s/%s", s->dir, name);
	return full ? 0 : -1;
}

/* EINVAL: a file system that knows no sync. */
static int fd_sync(int fd)
{
	int r;

	do
		r = fsync(fd);
	while (r == -1 && errno == EINTR);
	return r == -1 && errno != EINVAL ? -1 : 0;
}

static int segment_sync(struct spool *s, struct fault *fault)
{
	struct stat st;

	if (!s->dirty)
		return 0;
	if (fd_sync(s->fd) == -1)
		return fault_errno(fault, EX_IOERR, "%s/%s", s->dir, s->name);
	if (fstat(s->fd, &st) == 0 && st.st_nlink == 0)
		return fault_set(fault, EX_IOERR,
		    "%s/%s was removed while it was written", s->dir, s->name);
	s->dirty = false;
	return 0;
}

/* The number must be on the disk before a segment bears it.  1; 0: no room. */
static int number_write(struct spool *s, uint64_t number, struct fault *fault)
{
	char text[DIGITS + 2];
	ssize_t n;

	snprintf(text, sizeof(text), "%0*" PRIu64 "\n", DIGITS,
	    number % (NUMBER_MAX + 1));
	if (lseek(s->lock_fd, 0, SEEK_SET) == -1)
		return refusal(s, LOCK_NAME, EX_IOERR, fault);
	do
		n = write(s->lock_fd, text, DIGITS + 1);
	while (n == -1 && errno == EINTR);
	if (n >= 0 && n < DIGITS + 1) {
		errno = ENOSPC;
		n = -1;
	}
	if (n == -1 || fd_sync(s->lock_fd) == -1)
		return refusal(s, LOCK_NAME, EX_IOERR, fault);
	return 1;
}

/* The segment so far is synced and complete, and a new one takes its place.
 * 1; 0: no room, and the old one stays; -1. */
static int segment_begin(struct spool *s, struct fault *fault)
{
	char name[NAME_SIZE];
	uint64_t number = s->number + 1;
	int r, fd;

	if (number > NUMBER_MAX)
		return fault_set(fault, EX_CANTCREAT,
		    "%s: no number is left for a segment", s->dir);
	if (segment_sync(s, fault) == -1)
		return -1;
	r = number_write(s, number, fault);
	if (r != 1)
		return r;
	name_set(name, number);
	s->number = number;
	fd = openat(s->dir_fd, name,
	    O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0640);
	if (fd == -1)
		return refusal(s, name, EX_CANTCREAT, fault);
	if (fd_sync(s->dir_fd) == -1) {
		r = refusal(s, name, EX_IOERR, fault);
		close(fd);
		return r;
	}
	if (s->fd != -1)
		close(s->fd);
	s->fd = fd;
	memcpy(s->name, name, sizeof(s->name));
	s->len = 0;
	return 1;
}

/* ------------------------------------------------------------------- opening
 */

/* The length of the lines that the file holds, or -1 with errno. */
static off_t lines_length(int fd, off_t size)
{
	char block[BLOCK_SIZE];

	while (size > 0) {
		off_t start = size > BLOCK_SIZE ? size - BLOCK_SIZE : 0;
		ssize_t n = pread(fd, block, (size_t)(size - start), start);

		if (n == -1 && errno == EINTR)
			continue;
		if (n != size - start) {
			errno = n == -1 ? errno : EIO;
			return -1;
		}
		while (n > 0 && block[n - 1] != '\n')
			n--;
		if (n > 0)
			return start + n;
		size = start;
	}
	return 0;
}

/* What the last writer left: cut to its lines, and on the disk.  Those before
 * were, when it was begun.  Corrects *what. */
static int tail_cut(struct spool *s, struct content *what, struct fault *fault)
{
	char name[NAME_SIZE];
	struct stat st;
	off_t len = -1;
	int fd;

	name_set(name, what->newest);
	fd = openat(
	    s->dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0)
		len = lines_length(fd, st.st_size);
	if (len == -1 || (len < st.st_size && ftruncate(fd, len) == -1) ||
	    fd_sync(fd) == -1) {
		fault_errno(fault, EX_IOERR, "%s/%s", s->dir, name);
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	what->total -= what->newest_len - len;
	what->newest_len = len;
	return 0;
}

static int number_read(struct spool *s, struct fault *fault)
{
	char text[DIGITS + 2];
	ssize_t n = pread(s->lock_fd, text, sizeof(text), 0);

	if (n == -1)
		return fault_errno(fault, EX_IOERR, "%s/" LOCK_NAME, s->dir);
	if (n == DIGITS + 1 && text[DIGITS] == '\n')
		s->number = digits_read(text);
	/* An empty one is new, or its first writer was cut short. */
	if (n > 0 && s->number == 0)
		return fault_set(fault, EX_DATAERR,
		    "%s/" LOCK_NAME " does not hold the number of a segment",
		    s->dir);
	return 0;
}

static int lock_take(struct spool *s, struct fault *fault)
{
	if (mkdir(s->dir, 0750) == -1 && errno != EEXIST)
		return fault_errno(fault, EX_CANTCREAT, "%s", s->dir);
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd == -1)
		return fault_errno(fault, EX_CANTCREAT, "%s", s->dir);
	s->lock_fd = openat(s->dir_fd, LOCK_NAME,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	if (s->lock_fd == -1)
		return fault_errno(
		    fault, EX_CANTCREAT, "%s/" LOCK_NAME, s->dir);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return fault_set(fault, EX_TEMPFAIL,
		    "%s: another writer holds this spool", s->dir);
	return fault_errno(fault, EX_IOERR, "%s/" LOCK_NAME, s->dir);
}

static int content_take(struct spool *s, struct fault *fault)
{
	struct content what;
	char name[NAME_SIZE];

	if (number_read(s, fault) == -1)
		return -1;
	if (directory_scan(s, &what) == -1)
		return fault_errno(fault, EX_IOERR, "%s", s->dir);
	if (what.newest > 0 && tail_cut(s, &what, fault) == -1)
		return -1;
	if (what.newest > s->number)
		s->number = what.newest;
	s->total = what.total;
	s->scanned_ms = clock_mono_ms();
	if (segment_begin(s, fault) == -1)
		return -1;
	/* Starts without a record leave no files. */
	if (what.newest > 0 && what.newest_len == 0 && s->fd != -1) {
		name_set(name, what.newest);
		unlinkat(s->dir_fd, name, 0);
	}
	return 0;
}

struct spool *spool_open(const struct spool_options *o, struct fault *fault)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->dir = strdup(o->dir);
	if (s == NULL || s->dir == NULL) {
		free(s);
		fault_errno(fault, EX_OSERR, "%s", o->dir);
		return NULL;
	}
	s->dir_fd = s->lock_fd = s->fd = -1;
	s->segment_max = o->segment_max;
	s->sync_ms = o->sync_ms;
	s->max = o->max;
	if (lock_take(s, fault) == 0 && content_take(s, fault) == 0)
		return s;
	spool_close(s);
	return NULL;
}

void spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	segment_sync(s, NULL);
	if (s->fd != -1)
		close(s->fd);
	if (s->lock_fd != -1)
		close(s->lock_fd);
	if (s->dir_fd != -1)
		close(s->dir_fd);
	free(s->dir);
	free(s);
}

/* ------------------------------------------------------------------- writing
 */

/* How many of the n bytes at p are whole lines. */
static size_t lines_whole(const char *p, size_t n)
{
	while (n > 0 && p[n - 1] != '\n')
		n--;
	return n;
}

/* What a write left behind: whole lines, counted. */
static int lines_keep(
    struct spool *s, size_t whole, size_t written, struct fault *fault)
{
	s->len += (int64_t)whole;
	s->total += (int64_t)whole;
	s->dirty = s->dirty || written > 0;
	if (whole == written || ftruncate(s->fd, (off_t)s->len) == 0)
		return 0;
	/* Nothing may follow half a line: what is torn is cut at the next
	 * start. */
	fault_errno(fault, EX_IOERR, "%s/%s", s->dir, s->name);
	segment_sync(s, NULL);
	close(s->fd);
	s->fd = -1;
	s->dirty = false;
	return -1;
}

/* As spool_write(), but that room has been found for all of it. */
static ssize_t lines_write(
    struct spool *s, const char *p, size_t n, struct fault *fault)
{
	size_t done = 0, whole;
	ssize_t r;
	int error = 0;

	while (done < n && error == 0) {
		r = write(s->fd, p + done, n - done);
		if (r >= 0)
			done += (size_t)r;
		else if (errno != EINTR)
			error = errno;
	}
	whole = lines_whole(p, done);
	if (lines_keep(s, whole, done, fault) == -1)
		return -1;
	if (whole > 0)
		return (ssize_t)whole;
	errno = error;
	/* The largest file that this process may write: so long are segments
	 * from now on. */
	if (error == EFBIG && s->len > 0) {
		s->segment_max = s->len;
		return spool_write(s, p, n, fault);
	}
	return refusal(s, s->name, EX_IOERR, fault);
}

/* Looks at most once in SCAN_MS what a reader has removed. */
static void total_update(struct spool *s)
{
	int64_t now_ms = clock_mono_ms();
	struct content what;

	if (now_ms - s->scanned_ms < SCAN_MS)
		return;
	s->scanned_ms = now_ms;
	if (directory_scan(s, &what) == 0)
		s->total = what.total;
}

/* A reader removes complete segments only: one that is all there is must
 * become complete, or there will never be room.  0, or -1. */
static int make_removable(struct spool *s, struct fault *fault)
{
	struct fault why;

	total_update(s);
	if (s->fd == -1 || s->len == 0 || s->total > s->len ||
	    segment_begin(s, &why) != -1)
		return 0;
	if (fault != NULL)
		*fault = why;
	return -1;
}

/* Whether max has room for a line of that length. */
static bool max_allows(struct spool *s, size_t line)
{
	if (s->max == 0 || s->total == 0)
		return true;
	if (s->total + (int64_t)line > s->max)
		total_update(s);
	return s->total == 0 || s->total + (int64_t)line <= s->max;
}

/* The lines of p that segment and spool have room for; the first always: that
 * has been asked. */
static size_t lines_fit(
    const struct spool *s, const char *p, size_t n, size_t line)
{
	int64_t room = s->segment_max - s->len;
	size_t fit;

	if (s->max > 0 && s->max - s->total < room)
		room = s->max - s->total;
	if (room >= 0 && n <= (uint64_t)room)
		return n;
	fit = room > 0 ? lines_whole(p, (size_t)room) : 0;
	return fit > line ? fit : line;
}

ssize_t spool_write(
    struct spool *s, const char *p, size_t n, struct fault *fault)
{
	const char *end = memchr(p, '\n', n);
	size_t line = end == NULL ? n : (size_t)(end - p) + 1;
	ssize_t taken;

	if (!max_allows(s, line)) {
		fault_set(fault, EX_IOERR,
		    "%s holds %" PRId64 " bytes, and may hold %" PRId64, s->dir,
		    s->total, s->max);
		return make_removable(s, fault);
	}
	taken = 1;
	if (s->fd == -1 ||
	    (s->len > 0 && s->len + (int64_t)line > s->segment_max))
		taken = segment_begin(s, fault);
	if (taken == 1)
		taken = lines_write(s, p, lines_fit(s, p, n, line), fault);
	if (taken == 0)
		return make_removable(s, fault);
	if (taken > 0 && s->sync_ms == 0 && segment_sync(s, fault) == -1)
		return -1;
	return taken;
}

bool spool_due(const struct spool *s, int64_t now_ms)
{
	return s->dirty && now_ms - s->synced_ms >= s->sync_ms;
}

int spool_sync(struct spool *s, int64_t now_ms, struct fault *fault)
{
	s->synced_ms = now_ms;
	return segment_sync(s, fault);
}

uint64_t spool_bytes(const struct spool *s)
{
	return (uint64_t)s->total;
}

const char *spool_segment(const struct spool *s)
{
	return s->fd == -1 ? NULL : s->name;
}
