#include "io/stop.h"

#include <unistd.h>

#include "io/loop.h"

volatile sig_atomic_t stop_asked;

static void on_signal(int sig)
{
	if (loop_signal_again())
		_exit(128 + sig);
	stop_asked = 1;
}

void stop_catch(void)
{
	struct sigaction sa = {
	    .sa_handler = on_signal, .sa_flags = (int)SA_RESTART};

	sigfillset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void stop_by_pipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}
