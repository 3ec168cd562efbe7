#include "net/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* *stop is looked at this often even if nothing happens. */
#define TURN_MS 100

struct http {
	struct http_options options;
	CURLM *multi;
	CURL *easy;
	char error[CURL_ERROR_SIZE];
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
	/* Deribit closes connections after 15 minutes. */
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 600L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Not to wait for a resolver's thread when asked to stop. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

static int easy_set(struct http *h, struct fault *fault)
{
	const struct http_options *o = &h->options;

	transport_set(h->easy, o);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(
	    h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	if (options_check(protocols_set(h->easy), "the protocol list", fault) ||
	    options_check(
		curl_easy_setopt(h->easy, CURLOPT_ACCEPT_ENCODING, "gzip"),
		"gzip", fault))
		return -1;
	if (o->user_agent != NULL)
		curl_easy_setopt(h->easy, CURLOPT_USERAGENT, o->user_agent);
	if (o->cacert != NULL)
		return options_check(
		    curl_easy_setopt(h->easy, CURLOPT_CAINFO, o->cacert),
		    "the CA file", fault);
	return 0;
}

struct http *http_new(const struct http_options *options, struct fault *fault)
{
	struct http *h = calloc(1, sizeof(*h));

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
	h->easy = curl_easy_init();
	if (h->multi == NULL || h->easy == NULL) {
		fault_set(fault, EX_OSERR, "no memory");
		http_free(h);
		return NULL;
	}
	if (easy_set(h, fault) == -1) {
		http_free(h);
		return NULL;
	}
	return h;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h);
}

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
	buf_clear(&reply->body);
}

static bool host_is_loopback(const char *host)
{
	return strcasecmp(host, "localhost") == 0 ||
	       strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0 ||
	       strcmp(host, "::1") == 0;
}

struct url_parts {
	char peer[300]; /* host[:port] */
	bool loopback;
	bool secure;
};

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

static bool stopped(const struct http *h)
{
	return h->options.stop != NULL && *h->options.stop != 0;
}

/* 1: *code is the transfer's result; 0: not done yet. */
static int transfer_done(struct http *h, CURLcode *code)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE) {
			*code = msg->data.result;
			return 1;
		}
	return 0;
}

static int transfer_run(
    struct http *h, const char *peer, CURLcode *code, struct fault *fault)
{
	CURLMcode m;
	int running;

	for (;;) {
		m = curl_multi_perform(h->multi, &running);
		if (m == CURLM_OK && transfer_done(h, code))
			return 0;
		if (stopped(h))
			return fault_set(fault, EX_TEMPFAIL,
			    "%s: stopped before the answer was complete", peer);
		if (m == CURLM_OK)
			m = curl_multi_poll(h->multi, NULL, 0, TURN_MS, NULL);
		if (m != CURLM_OK)
			return fault_set(fault, EX_SOFTWARE, "%s: libcurl: %s",
			    peer, curl_multi_strerror(m));
	}
}

static void reply_facts(struct http *h, struct http_reply *reply)
{
	curl_off_t seconds = 0;
	char *type = NULL;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	if (curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &seconds) ==
		CURLE_OK &&
	    seconds > 0)
		reply->retry_after_ms = seconds > 86400
		                            ? 86400 * 1000
		                            : (int64_t)seconds * 1000;
	if (curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type) ==
		CURLE_OK &&
	    type != NULL)
		snprintf(reply->type, sizeof(reply->type), "%s", type);
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

static int transfer_judge(struct http *h, const char *peer, CURLcode code,
    struct http_reply *reply, struct fault *fault)
{
	const char *why = h->error[0] ? h->error : curl_easy_strerror(code);

	if (code == CURLE_OK)
		return 0;
	reply->permanent = code_is_permanent(code);
	if (code == CURLE_WRITE_ERROR)
		return fault_set(fault, EX_PROTOCOL,
		    "%s: the answer is larger than %zu MiB", peer,
		    reply->body.cap >> 20);
	return fault_set(fault,
	    code == CURLE_SSL_CACERT_BADFILE ? EX_CONFIG : EX_UNAVAILABLE,
	    "%s: %s", peer, why);
}

int http_get(struct http *h, const char *url, struct http_reply *reply,
    struct fault *fault)
{
	struct url_parts parts;
	CURLcode code = CURLE_OK;
	const char *proxy;
	int result;

	reply_clear(reply);
	if (url_check(url, &parts, fault) == -1) {
		reply->permanent = true;
		return -1;
	}
	/* Nobody's proxy knows our loopback. */
	proxy = h->options.proxy == NULL && parts.loopback ? ""
	                                                   : h->options.proxy;
	h->error[0] = '\0';
	curl_easy_setopt(h->easy, CURLOPT_URL, url);
	curl_easy_setopt(h->easy, CURLOPT_PROXY, proxy);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, reply);
	curl_multi_add_handle(h->multi, h->easy);
	result = transfer_run(h, parts.peer, &code, fault);
	if (result == 0) {
		reply_facts(h, reply);
		result = transfer_judge(h, parts.peer, code, reply, fault);
	}
	curl_multi_remove_handle(h->multi, h->easy);
	return result;
}
