/* Two feeds to one sequence, by hand. */
#include <stdlib.h>

#include "record/merge.h"
#include "tap.h"

static char passed[4096]; /* by hand: each message is a letter */

static void pass(const char *text, size_t len)
{
	strncat(passed, text, len);
}

static void pop(struct merge *m)
{
	struct merge_message *message;

	while ((message = merge_pop(m)) != NULL) {
		pass(message->text, message->len);
		free(message);
	}
}

static bool stamped;

/* An alphabet of times: b, B and " are of the same millisecond, c is later. */
static enum merge_is take(struct merge *m, unsigned side, uint64_t digest,
    const char *text, size_t len)
{
	struct merge_news news = {digest, 0, text, len};

	if (stamped)
		news.stamp = (int64_t)(digest < 128 ? (digest & 31) | 96
						    : digest);

	return merge_take(m, side, &news);
}

/* 'P', 'S' or 'H'. */
static char bring(struct merge *m, unsigned side, char letter)
{
	enum merge_is is = take(m, side, (unsigned char)letter, &letter, 1);

	if (is == MERGE_PASS)
		pass(&letter, 1);
	pop(m);
	return "PSH"[is];
}

/*
 * Plays a script: "0+" joins, "0-" leaves, "0=" leaves and was well,
 * "0abc" brings, "!" settles; words
 * are separated by spaces.  True if what was passed on is as wanted.
 */
static void play_with(
    struct merge *m, const char *script, const char *want, const char *what)
{
	unsigned side = 0;

	passed[0] = '\0';
	for (const char *p = script; *p != '\0'; p++) {
		switch (*p) {
		case '0':
		case '1': side = (unsigned)(*p - '0'); break;
		case '+': merge_join(m, side); break;
		case '-': merge_leave(m, side, false); break;
		case '=': merge_leave(m, side, true); break;
		case '!': merge_settle(m); break;
		case ' ': break;
		default: bring(m, side, *p);
		}
		pop(m);
	}
	if (!ok(strcmp(passed, want) == 0, "%s", what))
		printf("#   got %s\n#  want %s\n", passed, want);
	merge_free(m);
}

static void play(const char *script, const char *want, const char *what)
{
	play_with(merge_new(false), script, want, what);
}

/* The first message of each side may be for it alone. */
static void play_greeted(const char *script, const char *want, const char *what)
{
	play_with(merge_new(true), script, want, what);
}

static void test_scripts(void)
{
	play("0+ 0abbbcc", "abbbcc", "one side: all of it");
	play("0+ 1+ 0ab 1ab 0cd 1cd 1ef 0ef", "abcdef", "in turn");
	play("0+ 1+ 1cde 0abcdef 1fg 0g", "abcdefg",
	    "the second side is ahead: it waits for the first");
	play("0+ 1+ 0cde 1abcdef 0fg", "cdefg",
	    "the second side is behind: the first leads");
	play("0+ 0abcd 1+ 1cdefg 0efgh 1hi 0i", "abcdefghi",
	    "a side that joins later");
	play("0+ 0abc 1+ 1fgh 0defgh 0- 1ij", "abcdefghij",
	    "ahead and aligned, it goes on alone");
	play("0+ 0abc 1+ 1ef 0d 0- 1gh", "abcdefgh",
	    "the first leaves: what was held follows");
	play("0+ 0abc 1+ 1bcd 0- 1e", "abcde",
	    "the first leaves: only what is new follows");
	play("0+ 0abc 1+ 0- 1bcde", "abcde",
	    "the first leaves before the second brought anything");
	play("0+ 0abc 1+ 0- 1de", "abcde", "the same, without an overlap");
	play("0+ 0abc 0- 0+ 0cde", "abcde",
	    "a side alone is told again what it told last");
	play("0+ 0abc 0- 0+ 0xyz", "abcxyz", "or anything else");
	play("0+ 0abc 1+ 1de 1- 0de", "abcde",
	    "a side that leaves takes what was held with it");
	play("0+ 0ab 1+ 1xy ! 0- 1z", "abxyz",
	    "without an answer the held ones are let go");
	play("0+ 0ab 1+ 1b ! 1c 0c", "abc", "or dropped, if they were seen");
	play("0+ 0abcdefg 1+ 1efg 1h 0- 0+ 1ij 0ghij 0k 1k", "abcdefghijk",
	    "cut and back again");
	play("0+ 1+ 1ab 0bc 1c", "abc",
	    "the second side began earlier: nothing is left out");
	play("0+ 0ab 0- 0+ 1+ 1bcd 0de 1e", "abcde",
	    "the same after both were cut");
	play("0+ 1+ 1a ! 0ab 1b 0c 1c", "abc",
	    "the first side is silent at first");
	play("1a 1+ 0+ 0a 1b 0b 1c 0c", "abc", "a message before its join");
}

static void test_repeats(void)
{
	play("0+ 1+ 0aab 1aab 0bb 1bb 1b 0b", "aabbbb",
	    "repetitions on both sides");
	play("0+ 0aa 1+ 1aabc 0abcc 1c", "aaabcc",
	    "joined between repetitions, ahead");
	play("0+ 0aaab 1+ 1aab 0cd 1cd 1e 0e", "aaabcde", "and behind");
	play("0+ 0aaa 1+ 1aa ! 1b 0b 1c 0c", "aaabc",
	    "a place among repetitions that was a guess");
	play("0+ 0aaa 1+ 1a ! 1b 0- 1c", "aaabc", "the same, and alone");
	play("0+ 0abxcd 1+ 1ab 1y 0ab 1z 0yz 0- 1w", "abxcdabyzw",
	    "two that came before are no place");
	play("0+ 0abcabc 1+ 1abc 1abc 1d 0d 1e 0e", "abcabcde",
	    "nor is one of two");
	play("0+ 0XabX 1+ 1X ! 1c 0- 1d", "XabXcd",
	    "without more time: the last of two");
	play("0+ 0aXbcd 1+ 1X ! 1efg 0Xefg 1hi 0h 0- 1j", "aXbcdXefghij",
	    "a wrong place is found out");
	play("0+ 0aa 1+ 1aa ! 1b 1- 0aa 0b 0c", "aabc",
	    "a repetition that was not counted is no news");
	play("0+ 0abab 1+ 1abab 0abc 1abc 1d 0d", "abababcd",
	    "a pattern that repeats");
}

static void test_different(void)
{
	play("0+ 1+ 0abc 1abc 0de 1e 1f 0f", "abcdef",
	    "dropped on the side that is behind");
	play("0+ 1+ 0abc 1abc 0ef 1def 1g 0g", "abcefg",
	    "dropped on the side that leads: order is kept");
	play("0+ 1+ 0abc 1abc 0dx 0- 1dyz", "abcdxz",
	    "alone and behind: as many are left out as were passed on");
	play("0+ 1+ 0a1A 0b1B 0c1C 0d1D 0e1E 0f1F 0g1G 0h1H 0i1I ! "
	     "1J0j 1K 0k 0- 1L 0+ 1M",
	    "abcdefghijkLM", "another course: one of them, until it ends");
	play("0+ 1+ 0abc 1Sabc 0defg 1defg 1h 0h", "abcdefgh",
	    "a snapshot before the changes");
}

static void test_caps(void)
{
	struct merge *m = merge_new(false);
	static char big[MERGE_HELD_BYTES];
	bool held = true;

	passed[0] = '\0';
	merge_join(m, 0);
	merge_join(m, 1);
	bring(m, 0, '~');
	for (int i = 0; i < MERGE_HELD_MAX; i++)
		held = held && bring(m, 1, (char)('0' + i)) == 'H';
	ok(held && merge_waiting(m) && strlen(passed) == 1,
	    "%d messages are held", MERGE_HELD_MAX);
	bring(m, 1, 'z');
	ok(!merge_waiting(m) && strlen(passed) == MERGE_HELD_MAX + 2,
	    "one more, and all are let go");
	is_int(passed[MERGE_HELD_MAX + 1], 'z', "in order");
	is_int(bring(m, 1, 'y'), 'P', "the side leads now");
	merge_leave(m, 1, false);
	merge_join(m, 1);
	ok(take(m, 1, 1, big, sizeof(big) - 1) == MERGE_HELD,
	    "a long one is held");
	bring(m, 1, 'A');
	ok(merge_waiting(m), "the last byte too");
	take(m, 1, 3, big, 1);
	ok(!merge_waiting(m), "one byte more and all are let go");
	merge_free(m);
	ok(true, "freed while some are to be popped");
	m = merge_new(false);
	merge_join(m, 0);
	merge_join(m, 1);
	passed[0] = '\0';
	for (int i = 0; i < 1000; i++) {
		take(m, 0, 1000 + (uint64_t)i, "", 0);
		take(m, 1, 5000 + (uint64_t)i, "x", 1);
		pop(m);
	}
	ok(passed[0] == '\0' && merge_waiting(m),
	    "while the other side goes on nothing overtakes it");
	merge_settle(m);
	pop(m);
	ok(passed[0] == '\0' && !merge_waiting(m),
	    "and what does not fit it is dropped at last");
	merge_free(m);
	merge_free(NULL);
}

/* A side may fall behind by more than the log has. */
static void test_far_behind(void)
{
	struct merge *m = merge_new(false);
	int seen = 0, pass_count = 0;

	merge_join(m, 0);
	merge_join(m, 1);
	for (uint64_t i = 0; i < 5; i++) {
		take(m, 0, i, "", 0);
		take(m, 1, i, "", 0);
	}
	for (uint64_t i = 5; i < 1000; i++)
		pass_count += take(m, 0, i, "", 0) == MERGE_PASS;
	merge_leave(m, 0, false);
	for (uint64_t i = 5; i < 1000; i++)
		seen += take(m, 1, i, "", 0) == MERGE_SEEN;
	is_int(pass_count, 995, "the fast side leads");
	is_int(seen, 995, "the slow one has nothing new, however far behind");
	is_int(take(m, 1, 1000, "", 0), MERGE_PASS, "then it leads");
	merge_join(m, 0);
	for (uint64_t i = 1001; i < 1300; i++)
		take(m, 1, i, "", 0);
	for (uint64_t i = 1001; i < 1300; i++)
		seen += take(m, 0, i, "", 0) == MERGE_SEEN;
	is_int(seen, 995 + 299, "nor has one that joined and comes late");
	is_int(take(m, 0, 1300, "", 0), MERGE_PASS, "then it leads");
	merge_free(m);
}

static void test_times(void)
{
	stamped = true;
	play("0+ 0cab 1+ 1cd 0d", "cabd",
	    "times: a side alone, whatever they are");
	play("0+ 1+ 0ab 1ab 0cd 1cd 1ef 0ef", "abcdef", "in turn");
	play("0+ 0abc 1+ 1e 0de 1f 0f", "abcdef",
	    "one message that both brought is enough");
	play("0+ 0abc 1+ 1b 1d 0d", "abcd", "or one that is older");
	play("0+ 0abc 1+ 1e 0f 1f 1g 0g", "abcfg",
	    "the first that the other one does not bring may be a greeting");
	play("0+ 0abc 1+ 1de 0f 1f 1g 0g", "abcefg", "others are passed on");
	play(
	    "0+ 0abc 1+ 1d 0- 1e", "abcde", "the other one leaves: it is none");
	play("0+ 0abc 1+ 1d ! 0e 1e", "abcde", "or is silent");
	play("0+ 0abc 1+ 1de 1- 0de", "abcde",
	    "what a side that leaves brought waits");
	play("0+ 0abc 1+ 1de 1- !", "abcde", "but not for ever");
	play("0+ 0abc 1+ 1de 1- 0-", "abcde", "nor when both have left");
	play("0+ 0abc 1+ 1de 1- 0f 1+ 1f 0g", "abcefg",
	    "or when the other one goes on without it");
	play("0+ 0abc 1+ 1de 1- 1+ 1ef 0d 0e 0f", "abcdef",
	    "it comes back with the same");
	play("0+ 0abc 1+ 1de 1- 1+ 1eg 0- 1h", "abcdegh", "and it is alone");
	play("0+ 0abc 1+ 1de 1- 1+ 0d 1g 0efg", "abcdefg",
	    "that it has come back says nothing of what it lacks");
	play("0+ 0abc 1+ 1de 1- 1+ 1cdef 0def", "abcdef",
	    "and what it brings again is no news");
	play("0+ 0abc 1+ 1e ! 0def 1f", "abcef",
	    "what comes too late is left out");
	play("0+ 1+ 1ab 0bc 1c", "abc",
	    "the second side began earlier: nothing is left out");
	play("0+ 0abc 0- 0+ 0bcd", "abcd", "told again after a loss");
	play("0+ 0abc 0- 0+ 0bCd", "abcCd", "another of the same millisecond");
	play("0+ 1+ 0ab 1ab 0cC 1cC 1d 0d", "abcCd", "two of one");
	play("0+ 0ab 1+ 1C 1d 0cCd 1e 0e", "abcCde", "joined between them");
	play("0+ 1+ 0abc 1abc 0df 1e 1f 0g", "abcdfg",
	    "dropped on the side that leads: order is kept");
	play("0+ 1+ 0abc 1abc 0dx 0- 1dyz", "abcdxyz",
	    "alone and behind: what is newer is new");
	play("0+ 0xyz 0- 0+ 0abcdefghij", "xyz",
	    "what is older is nothing new, also after a loss");
	play_greeted("0+ 0abc 1+ 1D ! 0ef 1ef", "abcef",
	    "greetings: left out when the other one goes on");
	play_greeted(
	    "0+ 0abc 1+ 1D ! 1e ! 0f 1f", "abcDef", "not when it does not");
	play_greeted("0+ 0abc 1+ 1D ! 0- 1e", "abcDe", "or leaves");
	play_greeted("0+ 0abc 1+ 1D 0= 1e", "abce",
	    "but left out, too, if it leaves and was well");
	play_greeted(
	    "0+ 0abc 1+ 1De 0= 1f", "abcDef", "and it is the only one");
	play_greeted("0+ 0abc 1+ 1D ! 1- 0e", "abce",
	    "left out when its own side leaves");
	play_greeted("0+ 0abc 1+ 1$ 0Dd 1Dd 0e 1e", "abcDde",
	    "left out, and nothing doubled, when all is of one millisecond");
	play("0+ 0abc 1+ 1$ 0Dd 1Dd 0e 1e", "abcDd$e",
	    "others are passed on then, and nothing is doubled");
	play_greeted("0+ 1+ 1B 1d 0C 0d 0e 1e", "BCde",
	    "at the very beginning both are told");
	stamped = false;
	play("0+ 0abc 1+ 1xabc 0d 1d", "abcd", "without times all is as ever");
}

static uint64_t counted; /* the next that is to be passed on */
static int disorder;

static void count(uint64_t digest)
{
	disorder += digest != counted;
	counted = digest + 1;
}

static void count_range(
    struct merge *m, unsigned side, uint64_t from, uint64_t to)
{
	struct merge_message *message;

	for (uint64_t i = from; i < to; i++) {
		if (take(m, side, i, "", 0) == MERGE_PASS)
			count(i);
		while ((message = merge_pop(m)) != NULL) {
			count(message->digest);
			free(message);
		}
	}
}

/* More lies between the two sides than the log has, and the faster one is
 * renewed: what it lacks the slower one has yet to bring. */
static void test_far_ahead(void)
{
	struct merge *m = merge_new(false);

	stamped = true;
	merge_join(m, 0);
	merge_join(m, 1);
	counted = 1000;
	disorder = 0;
	count_range(m, 0, 1000, 1500);
	count_range(m, 1, 1000, 1200);
	merge_leave(m, 0, false);
	count_range(m, 1, 1200, 1210);
	merge_join(m, 0);
	count_range(m, 0, 1510, 1510 + MERGE_TIMED_MAX);
	ok(merge_waiting(m), "%d messages with times are held",
	    MERGE_TIMED_MAX);
	count_range(m, 1, 1210, 1510);
	is_int((int64_t)counted, 1510, "until the slower side has come so far");
	count_range(m, 1, 1510, 1600);
	count_range(m, 0, 1510 + MERGE_TIMED_MAX, 6000);
	count_range(m, 1, 1600, 6000);
	is_int((int64_t)counted, 6000, "then the faster one leads");
	is_int(disorder, 0, "all, in order, each once");
	merge_leave(m, 0, false);
	merge_join(m, 0);
	count_range(m, 0, 6010, 6010 + MERGE_TIMED_MAX + 1);
	ok(!merge_waiting(m), "one more, and all are let go");
	merge_free(m);
	m = merge_new(false);
	merge_join(m, 0);
	merge_join(m, 1);
	counted = 1000;
	disorder = 0;
	count_range(m, 0, 1000, 1001);
	count_range(m, 1, 1001, 1001 + 2 * MERGE_HELD_MAX);
	stamped = false;
	count_range(m, 1, counted + 2 * MERGE_HELD_MAX,
	    counted + 2 * MERGE_HELD_MAX + 1);
	ok(disorder == 0 && counted == 1002 + 2 * MERGE_HELD_MAX,
	    "so many without times are let go");
	merge_free(m);
}

/* A time from far away does not make the other side dumb for ever. */
static void test_wrong_time(void)
{
	struct merge_news news = {1, INT64_MAX, "x", 1};
	struct merge *m = merge_new(false);
	int n = 0;

	merge_join(m, 0);
	merge_join(m, 1);
	merge_take(m, 0, &news);
	for (int64_t i = 2; i < 100; i++) {
		news.digest = (uint64_t)i;
		news.stamp = i;
		n += merge_take(m, 0, &news) == MERGE_PASS;
		pop(m);
	}
	is_int(n, 98, "behind a time from far away a side leads");
	merge_leave(m, 0, false);
	for (int64_t i = 100; i < 200; i++) {
		news.digest = (uint64_t)i;
		news.stamp = i;
		n += merge_take(m, 1, &news) == MERGE_PASS;
		pop(m);
	}
	is_int(n, 98 + 100, "and so does the other one");
	merge_join(m, 0);
	news.stamp = 150;
	for (int64_t i = 200; i < 300 + MERGE_TIMED_MAX; i++) {
		news.digest = (uint64_t)i;
		if (i == 201)
			merge_leave(m, 1, false);
		n += merge_take(m, 0, &news) == MERGE_PASS;
	}
	ok(n > 98 + 100, "so many that are a little older began anew");
	n = 0;
	news.digest++;
	news.stamp += 20000;
	merge_join(m, 1);
	merge_take(m, 0, &news);
	merge_take(m, 1, &news);
	news.digest++;
	merge_take(m, 0, &news);
	merge_leave(m, 0, false);
	news.stamp -= 20000;
	for (int64_t i = 1; i < 2 * MERGE_HELD_MAX; i++) {
		news.digest++;
		n += merge_take(m, 1, &news) == MERGE_PASS;
	}
	is_int(n, MERGE_HELD_MAX - 1, "fewer, if they are much older");
	merge_free(m);
}

int main(void)
{
	test_scripts();
	test_repeats();
	test_different();
	test_caps();
	test_far_behind();
	stamped = true;
	test_far_behind();
	stamped = false;
	test_far_ahead();
	test_times();
	test_wrong_time();
	return done_testing();
}
