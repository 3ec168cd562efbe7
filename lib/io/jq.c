#include "io/jq.h"

#include <jq.h>
#include <jv.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "io/json.h"

/*
 * How a number keeps its text.  A jv is a small struct passed by value; of a
 * number's only the double is used, "size" is for arrays.  That member carries
 * the number's place, from 1, in a table of the texts that came in, and every
 * copy of the number takes it along; what jq computes is a new jv with size 0.
 * jv.h calls its members private, so nothing hangs on this alone: a tag counts
 * only if the text at its place has the very value that the number has, and
 * jq_map_new() refuses a libjq that loses tags.
 */

#define OUTPUT_MAX ((size_t)64 << 20)
#define OUTPUT_DEPTH_MAX 256

struct number {
	struct json_span text; /* in the input, or in struct jq_map's args */
	double value;
};

struct jq_map {
	jq_state *jq;
	struct number *number;
	size_t nnumber, number_size;
	size_t nkept; /* the first of them belong to the arguments */
	struct buf args;
	struct buf scratch;
	struct buf out;
	char message[512]; /* libjq's first words, "" without any */
};

/* A number beyond a double's range is as large as can be; its text stays. */
static double number_value(struct json_span text)
{
	double value;

	switch (num_double(text.p, text.len, &value)) {
	case NUM_OK: return value;
	case NUM_RANGE: return text.p[0] == '-' ? -INFINITY : INFINITY;
	default: return 0;
	}
}

static int number_build(struct jq_map *m, struct json_span text, jv *out)
{
	size_t size = m->number_size ? m->number_size * 2 : 64;
	struct number *grown;

	if (m->nnumber == m->number_size) {
		grown = size > INT_MAX
		            ? NULL
		            : realloc(m->number, size * sizeof(*grown));
		if (grown == NULL)
			return -1;
		m->number = grown;
		m->number_size = size;
	}
	m->number[m->nnumber].text = text;
	m->number[m->nnumber].value = number_value(text);
	*out = jv_number(m->number[m->nnumber].value);
	out->size = (int)++m->nnumber;
	return 0;
}

/* The text that this number came in with, or NULL if jq computed it. */
static const struct json_span *number_text(const struct jq_map *m, jv v)
{
	double value = jv_number_value(v);
	const struct number *n;

	if (v.size <= 0 || (size_t)v.size > m->nnumber)
		return NULL;
	n = &m->number[v.size - 1];
	/* Bits, not ==, for -0 and 0 are not the same text. */
	return memcmp(&n->value, &value, sizeof(value)) == 0 ? &n->text : NULL;
}

static int string_build(struct jq_map *m, struct json_span inside, jv *out)
{
	if (memchr(inside.p, '\\', inside.len) == NULL) {
		*out = jv_string_sized(inside.p, (int)inside.len);
		return 0;
	}
	buf_clear(&m->scratch);
	if (json_decode(inside, &m->scratch) == -1)
		return -1;
	*out = jv_string_sized(
	    buf_head(&m->scratch), (int)buf_used(&m->scratch));
	return 0;
}

static int value_build(struct jq_map *m, struct json *j, jv *out);

static int array_build(struct jq_map *m, struct json *j, jv *out)
{
	jv array = jv_array(), element;
	int r;

	if (json_array_begin(j) == 0) {
		while ((r = json_array_next(j)) == 1) {
			if (value_build(m, j, &element) == -1)
				break;
			array = jv_array_append(array, element);
		}
		if (r == 0) {
			*out = array;
			return 0;
		}
	}
	jv_free(array);
	return -1;
}

static int member_build(
    struct jq_map *m, struct json *j, struct json_span key, jv *object)
{
	jv name, value;

	if (string_build(m, key, &name) == -1)
		return -1;
	if (value_build(m, j, &value) == -1) {
		jv_free(name);
		return -1;
	}
	*object = jv_object_set(*object, name, value);
	return 0;
}

static int object_build(struct jq_map *m, struct json *j, jv *out)
{
	jv object = jv_object();
	struct json_span key;
	int r;

	if (json_object_begin(j) == 0) {
		while ((r = json_object_next(j, &key)) == 1)
			if (member_build(m, j, key, &object) == -1)
				break;
		if (r == 0) {
			*out = object;
			return 0;
		}
	}
	jv_free(object);
	return -1;
}

static int leaf_build(struct jq_map *m, struct json *j, jv *out)
{
	struct json_value v;

	if (json_value(j, &v) == -1)
		return -1;
	switch (v.type) {
	case JSON_NUMBER: return number_build(m, v.text, out);
	case JSON_STRING: return string_build(m, json_inside(v.text), out);
	case JSON_FALSE: *out = jv_false(); return 0;
	case JSON_TRUE: *out = jv_true(); return 0;
	default: *out = jv_null(); return 0;
	}
}

/* The scanner's own depth limit bounds the recursion. */
static int value_build(struct jq_map *m, struct json *j, jv *out)
{
	switch (json_peek(j)) {
	case JSON_ARRAY: return array_build(m, j, out);
	case JSON_OBJECT: return object_build(m, j, out);
	default: return leaf_build(m, j, out);
	}
}

static int text_build(struct jq_map *m, const char *text, size_t len, jv *out,
    struct fault *fault)
{
	struct json j;
	const char *error;
	size_t at;

	json_init(&j, text, len);
	if (value_build(m, &j, out) == 0) {
		if (json_end(&j) == 0)
			return 0;
		jv_free(*out);
	}
	error = json_error(&j, &at);
	if (error == NULL)
		return fault_set(fault, EX_OSERR, "no memory for the input");
	return fault_set(
	    fault, EX_DATAERR, "no JSON at byte %zu: %s", at, error);
}

static int value_print(struct jq_map *m, jv v, unsigned depth);

static int number_print(struct jq_map *m, jv v)
{
	const struct json_span *text = number_text(m, v);
	jv own;
	int r;

	if (text != NULL)
		return buf_add(&m->out, text->p, text->len);
	own = jv_dump_string(jv_number(jv_number_value(v)), 0);
	r = buf_adds(&m->out, jv_string_value(own));
	jv_free(own);
	return r;
}

static int string_print(struct jq_map *m, jv v)
{
	size_t len = (size_t)jv_string_length_bytes(jv_copy(v));

	return json_encode(&m->out, jv_string_value(v), len);
}

static int array_print(struct jq_map *m, jv v, unsigned depth)
{
	int n = jv_array_length(jv_copy(v)), i, r;
	jv element;

	if (buf_addc(&m->out, '[') == -1)
		return -1;
	for (i = 0; i < n; i++) {
		if (i > 0 && buf_addc(&m->out, ',') == -1)
			return -1;
		element = jv_array_get(jv_copy(v), i);
		r = value_print(m, element, depth);
		jv_free(element);
		if (r == -1)
			return -1;
	}
	return buf_addc(&m->out, ']');
}

static int member_print(struct jq_map *m, jv object, int iter, unsigned depth)
{
	jv key = jv_object_iter_key(object, iter);
	jv value = jv_object_iter_value(object, iter);
	int r = string_print(m, key);

	if (r == 0)
		r = buf_addc(&m->out, ':');
	if (r == 0)
		r = value_print(m, value, depth);
	jv_free(key);
	jv_free(value);
	return r;
}

static int object_print(struct jq_map *m, jv v, unsigned depth)
{
	int iter, first = 1;

	if (buf_addc(&m->out, '{') == -1)
		return -1;
	for (iter = jv_object_iter(v); jv_object_iter_valid(v, iter);
	     iter = jv_object_iter_next(v, iter)) {
		if (!first && buf_addc(&m->out, ',') == -1)
			return -1;
		first = 0;
		if (member_print(m, v, iter, depth) == -1)
			return -1;
	}
	return buf_addc(&m->out, '}');
}

/* v is *borrowed*. */
static int value_print(struct jq_map *m, jv v, unsigned depth)
{
	if (depth++ > OUTPUT_DEPTH_MAX)
		return -1;
	switch (jv_get_kind(v)) {
	case JV_KIND_FALSE: return buf_adds(&m->out, "false");
	case JV_KIND_TRUE: return buf_adds(&m->out, "true");
	case JV_KIND_NUMBER: return number_print(m, v);
	case JV_KIND_STRING: return string_print(m, v);
	case JV_KIND_ARRAY: return array_print(m, v, depth);
	case JV_KIND_OBJECT: return object_print(m, v, depth);
	default: return buf_adds(&m->out, "null");
	}
}

/* Keeps the first words of libjq's chatter instead of printing them. */
static void message_take(void *arg, jv msg)
{
	struct jq_map *m = arg;
	jv text = jq_format_error(msg);
	size_t len;

	if (jv_get_kind(text) == JV_KIND_STRING && m->message[0] == '\0') {
		strncpy(
		    m->message, jv_string_value(text), sizeof(m->message) - 1);
		len = strcspn(m->message, "\n");
		m->message[len] = '\0';
	}
	jv_free(text);
}

static int args_build(struct jq_map *m, const char *const *args, size_t nargs,
    jv *out, struct fault *fault)
{
	jv object = jv_object(), value;
	size_t i;

	for (i = 0; i < nargs; i++) {
		if (text_build(m, args[2 * i + 1], strlen(args[2 * i + 1]),
			&value, fault) == -1) {
			fault_prefix(fault, "$%s", args[2 * i]);
			jv_free(object);
			return -1;
		}
		object = jv_object_set(object, jv_string(args[2 * i]), value);
	}
	m->nkept = m->nnumber;
	*out = object;
	return 0;
}

/* The arguments' number texts are needed as long as the program is. */
static int args_keep(struct jq_map *m, struct fault *fault)
{
	struct json_span *text;
	size_t i, at = 0;

	for (i = 0; i < m->nkept; i++)
		if (buf_add(&m->args, m->number[i].text.p,
			m->number[i].text.len) == -1)
			return fault_set(fault, EX_OSERR, "no memory");
	for (i = 0; i < m->nkept; i++) {
		text = &m->number[i].text;
		text->p = buf_head(&m->args) + at;
		at += text->len;
	}
	return 0;
}

/* libjq reads ~/.jq before any program and has no switch for that.  What a user
 * defines there ("def select(f): ...") would change what our maps say, so HOME
 * points where no such file can be, as long as it compiles.  The variable is
 * there already: only its value's place in the environment changes. */
static int compile_apart(jq_state *jq, const char *program, jv args)
{
	const char *home = getenv("HOME");
	char *kept = home != NULL ? strdup(home) : NULL;
	int compiled;

	if (kept != NULL)
		setenv("HOME", "/dev/null", 1);
	compiled = jq_compile_args(jq, program, args);
	if (kept != NULL)
		setenv("HOME", kept, 1);
	free(kept);
	return compiled;
}

static int program_compile(struct jq_map *m, const char *program,
    const char *const *args, size_t nargs, struct fault *fault)
{
	jv values;

	if (args_build(m, args, nargs, &values, fault) == -1 ||
	    args_keep(m, fault) == -1)
		return -1;
	jq_set_error_cb(m->jq, message_take, m);
	/* Without these libjq looks for modules around the working directory.
	 */
	jq_set_attr(m->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	if (!compile_apart(m->jq, program, values))
		return fault_set(fault, EX_SOFTWARE, "jq program: %s",
		    m->message[0] ? m->message : "does not compile");
	return 0;
}

static int tag_survives(struct jq_map *m)
{
	const struct json_span *got;
	struct json_span text = {"1.0", 3};
	jv number, array;

	if (number_build(m, text, &number) == -1)
		return 0;
	array = jv_array_append(jv_array(), jv_copy(number));
	number = jv_array_get(array, 0);
	got = number_text(m, number);
	m->nnumber--;
	return got != NULL && got->len == 3;
}

struct jq_map *jq_map_new(const char *program, const char *const *args,
    size_t nargs, struct fault *fault)
{
	struct jq_map *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		fault_errno(fault, EX_OSERR, "no memory");
		return NULL;
	}
	buf_init(&m->args, OUTPUT_MAX);
	buf_init(&m->scratch, OUTPUT_MAX);
	buf_init(&m->out, OUTPUT_MAX);
	m->jq = jq_init();
	if (m->jq == NULL) {
		fault_set(fault, EX_OSERR, "no memory for libjq");
	} else if (!tag_survives(m)) {
		fault_set(fault, EX_SOFTWARE,
		    "this libjq does not keep a number's tag");
	} else if (program_compile(m, program, args, nargs, fault) == 0) {
		return m;
	}
	jq_map_free(m);
	return NULL;
}

void jq_map_free(struct jq_map *m)
{
	if (m == NULL)
		return;
	if (m->jq != NULL)
		jq_teardown(&m->jq);
	buf_free(&m->args);
	buf_free(&m->scratch);
	buf_free(&m->out);
	free(m->number);
	free(m);
}

/* The end of the outputs, or an error that nobody caught. *Takes* end. */
static int run_end(struct jq_map *m, jv end, struct fault *fault)
{
	jv msg;
	int r = 0;

	if (jq_halted(m->jq)) {
		jv_free(end);
		return fault_set(fault, EX_DATAERR, "the jq program halted");
	}
	if (!jv_invalid_has_msg(jv_copy(end))) {
		jv_free(end);
		return 0;
	}
	msg = jv_invalid_get_msg(end);
	if (jv_get_kind(msg) != JV_KIND_STRING)
		msg = jv_dump_string(msg, 0);
	r = fault_set(
	    fault, EX_DATAERR, "jq program: %.500s", jv_string_value(msg));
	jv_free(msg);
	return r;
}

static int result_hand(struct jq_map *m, jv result,
    int (*each)(void *arg, const char *json, size_t len), void *arg,
    struct fault *fault)
{
	int r;

	buf_clear(&m->out);
	r = value_print(m, result, 0);
	jv_free(result);
	if (r == -1)
		return fault_set(fault, EX_DATAERR,
		    "an output of the jq program is too large or too deep");
	return each(arg, buf_head(&m->out), buf_used(&m->out));
}

int jq_map_text(struct jq_map *m, const char *text, size_t len,
    int (*each)(void *arg, const char *json, size_t len), void *arg,
    struct fault *fault)
{
	jv value;

	m->nnumber = m->nkept;
	if (text_build(m, text, len, &value, fault) == -1)
		return -1;
	jq_start(m->jq, value, 0);
	for (;;) {
		value = jq_next(m->jq);
		if (!jv_is_valid(value))
			return run_end(m, value, fault);
		if (result_hand(m, value, each, arg, fault) == -1)
			return -1;
	}
}
