/* The output queue: whole records, a cap, a pipe that does not take them, a
 * spool without room.  Linked with tests/faults/failing-io.c. */
#include "io/out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/spool.h"
#include "tap.h"

static size_t drain(int fd, char *to, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size && (n = read(fd, to + got, size - got)) > 0)
		got += (size_t)n;
	return got;
}

/* Numbered records through a pipe smaller than the queue come out in order. */
static void in_order(void)
{
	enum { RECORDS = 100000 };
	struct fault fault;
	struct out o;
	static char text[RECORDS * 16];
	size_t want = 0, got = 0;
	int fds[2], bad = 0;

	if (pipe(fds) == -1)
		abort();
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	out_init(&o, fds[1], 64 << 20, &fault);
	ok(fcntl(fds[1], F_GETFL) & O_NONBLOCK, "the pipe does not block");
	for (int i = 0; i < RECORDS; i++) {
		char line[16];
		int n = snprintf(line, sizeof(line), "%d\n", i);

		if (out_add(&o, line, (size_t)n) == -1)
			bad++;
		want += (size_t)n;
		if (out_full_chunk(&o) && out_flush(&o, &fault) == -1)
			bad++;
		if (i % 1000 == 0)
			got += drain(fds[0], text + got, sizeof(text) - got);
	}
	while (out_pending(&o)) {
		if (out_flush(&o, &fault) == -1)
			abort();
		got += drain(fds[0], text + got, sizeof(text) - got);
	}
	got += drain(fds[0], text + got, sizeof(text) - got);
	is_int(bad, 0, "every record was taken");
	is_int((int64_t)got, (int64_t)want, "every byte came out");
	is_int((int64_t)o.written, (int64_t)want, "and was counted");
	for (size_t i = 0, at = 0; i < RECORDS; i++) {
		char *end;

		if (strtoul(text + at, &end, 10) != i)
			bad++;
		at = (size_t)(end - text) + 1;
	}
	is_int(bad, 0, "in order");
	out_free(&o);
	ok(!(fcntl(fds[1], F_GETFL) & O_NONBLOCK), "the flags are put back");
	close(fds[0]);
	close(fds[1]);
}

static void full(void)
{
	struct fault fault;
	struct out o;
	char record[1000];
	char *room;
	int fds[2], taken = 0;

	if (pipe(fds) == -1)
		abort();
	memset(record, 'r', sizeof(record));
	out_init(&o, fds[1], 10000, &fault);
	while (out_add(&o, record, sizeof(record)) == 0)
		taken++;
	is_int(taken, 10, "the cap refuses the eleventh record");
	is_int((int64_t)o.queued, 10000, "and nothing of it is queued");
	ok(out_flush(&o, &fault) == 0 && !out_pending(&o),
	    "a pipe takes what is queued");
	room = out_reserve(&o, 5000);
	ok(room != NULL && !out_pending(&o), "a reservation queues nothing");
	memcpy(room, "hello", 5);
	out_commit(&o, 5);
	is_int((int64_t)o.queued, 5, "a commit queues what was written");
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	ok(out_flush(&o, &fault) == -1 && o.closed,
	    "a reader that is gone is told apart");
	is_int(fault.exit_code, EX_IOERR, "as an I/O fault");
	out_free(&o);
	close(fds[1]);
}

/* The whole content of a file of the directory. */
static size_t file_read(const char *dir, const char *name, char *to, size_t n)
{
	char path[128];
	size_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	got = drain(fd, to, n);
	close(fd);
	return got;
}

static size_t lines_add(struct out *o, int from, int to)
{
	size_t len = 0;
	char line[32];

	for (int i = from; i < to; i++) {
		int n = snprintf(line, sizeof(line), "{\"number\":%d}\n", i);

		if (out_add(o, line, (size_t)n) == -1)
			abort();
		len += (size_t)n;
	}
	return len;
}

/* A spool gets whole lines, waits for room, and gets the rest in order. */
static void before_spool(void)
{
	char dir[] = "/tmp/out.XXXXXX", command[64];
	struct spool_options options = {
	    .segment_max = 1 << 20, .sync_ms = 1000};
	static char text[1 << 20];
	struct fault fault;
	struct spool *s;
	struct out o;
	size_t len, got, whole;
	int bad = 0;

	if (mkdtemp(dir) == NULL)
		abort();
	options.dir = dir;
	s = spool_open(&options, &fault);
	if (s == NULL)
		abort();
	is_int(out_init_spool(&o, s, 4 << 20, &fault), 0, "before a spool");
	len = lines_add(&o, 0, 20000);
	setenv("FAILING_IO_WRITE", "ENOSPC", 1);
	setenv("FAILING_IO_ROOM", "100001", 1);
	is_int(out_flush(&o, &fault), 0, "a full disk is no error");
	ok(out_pending(&o) && out_waits(&o), "but waits for room");
	ok(out_why(&o) != NULL &&
		strstr(out_why(&o)->text, strerror(ENOSPC)) != NULL,
	    "and knows why");
	got = file_read(dir, spool_segment(s), text, sizeof(text));
	for (whole = got; whole > 0 && text[whole - 1] != '\n'; whole--)
		;
	ok(got > 99900 && got == whole, "what is written ends a line");
	is_int(
	    (int64_t)(o.written + o.queued), (int64_t)len, "what is not waits");
	is_int((int64_t)o.written, (int64_t)got, "and is counted");
	out_flush(&o, &fault);
	is_int((int64_t)o.written, (int64_t)got, "however often it is tried");
	unsetenv("FAILING_IO_WRITE");
	len += lines_add(&o, 20000, 30000);
	is_int(out_flush(&o, &fault), 0, "there is room");
	ok(!out_pending(&o) && !out_waits(&o) && out_why(&o) == NULL,
	    "and nothing waits any more");
	got = file_read(dir, spool_segment(s), text, sizeof(text) - 1);
	is_int((int64_t)got, (int64_t)len, "every byte came");
	for (char *p = text; *p != '\0'; bad++) {
		int n = 0;

		if (sscanf(p, "{\"number\":%*d}%n", &n) == EOF ||
		    strtol(p + 10, NULL, 10) != bad || p[n] != '\n')
			break;
		p += n + 1;
	}
	is_int(bad, 30000, "in order");
	out_add(&o, "x\n", 2);
	setenv("FAILING_IO_WRITE", "EIO", 1);
	ok(out_flush(&o, &fault) == -1 && !o.closed && !out_waits(&o),
	    "a disk that fails is an error");
	is_int(fault.exit_code, EX_IOERR, "of input and output");
	unsetenv("FAILING_IO_WRITE");
	out_free(&o);
	spool_close(s);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	is_int(system(command), 0, "nothing is in the way");
}

int main(void)
{
	in_order();
	full();
	before_spool();
	return done_testing();
}
