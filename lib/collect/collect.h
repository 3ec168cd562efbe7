/*
 * What the files of the collector share; nobody else includes it.
 *
 *	collector.c	its life, the output
 *	feeds.c		what becomes of sessions and channels, what a loss costs
 *	connect.c	connections, and which channel is on which
 *	place.c		in which order channels are put on sessions
 *	rotate.c	what feeds need now and then
 *	sources.c	channels and instruments, and what records of them begin
 *			with
 *	intake.c	a notification to records
 *	queue.c		records and gaps to the queue
 *	changes.c	incremental books, whose changes are a chain
 *	trades.c	trades in order, each once; holes that are fetched
 *	audit.c		channels that may be dead, by the book summary
 *	sweep.c		what a market traded in a time, asked for
 *	life.c		listings, expiries
 *	look.c		what there is in a market; ranks
 *	depth.c		books that are asked for
 *	keep.c		the state file, the metrics file
 */
#ifndef COLLECT_COLLECT_H
#define COLLECT_COLLECT_H

#include <stdbool.h>

#include "base/table.h"
#include "deribit/channel.h"
#include "deribit/name.h"
#include "io/jq.h"
#include "io/ndjson.h"
#include "io/spool.h"
#include "record/book.h"
#include "collect/collector.h"
#include "record/gaps.h"
#include "record/merge.h"
#include "record/record.h"
#include "record/tape.h"

/* Names that the exchange may make us remember. */
#define SOURCES_MAX 100000
#define INSTRUMENTS_MAX 500000

/* How many names a sentence holds. */
#define NAMES_SAID 10

/* What a subscription begins with comes within it: states that the other feed
 * of the channel does not get. */
#define PLACE_GREETING_MS 2000

/* Of what the service manager is told. */
#define STATUS_SIZE 1100

struct source;
struct feed;

/* A channel on a session. */
struct place {
	struct session_channel channel; /* the first member */
	struct source *source;
	struct feed *feed; /* NULL: on none */
	bool live;         /* its data count */
	bool early;        /* they came before the acknowledgement */
	unsigned tries;    /* subscribed anew since its last data */
	/* Prices that moved without a word of it; those before the first, and
	 * the exchange's time of what must have come before it is sure. */
	unsigned misses;
	uint64_t top;
	int64_t doubt_ms;
	int64_t since_ms; /* our clock: live since */
	/* Monotonic: live since; the last data (or live since); the last but
	 * those with which a subscription begins; since when the other place
	 * has some that this one lacks, 0: it has not. */
	int64_t live_ms, spoke_ms, told_ms, behind_ms;
	struct book book; /* of an incremental book: what it brought */
};

/* A channel. */
struct source {
	uint64_t id;
	char *name;
	size_t len;
	struct channel channel; /* its spans are in name */
	char *instrument;       /* NULL: the channel names none */
	char *kind, *currency;  /* or NULL */
	struct record_head head;
	bool wanted;  /* its records go out */
	bool carried; /* it is subscribed */
	bool begun;   /* it was live */
	bool gone;    /* to be freed when no gap of it waits */
	struct place place[COLLECTOR_SIDES];
	unsigned live;   /* places that are */
	int64_t lost_ms; /* since when its data are missing, 0: they are not */
	int64_t refused_ms; /* it is, and is asked for again then; or 0 */
	unsigned refusals;  /* in a row */
	const char *reason; /* of the loss; static */
	struct gap cut, overflow;
	/* By our clock: until when each place was well, when it was last. */
	int64_t ended_ms[COLLECTOR_SIDES];
	/* Of an incremental book: what was passed on; when last, our clock;
	 * since when (monotonic) no place goes on from there. */
	struct book_line line;
	int64_t changed_ms, apart_ms;
	unsigned snapshots_missed;
	struct merge *merge; /* or NULL: one place suffices */
	int64_t merge_ms;    /* since when something is held there */
	int64_t expect_ms;   /* it speaks at least so often; 0: nobody knows */
	uint64_t top;   /* of its best prices, at the last audit; 0: none */
	int64_t top_ms; /* monotonic: when that was asked for */
	struct sweep *sweep; /* of trades */
	int64_t audited_ms;  /* by the last run: sweep_audited_ms() */
};

/* Why an instrument is followed no more. */
enum instrument_end {
	END_NOT,
	END_TOLD,   /* the exchange says so */
	END_ABSENT, /* it is not among what there is */
	END_RANK    /* it is not among the first any more */
};

/* An instrument that data named. */
struct instrument {
	char *name;
	const char *kind; /* static */
	char *currency;
	bool named;    /* the name is of the grammar */
	bool followed; /* its channels are subscribed */
	bool unopened; /* created, and not heard to be open yet */
	bool named_by_user;
	struct record_head head;
	uint64_t head_of; /* the id of the source whose records it is for */
	struct tape tape;
	bool before;       /* what the tape lacks first was before our time */
	unsigned unproven; /* so many searches did not find out */
	unsigned alone;  /* so many replies have the first trade, none before */
	bool met, lower; /* of a reply: the first trade, an earlier one */
	/* Of its trades from before our time the last that is known, 0: none.
	 */
	int64_t prior_seq;
	int64_t last_ms; /* our clock: the last that was passed on was made */
	struct gap skipped;
	struct source *trades; /* which last brought some; or NULL */
	/* While the tape has a hole. */
	bool holed;
	struct instrument *next_hole;
	int64_t hole_ms; /* monotonic: since when, or since the last progress */
	int64_t found_ms;   /* monotonic: when it was found */
	uint64_t sure_pass; /* of its sweep: that tells what came before */
	int64_t due_ms;     /* monotonic: when it is asked for */
	unsigned tries;
	bool looked; /* its market was, for its sake */
	struct session_call call;
	struct collector *c;
	int64_t traded_ms; /* the exchange's time of its last trade */
	int64_t since_ms;  /* monotonic: known, or followed, since */
	/* When its channels are taken off (monotonic), 0: they are not to be;
	 * when it was known to have ended (our clock); they are off. */
	enum instrument_end ends;
	int64_t over_ms, ended_ms;
	bool off;
};

struct feed {
	struct collector *c;
	struct session *session;
	unsigned side;
	unsigned number;
	size_t n; /* places */
	char label[48];
	bool settled; /* at least once */
	/* What was said of its channels since it was lost. */
	bool said;
	size_t said_missing;
	int64_t settled_ms;  /* monotonic: the last time */
	struct feed *heir;   /* takes over; or NULL */
	struct place canary; /* its source is NULL */
	int64_t born_ms;
	int64_t canary_ms; /* when one that was refused is asked for again */
};

struct pair {
	char *kind, *currency;
};

struct chain_followed;
struct audit;
struct market;
struct depth;

struct collector {
	struct loop *loop;
	struct out *out;
	struct collector_options options;
	struct pace pace;
	struct loop_watch watch; /* stdout, while it would block */
	struct loop_timer tick;  /* what is due now and then */
	struct loop_timer retry; /* of an output without room */
	int64_t started_ms, drain_by_ms, rerank_ms;
	bool drain_told;
	/* Monotonic: the last tick, for what may be coarse; feeds_tick()'s. */
	int64_t tick_ms, feeds_ms;
	/* Between the last two ticks: what stands still is put off by it. */
	int64_t pause_ms;
	bool started;
	bool blocked;
	bool waits_for_room;
	bool maintenance; /* the exchange said so */
	bool sample;      /* the next message with a time shows the lag */
	bool overflowing;
	bool notes_missing; /* in a recording of frames */
	bool closing;       /* no more messages; only what is searched for */
	bool stopping;      /* no more input; drains */
	int64_t close_by_ms;
	int64_t stopped_ms; /* by our clock */
	bool ended;
	bool begun; /* every feed was settled once */
	struct fault why;

	struct table channels, instruments; /* by name */
	struct source **source;             /* all of them */
	size_t sources, sources_size, n_gone;
	uint64_t last_id;
	struct instrument **instrument;
	size_t n_instruments, instruments_size;
	struct instrument *holes;
	struct pair *pair;
	size_t pairs;
	struct feed *feed[COLLECTOR_SESSIONS_MAX];
	size_t feeds, feeds_made;
	struct depth *depth; /* or NULL */
	struct audit **audit;
	size_t audits;
	int64_t markets_ms; /* monotonic: new ones are looked for */
	struct chain_followed *followed;
	size_t n_followed;
	struct market **market;
	size_t markets;
	int64_t let_go_ms; /* monotonic: when it is looked what has ended */

	struct gaps gaps;
	struct buf line;    /* of a gap; a name */
	struct buf record;  /* for a filter; a frame */
	struct buf outputs; /* what the filter made of it, lines */
	uint64_t outputs_n;
	uint64_t jq_failed;
	struct record_writer writer;
	struct jq_map *jq;
	int64_t last_us;   /* received_at of the last record */
	int64_t replay_us; /* received_at of a recording; 0: the clock's */

	uint64_t messages, records, gap_records, dropped, repeated, filtered;
	uint64_t repaired, held, resyncs;
	uint64_t received_gone, losses_gone; /* of sessions that are no more */
	unsigned strangers;                  /* channels never asked for */

	/* frames.c: the recording that is played */
	struct ndjson from;
	struct loop_watch from_watch;
	bool from_polled;
	const char *from_name; /* NULL: the exchange is listened to */
	uint64_t bad_lines;

	/* keep.c, metrics.c */
	struct buf state;
	bool state_waits, state_failed, metrics_failed, ready, ready_told;
	bool state_there;    /* a file of ours: the next run begins with it */
	bool former;         /* it names channels that are no more */
	uint64_t state_mark; /* bytes written when the state is true */
	bool state_lacks;    /* a channel that is heard for the first time */
	int64_t state_made_ms;
	int64_t state_due_ms, metrics_due_ms, success_due_ms, watchdog_due_ms;
	int64_t watchdog_ms;
	uint64_t messages_seen;
	int64_t message_ms, success_ms;
	/* The least lag since the metrics were written; there was one. */
	int64_t lag_least_ms;
	bool lag_seen, lag_known;
	int64_t lag_ms;
	uint64_t written_seen;
	char status[STATUS_SIZE]; /* that the service manager was told */
};

/* ------------------------------------------------------------ collector.c */

/* Ends the loop; why NULL: as was wished. */
void collector_end(struct collector *c, const struct fault *why);

/* Subscribes to a channel; wanted: its records go out.  -1 with *fault. */
int collector_add(struct collector *c, const char *channel, const char *kind,
    const char *currency, bool wanted, struct fault *fault);

/* Of chain-wide trades, passes only those of such kinds and base currencies;
 * -1: no memory. */
int collector_keep(struct collector *c, const char *kind, const char *currency);

/* The monotonic clock and ours, ms. */
int64_t collector_now_ms(void);
int64_t collector_wall_ms(void);

/* --------------------------------------------------------------- feeds.c */

extern const struct session_calls feeds_calls;

/* Makes as many feeds as the sources there are need, and places them. */
int feeds_start(struct collector *c, struct fault *fault);
void feeds_free(struct collector *c);

/* Places a source on its sides' sessions; -1 with *fault: they are full. */
int feeds_place(struct collector *c, struct source *s, struct fault *fault);

/* A new connection of a side, the last of c->feed; puts a source on one; ends
 * one. */
int feeds_new(struct collector *c, unsigned side, struct fault *fault);
void feeds_put(struct source *s, struct feed *f);
void feeds_end(struct feed *f);

/* Its canary: a channel of its own, or the index if that is one of its sources.
 */
void feeds_canary(struct feed *f);

/* The place brings nothing more. */
void feeds_place_lost(
    struct collector *c, struct place *p, const char *reason, int64_t heard_ms);

/* It brings something all the same. */
void feeds_place_early(struct collector *c, struct place *p);

/* Data flow again: the hole, if there is one, ends. */
void feeds_back(struct collector *c, struct source *s);

/* Data came on this place. */
static inline void place_spoke(struct place *p, int64_t tick_ms)
{
	p->spoke_ms = tick_ms;
	p->tries = p->misses = 0;
	if (tick_ms - p->live_ms > PLACE_GREETING_MS)
		p->told_ms = tick_ms;
}

/* Subscribes to a channel anew, on one place or on all: something of it may be
 * missing since then (our clock, ms). */
void feeds_place_again(struct collector *c, struct place *p, int64_t since_ms);
void feeds_again(struct collector *c, struct source *s, int64_t since_ms);

/* Takes it off: it had something to say until then (our clock), and is gone
 * when the sessions have let go of it. */
void feeds_displace(struct collector *c, struct source *s, int64_t until_ms);

/* Now and then: rotation, expectations, channels that were refused. */
void feeds_tick(struct collector *c, int64_t now_ms);

/* A session that can be asked, or NULL; on: one that carries this source is
 * preferred; may be NULL. */
struct feed *feeds_live(struct collector *c, const struct source *on);

/* The data of a source were missing until now; its gap waits to be written. */
void feeds_hole(
    struct collector *c, struct source *s, int64_t to_ms, bool repaired);

/* At the end: what is held, and holes of what is lost still. */
void feeds_holes(struct collector *c);

/* How many wanted channels there are, and how many of them live. */
size_t feeds_wanted(const struct collector *c, size_t *live);

/* The same, and the names of the first of those that do not: "" or a list. */
size_t feeds_missing(
    const struct collector *c, size_t *live, char *out, size_t size);

/* -------------------------------------------------------------- sources.c */

/* The source of a channel's name, made if it is new.  NULL with *fault. */
struct source *source_get(
    struct collector *c, const char *name, size_t len, struct fault *fault);

/* Frees what is gone and waits for nothing. */
void sources_reap(struct collector *c);
void source_free(struct source *s);

/* The instrument of this name (without escapes), likewise. */
struct instrument *instrument_get(
    struct collector *c, struct json_span name, struct fault *fault);
/* Takes it out, when no gap of it waits: true. */
bool instrument_forget(struct collector *c, struct instrument *i);
void instrument_free(struct instrument *i);

/* What records of a source begin with when its data name the instrument. */
const struct record_head *instrument_head(
    struct instrument *i, const struct source *s, struct fault *fault);

/* ---------------------------------------------------------------- place.c */

/* All sources in the order in which they are placed; the caller frees the
 * array. NULL: no memory. */
struct source **place_order(const struct collector *c);

/* --------------------------------------------------------------- intake.c */

/* What must be known of a datum before its record can begin. */
struct datum {
	struct json_value value;
	struct json_span instrument; /* between the quotes; p NULL: none */
	int64_t seq;                 /* trade_seq; 0: none */
	int64_t timestamp;           /* ms; 0: none */
};

/* Looks at a valid value. */
void datum_look(struct datum *d, struct json_value value);

/* A notification's data to records.  As session_calls.notification. */
int intake(struct feed *f, struct rpc *m, struct fault *fault);
/* The same of a recording (f NULL). */
int intake_notification(
    struct collector *c, struct feed *f, struct rpc *m, struct fault *fault);

/* The instrument of a datum (NULL: it names none): 1, 0 when it is of another
 * currency, -1 with *fault. */
int intake_instrument(struct collector *c, struct source *s, struct datum *d,
    struct instrument **i, struct fault *fault);

/* The data of a channel, whoever brought them, to records. */
int intake_data(struct collector *c, struct source *s, struct json_value data,
    struct fault *fault);

/* Writes one datum of a source. */
void intake_write(struct collector *c, struct source *s,
    const struct record_head *head, struct json_span text, bool repaired);

/* Writes a line as it stands; s NULL: it concerns no source. */
int intake_line(
    struct collector *c, struct source *s, const char *line, size_t len);

/* Writes what the merging of two feeds lets go. */
void intake_merged(struct collector *c, struct source *s);

/* Room for a record in the queue, or NULL and it is counted as lost; takes what
 * was written there; counts what has no room. */
char *queue_room(struct collector *c, struct source *s, size_t n);
void queue_commit(
    struct collector *c, struct source *s, const char *p, size_t n);
void queue_overflow(struct collector *c, struct source *s);

/* The time for the next record: strictly later than the last. */
int64_t intake_stamp(struct collector *c);

/* Queues the gap records that fit. */
void intake_gaps(struct collector *c);

/* Whether the number of records that was asked for is there. */
bool intake_full(const struct collector *c);

/* -------------------------------------------------------------- changes.c */

/* A message of an incremental book: whether it is passed on. */
bool changes_take(struct collector *c, struct place *p, struct json_value data);

/* The place brings nothing more until its next snapshot. */
void changes_lost(struct place *p);

/* Changes were dropped since the queue was full; there is room again. */
void changes_dropped(struct collector *c, struct source *s);

void changes_tick(struct collector *c, struct source *s, int64_t now_ms);

/* --------------------------------------------------------------- trades.c */

/* A trade that a channel or a reply brought: passed on in its turn, or held
 * behind a hole, or left out.  True: it was new. */
bool trades_take(struct collector *c, struct source *s, struct instrument *i,
    const struct datum *d, bool repaired);

/* The first of this instrument is number 1: it was listed just now. */
void trades_listed(struct instrument *i);

/* Steps into the rows of a reply of get_last_trades...; false: it has none. */
bool trades_rows(const struct rpc *m, struct json *rows, bool *more);

/* What is due: asks for holes, gives up those that are too old. */
void trades_tick(struct collector *c, int64_t now_ms);

/* The first hole is given up, untold: it has been. */
void trades_skip(struct instrument *i);

/* At the end: what is held is written, what is missing told. */
void trades_flush(struct collector *c);

/* Whether first trades wait for a search that the exchange may answer. */
bool trades_are_searched(struct collector *c);

/* Its hole, if it has one, is no hole but the time before ours. */
void trades_begin(struct collector *c, struct instrument *i);

/* A row tells of a trade from before our time. */
void trades_prior(struct instrument *i, int64_t seq);

/* ----------------------------------------------------------------- life.c */

void life_free(struct collector *c);

/* The channels that tell of listings and expiries are on their way. */
int life_start(struct collector *c, struct fault *fault);
/* Data of one of them, or of platform_state. */
void life_take(
    struct collector *c, const struct source *s, struct json_value data);
/* Such a channel was lost and is back. */
void life_missed(struct collector *c, const struct source *s);
/* A channel was refused, perhaps since its instrument has expired; whether that
 * is being asked still. */
void life_refused(struct collector *c, const struct source *s);
bool life_asks(const struct collector *c, const struct source *s);
/* A connection was lost: what is over cannot be subscribed again. */
void life_lost(struct collector *c);
void life_tick(struct collector *c, int64_t now_ms);

/* ---------------------------------------------------------------- audit.c */

void audit_tick(struct collector *c, int64_t now_ms);
/* A place of which prices moved without a word: true, it is subscribed anew. */
bool audit_doubt(struct collector *c, struct place *p, int64_t now_ms);
void audit_free(struct collector *c);

/* ---------------------------------------------------------------- depth.c */

/* A book that was asked for. */
void depth_take(struct collector *c, struct source *s, struct json_span book);
int depth_add(struct collector *c, const char *name, struct fault *fault);
void depth_remove(struct collector *c, const char *name);
void depth_tick(struct collector *c, int64_t now_ms);
void depth_free(struct collector *c);

/* ----------------------------------------------------------------- keep.c */

/* Whether the files that are to be kept can be; -1 with *fault. */
int keep_check(const struct collector_options *o, struct fault *fault);
/* Reads the state file, if there is one. */
int keep_read(struct collector *c, struct fault *fault);
/* Whether holes that are open at the end are the next run's: not told now. */
bool keep_carries(const struct collector *c);
void keep_tick(struct collector *c, int64_t now_ms);
/* At the end, when all is written. */
void keep_last(struct collector *c);
void keep_free(struct collector *c);

/* --------------------------------------------------------------- frames.c */

/* Writes a frame as it came. */
void intake_raw(struct collector *c, struct source *s, const struct feed *f,
    const char *text, size_t len);

/* A reply that brought data, for a recording of frames; m may be NULL.  Of a
 * search: the time of the trades that it took, the exchange's clock; else 0. */
void intake_reply(struct collector *c, struct source *s, const struct rpc *m,
    int64_t from_ms, int64_t to_ms);

/* For a recording: which trades are wanted, and which are known at the
 * beginning; what is before the first trade that came is before our time; up to
 * which trade of an instrument, or of all, nothing is to be expected. */
void frames_begin(struct collector *c);
void frames_begun(struct collector *c, const struct instrument *i);
void frames_known(struct collector *c, const struct instrument *i);
void frames_known_all(struct collector *c);

void frames_tick(struct collector *c);
/* -1 with *fault: lines were left out. */
int frames_result(const struct collector *c, struct fault *fault);

/* -------------------------------------------------------------- metrics.c */

void metrics_write(struct collector *c);
void manager_tick(struct collector *c, int64_t now_ms);
/* No more is read. */
void manager_stopping(void);

#endif
