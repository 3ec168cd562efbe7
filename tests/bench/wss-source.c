/*
 * The exchange of the benchmark: sends COUNT pre-framed quote notifications,
 * one TLS record a message, as fast as the client takes them.
 *
 *	wss-source COUNT INSTRUMENTS DIR [BATCH]
 *
 * Prints PEER_URL= and PEER_CACERT=, then for every connection "sent N bytes B
 * us U", U from the first message to the client's pong behind the last or its
 * going away.  One connection at a time.  Records go to the kernel by BATCH
 * bytes (64 KiB), so that the source costs less than what it measures; with 0
 * each goes by itself.
 */
#include "../peer/cert.h"
#include "../peer/wire.h"

#include <openssl/bio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POOL 8192
#define FRAME_MAX 512

struct frame {
	unsigned char bytes[FRAME_MAX];
	size_t len;
};

static struct frame pool[POOL];
static int batch = 65536;
static unsigned char ping[] = {0x89, 0x04, 'd', 'o', 'n', 'e'};

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void instrument(char *out, size_t size, int i)
{
	static const char *const expiries[] = {
	    "27MAR26", "26JUN26", "25SEP26", "25DEC26"};

	snprintf(out, size, "ETH-%s-%d-%c", expiries[i % 4],
	    1000 + 25 * (i / 8), i / 4 % 2 ? 'P' : 'C');
}

static void fill_pool(int instruments)
{
	char name[64], text[FRAME_MAX - 16];

	for (int i = 0; i < POOL; i++) {
		unsigned a = (unsigned)i * 2654435761U >> 8;
		size_t header;
		int n;

		instrument(
		    name, sizeof(name), (int)(a % (unsigned)instruments));
		n = snprintf(text, sizeof(text),
		    "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\","
		    "\"params\":{\"channel\":\"quote.%s\",\"data\":{"
		    "\"timestamp\":%lld,\"instrument_name\":\"%s\","
		    "\"best_ask_price\":%u.%04u,\"best_bid_price\":%u.%04u,"
		    "\"best_ask_amount\":%u.0,\"best_bid_amount\":%u.0}}}",
		    name, 1790133840000LL + i, name, a % 3, a % 9973, a % 3,
		    a % 9967, a % 700 + 1, a % 300 + 1);
		header = wire_header(pool[i].bytes, 0x81, 0, (size_t)n);
		memcpy(pool[i].bytes + header, text, (size_t)n);
		pool[i].len = header + (size_t)n;
	}
}

static int answer(struct wire *w, const char *text, bool *subscribed)
{
	const char *p = strstr(text, "\"id\":");
	long id = p != NULL ? strtol(p + 5, NULL, 10) : 0;
	const char *list = strstr(text, "\"channels\":[");
	const char *result = "{\"version\":\"1.2.26\"}";
	static char reply[65536];
	unsigned char header[16];
	size_t n;

	if (list != NULL) {
		*subscribed = true;
		result = list + strlen("\"channels\":");
		((char *)(size_t)strchr(result, ']'))[1] = '\0';
	}
	n = (size_t)snprintf(reply, sizeof(reply),
	    "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":%s}", id, result);
	return wire_write(w, header, wire_header(header, 0x81, 0, n)) == -1
	           ? -1
	           : wire_write(w, reply, n);
}

/* From here on records are gathered. */
static BIO *gather(struct wire *w)
{
	BIO *b = BIO_new(BIO_f_buffer()), *below = SSL_get_wbio(w->ssl);

	BIO_set_write_buffer_size(b, batch);
	BIO_up_ref(below);
	SSL_set0_wbio(w->ssl, BIO_push(b, below));
	return b;
}

static void send_all(struct wire *w, long count)
{
	static char text[65536];
	BIO *gathered = batch > 0 ? gather(w) : SSL_get_wbio(w->ssl);
	long long begin = now_us(), bytes = 0;
	size_t len;
	int opcode;
	long i;

	for (i = 0; i < count; i++) {
		const struct frame *f = &pool[i % POOL];

		if (wire_write(w, f->bytes, f->len) == -1)
			break;
		bytes += (long long)f->len;
	}
	wire_write(w, ping, sizeof(ping));
	(void)BIO_flush(gathered);
	do
		opcode = wire_read_frame(w, text, sizeof(text), &len);
	while (opcode != -1 && opcode != 0xa && opcode != 0x8);
	printf("sent %ld bytes %lld us %lld\n", i, bytes, now_us() - begin);
	fflush(stdout);
	(void)BIO_flush(gathered);
}

/* get_instruments, for whatever currency. */
static void answer_rest(struct wire *w, int instruments)
{
	size_t size = 1000 + 400 * (size_t)instruments, n, at;
	char *body = malloc(size), head[200], name[64];

	if (body == NULL)
		return;
	n = (size_t)snprintf(body, size, "{\"jsonrpc\":\"2.0\",\"result\":[");
	for (int i = 0; i < instruments; i++) {
		instrument(name, sizeof(name), i);
		n += (size_t)snprintf(body + n, size - n,
		    "%s{\"instrument_name\":\"%s\",\"kind\":\"option\","
		    "\"state\":\"open\",\"is_active\":true,"
		    "\"base_currency\":\"ETH\",\"quote_currency\":\"ETH\","
		    "\"settlement_currency\":\"ETH\","
		    "\"expiration_timestamp\":1893456000000}",
		    i == 0 ? "" : ",", name);
	}
	n += (size_t)snprintf(body + n, size - n, "],\"testnet\":false}");
	at = (size_t)snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Connection: close\r\nContent-Length: %zu\r\n\r\n",
	    n);
	if (wire_write(w, head, at) == 0)
		wire_write(w, body, n);
	free(body);
}

static void serve(struct wire *w, SSL_CTX *ctx, long count, int instruments)
{
	static char text[65536];
	bool subscribed = false;
	size_t len;

	if (wire_tls(w, ctx) == -1 || wire_request(w, text, sizeof(text)) == -1)
		return;
	if (strncmp(text, "GET /api/v2/", 12) == 0) {
		answer_rest(w, instruments);
		return;
	}
	if (wire_upgrade(w, text, "") == -1)
		return;
	while (!subscribed)
		if (wire_read_frame(w, text, sizeof(text), &len) != 1 ||
		    answer(w, text, &subscribed) == -1)
			return;
	send_all(w, count);
}

int main(int argc, char **argv)
{
	static struct wire w;
	struct cert_wish wish = {.name = "localhost"};
	char ca[4096];
	SSL_CTX *ctx;
	int fd, port;

	if (argc < 4 || atol(argv[1]) <= 0 || atoi(argv[2]) <= 0) {
		fprintf(stderr,
		    "usage: wss-source COUNT INSTRUMENTS DIR [BATCH]\n");
		return 64;
	}
	if (argc > 4)
		batch = atoi(argv[4]);
	signal(SIGPIPE, SIG_IGN);
	snprintf(ca, sizeof(ca), "%s/ca.pem", argv[3]);
	wish.ca_file = ca;
	ctx = cert_context(&wish);
	fd = wire_listen(&port);
	if (ctx == NULL || fd == -1)
		return 1;
	fill_pool(atoi(argv[2]));
	printf("PEER_URL=wss://localhost:%d/ws/api/v2\n"
	       "PEER_REST=https://localhost:%d/api/v2\nPEER_PORT=%d\n"
	       "PEER_CACERT=%s\n",
	    port, port, port, ca);
	fflush(stdout);
	for (;;) {
		memset(&w, 0, sizeof(w));
		w.fd = accept(fd, NULL, NULL);
		if (w.fd == -1)
			return 1;
		serve(&w, ctx, atol(argv[1]), atoi(argv[2]));
		wire_end(&w);
	}
}
