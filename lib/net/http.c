#include "net/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

/* *stop is looked at this often even if nothing happens. */
#define TURN_MS 100
/* Deribit closes connections after 15 minutes. */
#define IDLE_MAX_S 600L
#define LIFE_MAX_S 840L

struct url_parts {
	char peer[300]; /* host[:port] */
	bool loopback;
	bool secure;
};

/* An easy handle, which outlives its request to serve another one. */
struct http_transfer {
	struct http_transfer *next, *prev;
	CURL *easy;
	struct http_request *request; /* NULL: idle */
	struct url_parts url;
	char error[CURL_ERROR_SIZE];
};

struct http {
	struct http_options options;
	CURLM *multi;
	struct http_transfer *busy, *idle;
};

static size_t body_take(char *p, size_t size, size_t n, void *arg)
{
	struct http_reply *reply = arg;

	return buf_add(&reply->body, p, size * n) == -1 ? 0 : size * n;
}

static int options_check(CURLcode code, const char *what, struct fault *fault)
{
	if (code == CURLE_OK)
		return 0;
	return fault_set(fault, EX_SOFTWARE, "libcurl refuses %s: %s", what,
	    curl_easy_strerror(code));
}

/* The protocol list became a string in 7.85. */
static CURLcode protocols_set(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(
	    easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void transport_set(CURL *easy, const struct http_options *o)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(
	    easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(
	    easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)o->max_time_ms);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, LIFE_MAX_S);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Not to wait for a resolver's thread when asked to stop. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

static int easy_set(
    const struct http_options *o, struct http_transfer *t, struct fault *fault)
{
	transport_set(t->easy, o);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(
	    t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	if (options_check(protocols_set(t->easy), "the protocol list", fault) ||
	    options_check(
		curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip"),
		"gzip", fault))
		return -1;
	if (o->user_agent != NULL)
		curl_easy_setopt(t->easy, CURLOPT_USERAGENT, o->user_agent);
	if (o->cacert != NULL)
		return options_check(
		    curl_easy_setopt(t->easy, CURLOPT_CAINFO, o->cacert),
		    "the CA file", fault);
	return 0;
}

/* ------------------------------------------------------------- transfers */

static void list_put(struct http_transfer **list, struct http_transfer *t)
{
	t->prev = NULL;
	t->next = *list;
	if (*list != NULL)
		(*list)->prev = t;
	*list = t;
}

static void list_take(struct http_transfer **list, struct http_transfer *t)
{
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		*list = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
}

static void transfer_free(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	free(t);
}

static struct http_transfer *transfer_new(struct http *h, struct fault *fault)
{
	struct http_transfer *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->easy = curl_easy_init();
	if (t == NULL || t->easy == NULL) {
		free(t);
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	if (easy_set(&h->options, t, fault) == 0)
		return t;
	transfer_free(t);
	return NULL;
}

/* The request is the caller's own again. */
static void transfer_end(struct http *h, struct http_transfer *t)
{
	curl_multi_remove_handle(h->multi, t->easy);
	t->request->transfer = NULL;
	t->request = NULL;
	list_take(&h->busy, t);
	list_put(&h->idle, t);
}

struct http *http_new(const struct http_options *options, struct fault *fault)
{
	struct http *h = calloc(1, sizeof(*h));
	struct http_transfer *t;

	if (h == NULL) {
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	h->options = *options;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		free(h);
		fault_set(fault, EX_SOFTWARE, "libcurl does not start");
		return NULL;
	}
	h->multi = curl_multi_init();
	/* The first one shows whether libcurl can do what is asked. */
	t = h->multi != NULL ? transfer_new(h, fault) : NULL;
	if (h->multi == NULL)
		fault_set(fault, EX_OSERR, "no memory");
	if (t == NULL) {
		http_free(h);
		return NULL;
	}
	list_put(&h->idle, t);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	    (long)options->connections);
	return h;
}

void http_free(struct http *h)
{
	struct http_transfer *t;

	if (h == NULL)
		return;
	while (h->busy != NULL)
		transfer_end(h, h->busy);
	while ((t = h->idle) != NULL) {
		h->idle = t->next;
		transfer_free(t);
	}
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h);
}

/* --------------------------------------------------------------- replies */

void http_reply_init(struct http_reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->retry_after_ms = -1;
	buf_init(&reply->body, HTTP_BODY_MAX);
}

void http_reply_free(struct http_reply *reply)
{
	buf_free(&reply->body);
}

static void reply_clear(struct http_reply *reply)
{
	reply->status = 0;
	reply->retry_after_ms = -1;
	reply->type[0] = '\0';
	reply->permanent = false;
	reply->wait_us = reply->body_us = 0;
	buf_clear(&reply->body);
}

/* The times are microseconds since the transfer's start. */
static void reply_times(CURL *easy, struct http_reply *reply)
{
	curl_off_t sent = 0, first = 0, last = 0;

	curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
	curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &last);
	reply->wait_us = first > sent ? (int64_t)(first - sent) : 0;
	reply->body_us = last > first ? (int64_t)(last - first) : 0;
}

static void reply_facts(CURL *easy, struct http_reply *reply)
{
	curl_off_t seconds = 0;
	char *type = NULL;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply->status);
	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) ==
		CURLE_OK &&
	    seconds > 0)
		reply->retry_after_ms = seconds > 86400
		                            ? 86400 * 1000
		                            : (int64_t)seconds * 1000;
	if (curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK &&
	    type != NULL)
		snprintf(reply->type, sizeof(reply->type), "%s", type);
	reply_times(easy, reply);
}

static bool code_is_permanent(CURLcode code)
{
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_WRITE_ERROR: return true;
	default: return false;
	}
}

static int transfer_judge(
    struct http_transfer *t, CURLcode code, struct fault *fault)
{
	struct http_reply *reply = t->request->reply;
	const char *why = t->error[0] ? t->error : curl_easy_strerror(code);

	reply_facts(t->easy, reply);
	if (code == CURLE_OK)
		return 0;
	reply->permanent = code_is_permanent(code);
	if (code == CURLE_WRITE_ERROR)
		return fault_set(fault, EX_PROTOCOL,
		    "%s: the answer is larger than %zu MiB", t->url.peer,
		    reply->body.cap >> 20);
	return fault_set(fault,
	    code == CURLE_SSL_CACERT_BADFILE ? EX_CONFIG : EX_UNAVAILABLE,
	    "%s: %s", t->url.peer, why);
}

/* -------------------------------------------------------------- addresses */

static bool host_is_loopback(const char *host)
{
	return strcasecmp(host, "localhost") == 0 ||
	       strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0 ||
	       strcmp(host, "::1") == 0;
}

static int url_take(CURLU *u, struct url_parts *parts)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	int result = -1;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0)) {
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
		parts->secure = strcmp(scheme, "https") == 0;
		parts->loopback = host_is_loopback(host);
		snprintf(parts->peer, sizeof(parts->peer), "%s%s%s", host,
		    port != NULL ? ":" : "", port != NULL ? port : "");
		result = 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return result;
}

static int url_parse(const char *url, struct url_parts *parts)
{
	CURLU *u = curl_url();
	int result = -1;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
		result = url_take(u, parts);
	curl_url_cleanup(u);
	return result;
}

int http_peer(const char *url, char *out, size_t size)
{
	struct url_parts parts;

	if (url_parse(url, &parts) == -1)
		return -1;
	snprintf(out, size, "%s", parts.peer);
	return 0;
}

static int url_check(
    const char *url, struct url_parts *parts, struct fault *fault)
{
	if (url_parse(url, parts) == -1)
		return fault_set(
		    fault, EX_USAGE, "'%.200s' is no https:// URL", url);
	if (!parts->secure && !parts->loopback)
		return fault_set(fault, EX_USAGE,
		    "%s: http:// is for loopback only; use https://",
		    parts->peer);
	return 0;
}

/* ------------------------------------------------------------------ turns */

static bool stopped(const struct http *h)
{
	return h->options.stop != NULL && *h->options.stop != 0;
}

static int transfer_begin(struct http *h, struct http_transfer *t,
    struct http_request *request, struct fault *fault)
{
	/* Nobody's proxy knows our loopback. */
	const char *proxy = h->options.proxy == NULL && t->url.loopback
	                        ? ""
	                        : h->options.proxy;
	CURLMcode m;

	t->error[0] = '\0';
	curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, proxy);
	/* Rather wait for a connection that may be shared than make another;
	 * TLS says at once whether it may. */
	curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, t->url.secure ? 1L : 0L);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, request->reply);
	m = curl_multi_add_handle(h->multi, t->easy);
	if (m != CURLM_OK)
		return fault_set(fault, EX_OSERR, "%s: libcurl: %s",
		    t->url.peer, curl_multi_strerror(m));
	list_take(&h->idle, t);
	list_put(&h->busy, t);
	t->request = request;
	request->transfer = t;
	return 0;
}

int http_start(
    struct http *h, struct http_request *request, struct fault *fault)
{
	struct http_transfer *t = h->idle;

	request->transfer = NULL;
	reply_clear(request->reply);
	if (t == NULL) {
		t = transfer_new(h, fault);
		if (t == NULL)
			return -1;
		list_put(&h->idle, t);
	}
	if (url_check(request->url, &t->url, fault) == -1) {
		request->reply->permanent = true;
		return -1;
	}
	return transfer_begin(h, t, request, fault);
}

void http_cancel(struct http *h, struct http_request *request)
{
	if (request->transfer != NULL)
		transfer_end(h, request->transfer);
}

/* How many were done; their callbacks may start and cancel others. */
static size_t done_take(struct http *h)
{
	struct http_transfer *t;
	struct http_request *request;
	struct fault fault = {0};
	CURLMsg *msg;
	CURLcode code;
	size_t n = 0;
	int left, result;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result;
		curl_easy_getinfo(
		    msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		request = t->request;
		result = transfer_judge(t, code, &fault);
		transfer_end(h, t);
		request->done(request, result, result == -1 ? &fault : NULL);
		n++;
	}
	return n;
}

static int left_ms(int64_t until_ms)
{
	int64_t left = until_ms - clock_mono_ms();

	return left <= 0 ? 0 : left < TURN_MS ? (int)left : TURN_MS;
}

int http_turn(struct http *h, int64_t wait_ms, struct fault *fault)
{
	int64_t until_ms = clock_mono_ms() + wait_ms;
	int running, ms;
	CURLMcode m;

	for (;;) {
		m = curl_multi_perform(h->multi, &running);
		if (m == CURLM_OK && done_take(h) > 0)
			return 0;
		ms = left_ms(until_ms);
		if (m == CURLM_OK && (ms == 0 || stopped(h)))
			return 0;
		if (m == CURLM_OK)
			m = curl_multi_poll(h->multi, NULL, 0, ms, NULL);
		if (m != CURLM_OK)
			return fault_set(fault, EX_SOFTWARE, "libcurl: %s",
			    curl_multi_strerror(m));
	}
}

struct waiting {
	bool done;
	int result;
	struct fault fault;
};

static void waited_for(
    struct http_request *request, int result, const struct fault *fault)
{
	struct waiting *w = request->arg;

	w->done = true;
	w->result = result;
	if (fault != NULL)
		w->fault = *fault;
}

int http_get(struct http *h, const char *url, struct http_reply *reply,
    struct fault *fault)
{
	struct waiting w = {0};
	struct http_request request = {
	    .url = url, .reply = reply, .done = waited_for, .arg = &w};
	char peer[300] = "";
	int result;

	if (http_start(h, &request, fault) == -1)
		return -1;
	for (;;) {
		result = http_turn(h, TURN_MS, fault);
		if (w.done)
			break;
		if (result == 0 && !stopped(h))
			continue;
		http_cancel(h, &request);
		http_peer(url, peer, sizeof(peer));
		return result == -1
		           ? -1
		           : fault_set(fault, EX_TEMPFAIL,
				 "%s: stopped before the answer was complete",
				 peer);
	}
	if (w.result == -1 && fault != NULL)
		*fault = w.fault;
	return w.result;
}
