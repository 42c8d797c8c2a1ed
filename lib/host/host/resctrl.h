/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Parts of the processor's caches, and of the way to memory, for some of a guest's threads: a group of the kernel's
 * resctrl file system, below /sys/fs/resctrl. What of a cache is for such a group has to be taken from the root group
 * first, by who administers the host: what all have is nobody's to give. base/resctrl.h says where. */

#include "base/error.h"
#include "base/resctrl.h"

typedef struct ResctrlCache {
        unsigned level, cache;          /* as the kernel numbers them */
        const char *type;               /* "both", "code" or "data" */
        uint64_t size;                  /* bytes */
} ResctrlCache;

typedef struct ResctrlNode {
        unsigned node, bandwidth;       /* per cent */
} ResctrlNode;

typedef struct ResctrlWish {
        const ResctrlCache *caches;
        size_t n_caches;
        const ResctrlNode *nodes;
        size_t n_nodes;
} ResctrlWish;

/* Makes the group at path, and opens the file that threads are put into. What is not wished for is as all have it.
 * -EOPNOTSUPP and -ENOSPC with code 67: the host has no such thing, or not so much of it left. */
int resctrl_make(const char *path, const ResctrlWish *wish, int *ret_tasks, Error *e);

/* Do the host's processors count this ("llc_occupancy", "mbm_total_bytes")? -EOPNOTSUPP with code 67: no. */
int resctrl_check_monitor(const char *what, Error *e);

/* Makes a folder below a group in which the work of some of its threads is counted by itself, and opens the file that
 * they are put into, once they are in the group. -ENOSPC with code 67: there are too many. */
int resctrl_make_monitor(const char *path, int *ret_tasks, Error *e);

/* Takes either away; its threads, if there are any left, are in the root group then. Negative errno; 0 where it is not
 * there. */
int resctrl_remove(const char *path);
