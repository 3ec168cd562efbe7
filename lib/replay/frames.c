#include "replay/frames.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"

#define FILE_MAX ((size_t)1 << 30)

static char *read_all(const char *path, size_t *len, struct fault *fault)
{
	FILE *f = fopen(path, "rb");
	size_t size = 1 << 16, n;
	char *bytes = NULL, *more;

	if (f == NULL) {
		fault_errno(fault, EX_NOINPUT, "%s", path);
		return NULL;
	}
	*len = 0;
	do {
		size *= 2;
		more = size > FILE_MAX ? NULL : realloc(bytes, size);
		if (more == NULL) {
			fault_set(fault, EX_DATAERR,
			    "%s: larger than memory or 1 GiB", path);
			goto fail;
		}
		bytes = more;
		n = fread(bytes + *len, 1, size - 1 - *len, f);
		*len += n;
	} while (*len == size - 1);
	if (ferror(f)) {
		fault_errno(fault, EX_IOERR, "%s", path);
		goto fail;
	}
	bytes[*len] = '\0';
	fclose(f);
	return bytes;
fail:
	free(bytes);
	fclose(f);
	return NULL;
}

/* Takes the named member of an object: 0, or -1. */
static int into(
    struct json_span object, const char *name, struct json_value *value)
{
	struct json j;
	struct json_span key;

	json_init(&j, object.p, object.len);
	if (json_object_begin(&j) == -1)
		return -1;
	while (json_object_next(&j, &key) == 1) {
		if (json_value(&j, value) == -1)
			return -1;
		if (json_span_is(key, name))
			return 0;
	}
	return -1;
}

static int first_of(struct json_span array, struct json_value *value)
{
	struct json j;

	json_init(&j, array.p, array.len);
	if (json_array_begin(&j) == -1 || json_array_next(&j) != 1)
		return -1;
	return json_value(&j, value);
}

/* params.data.timestamp, or the first row's; -1: there is none. */
static int64_t timestamp_of(const char *text, size_t len)
{
	struct json_value v = {{text, len}, JSON_OBJECT};

	if (into(v.text, "params", &v) == -1 || into(v.text, "data", &v) == -1)
		return -1;
	if (v.type == JSON_ARRAY && first_of(v.text, &v) == -1)
		return -1;
	if (v.type != JSON_OBJECT || into(v.text, "timestamp", &v) == -1 ||
	    v.type != JSON_NUMBER)
		return -1;
	return strtoll(v.text.p, NULL, 10);
}

static int append(struct frames *f, size_t *size, const char *text, size_t len)
{
	if (f->count == *size) {
		size_t more = *size == 0 ? 1024 : *size * 2;
		void *line = realloc(f->line, more * sizeof(*f->line));

		if (line == NULL)
			return -1;
		f->line = line;
		*size = more;
	}
	f->line[f->count++] = (struct frames_line){text, len, 0};
	return 0;
}

static void times_set(struct frames *f)
{
	int64_t first = -1, latest = 0;

	for (size_t i = 0; i < f->count; i++) {
		int64_t at = timestamp_of(f->line[i].text, f->line[i].len);

		if (at >= 0 && first == -1)
			first = at;
		if (at >= 0 && at - first > latest)
			latest = at - first;
		f->line[i].at_ms = latest;
	}
}

int frames_open(struct frames *f, const char *path, struct fault *fault)
{
	size_t len, size = 0;
	char *p, *end;

	memset(f, 0, sizeof(*f));
	f->bytes = read_all(path, &len, fault);
	if (f->bytes == NULL)
		return -1;
	for (p = f->bytes; p < f->bytes + len; p = end + 1) {
		end = memchr(p, '\n', (size_t)(f->bytes + len - p));
		if (end == NULL)
			end = f->bytes + len;
		if (end > p && append(f, &size, p, (size_t)(end - p)) == -1) {
			frames_close(f);
			return fault_set(
			    fault, EX_OSERR, "%s: no memory", path);
		}
	}
	if (f->count == 0) {
		frames_close(f);
		return fault_set(
		    fault, EX_DATAERR, "%s: holds no message", path);
	}
	times_set(f);
	return 0;
}

void frames_close(struct frames *f)
{
	free(f->bytes);
	free(f->line);
	memset(f, 0, sizeof(*f));
}
