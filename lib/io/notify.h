/*
 * What a service manager wants to hear, in the protocol of sd_notify(3) and
 * sd_watchdog_enabled(3) and without libsystemd: a datagram to the socket that
 * the environment names.  Without that, and wherever the manager does not
 * listen, nothing happens: no service depends on being heard.
 */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stdint.h>

/* Sends assignments ("READY=1\nSTATUS=..."), lines of sd_notify(3), to
 * $NOTIFY_SOCKET: a path, or a name of Linux's abstract sockets after an @.
 * Does not block and does not fail. */
void notify_send(const char *state);

/* How often "WATCHDOG=1" is due, milliseconds: half of what the manager waits;
 * 0: nobody waits for this process. */
int64_t notify_watchdog_ms(void);

#endif
