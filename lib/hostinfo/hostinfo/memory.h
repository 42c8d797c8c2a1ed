/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host's memory, from /proc/meminfo and /sys/devices/system/node; "cell" is a NUMA node by its number.
 * UNITVIRT_HOST_ROOT moves /proc and /sys, for tests. */

#include "base/macros.h"

#define HOST_ALL_CELLS (-1)

typedef struct HostMemory {
        uint64_t total, free; /* KiB */
        uint64_t available, buffers, cached; /* KiB; of the whole host only */
} HostMemory;

/* Of the host (HOST_ALL_CELLS) or of a cell: -ENOENT where there is none of that number. */
int host_memory_read(int cell, HostMemory *ret);
/* The highest number of a cell; 0 on a host without NUMA. */
int host_last_cell(void);
/* Free pages of that size: of the ordinary one all that is free, of huge ones those of the pool. -ENOENT for no such
 * cell, -ENXIO for no such size. */
int host_free_pages(int cell, unsigned page_kib, uint64_t *ret);
/* How many there are of huge pages of that size, taken or free. The same errors. */
int host_total_pages(int cell, unsigned page_kib, uint64_t *ret);
/* How far the memory of a cell is from another's CPUs; index is that other's place among the cells that there are. 10
 * is its own. -ENOENT where it is not told. */
int host_cell_distance(int cell, unsigned index, unsigned *ret);
/* Sizes of pages, in KiB, smallest first; at most size of them. Their number. */
size_t host_page_sizes(unsigned *ret, size_t size);
/* A file of /sys/kernel/mm/ksm; -ENOENT where the kernel has none. */
int host_ksm_read(const char *name, uint64_t *ret);
