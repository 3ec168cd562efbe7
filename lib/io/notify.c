#include "io/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"

/* The length of the address that name means, or 0: it means none. */
static socklen_t address_set(struct sockaddr_un *a, const char *name)
{
	size_t len = strlen(name);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len >= sizeof(a->sun_path))
		return 0;
	memcpy(a->sun_path, name, len);
	/* An abstract name begins with a NUL and is not ended by one. */
	if (name[0] == '@')
		a->sun_path[0] = '\0';
	else
		len++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void notify_send(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	socklen_t len;
	int fd;

	if (name == NULL || (len = address_set(&to, name)) == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd == -1)
		return;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != -1 &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) != -1)
		(void)!sendto(fd, state, strlen(state), 0,
		    (const struct sockaddr *)&to, len);
	close(fd);
}

/* A positive integer of the environment, or 0. */
static int64_t environment_number(const char *name)
{
	const char *text = getenv(name);
	int64_t n;

	if (text == NULL || num_int64(text, strlen(text), &n) != NUM_OK ||
	    n < 0)
		return 0;
	return n;
}

int64_t notify_watchdog_ms(void)
{
	int64_t wait_us = environment_number("WATCHDOG_USEC");

	if (wait_us == 0 || (getenv("WATCHDOG_PID") != NULL &&
				environment_number("WATCHDOG_PID") != getpid()))
		return 0;
	return wait_us < 2000 ? 1 : wait_us / 2000;
}
