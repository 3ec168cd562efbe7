/*
 * The floor of the benchmark: receives what wss-source sends with nothing but
 * OpenSSL, read-ahead on, and looks at none of it.
 *
 *	tls-floor PORT CACERT
 *
 * It says hello as a WebSocket client would, by heart, and answers the last
 * ping.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char request[] =
    "GET /ws/api/v2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n";
/* Masked with zeroes: the text may be read here. */
static const char subscribe[] =
    "\x81\xa1\0\0\0\0{\"id\":1,\"channels\":[\"quote.ETH\"]}";
static const char pong[] = "\x8a\x80\0\0\0\0";

static int connect_to(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_port = htons((unsigned short)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	static char text[65536];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	long long bytes = 0, records = 0;
	SSL *ssl;
	int n;

	if (argc < 3)
		return 64;
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(ctx, argv[2], NULL) != 1)
		return 1;
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, connect_to(atoi(argv[1])));
	if (SSL_connect(ssl) != 1)
		return 1;
	SSL_write(ssl, request, sizeof(request) - 1);
	n = SSL_read(ssl, text, sizeof(text));
	SSL_write(ssl, subscribe, sizeof(subscribe) - 1);
	while ((n = SSL_read(ssl, text, sizeof(text))) > 0) {
		bytes += n;
		records++;
		if (n == 6 && memcmp(text,
				  "\x89\x04"
				  "done",
				  6) == 0)
			SSL_write(ssl, pong, sizeof(pong) - 1);
	}
	printf("%lld bytes in %lld records\n", bytes, records);
	return 0;
}
