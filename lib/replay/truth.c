#include "replay/truth.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

#define BUFFER (1 << 18)

int truth_open(struct truth *t, const char *path, struct fault *fault)
{
	memset(t, 0, sizeof(*t));
	if (path == NULL)
		return 0;
	t->path = path;
	t->file = fopen(path, "w");
	if (t->file == NULL)
		return fault_errno(fault, EX_CANTCREAT, "%s", path);
	setvbuf(t->file, NULL, _IOFBF, BUFFER);
	return 0;
}

void truth_message(struct truth *t, uint64_t connection, int64_t sent_us,
    const char *text, size_t len)
{
	if (t->file == NULL)
		return;
	fprintf(t->file,
	    "{\"connection\":%" PRIu64 ",\"sent_at\":%" PRId64 ",\"message\":",
	    connection, sent_us);
	fwrite(text, 1, len, t->file);
	if (fputs("}\n", t->file) == EOF && t->failed == 0)
		t->failed = errno;
}

void truth_event(struct truth *t, uint64_t connection, const char *event,
    const char *text, size_t len)
{
	if (t->file == NULL)
		return;
	fprintf(t->file,
	    "{\"connection\":%" PRIu64 ",\"event\":\"%s\",\"at\":%" PRId64,
	    connection, event, clock_wall_us());
	if (text != NULL) {
		fputs(",\"message\":", t->file);
		fwrite(text, 1, len, t->file);
	}
	fputs("}\n", t->file);
}

void truth_fault(
    struct truth *t, uint64_t connection, const char *kind, const char *detail)
{
	if (t->file == NULL)
		return;
	fprintf(t->file,
	    "{\"connection\":%" PRIu64
	    ",\"event\":\"fault\",\"fault\":\"%s\",\"at\":%" PRId64,
	    connection, kind, clock_wall_us());
	fprintf(t->file, "%s%s}\n", detail[0] != '\0' ? "," : "", detail);
}

void truth_note(struct truth *t, const char *text, size_t len)
{
	if (t->file == NULL)
		return;
	fwrite(text, 1, len, t->file);
	if (putc('\n', t->file) == EOF && t->failed == 0)
		t->failed = errno;
}

void truth_flush(struct truth *t)
{
	if (t->file != NULL && fflush(t->file) == EOF && t->failed == 0)
		t->failed = errno;
}

int truth_close(struct truth *t, struct fault *fault)
{
	if (t->file == NULL)
		return 0;
	truth_flush(t);
	if (fclose(t->file) == EOF && t->failed == 0)
		t->failed = errno;
	t->file = NULL;
	if (t->failed == 0)
		return 0;
	errno = t->failed;
	return fault_errno(fault, EX_IOERR, "%s", t->path);
}
