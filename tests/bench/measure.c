/*
 * Runs a command and says what it took.
 *
 *	measure FILE COMMAND [ARGUMENT...]
 *
 * Writes "WALL_us USER_us SYSTEM_us PEAK_KiB STATUS" to FILE.  SIGTERM goes on
 *to the command.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile pid_t child;

static void on_term(int sig)
{
	if (child > 0)
		kill(child, sig);
}

static long long us(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	long long begin = now_us();
	struct rusage r;
	int status = 0;
	FILE *f;

	if (argc < 3)
		return 64;
	signal(SIGTERM, on_term);
	child = fork();
	if (child == 0) {
		signal(SIGTERM, SIG_DFL);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (child == -1)
		return 1;
	while (waitpid(child, &status, 0) == -1)
		;
	getrusage(RUSAGE_CHILDREN, &r);
	f = fopen(argv[1], "w");
	if (f == NULL)
		return 1;
	fprintf(f, "%lld %lld %lld %ld %d\n", now_us() - begin, us(r.ru_utime),
	    us(r.ru_stime), r.ru_maxrss,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
