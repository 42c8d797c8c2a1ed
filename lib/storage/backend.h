/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What backends share. */

#include "storage/pool.h"

int backend_folder_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e);
int backend_folder_build(const PoolSpec *s, uint32_t flags, Error *e);
int backend_folder_remove(const PoolSpec *s, uint32_t flags, Error *e);

typedef struct DeviceVolume {
        const char *path, *name;
        const char *key;        /* NULL: the path */
        const char *origin;     /* the device whose snapshot it is; NULL: it is none */
        uint64_t allocation;    /* what it takes of its pool; 0: as much as it has */
} DeviceVolume;

/* Adds a device as a volume, or a note why it cannot be looked at. */
int backend_add_device(VolumeTable *t, const DeviceVolume *device, char ***notes);

/* Adds the disks of a SCSI host by its number, "unit:CHANNEL:TARGET:LUN". */
int backend_scan_host(const PoolSpec *s, unsigned host, VolumeTable *t, char ***notes, Error *e);
