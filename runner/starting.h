/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who is at the other end of vm-prepare's socket: a vm-run that the service manager has just started, whose guest is
 * not prepared yet. All that is believed is the kernel's word: nothing is read from the connection. */

#include <sys/types.h>

#include "base/macros.h"

typedef struct Starting {
        pid_t process;
        char *unit;
        char *name;          /* of the guest */
        char invocation[33]; /* of its unit: another one at each start */
        char *run_dir;       /* that systemd has made for this run; NULL: none */
        char **settings;     /* UNITVIRT_NAME=VALUE, as the unit's Environment= has them */
} Starting;

void starting_done(Starting *s);
#define _cleanup_starting_ _cleanup_(starting_done)

/* Fills in process, unit and name. -EPERM where it is not a process of a guest's unit that the service manager, by its
 * number, has started: QEMU, which has the same user, view and unit, is vm-run's child; it is an orphan, and so the
 * service manager's, where it has ended vm-run, which the invocation is for (leftovers_begin()). It is all that a QEMU
 * can cost which asks again and again. */
int starting_identify(int connection, pid_t manager, Starting *ret);

/* Fills in the rest, as long as the process is there. */
int starting_read(Starting *s);

/* A process in the guest's control group: what it opens is under the unit's rules for devices, what it says is the
 * unit's in the journal, and it ends with the unit. As fork(2); negative errno. Where the kernel cannot do that it is
 * in this one's group. */
pid_t starting_split(const Starting *s);
