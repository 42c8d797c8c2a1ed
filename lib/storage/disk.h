/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Partitions as volumes. */

#include "storage/pool.h"

/* A new partition of at least that size in a free place. Its name has to be the one that its number gives:
 * "sda3". */
int disk_add_partition(const PoolSpec *s, uint64_t bytes, const char *name, Error *e);
/* Refused, with nothing changed, while somebody has it open. */
int disk_remove_partition(const PoolSpec *s, const char *name, Error *e);
