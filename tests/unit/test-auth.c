/* The login: signatures, where credentials come from, hostile results. */
#include "deribit/auth.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

#define ID "Ab12-cd_"
#define SECRET "tBpZ4vQx7L2mK9sR1wY5uD8cF3gH6jN0aE_-XoPq"
#define LONG50 "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
#define LONG250 LONG50 LONG50 LONG50 LONG50 LONG50
#define TOKEN "1582628593469.1MbQ-J_4.CBP"

static char dir[200], path[256];

/* RFC 4231, test cases 1, 2 and 6. */
static void test_hmac(void)
{
	char key[131], out[HMAC_HEX_SIZE];

	memset(key, 0x0b, 20);
	hmac_sha256_hex(key, 20, "Hi There", 8, out);
	is_str(out,
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	    "HMAC of RFC 4231, case 1");
	hmac_sha256_hex("Jefe", 4, "what do ya want for nothing?", 28, out);
	is_str(out,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	    "HMAC of RFC 4231, case 2");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256_hex(key, sizeof(key),
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
	is_str(out,
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	    "HMAC of RFC 4231, case 6");
}

static void test_random(void)
{
	char a[33], b[33], one[4] = "..!";

	ok(random_hex(a, 16) == 0 && random_hex(b, 16) == 0 &&
		strlen(a) == 32 && strspn(a, "0123456789abcdef") == 32 &&
		strcmp(a, b) != 0,
	    "random text differs");
	random_hex(one, 1);
	ok(strlen(one) == 2 && strspn(one, "0123456789abcdef") == 2,
	    "a single random byte");
	secret_wipe(a, sizeof(a));
	ok(a[0] == 0 && a[15] == 0 && a[31] == 0, "wiped");
}

/* The signature is what the shell says:
 * printf '1790133840888\nf00dcafe\n' | openssl dgst -sha256 -hmac SECRET */
static void test_signature(void)
{
	struct credentials c = {.id = ID, .secret = SECRET};
	char out[HMAC_HEX_SIZE], nonce[200];

	auth_signature(&c, 1790133840888, "f00dcafe", out);
	is_str(out,
	    "1db2f8dcce66efb430dee43cf20e5f45b7afe1bd1139b2df1158a6ec1b4b4929",
	    "the signature that openssl dgst makes");
	memset(nonce, 'n', sizeof(nonce) - 1);
	nonce[sizeof(nonce) - 1] = '\0';
	is_int(auth_signature(&c, 1, nonce, out), -1, "a nonce too long");
}

static void test_params(void)
{
	struct credentials c = {.id = ID "\"\n", .secret = SECRET};
	char nonce[33] = "", signature[65] = "", again[HMAC_HEX_SIZE];
	char want[600];
	const char *text;
	struct fault fault;
	struct buf b;

	buf_init(&b, 4096);
	buf_adds(&b, "x");
	is_int(auth_signature_params(&b, &c, 1790133840888, &fault), 0,
	    "the params of a signature");
	text = buf_str(&b);
	sscanf(strstr(text, "\"nonce\":\""), "\"nonce\":\"%32[^\"]", nonce);
	sscanf(strstr(text, "\"signature\":\""), "\"signature\":\"%64[^\"]",
	    signature);
	auth_signature(&c, 1790133840888, nonce, again);
	is_str(signature, again, "signed with the nonce that is sent");
	is_int((int64_t)strlen(nonce), 32, "a nonce of 16 bytes");
	snprintf(want, sizeof(want),
	    "x{\"grant_type\":\"client_signature\",\"client_id\":\"" ID
	    "\\\"\\n\",\"timestamp\":1790133840888,\"nonce\":\"%s\","
	    "\"data\":\"\",\"signature\":\"%s\"}",
	    nonce, signature);
	is_str(text, want, "what is sent");
	ok(strstr(text, SECRET) == NULL, "the secret is not");
	buf_free(&b);
	buf_init(&b, 100);
	buf_adds(&b, "x");
	ok(auth_signature_params(&b, &c, 1, &fault) == -1 &&
		strcmp(buf_str(&b), "x") == 0 &&
		strstr(fault.text, SECRET) == NULL,
	    "no room: nothing is appended");
	buf_free(&b);
}

static void test_refresh_params(void)
{
	static char large[sizeof(((struct auth_token *)NULL)->refresh) + 1];
	struct buf b;

	buf_init(&b, 4096);
	auth_refresh_params(&b, "a\"b.c");
	is_str(buf_str(&b),
	    "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"a\\\"b.c\"}",
	    "the params of a refresh");
	memset(large, 't', sizeof(large) - 1);
	ok(auth_refresh_params(&b, large) == -1, "a token too long");
	buf_free(&b);
	buf_init(&b, 20);
	ok(auth_refresh_params(&b, "abc") == -1 && buf_used(&b) == 0,
	    "no room for a refresh: nothing is appended");
	buf_free(&b);
}

struct file_case {
	const char *what;
	const char *text;
	const char *sentence; /* a part of it; NULL: accepted */
};

static const struct file_case files[] = {
    {"two lines", ID "\n" SECRET "\n", NULL},
    {"no newline at the end", ID "\n" SECRET, NULL},
    {"comments, blank lines, white space, CR",
	"# a key\r\n\r\n \t\n  " ID " \r\n#\n\t" SECRET "\t\r\n\n", NULL},
    {"names", "DERIBIT_CLIENT_ID=" ID "\nDERIBIT_CLIENT_SECRET=" SECRET "\n",
	NULL},
    {"names the other way round, and others",
	"DERIBIT_WS_URL=wss://x\nDERIBIT_CLIENT_SECRET=" SECRET
	"\nA=\nDERIBIT_CLIENT_ID=" ID,
	NULL},
    {"nothing", "", ": no client id in it"},
    {"comments alone", "#" ID "\n#" SECRET "\n", ": no client id in it"},
    {"an id alone", ID "\n", ": no client secret in it"},
    {"a secret alone", "DERIBIT_CLIENT_SECRET=" SECRET, ": no client id in"},
    {"a name that is a part of ours",
	"DERIBIT_CLIENT=" ID "\nDERIBIT_CLIENT_SECRET=" SECRET,
	": no client id in it"},
    {"three lines", ID "\n" SECRET "\n" SECRET "\n",
	"line 3: a second client secret"},
    {"an id twice",
	"DERIBIT_CLIENT_ID=" ID "\nDERIBIT_CLIENT_ID=" ID
	"\nDERIBIT_CLIENT_SECRET=" SECRET,
	"line 2: a second client id"},
    {"an empty secret", "\nDERIBIT_CLIENT_ID=" ID "\nDERIBIT_CLIENT_SECRET= \n",
	"line 3: the client secret is empty"},
    {"a quoted secret",
	"DERIBIT_CLIENT_ID=" ID "\nDERIBIT_CLIENT_SECRET=\"" SECRET "\"\n",
	"line 2: character 1 cannot be part of a client secret (no blanks, "
	"quotes or backslashes)"},
    {"both in a line", ID " " SECRET "\n",
	"line 1: character 9 cannot be part of a client id (no blanks, "
	"quotes or backslashes)"},
    {"bytes above ASCII", ID "\n" SECRET "\xc3\xa9\n",
	"line 2: character 41 cannot be part of a client secret (no blanks, "
	"quotes or backslashes)"},
    {"an id of 129 characters",
	LONG50 LONG50 "12345678901234567890123456789\n" SECRET "\n",
	"line 1: the client id is longer than 128 characters"},
    {"a secret of 257 characters", ID "\n" LONG250 "1234567\n",
	"line 2: the client secret is longer than 256 characters"},
};

static void write_file(const char *text, size_t len, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, text, len) != (ssize_t)len ||
	    fchmod(fd, mode) == -1 || close(fd) == -1) {
		printf("Bail out! %s cannot be written\n", path);
		exit(1);
	}
}

/* Every byte of them, so that no rest of a secret is left. */
static bool is_wiped(const struct credentials *c)
{
	static const struct credentials none;

	return memcmp(c, &none, sizeof(none)) == 0;
}

/* No piece of the secret stands in the sentence. */
static bool is_discreet(const struct fault *f)
{
	char piece[9] = "";

	for (size_t i = 0; i + 8 <= strlen(SECRET); i++) {
		memcpy(piece, SECRET + i, 8);
		if (strstr(f->text, piece) != NULL)
			return false;
	}
	return true;
}

static void refused(
    const char *file, int exit_code, const char *sentence, const char *what)
{
	struct credentials c;
	struct fault fault = {0};

	memset(&c, 'x', sizeof(c));
	if (!ok(credentials_read(file, &c, &fault) == -1 &&
		    fault.exit_code == exit_code &&
		    strstr(fault.text, sentence) != NULL &&
		    strstr(fault.text, ID) == NULL && is_discreet(&fault) &&
		    is_wiped(&c),
		"refused: %s", what))
		printf("#   exit %d: %s\n", fault.exit_code, fault.text);
}

static void test_file(const struct file_case *x)
{
	struct credentials c;
	struct fault fault = {0};

	write_file(x->text, strlen(x->text), 0600);
	if (x->sentence != NULL) {
		refused(path, EX_CONFIG, x->sentence, x->what);
		return;
	}
	memset(&c, 'x', sizeof(c));
	if (!ok(credentials_read(path, &c, &fault) == 0 &&
		    strcmp(c.id, ID) == 0 && strcmp(c.secret, SECRET) == 0,
		"read: %s", x->what))
		printf("#   %s\n", fault.text);
	credentials_wipe(&c);
	ok(is_wiped(&c), "wiped: %s", x->what);
}

static void test_sizes(void)
{
	static char text[20000];
	struct credentials c;

	memset(text, '#', sizeof(text));
	memcpy(text, ID "\n" SECRET "\n", sizeof(ID "\n" SECRET "\n") - 1);
	write_file(text, 16383, 0600);
	is_int(credentials_read(path, &c, NULL), 0, "a file below 16 KiB");
	write_file(text, 16384, 0600);
	refused(path, EX_CONFIG,
	    "a file of 16 KiB or more holds no credentials",
	    "a file of 16 KiB");
	write_file(ID "\n" SECRET "\0\n", sizeof(ID "\n" SECRET "\0"), 0600);
	refused(path, EX_CONFIG, "line 2: character 41", "a NUL byte");
}

static void test_permissions(void)
{
	static const mode_t bad[] = {
	    0644, 0640, 0604, 0620, 0602, 0610, 0601, 0444, 0666};
	static const char text[] = ID "\n" SECRET "\n";
	struct credentials c;
	char what[40];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(what, sizeof(what), "mode %04o", (unsigned)bad[i]);
		write_file(text, sizeof(text) - 1, bad[i]);
		refused(path, EX_NOPERM, what, what);
	}
	write_file(text, sizeof(text) - 1, 0400);
	is_int(credentials_read(path, &c, NULL), 0, "mode 0400");
	/* Only root can give a file away. */
	if (chown(path, 12345, (gid_t)-1) == 0)
		refused(path, EX_NOPERM, "another user (12345)",
		    "another user's file");
	unlink(path);
	refused(path, EX_NOINPUT, path, "no file");
	mkfifo(path, 0600);
	refused(path, EX_CONFIG, "not a regular file", "a pipe");
	refused(dir, EX_CONFIG, "not a regular file", "a directory");
	unlink(path);
}

static void test_environment(void)
{
	struct credentials c;

	unsetenv("DERIBIT_CLIENT_ID");
	unsetenv("DERIBIT_CLIENT_SECRET");
	refused(NULL, EX_CONFIG, "no client id: DERIBIT_CLIENT_ID is not set",
	    "an empty environment");
	setenv("DERIBIT_CLIENT_ID", ID, 1);
	setenv("DERIBIT_CLIENT_SECRET", "", 1);
	refused(NULL, EX_CONFIG, "DERIBIT_CLIENT_SECRET is not set",
	    "an id without a secret");
	setenv("DERIBIT_CLIENT_SECRET", SECRET "\n", 1);
	refused(NULL, EX_CONFIG, "DERIBIT_CLIENT_SECRET: character 41",
	    "a newline in the environment");
	setenv("DERIBIT_CLIENT_SECRET", SECRET, 1);
	ok(credentials_read(NULL, &c, NULL) == 0 && strcmp(c.id, ID) == 0 &&
		strcmp(c.secret, SECRET) == 0,
	    "read: the environment");
}

struct result_case {
	const char *what;
	const char *text;
	const char *sentence; /* a part of it; NULL: accepted */
};

#define EXPIRES "\"expires_in\":900"
#define REFRESH "\"refresh_token\":\"" TOKEN "\""

static const struct result_case results[] = {
    {"a whole one",
	"{\"access_token\":\"a.b\"," EXPIRES "," REFRESH
	",\"scope\":\"connection mainaccount\",\"token_type\":\"bearer\","
	"\"enabled_features\":[]}",
	NULL},
    {"escapes, white space, a number with an exponent",
	"{ \"refresh_tok\\u0065n\" : \"1582628593469.\\u0031MbQ-J_4.CBP\" ,\n"
	"\"expires_in\":9.0e2 }",
	NULL},
    {"no object", "[" EXPIRES "," REFRESH "]", "is no object"},
    {"null", "null", "is no object"},
    {"nothing", "", "is no object"},
    {"an empty object", "{}", "has no refresh_token"},
    {"no refresh_token", "{" EXPIRES "}", "has no refresh_token"},
    {"no expires_in", "{" REFRESH "}", "has no expires_in"},
    {"a refresh_token that is a number", "{" EXPIRES ",\"refresh_token\":1}",
	"a refresh_token that is none"},
    {"an empty refresh_token", "{" EXPIRES ",\"refresh_token\":\"\"}",
	"a refresh_token that is none"},
    {"a refresh_token with a newline",
	"{" EXPIRES ",\"refresh_token\":\"" TOKEN "\\n\"}",
	"a refresh_token that is none"},
    {"a refresh_token with a NUL",
	"{" EXPIRES ",\"refresh_token\":\"" TOKEN "\\u0000\"}",
	"a refresh_token that is none"},
    {"a refresh_token beyond ASCII",
	"{" EXPIRES ",\"refresh_token\":\"" TOKEN "\xc3\xa9\"}",
	"a refresh_token that is none"},
    {"a life of nothing", "{\"expires_in\":0," REFRESH "}",
	"no number of seconds"},
    {"a life before its birth", "{\"expires_in\":-1," REFRESH "}",
	"no number of seconds"},
    {"half a second", "{\"expires_in\":0.5," REFRESH "}",
	"no number of seconds"},
    {"a life as text", "{\"expires_in\":\"900\"," REFRESH "}",
	"no number of seconds"},
    {"a life beyond int64", "{\"expires_in\":1e30," REFRESH "}",
	"no number of seconds"},
    {"cut", "{" EXPIRES "," REFRESH, "is no JSON"},
    {"something behind it", "{" EXPIRES "," REFRESH "}]", "is no JSON"},
};

/* A copy of the exact size: for the sanitizer. */
static int read_result(
    const char *text, size_t len, struct auth_token *t, struct fault *fault)
{
	char *copy = malloc(len + 1);
	int r;

	memcpy(copy, text, len + 1);
	memset(t, 'x', sizeof(*t));
	r = auth_result((struct json_span){copy, len}, t, fault);
	free(copy);
	return r;
}

static void test_result(const struct result_case *x)
{
	static const struct auth_token none;
	struct auth_token t;
	struct fault fault = {0};
	int r = read_result(x->text, strlen(x->text), &t, &fault);

	if (x->sentence == NULL)
		ok(r == 0 && strcmp(t.refresh, TOKEN) == 0 &&
			t.expires_s == 900,
		    "result: %s", x->what);
	else if (!ok(r == -1 && strstr(fault.text, x->sentence) != NULL &&
			 fault.exit_code == EX_PROTOCOL &&
			 strstr(fault.text, "MbQ") == NULL &&
			 memcmp(&t, &none, sizeof(t)) == 0,
		     "refused: %s", x->what))
		printf("#   %d: %s\n", r, fault.text);
}

static void test_long_token(void)
{
	static char text[4096];
	struct auth_token t;
	struct fault fault;

	for (int n = 2048; n <= 2049; n++) {
		int len = snprintf(text, sizeof(text),
		    "{" EXPIRES ",\"refresh_token\":\"%0*d\"}", n, 7);

		is_int(read_result(text, (size_t)len, &t, &fault),
		    n == 2048 ? 0 : -1,
		    n == 2048 ? "a token of 2048 bytes" : "of 2049 bytes");
	}
}

static void test_refresh_after(void)
{
	static const struct {
		int64_t expires_s, after_ms;
	} lives[] = {{1, 1000}, {2, 1600}, {5, 4000}, {900, 720000},
	    {107999, 86399200}, {108000, 86400000}, {31536000, 86400000},
	    {INT64_MAX, 86400000}};

	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct auth_token t = {.expires_s = lives[i].expires_s};

		is_int(auth_refresh_after_ms(&t), lives[i].after_ms,
		    "when to ask for the next token");
	}
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%.150s/test-auth.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL) {
		printf("Bail out! no directory for files\n");
		return 1;
	}
	snprintf(path, sizeof(path), "%s/key", dir);
	test_hmac();
	test_random();
	test_signature();
	test_params();
	test_refresh_params();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		test_file(&files[i]);
	test_sizes();
	test_permissions();
	test_environment();
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		test_result(&results[i]);
	test_long_token();
	test_refresh_after();
	rmdir(dir);
	return done_testing();
}
