/* The trades of the output beside the ledger (tests/faults/judge.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "deribit/name.h"
#include "judge.h"

/* Ours: type, kind, currency, received_at; behind them the exchange's. */
#define OURS 4

static struct market *market_of(struct judge *j, struct json_span name)
{
	struct name n;

	if (name_parse(name.p, name.len, &n) == -1 || n.kind != NAME_OPTION)
		return NULL;
	for (size_t i = 0; i < j->markets; i++)
		if (json_span_is(n.base, j->market[i].currency))
			return &j->market[i];
	return NULL;
}

static struct instrument *instrument_of(struct judge *j, struct json_span name)
{
	struct instrument *i = table_find(&j->instruments, name.p, name.len);
	struct market *m;

	if (i != NULL)
		return i;
	m = market_of(j, name);
	if (m == NULL)
		return NULL;
	i = calloc(1, sizeof(*i));
	if (i == NULL)
		abort();
	i->name = span_copy(name);
	i->market = m;
	j->instrument = grow(j->instrument, j->n_instruments,
	    &j->instruments_size, sizeof(struct instrument *));
	j->instrument[j->n_instruments++] = i;
	if (table_add(&j->instruments, i->name, name.len, i) == -1)
		abort();
	return i;
}

void ledger_line(
    struct judge *j, const struct members *m, struct json_span text)
{
	struct instrument *i = instrument_of(
	    j, members_text(m, "instrument_name"));
	int64_t seq = members_number(m, "trade_seq");

	if (i == NULL)
		return;
	if (i->n == 0)
		i->first = seq;
	if (seq != i->first + (int64_t)i->n) {
		complain(j,
		    "the ledger has number %" PRId64 " of %s behind "
		    "%zu",
		    seq, i->name, i->n);
		return;
	}
	i->trade = grow(i->trade, i->n, &i->size, sizeof(*i->trade));
	i->trade[i->n++] = (struct trade){
	    .text = span_copy(text),
	    .len = text.len,
	    .at_ms = members_number(m, "timestamp"),
	};
}

/* The members behind ours are the ledger's, and "repaired" may follow. */
static bool is_verbatim(
    const struct trade *t, const struct members *m, bool repaired)
{
	struct members l;
	size_t n = m->n - repaired;

	if (members_read(&l, (struct json_span){t->text, t->len}) == -1 ||
	    l.n + OURS != n)
		return false;
	for (size_t i = 0; i < l.n; i++) {
		struct json_span k = m->key[i + OURS];
		struct json_span v = m->value[i + OURS].text;

		if (k.len != l.key[i].len || v.len != l.value[i].text.len ||
		    memcmp(k.p, l.key[i].p, k.len) != 0 ||
		    memcmp(v.p, l.value[i].text.p, v.len) != 0)
			return false;
	}
	return true;
}

/* A hole is what was fetched in one piece: it is told from its first trade. */
static void take_repaired(struct judge *j, struct instrument *i, int64_t seq,
    const struct trade *t, int64_t received_us)
{
	int64_t ms = received_us / 1000 - t->at_ms;

	numbers_add(&j->fetches, ms);
	if (seq != i->fetched + 1)
		numbers_add(&j->repairs, ms);
	i->fetched = seq;
	j->repaired++;
}

void trade_record(struct judge *j, const struct members *m)
{
	struct instrument *i = instrument_of(
	    j, members_text(m, "instrument_name"));
	int64_t seq = members_number(m, "trade_seq");
	const struct json_value *last = &m->value[m->n - 1];
	bool repaired = last->type == JSON_TRUE &&
	                json_span_is(m->key[m->n - 1], "repaired");
	struct trade *t;

	if (i == NULL || seq < i->first || seq >= i->first + (int64_t)i->n) {
		j->strangers++;
		complain(j, "nobody made trade %" PRId64, seq);
		return;
	}
	t = &i->trade[seq - i->first];
	if (seq <= i->last) {
		j->unordered++;
		complain(j, "%s: trade %" PRId64 " behind %" PRId64, i->name,
		    seq, i->last);
	} else {
		i->last = seq;
	}
	t->got = true;
	if (!is_verbatim(t, m, repaired)) {
		j->changed++;
		complain(j, "%s: trade %" PRId64 " is not %s", i->name, seq,
		    t->text);
	}
	i->heard |= !repaired;
	if (repaired)
		take_repaired(j, i, seq, t, members_number(m, "received_at"));
}

void trades_declared(struct judge *j, const struct members *m)
{
	struct instrument *i = instrument_of(
	    j, members_text(m, "instrument_name"));
	int64_t seq = members_number(m, "from_seq");
	int64_t to = members_number(m, "to_seq");

	j->sequence_gaps++;
	if (i == NULL || seq < 1)
		return;
	complain(j,
	    "%s: trades %" PRId64 " to %" PRId64 " are declared missing",
	    i->name, seq, to);
	for (; seq <= to && seq < i->first + (int64_t)i->n; seq++)
		if (seq >= i->first)
			i->trade[seq - i->first].declared = true;
}

void trades_verdict(struct judge *j)
{
	for (size_t k = 0; k < j->n_instruments; k++) {
		struct instrument *i = j->instrument[k];
		int64_t from_ms = i->market->ack_us / 1000;
		uint64_t trades = j->trades;

		for (size_t n = 0; n < i->n; n++) {
			struct trade *t = &i->trade[n];

			if (from_ms == 0 || t->at_ms <= from_ms ||
			    t->at_ms > j->until_ms)
				continue;
			j->trades++;
			if (t->got)
				continue;
			j->missing += !t->declared;
			j->declared += t->declared;
			complain(j, "%s: trade %zu of %zu is missing: %s",
			    i->name, n + 1, i->n, t->text);
		}
		j->unheard += !i->heard && j->trades > trades;
	}
}
