/*
 * A disk that fails when it is told to: write(2), fsync(2) and ftruncate(2)
 * of regular files, but not of descriptors 0 to 2.  A program is given it by
 * LD_PRELOAD, as failing-io.so; a unit test links it and sets the variables
 * itself, which are read at every call:
 *
 *	FAILING_IO_WRITE, FAILING_IO_FSYNC, FAILING_IO_FTRUNCATE
 *		the error: ENOSPC, EDQUOT, EIO, EFBIG, EINVAL, or EINTR, which
 *		every other call is spared
 *	FAILING_IO_ROOM=N
 *		bytes that are still written before, the last of them by a
 *		write that is cut short; counted anew when the text changes
 *	FAILING_IO_FILE=FILE
 *		only of that file, by whatever name it was opened
 *	FAILING_IO_WHILE=FILE
 *		only as long as FILE exists: a script mends the disk by
 *		removing it
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int error_named(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO},
	    {"EFBIG", EFBIG}, {"EINTR", EINTR}, {"EINVAL", EINVAL}};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].error;
	/* A word that means nothing must not pass for a disk that works. */
	abort();
}

/* Whether st is the file that the variable names, or it names none. */
static int is_meant(const struct stat *st)
{
	const char *file = getenv("FAILING_IO_FILE");
	struct stat it;

	return file == NULL ||
	       (stat(file, &it) == 0 && it.st_dev == st->st_dev &&
		   it.st_ino == st->st_ino);
}

/* The error that the variable wants for fd now, or 0. */
static int failure(const char *variable, int fd)
{
	const char *error = getenv(variable),
		   *file = getenv("FAILING_IO_WHILE");
	static unsigned calls;
	struct stat st;

	if (error == NULL || fd <= STDERR_FILENO || fstat(fd, &st) == -1 ||
	    !S_ISREG(st.st_mode) || !is_meant(&st) ||
	    (file != NULL && access(file, F_OK) == -1))
		return 0;
	if (strcmp(error, "EINTR") == 0 && (calls++ & 1))
		return 0;
	return error_named(error);
}

/* Takes up to n bytes of what may still be written. */
static size_t room_take(size_t n)
{
	static char text[32];
	static size_t room;
	const char *now = getenv("FAILING_IO_ROOM");

	if (now == NULL)
		now = "0";
	if (strcmp(now, text) != 0) {
		strncpy(text, now, sizeof(text) - 1);
		room = strtoul(now, NULL, 10);
	}
	if (n > room)
		n = room;
	room -= n;
	return n;
}

/* POSIX has functions come out of dlsym(3) by way of an object pointer. */
#define REAL(function, name)                                            \
	do {                                                            \
		if ((function) == NULL)                                 \
			*(void **)&(function) = dlsym(RTLD_NEXT, name); \
	} while (0)

ssize_t write(int fd, const void *p, size_t n)
{
	static ssize_t (*real)(int, const void *, size_t);
	int error = failure("FAILING_IO_WRITE", fd);

	REAL(real, "write");
	if (error != 0 && n > 0 && (n = room_take(n)) == 0) {
		errno = error;
		return -1;
	}
	return real(fd, p, n);
}

int fsync(int fd)
{
	static int (*real)(int);
	int error = failure("FAILING_IO_FSYNC", fd);

	REAL(real, "fsync");
	if (error != 0) {
		errno = error;
		return -1;
	}
	return real(fd);
}

int ftruncate(int fd, off_t len)
{
	static int (*real)(int, off_t);
	int error = failure("FAILING_IO_FTRUNCATE", fd);

	/* The one of an off_t of 64 bits, where there are two. */
	REAL(real, "ftruncate64");
	REAL(real, "ftruncate");
	if (error != 0) {
		errno = error;
		return -1;
	}
	return real(fd, len);
}
