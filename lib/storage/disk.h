/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Partitions as volumes. */

#include "storage/pool.h"

/* A new partition of at least that size in the first free place; *ret_name: "sda3", owned by the caller. */
int disk_add_partition(const PoolSpec *s, uint64_t bytes, char **ret_name, Error *e);
int disk_remove_partition(const PoolSpec *s, const char *name, Error *e);
