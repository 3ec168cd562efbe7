/*
 * The life of the chains that are followed: an instrument that is listed is
 * subscribed, one that is over is taken off when its last message has come.
 * instrument.creation and instrument.state tell it; what they may have told
 * while they were not heard look.c finds.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collect/life-own.h"

/* After its channels are taken off an instrument is kept for so long: a summary
 * of the market is some seconds old when it comes. */
#define FORGET_MS 5000
#define LET_GO_MS 1000 /* is looked for so often */
/* After a loss the market is looked at twice: what happened in the last moments
 * before the channel was confirmed is not in the first summary. */
#define LOOKS_MISSED 2

static const char *const all_kinds[] = {
    "option", "future", "spot", "future_combo", "option_combo"};
static const char *const our_kinds[] = {
    "option", "future", "perpetual", "spot", "option_combo", "future_combo"};

static int take_channel(void *arg, const char *channel, const char *kind,
    const char *currency, struct fault *fault)
{
	return collector_add(arg, channel, kind, currency, true, fault);
}

static struct instrument *known(const struct collector *c, const char *name)
{
	return table_find(&c->instruments, name, strlen(name));
}

int life_follow(struct collector *c, const struct wants *w, const char *name,
    struct fault *fault)
{
	struct json_span span = {name, strlen(name)};
	struct instrument *i = instrument_get(c, span, fault);

	if (i == NULL)
		return -1;
	/* Those that we begin with are older than any summary. */
	if (!i->followed)
		i->since_ms = c->started ? collector_now_ms() : 0;
	i->over_ms = 0;
	i->ends = END_NOT;
	i->off = false;
	i->followed = true;
	i->unopened = false;
	if (wants_instrument(w, name, take_channel, c, fault) == -1 ||
	    wants_market(w, name, take_channel, c, fault) == -1)
		return -1;
	return (w->words & WANTS_BOOK) ? depth_add(c, name, fault) : 0;
}

int collector_instrument(struct collector *c, const struct wants *w,
    const char *name, struct fault *fault)
{
	struct instrument *i;

	if (life_follow(c, w, name, fault) == -1)
		return -1;
	i = known(c, name);
	i->named_by_user = true;
	return 0;
}

/* ------------------------------------------------------------ what is meant */

static void upper(const char *text, char *out, size_t size)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < size; i++)
		out[i] = (text[i] >= 'a' && text[i] <= 'z')
		             ? (char)(text[i] - 'a' + 'A')
		             : text[i];
	out[i] = '\0';
}

static int add_market(
    struct collector *c, struct chain_followed *f, const char *kind)
{
	char currency[24];

	chain_filter(&f->query, currency, sizeof(currency));
	f->market[f->markets] = look_market(c, kind, currency);
	return f->market[f->markets++] != NULL ? 0 : -1;
}

/* Its markets, and whose trades are passed on: also of kinds of which there is
 * none yet. */
static int add_kinds(struct collector *c, struct chain_followed *f)
{
	const char *kind = f->query.kind;
	size_t i;

	if (kind != NULL)
		return add_market(c, f, chain_kind_filter(kind)) == -1
		           ? -1
		           : collector_keep(c, kind, f->currency);
	for (i = 0; i < sizeof(all_kinds) / sizeof(all_kinds[0]); i++)
		if (add_market(c, f, all_kinds[i]) == -1)
			return -1;
	for (i = 0; i < sizeof(our_kinds) / sizeof(our_kinds[0]); i++)
		if (collector_keep(c, our_kinds[i], f->currency) == -1)
			return -1;
	return 0;
}

int collector_follow(struct collector *c, const struct wants *w,
    const struct chain_query *query, const struct chain *chain,
    struct fault *fault)
{
	struct chain_followed *f;
	size_t i;

	f = realloc(c->followed, (c->n_followed + 1) * sizeof(*f));
	if (f == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	c->followed = f;
	f += c->n_followed++;
	memset(f, 0, sizeof(*f));
	f->wants = *w;
	f->query = *query;
	upper(query->currency, f->currency, sizeof(f->currency));
	if (add_kinds(c, f) == -1)
		return fault_set(fault, EX_OSERR, "out of memory");
	for (i = 0; i < chain->n; i++)
		if (life_follow(
			c, &f->wants, chain->instrument[i].name, fault) == -1)
			return -1;
	return 0;
}

static bool is_settled_in(const struct name *n, const char *currency)
{
	char settlement[NAME_MAX_LEN + 1];

	name_settlement(n, settlement, sizeof(settlement));
	return strcmp(currency, "any") == 0 ||
	       strcmp(settlement, currency) == 0;
}

bool life_is_in(const struct market *m, const char *name)
{
	struct name n;

	return name_parse(name, strlen(name), &n) == 0 &&
	       strcmp(chain_kind_filter(name_kind_text(n.kind)), m->kind) ==
	           0 &&
	       is_settled_in(&n, m->currency);
}

bool life_is_of(const struct chain_followed *f, const char *name)
{
	struct name n;

	if (name_parse(name, strlen(name), &n) == -1 ||
	    n.base.len != strlen(f->currency) ||
	    memcmp(n.base.p, f->currency, n.base.len) != 0)
		return false;
	if (f->query.kind != NULL &&
	    strcmp(f->query.kind, name_kind_text(n.kind)) != 0)
		return false;
	return is_settled_in(&n, f->market[0]->currency);
}

/* ------------------------------------------------------- listings, expiries */

static bool is_about(const struct source *s, const char *name)
{
	return s->carried && s->instrument != NULL &&
	       strcmp(s->instrument, name) == 0;
}

/* Takes off its channels, or only those that are not live: they could not be
 * subscribed again. */
static void take_off(
    struct collector *c, const struct instrument *in, bool lost_only)
{
	int64_t until_ms = in->ends == END_RANK ? collector_wall_ms()
	                                        : in->ended_ms;
	size_t i;

	for (i = 0; i < c->sources; i++)
		if (is_about(c->source[i], in->name) &&
		    (!lost_only || c->source[i]->live == 0))
			feeds_displace(c, c->source[i], until_ms);
}

void life_listed(struct collector *c, const struct chain_followed *f,
    const char *name, const char *why)
{
	struct instrument *i = known(c, name);
	bool news = i == NULL || !i->followed;
	struct fault fault;

	if (life_follow(c, &f->wants, name, &fault) == 0) {
		if (news)
			log_info("%s %s", name, why);
		return;
	}
	log_warn("%s is not followed: %s", name, fault.text);
	i = known(c, name);
	if (i == NULL)
		return;
	life_over(c, i, END_RANK);
	i->over_ms = collector_now_ms();
}

/* An instrument has begun to exist, or to be traded. */
static void begins(struct collector *c, const char *name, bool created)
{
	size_t i;

	for (i = 0; i < c->n_followed; i++) {
		struct chain_followed *f = &c->followed[i];
		bool first = created || known(c, name) == NULL;
		struct instrument *in;
		struct fault fault;

		if (!life_is_of(f, name))
			continue;
		in = instrument_get(
		    c, (struct json_span){name, strlen(name)}, &fault);
		if (in == NULL)
			log_warn("%s is not followed: %s", name, fault.text);
		if (in != NULL && first)
			trades_listed(in);
		if (in != NULL && f->query.top == 0)
			life_listed(c, f, name, "is listed");
	}
	/* What was refused before may be had now. */
	for (i = 0; i < c->sources; i++)
		if (is_about(c->source[i], name) &&
		    c->source[i]->refused_ms != 0)
			c->source[i]->refused_ms = 1;
}

/* Created, but not open yet: that may be told while nobody listens. */
static void awaits(struct collector *c, const char *name)
{
	struct instrument *in;
	struct fault fault;
	size_t i;

	for (i = 0; i < c->n_followed; i++) {
		if (!life_is_of(&c->followed[i], name))
			continue;
		in = instrument_get(
		    c, (struct json_span){name, strlen(name)}, &fault);
		if (in == NULL) {
			log_warn("%s is not followed: %s", name, fault.text);
			return;
		}
		trades_listed(in);
		if (c->followed[i].query.top == 0)
			in->unopened = in->ends == END_NOT;
	}
}

void life_over(
    struct collector *c, struct instrument *i, enum instrument_end ends)
{
	if (i->ends == END_TOLD || i->ends == ends)
		return;
	if (i->followed && ends == END_RANK)
		log_info("%s is not among the first any more", i->name);
	else if (i->followed && i->ends != END_ABSENT)
		log_info("%s is over", i->name);
	if (i->over_ms == 0)
		i->over_ms = collector_now_ms() + c->options.linger_ms;
	if (i->ended_ms == 0 || i->ends == END_NOT)
		i->ended_ms = collector_wall_ms();
	i->unopened = false;
	i->ends = ends;
	depth_remove(c, i->name);
	if (ends != END_RANK)
		take_off(c, i, true);
}

/* The words since 2026, and those before. */
static bool is_over(struct json_span state)
{
	static const char *const words[] = {"delivered", "archivized", "closed",
	    "settled", "terminated", "inactive"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (json_span_is(state, words[i]))
			return true;
	return false;
}

static bool is_open(struct json_span state)
{
	return json_span_is(state, "open") || json_span_is(state, "started") ||
	       json_span_is(state, "created");
}

static void take_state(
    struct collector *c, struct json_value data, bool created)
{
	struct json_span key, name = {NULL, 0}, state = {"", 0};
	char text[NAME_MAX_LEN + 1];
	struct instrument *i;
	struct json_value v;
	struct json j;

	json_init(&j, data.text.p, data.text.len);
	if (data.type != JSON_OBJECT || json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (v.type != JSON_STRING)
			continue;
		if (json_span_is(key, "instrument_name"))
			name = json_inside(v.text);
		if (json_span_is(key, "state"))
			state = json_inside(v.text);
	}
	if (name.p == NULL || name.len > NAME_MAX_LEN ||
	    memchr(name.p, '\\', name.len) != NULL)
		return;
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	i = known(c, text);
	if (created && is_over(state) && (i == NULL || !i->followed))
		awaits(c, text);
	else if (is_over(state) && i != NULL)
		life_over(c, i, END_TOLD);
	else if (!is_over(state) && (created || is_open(state)))
		begins(c, text, created);
}

static void take_platform(struct collector *c, struct json_value data)
{
	struct json_value v;
	struct json_span key;
	struct json j;

	json_init(&j, data.text.p, data.text.len);
	if (data.type != JSON_OBJECT || json_object_begin(&j) == -1)
		return;
	while (json_object_next(&j, &key) == 1 && json_value(&j, &v) == 0) {
		if (json_span_is(key, "maintenance") &&
		    (v.type == JSON_TRUE) != c->maintenance) {
			c->maintenance = v.type == JSON_TRUE;
			log_warn(c->maintenance
				     ? "the exchange announces maintenance"
				     : "the exchange's maintenance is over");
		}
		if (json_span_is(
			key, "allow_unauthenticated_public_requests") &&
		    v.type == JSON_FALSE)
			log_warn("the exchange stops answering those who are "
				 "not logged in; --auth helps");
	}
}

void life_take(
    struct collector *c, const struct source *s, struct json_value data)
{
	switch (s->channel.id) {
	case CHANNEL_INSTRUMENT: take_state(c, data, true); break;
	case CHANNEL_INSTRUMENT_STATE: take_state(c, data, false); break;
	case CHANNEL_PLATFORM_STATE: take_platform(c, data); break;
	default: break;
	}
}

/* instrument.state.option.BTC */
static bool is_of_market(const struct source *s, const struct market *m)
{
	char tail[64];
	size_t n = (size_t)snprintf(
	    tail, sizeof(tail), ".%s.%s", m->kind, m->currency);

	return s->len > n && strcmp(s->name + s->len - n, tail) == 0;
}

/* That it is open may have been missed: what waits for it is asked for now. */
static void ask_unopened(struct collector *c, const struct market *m)
{
	size_t i;

	for (i = 0; i < c->n_instruments; i++)
		if (c->instrument[i]->unopened &&
		    life_is_in(m, c->instrument[i]->name))
			begins(c, c->instrument[i]->name, false);
	for (i = 0; i < c->sources; i++)
		if (c->source[i]->refused_ms != 0 &&
		    c->source[i]->instrument != NULL &&
		    life_is_in(m, c->source[i]->instrument))
			c->source[i]->refused_ms = 1;
}

void life_missed(struct collector *c, const struct source *s)
{
	size_t i;

	for (i = 0; i < c->markets; i++) {
		if (!is_of_market(s, c->market[i]))
			continue;
		look_early(c->market[i], LOOKS_MISSED);
		ask_unopened(c, c->market[i]);
	}
}

/* Where a summary tells whether it has expired; NULL: none does, or it is one
 * that the user named and that never was. */
static struct market *market_of(
    const struct collector *c, const struct source *s)
{
	const struct instrument *in;
	size_t i;

	if (s->instrument == NULL)
		return NULL;
	in = known(c, s->instrument);
	if (in == NULL || (in->named_by_user && !s->begun))
		return NULL;
	for (i = 0; i < c->markets; i++)
		if (life_is_in(c->market[i], in->name))
			return c->market[i];
	return NULL;
}

void life_refused(struct collector *c, const struct source *s)
{
	struct market *m = market_of(c, s);

	if (m != NULL)
		look_early(m, LOOKS_MISSED);
}

bool life_asks(const struct collector *c, const struct source *s)
{
	const struct market *m = market_of(c, s);

	return m != NULL && (m->looks > 0 || m->call.busy);
}

void life_lost(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->n_instruments; i++) {
		const struct instrument *in = c->instrument[i];

		if (!in->off &&
		    (in->ends == END_TOLD || in->ends == END_ABSENT))
			take_off(c, in, true);
	}
}

/* ------------------------------------------------------------------- time */

static void let_go(struct collector *c, int64_t now_ms)
{
	size_t i = 0;

	while (i < c->n_instruments) {
		struct instrument *in = c->instrument[i++];

		if (in->over_ms == 0 || now_ms < in->over_ms)
			continue;
		if (!in->off)
			take_off(c, in, false);
		in->off = true;
		in->followed = false;
		if (now_ms - in->over_ms >= FORGET_MS &&
		    instrument_forget(c, in))
			i--; /* another one is in its place */
	}
}

void life_tick(struct collector *c, int64_t now_ms)
{
	if (now_ms >= c->let_go_ms) {
		c->let_go_ms = now_ms + LET_GO_MS;
		let_go(c, now_ms);
	}
	look_tick(c, now_ms);
}

__attribute__((format(printf, 3, 4))) static int carry(
    struct collector *c, struct fault *fault, const char *format, ...)
{
	char name[CHANNEL_LEN_MAX + 1];
	va_list ap;

	va_start(ap, format);
	vsnprintf(name, sizeof(name), format, ap);
	va_end(ap);
	return collector_add(c, name, NULL, NULL, false, fault);
}

/* Of one that the user named its end alone is of interest; perpetuals and spot
 * pairs have none. */
static int carry_end(struct collector *c, const char *text, struct fault *fault)
{
	char settlement[NAME_MAX_LEN + 1];
	struct name n;
	const char *kind;

	if (name_parse(text, strlen(text), &n) == -1 ||
	    n.kind == NAME_PERPETUAL || n.kind == NAME_SPOT)
		return 0;
	name_settlement(&n, settlement, sizeof(settlement));
	kind = chain_kind_filter(name_kind_text(n.kind));
	/* It is not looked at now: no list tells that it has to be there. */
	if (look_market(c, kind, settlement) == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	return carry(c, fault, "instrument.state.%s.%s", kind, settlement);
}

int life_start(struct collector *c, struct fault *fault)
{
	size_t i;

	for (i = 0; i < c->markets; i++) {
		struct market *m = c->market[i];

		if (carry(c, fault, "instrument.creation.%s.%s", m->kind,
			m->currency) == -1 ||
		    carry(c, fault, "instrument.state.%s.%s", m->kind,
			m->currency) == -1)
			return -1;
	}
	/* The list may have come from the disk, up to an hour old. */
	look_all(c, LOOKS_MISSED);
	for (i = 0; i < c->n_instruments; i++)
		if (c->instrument[i]->named_by_user &&
		    carry_end(c, c->instrument[i]->name, fault) == -1)
			return -1;
	if (carry(c, fault, "platform_state") == -1)
		return -1;
	return carry(c, fault, "platform_state.public_methods_state");
}

void life_free(struct collector *c)
{
	look_free(c);
	free(c->followed);
}
