#include "base/memory.h"

#ifdef HAVE_MALLOC_H
#include <malloc.h>
#endif

/* Where glibc begins, too; but it raises both with each large block that is
 * freed (mallopt(3)), up to 32 MiB, and the heap is never trimmed again.
 */
#define LARGE_SIZE (128 * 1024)

void memory_frugal(void)
{
#if defined(HAVE_MALLOPT) && defined(M_MMAP_THRESHOLD) && \
    defined(M_TRIM_THRESHOLD)
	mallopt(M_MMAP_THRESHOLD, LARGE_SIZE);
	mallopt(M_TRIM_THRESHOLD, LARGE_SIZE);
#endif
#if defined(HAVE_MALLOPT) && defined(M_ARENA_MAX)
	/* Of threads there are those of libcurl's resolver alone. */
	mallopt(M_ARENA_MAX, 1);
#endif
}

void memory_return(void)
{
#ifdef HAVE_MALLOC_TRIM
	malloc_trim(0);
#endif
}
