/*
 * How much memory the C library's allocator keeps for itself.  A program that
 * holds much for a moment (a list of instruments, a summary of a market) and
 * then runs for months is to give it back.  No allocator: where the C library
 * has no such switches nothing happens.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/* At the start of main(), before anything else is allocated. */
void memory_frugal(void);

/* What was freed goes back to the system: after work that held much. */
void memory_return(void);

#endif
