/*
 * The server's end of a TLS connection and of WebSocket frames, blocking, for
 * tests.  It shares no code with the client: what it sends is as right or as
 * wrong as its caller says.
 */
#ifndef PEER_WIRE_H
#define PEER_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct wire {
	int fd;
	SSL *ssl; /* NULL before wire_tls() */
	unsigned char in[65536];
	size_t in_len;
};

/* Listens on an ephemeral port of 127.0.0.1, left in *port; the descriptor, or
 * -1. */
int wire_listen(int *port);

/* The TLS handshake on an accepted descriptor; -1 if it fails. */
int wire_tls(struct wire *w, SSL_CTX *ctx);
void wire_end(struct wire *w);

/* All of it as one TLS record (up to 16 KiB); -1 when the client is gone. */
int wire_write(struct wire *w, const void *p, size_t n);

/* The request up to its empty line, with a NUL; -1 at the end. */
int wire_request(struct wire *w, char *out, size_t size);

/* 101 with the accept key that the request asks for, then tail. */
int wire_upgrade(struct wire *w, const char *request, const char *tail);
/* The value of Sec-WebSocket-Accept for this request. */
int wire_accept(const char *request, char out[32]);

/* A frame; first: the first byte (FIN, RSV, opcode), bits: ORed into the
 * second (0x80 claims a mask).  declared: the length in the header.  Returns
 * the header's size. */
size_t wire_header(unsigned char *out, unsigned first, unsigned bits,
    unsigned long long declared);
int wire_frame(struct wire *w, unsigned first, const void *p, size_t n);
int wire_text(struct wire *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether a read would not block. */
bool wire_readable(struct wire *w, int timeout_ms);

/* The client's next frame, unmasked: its opcode, or -1 at the end.  text has
 * size bytes and gets a NUL. */
int wire_read_frame(struct wire *w, char *text, size_t size, size_t *len);

#endif
