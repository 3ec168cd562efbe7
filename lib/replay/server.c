#include "replay/server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "replay/conn.h"
#include "replay/history.h"
#include "replay/inflict.h"
#include "replay/text.h"
#include "replay/wall.h"

#define TICK_US 2000
#define BURST_US 100000 /* the most that is made up for after a pause */
#define TURN_MAX 256    /* messages made before the sockets get a turn */
#define CHECK_MS 20     /* sessions' deadlines */
#define STOP_MS 1000    /* for the clients to say good-bye */
#define LEDGER_LINE_MAX 4096
#define WS_PATH "/ws/api/v2"

/* What lws keeps for a connection: one of the two is set. */
struct link {
	struct conn *conn;
	void *reply;
};

static bool enough(const struct server *s)
{
	return s->options->count > 0 && s->made >= (uint64_t)s->options->count;
}

/* Whether all was sent and exit was asked for: of frames, when all who came
 * have left. */
static bool sent_all(const struct server *s)
{
	if (!s->options->exit)
		return false;
	return s->frames != NULL ? s->began && s->live == 0 : enough(s);
}

/* How many upgrades were asked for in the second that ends now. */
static void knock(struct server *s)
{
	int64_t now_us = clock_mono_us();
	uint64_t n = 0;

	s->knock_us[s->knocks++ % CONN_KNOCKS] = now_us;
	while (
	    n < s->knocks && n < CONN_KNOCKS &&
	    now_us - s->knock_us[(s->knocks - 1 - n) % CONN_KNOCKS] < 1000000)
		n++;
	if (n > s->stats.knocking)
		s->stats.knocking = n;
}

bool server_hides(const struct server *s)
{
	return s->rpc.maintenance && s->maintenance->http;
}

/* Refuses an upgrade to another path, or beyond the limit; 0: go on. */
static int judge_upgrade(struct server *s, struct lws *wsi)
{
	char path[64] = "";

	lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
	knock(s);
	/* Who comes when all was sent would wait for nothing. */
	if (s->stopping || sent_all(s) || server_hides(s)) {
		lws_return_http_status(wsi, 503, NULL);
		return -1;
	}
	if (strcmp(path, WS_PATH) != 0) {
		lws_return_http_status(wsi, 404, NULL);
		return -1;
	}
	if (s->live + s->web >= RULES_CONNECTIONS_MAX) {
		s->stats.refused++;
		lws_return_http_status(wsi, 429, NULL);
		return -1;
	}
	return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons why, void *user,
    void *in, size_t len)
{
	struct server *s = lws_context_user(lws_get_context(wsi));
	struct link *link = user;

	switch (why) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return judge_upgrade(s, wsi);
	case LWS_CALLBACK_ESTABLISHED:
		link->conn = conn_new(s, wsi);
		return link->conn == NULL ? -1 : 0;
	case LWS_CALLBACK_CLOSED:
		if (link->conn != NULL)
			conn_free(link->conn);
		link->conn = NULL;
		return 0;
	case LWS_CALLBACK_RECEIVE: return conn_receive(link->conn, in, len);
	case LWS_CALLBACK_SERVER_WRITEABLE: return conn_writeable(link->conn);
	case LWS_CALLBACK_HTTP:
	case LWS_CALLBACK_HTTP_BODY:
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_HTTP_WRITEABLE:
	case LWS_CALLBACK_TIMER:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (link == NULL)
			return 0;
		return web_callback(s, wsi, why, &link->reply, in, len);
	default: return lws_callback_http_dummy(wsi, why, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
    {"deribit", callback, sizeof(struct link), 4096, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void emit(void *arg, uint64_t slots, const char *text, size_t len)
{
	struct server *s = arg;
	bool heard = false;

	for (unsigned slot = 0; slot < MARKET_SLOTS; slot++) {
		if ((slots >> slot & 1) == 0 || s->conn[slot] == NULL)
			continue;
		heard |= conn_notify(s->conn[slot], text, len);
	}
	s->heard += heard;
	if (!heard && s->options->always)
		truth_event(s->truth, 0, "unheard", text, len);
}

/* The trades that the market has made since, in the words of its channels. */
static void ledger_write(struct server *s)
{
	struct buf text;

	if (s->options->ledger->file == NULL)
		return;
	buf_init(&text, LEDGER_LINE_MAX);
	while (s->booked < s->market->traded) {
		buf_clear(&text);
		text_trade(
		    &text, s->market, market_trade_at(s->market, ++s->booked));
		truth_note(
		    s->options->ledger, buf_head(&text), buf_used(&text));
	}
	buf_free(&text);
}

/* What only the truth file is told. */
static void note(void *arg, const char *text, size_t len)
{
	struct server *s = arg;

	truth_note(s->truth, text, len);
}

static struct market_sink sink_of(struct server *s)
{
	return (struct market_sink){
	    emit, s, s->truth->file != NULL ? note : NULL};
}

/* Makes one event: what it takes of the rate, 0 when there is no market. */
static int event_make(struct server *s)
{
	struct market_sink sink = sink_of(s);
	uint64_t heard = s->heard;
	int n = market_step(s->market, wall_us(), &sink);

	ledger_write(s);
	if (n == 0 || !s->options->always)
		return n;
	return s->heard == heard ? 1 : (int)(s->heard - heard);
}

/* Makes what is due by now: the rate is of notifications, not of events. */
static void market_run(struct server *s, int64_t now_us)
{
	int64_t passed = now_us - s->paced_us;
	int n, made = 0;

	s->paced_us = now_us;
	if (s->frames != NULL || s->options->rate == 0)
		return;
	if (passed > BURST_US)
		passed = BURST_US;
	s->owed += (double)passed * (double)s->options->rate / 1e6;
	while (s->owed >= 1 && made < TURN_MAX && !enough(s)) {
		n = event_make(s);
		if (n == 0) {
			s->owed = 0;
			return;
		}
		s->owed -= n;
		made += n;
		s->made += (unsigned)n;
	}
	/* What a slow machine cannot make in time it does not make at all. */
	if (s->owed >= 1 + (double)s->options->rate * BURST_US / 1e6 ||
	    enough(s))
		s->owed = 0;
}

static void connections_each(struct server *s,
    void (*each)(struct conn *c, int64_t now_us), int64_t now_us)
{
	for (unsigned slot = 0; slot < MARKET_SLOTS; slot++)
		if (s->conn[slot] != NULL)
			each(s->conn[slot], now_us);
}

static void cut_one(struct conn *c, int64_t now_us)
{
	(void)now_us;
	conn_cut(c);
}

static void close_one(struct conn *c, int64_t now_us)
{
	(void)now_us;
	conn_close(c, 1000, "all was sent");
}

static void leave_one(struct conn *c, int64_t now_us)
{
	(void)now_us;
	conn_close(c, 1001, "the server stops");
}

static void end_run(struct server *s, int64_t now_us)
{
	if (!s->began || !sent_all(s))
		return;
	if (s->frames == NULL)
		connections_each(s, close_one, now_us);
	s->over = s->live == 0;
}

static void scheduled(struct server *s, int64_t now_us)
{
	struct market_sink sink = sink_of(s);
	int64_t every = s->options->cut_every_us;

	if (every > 0 && now_us - s->cut_us >= every) {
		s->cut_us += (now_us - s->cut_us) / every * every;
		connections_each(s, cut_one, now_us);
	}
	if (s->frames == NULL && s->market->history != NULL) {
		history_turn(s->market->history, wall_us(), &sink);
		ledger_write(s);
	}
	if (s->frames == NULL)
		market_beside(s->market, now_us, wall_us(), &sink);
	if (now_us / 1000 - s->checked_ms >= CHECK_MS) {
		s->checked_ms = now_us / 1000;
		connections_each(s, conn_tick, now_us);
		if (s->stats.sent == s->sent_at_flush) {
			truth_flush(s->truth);
			truth_flush(s->options->ledger);
			truth_flush(s->options->requests);
		}
		s->sent_at_flush = s->stats.sent;
	}
}

static void on_tick(lws_sorted_usec_list_t *tick)
{
	struct server *s = lws_container_of(tick, struct server, tick);
	int64_t now_us = clock_mono_us();

	market_run(s, now_us);
	scheduled(s, now_us);
	inflict_tick(s, now_us);
	end_run(s, now_us);
	lws_sul_schedule(s->context, 0, &s->tick, on_tick,
	    s->owed >= 1  ? 1
	    : s->live > 0 ? TICK_US
			  : CHECK_MS * 1000);
}

static void lws_says(int level, const char *line)
{
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == '\n')
		len--;
	if (level & LLL_ERR)
		log_error("libwebsockets: %.*s", (int)len, line);
}

static int cannot_listen(const struct server *s, struct fault *fault)
{
	return fault_errno(fault, EX_UNAVAILABLE, "cannot listen on %s port %d",
	    s->options->listen, (int)s->options->port);
}

/* Binds once, and lets go: libwebsockets does not tell why it cannot, and takes
 * an address that is not ours for every address. */
static int address_try(
    const struct server *s, const struct addrinfo *a, struct fault *fault)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int result = 0;

	if (fd == -1)
		return cannot_listen(s, fault);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == -1)
		result = cannot_listen(s, fault);
	close(fd);
	return result;
}

/* Whether --listen can be, and whether it is an IPv6 address. */
static int address_check(
    const struct server *s, bool *is_ipv6, struct fault *fault)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM};
	struct addrinfo *a;
	char port[16];
	int result;

	snprintf(port, sizeof(port), "%d", (int)s->options->port);
	if (getaddrinfo(s->options->listen, port, &hints, &a) != 0)
		return fault_set(fault, EX_USAGE,
		    "--listen %.100s: an IPv4 or IPv6 address is needed",
		    s->options->listen);
	*is_ipv6 = a->ai_family == AF_INET6;
	result = address_try(s, a, fault);
	freeaddrinfo(a);
	return result;
}

static int cannot_certify(const struct server_options *o, struct fault *fault)
{
	if (access(o->cert_file, R_OK) == -1)
		return fault_errno(fault, EX_NOINPUT, "%s", o->cert_file);
	if (access(o->key_file, R_OK) == -1)
		return fault_errno(fault, EX_NOINPUT, "%s", o->key_file);
	return fault_set(fault, EX_CONFIG,
	    "%s and %s: no certificate and key, in PEM, that belong together",
	    o->cert_file, o->key_file);
}

static int server_listen(struct server *s, struct fault *fault)
{
	/* No WebSocket pings of its own: the exchange sends none. */
	static const lws_retry_bo_t quiet = {0};
	struct lws_context_creation_info info = {0};
	bool is_ipv6 = false;

	if (address_check(s, &is_ipv6, fault) == -1)
		return -1;
	lws_set_log_level(log_shows(LOG_LEVEL_DEBUG) ? LLL_ERR : 0, lws_says);
	info.iface = s->options->listen;
	info.port = (int)s->options->port;
	info.protocols = protocols;
	info.ssl_cert_filepath = s->options->cert_file;
	info.ssl_private_key_filepath = s->options->key_file;
	info.alpn = "http/1.1";
	info.gid = (gid_t)-1;
	info.uid = (uid_t)-1;
	info.user = s;
	info.pt_serv_buf_size = 65536;
	info.max_http_header_data = 16384;
	info.retry_and_idle_policy = &quiet;
	info.vhost_name = "localhost";
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
	               LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
	               LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
	/* Else an IPv4 address is taken for all of this machine's. */
	if (!is_ipv6)
		info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
	s->context = lws_create_context(&info);
	if (s->context == NULL)
		return fault_set(fault, EX_OSERR, "libwebsockets cannot start");
	s->vhost = lws_create_vhost(s->context, &info);
	if (s->vhost == NULL)
		return cannot_certify(s->options, fault);
	lws_set_log_level(LLL_ERR, lws_says);
	return 0;
}

/* A burst of five seconds: 100 calls at the exchange's 20 a second; and of
 * lists 50, one a second. */
static void server_limits(struct server *s)
{
	double rate = (double)s->options->rest_rate;

	s->rpc.rest = (struct rules_bucket){rate * 5, rate * 5, rate, 0};
	s->rpc.rest_lists = (struct rules_bucket){50, 50, 1, 0};
	s->rpc.unlimited = s->options->rest_rate == 0;
	s->rpc.rows_max = s->options->rows_max;
	s->rpc.cut_last = s->options->chart_cut_last;
}

struct server *server_new(const struct server_options *options,
    struct market *market, const struct frames *frames, struct truth *truth,
    struct fault *fault)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		fault_set(fault, EX_OSERR, "no memory");
		return NULL;
	}
	s->options = options;
	s->market = market;
	s->frames = frames;
	s->truth = truth;
	s->rpc.market = market;
	s->rpc.rules = &options->rules;
	s->rpc.plausible = frames != NULL;
	s->rpc.always = options->always;
	s->rpc.faults = options->faults;
	s->rpc.auth = options->auth;
	options->faults->tell = inflict_tell;
	options->faults->arg = s;
	server_limits(s);
	s->paced_us = s->cut_us = clock_mono_us();
	if (server_listen(s, fault) == -1) {
		server_free(s);
		return NULL;
	}
	lws_sul_schedule(s->context, 0, &s->tick, on_tick, TICK_US);
	return s;
}

void server_free(struct server *s)
{
	if (s == NULL)
		return;
	if (s->context != NULL)
		lws_context_destroy(s->context);
	free(s);
}

int server_port(const struct server *s)
{
	return lws_get_vhost_listen_port(s->vhost);
}

int server_turn(struct server *s)
{
	if (lws_service(s->context, 0) < 0)
		return 0;
	return !s->over;
}

void server_stop(struct server *s)
{
	int64_t until_ms = clock_mono_ms() + STOP_MS;

	s->stopping = true;
	connections_each(s, leave_one, 0);
	while (s->live > 0 && clock_mono_ms() < until_ms)
		if (lws_service(s->context, 0) < 0)
			return;
}

void server_stats(const struct server *s, struct server_stats *out)
{
	*out = s->stats;
	out->made = s->made;
	out->live = s->live;
}

const char *server_called(const struct server *s, size_t n, uint64_t *called)
{
	const struct rpc_method *m = methods_at(n);

	if (m == NULL)
		return NULL;
	*called = s->rpc.called[n];
	return m->name;
}
