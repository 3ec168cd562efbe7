/* The output queue: whole records, a cap, a pipe that does not take them. */
#include "io/out.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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

int main(void)
{
	in_order();
	full();
	return done_testing();
}
