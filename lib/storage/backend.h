/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What backends share. */

#include "storage/pool.h"

int backend_folder_scan(const PoolSpec *s, const VolumeTable *known, VolumeTable *t, char ***notes, Error *e);
int backend_folder_build(const PoolSpec *s, uint32_t flags, Error *e);
int backend_folder_remove(const PoolSpec *s, uint32_t flags, Error *e);

/* Adds a device as a volume, or a note why it cannot be looked at. key: NULL for the path; origin: the device whose
 * snapshot it is, or NULL. */
int backend_add_device(VolumeTable *t, const char *path, const char *name, const char *key, const char *origin,
                       char ***notes);
