#include "io/json.h"

#include "base/swar.h"
#include "base/utf8.h"

static int fail(struct json *j, const char *at, const char *what)
{
	if (j->error == NULL) {
		j->error = what;
		j->p = at;
	}
	return -1;
}

/* Exchanges and our own tools send no white space: one comparison passes. */
static inline const char *skip_space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ' &&
	       (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

/* Behind the escape at p (a backslash), or NULL with the error set. */
static const char *scan_escape(struct json *j, const char *p)
{
	if (j->end - p >= 2) {
		switch (p[1]) {
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't': return p + 2;
		case 'u':
			if (j->end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) &&
			    is_hex(p[4]) && is_hex(p[5]))
				return p + 6;
		}
	}
	fail(j, p, "invalid escape in a string");
	return NULL;
}

/* The closing quote of the string whose content begins at p, or NULL. */
static const char *scan_string(struct json *j, const char *p)
{
	const char *end = j->end;

	for (;;) {
		size_t n;

		while (end - p >= 8) {
			uint64_t stop = swar_not_plain(swar_load(p));

			if (stop != 0) {
				p += swar_first(stop);
				break;
			}
			p += 8;
		}
		if (p == end) {
			fail(j, p, "string without an end");
			return NULL;
		}
		if (*p == '"')
			return p;
		if (*p == '\\') {
			p = scan_escape(j, p);
			if (p == NULL)
				return NULL;
			continue;
		}
		if ((unsigned char)*p < ' ') {
			fail(j, p, "control character in a string");
			return NULL;
		}
		n = utf8_char(p, (size_t)(end - p));
		if (n == 0) {
			fail(j, p, "invalid UTF-8");
			return NULL;
		}
		p += n;
	}
}

static inline const char *scan_digits(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t stop = swar_not_digit(swar_load(p));

		if (stop != 0)
			return p + swar_first(stop);
		p += 8;
	}
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* RFC 8259 section 6. */
static int scan_number(struct json *j, const char *p)
{
	const char *end = j->end, *first;

	if (*p == '-')
		p++;
	first = p;
	p = scan_digits(p, end);
	if (p == first)
		return fail(j, p, "digit expected");
	if (*first == '0' && p - first > 1)
		return fail(j, first, "number with a leading zero");
	if (p < end && *p == '.') {
		first = ++p;
		p = scan_digits(p, end);
		if (p == first)
			return fail(j, p, "digit expected");
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		first = p;
		p = scan_digits(p, end);
		if (p == first)
			return fail(j, p, "digit expected");
	}
	j->p = p;
	return 0;
}

static int scan_literal(struct json *j, const char *word, size_t len)
{
	if ((size_t)(j->end - j->p) < len || memcmp(j->p, word, len) != 0)
		return fail(j, j->p, "value expected");
	j->p += len;
	return 0;
}

static inline int type_of(const char *p, const char *end)
{
	if (p == end)
		return -1;
	switch (*p) {
	case '"': return JSON_STRING;
	case '{': return JSON_OBJECT;
	case '[': return JSON_ARRAY;
	case 'n': return JSON_NULL;
	case 't': return JSON_TRUE;
	case 'f': return JSON_FALSE;
	case '-': return JSON_NUMBER;
	default: return *p >= '0' && *p <= '9' ? JSON_NUMBER : -1;
	}
}

/* The cursor is at the first byte of a value: behind it if it is a scalar,
 * inside it if it is a container. */
static inline int enter(struct json *j, int type)
{
	const char *p;

	if (j->depth == 0) {
		if (!j->fresh)
			return fail(j, j->p, "more than one value");
		j->fresh = false;
	}
	switch (type) {
	case JSON_NUMBER: return scan_number(j, j->p);
	case JSON_STRING:
		p = scan_string(j, j->p + 1);
		if (p == NULL)
			return -1;
		j->p = p + 1;
		return 0;
	case JSON_NULL: return scan_literal(j, "null", 4);
	case JSON_TRUE: return scan_literal(j, "true", 4);
	case JSON_FALSE: return scan_literal(j, "false", 5);
	case JSON_ARRAY:
	case JSON_OBJECT:
		if (j->depth == JSON_DEPTH_MAX)
			return fail(j, j->p, "nested too deep");
		j->is_object[++j->depth] = type == JSON_OBJECT;
		j->fresh = true;
		j->p++;
		return 0;
	default: return fail(j, j->p, "value expected");
	}
}

static int begin(struct json *j, int type, const char *otherwise)
{
	if (j->error != NULL)
		return -1;
	if (json_peek(j) != type)
		return fail(j, j->p, otherwise);
	return enter(j, type);
}

/* Before the next member or element: 1; behind the container's end: 0. */
static inline int next(struct json *j, char closing)
{
	const char *p = skip_space(j->p, j->end);

	if (p < j->end && *p == closing) {
		j->p = p + 1;
		j->depth--;
		j->fresh = false;
		return 0;
	}
	if (!j->fresh) {
		if (p == j->end || *p != ',')
			return fail(j, p, "comma or end expected");
		p++;
	}
	j->fresh = false;
	j->p = p;
	return 1;
}

void json_init(struct json *j, const char *text, size_t len)
{
	j->p = j->begin = text;
	/* An empty text may have no address to add to. */
	j->end = len > 0 ? text + len : text;
	j->error = NULL;
	j->depth = 0;
	j->fresh = true; /* at depth 0: no value taken yet */
	j->is_object[0] = false;
}

int json_peek(struct json *j)
{
	if (j->error != NULL)
		return -1;
	j->p = skip_space(j->p, j->end);
	return type_of(j->p, j->end);
}

/* Everything that the container at the cursor holds; no recursion. */
static int take_container(struct json *j, int type)
{
	unsigned outside = j->depth;
	struct json_span key;
	int more = enter(j, type);

	while (more != -1 && j->depth > outside) {
		more = j->is_object[j->depth] ? json_object_next(j, &key)
		                              : json_array_next(j);
		if (more == 1)
			more = enter(j, json_peek(j));
	}
	return more == -1 ? -1 : 0;
}

int json_value(struct json *j, struct json_value *value)
{
	const char *first;
	int type = json_peek(j);

	if (j->error != NULL)
		return -1;
	first = j->p;
	if ((type >= JSON_ARRAY ? take_container(j, type) : enter(j, type)) ==
	    -1)
		return -1;
	value->text.p = first;
	value->text.len = (size_t)(j->p - first);
	value->type = (enum json_type)type;
	return 0;
}

int json_object_begin(struct json *j)
{
	return begin(j, JSON_OBJECT, "object expected");
}

int json_object_next(struct json *j, struct json_span *key)
{
	const char *p, *quote;
	int more;

	if (j->error != NULL)
		return -1;
	if (!j->is_object[j->depth])
		return fail(j, j->p, "not in an object");
	more = next(j, '}');
	if (more != 1)
		return more;
	p = skip_space(j->p, j->end);
	if (p == j->end || *p != '"')
		return fail(j, p, "member name expected");
	quote = scan_string(j, p + 1);
	if (quote == NULL)
		return -1;
	key->p = p + 1;
	key->len = (size_t)(quote - key->p);
	p = skip_space(quote + 1, j->end);
	if (p == j->end || *p != ':')
		return fail(j, p, "colon expected");
	j->p = p + 1;
	return 1;
}

int json_object_guess(struct json *j, const char *key, size_t len)
{
	const char *p = j->p;

	if (j->error != NULL || !j->is_object[j->depth] ||
	    (size_t)(j->end - p) < len + 4)
		return 0;
	if (!j->fresh && *p++ != ',')
		return 0;
	if (p[0] != '"' || p[len + 1] != '"' || p[len + 2] != ':' ||
	    memcmp(p + 1, key, len) != 0)
		return 0;
	j->p = p + len + 3;
	j->fresh = false;
	return 1;
}

int json_array_begin(struct json *j)
{
	return begin(j, JSON_ARRAY, "array expected");
}

int json_array_next(struct json *j)
{
	if (j->error != NULL)
		return -1;
	if (j->depth == 0 || j->is_object[j->depth])
		return fail(j, j->p, "not in an array");
	return next(j, ']');
}

int json_end(struct json *j)
{
	if (j->error != NULL)
		return -1;
	j->p = skip_space(j->p, j->end);
	if (j->depth > 0)
		return fail(j, j->p, "container without an end");
	if (j->fresh)
		return fail(j, j->p, "value expected");
	if (j->p != j->end)
		return fail(j, j->p, "something behind the value");
	return 0;
}

const char *json_error(const struct json *j, size_t *offset)
{
	if (j->error != NULL)
		*offset = (size_t)(j->p - j->begin);
	return j->error;
}
