/*
 * What the files of deribit-replay share: what it is told to do.  Its options
 * are replay-options.c, the wiring deribit-replay.c.
 */
#ifndef BIN_REPLAY_H
#define BIN_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "io/cli.h"
#include "replay/server.h"

struct config {
	struct server_options server;
	const char *cert, *key, *ca_file, *frames, *ready_file, *truth, *ledger;
	bool synthetic;
	int64_t list_every_us, expire_every_us, open_after_us;
	int64_t interest_every_us;
	struct faults faults;
	struct auth auth;
	const char *credentials;
	bool own_seed; /* of the faults */
	const char *requests, *dump;
	int64_t history_days, history_trades, history_instruments;
	bool own_clock, own_now;
	int64_t clock_us; /* of the exchange before ours */
	int64_t seed, fault_seed, now_ms;
};

extern const struct cli replay_cli;

#endif
