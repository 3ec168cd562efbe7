/* The state of a backfill: parts, the file, who may have it, what is refused.
 */
#include "fetch/resume.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen.h"
#include "tap.h"

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
	is_str(text,
	    "{\"state\":\"test\",\"version\":1,\"parts\":[\n"
	    "{\"instrument_name\":\"BTC-PERPETUAL\",\"what\":\"funding\","
	    "\"from\":10,\"to\":21},\n"
	    "{\"instrument_name\":\"BTC-PERPETUAL\",\"what\":\"funding\","
	    "\"from\":29,\"to\":40}\n]}\n",
	    "the file");

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
	    "[]",
	    "hello",
	    "{\"state\":\"test\",\"version\":2,\"parts\":[]}",
	    "{\"state\":\"other\",\"version\":1,\"parts\":[]}",
	    "{\"parts\":[],\"state\":\"test\"}",
	    "{\"state\":\"test\",\"version\":1,\"parts\":[]} x",
	    "{\"state\":\"test\",\"version\":1,\"parts\":[7]}",
	    "{\"state\":\"test\",\"version\":1,\"parts\":[{}]}",
	    "{\"state\":\"test\",\"version\":1,\"parts\":["
	    "{\"instrument_name\":\"A\",\"what\":\"b\",\"from\":9,\"to\":9}]}",
	    "{\"state\":\"test\",\"version\":1,\"parts\":["
	    "{\"instrument_name\":\"\",\"what\":\"b\",\"from\":1,\"to\":9}]}",
	    "{\"state\":\"test\",\"version\":1,\"parts\":["
	    "{\"instrument_name\":\"A\",\"what\":\"b\",\"from\":1.5,\"to\":9}"
	    "]}",
	    "{\"state\":\"test\",\"version\":1,\"parts\":[",
	};
	char text[300];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_file(wrong[i]);
		memset(&fault, 0, sizeof(fault));
		ok(resume_open(path, "test", &fault) == NULL &&
			fault.exit_code == EX_CONFIG,
		    "refused: %s", wrong[i]);
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
	one_process();
	refused();
	random_parts();
	unlink(path);
	snprintf(path, sizeof(path), "%s/state.lock", dir);
	unlink(path);
	rmdir(dir);
	return done_testing();
}
