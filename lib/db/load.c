#include "db/load.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/step.h"

#define LINE_MAX_BYTES ((size_t)1024 * 1024)
/* Text and rows of one batch; there are two. */
#define BATCH_BYTES ((size_t)12 * 1024 * 1024)
#define STOP_WAIT_MS 10000 /* well below systemd's patience, 90 s */
/* A Ctrl-C stops the writer of a pipe too, and it writes its last lines. */
#define DRAIN_MS 3000
#define BACKOFF_BASE_MS 100
#define BACKOFF_MAX_MS 10000

static void end(struct load *l)
{
	l->finished = true;
	loop_quit(l->loop);
}

void load_fail(struct load *l, int exit_code, const char *fmt, ...)
{
	va_list ap;

	if (l->finished)
		return;
	va_start(ap, fmt);
	l->fault.exit_code = exit_code;
	vsnprintf(l->fault.text, sizeof(l->fault.text), fmt, ap);
	va_end(ap);
	end(l);
}

static void retry_now(void *arg)
{
	struct load *l = arg;

	l->resume(l);
}

static size_t waiting(const struct load *l)
{
	return l->gather->count + (l->send != NULL ? l->send->count : 0);
}

void load_wait(struct load *l, const struct pg_error *error,
    void (*resume)(struct load *l))
{
	int64_t now = clock_mono_ms();
	int64_t wait;

	if (!l->started && now >= l->wait_until_ms) {
		load_fail(l, EX_UNAVAILABLE, "database: %s", error->text);
		return;
	}
	if (l->stop_by_ms != 0 && now >= l->stop_by_ms) {
		load_fail(l, EX_TEMPFAIL, "%zu rows are not committed: %s",
		    waiting(l), error->text);
		return;
	}
	wait = backoff_next(&l->backoff);
	if (l->stop_by_ms != 0 && now + wait > l->stop_by_ms)
		wait = l->stop_by_ms - now;
	if (!l->started && now + wait > l->wait_until_ms)
		wait = l->wait_until_ms - now;
	if (strncmp(l->said, error->text, sizeof(l->said) - 1) != 0) {
		snprintf(l->said, sizeof(l->said), "%s", error->text);
		log_warn("database: %s; trying again", error->text);
	}
	log_debug("retry in %" PRId64 " ms", wait);
	l->resume = resume;
	loop_timer_set(l->loop, &l->retry, now + wait);
}

static void connect_now(struct load *l)
{
	pg_connect(&l->pg);
}

static void connected(void *arg)
{
	struct load *l = arg;

	l->connection++;
	if (l->started)
		l->reconnects++;
	if (l->started)
		log_info("the database is back");
	if (!l->started || l->reloading) {
		setup_begin(l);
		return;
	}
	l->ready = true;
	if (l->send != NULL)
		send_range(l);
	else
		load_pump(l);
}

static void lost(void *arg, const struct pg_error *error)
{
	struct load *l = arg;

	l->ready = false;
	if (l->finished)
		return;
	/* All is committed; the ledger's row will be pruned. */
	if (l->input_done && l->send == NULL && l->gather->count == 0)
		end(l);
	else if (!l->started && pg_error_refused(error) != 0)
		load_fail(
		    l, pg_error_refused(error), "database: %s", error->text);
	else
		load_wait(l, error, connect_now);
}

static bool full(const struct load *l)
{
	return l->gather->count >= l->config.batch_rows ||
	       l->gather->bytes >= BATCH_BYTES;
}

static void flush_due(void *arg)
{
	struct load *l = arg;

	l->due = true;
	load_pump(l);
}

/* A fault of the input ends the program when what came before is committed. */
static void input_over(struct load *l)
{
	l->input_done = true;
	loop_watch_remove(l->loop, &l->input);
}

static void gather(struct load *l)
{
	struct ndjson_item item;
	size_t before = l->gather->count;

	while (!l->input_done && !full(l)) {
		if (ndjson_next(&l->lines, &item) == 0) {
			if (l->lines.eof)
				input_over(l);
			break;
		}
		if (intake_line(&l->intake, &item, l->gather, &l->fault) == -1)
			input_over(l);
	}
	if (before == 0 && l->gather->count > 0)
		loop_timer_set(l->loop, &l->flush,
		    clock_mono_ms() + l->config.flush_interval_ms);
}

static void start_batch(struct load *l)
{
	l->send = l->gather;
	l->gather = &l->batches[l->send == &l->batches[0]];
	l->ranges[0] = (struct load_range){0, l->send->count};
	l->range_count = 1;
	l->due = false;
	loop_timer_cancel(l->loop, &l->flush);
	send_range(l);
}

static void removed(void *arg, const struct pg_error *e, PGresult *result)
{
	(void)e;
	(void)result;
	end(arg);
}

static void wind_up(struct load *l)
{
	if (!l->ready || !l->ledger.known) {
		end(l);
		return;
	}
	buf_clear(&l->sql);
	ledger_remove_sql(&l->ledger, &l->sql);
	if (buf_str(&l->sql) == NULL)
		end(l);
	else
		pg_exec(&l->pg, buf_head(&l->sql), removed);
}

void load_pump(struct load *l)
{
	if (l->finished || !l->started)
		return;
	gather(l);
	if (l->send == NULL && l->ready && l->gather->count > 0 &&
	    (full(l) || l->due || l->input_done)) {
		start_batch(l);
		gather(l);
	}
	l->input.events = l->input_done || full(l) ? 0 : POLLIN;
	if (l->input_done && l->send == NULL && l->gather->count == 0 &&
	    (l->pg.state == PG_READY || !l->ready))
		wind_up(l);
}

static void readable(void *arg, short revents)
{
	struct load *l = arg;

	(void)revents;
	if (l->input_done || full(l))
		return;
	if (ndjson_read(&l->lines) == -1 && errno != EAGAIN && errno != EINTR) {
		fault_errno(&l->fault, EX_IOERR, "standard input");
		input_over(l);
	}
	load_pump(l);
}

static void stop_reading(struct load *l)
{
	struct ndjson_item item;

	/* Whole lines already read are rows already promised. */
	while (!l->input_done && l->gather->bytes < 2 * BATCH_BYTES &&
	       ndjson_next(&l->lines, &item) == 1)
		if (intake_line(&l->intake, &item, l->gather, &l->fault) == -1)
			break;
	if (!l->input_done)
		input_over(l);
	load_pump(l);
}

static void drained(void *arg)
{
	stop_reading(arg);
}

int load_init(struct load *l, struct loop *loop,
    const struct load_config *config, struct fault *fault)
{
	memset(l, 0, sizeof(*l));
	l->config = *config;
	l->loop = loop;
	l->pg = (struct pg){.loop = loop,
	    .conninfo = config->conninfo,
	    .application = "tsdb-load",
	    .connect_timeout_ms = config->connect_timeout_ms,
	    .ready = connected,
	    .lost = lost,
	    .arg = l};
	l->intake.route = config->route;
	l->intake.arg = config->arg;
	intake_init(&l->intake, config->reject_fd);
	ndjson_init(&l->lines, config->in_fd, LINE_MAX_BYTES);
	l->input = (struct loop_watch){
	    .fd = config->in_fd, .call = readable, .arg = l};
	l->flush = (struct loop_timer){.call = flush_due, .arg = l};
	l->retry = (struct loop_timer){.call = retry_now, .arg = l};
	l->drain = (struct loop_timer){.call = drained, .arg = l};
	l->backoff.base_ms = BACKOFF_BASE_MS;
	l->backoff.max_ms = BACKOFF_MAX_MS;
	ledger_init(&l->ledger);
	batch_init(&l->batches[0]);
	batch_init(&l->batches[1]);
	l->gather = &l->batches[0];
	buf_init(&l->sql, (size_t)4 * 1024 * 1024);
	return pg_conninfo_check(config->conninfo, fault);
}

void load_free(struct load *l)
{
	pg_close(&l->pg);
	loop_watch_remove(l->loop, &l->input);
	loop_timer_cancel(l->loop, &l->flush);
	loop_timer_cancel(l->loop, &l->retry);
	loop_timer_cancel(l->loop, &l->drain);
	intake_free(&l->intake);
	ndjson_free(&l->lines);
	batch_free(&l->batches[0]);
	batch_free(&l->batches[1]);
	buf_free(&l->sql);
	for (size_t i = 0; i < l->name_count; i++)
		free(l->names[i]);
	free(l->names);
}

int load_run(struct load *l, struct fault *fault)
{
	l->wait_until_ms = clock_mono_ms() + l->config.wait_ms;
	loop_watch_add(l->loop, &l->input);
	pg_connect(&l->pg);
	if (!l->finished && loop_run(l->loop, fault) == -1)
		return -1;
	if (l->fault.exit_code != 0) {
		*fault = l->fault;
		return -1;
	}
	return 0;
}

static bool is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

void load_stop(struct load *l)
{
	if (!l->started) {
		end(l);
		return;
	}
	l->stop_by_ms = clock_mono_ms() + STOP_WAIT_MS;
	if (l->retry.armed && l->retry.at_ms > l->stop_by_ms)
		loop_timer_set(l->loop, &l->retry, l->stop_by_ms);
	if (l->retry.armed)
		log_warn("%zu rows wait for the database; a second signal "
			 "drops them",
		    waiting(l));
	if (l->input_done || !is_pipe(l->config.in_fd)) {
		stop_reading(l);
		return;
	}
	log_debug("stopping: the pipe is read until its writer ends");
	loop_timer_set(l->loop, &l->drain, clock_mono_ms() + DRAIN_MS);
}

void load_report(const struct load *l)
{
	const struct copy_sinks *sinks = &l->intake.sinks;

	for (unsigned i = 0; i < sinks->count; i++)
		log_info("%s: %" PRIu64 " rows (%d columns)",
		    sinks->sink[i]->table->name, sinks->sink[i]->accepted,
		    sinks->sink[i]->count);
	log_info("lines read %" PRIu64 ", rows committed %" PRIu64
		 ", rejected %" PRIu64 ", passed by %" PRIu64
		 ", batches %" PRIu64 ", reconnections %" PRIu64,
	    l->lines.line, l->rows, l->intake.reject.count, l->intake.passed,
	    l->commits, l->reconnects);
}
