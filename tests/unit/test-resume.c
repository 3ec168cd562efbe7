/* The state of a backfill: parts, the file, who may have it, what is refused.
 */
#include "fetch/resume.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen.h"
#include "tap.h"

#define HEAD_TEXT "{\"state\":\"test\",\"version\":2}"
#define HEAD HEAD_TEXT "\n"
#define PART(from, to)                                                 \
	"{\"instrument_name\":\"BTC-PERPETUAL\",\"what\":\"funding\"," \
	"\"from\":" #from ",\"to\":" #to "}\n"

static char dir[] = "/tmp/test-resume.XXXXXX";
static char path[100];
static struct fault fault;

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	if (f != NULL) {
		fputs(text, f);
		fclose(f);
	}
}

static void read_file(char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n = 0;

	if (f != NULL) {
		n = fread(out, 1, size - 1, f);
		fclose(f);
	}
	out[n] = '\0';
}

static void lacks(const struct resume *r, const char *what, int64_t from,
    int64_t to, int64_t want_begin, int64_t want_end)
{
	int64_t begin = -1, end = -1;

	resume_lacks(r, "BTC-PERPETUAL", what, from, to, &begin, &end);
	ok(begin == want_begin && end == want_end,
	    "%s [%" PRId64 ", %" PRId64 "): lacks [%" PRId64 ", %" PRId64 ")",
	    what, from, to, begin, end);
}

static int part_list(
    void *arg, const char *instrument, int64_t from, int64_t to)
{
	char *out = arg;
	size_t len = strlen(out);

	snprintf(out + len, 200 - len, "%s %" PRId64 " %" PRId64 ";",
	    instrument, from, to);
	return from == 90 ? -1 : 0;
}

static void each(void)
{
	struct resume *r = resume_open(NULL, "test", &fault);
	char text[200] = "";

	resume_add(r, "B", "wanted", 30, 40, &fault);
	resume_add(r, "A", "trades", 1, 2, &fault);
	resume_add(r, "A", "wanted", 5, 6, &fault);
	resume_add(r, "B", "wanted", 10, 20, &fault);
	is_int(resume_each(r, "wanted", part_list, text), 0, "each part");
	is_str(text, "B 10 20;B 30 40;A 5 6;",
	    "of this word, the instruments as they came");
	resume_add(r, "B", "wanted", 90, 91, &fault);
	text[0] = '\0';
	is_int(
	    resume_each(r, "wanted", part_list, text), -1, "until it says so");
	is_str(text, "B 10 20;B 30 40;B 90 91;", "and no other");
	resume_close(r);
}

static void goes_on(void)
{
	char text[2000];
	struct resume *r = resume_open(path, "test", &fault);

	ok(r != NULL && !resume_goes_on(r), "no file yet");
	lacks(r, "funding", 10, 50, 10, 50);
	resume_add(r, "BTC-PERPETUAL", "funding", 10, 20, &fault);
	resume_add(r, "BTC-PERPETUAL", "funding", 30, 40, &fault);
	resume_add(r, "BTC-PERPETUAL", "candle 1", 5, 5, &fault);
	lacks(r, "funding", 10, 50, 20, 30);
	is_int(resume_save(r, &fault), 0, "saved");
	unlink(path);
	is_int(resume_save(r, &fault), 0, "nothing new");
	is_int(access(path, F_OK), -1, "is not written");
	resume_add(r, "BTC-PERPETUAL", "funding", 20, 21, &fault);
	resume_add(r, "BTC-PERPETUAL", "funding", 29, 30, &fault);
	resume_save(r, &fault);
	resume_close(r);
	read_file(text, sizeof(text));
	is_str(text, HEAD PART(10, 21) PART(29, 40), "the file");

	r = resume_open(path, "test", &fault);
	ok(r != NULL && resume_goes_on(r), "the next run goes on");
	lacks(r, "funding", 10, 50, 21, 29);
	lacks(r, "funding", 0, 50, 0, 10);
	lacks(r, "funding", 35, 50, 40, 50);
	lacks(r, "funding", 12, 20, -1, -1);
	lacks(r, "funding", 12, 25, 21, 25);
	lacks(r, "candle 60", 10, 50, 10, 50);
	resume_close(r);
}

/* What is new is appended; a line that was being written when all stopped is
 * none; the next run's file is whole again. */
static void grows(void)
{
	char text[2000];
	struct resume *r;

	write_file(HEAD PART(10, 21) PART(
	    21, 30) "{\"instrument_name\":\"BTC-PERPETUAL\",\"what\":\"fund");
	r = resume_open(path, "test", &fault);
	lacks(r, "funding", 10, 50, 30, 50);
	resume_add(r, "BTC-PERPETUAL", "funding", 30, 35, &fault);
	resume_save(r, &fault);
	read_file(text, sizeof(text));
	is_str(text, HEAD PART(10, 35), "a torn line is none");
	resume_add(r, "BTC-PERPETUAL", "funding", 35, 36, &fault);
	resume_add(r, "BTC-PERPETUAL", "funding", 40, 41, &fault);
	resume_save(r, &fault);
	read_file(text, sizeof(text));
	is_str(text, HEAD PART(10, 35) PART(35, 36) PART(40, 41),
	    "what is new is appended");
	resume_close(r);
	r = resume_open(path, "test", &fault);
	lacks(r, "funding", 10, 50, 36, 40);
	lacks(r, "funding", 40, 50, 41, 50);
	resume_close(r);
}

static int64_t file_size(void)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static void never_long(void)
{
	struct resume *r;
	int64_t longest = 0, i;

	unlink(path);
	r = resume_open(path, "test", &fault);
	for (i = 0; i < 3000; i++) {
		resume_add(r, "BTC-PERPETUAL", "funding", i, i + 1, &fault);
		resume_save(r, &fault);
		if (file_size() > longest)
			longest = file_size();
	}
	ok(longest > 60000 && longest < 70000,
	    "it is replaced before it is long: %d bytes", (int)longest);
	for (i = 0; i < 30000; i++)
		resume_add(
		    r, "BTC-PERPETUAL", "candle", 2 * i, 2 * i + 1, &fault);
	is_int(resume_save(r, &fault), 0, "30000 parts at once");
	resume_close(r);
	r = resume_open(path, "test", &fault);
	lacks(r, "candle", 59998, 60000, 59999, 60000);
	lacks(r, "candle", 0, 60000, 1, 2);
	lacks(r, "funding", 0, 3001, 3000, 3001);
	resume_close(r);
	unlink(path);
}

static void full_disk(void)
{
	char text[2000];
	struct resume *r;

	unlink(path);
	r = resume_open(path, "test", &fault);
	resume_add(r, "BTC-PERPETUAL", "funding", 1, 2, &fault);
	resume_save(r, &fault);
	resume_add(r, "BTC-PERPETUAL", "funding", 5, 6, &fault);
	setenv("FAILING_IO_WRITE", "ENOSPC", 1);
	setenv("FAILING_IO_ROOM", "30", 1);
	is_int(resume_save(r, &fault), -1, "a disk that is full");
	is_int(fault.exit_code, EX_IOERR, "is said");
	ok(strstr(fault.text, path) != NULL, "by name: %s", fault.text);
	unsetenv("FAILING_IO_WRITE");
	unsetenv("FAILING_IO_ROOM");
	resume_add(r, "BTC-PERPETUAL", "funding", 8, 9, &fault);
	is_int(resume_save(r, &fault), 0, "room again");
	read_file(text, sizeof(text));
	is_str(text, HEAD PART(1, 2) PART(5, 6) PART(8, 9),
	    "nothing is lost, nothing torn");
	resume_close(r);
	unlink(path);
}

static void one_process(void)
{
	struct resume *r = resume_open(path, "test", &fault);
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct resume *other = resume_open(path, "test", &fault);

		_exit(other != NULL ? 0 : fault.exit_code);
	}
	waitpid(pid, &status, 0);
	is_int(WEXITSTATUS(status), EX_TEMPFAIL, "one process has it");
	resume_close(r);
	r = resume_open(path, "test", &fault);
	ok(r != NULL, "and then another");
	resume_close(r);
}

static void refused(void)
{
	static const char *const wrong[] = {
	    "",
	    "{}",
	    "{}\n",
	    "[]\n",
	    "hello\n",
	    HEAD_TEXT,
	    "{\"state\":\"test\",\"version\":1,\"parts\":[\n]}\n",
	    "{\"state\":\"other\",\"version\":2}\n",
	    HEAD_TEXT " x\n",
	    HEAD "7\n",
	    HEAD "{}\n",
	    HEAD "\n",
	    HEAD PART(9, 9),
	    HEAD PART(1.5, 9),
	    HEAD PART(1, 9) "x\n",
	    HEAD "{\"instrument_name\":\"\",\"what\":\"b\",\"from\":1,"
		 "\"to\":9}\n",
	};
	char text[300];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_file(wrong[i]);
		memset(&fault, 0, sizeof(fault));
		ok(resume_open(path, "test", &fault) == NULL &&
			fault.exit_code == EX_CONFIG,
		    "refused: wrong text %zu", i);
		read_file(text, sizeof(text));
		ok(strcmp(text, wrong[i]) == 0, "and left as it is");
	}
	ok(strstr(fault.text, path) != NULL, "by name: %s", fault.text);
	unlink(path);
	mkdir(path, 0700);
	ok(resume_open(path, "test", &fault) == NULL, "a directory");
	rmdir(path);
	ok(resume_open("/nosuch/state", "test", &fault) == NULL &&
		fault.exit_code == EX_CANTCREAT,
	    "no such directory");
}

/* Against a map of units. */
static void random_parts(void)
{
	struct resume *r = resume_open(NULL, "test", &fault);
	bool has[200] = {false};
	struct gen seed = {3};
	int64_t from, to, begin, end, at, wrong = 0;

	for (int i = 0; i < 300; i++) {
		from = (int64_t)(gen_next(&seed) % 200);
		to = from + (int64_t)(gen_next(&seed) % 12);
		if (to > 200)
			to = 200;
		resume_add(r, "A", "b", from, to, &fault);
		for (at = from; at < to; at++)
			has[at] = true;
		if (i > 60 && i % 60 == 0) {
			resume_close(r);
			r = resume_open(NULL, "test", &fault);
			memset(has, 0, sizeof(has));
		}
		at = 0;
		while (resume_lacks(r, "A", "b", at, 200, &begin, &end)) {
			for (; at < begin; at++)
				wrong += !has[at];
			for (; at < end; at++)
				wrong += has[at];
		}
		for (; at < 200; at++)
			wrong += !has[at];
	}
	is_int(wrong, 0, "300 parts, unit by unit");
	is_int(resume_save(r, &fault), 0, "without a path nothing is kept");
	resume_close(r);
}

int main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/state", dir);
	each();
	goes_on();
	grows();
	never_long();
	full_disk();
	one_process();
	refused();
	random_parts();
	unlink(path);
	snprintf(path, sizeof(path), "%s/state.lock", dir);
	unlink(path);
	rmdir(dir);
	return done_testing();
}
