/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel counts of a guest because its definition says so: <perf>, and <monitor> of parts of caches and of the
 * way to memory. */

#include "calls/stats-block.h"

/* "perf.x" */
void stats_add_events(const Ask *a, TypedParams *p);
/* "cpu.cache.monitor.x" */
void stats_add_cache_monitors(const Ask *a, TypedParams *p);
/* "memory.bandwidth.monitor.x" */
void stats_add_memory_monitors(const Ask *a, TypedParams *p);
