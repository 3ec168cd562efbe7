#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"

#define HEAD_MAX 4096

/* ,"name":"text" or ,"name":null */
static int add_text(
    struct buf *b, const char *name, const char *text, size_t len)
{
	if (buf_addf(b, ",\"%s\":", name) == -1)
		return -1;
	return text != NULL ? json_encode(b, text, len) : buf_adds(b, "null");
}

static int add_integer(struct buf *b, const char *name, int64_t v)
{
	return v < 0 ? buf_addf(b, ",\"%s\":null", name)
	             : buf_addf(b, ",\"%s\":%" PRId64, name, v);
}

/* btc_usd -> BTC */
static int add_currency(struct buf *b, struct json_span base)
{
	const char *end = memchr(base.p, '_', base.len);
	size_t n = end != NULL ? (size_t)(end - base.p) : base.len;
	char text[NAME_MAX_LEN];
	size_t i;

	if (n > sizeof(text))
		n = sizeof(text);
	for (i = 0; i < n; i++)
		text[i] = (char)toupper((unsigned char)base.p[i]);
	return add_text(b, "currency", text, n);
}

static int add_head(
    struct buf *b, const struct channel *channel, const struct name *name)
{
	const char *kind = name != NULL ? name_kind_text(name->kind) : NULL;

	if (buf_adds(b, "{\"type\":") == -1 ||
	    json_encode(b, channel->type.p, channel->type.len) == -1 ||
	    add_text(b, "kind", kind, kind != NULL ? strlen(kind) : 0) == -1)
		return -1;
	if (name != NULL && add_currency(b, name->base) == -1)
		return -1;
	if (name == NULL && channel->index.len > 0 &&
	    add_currency(b, channel->index) == -1)
		return -1;
	if (name == NULL && channel->index.len == 0 &&
	    add_text(b, "currency", NULL, 0) == -1)
		return -1;
	return buf_adds(b, ",\"received_at\":");
}

/* What the data leave to the channel's name. */
static int add_missing(
    struct buf *b, const struct channel *c, const char *text, size_t len)
{
	if ((c->change & CHANNEL_ADD_NAME) &&
	    add_text(
		b, "instrument_name", c->instrument.p, c->instrument.len) == -1)
		return -1;
	if ((c->change & CHANNEL_ADD_INDEX) &&
	    add_text(b, "index_name", c->index.p, c->index.len) == -1)
		return -1;
	if ((c->change & CHANNEL_ADD_RESOLUTION) &&
	    add_text(b, "resolution", c->resolution.p, c->resolution.len) == -1)
		return -1;
	if ((c->change & CHANNEL_ADD_CHANNEL) &&
	    add_text(b, "channel", text, len) == -1)
		return -1;
	return 0;
}

int record_head_make(struct record_head *head, const struct channel *channel,
    const char *text, size_t len, const struct name *name)
{
	struct buf b, added;
	int r = -1;

	memset(head, 0, sizeof(*head));
	head->id = channel->id;
	head->change = channel->change;
	buf_init(&b, HEAD_MAX);
	buf_init(&added, HEAD_MAX);
	if (add_head(&b, channel, name) == -1 ||
	    add_missing(&added, channel, text, len) == -1)
		goto out;
	head->text = b.data;
	head->len = b.len;
	head->added = added.data;
	head->added_len = added.len;
	return 0;
out:
	buf_free(&b);
	buf_free(&added);
	return r;
}

void record_head_free(struct record_head *head)
{
	free(head->text);
	free(head->added);
	memset(head, 0, sizeof(*head));
}

static int add_string(struct buf *b, const char *name, const char *text)
{
	return add_text(b, name, text, text != NULL ? strlen(text) : 0);
}

int record_gap(
    struct buf *out, const struct record_gap *gap, int64_t received_us)
{
	if (buf_adds(out, "{\"type\":\"gap\"") == -1 ||
	    add_string(out, "kind", gap->kind) == -1 ||
	    add_string(out, "currency", gap->currency) == -1 ||
	    add_integer(out, "received_at", received_us) == -1 ||
	    add_string(out, "instrument_name", gap->instrument_name) == -1 ||
	    add_string(out, "channel", gap->channel) == -1 ||
	    add_integer(out, "from", gap->from_ms) == -1 ||
	    add_integer(out, "to", gap->to_ms) == -1 ||
	    add_integer(out, "from_seq", gap->from_seq) == -1 ||
	    add_integer(out, "to_seq", gap->to_seq) == -1 ||
	    add_string(out, "reason", gap->reason) == -1)
		return -1;
	if (gap->dropped >= 0 &&
	    add_integer(out, "dropped", gap->dropped) == -1)
		return -1;
	return buf_addf(
	    out, ",\"repaired\":%s}\n", gap->repaired ? "true" : "false");
}
