/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel says about a running QEMU. */

#include "guest/guest.h"

/* CPU time of the guest's unit, or of QEMU alone where it has no control group of its own, in nanoseconds; user and
 * system (may be NULL) likewise. -ESRCH where it is not running. */
int process_cpu_time(Guest *g, uint64_t *ret_total, uint64_t *ret_user, uint64_t *ret_system);

/* The same of one thread, with the host CPU it ran on last. */
int process_thread_time(Guest *g, pid_t tid, uint64_t *ret_nsec, int *ret_cpu);

/* Resident memory in KiB. */
int process_rss(Guest *g, uint64_t *ret_kib);
