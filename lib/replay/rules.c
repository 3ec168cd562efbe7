#include "replay/rules.h"

#include <string.h>

#define RAW_MAX (1 << 20)

int rules_take(struct rules_bucket *b, int64_t now_ms)
{
	if (b->at_ms > 0)
		b->tokens += (double)(now_ms - b->at_ms) * b->per_second / 1000;
	b->at_ms = now_ms;
	if (b->tokens > b->burst)
		b->tokens = b->burst;
	if (b->tokens < 1)
		return -1;
	b->tokens -= 1;
	return 0;
}

void session_init(struct session *s, unsigned slot, int64_t now_ms)
{
	memset(s, 0, sizeof(*s));
	s->slot = slot;
	buf_init(&s->raw, RAW_MAX);
	s->heard_ms = now_ms;
	/* Credits: 3 000 of 30 000, and 500 of 50 000 at 10 000 a second. */
	s->subscribes = (struct rules_bucket){10, 10, 10.0 / 3, now_ms};
	s->others = (struct rules_bucket){100, 100, 20, now_ms};
}

void session_free(struct session *s)
{
	buf_free(&s->raw);
}

int session_charge(struct session *s, bool subscribe, int64_t now_ms)
{
	s->heard_ms = now_ms;
	return rules_take(subscribe ? &s->subscribes : &s->others, now_ms);
}

int session_set_heartbeat(struct session *s, const struct rules *rules,
    int64_t interval_ms, int64_t now_ms)
{
	if (interval_ms <= 0 || interval_ms < rules->heartbeat_min_ms)
		return -1;
	s->heartbeat_ms = interval_ms;
	s->next_ms = now_ms + interval_ms;
	s->asked_ms = 0;
	s->told_at_beat = s->told;
	return 0;
}

void session_disable_heartbeat(struct session *s)
{
	s->heartbeat_ms = 0;
	s->asked_ms = 0;
}

void session_tested(struct session *s)
{
	s->asked_ms = 0;
}

/* A busy socket sees test_requests only, a quiet one heartbeats as well. */
static enum rules_due beat(struct session *s, int64_t now_ms)
{
	if (s->told == s->told_at_beat) {
		s->told_at_beat = UINT64_MAX;
		return RULES_HEARTBEAT;
	}
	s->told_at_beat = s->told + 1;
	s->next_ms = now_ms + s->heartbeat_ms;
	if (s->asked_ms == 0)
		s->asked_ms = now_ms;
	return RULES_TEST_REQUEST;
}

enum rules_due session_due(
    struct session *s, const struct rules *rules, int64_t now_ms)
{
	if (s->authenticated && now_ms >= s->token_until_ms) {
		s->authenticated = false;
		return RULES_TOKEN_ENDED;
	}
	if (s->asked_ms > 0 &&
	    now_ms - s->asked_ms >= rules->heartbeat_grace_ms)
		return RULES_UNANSWERED;
	if (s->heartbeat_ms > 0 && now_ms >= s->next_ms)
		return beat(s, now_ms);
	if (s->channels == 0 && now_ms - s->heard_ms >= rules->idle_ms)
		return RULES_IDLE;
	return RULES_NOTHING;
}
