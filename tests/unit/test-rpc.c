/* The envelope of what the server says: its kind, and what replies carry. */
#include "deribit/rpc.h"

#include <stdlib.h>

#include "tap.h"

#define V "{\"jsonrpc\":\"2.0\","
#define OUT "\"usOut\":1790133840888402"
#define WAIT(text)                                                         \
	V "\"id\":5,\"error\":{\"code\":10028,\"message\":\"m\",\"data\":" \
	  "{\"wait\":" text "}}}"
#define WAITED(text) "error 5 10028 m - out 0 wait " text

struct rpc_case {
	const char *what;
	const char *message;
	const char *want;
};

static const struct rpc_case cases[] = {
    {"a result", V "\"id\":7,\"result\":[1,{\"usOut\":3}]," OUT ",\"usIn\":1}",
	"result 7 [1,{\"usOut\":3}] out 1790133840888402 wait -1"},
    {"the clock first", "{" OUT ",\"result\":null,\"id\":7}",
	"result 7 null out 1790133840888402 wait -1"},
    {"no clock", V "\"id\":7,\"result\":{}}", "result 7 {} out 0 wait -1"},
    {"a clock in an escape", V "\"id\":7,\"result\":1,\"us\\u004fut\":5}",
	"result 7 1 out 5 wait -1"},
    {"a clock that is text", V "\"id\":7,\"result\":1,\"usOut\":\"5\"}",
	"result 7 1 out 0 wait -1"},
    {"a clock before the epoch", V "\"id\":7,\"result\":1,\"usOut\":-5}",
	"result 7 1 out 0 wait -1"},
    {"a clock with a fraction", V "\"id\":7,\"result\":1,\"usOut\":5.5}",
	"result 7 1 out 0 wait -1"},
    {"a clock beyond int64", V "\"id\":7,\"result\":1,\"usOut\":1e19}",
	"result 7 1 out 0 wait -1"},
    {"an error with all of it",
	V "\"id\":5,\"error\":{\"data\":{\"wait\":2,\"reason\":\"r\"},"
	  "\"message\":\"m\",\"code\":10028}," OUT "}",
	"error 5 10028 m r out 1790133840888402 wait 2"},
    {"an error without an id or data",
	V "\"error\":{\"code\":11050,\"message\":\"m\"}," OUT "}",
	"error - 11050 m - out 1790133840888402 wait -1"},
    {"data that is text",
	V "\"error\":{\"code\":1,\"message\":\"m\",\"data\":\"wait\"}}",
	"error - 1 m - out 0 wait -1"},
    {"data that is null",
	V "\"error\":{\"code\":1,\"message\":\"m\",\"data\":null}}",
	"error - 1 m - out 0 wait -1"},
    {"a wait beside the data",
	V "\"error\":{\"code\":1,\"message\":\"m\",\"wait\":5,\"data\":{}},"
	  "\"wait\":5}",
	"error - 1 m - out 0 wait -1"},
    {"a wait of 0", WAIT("0"), WAITED("0")},
    {"of 0.0", WAIT("0.0"), WAITED("0")},
    {"of 60", WAIT("60"), WAITED("60")},
    {"of 1.0", WAIT("1.0"), WAITED("1")},
    {"of 1.5", WAIT("1.5"), WAITED("2")},
    {"of a little more than 1", WAIT("1.00000000000000000001"), WAITED("2")},
    {"of nearly nothing", WAIT("1e-30"), WAITED("1")},
    {"of 1.25e1", WAIT("1.25e1"), WAITED("13")},
    {"of 10000", WAIT("10000"), WAITED("10000")},
    {"of 12345.6", WAIT("12345.6"), WAITED("12346")},
    {"as text", WAIT("\"0.25\""), WAITED("1")},
    {"of a day less a bit", WAIT("86399.5"), WAITED("86400")},
    {"of a day", WAIT("86400"), WAITED("86400")},
    {"of more than a day", WAIT("86400.5"), WAITED("86400")},
    {"of years", WAIT("1e300"), WAITED("86400")},
    {"of more than there is", WAIT("1e999999999999"), WAITED("-1")},
    {"below 0", WAIT("-3"), WAITED("-1")},
    {"of no number", WAIT("\"soon\""), WAITED("-1")},
    {"of no text", WAIT("\"\""), WAITED("-1")},
    {"of null", WAIT("null"), WAITED("-1")},
    {"of an object", WAIT("{\"wait\":1}"), WAITED("-1")},
    {"a notification",
	V "\"method\":\"subscription\",\"params\":{\"channel\":"
	  "\"c\",\"data\":{\"usOut\":1}}}",
	"notification c"},
    {"a notification, its members in disorder",
	"{\"params\":{\"data\":1,\"channel\":\"c\"}," OUT ",\"method\":"
	"\"subscription\"}",
	"notification c"},
    {"a heartbeat",
	V "\"method\":\"heartbeat\",\"params\":{\"type\":\"heartbeat\"}}",
	"kind 1"},
    {"a test_request",
	V "\"method\":\"heartbeat\",\"params\":{\"type\":\"test_request\"}}",
	"kind 2"},
    {"another method", V "\"method\":\"m\"}", "kind 5"},
    {"a result without an id", V "\"result\":1," OUT "}", "kind 6"},
    {"no object", "[]", "kind 6"},
    {"no JSON", V OUT,
	"invalid JSON at byte 41 of a message: comma or end expected"},
};

static void describe(const struct rpc *m, char *out, size_t size)
{
	char id[24] = "-";

	if (m->has_id)
		snprintf(id, sizeof(id), "%" PRId64, m->id);
	if (m->kind == RPC_NOTIFICATION)
		snprintf(out, size, "notification %.*s", (int)m->channel.len,
		    m->channel.p);
	else if (m->kind == RPC_RESULT)
		snprintf(out, size,
		    "result %s %.*s out %" PRId64 " wait %" PRId64, id,
		    (int)m->result.len, m->result.p, m->us_out, m->wait_s);
	else if (m->kind == RPC_ERROR)
		snprintf(out, size,
		    "error %s %" PRId64 " %.*s %.*s out %" PRId64
		    " wait %" PRId64,
		    id, m->code, (int)m->message.len, m->message.p,
		    m->reason.len > 0 ? (int)m->reason.len : 1,
		    m->reason.len > 0 ? m->reason.p : "-", m->us_out,
		    m->wait_s);
	else
		snprintf(out, size, "kind %d", (int)m->kind);
}

/* m is as the message before left it, as in a session. */
static void test_case(const struct rpc_case *c, struct rpc *m)
{
	size_t len = strlen(c->message);
	char *text = malloc(len + 1); /* exact: for the sanitizer */
	struct fault fault;
	char got[300];

	memcpy(text, c->message, len + 1);
	if (rpc_parse(m, text, len) == 0) {
		describe(m, got, sizeof(got));
	} else {
		rpc_fault(m, &fault);
		snprintf(got, sizeof(got), "%.299s", fault.text);
	}
	is_str(got, c->want, c->what);
	free(text);
}

int main(void)
{
	struct rpc m;

	memset(&m, 'x', sizeof(m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(&cases[i], &m);
	return done_testing();
}
