/*
 * The scanner against libjq, which shares nothing with it: the same values,
 * and what the scanner accepts libjq accepts.  Where they differ, RFC 8259 is
 * right; enum lax lists every way in which libjq 1.6 takes more, each with a
 * text of its own in test_exceptions(), and strict_surrogate() the one in which
 * it takes less.
 */
#include <dirent.h>
#include <errno.h>
#include <jv.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/num.h"
#include "gen-json.h"
#include "io/json.h"
#include "tap.h"

#define GENERATED 40000
#define MUTATIONS 60000
#define TEXT_MAX 65536

enum lax {
	LAX_NONE,
	LAX_NUMBER, /* 01, 1., .5, +1 */
	LAX_WORD,   /* nan, inf, Infinity, in any case, with a sign */
	LAX_NUL,    /* U+0000 raw in a string, in or for a number */
	LAX_US,     /* U+001F raw in a string: an off-by-one of theirs */
	LAX_RS,     /* U+001E behind a value: RFC 7464's separator */
	LAX_SPACE,  /* vertical tab or form feed before a number */
	LAX_UTF8,   /* invalid UTF-8 in a string, replaced by U+FFFD */
	LAX_BOM,    /* a byte order mark in front */
	LAX_DEPTH,  /* 129 to 256 levels: our cap, not the grammar's */
	LAX_KINDS
};

/* libjq 1.6 leaks what it had of an object when it refuses the text; ours to
 * hear of are the leaks of other allocations. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libjq.so\n";
}

static unsigned seen[LAX_KINDS], seen_strict, seen_valid, seen_invalid;

static jv build(struct json *j);

static jv build_number(struct json_span s)
{
	double d = 0;

	if (num_double(s.p, s.len, &d) == NUM_RANGE)
		d = s.p[0] == '-' ? -INFINITY : INFINITY;
	return jv_number(d);
}

static jv build_string(struct json_span inside)
{
	struct buf out;
	jv v;

	buf_init(&out, 4 * inside.len + 16);
	v = json_decode(inside, &out) == 0 && buf_str(&out) != NULL
	        ? jv_string_sized(buf_head(&out), (int)buf_used(&out))
	        : jv_invalid();
	buf_free(&out);
	return v;
}

static jv build_object(struct json *j)
{
	struct json_span key;
	jv v = jv_object();
	int more = json_object_begin(j);

	while (more != -1 && (more = json_object_next(j, &key)) == 1)
		v = jv_object_set(v, build_string(key), build(j));
	return v;
}

static jv build_array(struct json *j)
{
	jv v = jv_array();
	int more = json_array_begin(j);

	while (more != -1 && (more = json_array_next(j)) == 1)
		v = jv_array_append(v, build(j));
	return v;
}

/* What the scanner hands out, as libjq's value; the text is valid. */
static jv build(struct json *j)
{
	struct json_value value;
	int type = json_peek(j);

	if (type == JSON_OBJECT)
		return build_object(j);
	if (type == JSON_ARRAY)
		return build_array(j);
	if (json_value(j, &value) == -1)
		return jv_invalid();
	switch (value.type) {
	case JSON_NULL: return jv_null();
	case JSON_TRUE: return jv_true();
	case JSON_FALSE: return jv_false();
	case JSON_NUMBER: return build_number(value.text);
	default: return build_string(json_inside(value.text));
	}
}

static enum lax lax_value(const char *text, size_t len, size_t at)
{
	char c = at < len ? text[at] : ' ';

	if (at == 0 && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return LAX_BOM;
	if (at < len && c == '\0')
		return LAX_NUL;
	if (c == '.' || c == '+')
		return LAX_NUMBER;
	if (strchr("nNiI", c) != NULL)
		return LAX_WORD;
	return c == '\v' || c == '\f' ? LAX_SPACE : LAX_NONE;
}

/* Why libjq may take what the scanner refused at that byte. */
static enum lax lax_why(
    const char *text, size_t len, const char *error, size_t at)
{
	if (strcmp(error, "value expected") == 0)
		return lax_value(text, len, at);
	if (strcmp(error, "digit expected") == 0)
		return at < len && strchr("nNiI", text[at]) != NULL &&
		               text[at] != '\0'
		           ? LAX_WORD
		           : LAX_NUMBER;
	if (strcmp(error, "number with a leading zero") == 0)
		return LAX_NUMBER;
	if (strcmp(error, "invalid UTF-8") == 0)
		return LAX_UTF8;
	if (strcmp(error, "nested too deep") == 0)
		return LAX_DEPTH;
	if (at < len && text[at] == '\x1f')
		return LAX_US;
	if (at < len && text[at] == '\x1e')
		return LAX_RS;
	return at < len && text[at] == '\0' ? LAX_NUL : LAX_NONE;
}

static long hex_at(const char *p, const char *end)
{
	char digits[5] = "";

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	memcpy(digits, p + 2, 4);
	return strtol(digits, NULL, 16);
}

/* RFC 8259 section 7 lets \ud800 stand alone; libjq refuses it. */
static bool strict_surrogate(const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	for (; p < end; p++) {
		long high = hex_at(p, end),
		     low = hex_at(p + 6 < end ? p + 6 : end, end);

		if (high >= 0xd800 && high <= 0xdbff) {
			if (low < 0xdc00 || low > 0xdfff)
				return true;
			p += 11;
		} else if (*p == '\\') {
			p++;
		}
	}
	return false;
}

/* Whether both agree on the text, or disagree in a listed way. */
static bool agree(const char *text, size_t len)
{
	jv theirs = jv_parse_sized(text, (int)len), ours;
	bool they = jv_is_valid(theirs), good;
	struct json_value value;
	const char *error;
	enum lax lax;
	struct json j;
	size_t at = 0;

	json_init(&j, text, len);
	if (json_value(&j, &value) == 0 && json_end(&j) == 0) {
		seen_valid++;
		json_init(&j, text, len);
		ours = build(&j);
		good = jv_is_valid(ours) && json_end(&j) == 0;
		if (they)
			return jv_equal(ours, theirs) && good;
		seen_strict++;
		jv_free(ours);
		jv_free(theirs);
		return good && strict_surrogate(text, len);
	}
	seen_invalid++;
	jv_free(theirs);
	if (!they)
		return true;
	error = json_error(&j, &at);
	lax = lax_why(text, len, error, at);
	seen[lax]++;
	return lax != LAX_NONE;
}

/* A text that they disagree on, for a person. */
static void show(const char *text, size_t len)
{
	printf("# disagreement: ");
	for (size_t i = 0; i < len && i < 400; i++)
		if (text[i] >= ' ' && text[i] < 0x7f)
			putchar(text[i]);
		else
			printf("<%02X>", (unsigned char)text[i]);
	putchar('\n');
}

static bool agree_shown(const char *text, size_t len)
{
	bool good = agree(text, len);

	if (!good)
		show(text, len);
	return good;
}

static void test_exceptions(void)
{
	static const struct {
		const char *text;
		size_t len;
		enum lax lax;
	} cases[] = {{"01", 2, LAX_NUMBER}, {"-01", 3, LAX_NUMBER},
	    {"1.", 2, LAX_NUMBER}, {"[1.]", 4, LAX_NUMBER},
	    {"1.e5", 4, LAX_NUMBER}, {".5", 2, LAX_NUMBER},
	    {"-.5", 3, LAX_NUMBER}, {"+1", 2, LAX_NUMBER}, {"nan", 3, LAX_WORD},
	    {"NaN", 3, LAX_WORD}, {"-nan", 4, LAX_WORD}, {"inf", 3, LAX_WORD},
	    {"-Infinity", 9, LAX_WORD}, {"\"a\0b\"", 5, LAX_NUL},
	    {"1\0x", 3, LAX_NUL}, {"[1\0]", 4, LAX_NUL}, {"[\0]", 3, LAX_NUL},
	    {"\"\x1f\"", 3, LAX_US}, {"1\x1e", 2, LAX_RS},
	    {"\v1", 2, LAX_SPACE}, {"[\f1]", 4, LAX_SPACE},
	    {"\"\xff\"", 3, LAX_UTF8}, {"\"\xc3\"", 3, LAX_UTF8},
	    {"\"\xed\xa0\x80\"", 5, LAX_UTF8}, {"\"\xc0\xaf\"", 4, LAX_UTF8},
	    {"\xef\xbb\xbf"
	     "1",
		4, LAX_BOM}};
	char deep[600];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned before = seen[cases[i].lax];

		ok(agree_shown(cases[i].text, cases[i].len) &&
			seen[cases[i].lax] == before + 1,
		    "exception %zu: libjq takes it, RFC 8259 does not", i);
	}
	memset(deep, '[', 200);
	memset(deep + 200, ']', 200);
	ok(agree(deep, 400) && seen[LAX_DEPTH] == 1,
	    "exception: libjq takes 200 levels");
	memset(deep, '[', 300);
	memset(deep + 300, ']', 300);
	ok(agree(deep, 600) && seen[LAX_DEPTH] == 1, "neither takes 300");
	ok(agree("\"\\ud800\"", 8) && agree("\"\\ud83d\\u0041\"", 14) &&
		agree("\"\\ud83d\\ud83d\\ude00\"", 20) && seen_strict == 3,
	    "exception: libjq refuses a high surrogate alone");
	ok(agree("\"\\udc00\"", 8) && seen_strict == 3,
	    "a low one is U+FFFD to both");
}

/* Libjq 1.6 takes none of these; nor do we. */
static void test_refused(void)
{
	static const char *const texts[] = {"", " ", "[1,]", "{\"a\":1,}",
	    "[,1]", "[1 2]", "[]]", "1 2", "1,2", "{}{}", "'a'", "\"\\x\"",
	    "\"\\u12\"", "-", "1e", "1e+", ".", "{\"a\"}", "{\"a\":}", "{1:2}",
	    "[1:2]", "{\"a\":1:2}", "\"a\nb\"", "\"\x1e\"", "truefalse", "nul",
	    "1_0", "0x10", "[1", "{\"a\":1", "\"a", "{\"a\":1\"b\":2}", "1\f"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		jv v = jv_parse_sized(texts[i], (int)strlen(texts[i]));
		bool refused = !jv_is_valid(v);
		unsigned before = seen_invalid;

		jv_free(v);
		ok(refused && agree_shown(texts[i], strlen(texts[i])) &&
			seen_invalid == before + 1,
		    "refused by both: text %zu", i);
	}
}

static void test_generated(void)
{
	struct gen g = {1};
	struct buf text, other;
	unsigned valid;
	int bad = 0;

	buf_init(&text, TEXT_MAX);
	buf_init(&other, TEXT_MAX);
	seen_valid = 0;
	for (int i = 0; i < GENERATED && bad < 10; i++) {
		buf_clear(&text);
		gen_value(&g, &text, 5);
		bad += !agree_shown(buf_head(&text), buf_used(&text));
	}
	valid = seen_valid;
	ok(bad == 0 && valid == GENERATED,
	    "%d generated texts: valid, the same values", GENERATED);
	for (int i = 0; i < MUTATIONS && bad < 10; i++) {
		buf_clear(&text);
		gen_value(&g, &text, 4);
		gen_damage(&g, &text, buf_head(&other), buf_used(&other));
		if (gen_below(&g, 3) == 0)
			gen_damage(&g, &text, NULL, 0);
		bad += !agree_shown(buf_head(&text), buf_used(&text));
		buf_clear(&other);
		buf_add(&other, buf_head(&text), buf_used(&text));
	}
	ok(bad == 0, "%d damaged ones: the same verdict", MUTATIONS);
	printf("# valid %u, invalid %u\n", seen_valid, seen_invalid);
	buf_free(&text);
	buf_free(&other);
}

/* The recorded messages, one text after the other. */
struct corpus {
	struct buf bytes;
	struct json_span span[4096]; /* p is NULL until all are read */
	size_t start[4096];
	size_t count;
};

static void corpus_add(struct corpus *c, const char *p, size_t len)
{
	if (len == 0 || c->count == sizeof(c->span) / sizeof(c->span[0]))
		return;
	c->start[c->count] = buf_used(&c->bytes);
	if (buf_add(&c->bytes, p, len) == 0)
		c->span[c->count++].len = len;
}

/* A .json file is one text; of other files each line is, from its first
 * bracket on (recorders put times in front). */
static void corpus_read(struct corpus *c, const char *path)
{
	const char *dot = strrchr(path, '.');
	FILE *f = fopen(path, "r");
	char *line = NULL, *p;
	size_t size = 0;
	ssize_t n;

	if (f == NULL)
		return;
	n = getdelim(&line, &size,
	    dot != NULL && strcmp(dot, ".json") == 0 ? '\0' : '\n', f);
	while (n > 0) {
		p = memchr(line, '{', (size_t)n);
		if (p != NULL)
			corpus_add(c, p, (size_t)(line + n - p));
		n = getdelim(&line, &size, '\n', f);
	}
	free(line);
	fclose(f);
}

static void corpus_walk(struct corpus *c, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	char sub[4096];

	while (d != NULL && (e = readdir(d)) != NULL) {
		const char *dot = strrchr(e->d_name, '.');

		if (e->d_name[0] == '.' ||
		    strcmp(e->d_name, "README.md") == 0 ||
		    (dot != NULL && strcmp(dot, ".gz") == 0))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		if (stat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			corpus_walk(c, sub);
		else
			corpus_read(c, sub);
	}
	if (d != NULL)
		closedir(d);
}

static void check_corpus(struct corpus *c)
{
	struct gen g = {2};
	struct buf text;
	int bad = 0;

	for (size_t i = 0; i < c->count; i++)
		c->span[i].p = buf_head(&c->bytes) + c->start[i];
	seen_valid = seen_invalid = 0;
	for (size_t i = 0; i < c->count; i++)
		bad += !agree_shown(c->span[i].p, c->span[i].len);
	ok(bad == 0 && seen_valid > 0, "%zu recorded texts, %u of them valid",
	    c->count, seen_valid);
	buf_init(&text, 2 * TEXT_MAX);
	for (int i = 0; i < MUTATIONS && bad < 10; i++) {
		struct json_span s = c->span[gen_below(&g, (unsigned)c->count)];
		struct json_span o = c->span[gen_below(&g, (unsigned)c->count)];

		buf_clear(&text);
		buf_add(&text, s.p, s.len);
		gen_damage(&g, &text, o.p, o.len);
		if (gen_below(&g, 3) == 0)
			gen_damage(&g, &text, NULL, 0);
		bad += !agree_shown(buf_head(&text), buf_used(&text));
	}
	ok(bad == 0, "%d damaged recorded texts: the same verdict", MUTATIONS);
	buf_free(&text);
}

static void test_recorded(void)
{
	static struct corpus c;
	const char *where = getenv("RECORDED"), *src = getenv("srcdir");
	char fallback[4096];

	if (where == NULL || *where == '\0') {
		snprintf(fallback, sizeof(fallback), "%s/../shared/recorded",
		    src != NULL ? src : ".");
		where = fallback;
	}
	buf_init(&c.bytes, 64 << 20);
	corpus_walk(&c, where);
	if (c.count > 0) {
		check_corpus(&c);
	} else {
		ok(true, "recorded texts # SKIP none in RECORDED");
		ok(true, "damaged recorded texts # SKIP none in RECORDED");
	}
	buf_free(&c.bytes);
}

int main(void)
{
	test_exceptions();
	test_refused();
	test_generated();
	test_recorded();
	for (int i = LAX_NUMBER; i < LAX_KINDS; i++)
		printf("# lax kind %d: %u\n", i, seen[i]);
	printf("# strict: %u\n", seen_strict);
	return done_testing();
}
