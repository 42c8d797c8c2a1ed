/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program of a guest's helper, as a child: its words go on to the journal, and the last of them is kept for the guest
 * whose start fails for it. */

#include <signal.h>

#include "base/macros.h"

#define HELPER_LINE_KEPT 1024U
/* Descriptors from here on are above those that the program gets. */
#define HELPER_PARKED_FD 10

typedef struct LastLine {
        char text[HELPER_LINE_KEPT];
        size_t n;
        bool ended;                    /* the next character begins another line */
        char first[HELPER_LINE_KEPT];  /* what it said first */
} LastLine;

/* The child; 0: none. -1, of a signal handler: what would be the next one need not be waited for. */
extern volatile sig_atomic_t helper_program;

/* Runs it until it ends, or goes on in the background, and leaves its last line in the unit's folder where it failed.
 * It inherits the socket and, unless key_fd is -EBADF, the passphrase (plan/helper.h). Its exit status; negative errno
 * where it was not started. */
int helper_program_run(const char *const *words, const char *folder, int socket_fd, int key_fd, LastLine *line);
int helper_exit_status(int status);

/* A program that knows its socket as systemd would hand it over; it is given to us by who has made it. */
bool helper_is_activated(void);

void last_line_forget(const char *folder);
/* Leaves a line of our own there, and in the journal. Returns r. */
int last_line_leave(const char *folder, int r, const char *format, ...) _printf_(3, 4);
