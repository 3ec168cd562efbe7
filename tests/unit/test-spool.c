/* The spool's writer: segments, the lock, limits, a disk that fails, and what
 * a kill leaves.  Linked with tests/faults/failing-io.c. */
#include "io/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

#define LINE "{\"line\":\"of thirty bytes so\"}\n"
#define LINE_LEN ((ssize_t)sizeof(LINE) - 1)
#define TEN LINE LINE LINE LINE LINE LINE LINE LINE LINE LINE

static char dir[] = "/tmp/spool.XXXXXX";
static char path[64];
static struct fault fault;

/* ------------------------------------------------------ what a reader sees */

static const char *file_path(const char *name)
{
	static char file[512];

	snprintf(file, sizeof(file), "%s/%s", path, name);
	return file;
}

static int is_segment(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 7 && strcmp(e->d_name + len - 7, ".ndjson") == 0;
}

struct segments {
	int count, empty, torn;
	size_t len;
	char text[16 << 20]; /* of all of them, in the order of their names */
};
static struct segments seen;

static void segment_read(const char *name)
{
	int fd = open(file_path(name), O_RDONLY);
	size_t before = seen.len;
	ssize_t n;

	while ((n = read(fd, seen.text + seen.len,
		    sizeof(seen.text) - 1 - seen.len)) > 0)
		seen.len += (size_t)n;
	close(fd);
	seen.empty += seen.len == before;
	seen.torn += seen.len > before && seen.text[seen.len - 1] != '\n';
	seen.count++;
}

static const struct segments *look(void)
{
	struct dirent **e;
	int n = scandir(path, &e, is_segment, alphasort);

	seen.count = seen.empty = seen.torn = 0;
	seen.len = 0;
	for (int i = 0; i < n; i++) {
		segment_read(e[i]->d_name);
		free(e[i]);
	}
	if (n != -1)
		free(e);
	seen.text[seen.len] = '\0';
	return &seen;
}

static void segments_remove(bool newest_too)
{
	struct dirent **e;
	int n = scandir(path, &e, is_segment, alphasort);

	for (int i = 0; i < n; i++) {
		if (newest_too || i < n - 1)
			unlink(file_path(e[i]->d_name));
		free(e[i]);
	}
	free(e);
}

static void file_write(const char *name, const char *text)
{
	int fd = open(file_path(name), O_WRONLY | O_CREAT | O_APPEND, 0640);

	if (write(fd, text, strlen(text)) == -1)
		abort();
	close(fd);
}

static mode_t mode_of(const char *file)
{
	struct stat st;

	return stat(file, &st) == -1 ? 0 : st.st_mode & 07777;
}

/* A directory that is not there yet. */
static void fresh(void)
{
	static int n;

	snprintf(path, sizeof(path), "%s/%d", dir, ++n);
}

static struct spool *open_with(int64_t segment_max, int64_t max)
{
	struct spool_options o = {.dir = path,
	    .segment_max = segment_max,
	    .sync_ms = 1000,
	    .max = max};

	return spool_open(&o, &fault);
}

static ssize_t put(struct spool *s, const char *text)
{
	return spool_write(s, text, strlen(text), &fault);
}

/* -------------------------------------------------------------------- tests */

static void files(void)
{
	struct spool *s;

	fresh();
	umask(0);
	s = open_with(1000, 0);
	ok(s != NULL, "a spool that was not there");
	is_int(mode_of(path), 0750, "its directory");
	is_str(spool_segment(s), "0000000000000001.ndjson", "its segment");
	is_int(mode_of(file_path(spool_segment(s))), 0640, "is not for all");
	is_int(mode_of(file_path("lock")), 0640, "nor is the lock");
	umask(077);
	is_int(put(s, TEN TEN TEN TEN), 33 * LINE_LEN,
	    "as many lines are taken as a segment holds");
	is_int(put(s, LINE), LINE_LEN, "another begins the next");
	is_str(spool_segment(s), "0000000000000002.ndjson", "which is newer");
	is_int(mode_of(file_path(spool_segment(s))), 0600,
	    "the umask is respected");
	is_int((int64_t)spool_bytes(s), 34 * LINE_LEN, "all is counted");
	umask(022);
	spool_close(s);
	look();
	is_int((int64_t)seen.len, 34 * LINE_LEN, "all is there");
	is_int(seen.torn + seen.empty, 0, "in whole lines");
	spool_close(NULL);
}

static int lowest_free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

static void descriptors(void)
{
	struct spool *s;
	int before;

	fresh();
	s = open_with(5 * LINE_LEN, 0);
	put(s, TEN);
	before = lowest_free_fd();
	for (int i = 0; i < 20; i++)
		put(s, TEN);
	ok(look()->count > 10, "many segments");
	is_int(lowest_free_fd(), before, "of which one is open");
	spool_close(s);
}

static void long_line(void)
{
	char line[2001];
	struct spool *s;

	fresh();
	s = open_with(1000, 1500);
	memset(line, 'l', sizeof(line));
	line[1999] = '\n';
	line[2000] = '\0';
	is_int(put(s, line), 2000, "a line longer than all limits is taken");
	is_int(put(s, LINE), 0, "another is not");
	is_int(look()->count, 2, "but what is there may be removed");
	spool_close(s);
	fresh();
	s = open_with(1000, 0);
	put(s, LINE);
	is_int(put(s, line), 2000, "a line longer than a segment");
	is_int(put(s, LINE), LINE_LEN, "is taken as others are");
	is_int(look()->count, 3, "and has one of its own");
	spool_close(s);
}

static void lock(void)
{
	struct spool *s, *second;

	fresh();
	s = open_with(1000, 0);
	second = open_with(1000, 0);
	ok(second == NULL, "a second writer is refused");
	is_int(fault.exit_code, EX_TEMPFAIL, "for now");
	is_int(look()->count, 1, "and has changed nothing");
	spool_close(s);
	s = open_with(1000, 0);
	ok(s != NULL, "until the first is gone");
	spool_close(s);
	snprintf(path, sizeof(path), "%s/none/there", dir);
	ok(open_with(1000, 0) == NULL, "no parent directory");
	is_int(fault.exit_code, EX_CANTCREAT, "is no place");
}

static void reopened(void)
{
	struct spool *s;
	char name[64];

	fresh();
	s = open_with(100000, 0);
	put(s, TEN);
	spool_close(s);
	file_write("0000000000000001.ndjson", "{\"torn");
	file_write("0000000000000001.ndjson.gz", "not a segment");
	file_write("1.ndjson", "nor this");
	mkdir(file_path("0000000000000009.ndjson"), 0700);
	s = open_with(100000, 0);
	is_int((int64_t)spool_bytes(s), 10 * LINE_LEN, "the torn end is gone");
	rmdir(file_path("0000000000000009.ndjson"));
	unlink(file_path("1.ndjson"));
	look();
	is_int((int64_t)seen.len, 10 * LINE_LEN, "and nothing else");
	is_str(spool_segment(s), "0000000000000002.ndjson",
	    "the old segment is not appended to");
	spool_close(s);
	s = open_with(100000, 0);
	is_str(spool_segment(s), "0000000000000003.ndjson", "a third start");
	is_int(look()->count, 2, "takes an empty segment away");
	spool_close(s);
	for (int i = 0; i < 10000; i++)
		file_write("0000000000000003.ndjson", "a line that is long ");
	s = open_with(100000, 0);
	is_int(look()->count, 2, "a segment of one torn line is empty");
	is_int((int64_t)spool_bytes(s), 10 * LINE_LEN, "and counts as such");
	spool_close(s);
	file_write("0000000000000004.ndjson", LINE);
	for (int i = 0; i < 10000; i++)
		file_write("0000000000000004.ndjson", "a line that is long ");
	s = open_with(100000, 0);
	is_int(
	    (int64_t)spool_bytes(s), 11 * LINE_LEN, "the line before it stays");
	put(s, TEN);
	strcpy(name, spool_segment(s));
	spool_close(s);
	/* The newline is the last byte of a block. */
	for (int i = 0; i < 65536 / 16; i++)
		file_write(name, "sixteen bytes...");
	s = open_with(100000, 0);
	is_int(
	    (int64_t)spool_bytes(s), 21 * LINE_LEN, "also before many blocks");
	spool_close(s);
}

static void numbers(void)
{
	struct spool *s;

	fresh();
	s = open_with(40, 0);
	for (int i = 0; i < 5; i++)
		put(s, LINE);
	spool_close(s);
	segments_remove(true);
	s = open_with(40, 0);
	is_str(spool_segment(s), "0000000000000006.ndjson",
	    "a number is not used again");
	spool_close(s);
	file_write("0000000000000077.ndjson", LINE);
	s = open_with(40, 0);
	is_str(spool_segment(s), "0000000000000078.ndjson",
	    "nor one that another began");
	spool_close(s);
	file_write("lock", "x");
	ok(open_with(40, 0) == NULL, "a lock that holds something else");
	is_int(fault.exit_code, EX_DATAERR, "is refused");
	unlink(file_path("lock"));
	file_write("lock", "9999999999999999\n");
	ok(open_with(40, 0) == NULL, "the last number");
	is_int(fault.exit_code, EX_CANTCREAT, "is the last");
}

static void limit(void)
{
	struct spool *s;
	ssize_t n;

	fresh();
	s = open_with(5 * LINE_LEN, 12 * LINE_LEN);
	is_int(put(s, TEN), 5 * LINE_LEN, "a first segment");
	is_int(put(s, TEN), 5 * LINE_LEN, "a second");
	is_int(put(s, TEN), 2 * LINE_LEN, "lines up to the limit");
	is_int(put(s, TEN), 0, "and none beyond");
	is_int(fault.exit_code, EX_IOERR, "with a reason");
	ok(strstr(fault.text, path) != NULL, "that names the spool");
	is_int(look()->count, 3, "the newest goes on");
	segments_remove(false);
	while ((n = put(s, TEN)) == 0)
		usleep(10000);
	is_int(n, 3 * LINE_LEN, "a reader makes room");
	spool_close(s);
	s = open_with(5 * LINE_LEN, 7 * LINE_LEN);
	is_int(put(s, TEN), 2 * LINE_LEN, "what was there at the start counts");
	segments_remove(false);
	while (look()->count == 1) {
		put(s, LINE TEN TEN);
		usleep(10000);
	}
	ok(true, "a segment that is all there is becomes complete");
	spool_close(s);
}

static void full_disk(void)
{
	struct spool *s;

	fresh();
	s = open_with(100000, 0);
	setenv("FAILING_IO_WRITE", "ENOSPC", 1);
	setenv("FAILING_IO_ROOM", "100", 1);
	is_int(
	    put(s, TEN), 3 * LINE_LEN, "a disk that fills takes whole lines");
	look();
	is_int((int64_t)seen.len, 3 * LINE_LEN, "and holds no others");
	is_int(put(s, TEN), 0, "there is no room");
	is_int(fault.exit_code, EX_IOERR, "which is a fault");
	ok(strstr(fault.text, strerror(ENOSPC)) != NULL, "that has its reason");
	setenv("FAILING_IO_ROOM", "10", 1);
	is_int(put(s, TEN), 0, "nor is there for a part of a line");
	look();
	is_int((int64_t)seen.len, 3 * LINE_LEN, "which is cut off");
	unsetenv("FAILING_IO_WRITE");
	is_int(put(s, TEN), 10 * LINE_LEN, "until there is room again");
	is_int((int64_t)spool_bytes(s), 13 * LINE_LEN, "all is counted");
	look();
	is_int((int64_t)seen.len, 13 * LINE_LEN, "and there");
	setenv("FAILING_IO_WRITE", "EDQUOT", 1);
	is_int(put(s, TEN), 0, "a quota is a disk");
	spool_close(s);
	s = open_with(100000, 0);
	ok(s != NULL, "a start while the disk is full");
	ok(spool_segment(s) == NULL, "has no segment yet");
	is_int(put(s, TEN), 0, "and takes nothing");
	unsetenv("FAILING_IO_WRITE");
	is_int(put(s, TEN), 10 * LINE_LEN, "until there is room");
	spool_close(s);
	look();
	is_int((int64_t)seen.len, 23 * LINE_LEN, "nothing was lost");
}

static void bad_disk(void)
{
	struct spool *s;
	int64_t now_ms;

	fresh();
	s = open_with(100000, 0);
	setenv("FAILING_IO_WRITE", "EIO", 1);
	is_int(put(s, TEN), -1, "a disk that fails is an error");
	unsetenv("FAILING_IO_WRITE");
	is_int(put(s, TEN), 10 * LINE_LEN, "it works again");
	now_ms = clock_mono_ms();
	ok(spool_due(s, now_ms), "what was written is to be synced");
	setenv("FAILING_IO_FSYNC", "EIO", 1);
	is_int(spool_sync(s, now_ms, &fault), -1, "a sync that fails");
	is_int(fault.exit_code, EX_IOERR, "is an error");
	unsetenv("FAILING_IO_FSYNC");
	ok(!spool_due(s, now_ms + 999), "the next has its time");
	ok(spool_due(s, now_ms + 1000), "and comes");
	is_int(spool_sync(s, now_ms + 1000, &fault), 0, "and works");
	ok(!spool_due(s, now_ms + 9000), "what is synced is");
	setenv("FAILING_IO_WRITE", "ENOSPC", 1);
	setenv("FAILING_IO_ROOM", "46", 1);
	setenv("FAILING_IO_FTRUNCATE", "EIO", 1);
	is_int(put(s, TEN), -1, "half a line that cannot be cut off");
	unsetenv("FAILING_IO_WRITE");
	is_int(put(s, TEN), 10 * LINE_LEN, "has nothing after it");
	unsetenv("FAILING_IO_FTRUNCATE");
	is_int(look()->torn, 1, "but a segment");
	unlink(file_path(spool_segment(s)));
	is_int(spool_sync(s, now_ms, &fault), -1,
	    "a segment that was removed under its writer");
	is_int(fault.exit_code, EX_IOERR, "is an error");
	spool_close(s);
	s = open_with(100000, 0);
	is_int(look()->torn, 0, "the next start cuts it off");
	is_int((int64_t)seen.len, 11 * LINE_LEN, "down to its lines");
	spool_close(s);
}

/* The old segment and the number are on the disk before a new one is. */
static void sync_order(void)
{
	struct spool *s;

	fresh();
	s = open_with(10 * LINE_LEN, 0);
	put(s, TEN);
	setenv("FAILING_IO_FSYNC", "EIO", 1);
	setenv("FAILING_IO_FILE", file_path(spool_segment(s)), 1);
	is_int(put(s, TEN), -1, "a segment that cannot be synced");
	is_int(look()->count, 1, "is not followed by another");
	setenv("FAILING_IO_FILE", file_path("lock"), 1);
	is_int(put(s, TEN), -1, "nor is one by a number");
	is_int(look()->count, 1, "that is not on the disk");
	setenv("FAILING_IO_FSYNC", "ENOSPC", 1);
	is_int(put(s, TEN), 0, "for which there may be no room");
	unsetenv("FAILING_IO_FSYNC");
	unsetenv("FAILING_IO_FILE");
	setenv("FAILING_IO_WRITE", "EINTR", 1);
	unsetenv("FAILING_IO_ROOM");
	is_int(put(s, LINE TEN), 10 * LINE_LEN, "a signal is no error");
	unsetenv("FAILING_IO_WRITE");
	spool_close(s);
	look();
	is_int((int64_t)seen.len, 20 * LINE_LEN, "all is there");
}

/* With sync_ms 0 a write has failed if its sync has. */
static void sync_always(void)
{
	struct spool_options o = {.segment_max = 100000};
	struct spool *s;

	fresh();
	o.dir = path;
	s = spool_open(&o, &fault);
	is_int(put(s, LINE), LINE_LEN, "a write that is synced");
	ok(!spool_due(s, clock_mono_ms()), "leaves nothing to sync");
	setenv("FAILING_IO_FSYNC", "EIO", 1);
	is_int(put(s, LINE), -1, "one that is not has failed");
	unsetenv("FAILING_IO_FSYNC");
	spool_close(s);
}

static void file_limit(void)
{
	struct rlimit old, small;
	struct spool *s;

	fresh();
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 100;
	s = open_with(100000, 0);
	setrlimit(RLIMIT_FSIZE, &small);
	is_int(
	    put(s, TEN), 3 * LINE_LEN, "a limit of the process ends a segment");
	is_int(put(s, TEN), 3 * LINE_LEN, "and begins another");
	is_int(put(s, LINE), LINE_LEN, "and again");
	small.rlim_cur = 20;
	setrlimit(RLIMIT_FSIZE, &small);
	is_int(put(s, LINE), -1, "no file takes a line: an error");
	setrlimit(RLIMIT_FSIZE, &old);
	spool_close(s);
	look();
	is_int((int64_t)seen.len, 7 * LINE_LEN, "the others are there");
	is_int(seen.torn, 0, "whole");
}

/* ------------------------------------------------------------------- kills */

/* Writes numbers from where the last child ended, a line each, and tells the
 * highest that a sync has covered. */
static void child_writes(int told, uint64_t next)
{
	struct spool *s = open_with(4000, 0);
	uint64_t synced;
	char text[1024];
	size_t len;

	if (s == NULL)
		_exit(1);
	for (;;) {
		for (len = 0; len < sizeof(text) - 32; next++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%" PRIu64 "\n", next);
		for (size_t at = 0; at < len;) {
			ssize_t n = spool_write(s, text + at, len - at, NULL);

			if (n <= 0)
				_exit(1);
			at += (size_t)n;
		}
		if (spool_sync(s, 0, NULL) == -1)
			_exit(1);
		synced = next - 1;
		if (write(told, &synced, sizeof(synced)) == -1)
			_exit(1);
	}
}

/* Lets a child live until it has synced so many times; what it last told. */
static uint64_t child_killed(uint64_t next, int syncs)
{
	uint64_t synced = 0, more;
	int fds[2], status;
	pid_t child;

	if (pipe(fds) == -1)
		abort();
	fflush(stdout);
	child = fork();
	if (child == 0) {
		close(fds[0]);
		child_writes(fds[1], next);
	}
	close(fds[1]);
	for (int i = 0; i < syncs; i++)
		if (read(fds[0], &more, sizeof(more)) == sizeof(more))
			synced = more;
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	while (read(fds[0], &more, sizeof(more)) == sizeof(more))
		synced = more;
	close(fds[0]);
	return synced;
}

static void killed(void)
{
	uint64_t next = 0, synced, lines;
	int bad = 0, torn = 0;

	fresh();
	for (int i = 0; i < 20; i++) {
		synced = child_killed(next, i % 7);
		spool_close(open_with(4000, 0));
		look();
		lines = 0;
		for (char *p = seen.text; *p != '\0'; lines++)
			if (strtoul(p, &p, 10) != lines || *p++ != '\n')
				bad++;
		torn += seen.torn;
		if (synced > 0 && lines <= synced)
			bad++;
		next = lines;
	}
	is_int(bad, 0, "what a sync has covered outlives a kill");
	is_int(torn, 0, "in whole lines");
	ok(seen.count > 20 && next > 1000, "of many segments");
}

int main(void)
{
	char command[64];

	if (mkdtemp(dir) == NULL)
		abort();
	files();
	descriptors();
	long_line();
	lock();
	reopened();
	numbers();
	limit();
	full_disk();
	bad_disk();
	sync_order();
	sync_always();
	file_limit();
	killed();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	is_int(system(command), 0, "nothing is in the way");
	return done_testing();
}
