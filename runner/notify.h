/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages to the service manager and to the journal: two datagram protocols, spoken without
 * libsystemd, which would cost each guest more memory than all of vm-run. The functions here
 * serve vm-run and vm-prepare. Protocols: sd_notify(3), systemd.io/JOURNAL_NATIVE_PROTOCOL. */

#include "base/macros.h"

/* A socket connected to $NOTIFY_SOCKET; -ENOENT outside of systemd. */
int notify_open(void);

/* Sends "KEY=VALUE\n..." . fd -EBADF: nothing is done. Failures are returned, and may be ignored. */
int notify_send(int fd, const char *format, ...) _printf_(2, 3);

/* Sends the unit's status, and in front of it more, as "KEY=VALUE\n" or "": what follows is one line whatever it says,
 * since it may be somebody else's words, and a line of its own would be an order to the service manager. */
int notify_status(int fd, const char *more, const char *format, ...) _printf_(3, 4);

/* Gives a descriptor to the service manager's store under a name; the manager does not watch it. */
int notify_store_fd(int fd, const char *name, int stored);

/* Waits until the manager has dealt with all that was sent before; -ETIMEDOUT. What a process sends just before its end
 * is lost where the manager learns of the end first: it finds no unit for a process that is gone. */
int notify_wait(int fd, int timeout_ms);

/* A socket connected to the journal; errno. */
int journal_open(void);

/* One record of a line of text. identifier is SYSLOG_IDENTIFIER. Never waits: -EAGAIN when the
 * journal does not keep up. */
int journal_send(int fd, int priority, const char *identifier, const char *text, size_t len);

/* Takes bytes of a terminal or of stderr and sends whole lines: control sequences dropped, lines
 * longer than LINE_MAX_BYTES divided. */
#define JOURNAL_LINE_MAX 2048U
typedef struct JournalLines {
        const char *identifier;
        int priority;
        size_t len;
        int escape;              /* state inside a control sequence */
        unsigned long dropped;   /* lines that the journal did not take */
        unsigned patience;       /* milliseconds that it may yet be waited for; 0: not at all */
        char line[JOURNAL_LINE_MAX];
} JournalLines;

void journal_lines_feed(JournalLines *l, int fd, const char *data, size_t len);
/* Sends what is left of an unfinished line. */
void journal_lines_flush(JournalLines *l, int fd);
