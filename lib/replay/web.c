/*
 * REST of the replay server (replay/conn.h): GET with a query string and POST
 * with a JSON-RPC body under /api/v2/.
 */
#include <stdlib.h>
#include <string.h>

#include "replay/conn.h"

#define PREFIX "/api/v2/"
#define QUERY_MAX 8192
#define CHUNK ((size_t)32768)

struct web_reply {
	char method[128];
	struct buf body; /* of the request */
	struct buf reply;
	bool post;
	bool too_large;
};

static struct web_reply *reply_new(struct server *s, const char *path)
{
	struct web_reply *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	snprintf(w->method, sizeof(w->method), "%s", path);
	buf_init(&w->body, RULES_FRAME_MAX + 1);
	buf_init(&w->reply, (size_t)64 << 20);
	s->web++;
	return w;
}

static void reply_free(struct server *s, void **reply)
{
	struct web_reply *w = *reply;

	if (w == NULL)
		return;
	buf_free(&w->body);
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

static int send_head(struct lws *wsi, unsigned status, size_t len)
{
	unsigned char head[LWS_PRE + 1024];
	unsigned char *start = head + LWS_PRE, *p = start;
	unsigned char *end = head + sizeof(head) - 1;

	if (lws_add_http_common_headers(
		wsi, status, "application/json", len, &p, end) ||
	    lws_add_http_header_by_name(wsi,
		(const unsigned char *)"cache-control:",
		(const unsigned char *)"no-store", 8, &p, end) ||
	    lws_finalize_write_http_header(wsi, start, &p, end))
		return -1;
	lws_callback_on_writable(wsi);
	return 0;
}

static unsigned status_of(enum rpc_outcome outcome)
{
	return outcome == RPC_RESULT ? 200 : outcome == RPC_ERROR ? 400 : 429;
}

static int send_reply(struct server *s, struct lws *wsi, struct web_reply *w,
    enum rpc_outcome outcome)
{
	s->stats.requests++;
	s->stats.errors += outcome != RPC_RESULT;
	s->stats.limited += outcome == RPC_TERMINATE;
	/* Without one, libwebsockets ends the connection after a while. */
	if (outcome == RPC_LOST)
		return 0;
	return send_head(wsi, status_of(outcome), buf_used(&w->reply));
}

static int refuse(struct lws *wsi, unsigned status)
{
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
		return refuse(wsi, 429);
	}
	if (server_hides(s))
		return refuse(wsi, 503);
	if (strncmp(path, PREFIX, prefix) != 0)
		return refuse(wsi, 404);
	w = reply_new(s, path + prefix);
	if (w == NULL)
		return -1;
	*reply = w;
	w->post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
	if (w->post)
		return 0;
	query_of(wsi, query, sizeof(query));
	return send_reply(
	    s, wsi, w, rpc_query(&s->rpc, w->method, query, &w->reply));
}

static void body_add(struct web_reply *w, const char *p, size_t len)
{
	if (buf_used(&w->body) + len > RULES_FRAME_MAX)
		w->too_large = true;
	else
		buf_add(&w->body, p, len);
}

static int body_end(struct server *s, struct lws *wsi, struct web_reply *w)
{
	enum rpc_outcome outcome = RPC_ERROR;

	if (w->too_large)
		rpc_refuse(&w->reply, -32600, "request entity too large", NULL);
	else if (buf_str(&w->body) != NULL)
		outcome = rpc_answer(&s->rpc, NULL, buf_head(&w->body),
		    buf_used(&w->body), &w->reply);
	return send_reply(s, wsi, w, outcome);
}

static int write_on(struct server *s, struct lws *wsi, void **reply)
{
	unsigned char chunk[LWS_PRE + CHUNK];
	struct web_reply *w = *reply;
	size_t n;
	bool last;

	if (w == NULL)
		return 0;
	n = buf_used(&w->reply) < CHUNK ? buf_used(&w->reply) : CHUNK;
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
		return *reply != NULL ? body_end(s, wsi, *reply) : 0;
	case LWS_CALLBACK_HTTP_WRITEABLE: return write_on(s, wsi, reply);
	case LWS_CALLBACK_CLOSED_HTTP: reply_free(s, reply); return 0;
	default: return 0;
	}
}
