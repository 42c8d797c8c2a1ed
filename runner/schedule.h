/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

/* Has a thread run by a scheduler of the kernel's, in the words of definitions: "fifo", "rr", "batch" or "idle".
 * priority is a number, or NULL where there is none. */
int thread_schedule(pid_t thread, const char *name, const char *priority);
