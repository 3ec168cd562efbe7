#include "io/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/replace.h"

#define MAGIC "deribit-tools cache 1"
#define FILE_MAX ((size_t)64 << 20)
#define PATH_SIZE 4096

static uint64_t fnv1a(const char *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (len-- > 0)
		h = (h ^ (unsigned char)*p++) * UINT64_C(0x100000001b3);
	return h;
}

/* -1: no environment says where, or the path is too long.  The base directory
 * specification wants a relative XDG_CACHE_HOME ignored. */
static int directory(char *out, size_t size)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (xdg != NULL && xdg[0] == '/')
		n = snprintf(out, size, "%s/deribit-tools", xdg);
	else if (home != NULL && home[0] == '/')
		n = snprintf(out, size, "%s/.cache/deribit-tools", home);
	else
		return -1;
	return n > 0 && (size_t)n < size ? 0 : -1;
}

static int file_path(const char *key, char *out, size_t size)
{
	char dir[PATH_SIZE];
	int n;

	if (directory(dir, sizeof(dir)) == -1)
		return -1;
	n = snprintf(out, size, "%s/%016" PRIx64, dir, fnv1a(key, strlen(key)));
	return n > 0 && (size_t)n < size ? 0 : -1;
}

static int directories_make(char *path, struct fault *fault)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return fault_errno(fault, EX_CANTCREAT, "%s", path);
		*slash = '/';
	}
	return 0;
}

/* A regular file of our own that nobody else may write, whole. */
static int file_read(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & 022) == 0 &&
	    st.st_size > 0 && (uintmax_t)st.st_size <= FILE_MAX &&
	    buf_reserve(text, (size_t)st.st_size + 1) == 0)
		while ((n = read(fd, text->data + text->len,
			    text->size - text->len)) > 0) {
			text->len += (size_t)n;
			if (text->len == text->size)
				break;
		}
	close(fd);
	return n == 0 ? 0 : -1;
}

/* Takes a line off the front: its length, or -1. */
static int line_take(struct buf *text, const char **line)
{
	char *end = memchr(buf_head(text), '\n', buf_used(text));
	size_t len;

	if (end == NULL)
		return -1;
	*end = '\0';
	*line = buf_head(text);
	len = (size_t)(end - *line);
	buf_consume(text, len + 1);
	return (int)len;
}

/* Whether text begins with a header for this key; consumes it. */
static bool header_read(struct buf *text, const char *key, int64_t *fetched_us)
{
	const char *line;
	uint64_t sum;
	size_t len;

	if (line_take(text, &line) == -1 || strcmp(line, MAGIC) != 0 ||
	    line_take(text, &line) == -1 || strcmp(line, key) != 0 ||
	    line_take(text, &line) == -1 ||
	    sscanf(line, "%" SCNd64 " %zu %" SCNx64, fetched_us, &len, &sum) !=
		3)
		return false;
	return len == buf_used(text) && sum == fnv1a(buf_head(text), len);
}

int cache_read(
    const char *key, int64_t max_age_us, struct buf *body, int64_t *fetched_us)
{
	char path[PATH_SIZE];
	struct buf text;
	int64_t age;
	int found = 0;

	buf_clear(body);
	buf_init(&text, FILE_MAX + 2);
	if (file_path(key, path, sizeof(path)) == 0 &&
	    file_read(path, &text) == 0 &&
	    header_read(&text, key, fetched_us)) {
		/* A file from the future is from a clock put right since. */
		age = clock_wall_us() - *fetched_us;
		found = age >= 0 && age <= max_age_us &&
		        buf_add(body, buf_head(&text), buf_used(&text)) == 0;
	}
	buf_free(&text);
	return found;
}

int cache_write(const char *key, const char *body, size_t len,
    int64_t fetched_us, struct fault *fault)
{
	char path[PATH_SIZE];
	struct buf text;
	int result = -1;

	if (file_path(key, path, sizeof(path)) == -1)
		return fault_set(fault, EX_CANTCREAT,
		    "neither XDG_CACHE_HOME nor HOME names a directory");
	buf_init(&text, FILE_MAX);
	if (buf_addf(&text, "%s\n%s\n%" PRId64 " %zu %016" PRIx64 "\n", MAGIC,
		key, fetched_us, len, fnv1a(body, len)) == -1 ||
	    buf_add(&text, body, len) == -1)
		fault_set(fault, EX_SOFTWARE, "a reply is too long to keep");
	else if (directories_make(path, fault) == 0)
		result = replace_file(
		    path, buf_head(&text), buf_used(&text), 0600, fault);
	buf_free(&text);
	return result;
}
