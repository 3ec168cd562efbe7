/*
 * The exchange's list of currencies (public/get_currencies), for whoever typed
 * one that is not on it.  Which instruments a currency has is
 * deribit/chain.h's.
 */
#ifndef DERIBIT_CURRENCIES_H
#define DERIBIT_CURRENCIES_H

#include "base/fault.h"
#include "deribit/rest.h"

/* 1 if the list has the currency (upper case).  Else -1, and *fault (EX_USAGE)
 * says that there is no such one and which there are; without them if the list
 * is not to be had.  -1 with EX_TEMPFAIL: stopped. */
int currencies_find(
    struct rest *rest, const char *currency, struct fault *fault);

#endif
