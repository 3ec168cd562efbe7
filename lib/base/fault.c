#include "base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int fault_set(struct fault *f, int exit_code, const char *fmt, ...)
{
	va_list ap;

	if (f == NULL)
		return -1;
	f->exit_code = exit_code;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return -1;
}

int fault_errno(struct fault *f, int exit_code, const char *fmt, ...)
{
	int saved = errno;
	size_t len;
	va_list ap;

	if (f == NULL)
		return -1;
	f->exit_code = exit_code;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	len = strlen(f->text);
	snprintf(f->text + len, sizeof(f->text) - len, ": %s", strerror(saved));
	return -1;
}

int fault_prefix(struct fault *f, const char *fmt, ...)
{
	char tail[sizeof(f->text)];
	size_t len;
	va_list ap;

	if (f == NULL)
		return -1;
	memcpy(tail, f->text, sizeof(tail));
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	len = strlen(f->text);
	snprintf(f->text + len, sizeof(f->text) - len, ": %s", tail);
	return -1;
}
