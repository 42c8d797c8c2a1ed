/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel says about a running QEMU. */

#include "guest/guest.h"

/* CPU time of the guest's unit, or of QEMU alone where it has no control group of its own, in nanoseconds; user and
 * system (may be NULL) likewise. -ESRCH where it is not running. */
int process_cpu_time(Guest *g, uint64_t *ret_total, uint64_t *ret_user, uint64_t *ret_system);

/* One thread: the same, the host CPU it ran on last, and where the kernel counts that, how long it had to wait for one
 * (delay) and what the scheduler has as its waiting (wait; 0 unless sched_schedstats is on). */
typedef struct ThreadTime {
        uint64_t nsec, wait_nsec, delay_nsec;
        bool has_waited;
        int cpu;
} ThreadTime;
int process_thread_time(Guest *g, pid_t tid, ThreadTime *ret);

/* Resident memory in KiB. */
int process_rss(Guest *g, uint64_t *ret_kib);
