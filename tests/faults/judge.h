/*
 * What the files of the judge share; nobody else includes it.
 *
 *	judge.c		the files, the verdict
 *	judge-truth.c	connections and quote channels: what reached the client
 *	judge-trades.c	the ledger, and the trades of the output
 */
#ifndef FAULTS_JUDGE_H
#define FAULTS_JUDGE_H

#include <stdbool.h>

#include "base/table.h"
#include "io/json.h"

#define MEMBERS_MAX 64
#define MARKETS_MAX 8
#define COMPLAINTS_MAX 10

/* An object, member by member. */
struct members {
	size_t n;
	struct json_span key[MEMBERS_MAX];
	struct json_value value[MEMBERS_MAX];
};

/* Numbers that grow in number. */
struct numbers {
	int64_t *v;
	size_t n, size;
};

/* The trades of one base currency, and the channel that brings them. */
struct market {
	const char *channel, *currency;
	int64_t ack_us; /* acknowledged first; 0: never was */
};

struct connection {
	uint64_t number;
	int64_t end_us;   /* nothing more reached the client; 0: all did */
	int64_t heard_us; /* its last notification was sent */
	bool hurt, gone;  /* by a fault; closed at all */
};

/* A notification that the client's socket took. */
struct sent {
	uint64_t digest;
	int64_t at_us;
	struct connection *by;
};

struct span {
	int64_t from_us, to_us;
	struct connection *by; /* of a time of delivery, which is to its end */
};

struct spans {
	struct span *v;
	size_t n, size;
};

/* A channel of quotes, or the trades of a market. */
struct channel {
	char *name;
	bool is_market;
	struct sent *sent;
	size_t n, size, next; /* next: the first that is not in the output */
	struct spans live;    /* from an acknowledgement on */
	struct spans gaps;    /* what the output's records say */
};

struct trade {
	char *text;
	size_t len;
	int64_t at_ms;
	bool got, declared;
};

struct instrument {
	char *name;
	struct market *market;
	struct trade *trade; /* ascending, without a hole */
	int64_t first;       /* the number of the first */
	size_t n, size;
	int64_t last;    /* the number that the output had last */
	bool heard;      /* a trade of it was sent, and read */
	int64_t fetched; /* as that, of those that were fetched */
};

struct judge {
	struct market market[MARKETS_MAX];
	size_t markets;
	int64_t until_ms, until_us; /* what was made later is not judged */
	bool maintenance;           /* connections end for a reason */
	struct table connections, channels, instruments;
	struct channel **channel;
	struct instrument **instrument;
	size_t n_channels, channels_size, n_instruments, instruments_size;

	/* What was found. */
	uint64_t quotes, quotes_wrong, quotes_unread, quotes_missing;
	uint64_t market_holes, market_holes_open;
	uint64_t holes, holes_open, gaps, gaps_false, gaps_early;
	uint64_t unheard, trades, strangers, unordered, changed, missing,
	    declared;
	uint64_t repaired, sequence_gaps, open_gaps, overflows, closed_unhurt;
	int64_t lag_us;          /* the longest from the server to a record */
	int64_t hole_us, gap_us; /* sums */
	struct numbers repairs, fetches, outages; /* ms */
	unsigned complaints;
};

/* judge.c */
void *grow(void *array, size_t n, size_t *size, size_t each);
void numbers_add(struct numbers *l, int64_t v);
/* 0, or -1: it is no object, or one with too many members. */
int members_read(struct members *m, struct json_span text);
const struct json_value *members_find(const struct members *m, const char *key);
/* Between the quotes; empty: it is no string, or is not there. */
struct json_span members_text(const struct members *m, const char *key);
/* -1: it is no integer, or is not there. */
int64_t members_number(const struct members *m, const char *key);
__attribute__((format(printf, 2, 3))) void complain(
    struct judge *j, const char *format, ...);
char *span_copy(struct json_span s);

/* judge-truth.c */
void truth_line(struct judge *j, const struct members *m);
void quote_record(struct judge *j, const struct members *m);
void gap_record(struct judge *j, const struct members *m);
void quotes_verdict(struct judge *j);

/* judge-trades.c */
void ledger_line(
    struct judge *j, const struct members *m, struct json_span text);
void trade_record(struct judge *j, const struct members *m);
/* Numbers that a record calls missing. */
void trades_declared(struct judge *j, const struct members *m);
void trades_verdict(struct judge *j);

#endif
