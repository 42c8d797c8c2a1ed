/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much of the CPUs each thread of a guest may take, and of which, while it runs. */

#include "guest/guest.h"

/* Where the two definitions differ in quotas of vCPUs, I/O threads or of the emulator, the threads are limited as the
 * second says. A guest that had none at its start gets its unit delegated first (Delegate=cpu), for this run. Within a
 * fiber. */
int thread_limits_change(Guest *g, const Definition *before, const Definition *after, Error *e);

/* The same for one thread that has just come into being, and the CPUs that it may run on. */
int thread_limits_of_vcpu(Guest *g, const Definition *live, unsigned id, Error *e);
int thread_limits_of_iothread(Guest *g, const Definition *live, unsigned id, Error *e);
