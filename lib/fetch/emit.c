#include "fetch/emit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* Written when there is more, without being asked. */
#define FLUSH_AT ((size_t)256 * 1024)
/* A record, or an input of a map, is no larger than a reply. */
#define TEXT_MAX ((size_t)80 << 20)

void emit_init(struct emit *e, int fd)
{
	memset(e, 0, sizeof(*e));
	e->fd = fd;
	buf_init(&e->out, TEXT_MAX);
	buf_init(&e->input, TEXT_MAX);
}

void emit_free(struct emit *e)
{
	buf_free(&e->out);
	buf_free(&e->input);
}

void emit_head(struct emit_head *h, const char *type, const char *instrument)
{
	struct name name;
	int n;

	if (instrument != NULL &&
	    name_parse(instrument, strlen(instrument), &name) == 0)
		n = snprintf(h->text, sizeof(h->text),
		    "{\"type\":\"%s\",\"kind\":\"%s\",\"currency\":\"%.*s\"",
		    type, name_kind_text(name.kind), (int)name.base.len,
		    name.base.p);
	else
		n = snprintf(h->text, sizeof(h->text),
		    "{\"type\":\"%s\",\"kind\":null,\"currency\":null", type);
	h->len = (size_t)n;
}

int64_t emit_stamp(struct emit *e)
{
	int64_t now_us = clock_wall_us();

	e->last_us = now_us > e->last_us ? now_us : e->last_us + 1;
	return e->last_us;
}

int emit_flush(struct emit *e, struct fault *fault)
{
	struct pollfd p = {e->fd, POLLOUT, 0};
	ssize_t n;

	while (buf_used(&e->out) > 0) {
		n = write(e->fd, buf_head(&e->out), buf_used(&e->out));
		if (n >= 0) {
			buf_consume(&e->out, (size_t)n);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			e->closed = errno == EPIPE;
			return fault_errno(fault, EX_IOERR, "standard output");
		}
	}
	return 0;
}

struct mapping {
	struct emit *e;
	const struct emit_head *h;
	struct fault *fault;
};

static int record_add(void *arg, const char *json, size_t len)
{
	struct mapping *m = arg;
	struct buf *out = &m->e->out;
	size_t before = buf_used(out);

	if (len < 2 || json[0] != '{')
		return fault_set(
		    m->fault, EX_SOFTWARE, "a map gave what is no object");
	if (buf_add(out, m->h->text, m->h->len) == -1 ||
	    buf_addf(out, ",\"received_at\":%" PRId64 "%s", emit_stamp(m->e),
		json[1] == '}' ? "" : ",") == -1 ||
	    buf_add(out, json + 1, len - 1) == -1 ||
	    buf_addc(out, '\n') == -1) {
		out->len = out->start + before;
		return fault_errno(m->fault, EX_OSERR, "a record");
	}
	m->e->records++;
	return before > FLUSH_AT ? emit_flush(m->e, m->fault) : 0;
}

int emit_record(struct emit *e, const struct emit_head *h, const char *json,
    size_t len, struct fault *fault)
{
	struct fault own;
	struct mapping m = {e, h, fault != NULL ? fault : &own};

	return record_add(&m, json, len);
}

int emit_map(struct emit *e, const struct emit_head *h, struct jq_map *map,
    const char *input, size_t len, struct fault *fault)
{
	struct fault own;
	struct mapping m = {e, h, fault != NULL ? fault : &own};

	return jq_map_text(map, input, len, record_add, &m, m.fault);
}

static int input_make(struct buf *b, const char *members, struct json_span row)
{
	buf_clear(b);
	if (buf_addf(b, "{%s%s\"row\":", members, *members ? "," : "") == -1 ||
	    buf_add(b, row.p, row.len) == -1)
		return -1;
	return buf_addc(b, '}');
}

int emit_rows(struct emit *e, const struct emit_head *h, struct jq_map *map,
    const char *members, struct json_span array, struct fault *fault)
{
	struct json_value v;
	struct json j;
	int r;

	json_init(&j, array.p, array.len);
	if (json_array_begin(&j) == -1)
		return fault_set(fault, EX_DATAERR, "the result is no array");
	while ((r = json_array_next(&j)) == 1) {
		if (json_value(&j, &v) == -1)
			break;
		if (input_make(&e->input, members, v.text) == -1)
			return fault_errno(fault, EX_OSERR, "a row");
		if (emit_map(e, h, map, buf_head(&e->input),
			buf_used(&e->input), fault) == -1)
			return -1;
	}
	return r == 0 ? 0
	              : fault_set(fault, EX_DATAERR, "the result is no JSON");
}
