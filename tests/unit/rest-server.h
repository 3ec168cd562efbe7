/*
 * An exchange's REST side for unit tests: a child process on loopback that
 * takes many connections, keeps them, and does to each request what its method
 * says (public/WORD?query):
 *
 *	ok		the result is {"query":"...","n":N}, N counting requests
 *	big		a result with an integer above 2^53 and odd numbers
 *	together?N..	the answer comes when N such requests are there
 *	doze		as ok; before it, 600 ms without a look at the network
 *	hang		no answer, ever
 *	refuse		-32602
 *	fail429, fail10028, fail502, failreset, failtorn, failhtml, failempty
 *			the first time that this query comes; then as ok
 *	wait429		fail429 with Retry-After: 1
 *	later		as ok, with usOut an hour ahead
 *	report		what was seen: {"most":.., "overdrawn":.., "early":..,
 *			"accepted":..}, and forgotten
 *
 * most: requests that were there at once.  overdrawn: how often a bucket of
 * 10, 10 a second, had no token.  early: requests that came while a Retry-After
 * held, but for its first fifth, when some are on their way.
 */
#ifndef TESTS_REST_SERVER_H
#define TESTS_REST_SERVER_H

/* The URL, *borrowed*; NULL if there is none to be had. */
const char *rest_server_start(void);
void rest_server_stop(void);

#endif
