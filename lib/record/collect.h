/*
 * What the files of the collector share; nobody else includes it.
 *
 *	collector.c	sessions, their losses, the end
 *	sources.c	channels and instruments, and what records of them begin
 *with intake.c	a notification to records in the queue
 */
#ifndef RECORD_COLLECT_H
#define RECORD_COLLECT_H

#include <stdbool.h>

#include "base/table.h"
#include "deribit/channel.h"
#include "record/collector.h"
#include "record/gaps.h"
#include "record/record.h"

/* Names that the exchange may make us remember. */
#define SOURCES_MAX 100000
#define INSTRUMENTS_MAX 500000

/* How many names a sentence holds. */
#define NAMES_SAID 10

/* A channel. */
struct source {
	char *name;
	size_t len;
	struct channel channel; /* its spans are in name */
	char *instrument;       /* NULL: the channel names none */
	char *kind, *currency;  /* or NULL */
	struct record_head head;
	bool wanted;
	bool live;       /* acknowledged on the connection there is */
	bool early;      /* its data came before that */
	int64_t lost_ms; /* since when its data are missing, 0: they are not */
	enum session_loss loss;
	struct gap cut, overflow;
};

/* An instrument that data named. */
struct instrument {
	char *name;
	const char *kind; /* static */
	char *currency;
	bool named; /* the name is of the grammar */
	struct record_head head;
	const struct source *head_of; /* whose records the head is for */
	struct sequence sequence;
	int64_t last_ms; /* when its last trade was received */
	struct gap skipped;
};

struct feed {
	struct collector *c;
	struct session *session;
	size_t first, n; /* of c->wanted */
	char label[48];
	bool answered; /* live at least once */
};

struct pair {
	char *kind, *currency;
};

struct collector {
	struct loop *loop;
	struct out *out;
	struct collector_options options;
	struct ratelimit pace;
	struct loop_watch watch; /* stdout, while it would block */
	bool blocked;
	bool overflowing;
	bool stopping; /* no more input; drains */
	bool ended;
	struct fault why;

	struct table channels, instruments; /* by name */
	struct source **source;             /* all of them */
	size_t sources, sources_size;
	const char **wanted; /* names, the first of sources */
	size_t n_wanted;
	struct instrument **instrument;
	size_t n_instruments, instruments_size;
	struct pair *pair;
	size_t pairs;
	struct feed *feed;
	size_t feeds;
	size_t feeds_answered;

	struct gaps gaps;
	struct buf line; /* of a gap */
	struct record_writer writer;
	int64_t last_us; /* received_at of the last record */

	uint64_t messages, records, gap_records, dropped, repeated, filtered;
	unsigned strangers; /* channels never asked for */
};

/* The source of a channel's name, made if it is new.  NULL with *fault. */
struct source *source_get(
    struct collector *c, const char *name, size_t len, struct fault *fault);
void source_free(struct source *s);

/* The instrument of this name (without escapes), likewise. */
struct instrument *instrument_get(
    struct collector *c, struct json_span name, struct fault *fault);
void instrument_free(struct instrument *i);

/* What records of a source begin with when its data name the instrument. */
const struct record_head *instrument_head(
    struct instrument *i, const struct source *s, struct fault *fault);

/* A notification's data to records.  As session_calls.notification. */
int intake(struct collector *c, struct rpc *m, struct fault *fault);

/* The time for the next record: strictly later than the last. */
int64_t intake_stamp(struct collector *c);

/* Queues the gap records that fit. */
void intake_gaps(struct collector *c);

/* Whether the number of records that was asked for is there. */
bool intake_full(const struct collector *c);

#endif
