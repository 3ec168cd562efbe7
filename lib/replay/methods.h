/*
 * What the methods of the replay server share (methods.c, trades.c, auth.c):
 * their parameters, and the exchange's complaints about them.  Each function
 * that can complain has filled the call's error when it returns -1.
 */
#ifndef REPLAY_METHODS_H
#define REPLAY_METHODS_H

#include "replay/rpc.h"

/* A string parameter as C string: 1, 0 when absent, -1 with the error. */
int string_param(struct rpc_call *c, const char *name, char *out, size_t size);

/* A whole number; *out stays as it is when absent. */
int integer_param(struct rpc_call *c, const char *name, int64_t *out);

/* The instrument that the call names; -1 with the error. */
int instrument_param(struct rpc_call *c, size_t *instrument);

/* Which instruments a call is about; kind "" is any. */
struct filter {
	char currency[16], kind[16];
};

/* any_too: the currency may be any, or absent. */
int filter_params(struct rpc_call *c, struct filter *f, bool any_too);
bool filter_takes(const struct filter *f, const struct chain_instrument *i);

/* public/get_last_trades_by_instrument and _and_time, ..._by_currency and
 * _and_time (trades.c). */
int trades_by_instrument(struct rpc_call *c);
int trades_by_currency(struct rpc_call *c);

#endif
