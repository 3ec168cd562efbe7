/*
 * The options that all programs have in common that use REST, for their tables
 * of options: REST_OPTIONS(struct config, rest), where config has a member rest
 * that is a struct rest_options, set by rest_options_init() before.  The manual
 * pages describe them in the same words.  REST_OPTIONS_RATE: for one that sets
 * another rate behind that.
 */
#ifndef DERIBIT_REST_CLI_H
#define DERIBIT_REST_CLI_H

#include <stddef.h>

#include "deribit/rest.h"
#include "io/cli.h"

#define REST_TIME_MAX_MS 86400000

/* clang-format off */
#define REST_OPTIONS(config, rest) REST_OPTIONS_RATE(config, rest, "10")

#define REST_OPTIONS_RATE(config, rest, usual) \
	{0, "url", "URL", \
	    "the REST API (default: DERIBIT_REST_URL, or\n" \
	    "https://www.deribit.com/api/v2)", \
	    .type = CLI_TEXT, .at = offsetof(config, rest.url)}, \
	{0, "cacert", "FILE", \
	    "trust these CAs (default: DERIBIT_CACERT, or\n" \
	    "CURL_CA_BUNDLE, SSL_CERT_FILE, the system's)", \
	    .type = CLI_TEXT, .at = offsetof(config, rest.cacert)}, \
	{0, "proxy", "URL", "go through this proxy", \
	    .type = CLI_TEXT, .at = offsetof(config, rest.proxy)}, \
	{0, "connect-timeout", "TIME", "for DNS, TCP and TLS (default 10s)", \
	    .type = CLI_TIME, .at = offsetof(config, rest.connect_timeout_ms), \
	    .min = 1, .max = REST_TIME_MAX_MS}, \
	{0, "max-time", "TIME", "for one whole request (default 60s)", \
	    .type = CLI_TIME, .at = offsetof(config, rest.max_time_ms), \
	    .min = 1, .max = REST_TIME_MAX_MS}, \
	{0, "retry", "N", "tries after the first (default 5)", \
	    .type = CLI_INTEGER, .at = offsetof(config, rest.retry), \
	    .max = 1000}, \
	{0, "rate", "N", "requests a second, at most (default " usual ")", \
	    .type = CLI_INTEGER, .at = offsetof(config, rest.rate), \
	    .min = 1, .max = 1000}, \
	{0, "parallel", "N", "requests at a time, at most (default 8)", \
	    .type = CLI_INTEGER, .at = offsetof(config, rest.parallel), \
	    .min = 1, .max = REST_PARALLEL_MAX}
/* clang-format on */

#endif
