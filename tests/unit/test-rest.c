/* Calls to REST, several at once: order, places, buckets, retries, refusals,
 * stops, the exchange's clock; against a server of our own (rest-server.h). */
#include "deribit/rest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap.h"

#include "rest-server.h"

#define CALLS 64

struct asked {
	struct rest_call call;
	char query[40];
	char result[300]; /* "" without one */
	struct fault fault;
	int answers;
	size_t place; /* among the answers */
};

static const char *url;
static volatile sig_atomic_t stop;
static struct rest *rest;
static struct asked asked[CALLS];
static size_t n_asked, n_answered;

static void answered(void *arg, struct rest_call *call, struct json_span result,
    const struct fault *fault)
{
	struct asked *a = arg;

	(void)call;
	a->answers++;
	a->place = n_answered++;
	if (fault != NULL)
		a->fault = *fault;
	else
		snprintf(a->result, sizeof(a->result), "%.*s", (int)result.len,
		    result.p);
}

static struct rest *client(int64_t retry, int64_t rate, int64_t parallel)
{
	struct rest_options o;
	struct fault fault = {0};

	rest_options_init(&o, &stop);
	o.url = url;
	o.retry = retry;
	o.rate = rate;
	o.parallel = parallel;
	o.max_time_ms = 30000;
	rest_free(rest);
	rest = rest_new(&o, &fault);
	if (rest == NULL)
		printf("Bail out! %s\n", fault.text);
	memset(asked, 0, sizeof(asked));
	n_asked = n_answered = 0;
	return rest;
}

static struct asked *ask(const char *method, const char *query)
{
	struct asked *a = &asked[n_asked];
	struct fault fault;

	if (query != NULL)
		snprintf(a->query, sizeof(a->query), "%s", query);
	else
		snprintf(a->query, sizeof(a->query), "c=%zu", n_asked);
	a->call = (struct rest_call){
	    .method = method, .query = a->query, .reply = answered, .arg = a};
	n_asked++;
	return rest_submit(rest, &a->call, &fault) == 0 ? a : NULL;
}

static void all_turns(void)
{
	struct fault fault;

	while (rest_busy(rest) > 0)
		if (rest_turn(rest, 1000, &fault) == -1) {
			printf("# %s\n", fault.text);
			return;
		}
}

static int64_t reported(const char *member)
{
	struct buf b;
	struct fault fault;
	int64_t n = -1;
	char *at;

	buf_init(&b, 1000);
	if (rest_call(rest, "public/report", "", &b, &fault) == 0) {
		at = strstr(buf_str(&b), member);
		n = at != NULL ? atoll(at + strlen(member) + 2) : -1;
	}
	buf_free(&b);
	return n;
}

static void one(void)
{
	struct buf b;
	struct fault fault;

	client(0, 0, 0);
	buf_init(&b, 1000);
	is_int(rest_call(rest, "public/big", "", &b, &fault), 0, "one call");
	is_str(buf_str(&b), "[227538549002481664,1.0,6.4e4]",
	    "its result, each number as it was sent");
	is_int(rest_call(rest, "public/refuse", "a=1", &b, &fault), -1,
	    "refused arguments");
	is_int(fault.exit_code, EX_DATAERR, "are no matter of the exchange's");
	ok(strstr(fault.text, "public/refuse: -32602 Invalid params") != NULL,
	    "the sentence says who and why: %s", fault.text);
	buf_free(&b);
}

static void places(void)
{
	size_t i;

	client(0, 1000, 4);
	for (i = 0; i < 12; i++)
		ask("public/together", "4");
	all_turns();
	for (i = 0; i < 12 && asked[i].answers == 1; i++)
		;
	is_int((int64_t)i, 12, "each is answered once");
	is_int(reported("most"), 4, "four at a time, and not more");
	is_int((int64_t)rest_busy(rest), 0, "and then nothing waits");
}

static void kept(void)
{
	int64_t before;

	client(0, 1000, 3);
	before = reported("accepted");
	for (size_t i = 0; i < 40; i++)
		ask("public/ok", NULL);
	all_turns();
	ok(reported("accepted") - before <= 3,
	    "forty calls on the connections that there are");
}

static void order(void)
{
	size_t i;

	client(0, 1000, 1);
	for (i = 0; i < 20; i++)
		ask("public/ok", NULL);
	all_turns();
	for (i = 0; i < 20 && asked[i].place == i; i++)
		;
	is_int((int64_t)i, 20, "in the order of submission");
}

static void paced(void)
{
	int64_t begin = clock_mono_ms();

	client(0, 10, 8);
	reported("most");
	for (size_t i = 0; i < 24; i++)
		ask("public/ok", NULL);
	all_turns();
	/* 10 at once, one of which is the report's, 15 more at 10 a second. */
	ok(clock_mono_ms() - begin >= 1500, "the rate is kept");
	is_int(reported("overdrawn"), 0, "the bucket is not overdrawn");
}

/* Who asks behind another process that was killed. */
static void paced_after_another(void)
{
	client(0, 10, 8);
	reported("most");
	for (size_t i = 0; i < 9; i++)
		ask("public/ok", NULL);
	all_turns();
	client(0, 10, 8);
	rest_spent(rest);
	for (size_t i = 0; i < 10; i++)
		ask("public/ok", NULL);
	all_turns();
	is_int(reported("overdrawn"), 0, "nor behind another process");
}

/* What was held up on the way comes together with what goes out later. */
static void paced_when_late(void)
{
	client(0, 10, 8);
	reported("most");
	for (size_t i = 0; i < 8; i++)
		ask(i == 0 ? "public/doze" : "public/ok", NULL);
	for (size_t i = 0; i < 12; i++)
		ask("public/ok", NULL);
	all_turns();
	is_int(reported("overdrawn"), 0, "nor when requests were held up");
}

static void mended(void)
{
	static const char *const ways[] = {"fail429", "fail10028", "fail502",
	    "failreset", "failtorn", "failhtml", "failempty"};
	char method[40];
	size_t n = sizeof(ways) / sizeof(ways[0]), i;

	for (i = 0; i < n; i++) {
		client(1, 1000, 4);
		snprintf(method, sizeof(method), "public/%s", ways[i]);
		ask(method, "x");
		ask("public/ok", NULL);
		all_turns();
		ok(asked[0].result[0] != '\0' && asked[1].result[0] != '\0' &&
			asked[0].answers == 1,
		    "mended by one retry: %s", ways[i]);
	}
	client(0, 1000, 4);
	ask("public/fail502", "y");
	ask("public/ok", NULL);
	all_turns();
	is_int(asked[0].fault.exit_code, EX_UNAVAILABLE, "no retry: given up");
	ok(strstr(asked[0].fault.text, "fail502: HTTP 502") != NULL,
	    "with the reason: %s", asked[0].fault.text);
	ok(asked[1].result[0] != '\0', "which is that call's alone");
}

/* What one call is told holds for those that have another place. */
static void all_pause(void)
{
	client(3, 50, 2);
	reported("early");
	ask("public/wait429", "p");
	for (size_t i = 0; i < 60; i++)
		ask("public/ok", NULL);
	all_turns();
	is_int(reported("early"), 0, "Retry-After holds for all calls");
	is_int((int64_t)n_answered, 61, "which are answered then");
}

static void hung(void)
{
	struct rest_options o;
	struct fault fault = {0};

	client(0, 1000, 4);
	rest_options_init(&o, &stop);
	o.url = url;
	o.retry = 1;
	o.max_time_ms = 200;
	rest_free(rest);
	rest = rest_new(&o, &fault);
	ask("public/hang", NULL);
	ask("public/ok", NULL);
	all_turns();
	is_int(asked[0].fault.exit_code, EX_UNAVAILABLE, "a time-out");
	ok(strstr(asked[0].fault.text, "given up after 2 tries") != NULL,
	    "twice: %s", asked[0].fault.text);
	ok(asked[1].result[0] != '\0', "others are answered");
}

static void cancelled(void)
{
	struct fault fault;

	client(0, 1000, 2);
	ask("public/hang", NULL);
	ask("public/hang", NULL);
	ask("public/ok", NULL);
	rest_turn(rest, 50, &fault);
	is_int((int64_t)rest_busy(rest), 3, "two hang, one waits");
	rest_cancel(rest, &asked[0].call);
	rest_cancel(rest, &asked[0].call);
	while (asked[2].answers == 0 && rest_turn(rest, 100, &fault) == 0)
		;
	is_int(asked[0].answers, 0, "cancelled: no answer");
	ok(asked[2].result[0] != '\0', "and its place is another's");
	rest_cancel(rest, &asked[1].call);
	is_int((int64_t)rest_busy(rest), 0, "nothing is left");
	ask("public/hang", NULL);
	rest_turn(rest, 20, &fault);
	client(0, 0, 0);
	ok(true, "a client is freed with calls under way");
}

/* A reply submits the next one, and cancels another. */
static void again_and_away(void *arg, struct rest_call *call,
    struct json_span result, const struct fault *fault)
{
	struct fault none;

	answered(arg, call, result, fault);
	if (asked[0].answers < 3)
		rest_submit(rest, call, &none);
	rest_cancel(rest, &asked[1].call);
}

static void from_a_reply(void)
{
	client(0, 1000, 1);
	ask("public/ok", NULL);
	asked[0].call.reply = again_and_away;
	ask("public/ok", NULL);
	all_turns();
	is_int(asked[0].answers, 3, "submitted again from its reply");
	is_int(asked[1].answers, 0, "another one cancelled there");
}

static void stops(void)
{
	struct fault fault = {0};
	struct buf b;

	client(-1, 1000, 2);
	buf_init(&b, 100);
	ask("public/hang", NULL);
	rest_turn(rest, 20, &fault);
	stop = 1;
	is_int(rest_turn(rest, 600000, &fault), -1, "a stop ends the turn");
	is_int(fault.exit_code, EX_TEMPFAIL, "as what is to be done again");
	is_int(rest_call(rest, "public/ok", "", &b, &fault), -1,
	    "and no call is begun");
	stop = 0;
	buf_free(&b);
}

static void wrong_address(void)
{
	struct rest_options o;
	struct fault fault = {0};

	rest_options_init(&o, NULL);
	o.url = "nonsense";
	ok(rest_new(&o, &fault) == NULL && fault.exit_code == EX_USAGE,
	    "no URL: %s", fault.text);
	o.url = "http://192.0.2.1/api/v2";
	rest_free(rest);
	memset(asked, 0, sizeof(asked));
	n_asked = n_answered = 0;
	rest = rest_new(&o, &fault);
	ask("public/ok", NULL);
	all_turns();
	is_int(asked[0].fault.exit_code, EX_USAGE, "plain http to elsewhere");
	static char longest[9000];
	memset(longest, 'x', sizeof(longest) - 1);
	asked[1].call = (struct rest_call){
	    .method = "public/ok", .query = longest, .reply = answered};
	is_int(rest_submit(rest, &asked[1].call, &fault), -1,
	    "a query that no URL holds");
}

static void clocks(void)
{
	int64_t before, away;

	client(0, 1000, 1);
	before = clock_wall_us() / 1000;
	away = rest_clock_ms(rest);
	ok(before <= away && away <= clock_wall_us() / 1000,
	    "before any reply: our clock");
	ask("public/ok", NULL);
	all_turns();
	away = rest_clock_ms(rest) - clock_wall_us() / 1000;
	ok(away > -2000 && away < 2000, "the same clock as ours: %d ms",
	    (int)away);
	ask("public/later", NULL);
	all_turns();
	away = rest_clock_ms(rest) - clock_wall_us() / 1000;
	ok(away < 1800000, "of two the earlier");
	ask("public/later", NULL);
	all_turns();
	away = rest_clock_ms(rest) - clock_wall_us() / 1000;
	ok(away > 3598000 && away < 3602000, "the middle of three: %d ms",
	    (int)away);
}

int main(void)
{
	log_open("test-rest");
	log_level_set(LOG_LEVEL_ERROR);
	url = rest_server_start();
	if (url == NULL) {
		printf("Bail out! no server: %s\n", strerror(errno));
		return 1;
	}
	one();
	places();
	kept();
	order();
	paced();
	paced_after_another();
	paced_when_late();
	mended();
	all_pause();
	hung();
	cancelled();
	from_a_reply();
	stops();
	clocks();
	wrong_address();
	rest_free(rest);
	rest_server_stop();
	return done_testing();
}
