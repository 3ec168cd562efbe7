#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int wire_listen(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

int wire_tls(struct wire *w, SSL_CTX *ctx)
{
	int one = 1;

	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	w->ssl = SSL_new(ctx);
	if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1)
		return -1;
	return SSL_accept(w->ssl) == 1 ? 0 : -1;
}

void wire_end(struct wire *w)
{
	if (w->ssl != NULL) {
		SSL_shutdown(w->ssl);
		SSL_free(w->ssl);
	}
	w->ssl = NULL;
	close(w->fd);
}

int wire_write(struct wire *w, const void *p, size_t n)
{
	return SSL_write(w->ssl, p, (int)n) == (int)n ? 0 : -1;
}

static int fill(struct wire *w)
{
	int n;

	if (w->in_len == sizeof(w->in))
		return -1;
	n = SSL_read(
	    w->ssl, w->in + w->in_len, (int)(sizeof(w->in) - w->in_len));
	if (n <= 0)
		return -1;
	w->in_len += (size_t)n;
	return 0;
}

static void consume(struct wire *w, size_t n)
{
	w->in_len -= n;
	memmove(w->in, w->in + n, w->in_len);
}

int wire_request(struct wire *w, char *out, size_t size)
{
	for (;;) {
		for (size_t i = 4; i <= w->in_len; i++) {
			if (memcmp(w->in + i - 4, "\r\n\r\n", 4) != 0)
				continue;
			if (i >= size)
				return -1;
			memcpy(out, w->in, i);
			out[i] = '\0';
			consume(w, i);
			return 0;
		}
		if (fill(w) == -1)
			return -1;
	}
}

int wire_accept(const char *request, char out[32])
{
	static const char name[] = "\r\nSec-WebSocket-Key: ";
	const char *key = strstr(request, name);
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[100];

	if (key == NULL)
		return -1;
	snprintf(text, sizeof(text),
	    "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
	    key + sizeof(name) - 1);
	SHA1((unsigned char *)text, strlen(text), digest);
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
	return 0;
}

int wire_upgrade(struct wire *w, const char *request, const char *tail)
{
	char accept[32], text[600];

	if (wire_accept(request, accept) == -1)
		return -1;
	snprintf(text, sizeof(text),
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "upgrade: websocket\r\nconnection: upgrade\r\n"
	    "sec-websocket-accept: %s\r\n%s\r\n",
	    accept, tail);
	return wire_write(w, text, strlen(text));
}

size_t wire_header(unsigned char *out, unsigned first, unsigned bits,
    unsigned long long declared)
{
	size_t n = 2, bytes = declared < 126 ? 0 : declared < 65536 ? 2 : 8;

	out[0] = (unsigned char)first;
	out[1] = (unsigned char)(bits | (bytes == 0      ? (unsigned)declared
					    : bytes == 2 ? 126U
							 : 127U));
	while (bytes-- > 0)
		out[n++] = (unsigned char)(declared >> (8 * bytes));
	return n;
}

int wire_frame(struct wire *w, unsigned first, const void *p, size_t n)
{
	unsigned char text[16384];
	size_t header = wire_header(text, first, 0, n);

	if (header + n > sizeof(text))
		return -1;
	memcpy(text + header, p, n);
	return wire_write(w, text, header + n);
}

int wire_text(struct wire *w, const char *fmt, ...)
{
	char text[16000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -1;
	return wire_frame(w, 0x81, text, (size_t)n);
}

bool wire_readable(struct wire *w, int timeout_ms)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};

	return w->in_len > 0 || SSL_pending(w->ssl) > 0 ||
	       poll(&p, 1, timeout_ms) > 0;
}

int wire_read_frame(struct wire *w, char *text, size_t size, size_t *len)
{
	size_t header, n, bytes;
	int opcode;

	for (;;) {
		header = 6;
		n = w->in_len < 2 ? 0 : w->in[1] & 0x7f;
		bytes = n < 126 ? 0 : n == 126 ? 2 : 8;
		header += bytes;
		if (w->in_len >= header) {
			if (bytes > 0)
				n = 0;
			for (size_t i = 0; i < bytes; i++)
				n = n << 8 | w->in[2 + i];
			if (w->in_len - header >= n)
				break;
		}
		if (fill(w) == -1)
			return -1;
	}
	if (n >= size)
		return -1;
	opcode = w->in[0] & 0xf;
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(w->in[header + i] ^
				 w->in[header - 4 + (i & 3)]);
	text[n] = '\0';
	*len = n;
	consume(w, header + n);
	return opcode;
}
