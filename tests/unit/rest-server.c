#include "rest-server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/ratelimit.h"

#define CONNS 64
#define SEEN 4096

struct conn {
	int fd;
	char in[8192];
	size_t len;
	bool held;     /* a request is there and not answered */
	char word[40]; /* its method, without public/ */
	char query[400];
};

static struct conn conn[CONNS];
static char seen[SEEN][440]; /* methods and queries that failed once */
static size_t n_seen;
static int64_t most, overdrawn, early, accepted, number, forbidden_ms;
static struct ratelimit bucket;
static pid_t child = -1;

static void conn_close(struct conn *c)
{
	close(c->fd);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static void conn_reset(struct conn *c)
{
	struct linger l = {1, 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	conn_close(c);
}

static void send_all(struct conn *c, const char *p)
{
	size_t len = strlen(p), at = 0;
	ssize_t n;

	while (at < len) {
		n = write(c->fd, p + at, len - at);
		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static void answer(
    struct conn *c, const char *status, const char *headers, const char *body)
{
	char head[1024];

	snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n%s\r\n",
	    status, strlen(body), headers);
	send_all(c, head);
	send_all(c, body);
	c->held = false;
}

static void answer_result(struct conn *c, const char *result, int64_t ahead_us)
{
	char body[2048];

	snprintf(body, sizeof(body),
	    "{\"jsonrpc\":\"2.0\",\"result\":%s,\"usIn\":1,\"usOut\":%" PRId64
	    "}",
	    result, clock_wall_us() + ahead_us);
	answer(c, "200 OK", "", body);
}

static void answer_ok(struct conn *c, int64_t ahead_us)
{
	char result[600];

	snprintf(result, sizeof(result), "{\"query\":\"%s\",\"n\":%" PRId64 "}",
	    c->query, number);
	answer_result(c, result, ahead_us);
}

static void answer_report(struct conn *c)
{
	char result[200];

	snprintf(result, sizeof(result),
	    "{\"most\":%" PRId64 ",\"overdrawn\":%" PRId64 ",\"early\":%" PRId64
	    ",\"accepted\":%" PRId64 "}",
	    most, overdrawn, early, accepted);
	most = overdrawn = early = 0;
	ratelimit_init(&bucket, 10, 100);
	answer_result(c, result, 0);
}

/* Whether it is the first time. */
static bool first_time(const struct conn *c)
{
	char key[440];

	snprintf(key, sizeof(key), "%s?%s", c->word, c->query);
	for (size_t i = 0; i < n_seen; i++)
		if (strcmp(seen[i], key) == 0)
			return false;
	if (n_seen < SEEN)
		strcpy(seen[n_seen++], key);
	return true;
}

static void fail(struct conn *c)
{
	const char *how = c->word + 4;

	if (strcmp(how, "429") == 0)
		answer(c, "429 Too Many Requests",
		    c->word[0] == 'w' ? "Retry-After: 1\r\n" : "",
		    "{\"error\":{\"code\":10028,\"message\":\"too_many_"
		    "requests\"}}");
	else if (strcmp(how, "10028") == 0)
		answer(c, "400 Bad Request", "",
		    "{\"error\":{\"code\":10028,\"message\":\"too_many_"
		    "requests\",\"data\":{\"wait\":1}}}");
	else if (strcmp(how, "502") == 0)
		answer(c, "502 Bad Gateway", "", "<html>cloudflare</html>");
	else if (strcmp(how, "html") == 0)
		answer(c, "200 OK", "", "<html>please hold</html>");
	else if (strcmp(how, "empty") == 0)
		answer(c, "502 Bad Gateway", "", "");
	else if (strcmp(how, "reset") == 0)
		conn_reset(c);
	else {
		send_all(c, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
			    "{\"result\":[1,");
		conn_close(c);
	}
	if (strcmp(how, "10028") == 0 || c->word[0] == 'w')
		forbidden_ms = clock_mono_ms() + 1000;
}

static size_t held_of(const char *word)
{
	size_t n = 0;

	for (struct conn *c = conn; c < conn + CONNS; c++)
		n += c->fd != -1 && c->held &&
		     (word == NULL || strcmp(c->word, word) == 0);
	return n;
}

static void together(const char *query)
{
	if (held_of("together") < (size_t)atoi(query))
		return;
	for (struct conn *c = conn; c < conn + CONNS; c++)
		if (c->fd != -1 && c->held && strcmp(c->word, "together") == 0)
			answer_ok(c, 0);
}

static void count(void)
{
	int64_t now = clock_mono_ms();

	number++;
	if ((int64_t)held_of(NULL) > most)
		most = (int64_t)held_of(NULL);
	early += now < forbidden_ms && now > forbidden_ms - 800;
	overdrawn += ratelimit_take(&bucket, now) > 0;
}

static void serve(struct conn *c)
{
	if (strcmp(c->word, "report") == 0) {
		answer_report(c);
		return;
	}
	count();
	if (strcmp(c->word, "doze") == 0)
		poll(NULL, 0, 600);
	if (strcmp(c->word, "together") == 0)
		together(c->query);
	else if (strcmp(c->word, "refuse") == 0)
		answer(c, "400 Bad Request", "",
		    "{\"error\":{\"code\":-32602,\"message\":\"Invalid params\""
		    "}}");
	else if (strcmp(c->word, "big") == 0)
		answer_result(c, "[227538549002481664,1.0,6.4e4]", 0);
	else if (strcmp(c->word, "later") == 0)
		answer_ok(c, INT64_C(3600000000));
	else if ((strncmp(c->word, "fail", 4) == 0 ||
		     strncmp(c->word, "wait", 4) == 0) &&
		 first_time(c))
		fail(c);
	else if (strcmp(c->word, "hang") != 0)
		answer_ok(c, 0);
}

/* Takes the request out of what came in, when it is whole. */
static void head_take(struct conn *c)
{
	char *end, *word, *query;

	c->in[c->len] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	word = strstr(c->in, "/public/");
	if (end == NULL || word == NULL)
		return;
	*end = '\0';
	word += strlen("/public/");
	word[strcspn(word, " \r\n")] = '\0';
	query = strchr(word, '?');
	if (query != NULL)
		*query++ = '\0';
	snprintf(c->word, sizeof(c->word), "%s", word);
	snprintf(c->query, sizeof(c->query), "%s", query != NULL ? query : "");
	c->len = 0;
	c->held = true;
	serve(c);
}

static void conn_read(struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->len, sizeof(c->in) - 1 - c->len);

	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->len += (size_t)n;
	head_take(c);
}

static void conn_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	for (struct conn *c = conn; fd != -1 && c < conn + CONNS; c++)
		if (c->fd == -1) {
			c->fd = fd;
			accepted++;
			return;
		}
	close(fd);
}

static void run(int listener)
{
	struct pollfd p[CONNS + 1];

	signal(SIGPIPE, SIG_IGN);
	ratelimit_init(&bucket, 10, 100);
	for (size_t i = 0; i < CONNS; i++)
		conn[i].fd = -1;
	for (;;) {
		for (size_t i = 0; i < CONNS; i++)
			p[i] = (struct pollfd){conn[i].fd, POLLIN, 0};
		p[CONNS] = (struct pollfd){listener, POLLIN, 0};
		if (poll(p, CONNS + 1, -1) == -1)
			_exit(1);
		for (size_t i = 0; i < CONNS; i++)
			if (p[i].fd != -1 && p[i].fd == conn[i].fd &&
			    p[i].revents != 0)
				conn_read(&conn[i]);
		if (p[CONNS].revents != 0)
			conn_accept(listener);
	}
}

const char *rest_server_start(void)
{
	static char url[100];
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, len) == -1 ||
	    listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		return NULL;
	snprintf(
	    url, sizeof(url), "http://127.0.0.1:%d/api/v2", ntohs(a.sin_port));
	fflush(stdout);
	child = fork();
	if (child == 0)
		run(fd);
	close(fd);
	return child > 0 ? url : NULL;
}

void rest_server_stop(void)
{
	if (child <= 0)
		return;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = -1;
}
