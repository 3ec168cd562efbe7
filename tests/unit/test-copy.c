/* Shapes, plans, rows, batches: from a line to COPY BINARY. */
#include <stdlib.h>

#include "db/copy.h"
#include "tap.h"

static int uses_freed;

static void use_free(void *use)
{
	free(use);
	uses_freed++;
}

static struct shape *take(struct shapes *s, const char *line)
{
	struct fault fault;

	return shapes_take(s, line, strlen(line), &fault);
}

static const char *refused(struct shapes *s, const char *line, size_t len)
{
	static struct fault fault;

	return shapes_take(s, line, len, &fault) == NULL ? fault.text
	                                                 : "(taken)";
}

static void shapes(void)
{
	struct shapes s;
	struct shape *a, *b;
	char line[64];

	shapes_init(&s, use_free);
	a = take(&s, "{\"a\":1,\"b\":2}");
	b = take(&s, " { \"a\" : [3] , \"b\" : {} } ");
	ok(a != NULL && a == b, "the same members are the same shape");
	is_int(s.values[0].type, JSON_ARRAY, "with this line's values");
	ok(take(&s, "{\"b\":2,\"a\":1}") != a, "another order is another one");
	ok(take(&s, "{\"a\":1}") == a->parent, "a prefix is its parent");
	ok(take(&s, "{}") == &s.root, "no member is the root");
	b = take(&s, "{\"a\":1,\"\\u0062\":2}");
	ok(b != a && shape_member(b, "b") == 1,
	    "an escaped name is understood");
	b = take(&s, "{\"a\":1,\"a\":2}");
	is_int(shape_member(b, "a"), 1, "of two the last counts");
	is_int(shape_member(b, "c"), -1, "no such member");
	is_str(refused(&s, "[1]", 3), "not a JSON object", "an array");
	ok(strstr(refused(&s, "{\"a\":1", 6), "not JSON") != NULL, "half one");
	ok(strstr(refused(&s, "{\"a\":1}x", 8), "not JSON") != NULL,
	    "and more behind it");
	ok(strstr(refused(&s, "{\"a\":\"\0\"}", 9), "not JSON") != NULL,
	    "a NUL byte");
	ok(strstr(refused(&s, "", 0), "not JSON") != NULL, "an empty line");

	a = take(&s, "{\"a\":1}");
	a->use = malloc(1);
	for (int i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "{\"random%d\":1}", i);
		take(&s, line);
	}
	ok(s.nodes < 9000, "random names do not fill the memory");
	is_int(uses_freed, 1, "what hung on a leaf went with it");
	shapes_free(&s);
}

static void many_members(void)
{
	struct shapes s;
	struct buf b;

	shapes_init(&s, use_free);
	buf_init(&b, 1 << 20);
	buf_addc(&b, '{');
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "%s\"%d\":0", i > 0 ? "," : "", i);
	buf_addc(&b, '}');
	is_str(refused(&s, buf_head(&b), buf_used(&b)),
	    "more than 4096 members", "too many members");
	buf_free(&b);
	shapes_free(&s);
}

static struct catalog_column column(
    const char *name, enum value_type type, bool not_null, bool has_default)
{
	struct catalog_column c = {.name = (char *)(uintptr_t)name,
	    .type_name = (char *)(uintptr_t) "some type",
	    .not_null = not_null,
	    .has_default = has_default};

	c.form.type = type;
	c.form.name = c.type_name;
	return c;
}

static int add(struct batch *b, struct copy_sinks *sinks, struct shapes *s,
    const struct catalog_table *t, const char *line, struct fault *fault)
{
	struct batch_row row = {.line = b->count + 1, .text_len = strlen(line)};
	struct shape *leaf = shapes_take(s, line, strlen(line), fault);
	struct copy_plan *plan;
	int r;

	if (leaf == NULL)
		return -1;
	plan = copy_plan_new(sinks, t, leaf, fault);
	if (plan == NULL)
		return -1;
	r = batch_add(b, plan, s->values, &row, line, fault);
	copy_plan_free(plan);
	return r;
}

static void rows(void)
{
	struct catalog_column columns[] = {column("n", VALUE_INT2, true, false),
	    column("d", VALUE_INT2, true, true),
	    column("p", VALUE_UNSUPPORTED, false, false)};
	struct catalog_key key = {.count = 1, .columns = {1}};
	struct catalog_table t = {.name = (char *)(uintptr_t) "t",
	    .columns = columns,
	    .column_count = 3,
	    .keys = &key,
	    .key_count = 1};
	struct copy_sinks sinks = {0};
	struct fault fault = {0};
	struct shapes s;
	struct batch b;
	const char *p;
	size_t len;

	shapes_init(&s, use_free);
	batch_init(&b);
	is_int(add(&b, &sinks, &s, &t, "{\"n\":1}", &fault), 0, "a row");
	is_int(add(&b, &sinks, &s, &t, "{\"d\":3,\"n\":2}", &fault), 0,
	    "a row with the column that has a default");
	is_int(add(&b, &sinks, &s, &t, "{\"n\":4}", &fault), 0, "one more");
	is_int(sinks.count, 2, "two sets of columns");
	ok(sinks.sink[0]->key == NULL && sinks.sink[1]->key == &key,
	    "the key counts where it is carried");
	is_int((int64_t)batch_span(&b, 0, 0, 3, &p, &len), 2,
	    "rows of the first set");
	ok(len == 16 && memcmp(p, "\0\1\0\0\0\2\0\1\0\1\0\0\0\2\0\4", 16) == 0,
	    "in COPY BINARY");
	is_int((int64_t)batch_span(&b, 1, 1, 2, &p, &len), 1,
	    "rows of the second");
	ok(len == 14 && memcmp(p, "\0\2\0\0\0\2\0\2\0\0\0\2\0\3", 14) == 0,
	    "in the table's order");
	is_int((int64_t)batch_span(&b, 1, 2, 3, &p, &len), 0, "none there");

	is_int(add(&b, &sinks, &s, &t, "{\"n\":null}", &fault), -1, "null");
	is_str(fault.text, "n: null, and the column is NOT NULL", "said so");
	is_int(add(&b, &sinks, &s, &t, "{\"d\":1}", &fault), -1, "missing");
	is_str(fault.text, "n: missing, and the column is NOT NULL", "said so");
	is_int(add(&b, &sinks, &s, &t, "{\"n\":1,\"d\":\"x\"}", &fault), -1,
	    "the second column wrong");
	is_int((int64_t)batch_span(&b, 1, 0, b.count, &p, &len), 1,
	    "leaves no half row");
	is_int((int64_t)len, 14, "nor bytes of it");
	is_int(add(&b, &sinks, &s, &t, "{\"n\":1,\"p\":1}", &fault), -1,
	    "a type that is not supported");
	is_int(fault.exit_code, EX_CONFIG, "is a matter of configuration");
	copy_sinks_free(&sinks);
	batch_free(&b);
	shapes_free(&s);
}

int main(void)
{
	shapes();
	many_members();
	rows();
	return done_testing();
}
