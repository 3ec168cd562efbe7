/*
 * What a collector wrote from two connections, against what deribit-replay sent
 * on them:
 *
 *	pair TRUTH OUT [LEDGER]
 *
 * What a connection was sent of a channel (the truth file) is a run of what the
 * market said on it.  The runs of all connections, laid over each other, and
 *what was said to nobody are the whole: each message of it has to be in OUT,
 *once and in order, or to lie in a gap record of its channel, by the time of
 *its sending; of trades each number that the ledger has between the first and
 *the last that were sent.
 *
 * Prints how long after its sending a message was written, and a line of
 *counts; exits 1 when a message is lost and in no gap, doubled, out of order or
 *none that was sent, or the chain of a book is broken.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/table.h"
#include "io/json.h"
#include "io/ndjson.h"

#define LINE_LIMIT ((size_t)16 << 20)
#define SECOND_US 1000000
#define MOMENT_US 2000000
#define NOT_OWED (-1) /* in place of a connection */

struct message {
	uint64_t content;
	int64_t sent_us; /* the earliest */
	int64_t connection;
};

struct list {
	struct message *at;
	size_t n, room;
};

struct class
{
	const char *begin, *type; /* of channels; as records have it */
	bool greets;              /* a subscription begins with the whole */
	bool ticks;               /* by the clock, also while the rest ends */
};

/* All that is said of one thing: a class of messages and an instrument. */
struct topic {
	bool greets, ticks;
	int64_t change_id; /* the last, of a chain */
	char *name;
	struct list sent;
	struct list whole;
	struct list missing; /* of the whole, or said to nobody */
	struct list gap;     /* content: from, sent_us: to; ms */
	size_t next;         /* of whole, in the output */
};

struct fields {
	struct json_span type, channel, instrument, data;
	int64_t connection, sent_us, received_us, seq, change_id, prev;
	int64_t from_ms, to_ms;
	uint64_t content;
	bool event, unheard;
};

static struct table topics;
static struct topic **topic;
static size_t n_topics;
static struct {
	uint64_t messages, unheard, written, lost, again, strange, trades, gaps;
	uint64_t records, broken, in_gaps;
} count;
static int64_t last_connection;
static int64_t last_us; /* of what was sent */
static int64_t end_us;  /* of what was written */
/* From sending to writing; trades may wait for others. */
static struct lates {
	int64_t *us;
	size_t n;
} late, late_trades;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *more(void *p, size_t n, size_t size)
{
	p = realloc(p, n * size);
	if (p == NULL)
		die("memory");
	return p;
}

static void add(struct list *l, struct message m)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 16;
		l->at = more(l->at, l->room, sizeof(*l->at));
	}
	l->at[l->n++] = m;
}

static struct topic *topic_of(const char *class, struct json_span name)
{
	char key[256];
	int n = snprintf(
	    key, sizeof(key), "%s %.*s", class, (int)name.len, name.p);
	struct topic *t = table_find(&topics, key, (size_t)n);

	if (t != NULL)
		return t;
	t = calloc(1, sizeof(*t));
	if (t == NULL || (t->name = strdup(key)) == NULL ||
	    table_add(&topics, t->name, (size_t)n, t) == -1)
		die("memory");
	topic = more(topic, n_topics + 1, sizeof(*topic));
	topic[n_topics++] = t;
	return t;
}

/* ---------------------------------------------------------------- contents */

/* What tells messages of a topic apart, in data and in records alike. */
static const char *const telling[] = {"timestamp", "trade_seq", "trade_id",
    "price", "amount", "direction", "change_id", "prev_change_id", "bids",
    "asks", "best_bid_price", "best_bid_amount", "best_ask_price",
    "best_ask_amount", "mark_price", "volatility", "interest"};
#define TELLING (sizeof(telling) / sizeof(telling[0]))

static uint64_t hash(uint64_t h, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
	return h ^ (h >> 29);
}

static bool is_empty(struct json_span s)
{
	size_t i;

	if (s.len == 4 && memcmp(s.p, "null", 4) == 0)
		return true;
	for (i = 0; i < s.len && (s.p[i] == '0' || s.p[i] == '.'); i++)
		;
	return i == s.len || s.p[i] == 'e' || s.p[i] == 'E';
}

/* An empty side is null in a record, and may be 0.0 in the data. */
static void empty_side(struct json_span *price, struct json_span *amount)
{
	static const struct json_span null = {"null", 4};

	if (price->len > 0 && amount->len > 0 && is_empty(*price) &&
	    is_empty(*amount))
		*price = *amount = null;
}

static int64_t integer(struct json_span s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		n = n * 10 + (s.p[i] - '0');
	return n;
}

static void content(struct json_span *value, struct fields *f)
{
	uint64_t h = UINT64_C(14695981039346656037);

	empty_side(&value[10], &value[11]);
	empty_side(&value[12], &value[13]);
	for (size_t i = 0; i < TELLING; i++) {
		h = hash(h, value[i].p, value[i].len);
		h = hash(h, ",", 1);
	}
	f->content = h;
	f->seq = integer(value[1]);
	f->change_id = integer(value[6]);
	f->prev = integer(value[7]);
}

/* The members of a record, or of data. */
static void look(struct json_span object, struct fields *f)
{
	struct json_span value[TELLING] = {{NULL, 0}};
	struct json_value v;
	struct json_span key;
	struct json j;

	json_init(&j, object.p, object.len);
	if (json_peek(&j) != JSON_OBJECT || json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		for (size_t i = 0; i < TELLING; i++)
			if (json_span_is(key, telling[i]))
				value[i] = v.text;
		if (json_span_is(key, "instrument_name") ||
		    json_span_is(key, "index_name"))
			f->instrument = json_inside(v.text);
		else if (json_span_is(key, "type"))
			f->type = json_inside(v.text);
		else if (json_span_is(key, "received_at"))
			f->received_us = integer(v.text);
		else if (json_span_is(key, "channel") && v.text.len > 2)
			f->channel = json_inside(v.text);
		else if (json_span_is(key, "from"))
			f->from_ms = integer(v.text);
		else if (json_span_is(key, "to"))
			f->to_ms = integer(v.text);
	}
	content(value, f);
}

/* ------------------------------------------------------------------- truth */

/* Whether the run lies on the whole so that both agree in all that both have;
 * at: of the whole, where the run begins; negative: before it. */
static bool agrees(const struct list *run, const struct list *whole, long at)
{
	size_t i = at < 0 ? (size_t)-at : 0, k = at < 0 ? 0 : (size_t)at;

	for (; i < run->n && k < whole->n; i++, k++)
		if (run->at[i].content != whole->at[k].content)
			return false;
	return true;
}

static long place_of(const struct list *run, const struct list *whole)
{
	long at, end = (long)whole->n;

	for (at = 0; at < end; at++)
		if (agrees(run, whole, at))
			return at;
	for (at = -1; at > -(long)run->n; at--)
		if (agrees(run, whole, at))
			return at;
	return end;
}

/* Lays a run over what is known: where it meets the whole, and goes on. */
static void lay(const struct list *run, struct list *whole)
{
	long at = place_of(run, whole);
	size_t before = at < 0 ? (size_t)-at : 0, i;

	for (i = 0; i < before; i++)
		add(whole, run->at[i]);
	if (before > 0) {
		memmove(whole->at + before, whole->at,
		    (whole->n - before) * sizeof(*whole->at));
		memcpy(whole->at, run->at, before * sizeof(*whole->at));
		at = 0;
	}
	for (i = before; i < run->n; i++) {
		size_t k = (size_t)at + i;

		if (k >= whole->n)
			add(whole, run->at[i]);
		else if (run->at[i].sent_us < whole->at[k].sent_us)
			whole->at[k].sent_us = run->at[i].sent_us;
	}
}

/* What was sent stands in the order of its sending: the connections' runs are
 * taken as they began. */
static void lay_all(struct topic *t)
{
	struct list run = {NULL, 0, 0};

	for (size_t i = 0; i < t->sent.n; i++) {
		int64_t of = t->sent.at[i].connection;

		if (of == 0)
			continue;
		run.n = 0;
		for (size_t k = i; k < t->sent.n; k++)
			if (t->sent.at[k].connection == of) {
				add(&run, t->sent.at[k]);
				t->sent.at[k].connection = 0;
			}
		/* With what a later connection begins the others are not sent.
		 */
		if (t->greets && t->whole.n > 0)
			memmove(run.at, run.at + 1, --run.n * sizeof(*run.at));
		if (run.n > 0)
			lay(&run, &t->whole);
	}
	free(run.at);
}

static void split_message(struct json_span message, struct fields *f)
{
	struct json_value v;
	struct json_span key;
	struct json j;

	json_init(&j, message.p, message.len);
	if (json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (!json_span_is(key, "params"))
			continue;
		json_init(&j, v.text.p, v.text.len);
		if (json_object_begin(&j) == -1)
			return;
		while (json_object_next(&j, &key) == 1 &&
		       json_value(&j, &v) == 0) {
			if (json_span_is(key, "channel"))
				f->channel = json_inside(v.text);
			else if (json_span_is(key, "data"))
				f->data = v.text;
		}
		return;
	}
}

static void split_truth(struct json_span line, struct fields *f)
{
	struct json_value v;
	struct json_span key;
	struct json j;

	memset(f, 0, sizeof(*f));
	json_init(&j, line.p, line.len);
	if (json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (json_span_is(key, "connection"))
			f->connection = integer(v.text);
		else if (json_span_is(key, "sent_at"))
			f->sent_us = integer(v.text);
		else if (json_span_is(key, "at"))
			f->sent_us = integer(v.text);
		else if (json_span_is(key, "event")) {
			f->event = true;
			f->unheard = json_span_is(
			    json_inside(v.text), "unheard");
		} else if (json_span_is(key, "message"))
			split_message(v.text, f);
	}
}

static bool begins(struct json_span s, const char *with)
{
	return s.len >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

/* NULL: none of ours. */
static const struct class *class_of(struct json_span channel)
{
	static const struct class classes[] = {
	    {"quote.", "quote", false, false},
	    {"trades.", "trade", false, false},
	    {"ticker.", "ticker", false, false},
	    {"incremental_ticker.", "ticker", true, false},
	    {"book.", "book_change", true, false},
	    {"perpetual.", "perpetual", false, false},
	    {"markprice.", "markprice", true, true},
	    {"deribit_price_index.", "index", false, true},
	    {"deribit_volatility_index.", "volatility_index", true, true},
	};
	static const struct class window = {"book.", "book", true, false};
	size_t dots = 0;

	for (size_t i = 0; i < channel.len; i++)
		dots += channel.p[i] == '.';
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (begins(channel, classes[i].begin))
			return classes[i].begin[0] == 'b' && dots > 2
			           ? &window
			           : &classes[i];
	return NULL;
}

/* Trades: only the first and the last number that was sent. */
static void sent_trades(struct json_span data, int64_t sent_us)
{
	struct json_value v;
	struct fields f;
	struct json j;

	json_init(&j, data.p, data.len);
	if (json_array_begin(&j) == -1)
		return;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0) {
		memset(&f, 0, sizeof(f));
		look(v.text, &f);
		add(&topic_of("trade", f.instrument)->sent,
		    (struct message){(uint64_t)f.seq, sent_us, 0});
	}
}

/* What data may leave to the channel: the second word. */
static void name_of(struct fields *f)
{
	const char *p = memchr(f->channel.p, '.', f->channel.len);
	const char *end = f->channel.p + f->channel.len, *dot;

	if (p == NULL)
		return;
	p++;
	dot = memchr(p, '.', (size_t)(end - p));
	f->instrument.p = p;
	f->instrument.len = (size_t)((dot != NULL ? dot : end) - p);
}

/* Of what nobody ever listened to nothing is owed. */
static void note_unheard(const struct class *class, struct fields *f)
{
	struct topic *t;

	name_of(f);
	look(f->data, f);
	if (strcmp(class->type, "trade") == 0)
		return;
	t = topic_of(class->type, f->instrument);
	if (t->sent.n > 0)
		add(&t->missing, (struct message){0, f->sent_us, 0});
}

static void sent_one(
    const struct class *class, struct json_span data, const struct fields *of)
{
	struct fields f = *of;
	struct topic *t;

	look(data, &f);
	t = topic_of(class->type, f.instrument);
	t->greets = class->greets;
	t->ticks = class->ticks;
	add(&t->sent, (struct message){f.content, f.sent_us, f.connection});
}

static void sent_rows(const struct class *class, struct fields *f)
{
	struct json_value v;
	struct json j;

	name_of(f);
	json_init(&j, f->data.p, f->data.len);
	if (json_peek(&j) != JSON_ARRAY) {
		sent_one(class, f->data, f);
		return;
	}
	if (json_array_begin(&j) == -1)
		return;
	while (json_array_next(&j) == 1 && json_value(&j, &v) == 0)
		sent_one(class, v.text, f);
}

static void take_truth(struct json_span line)
{
	struct fields f;
	const struct class *class;

	split_truth(line, &f);
	if (f.connection > last_connection)
		last_connection = f.connection;
	class = f.channel.len > 0 ? class_of(f.channel) : NULL;
	if (class == NULL || f.sent_us == 0)
		return;
	if (f.event) {
		if (f.unheard)
			note_unheard(class, &f);
		return;
	}
	count.messages++;
	last_us = f.sent_us > last_us ? f.sent_us : last_us;
	if (strcmp(class->type, "trade") == 0)
		sent_trades(f.data, f.sent_us);
	else
		sent_rows(class, &f);
}

static void each_line(const char *path, void (*take)(struct json_span))
{
	int fd = open(path, O_RDONLY);
	struct ndjson_item item;
	struct ndjson lines;
	int r = 1;

	if (fd == -1)
		die(path);
	ndjson_init(&lines, fd, LINE_LIMIT);
	while (r == 1) {
		while (ndjson_next(&lines, &item) == 1)
			if (item.what == NDJSON_LINE)
				take((struct json_span){item.p, item.len});
		r = ndjson_read(&lines);
	}
	ndjson_free(&lines);
	close(fd);
}

static bool is_trade(const struct topic *t)
{
	return strncmp(t->name, "trade ", 6) == 0;
}

static void read_truth(const char *path)
{
	each_line(path, take_truth);
	for (size_t i = 0; i < n_topics; i++)
		if (!is_trade(topic[i]))
			lay_all(topic[i]);
}

/* -------------------------------------------------------------- the ledger */

static int by_number(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	if (x->content != y->content)
		return x->content < y->content ? -1 : 1;
	return (x->sent_us > y->sent_us) - (x->sent_us < y->sent_us);
}

/* Owed are those between the first and the last number that was sent; others
 * may have been fetched. */
static void take_ledger(struct json_span line)
{
	struct fields f = {.sent_us = 0};
	struct topic *t;
	struct list *r;
	size_t low = 0, high;

	look(line, &f);
	t = topic_of("trade", f.instrument);
	r = &t->sent;
	if (r->n == 0 || (uint64_t)f.seq < r->at[0].content ||
	    (uint64_t)f.seq > r->at[r->n - 1].content) {
		add(&t->whole, (struct message){f.content, 0, NOT_OWED});
		return;
	}
	for (high = r->n; low < high;) {
		size_t middle = (low + high) / 2;

		if (r->at[middle].content < (uint64_t)f.seq)
			low = middle + 1;
		else
			high = middle;
	}
	f.sent_us = r->at[low].content == (uint64_t)f.seq ? r->at[low].sent_us
	                                                  : 0;
	add(&t->whole, (struct message){f.content, f.sent_us, 0});
}

static void read_ledger(const char *path)
{
	for (size_t i = 0; i < n_topics; i++)
		if (is_trade(topic[i]))
			qsort(topic[i]->sent.at, topic[i]->sent.n,
			    sizeof(struct message), by_number);
	each_line(path, take_ledger);
}

/* ------------------------------------------------------------- the output */

static void complain(
    const char *what, const struct topic *t, size_t at, struct json_span line)
{
	static unsigned said;

	if (said++ < 20)
		printf("# %s: %s at %zu of %zu: %.*s\n", t->name, what, at,
		    t->whole.n, line.len < 300 ? (int)line.len : 300, line.p);
}

static void note_late(struct lates *l, int64_t us)
{
	if ((l->n & (l->n - 1)) == 0)
		l->us = more(l->us, l->n > 0 ? 2 * l->n : 1, sizeof(*l->us));
	l->us[l->n++] = us;
}

static void take_gap(struct fields *f)
{
	const struct class *class = class_of(f->channel);

	count.gaps++;
	if (class == NULL)
		return;
	name_of(f);
	add(&topic_of(class->type, f->instrument)->gap,
	    (struct message){(uint64_t)f->from_ms, f->to_ms, 0});
}

static void take_record(struct json_span line)
{
	struct fields f = {.seq = 0};
	struct topic *t;
	char class[32];
	size_t at;

	look(line, &f);
	count.records++;
	end_us = f.received_us;
	snprintf(class, sizeof(class), "%.*s", (int)f.type.len, f.type.p);
	if (strcmp(class, "gap") == 0) {
		take_gap(&f);
		return;
	}
	t = topic_of(class, f.instrument);
	for (at = t->next; at < t->whole.n; at++)
		if (t->whole.at[at].content == f.content)
			break;
	if (at == t->whole.n) {
		for (at = 0; at < t->next; at++)
			if (t->whole.at[at].content == f.content)
				break;
		count.again += at < t->next;
		count.strange += at == t->next;
		complain(at < t->next ? "again" : "strange", t, t->next, line);
		return;
	}
	for (size_t i = t->next; i < at; i++)
		add(&t->missing, t->whole.at[i]);
	t->next = at + 1;
	count.written++;
	if (strcmp(class, "book_change") == 0) {
		if (t->change_id != 0 && f.prev != t->change_id) {
			count.broken++;
			complain("broken", t, t->next, line);
		}
		t->change_id = f.change_id;
	}
	count.trades += is_trade(t);
	if (t->whole.at[at].sent_us > 0)
		note_late(is_trade(t) ? &late_trades : &late,
		    f.received_us - t->whole.at[at].sent_us);
}

/* The canary is not asked for. */
static bool is_canary(const struct topic *t)
{
	return t->next == 0 && strcmp(t->name, "index btc_usd") == 0;
}

static bool is_in_gap(const struct topic *t, int64_t us)
{
	for (size_t i = 0; i < t->gap.n; i++)
		if ((int64_t)t->gap.at[i].content <= us / 1000 &&
		    us / 1000 <= t->gap.at[i].sent_us)
			return true;
	return false;
}

/* What was sent in the last moment before the end may have come too late. */
static bool is_owed(const struct topic *t, int64_t us)
{
	return us < last_us && (!t->ticks || us < end_us - MOMENT_US);
}

static void count_missing(struct topic *t)
{
	size_t in_gap = 0, lost = 0;

	for (size_t i = t->next; i < t->whole.n; i++)
		if (!t->ticks || t->whole.at[i].sent_us < end_us - MOMENT_US)
			add(&t->missing, t->whole.at[i]);
	for (size_t i = 0; i < t->missing.n; i++) {
		const struct message *m = &t->missing.at[i];

		if (m->connection == NOT_OWED)
			continue;
		if (m->connection == 0 && !is_trade(t) &&
		    !is_owed(t, m->sent_us))
			continue;
		count.unheard += m->connection == 0 && !is_trade(t);
		if (is_in_gap(t, m->sent_us)) {
			in_gap++;
			continue;
		}
		if (lost++ == 0)
			printf("# %s: the first that is lost is of %lld ms\n",
			    t->name, (long long)m->sent_us / 1000);
	}
	if (lost > 0)
		printf("# %s: %zu lost, %zu more in %zu gaps\n", t->name, lost,
		    in_gap, t->gap.n);
	count.lost += lost;
	count.in_gaps += in_gap;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void print_lates(const char *what, struct lates *l)
{
	size_t over = 0;

	if (l->n == 0)
		return;
	qsort(l->us, l->n, sizeof(*l->us), by_size);
	while (over < l->n && l->us[l->n - 1 - over] > SECOND_US)
		over++;
	printf("# %s: written after p50 %lld us, p99 %lld us, at most %lld "
	       "us; %zu of %zu after more than a second\n",
	    what, (long long)l->us[l->n / 2], (long long)l->us[l->n * 99 / 100],
	    (long long)l->us[l->n - 1], over, l->n);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "pair TRUTH OUT [LEDGER]\n");
		return 2;
	}
	read_truth(argv[1]);
	if (argc > 3)
		read_ledger(argv[3]);
	each_line(argv[2], take_record);
	for (size_t i = 0; i < n_topics; i++)
		if (!is_canary(topic[i]))
			count_missing(topic[i]);
	print_lates("trades", &late_trades);
	print_lates("others", &late);
	printf("connections %lld, sent %llu, written %llu, trades %llu, "
	       "lost %llu, again %llu, strange %llu, broken %llu, gaps %llu, "
	       "unheard %llu, in gaps %llu\n",
	    (long long)last_connection, (unsigned long long)count.messages,
	    (unsigned long long)count.written, (unsigned long long)count.trades,
	    (unsigned long long)count.lost, (unsigned long long)count.again,
	    (unsigned long long)count.strange, (unsigned long long)count.broken,
	    (unsigned long long)count.gaps, (unsigned long long)count.unheard,
	    (unsigned long long)count.in_gaps);
	return count.lost > 0 || count.again > 0 || count.strange > 0 ||
	       count.broken > 0;
}
