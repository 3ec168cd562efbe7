#include "fetch/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/table.h"
#include "io/json.h"
#include "io/replace.h"

#define STATE_MAX ((size_t)256 << 20)
#define FILE_MODE 0640
#define PATH_SIZE 4096
#define WORD_MAX 128
#define STATE_VERSION 2
/* Of parts that were added and not saved. */
#define NEWS_MAX ((size_t)1 << 20)
/* The file may grow by that, and by its own length, before it is replaced. */
#define GROWTH ((size_t)65536)

struct part {
	int64_t from, to;
};

/* The parts of one instrument and word: sorted, none touches another. */
struct parts {
	char *key; /* instrument, newline, word */
	size_t key_len, name_len;
	struct part *part;
	size_t n;
};

struct resume {
	const char *path, *whose;
	int lock_fd;
	int fd; /* to append to the file; -1: it is to be replaced */
	bool goes_on, whole; /* whole: news is not all that is new */
	struct buf news;
	size_t size, appended; /* of the file: as it was replaced, since then */
	struct parts **all;
	size_t n;
	struct table table;
	struct buf text;
};

/* ------------------------------------------------------------------ parts */

static size_t key_make(char *key, const char *instrument, const char *what)
{
	return (size_t)snprintf(key, 2 * WORD_MAX + 2, "%.*s\n%.*s", WORD_MAX,
	    instrument, WORD_MAX, what);
}

static struct parts *parts_find(
    const struct resume *r, const char *instrument, const char *what)
{
	char key[2 * WORD_MAX + 2];
	size_t len = key_make(key, instrument, what);

	return table_find(&r->table, key, len);
}

static int all_grow(struct resume *r)
{
	struct parts **grown;

	/* Grows at the powers of two. */
	if ((r->n & (r->n - 1)) != 0)
		return 0;
	grown = realloc(r->all, (r->n > 0 ? r->n * 2 : 1) * sizeof(*grown));
	if (grown == NULL)
		return -1;
	r->all = grown;
	return 0;
}

static struct parts *parts_get(
    struct resume *r, const char *instrument, const char *what)
{
	struct parts *p = parts_find(r, instrument, what);
	char key[2 * WORD_MAX + 2];

	if (p != NULL)
		return p;
	if (all_grow(r) == -1 || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->key_len = key_make(key, instrument, what);
	p->name_len = strcspn(key, "\n");
	p->key = strdup(key);
	if (p->key == NULL ||
	    table_add(&r->table, p->key, p->key_len, p) == -1) {
		free(p->key);
		free(p);
		return NULL;
	}
	r->all[r->n++] = p;
	return p;
}

/* The first part that ends at `at` or behind it. */
static size_t part_search(const struct parts *p, int64_t at)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->part[middle].to < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Those that it touches become one with it. */
static int part_add(struct parts *p, int64_t from, int64_t to)
{
	size_t i = part_search(p, from), behind = i;
	struct part *grown;

	while (behind < p->n && p->part[behind].from <= to) {
		if (p->part[behind].from < from)
			from = p->part[behind].from;
		if (p->part[behind].to > to)
			to = p->part[behind].to;
		behind++;
	}
	if (behind == i) {
		grown = realloc(p->part, (p->n + 1) * sizeof(*grown));
		if (grown == NULL)
			return -1;
		p->part = grown;
		memmove(&p->part[i + 1], &p->part[i],
		    (p->n - i) * sizeof(*p->part));
		p->n++;
	} else {
		memmove(&p->part[i + 1], &p->part[behind],
		    (p->n - behind) * sizeof(*p->part));
		p->n -= behind - i - 1;
	}
	p->part[i] = (struct part){from, to};
	return 0;
}

int resume_lacks(const struct resume *r, const char *instrument,
    const char *what, int64_t from, int64_t to, int64_t *begin, int64_t *end)
{
	const struct parts *p = parts_find(r, instrument, what);
	size_t i = p != NULL ? part_search(p, from) : 0;

	for (; p != NULL && i < p->n && p->part[i].from <= from; i++)
		if (p->part[i].to > from)
			from = p->part[i].to;
	if (from >= to)
		return 0;
	*begin = from;
	*end = p != NULL && i < p->n && p->part[i].from < to ? p->part[i].from
	                                                     : to;
	return 1;
}

static int part_text(struct buf *b, const char *name, size_t name_len,
    const char *what, const struct part *part)
{
	return buf_addf(b,
	    "{\"instrument_name\":\"%.*s\",\"what\":\"%.*s\","
	    "\"from\":%" PRId64 ",\"to\":%" PRId64 "}\n",
	    (int)name_len, name, WORD_MAX, what, part->from, part->to);
}

static int part_take(struct resume *r, const char *instrument, const char *what,
    int64_t from, int64_t to, struct fault *fault)
{
	struct parts *p = parts_get(r, instrument, what);

	if (p == NULL || part_add(p, from, to) == -1)
		return fault_errno(fault, EX_OSERR, "no memory");
	return 0;
}

int resume_add(struct resume *r, const char *instrument, const char *what,
    int64_t from, int64_t to, struct fault *fault)
{
	struct part part = {from, to};

	if (from >= to)
		return 0;
	if (part_take(r, instrument, what, from, to, fault) == -1)
		return -1;
	if (r->path != NULL &&
	    part_text(&r->news, instrument, strnlen(instrument, WORD_MAX), what,
		&part) == -1)
		r->whole = true;
	return 0;
}

int resume_each(const struct resume *r, const char *what,
    int (*each)(void *arg, const char *instrument, int64_t from, int64_t to),
    void *arg)
{
	char name[WORD_MAX + 1];

	for (size_t i = 0; i < r->n; i++) {
		const struct parts *p = r->all[i];

		if (strcmp(p->key + p->name_len + 1, what) != 0)
			continue;
		memcpy(name, p->key, p->name_len);
		name[p->name_len] = '\0';
		for (size_t k = 0; k < p->n; k++)
			if (each(arg, name, p->part[k].from, p->part[k].to) ==
			    -1)
				return -1;
	}
	return 0;
}

bool resume_goes_on(const struct resume *r)
{
	return r->goes_on;
}

/* ---------------------------------------------------------------- reading */

static int no_state(const struct resume *r, struct fault *fault)
{
	return fault_set(fault, EX_CONFIG,
	    "%s is no state of %s; name another file, or remove it to begin "
	    "anew",
	    r->path, r->whose);
}

struct line {
	char name[WORD_MAX + 1], what[WORD_MAX + 1];
	int64_t from, to;
	unsigned seen;
};

static int word_take(const struct json_value *v, char *out)
{
	struct json_span s;

	if (v->type != JSON_STRING)
		return -1;
	s = json_inside(v->text);
	if (s.len == 0 || s.len > WORD_MAX || memchr(s.p, '\\', s.len) != NULL)
		return -1;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return 0;
}

static int number_take(const struct json_value *v, int64_t *out)
{
	return v->type == JSON_NUMBER &&
	               num_int64(v->text.p, v->text.len, out) == NUM_OK
	           ? 0
	           : -1;
}

static int part_member(
    struct line *l, struct json_span key, const struct json_value *v)
{
	if (json_span_is(key, "instrument_name")) {
		l->seen |= 1;
		return word_take(v, l->name);
	}
	if (json_span_is(key, "what")) {
		l->seen |= 2;
		return word_take(v, l->what);
	}
	if (json_span_is(key, "from")) {
		l->seen |= 4;
		return number_take(v, &l->from);
	}
	if (json_span_is(key, "to")) {
		l->seen |= 8;
		return number_take(v, &l->to);
	}
	return -1;
}

static int part_read(
    struct resume *r, struct json_span text, struct fault *fault)
{
	struct line l = {.seen = 0};
	struct json_span key;
	struct json_value v;
	struct json j;
	int n;

	json_init(&j, text.p, text.len);
	if (json_object_begin(&j) == -1)
		return no_state(r, fault);
	while ((n = json_object_next(&j, &key)) == 1)
		if (json_value(&j, &v) == -1 || part_member(&l, key, &v) == -1)
			return no_state(r, fault);
	if (n == -1 || json_end(&j) == -1 || l.seen != 15 || l.from >= l.to)
		return no_state(r, fault);
	return part_take(r, l.name, l.what, l.from, l.to, fault);
}

static int head_read(
    struct resume *r, struct json_span text, struct fault *fault)
{
	bool ours = false, version = false;
	struct json_span key;
	struct json_value v;
	int64_t number;
	struct json j;
	int n = -1;

	json_init(&j, text.p, text.len);
	if (json_object_begin(&j) == -1)
		return no_state(r, fault);
	while ((n = json_object_next(&j, &key)) == 1) {
		if (json_value(&j, &v) == -1)
			break;
		if (json_span_is(key, "state") && v.type == JSON_STRING)
			ours = json_span_is(json_inside(v.text), r->whose);
		else if (json_span_is(key, "version"))
			version = number_take(&v, &number) == 0 &&
			          number == STATE_VERSION;
	}
	if (n != 0 || json_end(&j) == -1 || !ours || !version)
		return no_state(r, fault);
	return 0;
}

/* A last line without its end was being written when the machine stopped. */
static int text_read(struct resume *r, struct fault *fault)
{
	const char *p = buf_used(&r->text) > 0 ? buf_head(&r->text) : "";
	const char *behind = p + buf_used(&r->text), *end;
	int (*line_read)(
	    struct resume *, struct json_span, struct fault *) = head_read;

	while ((end = memchr(p, '\n', (size_t)(behind - p))) != NULL) {
		if (line_read(r, (struct json_span){p, (size_t)(end - p)},
			fault) == -1)
			return -1;
		line_read = part_read;
		p = end + 1;
	}
	if (line_read == head_read)
		return no_state(r, fault);
	r->goes_on = true;
	return 0;
}

static int bytes_read(struct resume *r, int fd, struct fault *fault)
{
	struct buf *b = &r->text;
	ssize_t n = 1;

	while (n > 0) {
		if (buf_reserve(b, 65536) == -1)
			return no_state(r, fault);
		do
			n = read(fd, b->data + b->len, b->size - b->len);
		while (n == -1 && errno == EINTR);
		if (n > 0)
			b->len += (size_t)n;
	}
	return n == -1 ? fault_errno(fault, EX_IOERR, "%s", r->path) : 0;
}

static int file_read(struct resume *r, struct fault *fault)
{
	/* A pipe without a writer must not make us wait. */
	int fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int result;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		return fault_errno(fault, EX_NOINPUT, "%s", r->path);
	if (!S_ISREG(st.st_mode))
		result = fault_set(
		    fault, EX_CONFIG, "%s is not a regular file", r->path);
	else
		result = bytes_read(r, fd, fault);
	close(fd);
	if (result == 0)
		result = text_read(r, fault);
	return result;
}

/* The file itself changes whenever it is written: the lock is beside it. */
static int lock_take(struct resume *r, struct fault *fault)
{
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s.lock", r->path) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return fault_errno(fault, EX_CANTCREAT, "%s", r->path);
	}
	r->lock_fd = open(path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, FILE_MODE);
	if (r->lock_fd == -1)
		return fault_errno(fault, EX_CANTCREAT, "%s", path);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return fault_set(fault, EX_TEMPFAIL,
		    "%s: another process is at work with this state", r->path);
	return fault_errno(fault, EX_IOERR, "%s", path);
}

struct resume *resume_open(
    const char *path, const char *whose, struct fault *fault)
{
	struct resume *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	r->path = path;
	r->whose = whose;
	r->lock_fd = r->fd = -1;
	buf_init(&r->text, STATE_MAX);
	buf_init(&r->news, NEWS_MAX);
	if (path != NULL &&
	    (lock_take(r, fault) == -1 || file_read(r, fault) == -1)) {
		resume_close(r);
		return NULL;
	}
	return r;
}

void resume_close(struct resume *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->all[i]->key);
		free(r->all[i]->part);
		free(r->all[i]);
	}
	free(r->all);
	table_free(&r->table);
	buf_free(&r->text);
	buf_free(&r->news);
	if (r->fd != -1)
		close(r->fd);
	if (r->lock_fd != -1)
		close(r->lock_fd);
	free(r);
}

/* ----------------------------------------------------------------- saving */

static int state_text(struct resume *r)
{
	struct buf *b = &r->text;

	buf_clear(b);
	if (buf_addf(b, "{\"state\":\"%s\",\"version\":%d}\n", r->whose,
		STATE_VERSION) == -1)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		const struct parts *p = r->all[i];

		for (size_t k = 0; k < p->n; k++)
			if (part_text(b, p->key, p->name_len,
				p->key + p->name_len + 1, &p->part[k]) == -1)
				return -1;
	}
	return 0;
}

static void file_close(struct resume *r)
{
	if (r->fd != -1)
		close(r->fd);
	r->fd = -1;
}

static int whole_save(struct resume *r, struct fault *fault)
{
	file_close(r);
	if (state_text(r) == -1)
		return fault_errno(fault, EX_OSERR, "%s: the state", r->path);
	if (replace_file(r->path, buf_head(&r->text), buf_used(&r->text),
		FILE_MODE, fault) == -1)
		return -1;
	r->size = buf_used(&r->text);
	r->appended = 0;
	buf_clear(&r->text);
	/* Without it, the file is replaced each time. */
	r->fd = open(
	    r->path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	return 0;
}

static int news_write(struct resume *r)
{
	size_t at = 0, len = buf_used(&r->news);
	ssize_t n;

	while (at < len) {
		n = write(r->fd, buf_head(&r->news) + at, len - at);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			at += (size_t)n;
	}
	r->appended += len;
	/* EINVAL: a file system that knows no sync. */
	return fsync(r->fd) == -1 && errno != EINVAL ? -1 : 0;
}

/* Whether the file is ours still, and not much longer than it needs to be. */
static bool may_grow(const struct resume *r)
{
	struct stat st;

	return r->fd != -1 && !r->whole && r->appended < r->size + GROWTH &&
	       fstat(r->fd, &st) == 0 && st.st_nlink > 0;
}

int resume_save(struct resume *r, struct fault *fault)
{
	if (r->path == NULL || (buf_used(&r->news) == 0 && !r->whole))
		return 0;
	if (!may_grow(r)) {
		if (whole_save(r, fault) == -1)
			return -1;
	} else if (news_write(r) == -1) {
		fault_errno(fault, EX_IOERR, "%s", r->path);
		file_close(r);
		return -1;
	}
	buf_clear(&r->news);
	r->whole = false;
	return 0;
}

int resume_stopped(const char *path, struct fault *fault)
{
	return fault_set(fault, EX_TEMPFAIL, "stopped; %s",
	    path != NULL ? "the same command goes on where it ended"
			 : "with --state the next run would go on from here");
}
