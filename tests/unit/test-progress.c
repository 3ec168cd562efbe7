/* How far it is: words, a bar on a terminal that goes away, silence. */
#define _XOPEN_SOURCE 700
#include "fetch/progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "tap.h"

static void words(void)
{
	struct progress p;
	char text[200];

	progress_begin(&p, 1, "calls", 1000, 0);
	progress_text(&p, 0, text, sizeof(text));
	is_str(text, "0 of 1000 calls, 0 %", "at the beginning");
	for (int i = 0; i <= 100; i++) {
		p.done = 2 * i;
		progress_tick(&p, i * 1000 / 2);
	}
	progress_text(&p, 50000, text, sizeof(text));
	is_str(text, "200 of 1000 calls, 20 %, 4.0/s, 3 min left",
	    "rate and time left");
	p.done = 1000;
	progress_text(&p, 51000, text, sizeof(text));
	ok(strstr(text, "1000 of 1000 calls, 100 %") == text &&
		strstr(text, "left") == NULL,
	    "at the end: %s", text);
	p.total = 0;
	progress_text(&p, 51000, text, sizeof(text));
	ok(strstr(text, "1000 calls, ") == text, "without a total: %s", text);
	progress_end(&p);
}

static int screen;

static size_t seen(char *out, size_t size)
{
	ssize_t n;
	size_t len = 0;

	while (
	    len + 1 < size && (n = read(screen, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return len;
}

static void terminal(void)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY), fd;
	struct winsize w = {.ws_col = 60, .ws_row = 24};
	struct progress p;
	char text[4000];

	if (pty == -1 || grantpt(pty) == -1 || unlockpt(pty) == -1 ||
	    (fd = open(ptsname(pty), O_RDWR | O_NOCTTY)) == -1) {
		ok(false, "a terminal is to be had");
		return;
	}
	screen = pty;
	fcntl(pty, F_SETFL, O_NONBLOCK);
	ioctl(fd, TIOCSWINSZ, &w);
	progress_begin(&p, fd, "calls", 200, 0);
	progress_tick(&p, 900);
	is_int((int64_t)seen(text, sizeof(text)), 0, "short work: nothing");
	p.done = 50;
	progress_tick(&p, 2000);
	seen(text, sizeof(text));
	ok(strstr(text, "\r[####") == text && strstr(text, "....] 50 of 200 "),
	    "a bar: %s", text + 1);
	ok(strcspn(text, "\033") <= 60, "no wider than the terminal");
	progress_tick(&p, 2099);
	is_int((int64_t)seen(text, sizeof(text)), 0, "ten times a second");
	progress_tick(&p, 2100);
	ok(seen(text, sizeof(text)) > 0, "and not less");
	log_error("something");
	seen(text, sizeof(text));
	is_str(text, "\r\033[K", "gone before a sentence");
	progress_tick(&p, 2300);
	w.ws_col = 20;
	ioctl(fd, TIOCSWINSZ, &w);
	seen(text, sizeof(text));
	progress_tick(&p, 2500);
	seen(text, sizeof(text));
	ok(text[0] == '\r' && text[1] != '[' && strcspn(text, "\033") <= 20,
	    "a narrow one: words alone");
	progress_end(&p);
	seen(text, sizeof(text));
	is_str(text, "\r\033[K", "gone at the end");
	log_error("something");
	is_int((int64_t)seen(text, sizeof(text)), 0, "and left alone");
	log_level_set(LOG_LEVEL_ERROR);
	progress_begin(&p, fd, "calls", 200, 0);
	progress_tick(&p, 5000);
	is_int((int64_t)seen(text, sizeof(text)), 0, "--quiet");
	log_level_set(LOG_LEVEL_INFO);
	progress_end(&p);
	close(fd);
	close(pty);
}

/* What is logged goes to descriptor 2. */
static void elsewhere(void)
{
	FILE *f = tmpfile();
	int saved = dup(2);
	struct progress p;
	char text[1000];

	dup2(fileno(f), 2);
	progress_begin(&p, 2, "calls", 100, 0);
	for (int64_t ms = 0; ms <= 180000; ms += 500)
		progress_tick(&p, ms);
	progress_end(&p);
	dup2(saved, 2);
	close(saved);
	rewind(f);
	int n = 0;
	while (fgets(text, sizeof(text), f) != NULL)
		n += strstr(text, "test-progress: info: 0 of 100 calls") != 0;
	is_int(n, 3, "three minutes: three lines");
	fclose(f);
}

int main(void)
{
	log_open("test-progress");
	words();
	terminal();
	elsewhere();
	return done_testing();
}
