/* tsdb-load: NDJSON on standard input to rows in PostgreSQL. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/load.h"
#include "io/cli.h"
#include "record/router.h"

struct options {
	const char *conninfo;
	const char *reject;
	int64_t batch_rows;
	int64_t flush_interval_ms;
	int64_t connect_timeout_ms;
	int64_t wait_ms;
};

struct program {
	struct load load;
	struct router router;
	size_t named;
};

static int take_dbname(void *config, const char *value, struct fault *fault)
{
	((struct options *)config)->conninfo = value;
	if (pg_conninfo_check(value, fault) == -1)
		return -1;
	if (pg_conninfo_secret(value))
		return fault_set(fault, EX_USAGE,
		    "--dbname holds a password, which others on this machine "
		    "could read: put it into DATABASE_URL, PGPASSWORD or "
		    "~/.pgpass");
	return 0;
}

static int take_reject(void *config, const char *value, struct fault *fault)
{
	(void)fault;
	((struct options *)config)->reject = value;
	return 0;
}

static int take_batch_rows(void *config, const char *value, struct fault *fault)
{
	return cli_integer("--batch-rows", value, 1, 1000000,
	    &((struct options *)config)->batch_rows, fault);
}

static int duration(const char *option, const char *value, int64_t unit_ms,
    int64_t *out, struct fault *fault)
{
	if (clock_duration(value, unit_ms, out, fault) == -1)
		return fault_prefix(fault, "%s", option);
	return 0;
}

static int take_flush(void *config, const char *value, struct fault *fault)
{
	return duration("--flush-interval", value, 1000,
	    &((struct options *)config)->flush_interval_ms, fault);
}

static int take_connect(void *config, const char *value, struct fault *fault)
{
	return duration("--connect-timeout", value, 1000,
	    &((struct options *)config)->connect_timeout_ms, fault);
}

static int take_wait(void *config, const char *value, struct fault *fault)
{
	return duration(
	    "--wait", value, 1000, &((struct options *)config)->wait_ms, fault);
}

static const struct cli_option option_table[] = {
    {'d', "dbname", "CONNINFO",
	"database: a name, key=value words or a postgresql:// URI\n"
	"(default: $DATABASE_URL, else libpq's environment)",
	take_dbname},
    {'r', "reject", "FILE",
	"append rejected lines to FILE (default: say them on stderr)",
	take_reject},
    {'n', "batch-rows", "N", "commit at the latest every N rows (50000)",
	take_batch_rows},
    {0, "flush-interval", "DURATION",
	"commit at the latest after DURATION (200ms)", take_flush},
    {0, "connect-timeout", "DURATION",
	"give up one attempt to connect after DURATION (10s)", take_connect},
    {0, "wait", "DURATION",
	"at the start, wait DURATION for a database that is away (30s);\n"
	"later it is waited for without end",
	take_wait},
    {0}};

static void versions(char *out, size_t size)
{
	int v = PQlibVersion();

	snprintf(out, size, "libpq %d.%d", v / 10000, v % 10000);
}

static const struct cli cli = {.tool = "tsdb-load",
    .purpose = "Loads NDJSON records from standard input into PostgreSQL.",
    .usage = "[OPTION...] [TABLE...]",
    .examples =
	"  deribit-ws-stream ETH | tsdb-load eth_option_quotes\n"
	"  deribit-ws-stream ETH BTC | tsdb-load\n"
	"  tsdb-load -d service=market --reject bad.ndjson my_table < rows\n",
    .options = option_table,
    .notes = "Without TABLE each record goes to the table meant for its type, "
	     "kind and currency.\nExit: 0, 64 usage, 65 lines were rejected, "
	     "69 no database, 77 login or permission,\n78 no such table.\n",
    .versions = versions};

static bool accepts(void *arg, const char *bare)
{
	struct route_use use;

	(void)arg;
	return route_of_table(bare, &use);
}

static int tables_known(void *arg, const struct catalog *c, struct fault *fault)
{
	struct program *p = arg;
	const char **names = calloc(c->count + 1, sizeof(*names));
	size_t named = p->named < c->count ? p->named : c->count;
	int r;

	if (names == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	for (size_t i = 0; i < c->count; i++)
		names[i] = c->tables[i].bare;
	router_free(&p->router);
	r = router_init(&p->router, names, c->count, named, fault);
	free(names);
	return r;
}

static enum intake_verdict route(void *arg, const struct intake_subject *s,
    size_t *table, struct fault *fault)
{
	struct program *p = arg;
	struct router_subject subject = {
	    s->type, s->kind, s->currency, s->channel};

	switch (router_decide(&p->router, &subject, table, fault)) {
	case ROUTER_TAKE: return INTAKE_TAKE;
	case ROUTER_PASS: return INTAKE_PASS;
	case ROUTER_REJECT: return INTAKE_REJECT;
	case ROUTER_STOP: break;
	}
	return INTAKE_STOP;
}

static void stop(void *arg, int sig)
{
	struct program *p = arg;

	(void)sig;
	load_stop(&p->load);
}

static void report(void *arg)
{
	struct program *p = arg;

	load_report(&p->load);
}

static int run(struct program *p, const struct options *o, int reject_fd,
    const char *const *tables, struct fault *fault)
{
	struct load_config config = {.conninfo = o->conninfo,
	    .tables = tables,
	    .table_count = p->named,
	    .also = "collection_gaps",
	    .in_fd = STDIN_FILENO,
	    .reject_fd = reject_fd,
	    .batch_rows = (size_t)o->batch_rows,
	    .flush_interval_ms = o->flush_interval_ms,
	    .connect_timeout_ms = o->connect_timeout_ms,
	    .wait_ms = o->wait_ms,
	    .accepts = accepts,
	    .tables_known = tables_known,
	    .route = route,
	    .arg = p};
	struct loop *loop = loop_new();
	int r;

	if (loop == NULL)
		return fault_set(fault, EX_OSERR, "out of memory");
	r = load_init(&p->load, loop, &config, fault);
	if (r == 0)
		r = loop_signals(loop, stop, report, p, fault);
	if (r == 0)
		r = load_run(&p->load, fault);
	if (isatty(STDERR_FILENO) || log_shows(LOG_LEVEL_DEBUG))
		load_report(&p->load);
	load_free(&p->load);
	router_free(&p->router);
	loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {.batch_rows = 50000,
	    .flush_interval_ms = 200,
	    .connect_timeout_ms = 10000,
	    .wait_ms = 30000};
	static struct program p;
	struct fault fault = {0};
	int reject_fd = -1;
	int first;

	log_open(cli.tool);
	first = cli_parse(&cli, argc, argv, &o, &fault);
	if (first == -1)
		return cli_fail(&fault);
	if (o.conninfo == NULL)
		o.conninfo = getenv("DATABASE_URL");
	if (o.conninfo != NULL && o.conninfo[0] == '\0')
		o.conninfo = NULL;
	if (o.reject != NULL) {
		reject_fd = open(
		    o.reject, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
		if (reject_fd == -1) {
			fault_errno(&fault, EX_CANTCREAT, "%s", o.reject);
			return cli_fail(&fault);
		}
	}
	p.named = (size_t)(argc - first);
	if (run(&p, &o, reject_fd, (const char *const *)argv + first, &fault) ==
	    -1)
		return cli_fail(&fault);
	if (p.load.intake.reject.count == 0)
		return EX_OK;
	if (o.reject != NULL)
		log_warn("%llu lines rejected: see %s",
		    (unsigned long long)p.load.intake.reject.count, o.reject);
	return EX_DATAERR;
}
