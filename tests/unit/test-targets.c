/* What the arguments CURRENCY|INSTRUMENT... mean, as far as nobody need be
 * asked. */
#include "fetch/targets.h"

#include "base/log.h"
#include "tap.h"

struct word_case {
	const char *word, *kind;
	int want; /* of targets_check() */
};

static const struct word_case words[] = {
    {"BTC", NULL, 0},
    {"sol", "option", 0},
    {"BTC-PERPETUAL", NULL, 0},
    {"btc-perpetual", "perpetual", 0},
    {"XRP_USDC-25DEC26-1d325-C", "option", 0},
    {"BTC_USDC", NULL, 0},
    {"BTC_USDC", "spot", 0},
    {"BTC_USDC", "option", 0},
    {"1000PEPE_USDC-PERPETUAL", NULL, 0},
    {"", NULL, -1},
    {"-", NULL, -1},
    {"BTC-", NULL, -1},
    {"BTC PERPETUAL", NULL, -1},
    {"B\"TC", NULL, -1},
    {"BTC&x=1", NULL, -1},
    {"BTC-25DEC26-1000-C&x=1", NULL, -1},
    {"abcdefghijklmnopqrstu", NULL, -1},
    {"BTC", "bond", -1},
};

static void checks(void)
{
	char *none[] = {NULL};
	struct targets_query q = {0};
	struct fault fault = {0};
	size_t i;

	is_int(targets_check(&q, none, &fault), -1, "no word at all");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char word[100], *one[] = {word, NULL};

		snprintf(word, sizeof(word), "%s", words[i].word);
		q.kind = words[i].kind;
		memset(&fault, 0, sizeof(fault));
		ok(targets_check(&q, one, &fault) == words[i].want &&
			fault.exit_code == (words[i].want ? EX_USAGE : 0),
		    "'%s' of %s: %s", words[i].word,
		    words[i].kind ? words[i].kind : "all", fault.text);
	}
}

static void sole(void)
{
	char word[] = "btc-25dec26", *one[] = {word, NULL};
	struct targets_query q = {.kind = "perpetual", .sole = "funding"};
	struct fault fault = {0};

	is_int(targets_check(&q, one, &fault), -1, "a future for a perpetual");
	is_str(fault.text,
	    "BTC-25DEC26 is no perpetual: only these have funding",
	    "is refused");
	q.sole = NULL;
	is_int(targets_check(&q, one, &fault), 0, "where any will do: taken");
}

static void is_target(const struct target *t, const char *name,
    const char *kind, const char *currency)
{
	ok(strcmp(t->name, name) == 0 && strcmp(t->kind, kind) == 0 &&
		strcmp(t->currency, currency) == 0 && t->record == NULL,
	    "%s is a %s of %s", t->name, t->kind, t->currency);
}

static void by_name(void)
{
	char word[][40] = {"BTC-PERPETUAL", "sol_usdc-perpetual", "BTC_USDC",
	    "xrp_usdc-3dec20-1D325-c", "BTC-PERPETUAL"};
	char *names[] = {word[0], word[1], word[2], word[3], word[4], NULL};
	struct targets_query q = {0};
	struct rest_options o;
	struct targets t;
	struct fault fault = {0};
	struct rest *rest;

	rest_options_init(&o, NULL);
	o.url = "http://127.0.0.1:1/api/v2";
	o.retry = 0;
	rest = rest_new(&o, &fault);
	is_int(targets_find(rest, &q, names, &t, &fault), 0,
	    "instruments by name: nobody is asked");
	is_int((int64_t)t.n, 4, "each once");
	is_target(&t.target[0], "BTC-PERPETUAL", "perpetual", "BTC");
	is_target(&t.target[1], "SOL_USDC-PERPETUAL", "perpetual", "SOL");
	is_target(&t.target[2], "BTC_USDC", "spot", "BTC");
	is_target(&t.target[3], "XRP_USDC-3DEC20-1d325-C", "option", "XRP");
	targets_free(&t);
	strcpy(word[0], "BTC");
	q.no_cache = true;
	is_int(targets_find(rest, &q, names, &t, &fault), -1,
	    "a currency: the exchange must be asked");
	is_int(fault.exit_code, EX_UNAVAILABLE, "which is away");
	is_int((int64_t)t.n, 0, "and nothing is left");
	rest_free(rest);
}

static void taken_apart(void)
{
	struct targets_query q = {0};
	struct targets_word w;
	struct fault fault = {0};

	ok(targets_word(&q, "btc-perpetual", &w, &fault) == 0 &&
		w.is_instrument && strcmp(w.name, "BTC-PERPETUAL") == 0,
	    "an instrument, as the exchange writes it");
	ok(targets_word(&q, "sol", &w, &fault) == 0 && !w.is_instrument &&
		strcmp(w.currency, "SOL") == 0 && w.settlement[0] == '\0',
	    "a currency");
	q.settlement = "usdc";
	ok(targets_word(&q, "btc", &w, &fault) == 0 &&
		strcmp(w.settlement, "USDC") == 0,
	    "and what it is settled in");
	q.settlement = NULL;
	q.kind = "option";
	ok(targets_word(&q, "BTC_USDC", &w, &fault) == 0 && !w.is_instrument &&
		strcmp(w.currency, "BTC") == 0 &&
		strcmp(w.settlement, "USDC") == 0,
	    "a market by its pair");
	ok(targets_word(&q, "x-y", &w, &fault) == -1 &&
		fault.exit_code == EX_USAGE,
	    "neither");
}

int main(void)
{
	log_open("test-targets");
	log_level_set(LOG_LEVEL_ERROR);
	checks();
	sole();
	by_name();
	taken_apart();
	return done_testing();
}
