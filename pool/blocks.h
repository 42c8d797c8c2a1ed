/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Volumes that are block devices: of volume groups and partitioned disks. A partition has the name that its number
 * gives it, and no other. */

#include "volume.h"

int block_create(const VolumeJob *j, const char *id, Error *e);
int block_clone(const VolumeJob *j, const char *id, Error *e);
int block_delete(const VolumeJob *j, Error *e);
int block_resize(const VolumeJob *j, Error *e);
