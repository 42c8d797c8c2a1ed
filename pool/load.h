/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a pool's files are, and its definition. */

#include "model/definition.h"
#include "storage/pool.h"

typedef enum PoolFile {
        POOL_PERSISTENT,    /* /etc/libvirt/storage/NAME.xml */
        POOL_TRANSIENT,     /* /run/libvirt/storage/transient/NAME.xml */
        POOL_LIVE,          /* /run/libvirt/storage/NAME.xml: there while the pool is active */
        POOL_VOLUMES,       /* /run/libvirt/storage/NAME.volumes: storage/table.h */
        POOL_ERROR,         /* /run/libvirt/storage/NAME.error: one line */
        POOL_REQUEST,       /* /run/libvirt/storage/NAME.request: lines KEY=VALUE, for one start or one piece of work */
        POOL_FOUND,         /* /run/libvirt/storage/NAME.found: what the work "find" found */
} PoolFile;

char *pool_file(PoolFile file, const char *name);

/* live: what is in force; else the transient or the persistent one. e is filled; a type that is not supported:
 * -EOPNOTSUPP. */
int pool_load(const char *name, bool live, Definition **ret, PoolSpec **ret_spec, Error *e);

/* Is a device, by its path without links, a volume of an active pool? */
bool is_active_volume(const char *real);

/* NAME.request: "verb=build", "flags=8"; "verb=find", "type=netfs", "host=H". Used up. */
int pool_build_wanted(const PoolSpec *s, Error *e);
int pool_work(const char *name, Error *e);
