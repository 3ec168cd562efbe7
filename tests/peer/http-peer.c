/*
 * A scripted HTTP server on loopback, for tests: http-peer DIR.  Prints its URL
 * once it listens.  The Nth request gets the bytes of DIR/N as they stand,
 * status line included; without such a file those of DIR/NAME, where NAME is
 * what stands behind the last slash of the request's target; without that
 * nothing at all, on an open connection.  Each target is a line of
 * DIR/requests.  One connection at a time, one request each.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 16384

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_loopback(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, len) == -1 ||
	    listen(fd, 16) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		die("listen");
	printf("http://127.0.0.1:%d/api/v2\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

/* The target of the request line, when the whole head has come. */
static int head_read(int fd, char *target, size_t size)
{
	char head[HEAD_MAX + 1];
	size_t len = 0;
	ssize_t n;
	char *space;

	do {
		n = read(fd, head + len, HEAD_MAX - len);
		if (n <= 0)
			return -1;
		len += (size_t)n;
		head[len] = '\0';
	} while (strstr(head, "\r\n\r\n") == NULL);
	if (strncmp(head, "GET ", 4) != 0)
		return -1;
	space = strchr(head + 4, ' ');
	if (space == NULL)
		return -1;
	*space = '\0';
	snprintf(target, size, "%s", head + 4);
	return 0;
}

static FILE *reply_open(const char *dir, int number, const char *target)
{
	const char *name = strrchr(target, '/');
	char path[2 * HEAD_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%d", dir, number);
	f = fopen(path, "rb");
	if (f != NULL || name == NULL)
		return f;
	snprintf(path, sizeof(path), "%s%s", dir, name);
	return fopen(path, "rb");
}

static void reply_send(int fd, FILE *f)
{
	char block[65536];
	size_t n, at;
	ssize_t w;

	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		for (at = 0; at < n; at += (size_t)w) {
			w = write(fd, block + at, n - at);
			if (w <= 0)
				return;
		}
}

static void serve(int fd, const char *dir, int number, FILE *requests)
{
	char target[HEAD_MAX + 1], rest[256];
	FILE *f;

	if (head_read(fd, target, sizeof(target)) == -1)
		return;
	fprintf(requests, "%s\n", target);
	fflush(requests);
	f = reply_open(dir, number, target);
	if (f != NULL) {
		reply_send(fd, f);
		fclose(f);
		shutdown(fd, SHUT_WR);
	}
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

int main(int argc, char **argv)
{
	char path[4096];
	FILE *requests;
	int fd, one, n;

	if (argc != 2)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "%s/requests", argv[1]);
	requests = fopen(path, "w");
	if (requests == NULL)
		die(path);
	fd = listen_loopback();
	for (n = 1; (one = accept(fd, NULL, NULL)) != -1; n++) {
		serve(one, argv[1], n, requests);
		close(one);
	}
	die("accept");
}
