/*
 * The hostile peer: a TLS WebSocket server on loopback that does one thing
 * wrong, for the tests of the client.  It shares no code with lib/.
 *
 *	peer BEHAVIOUR DIR [TIMES]
 *
 * Writes the CA's certificate to DIR/ca.pem and prints PEER_PORT=, PEER_URL=
 * and PEER_CACERT= for the shell, then a line "event N WHAT" for what
 *connection N met.  From connection TIMES + 1 on it behaves.  Runs until
 *SIGTERM.
 */
#include "behave.h"
#include "cert.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUOTE_EVERY_MS 100

static void converse(struct talk *t, const struct behaviour *b)
{
	if (b->stage == STAGE_UPGRADE)
		b->act(t);
	while (!t->over) {
		if (wire_readable(&t->w, QUOTE_EVERY_MS))
			hear(t, b);
		else if (t->instrument[0] != '\0')
			send_quote(t);
	}
}

static void serve(struct talk *t, SSL_CTX *ctx, const struct behaviour *b)
{
	event(t, "accepted");
	if (b->stage == STAGE_TCP) {
		b->act(t);
		return;
	}
	if (wire_tls(&t->w, ctx) == -1) {
		event(t, "refused us");
		return;
	}
	if (b->stage == STAGE_TLS)
		b->act(t);
	if (t->over ||
	    wire_request(&t->w, t->request, sizeof(t->request)) == -1)
		return;
	if (b->stage == STAGE_REQUEST)
		b->act(t);
	else if (wire_upgrade(&t->w, t->request, "") == 0)
		converse(t, b);
}

static void child(int fd, int number, SSL_CTX *ctx, const struct behaviour *b)
{
	static struct talk t;

	t.w.fd = fd;
	t.number = number;
	serve(&t, ctx, b);
	wire_end(&t.w);
}

static void accept_all(
    int listener, SSL_CTX *ctx, const struct behaviour *b, int times)
{
	for (int number = 1;; number++) {
		int fd = accept(listener, NULL, NULL);
		pid_t pid;

		if (fd == -1)
			return;
		if (number > times)
			b = behaviour_find("none");
		pid = fork();
		if (pid == 0) {
			close(listener);
			child(fd, number, ctx, b);
			exit(0);
		}
		close(fd);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void on_term(int sig)
{
	(void)sig;
	/* The children hold connections open: they go too. */
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	_exit(0);
}

static int usage(void)
{
	fprintf(stderr, "usage: peer BEHAVIOUR DIR [TIMES]\nbehaviours:");
	for (const struct behaviour *b = behaviours; b->name != NULL; b++)
		fprintf(stderr, " %s", b->name);
	fprintf(stderr, "\n");
	return 64;
}

int main(int argc, char **argv)
{
	const struct behaviour *b = argc > 2 ? behaviour_find(argv[1]) : NULL;
	struct cert_wish wish = {.name = "localhost"};
	int times = argc > 3 ? atoi(argv[3]) : 1000000;
	char ca[4096];
	SSL_CTX *ctx;
	int fd, port;

	if (b == NULL)
		return usage();
	setpgid(0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	snprintf(ca, sizeof(ca), "%s/ca.pem", argv[2]);
	wish.ca_file = ca;
	wish.untrusted = strcmp(b->name, "wrong-certificate") == 0;
	if (strcmp(b->name, "wrong-host") == 0)
		wish.name = "elsewhere.example";
	ctx = cert_context(&wish);
	fd = wire_listen(&port);
	if (ctx == NULL || fd == -1) {
		fprintf(stderr, "peer: no certificate or no port\n");
		return 1;
	}
	printf("PEER_PORT=%d\nPEER_URL=wss://localhost:%d/ws/api/v2\n"
	       "PEER_CACERT=%s\n",
	    port, port, ca);
	fflush(stdout);
	accept_all(fd, ctx, b, times);
	return 0;
}
