/*
 * Sentences for people, on stderr: "tool: level: text", or with a <priority>
 * in front where stderr is the systemd journal (sd-daemon(3)).  stdout is data
 * and never touched here.  Nothing passed here may hold a secret.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* Names the tool (*borrowed* for the program's life).  Level: what is shown;
 * the first call in main, before anything can fail. */
void log_open(const char *tool);
void log_level_set(enum log_level level);

/* before(arg) is called before a sentence is written: for what else stands on
 * the terminal.  NULL: no more. */
void log_before_set(void (*before)(void *arg), void *arg);

/* Whether a sentence of that level would be shown. */
bool log_shows(enum log_level level);

/* The tool's name as given to log_open(). */
const char *log_tool(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
