#include "db/shape.h"

#include <stdlib.h>
#include <string.h>

#define NODES_MAX 8192
#define BYTES_MAX ((size_t)1024 * 1024)
#define NAME_MAX_BYTES 63 /* NAMEDATALEN - 1 */

void shapes_init(struct shapes *s, void (*use_free)(void *use))
{
	memset(s, 0, sizeof(*s));
	s->use_free = use_free;
}

static void node_free(struct shapes *s, struct shape *n)
{
	if (n->use != NULL)
		s->use_free(n->use);
	free(n->key);
	free(n->name);
	free(n);
}

/* Without recursion: a shape may be thousands of members deep. */
void shapes_clear(struct shapes *s)
{
	struct shape *n = s->root.child;
	struct shape *up;

	while (n != NULL) {
		if (n->child != NULL) {
			n = n->child;
			continue;
		}
		up = n->parent;
		up->child = n->sibling;
		node_free(s, n);
		n = up->child != NULL ? up->child : up == &s->root ? NULL : up;
	}
	if (s->root.use != NULL)
		s->use_free(s->root.use);
	memset(&s->root, 0, sizeof(s->root));
	s->nodes = s->bytes = 0;
}

void shapes_free(struct shapes *s)
{
	shapes_clear(s);
	free(s->values);
	s->values = NULL;
	s->value_size = 0;
}

static char *decoded(struct json_span key)
{
	struct buf b;

	buf_init(&b, NAME_MAX_BYTES + 8);
	if (json_decode(key, &b) == -1 || buf_used(&b) > NAME_MAX_BYTES ||
	    buf_str(&b) == NULL || strlen(buf_head(&b)) != buf_used(&b)) {
		buf_free(&b);
		return NULL;
	}
	return b.data;
}

static struct shape *node_new(
    struct shapes *s, struct shape *parent, struct json_span key)
{
	struct shape *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->key = malloc(key.len + 1);
	if (n->key == NULL) {
		free(n);
		return NULL;
	}
	memcpy(n->key, key.p, key.len);
	n->key[key.len] = '\0';
	n->key_len = key.len;
	n->plain = memchr(key.p, '\\', key.len) == NULL;
	n->name = decoded(key);
	n->depth = parent->depth + 1;
	n->parent = parent;
	n->sibling = parent->child;
	parent->child = n;
	s->nodes++;
	s->bytes += key.len + sizeof(*n);
	return n;
}

static struct shape *node_find(
    struct shapes *s, struct shape *parent, struct json_span key)
{
	for (struct shape *n = parent->child; n != NULL; n = n->sibling)
		if (n->key_len == key.len &&
		    memcmp(n->key, key.p, key.len) == 0)
			return n;
	return node_new(s, parent, key);
}

static int values_grow(struct shapes *s, struct fault *fault)
{
	size_t size = s->value_size == 0 ? 64 : 2 * s->value_size;
	struct json_value *p;

	if (size > SHAPE_MEMBERS_MAX)
		return fault_set(fault, EX_DATAERR, "more than %d members",
		    SHAPE_MEMBERS_MAX);
	p = realloc(s->values, size * sizeof(*p));
	if (p == NULL)
		return fault_set(fault, EX_DATAERR, "out of memory");
	s->values = p;
	s->value_size = size;
	return 0;
}

static int not_json(const struct json *j, struct fault *fault)
{
	const char *why;
	size_t at = 0;

	why = json_error(j, &at);
	return fault_set(fault, EX_DATAERR, "not JSON: %s at byte %zu",
	    why != NULL ? why : "malformed", at + 1);
}

/* 1: *n stands for the next member; 0: the object ended. */
static int next_member(struct shapes *s, struct json *j, struct shape **n)
{
	struct shape *likely = (*n)->likely;
	struct json_span key;
	struct shape *next;
	int r;

	if (likely != NULL && likely->plain &&
	    json_object_guess(j, likely->key, likely->key_len) == 1) {
		*n = likely;
		return 1;
	}
	r = json_object_next(j, &key);
	if (r != 1)
		return r;
	next = node_find(s, *n, key);
	if (next == NULL)
		return -1;
	(*n)->likely = next;
	*n = next;
	return 1;
}

struct shape *shapes_take(
    struct shapes *s, const char *text, size_t len, struct fault *fault)
{
	struct shape *n = &s->root;
	struct json j;
	size_t at = 0;
	int r;

	if (s->nodes > NODES_MAX || s->bytes > BYTES_MAX)
		shapes_clear(s);
	json_init(&j, text, len);
	r = json_peek(&j);
	if (r != -1 && r != JSON_OBJECT) {
		fault_set(fault, EX_DATAERR, "not a JSON object");
		return NULL;
	}
	if (r == -1 || json_object_begin(&j) == -1) {
		not_json(&j, fault);
		return NULL;
	}
	while ((r = next_member(s, &j, &n)) == 1) {
		if (at == s->value_size && values_grow(s, fault) == -1)
			return NULL;
		if (json_value(&j, &s->values[at++]) == -1)
			break;
	}
	if (r != 0 || json_end(&j) == -1) {
		not_json(&j, fault);
		return NULL;
	}
	return n;
}

int shape_member(const struct shape *leaf, const char *name)
{
	for (; leaf->parent != NULL; leaf = leaf->parent)
		if (leaf->name != NULL && strcmp(leaf->name, name) == 0)
			return (int)leaf->depth - 1;
	return -1;
}
