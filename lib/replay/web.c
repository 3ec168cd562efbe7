/*
 * REST of the replay server (replay/conn.h): GET with a query string and POST
 * with a JSON-RPC body under /api/v2/.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "replay/conn.h"
#include "replay/web-harm.h"

#define PREFIX "/api/v2/"
#define QUERY_MAX 8192
#define LOG_LINE_MAX (8 * RULES_FRAME_MAX)
#define CHUNK ((size_t)32768)

struct web_reply {
	char method[128];
	struct buf query; /* as it came, or the body of a POST */
	struct buf reply;
	bool post;
	bool too_large;
	unsigned status;
	struct web_harm harm;
	size_t left; /* of the reply until the harm is done */
};

static struct web_reply *reply_new(struct server *s, const char *path)
{
	struct web_reply *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	snprintf(w->method, sizeof(w->method), "%s", path);
	buf_init(&w->query, RULES_FRAME_MAX + 1);
	buf_init(&w->reply, (size_t)64 << 20);
	s->web++;
	return w;
}

static void reply_free(struct server *s, void **reply)
{
	struct web_reply *w = *reply;

	if (w == NULL)
		return;
	buf_free(&w->query);
	buf_free(&w->reply);
	free(w);
	s->web--;
	*reply = NULL;
}

/* The query string as lws split it: fragments are rejoined. */
static void query_of(struct lws *wsi, char *out, size_t size)
{
	size_t used = 0;
	int n;

	out[0] = '\0';
	for (int i = 0; used + 2 < size; i++) {
		char *to = out + used + (i > 0);

		n = lws_hdr_copy_fragment(wsi, to, (int)(size - used - 2),
		    WSI_TOKEN_HTTP_URI_ARGS, i);
		if (n <= 0)
			break;
		if (i > 0)
			out[used] = '&';
		used = (size_t)(to - out) + (size_t)n;
		out[used] = '\0';
	}
	out[used] = '\0';
}

/* A line of the request log; method and query are the client's. */
static void log_request(struct server *s, int64_t at_us, const char *method,
    const struct buf *query, unsigned status, const char *fault)
{
	struct buf line;

	if (s->options->requests->file == NULL)
		return;
	buf_init(&line, LOG_LINE_MAX);
	buf_addf(&line, "{\"at\":%" PRId64 ",\"method\":", at_us);
	json_encode(&line, method, strlen(method));
	buf_adds(&line, ",\"query\":");
	json_encode(&line, query != NULL ? buf_head(query) : "",
	    query != NULL ? buf_used(query) : 0);
	buf_addf(&line, ",\"status\":%u,\"rows\":", status);
	if (status == 200 && s->rpc.rows >= 0)
		buf_addf(&line, "%ld", s->rpc.rows);
	else
		buf_adds(&line, "null");
	if (fault != NULL)
		buf_addf(&line, ",\"fault\":\"%s\"}", fault);
	else
		buf_adds(&line, ",\"fault\":null}");
	truth_note(s->options->requests, buf_head(&line), buf_used(&line));
	buf_free(&line);
}

static int add_header(struct lws *wsi, const char *name, const char *value,
    unsigned char **p, unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
	    (const unsigned char *)value, (int)strlen(value), p, end);
}

static int send_head(struct server *s, struct lws *wsi, void **reply)
{
	unsigned char head[LWS_PRE + 1024];
	unsigned char *start = head + LWS_PRE, *p = start;
	unsigned char *end = head + sizeof(head) - 1;
	struct web_reply *w = *reply;
	const char *type = w->harm.type != NULL ? w->harm.type
	                                        : "application/json";
	size_t len = buf_used(&w->reply);

	if (lws_add_http_common_headers(wsi, w->status, type, len, &p, end) ||
	    add_header(wsi, "cache-control:", "no-store", &p, end) ||
	    (w->harm.retry_after != NULL &&
		add_header(
		    wsi, "retry-after:", w->harm.retry_after, &p, end)) ||
	    lws_finalize_write_http_header(wsi, start, &p, end))
		return -1;
	if (len > 0) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	reply_free(s, reply);
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static unsigned status_of(enum rpc_outcome outcome)
{
	switch (outcome) {
	case RPC_RESULT: return 200;
	case RPC_LOST: return 0;
	default: return outcome == RPC_ERROR ? 400 : 429;
	}
}

static enum rpc_outcome call(struct server *s, struct web_reply *w)
{
	const char *query = buf_str(&w->query);

	if (query == NULL || w->too_large) {
		rpc_refuse(&w->reply, -32600, "request entity too large", NULL);
		return RPC_ERROR;
	}
	if (!w->post)
		return rpc_query(&s->rpc, w->method, query, &w->reply);
	return rpc_answer(&s->rpc, NULL, query, buf_used(&w->query), &w->reply);
}

/* Makes the call, unless another reply stands in place of its own. */
static enum rpc_outcome make(struct server *s, struct web_reply *w)
{
	struct faults *f = s->options->faults;
	enum faults_kind latest;
	enum rpc_outcome outcome = RPC_ERROR;

	s->rpc.rows = -1;
	web_harm_draw(f, w->method, &w->harm, &w->reply);
	w->status = w->harm.status;
	s->stats.requests++;
	if (w->harm.kind != WEB_INSTEAD) {
		latest = f->latest;
		outcome = call(s, w);
		w->status = status_of(outcome);
		/* Of a call that was also harmed otherwise, the log has this.
		 */
		if (w->harm.kind != WEB_WHOLE)
			f->latest = latest;
	}
	s->stats.errors += outcome != RPC_RESULT;
	s->stats.limited += outcome == RPC_TERMINATE;
	s->stats.rest_limited += outcome == RPC_TERMINATE;
	return outcome;
}

static int answer(struct server *s, struct lws *wsi, void **reply)
{
	struct web_reply *w = *reply;
	const struct faults *f = s->options->faults;
	uint64_t done = f->done_all;
	int64_t at_us = clock_wall_us();
	enum rpc_outcome outcome = make(s, w);

	log_request(s, at_us, w->method, &w->query, w->status,
	    f->done_all != done ? faults_name(f->latest) : NULL);
	/* Without one, libwebsockets ends the connection after a while. */
	if (outcome == RPC_LOST)
		return 0;
	w->left = buf_used(&w->reply) / 2;
	if (w->harm.kind == WEB_CUT)
		w->reply.len -= buf_used(&w->reply) - w->left;
	if (w->harm.kind != WEB_LATE)
		return send_head(s, wsi, reply);
	lws_set_timer_usecs(wsi, w->harm.late_us);
	return 0;
}

static int refuse(
    struct server *s, struct lws *wsi, const char *path, unsigned status)
{
	log_request(s, clock_wall_us(), path, NULL, status, NULL);
	if (lws_return_http_status(wsi, status, NULL))
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int begin(
    struct server *s, struct lws *wsi, void **reply, const char *path)
{
	char query[QUERY_MAX];
	struct web_reply *w;
	size_t prefix = strlen(PREFIX);

	reply_free(s, reply);
	if (s->live + s->web >= RULES_CONNECTIONS_MAX) {
		s->stats.refused++;
		return refuse(s, wsi, path, 429);
	}
	if (server_hides(s))
		return refuse(s, wsi, path, 503);
	if (strncmp(path, PREFIX, prefix) != 0)
		return refuse(s, wsi, path, 404);
	w = reply_new(s, path + prefix);
	if (w == NULL)
		return -1;
	*reply = w;
	w->post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
	if (w->post)
		return 0;
	query_of(wsi, query, sizeof(query));
	buf_adds(&w->query, query);
	return answer(s, wsi, reply);
}

static void body_add(struct web_reply *w, const char *p, size_t len)
{
	if (buf_used(&w->query) + len > RULES_FRAME_MAX)
		w->too_large = true;
	else
		buf_add(&w->query, p, len);
}

static bool is_broken(const struct web_reply *w)
{
	return w->harm.kind == WEB_SHORT || w->harm.kind == WEB_RESET;
}

/* What a broken reply ends with: the connection's end, or a reset. */
static int break_off(struct lws *wsi, const struct web_reply *w)
{
	struct linger none = {.l_onoff = 1, .l_linger = 0};

	if (w->harm.kind == WEB_SHORT)
		return -1;
	setsockopt(
	    lws_get_socket_fd(wsi), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	return 0;
}

static int write_on(struct server *s, struct lws *wsi, void **reply)
{
	unsigned char chunk[LWS_PRE + CHUNK];
	struct web_reply *w = *reply;
	size_t n;
	bool last;

	if (w == NULL)
		return 0;
	if (is_broken(w) && w->left == 0)
		return break_off(wsi, w);
	n = buf_used(&w->reply) < CHUNK ? buf_used(&w->reply) : CHUNK;
	if (is_broken(w) && n > w->left)
		n = w->left;
	w->left -= n < w->left ? n : w->left;
	last = n == buf_used(&w->reply);
	memcpy(chunk + LWS_PRE, buf_head(&w->reply), n);
	buf_consume(&w->reply, n);
	if (lws_write(wsi, chunk + LWS_PRE, n,
		last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n)
		return -1;
	if (!last) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	reply_free(s, reply);
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

int web_callback(struct server *s, struct lws *wsi,
    enum lws_callback_reasons why, void **reply, void *in, size_t len)
{
	switch (why) {
	case LWS_CALLBACK_HTTP: return begin(s, wsi, reply, in);
	case LWS_CALLBACK_HTTP_BODY:
		if (*reply != NULL)
			body_add(*reply, in, len);
		return 0;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return *reply != NULL ? answer(s, wsi, reply) : 0;
	case LWS_CALLBACK_TIMER:
		return *reply != NULL ? send_head(s, wsi, reply) : 0;
	case LWS_CALLBACK_HTTP_WRITEABLE: return write_on(s, wsi, reply);
	case LWS_CALLBACK_CLOSED_HTTP: reply_free(s, reply); return 0;
	default: return 0;
	}
}
