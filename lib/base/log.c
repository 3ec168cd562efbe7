#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_name = "deribit-tools";
static enum log_level log_shown = LOG_LEVEL_INFO;
static int log_journal;
static void (*log_before)(void *arg);
static void *log_before_arg;

void log_open(const char *tool)
{
	log_name = tool;
	log_journal = getenv("JOURNAL_STREAM") != NULL && !isatty(2);
}

void log_level_set(enum log_level level)
{
	log_shown = level;
}

void log_before_set(void (*before)(void *arg), void *arg)
{
	log_before = before;
	log_before_arg = arg;
}

bool log_shows(enum log_level level)
{
	return level <= log_shown;
}

const char *log_tool(void)
{
	return log_name;
}

/* A peer's words may be part of a sentence: no control character of theirs
 * reaches a terminal. */
static void clean(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

__attribute__((format(printf, 2, 0))) static void say(
    enum log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = {
	    "error", "warning", "info", "debug"};
	static const int priorities[] = {3, 4, 6, 7};
	char text[2048];
	char line[2304];
	size_t len;

	if (level > log_shown)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	clean(text);
	if (log_journal)
		snprintf(line, sizeof(line) - 1, "<%d>%s: %s: %s",
		    priorities[level], log_name, names[level], text);
	else
		snprintf(line, sizeof(line) - 1, "%s: %s: %s", log_name,
		    names[level], text);
	if (log_before != NULL)
		log_before(log_before_arg);
	/* One write a line: several tools share a terminal. */
	len = strlen(line);
	line[len++] = '\n';
	if (write(2, line, len) == -1)
		return;
}

#define LOG_FUNCTION(name, level)       \
	void name(const char *fmt, ...) \
	{                               \
		va_list ap;             \
		va_start(ap, fmt);      \
		say(level, fmt, ap);    \
		va_end(ap);             \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
