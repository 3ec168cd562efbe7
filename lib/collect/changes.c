/*
 * Incremental books.  What is passed on is a chain: a snapshot, then changes of
 * which each names the one before, until a gap record; behind that a snapshot
 * begins anew.  A chain that is broken is mended by subscribing anew, since
 * only that brings a snapshot.
 */
#include "base/log.h"
#include "collect/collect.h"

/* A snapshot stands right behind the acknowledgement; each further time that it
 * does not come is waited for twice as long. */
#define SNAPSHOT_MS 10000
#define SNAPSHOT_DOUBLINGS 8
/* For the slower of two sides to meet what the other one brought last. */
#define MEET_MS 5000

/* Changes are missing since what was passed on last, unless the other side goes
 * on from there. */
static void broken(struct collector *c, struct place *p, const char *reason)
{
	struct source *s = p->source;

	if (p->feed == NULL)
		return; /* nobody can be asked */
	c->resyncs++;
	log_debug("%s: %s; subscribing anew", s->name,
	    p->book.told ? "a change is missing" : "there is no snapshot");
	feeds_place_lost(c, p, reason, s->changed_ms);
	session_again(p->feed->session, &p->channel);
}

/* What was asked for last, and not what is being left. */
static bool is_current(const struct place *p)
{
	return p->feed == NULL || p->channel.state == CHANNEL_ASKED ||
	       p->channel.state == CHANNEL_LIVE;
}

/* The record of the hole stands before the snapshot that ends it. */
static void pass_on(struct collector *c, struct source *s)
{
	if (s->lost_ms != 0) {
		feeds_back(c, s);
		intake_gaps(c);
	}
	s->changed_ms = collector_wall_ms();
	s->snapshots_missed = 0;
}

bool changes_take(struct collector *c, struct place *p, struct json_value data)
{
	struct source *s = p->source;
	unsigned side = (unsigned)(p - s->place);
	struct book_message m;
	enum book_is is;

	if (data.type != JSON_OBJECT || book_read(data.text, &m) == -1)
		return true;
	if (!is_current(p))
		return false;
	is = book_take(&p->book, &m);
	if (is == BOOK_GAP)
		broken(c, p, "sequence");
	if (is != BOOK_SNAPSHOT && is != BOOK_NEXT)
		return false;
	switch (book_line_take(&s->line, side, is, &m)) {
	case BOOK_PASS: pass_on(c, s); return true;
	case BOOK_SEEN: c->repeated++; return false;
	case BOOK_ASTRAY: break;
	}
	if (!s->line.on[1 - side])
		broken(c, p, "sequence");
	return false;
}

void changes_lost(struct place *p)
{
	book_lost(&p->book);
	book_line_leave(&p->source->line, (unsigned)(p - p->source->place));
}

void changes_dropped(struct collector *c, struct source *s)
{
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++)
		if (s->place[side].feed != NULL)
			broken(c, &s->place[side], "overflow");
}

static bool waits_too_long(const struct place *p, int64_t now_ms)
{
	unsigned n = p->source->snapshots_missed;
	int64_t wait_ms = (int64_t)SNAPSHOT_MS
	                  << (n < SNAPSHOT_DOUBLINGS ? n : SNAPSHOT_DOUBLINGS);

	return p->book.told || now_ms - p->live_ms >= wait_ms;
}

void changes_tick(struct collector *c, struct source *s, int64_t now_ms)
{
	bool apart = false;
	unsigned side;

	for (side = 0; side < COLLECTOR_SIDES; side++) {
		struct place *p = &s->place[side];

		if (!p->live || p->channel.state != CHANNEL_LIVE)
			continue;
		if (!p->book.valid && waits_too_long(p, now_ms)) {
			s->snapshots_missed++;
			broken(c, p, "sequence");
		}
		apart |= p->book.valid && !s->line.on[side] &&
		         !s->line.on[1 - side];
	}
	if (!apart)
		s->apart_ms = 0;
	else if (s->apart_ms == 0)
		s->apart_ms = now_ms;
	else if (now_ms - s->apart_ms >= MEET_MS)
		for (side = 0; side < COLLECTOR_SIDES; side++)
			if (s->place[side].live)
				broken(c, &s->place[side], "sequence");
}
