/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What needs libblkid, libfdisk and libiscsi: a module, since most pools are folders, and most work on volumes is with
 * files. Those libraries, and what they bring along, would be half of the time of a volume's creation. */

#include "storage/pool.h"

typedef struct PoolDevices {
        const PoolBackend *disk, *iscsi_direct;
        int (*content)(const char *device, char **ret);
        int (*add_partition)(const PoolSpec *s, uint64_t bytes, const char *name, Error *e);
        int (*remove_partition)(const PoolSpec *s, const char *name, Error *e);
} PoolDevices;

/* Loads it, at the first call. Where it is missing the program ends, as it would without a library. */
const PoolDevices *pool_devices(void);

/* --- in the module --- */

extern const PoolDevices unitvirt_storage_devices_module;
extern const PoolBackend backend_disk, backend_iscsi_direct;

int device_content(const char *device, char **ret);
int make_partition(const PoolSpec *s, uint64_t bytes, const char *name, Error *e);
int delete_partition(const PoolSpec *s, const char *name, Error *e);
