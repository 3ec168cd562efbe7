/*
 * A service manager's ear, for tests: what sd_notify(3) sends to a socket.
 *
 *	notify-peer PATH
 *
 * Listens at PATH, says so, and prints each datagram's lines as they come.
 * Runs until SIGTERM.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[8192];
	ssize_t n;

	if (argc != 2 || strlen(argv[1]) >= sizeof(a.sun_path)) {
		fprintf(stderr, "usage: notify-peer PATH\n");
		return 64;
	}
	strcpy(a.sun_path, argv[1]);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		perror("notify-peer");
		return 71;
	}
	printf("listening\n");
	fflush(stdout);
	while ((n = recv(fd, text, sizeof(text), 0)) >= 0) {
		printf("%.*s\n", (int)n, text);
		fflush(stdout);
	}
	return 74;
}
