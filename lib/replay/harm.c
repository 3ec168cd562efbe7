#include "replay/harm.h"

#include <string.h>

#define DEAD_MAX 65536
#define MESSAGE_MAX (1 << 20)

void harm_init(struct harm *h)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->dead, DEAD_MAX);
	for (unsigned i = 0; i < HARM_HELD_MAX; i++)
		buf_init(&h->held[i].text, MESSAGE_MAX);
}

void harm_free(struct harm *h)
{
	buf_free(&h->dead);
	for (unsigned i = 0; i < HARM_HELD_MAX; i++)
		buf_free(&h->held[i].text);
}

struct json_span harm_channel(const char *text, size_t len)
{
	static const char key[] = "\"channel\":\"";
	const char *end = text + len, *p = text, *q;

	while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
		if ((size_t)(end - p) < sizeof(key) - 1)
			break;
		if (memcmp(p++, key, sizeof(key) - 1) != 0)
			continue;
		p += sizeof(key) - 2;
		for (q = p; q < end && (unsigned char)*q >= ' '; q++) {
			if (*q == '"')
				return (struct json_span){p, (size_t)(q - p)};
			if (*q == '\\')
				break;
		}
		break;
	}
	return (struct json_span){"", 0};
}

/* Where the name stands among the dead, or NULL. */
static char *dead_find(const struct harm *h, struct json_span channel)
{
	char *p = buf_head(&h->dead);

	for (size_t left = buf_used(&h->dead); left > 0;) {
		size_t len = strlen(p);

		if (len == channel.len && memcmp(p, channel.p, len) == 0)
			return p;
		p += len + 1;
		left -= len + 1;
	}
	return NULL;
}

bool harm_is_dead(const struct harm *h, struct json_span channel)
{
	return buf_used(&h->dead) > 0 && dead_find(h, channel) != NULL;
}

void harm_kill(struct harm *h, struct json_span channel)
{
	if (buf_reserve(&h->dead, channel.len + 1) == -1)
		return;
	buf_add(&h->dead, channel.p, channel.len);
	buf_addc(&h->dead, '\0');
}

void harm_revive(struct harm *h, struct json_span channel)
{
	char *p = buf_used(&h->dead) > 0 ? dead_find(h, channel) : NULL;
	char *end = buf_head(&h->dead) + buf_used(&h->dead);

	if (p == NULL)
		return;
	memmove(p, p + channel.len + 1, (size_t)(end - p) - channel.len - 1);
	h->dead.len -= channel.len + 1;
}

void harm_revive_all(struct harm *h)
{
	buf_clear(&h->dead);
}

int harm_hold(struct harm *h, const char *text, size_t len, int64_t until_us)
{
	for (unsigned i = 0; i < HARM_HELD_MAX; i++) {
		struct harm_held *held = &h->held[i];

		if (buf_used(&held->text) > 0)
			continue;
		if (buf_add(&held->text, text, len) == -1)
			return -1;
		held->until_us = until_us;
		h->held_count++;
		return 0;
	}
	return -1;
}
