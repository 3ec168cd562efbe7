#include "io/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define SUFFIX ".XXXXXX"

static int bytes_write(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* mkstemp(3) makes a file of 0600; open(2) would have asked the umask. */
static int mode_set(int fd, mode_t mode)
{
	mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, mode & ~mask);
}

/* EINVAL: a file system that knows no sync. */
static int content_write(int fd, const char *text, size_t len, mode_t mode)
{
	if (mode_set(fd, mode) == -1 || bytes_write(fd, text, len) == -1)
		return -1;
	return fsync(fd) == -1 && errno != EINVAL ? -1 : 0;
}

/* The content is in place by now; a directory that cannot be opened or synced
 * costs at most the newest state after a loss of power. */
static void directory_sync(const char *path)
{
	char dir[PATH_SIZE];
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash == NULL)
		strcpy(dir, ".");
	else
		snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	fd = open(dir, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	fsync(fd);
	close(fd);
}

/* As root, a path like /dev/stdout would else be gone for everyone. */
static int place_check(const char *path, struct fault *fault)
{
	struct stat st;

	if (strlen(path) > PATH_SIZE - sizeof(SUFFIX)) {
		errno = ENAMETOOLONG;
		return fault_errno(fault, EX_CANTCREAT, "%s", path);
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return fault_set(
		    fault, EX_CANTCREAT, "%s is not a regular file", path);
	return 0;
}

/* A file beside the path, whose name is written into a buffer of PATH_SIZE. */
static int beside_make(const char *path, char *beside)
{
	snprintf(beside, PATH_SIZE, "%s" SUFFIX, path);
	return mkstemp(beside);
}

int replace_check(const char *path, struct fault *fault)
{
	char beside[PATH_SIZE];
	int fd;

	if (place_check(path, fault) == -1)
		return -1;
	fd = beside_make(path, beside);
	if (fd == -1)
		return errno == ENOSPC || errno == EDQUOT
		           ? 0
		           : fault_errno(fault, EX_CANTCREAT, "%s", path);
	close(fd);
	unlink(beside);
	return 0;
}

int replace_file(const char *path, const char *text, size_t len, mode_t mode,
    struct fault *fault)
{
	char beside[PATH_SIZE];
	int fd, result;

	if (place_check(path, fault) == -1)
		return -1;
	fd = beside_make(path, beside);
	if (fd == -1)
		return fault_errno(fault, EX_CANTCREAT, "%s", path);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	result = content_write(fd, text, len, mode);
	if (result == -1)
		fault_errno(fault, EX_IOERR, "%s", path);
	if (close(fd) == -1 && result == 0)
		result = fault_errno(fault, EX_IOERR, "%s", path);
	if (result == 0 && rename(beside, path) == -1)
		result = fault_errno(fault, EX_CANTCREAT, "%s", path);
	if (result == -1)
		unlink(beside);
	else
		directory_sync(path);
	return result;
}
