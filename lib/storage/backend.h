/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What backends share. */

#include "storage/pool.h"

int backend_folder_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e);
int backend_folder_build(const PoolSpec *s, uint32_t flags, Error *e);
int backend_folder_remove(const PoolSpec *s, uint32_t flags, Error *e);

/* The block devices whose links below /dev/disk/by-path lead to those of a SCSI host, or all of a folder of links:
 * added as volumes named UNIT (NULL: the link's name). */
int backend_add_device(VolumeTable *t, const char *path, const char *name, const char *key, char ***notes);
