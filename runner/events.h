/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What vm-events keeps: for the unit of each guest the events that are counted of it. The kernel counts by thread, and
 * goes on with the threads and processes that come of one ("inherit"). So what is counted from a guest's start, when
 * there is nothing but vm-run, is one descriptor, and what is counted later one for each thread that is there by then.
 *
 * Events of the unit's control group would be one for each CPU, cost time whenever a CPU goes on to another group's
 * work, and end for good on a CPU that goes offline, as all but one do when the host sleeps. */

#include <sys/types.h>

#include "base/error.h"
#include "base/guest-events.h"
#include "base/strings.h"

typedef struct Counter {
        char *unit;     /* of the guest */
        unsigned event; /* place in guest_events */
        int *fds;
        size_t n_fds;
} Counter;

typedef struct Counters {
        Counter *list;
        size_t n;
        int notify_fd;  /* where systemd keeps a copy of each descriptor; negative: nowhere */
} Counters;

void counters_done(Counters *c);

/* Takes a descriptor that an earlier process of this service has left with systemd under this name. -EINVAL for a name
 * that is none of ours: the descriptor stays the caller's. */
int counters_take(Counters *c, const char *name, int fd);

/* Counts these of the process, its threads and all that comes of them: all of them, or none. What of the unit is
 * counted already goes on as it is. */
int counters_enable(Counters *c, const char *unit, pid_t process, const bool wanted[static GUEST_EVENTS], Error *e);
void counters_disable(Counters *c, const char *unit, const bool unwanted[static GUEST_EVENTS]);
void counters_forget(Counters *c, const char *unit);

/* A line for each, "task_clock=1234". */
void counters_read(const Counters *c, const char *unit, StrBuf *b);
