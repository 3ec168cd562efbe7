/* Calls of a session: in which order they are asked, what becomes of them. What
 * is asked is noted here in place of being sent. */
#include <stdio.h>

#include "base/clock.h"
#include "deribit/session-own.h"
#include "tap.h"

#define CALLS 8

static struct session session;
static struct pace pace;
static struct session_options options;

static char asked[80];   /* the words of what was asked, in order */
static char replies[80]; /* and answered: "a+ " or, without an answer, "a- " */
static unsigned ask_n, quit_at;

struct thing {
	struct session_call call;
	char word;
	struct thing *next; /* is asked when this one is answered */
	bool urgent;
};

static void note(char *out, size_t size, char word, const char *how)
{
	size_t n = strlen(out);

	snprintf(out + n, size - n, "%c%s ", word, how);
}

int64_t session_ask(struct session *s, const char *method, const char *params)
{
	(void)method;
	note(asked, sizeof(asked), params[0], "");
	if (++ask_n == quit_at)
		loop_quit(s->loop);
	return ++s->next_id;
}

static void on_reply(void *arg, const struct rpc *m)
{
	struct thing *t = arg;

	note(replies, sizeof(replies), t->word, m != NULL ? "+" : "-");
	if (t->next != NULL)
		session_call(&session, &t->next->call);
	if (m == NULL && quit_at == 0)
		loop_quit(session.loop);
}

static void thing_init(struct thing *t, char word, enum call_rank rank)
{
	memset(t, 0, sizeof(*t));
	t->word = word;
	t->call.method = "public/test";
	t->call.reply = on_reply;
	t->call.arg = t;
	t->call.rank = rank;
	t->call.params[0] = word;
}

/* Upper case words are urgent, and digits come first. */
static void things_init(struct thing *t, const char *words)
{
	for (; *words != '\0'; words++, t++) {
		enum call_rank rank = CALL_PLAIN;

		if (*words >= 'A' && *words <= 'Z')
			rank = CALL_URGENT;
		if (*words >= '0' && *words <= '9')
			rank = CALL_FIRST;
		thing_init(t, *words, rank);
	}
}

static void begin(void)
{
	memset(&session, 0, sizeof(session));
	session.loop = loop_new();
	session.options = &options;
	session.pace = &pace;
	session.state = STATE_LIVE;
	options.reply_timeout_ms = 60000;
	pace_init(&pace, 1000, 60000);
	calls_init(&session);
	asked[0] = replies[0] = '\0';
	ask_n = quit_at = 0;
}

static void end(void)
{
	calls_lost(&session);
	loop_free(session.loop);
}

/* Until n have been asked. */
static void run(unsigned n)
{
	struct fault fault;

	ask_n = 0;
	quit_at = n;
	loop_run(session.loop, &fault);
}

static void answer(const struct thing *t)
{
	struct rpc m = {.kind = RPC_RESULT, .id = t->call.id};

	calls_reply(&session, &m);
}

static void test_order(void)
{
	struct thing t[CALLS], late;
	size_t i;

	begin();
	things_init(t, "abXcYd");
	for (i = 0; i < 6; i++)
		session_call(&session, &t[i].call);
	ok(session_call_waits(&t[0].call), "a call waits at first");
	run(6);
	is_str(asked, "X Y a b c d ", "the urgent first, each in its turn");
	ok(!session_call_waits(&t[0].call) && t[0].call.busy,
	    "then it is asked");
	thing_init(&late, 'Z', CALL_URGENT);
	session_call(&session, &late.call);
	run(1);
	is_str(asked, "X Y a b c d Z ", "and one that comes later");
	for (i = 6; i-- > 0;)
		answer(&t[i]);
	answer(&late);
	answer(&late);
	is_str(replies, "d+ Y+ c+ X+ b+ a+ Z+ ",
	    "answers come in any order, and once");
	ok(session.call == NULL && session.call_end == &session.call,
	    "nothing is left");
	end();
}

/* Behind those that are sent: the end of the line stays its end. */
static void test_urgent_last(void)
{
	struct thing t[CALLS];

	begin();
	things_init(t, "aXb");
	session_call(&session, &t[0].call);
	run(1);
	session_call(&session, &t[1].call);
	session_call(&session, &t[2].call);
	run(2);
	is_str(asked, "a X b ", "an urgent one is the last: more may follow");
	session_call_forget(&session, &t[2].call);
	ok(!t[2].call.busy, "one that is forgotten is free");
	things_init(t + 3, "c");
	session_call(&session, &t[3].call);
	run(1);
	is_str(asked, "a X b c ", "and the line goes on");
	answer(&t[2]);
	is_str(replies, "", "no answer comes for what was forgotten");
	end();
	is_str(replies, "a- X- c- ", "the others are told of the loss");
}

/* However many urgent ones stand in line. */
static void test_first(void)
{
	struct thing t[CALLS];
	size_t i;

	begin();
	things_init(t, "aXY1Z2b");
	for (i = 0; i < 7; i++)
		session_call(&session, &t[i].call);
	run(7);
	is_str(asked, "1 2 X Y Z a b ", "the first before the urgent ones");
	end();
}

/* Who is answered may ask at once, also when what it hears is a loss. */
static void test_again(void)
{
	struct thing t[CALLS];

	begin();
	things_init(t, "abX");
	t[0].next = &t[2];
	session_call(&session, &t[0].call);
	session_call(&session, &t[1].call);
	run(2);
	answer(&t[0]);
	run(1);
	is_str(asked, "a b X ", "who is answered asks again");
	session.state = STATE_BACKOFF;
	t[1].next = &t[0];
	end();
	is_str(replies, "a+ b- X- ", "who is lost cannot");
	ok(!t[0].call.busy, "and its call is free");
}

static void test_late(void)
{
	struct thing t[CALLS];
	struct fault fault;

	begin();
	options.reply_timeout_ms = 1;
	things_init(t, "a");
	session_call(&session, &t[0].call);
	loop_run(session.loop, &fault);
	is_str(replies, "a- ", "what is not answered in time is told so");
	answer(&t[0]);
	is_str(replies, "a- ", "an answer that comes later counts for nothing");
	end();
}

/* The reply time counts from when it is asked. */
static void test_line(void)
{
	struct thing t[CALLS];
	unsigned n = 0;

	begin();
	while (pace_call(&pace, clock_mono_ms()) == 0)
		n++;
	ok(n >= 10, "the credits are spent");
	options.reply_timeout_ms = 1;
	things_init(t, "ab");
	session_call(&session, &t[0].call);
	session_call(&session, &t[1].call);
	run(2);
	is_str(asked, "a b ", "both are asked in the end");
	ok(strchr(replies, 'b') == NULL, "and none is late before it is");
	end();
}

int main(void)
{
	test_order();
	test_urgent_last();
	test_first();
	test_again();
	test_late();
	test_line();
	return done_testing();
}
