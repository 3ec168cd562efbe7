/*
 * What the files of deribit-ws-stream share: what it is told to do.  Its
 * options are ws-options.c, the wiring deribit-ws-stream.c.
 */
#ifndef BIN_WS_STREAM_H
#define BIN_WS_STREAM_H

#include <signal.h>

#include "deribit/rest.h"
#include "io/cli.h"
#include "io/spool.h"
#include "collect/collector.h"

#define WORDS_MAX 64  /* operands and --instrument */
#define WORD_SIZE 256 /* of the environment's CURRENCY */
#define CHANNELS_SIZE 8192

struct config {
	struct collector_options collector;
	struct rest_options rest;
	struct chain_query query;
	struct wants wants;
	struct credentials login;
	struct spool_options spool;
	unsigned book; /* of wants_word: what --book says, or 0 */
	bool auth, list;
	const char *credentials, *from_raw;
	size_t urls;
	int64_t queue_max;
	const char *instrument[WORDS_MAX];
	size_t instruments;
	const char *currency[WORDS_MAX];
	size_t currencies;
	char words[WORD_SIZE];
	char channels[CHANNELS_SIZE];
};

extern const struct cli ws_cli;

/* The defaults; stop is what ends a wait for the exchange. */
void ws_config_init(struct config *c, const volatile sig_atomic_t *stop);

/* The environment and the command line.  -1 with *fault. */
int ws_config_read(
    struct config *c, int argc, char **argv, struct fault *fault);

#endif
