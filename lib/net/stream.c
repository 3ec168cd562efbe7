#include "net/stream.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define KEEPALIVE_S 30L

/* A descriptor that libcurl wants watched while it connects. */
struct stream_socket {
	struct loop_watch watch;
	struct stream *stream;
	struct stream_socket *next;
};

struct stream {
	struct loop *loop;
	void (*call)(void *arg, enum stream_event event);
	void *arg;
	CURLM *multi;
	CURL *easy;
	struct loop_timer timer;       /* libcurl's */
	struct stream_socket *sockets; /* libcurl's, while it connects */
	struct loop_watch watch;       /* ours, once connected */
	bool open;
	bool tls;
	bool loopback;
	bool proxied; /* by an option */
	bool permanent;
	int64_t timeout_ms;
	struct fault fault;
	char *peer;
	char *target;
	char error[CURL_ERROR_SIZE];
};

static bool is_loopback(const char *host)
{
	size_t len = strlen(host);

	return strcasecmp(host, "localhost") == 0 ||
	       strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 &&
		   strspn(host, "0123456789.") == len);
}

static char *url_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(u, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static char *join(const char *a, const char *between, const char *b)
{
	size_t size = strlen(a) + strlen(between) + strlen(b) + 1;
	char *p = malloc(size);

	if (p != NULL)
		snprintf(p, size, "%s%s%s", a, between, b);
	return p;
}

/* The URL itself stands in no sentence: it might hold what it should not. */
static int judge_url(
    struct stream *s, const char *scheme, const char *host, struct fault *fault)
{
	bool plain = strcasecmp(scheme, "ws") == 0 ||
	             strcasecmp(scheme, "http") == 0;

	s->tls = strcasecmp(scheme, "wss") == 0 ||
	         strcasecmp(scheme, "https") == 0;
	s->loopback = is_loopback(host);
	if (!s->tls && !plain)
		return fault_set(fault, EX_CONFIG,
		    "a URL begins with wss:// or https://, not %.20s://",
		    scheme);
	if (!s->tls && !s->loopback)
		return fault_set(fault, EX_CONFIG,
		    "%.200s: %.5s:// goes unencrypted and is for loopback "
		    "only; use %ss://",
		    host, scheme, scheme);
	return 0;
}

/* Fills peer and target; puts the scheme that libcurl knows into u. */
static int take_url(
    struct stream *s, CURLU *u, const char *url, struct fault *fault)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL,
	     *query = NULL;
	char *user = NULL, *password = NULL;
	int result = -1;

	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ==
	    CURLUE_OK) {
		scheme = url_part(u, CURLUPART_SCHEME);
		host = url_part(u, CURLUPART_HOST);
	}
	if (scheme == NULL || host == NULL || host[0] == '\0') {
		fault_set(fault, EX_CONFIG,
		    "the URL cannot be understood: it "
		    "should look like wss://www.deribit.com/ws/api/v2");
		goto out;
	}
	user = url_part(u, CURLUPART_USER);
	password = url_part(u, CURLUPART_PASSWORD);
	if (user != NULL || password != NULL) {
		fault_set(fault, EX_CONFIG,
		    "%.200s: no user name or password in the URL, please",
		    host);
		goto out;
	}
	if (judge_url(s, scheme, host, fault) == -1)
		goto out;
	curl_url_set(u, CURLUPART_SCHEME, s->tls ? "https" : "http", 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	port = url_part(u, CURLUPART_PORT);
	path = url_part(u, CURLUPART_PATH);
	query = url_part(u, CURLUPART_QUERY);
	if (port != NULL && strcmp(port, s->tls ? "443" : "80") == 0)
		port[0] = '\0';
	s->peer = join(host, port != NULL && port[0] != '\0' ? ":" : "",
	    port != NULL ? port : "");
	s->target = join(path != NULL ? path : "/", query != NULL ? "?" : "",
	    query != NULL ? query : "");
	if (s->peer == NULL || s->target == NULL)
		fault_set(fault, EX_OSERR, "out of memory");
	else
		result = 0;
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	curl_free(user);
	curl_free(password);
	return result;
}

/* Every sentence about a connection that was not made, and its exit code. */
static void explain(struct stream *s, CURLcode code)
{
	long verify = 0, os_errno = 0;
	const char *detail = s->error[0] != '\0' ? s->error
	                                         : curl_easy_strerror(code);

	curl_easy_getinfo(s->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &os_errno);
	s->fault.exit_code = EX_UNAVAILABLE;
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		s->permanent = true;
		/* libcurl compares the name itself, and then says 1. */
		if (verify != X509_V_OK && verify != X509_V_ERR_UNSPECIFIED)
			fault_set(&s->fault, EX_CONFIG,
			    "certificate not trusted: %s",
			    X509_verify_cert_error_string(verify));
		else if (strstr(detail, "name") != NULL)
			fault_set(&s->fault, EX_CONFIG,
			    "the certificate is not valid for this name");
		else
			fault_set(&s->fault, EX_CONFIG,
			    "certificate not trusted: %s", detail);
	} else if (code == CURLE_SSL_CACERT_BADFILE ||
		   code == CURLE_SSL_CERTPROBLEM) {
		s->permanent = true;
		fault_set(&s->fault, EX_CONFIG, "%s", detail);
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		fault_set(&s->fault, EX_UNAVAILABLE,
		    "no connection within %lld ms (%s)",
		    (long long)s->timeout_ms, detail);
	} else if (code == CURLE_COULDNT_RESOLVE_HOST) {
		fault_set(
		    &s->fault, EX_UNAVAILABLE, "the name cannot be resolved");
	} else if (strncmp(detail, "Unsupported proxy", 17) == 0) {
		s->permanent = true;
		fault_set(&s->fault, EX_CONFIG, "%s", detail);
	} else if (code == CURLE_COULDNT_RESOLVE_PROXY) {
		fault_set(&s->fault, EX_UNAVAILABLE,
		    "the proxy's name cannot be resolved");
	} else if (code == CURLE_COULDNT_CONNECT && os_errno != 0 &&
		   !s->proxied) {
		fault_set(&s->fault, EX_UNAVAILABLE, "cannot connect: %s",
		    strerror((int)os_errno));
	} else {
		fault_set(
		    &s->fault, EX_UNAVAILABLE, "cannot connect: %s", detail);
	}
	fault_prefix(&s->fault, "%.255s", s->peer);
}

static void on_io(void *arg, short revents)
{
	struct stream *s = arg;

	(void)revents;
	s->call(s->arg, STREAM_IO);
}

/* The last thing that a callback of the loop does here: the owner may free the
 * stream in its own. */
static void look_for_end(struct stream *s)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLMsg *m;
	int left;

	if (s->open || s->fault.exit_code != 0)
		return;
	m = curl_multi_info_read(s->multi, &left);
	if (m == NULL || m->msg != CURLMSG_DONE)
		return;
	if (m->data.result != CURLE_OK) {
		explain(s, m->data.result);
		s->call(s->arg, STREAM_FAILED);
		return;
	}
	curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd == CURL_SOCKET_BAD) {
		explain(s, CURLE_COULDNT_CONNECT);
		s->call(s->arg, STREAM_FAILED);
		return;
	}
	s->open = true;
	s->watch = (struct loop_watch){
	    .fd = fd, .events = POLLIN, .call = on_io, .arg = s};
	loop_watch_add(s->loop, &s->watch);
	s->call(s->arg, STREAM_OPEN);
}

static void on_socket(void *arg, short revents)
{
	struct stream_socket *k = arg;
	struct stream *s = k->stream;
	int what = 0, running;

	if (revents & (POLLIN | POLLHUP))
		what |= CURL_CSELECT_IN;
	if (revents & POLLOUT)
		what |= CURL_CSELECT_OUT;
	if (revents & (POLLERR | POLLNVAL))
		what |= CURL_CSELECT_ERR;
	curl_multi_socket_action(s->multi, k->watch.fd, what, &running);
	look_for_end(s);
}

static void on_timer(void *arg)
{
	struct stream *s = arg;
	int running;

	curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look_for_end(s);
}

static int curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct stream *s = arg;

	(void)multi;
	if (timeout_ms < 0)
		loop_timer_cancel(s->loop, &s->timer);
	else
		loop_timer_set(
		    s->loop, &s->timer, clock_mono_ms() + timeout_ms);
	return 0;
}

static struct stream_socket *socket_for(struct stream *s, curl_socket_t fd)
{
	struct stream_socket *k, *spare = NULL;

	for (k = s->sockets; k != NULL; k = k->next) {
		if (k->watch.linked && k->watch.fd == fd)
			return k;
		if (!k->watch.linked)
			spare = k;
	}
	if (spare != NULL)
		return spare;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->stream = s;
	k->watch.call = on_socket;
	k->watch.arg = k;
	k->next = s->sockets;
	s->sockets = k;
	return k;
}

/* Watches are kept for reuse until the stream goes: one may be running. */
static int curl_socket(
    CURL *easy, curl_socket_t fd, int what, void *arg, void *per_socket)
{
	struct stream *s = arg;
	struct stream_socket *k = socket_for(s, fd);

	(void)easy;
	(void)per_socket;
	if (k == NULL)
		return -1;
	if (what == CURL_POLL_REMOVE) {
		loop_watch_remove(s->loop, &k->watch);
		return 0;
	}
	k->watch.fd = fd;
	k->watch.events = 0;
	if (what & CURL_POLL_IN)
		k->watch.events |= POLLIN;
	if (what & CURL_POLL_OUT)
		k->watch.events |= POLLOUT;
	loop_watch_add(s->loop, &k->watch);
	return 0;
}

/* Reads what the kernel has at once, not a header and then a body.  A buffer
 * larger than OpenSSL's own (a record's, 17 KiB) costs more than it saves:
 * every record behind which more is buffered moves the rest to the front. */
static CURLcode tune_tls(CURL *easy, void *ctx, void *arg)
{
	(void)easy;
	(void)arg;
	SSL_CTX_set_read_ahead(ctx, 1);
	/* The outgoing queue grows, and so moves, between two tries. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return CURLE_OK;
}

/* The context is an SSL_CTX only where libcurl stands on OpenSSL itself. */
static bool curl_has_openssl(void)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

	return v->ssl_version != NULL &&
	       strncmp(v->ssl_version, "OpenSSL/", 8) == 0;
}

#define SET(option, value)                                       \
	do {                                                     \
		code = curl_easy_setopt(s->easy, option, value); \
		if (code != CURLE_OK)                            \
			return code;                             \
	} while (0)

static CURLcode set_tls(struct stream *s, const char *cacert)
{
	CURLcode code;

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* With ALPN the host would choose HTTP/2, which cannot be upgraded. */
	SET(CURLOPT_SSL_ENABLE_ALPN, 0L);
	if (cacert != NULL)
		SET(CURLOPT_CAINFO, cacert);
	if (curl_has_openssl())
		SET(CURLOPT_SSL_CTX_FUNCTION, tune_tls);
	return CURLE_OK;
}

static CURLcode set_options(
    struct stream *s, CURLU *u, const struct stream_options *o)
{
	char *url = url_part(u, CURLUPART_URL);
	CURLcode code;

	code = url == NULL ? CURLE_URL_MALFORMAT
	                   : curl_easy_setopt(s->easy, CURLOPT_URL, url);
	curl_free(url);
	if (code != CURLE_OK)
		return code;
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_HTTPPROXYTUNNEL, 1L);
	/* Nobody's proxy, of the environment, knows our loopback. */
	if (o->proxy != NULL || s->loopback)
		SET(CURLOPT_PROXY, o->proxy != NULL ? o->proxy : "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
	SET(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
	SET(CURLOPT_ERRORBUFFER, s->error);
	return set_tls(s, o->cacert);
}

static int begin(struct stream *s, CURLU *u, const struct stream_options *o,
    struct fault *fault)
{
	CURLcode code;

	s->multi = curl_multi_init();
	s->easy = curl_easy_init();
	if (s->multi == NULL || s->easy == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, curl_socket);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, curl_timer);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
	code = set_options(s, u, o);
	if (code != CURLE_OK)
		return fault_set(fault, EX_CONFIG, "%.255s: libcurl: %s",
		    s->peer, curl_easy_strerror(code));
	if (curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
		return fault_set(
		    fault, EX_OSERR, "%.255s: libcurl refuses", s->peer);
	return 0;
}

static int curl_begin(struct fault *fault)
{
	static bool begun;

	if (!begun && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fault_set(fault, EX_OSERR, "libcurl does not start");
	begun = true;
	return 0;
}

struct stream *stream_new(struct loop *loop,
    const struct stream_options *options,
    void (*call)(void *arg, enum stream_event event), void *arg,
    struct fault *fault)
{
	struct stream *s = NULL;
	CURLU *u = NULL;

	if (curl_begin(fault) == -1)
		return NULL;
	u = curl_url();
	s = calloc(1, sizeof(*s));
	if (u == NULL || s == NULL) {
		fault_set(fault, EX_OSERR, "out of memory");
		goto bad;
	}
	s->loop = loop;
	s->call = call;
	s->arg = arg;
	s->timeout_ms = options->connect_timeout_ms;
	s->proxied = options->proxy != NULL;
	s->timer = (struct loop_timer){.call = on_timer, .arg = s};
	if (take_url(s, u, options->url, fault) == -1 ||
	    begin(s, u, options, fault) == -1)
		goto bad;
	curl_url_cleanup(u);
	return s;
bad:
	curl_url_cleanup(u);
	stream_free(s);
	return NULL;
}

void stream_free(struct stream *s)
{
	struct stream_socket *k;

	if (s == NULL)
		return;
	loop_watch_remove(s->loop, &s->watch);
	if (s->multi != NULL && s->easy != NULL)
		curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	curl_multi_cleanup(s->multi);
	loop_timer_cancel(s->loop, &s->timer);
	while ((k = s->sockets) != NULL) {
		loop_watch_remove(s->loop, &k->watch);
		s->sockets = k->next;
		free(k);
	}
	free(s->peer);
	free(s->target);
	free(s);
}

static int lost(const struct stream *s, CURLcode code, struct fault *fault)
{
	long os_errno = 0;

	curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &os_errno);
	return fault_set(fault, EX_UNAVAILABLE, "%.255s: connection lost: %s",
	    s->peer,
	    s->error[0] != '\0' ? s->error
	    : os_errno != 0     ? strerror((int)os_errno)
				: curl_easy_strerror(code));
}

ssize_t stream_recv(struct stream *s, void *p, size_t size, struct fault *fault)
{
	size_t n = 0;
	CURLcode code = curl_easy_recv(s->easy, p, size, &n);

	if (code == CURLE_OK)
		return (ssize_t)n;
	if (code == CURLE_AGAIN)
		return STREAM_AGAIN;
	return lost(s, code, fault);
}

ssize_t stream_send(
    struct stream *s, const void *p, size_t n, struct fault *fault)
{
	size_t sent = 0;
	CURLcode code = curl_easy_send(s->easy, p, n, &sent);

	if (code == CURLE_AGAIN || (code == CURLE_OK && sent == 0))
		return STREAM_AGAIN;
	if (code == CURLE_OK)
		return (ssize_t)sent;
	return lost(s, code, fault);
}

void stream_want_write(struct stream *s, bool want)
{
	s->watch.events = (short)(want ? POLLIN | POLLOUT : POLLIN);
}

void stream_ready(struct stream *s)
{
	s->watch.ready = true;
}

const struct fault *stream_fault(const struct stream *s, bool *permanent)
{
	*permanent = s->permanent;
	return &s->fault;
}

const char *stream_peer(const struct stream *s)
{
	return s->peer;
}

const char *stream_target(const struct stream *s)
{
	return s->target;
}
