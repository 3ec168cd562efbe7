/*
 * A WebSocket client for shell tests: sends each argument as a text message,
 * prints each message that comes as a line, and at the end why it ended, on
 * stderr.
 *
 *	ws-probe [-as] [-n COUNT] [-z BYTES] MESSAGE...
 *
 * -a: answers test_requests.  -s: stops (SIGSTOP) behind the first message, to
 * be a slow reader.  -n: leaves after COUNT messages.  -z: sends a message of
 * so many bytes first.  DERIBIT_WS_URL and DERIBIT_CACERT say where.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/ws.h"

struct probe {
	struct loop *loop;
	struct ws *ws;
	char **messages;
	size_t size; /* of the message to send first */
	long left;   /* messages to print; 0: all */
	bool answer, stop;
};

static void send_text(struct probe *p, const char *text, size_t len)
{
	struct fault fault;

	if (ws_send(p->ws, text, len, &fault) == -1) {
		fprintf(stderr, "%s\n", fault.text);
		exit(2);
	}
}

static void on_open(void *arg)
{
	struct probe *p = arg;
	char *large;

	if (p->size > 0) {
		large = malloc(p->size);
		if (large == NULL)
			exit(2);
		memset(large, 'x', p->size);
		send_text(p, large, p->size);
		free(large);
	}
	for (char **m = p->messages; *m != NULL; m++)
		send_text(p, *m, strlen(*m));
}

static void on_message(void *arg, const char *text, size_t len)
{
	static const char test[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"public/test\"}";
	struct probe *p = arg;

	fwrite(text, 1, len, stdout);
	putchar('\n');
	if (p->answer && strstr(text, "\"test_request\"") != NULL)
		send_text(p, test, sizeof(test) - 1);
	if (p->stop) {
		p->stop = false;
		fflush(stdout);
		raise(SIGSTOP);
	}
	if (p->left > 0 && --p->left == 0)
		loop_quit(p->loop);
}

static void on_closed(void *arg, const struct fault *why, bool permanent)
{
	struct probe *p = arg;

	fprintf(stderr, "closed: %s%s\n", why->text,
	    permanent ? " (permanent)" : "");
	if (ws_refused_status(p->ws) != 0)
		fprintf(stderr, "refused: %d, retry after %lld ms\n",
		    ws_refused_status(p->ws),
		    (long long)ws_retry_after_ms(p->ws));
	p->ws = NULL;
	loop_quit(p->loop);
}

static int run(struct probe *p)
{
	static const struct ws_calls calls = {on_open, on_message, on_closed};
	struct ws_options options = {
	    .url = getenv("DERIBIT_WS_URL"),
	    .cacert = getenv("DERIBIT_CACERT"),
	    .user_agent = "ws-probe",
	    .connect_timeout_ms = 10000,
	    .upgrade_timeout_ms = 10000,
	    .message_max = 64 << 20,
	};
	struct fault fault;

	p->loop = loop_new();
	p->ws = ws_new(p->loop, &options, &calls, p, &fault);
	if (p->ws == NULL || loop_run(p->loop, &fault) == -1) {
		fprintf(stderr, "%s\n", fault.text);
		return 2;
	}
	return fflush(stdout) == EOF ? 2 : 0;
}

int main(int argc, char **argv)
{
	struct probe p = {.answer = false};
	int c, r;

	log_open("ws-probe");
	while ((c = getopt(argc, argv, "an:sz:")) != -1) {
		switch (c) {
		case 'a': p.answer = true; break;
		case 'n': p.left = atol(optarg); break;
		case 's': p.stop = true; break;
		case 'z': p.size = (size_t)atol(optarg); break;
		default: return 64;
		}
	}
	p.messages = argv + optind;
	r = run(&p);
	if (p.ws != NULL)
		ws_free(p.ws);
	loop_free(p.loop);
	return r;
}
