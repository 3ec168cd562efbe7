/* The service manager's protocol: who hears what, and who does not. */
#include "io/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tap.h"

/* A manager that listens at name; -1 where the system has no such names. */
static int listen_at(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(a.sun_path, name, len);
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	else
		len++;
	if (fd == -1 || bind(fd, (struct sockaddr *)&a,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					len)) == -1)
		return -1;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static const char *heard(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void path(const char *dir)
{
	char name[64], none[64];
	int fd, next, sent;

	snprintf(name, sizeof(name), "%s/notify", dir);
	snprintf(none, sizeof(none), "%s/none", dir);
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1\nSTATUS=live");
	is_str(heard(fd), "READY=1\nSTATUS=live", "a path is sent to");
	next = dup(fd);
	close(next);
	notify_send("WATCHDOG=1");
	is_int(dup(fd), next, "no descriptor is left");
	close(next);
	/* More than any queue holds: the test ends only if nothing blocks. */
	for (sent = 0; sent < 10000; sent++)
		notify_send("WATCHDOG=1");
	ok(true, "a manager that does not read is not waited for");
	is_str(heard(fd), "WATCHDOG=1", "and loses the latest");
	while (heard(fd)[0] != '\0')
		;
	setenv("NOTIFY_SOCKET", none, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", name + 1, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_send("READY=1");
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	is_str(heard(fd), "", "nobody else hears");
	close(fd);
	unlink(name);
}

static void abstract(void)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "@deribit-test-%ld", (long)getpid());
	fd = listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("STOPPING=1");
	if (fd != -1)
		is_str(heard(fd), "STOPPING=1", "an abstract name is sent to");
	close(fd);
	memset(name, 'n', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("STOPPING=1");
	ok(true, "a path longer than an address is no path");
}

static void watchdog(void)
{
	char pid[32];

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	is_int(notify_watchdog_ms(), 0, "nobody waits");
	setenv("WATCHDOG_USEC", "30000000", 1);
	is_int(notify_watchdog_ms(), 15000, "half of what is waited");
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	is_int(notify_watchdog_ms(), 15000, "for this process");
	snprintf(pid, sizeof(pid), "%ld", (long)getppid());
	setenv("WATCHDOG_PID", pid, 1);
	is_int(notify_watchdog_ms(), 0, "not for another");
	setenv("WATCHDOG_PID", "x", 1);
	is_int(notify_watchdog_ms(), 0, "nor for no process");
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "1500", 1);
	is_int(notify_watchdog_ms(), 1, "less than a millisecond is one");
	setenv("WATCHDOG_USEC", "-5", 1);
	is_int(notify_watchdog_ms(), 0, "a negative wait is none");
	setenv("WATCHDOG_USEC", "18446744073709551615", 1);
	is_int(notify_watchdog_ms(), 0, "nor an endless one");
	setenv("WATCHDOG_USEC", "5 s", 1);
	is_int(notify_watchdog_ms(), 0, "nor a text");
}

int main(void)
{
	char dir[] = "/tmp/notify.XXXXXX";

	if (mkdtemp(dir) == NULL)
		abort();
	path(dir);
	abstract();
	watchdog();
	rmdir(dir);
	return done_testing();
}
