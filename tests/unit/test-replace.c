/* A file replaced whole: what readers see, and what a failure leaves.  Linked
 * with tests/faults/failing-io.c. */
#include "io/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static char dir[] = "/tmp/replace.XXXXXX";
static char path[64];
static struct fault fault;

/* The entries of the directory but . and .. */
static int entries(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static const char *content(void)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int mode_of(const char *file)
{
	struct stat st;

	return stat(file, &st) == -1 ? -1 : (int)(st.st_mode & 07777);
}

static void replaces(void)
{
	is_int(replace_file(path, "old\n", 4, 0640, &fault), 0, "a new file");
	is_str(content(), "old\n", "has its content");
	is_int(mode_of(path), 0640, "and its mode");
	is_int(replace_file(path, "n\n", 2, 0644, &fault), 0, "is replaced");
	is_str(content(), "n\n", "by a shorter one, whole");
	umask(077);
	replace_file(path, "", 0, 0666, &fault);
	is_int(mode_of(path), 0600, "the umask is asked");
	umask(022);
	is_str(content(), "", "nothing is a content");
	is_int(entries(), 1, "nothing is left beside it");
	if (chdir(dir) == -1)
		abort();
	is_int(replace_file("file", "here\n", 5, 0644, &fault), 0,
	    "a path without a directory");
	is_str(content(), "here\n", "is of the working directory");
}

/* A write that fails in the middle. */
static void fails(void)
{
	struct rlimit limit, small;
	char big[4096], text[sizeof(fault.text)];

	memset(big, 'b', sizeof(big));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 1000;
	setrlimit(RLIMIT_FSIZE, &small);
	is_int(replace_file(path, big, sizeof(big), 0644, &fault), -1,
	    "a file that cannot be written whole");
	setrlimit(RLIMIT_FSIZE, &limit);
	is_int(fault.exit_code, EX_IOERR, "is an I/O error");
	snprintf(text, sizeof(text), ": %s", strerror(EFBIG));
	ok(strncmp(fault.text, path, strlen(path)) == 0 &&
		strstr(fault.text, text) != NULL,
	    "that names the file and the reason");
	is_str(content(), "here\n", "the old content stays");
	is_int(entries(), 1, "and nothing is left beside it");
}

/* What is not on the disk must not take the place of what is. */
static void not_synced(void)
{
	setenv("FAILING_IO_FSYNC", "EIO", 1);
	is_int(replace_file(path, "new\n", 4, 0644, &fault), -1,
	    "a sync that fails");
	unsetenv("FAILING_IO_FSYNC");
	is_int(fault.exit_code, EX_IOERR, "is an I/O error");
	is_str(content(), "here\n", "the old content stays");
	is_int(entries(), 1, "and nothing is left beside it");
	setenv("FAILING_IO_FSYNC", "EINVAL", 1);
	is_int(replace_file(path, "here\n", 5, 0644, &fault), 0,
	    "a file system without sync is no failure");
	unsetenv("FAILING_IO_FSYNC");
}

static void refused(void)
{
	char name[64], long_path[5000];
	struct stat st;

	snprintf(name, sizeof(name), "%s/link", dir);
	if (symlink("file", name) == -1)
		abort();
	is_int(replace_file(name, "x", 1, 0644, &fault), 0, "a symbolic link");
	ok(lstat(name, &st) == 0 && S_ISREG(st.st_mode), "is replaced itself");
	is_str(content(), "here\n", "not what it leads to");
	unlink(name);
	if (symlink("/dev/null", name) == -1)
		abort();
	is_int(replace_file(name, "x", 1, 0644, &fault), -1,
	    "a link to a device is not replaced");
	is_int(fault.exit_code, EX_CANTCREAT, "as no place for a file");
	unlink(name);
	is_int(
	    replace_file(dir, "x", 1, 0644, &fault), -1, "nor is a directory");
	snprintf(name, sizeof(name), "%s/none/file", dir);
	is_int(replace_file(name, "x", 1, 0644, &fault), -1,
	    "a directory that is not there");
	is_int(fault.exit_code, EX_CANTCREAT, "is no place either");
	is_int(replace_check(name, &fault), -1, "which can be asked before");
	is_int(fault.exit_code, EX_CANTCREAT, "with the same answer");
	is_int(replace_check(dir, &fault), -1, "and of a directory");
	is_int(replace_check(path, &fault), 0, "but of a file that is there");
	is_str(content(), "here\n", "which stays as it is");
	memset(long_path, 'l', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	is_int(replace_file(long_path, "x", 1, 0644, &fault), -1,
	    "nor is a path beyond all bounds");
	is_int(entries(), 1, "nothing is left beside it");
}

/* Replaces until it is told to end; odd ones are longer. */
static void child_writes(int end)
{
	char text[2][2048];

	memset(text[0], 'a', sizeof(text[0]));
	memset(text[1], 'b', sizeof(text[1]));
	fcntl(end, F_SETFL, O_NONBLOCK);
	for (int i = 0; read(end, &text[0][0], 1) == -1; i++)
		replace_file(
		    path, text[i % 2], i % 2 ? 2048 : 1024, 0644, NULL);
	_exit(0);
}

static void reader(void)
{
	int fds[2], torn = 0, seen[2] = {0, 0};
	pid_t child;

	if (pipe(fds) == -1)
		abort();
	replace_file(path, "", 0, 0644, &fault);
	fflush(stdout);
	child = fork();
	if (child == 0)
		child_writes(fds[0]);
	while (seen[0] < 100 || seen[1] < 100) {
		const char *text = content();
		size_t len = strlen(text), same = strspn(text, "a");

		if (len == 0 && seen[0] + seen[1] == 0)
			continue;
		if (same == 0)
			same = strspn(text, "b");
		if (same != len || len != (text[0] == 'b' ? 2048 : 1024))
			torn++;
		seen[text[0] == 'b']++;
	}
	is_int(torn, 0, "a reader sees the old content or the new");
	(void)!write(fds[1], "x", 1);
	waitpid(child, NULL, 0);
	is_int(entries(), 1, "and nothing is left beside it");
}

int main(void)
{
	if (mkdtemp(dir) == NULL)
		abort();
	umask(022);
	snprintf(path, sizeof(path), "%s/file", dir);
	replaces();
	fails();
	not_synced();
	refused();
	reader();
	unlink(path);
	rmdir(dir);
	return done_testing();
}
