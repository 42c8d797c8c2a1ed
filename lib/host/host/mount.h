/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Folders that a guest writes to, bounded by a file system of their own: where the kernel has no quotas for the one
 * that all guests' folders are on (run-libvirt-qemu.mount). */

#include <sys/types.h>

#include "base/macros.h"

/* Is path on a file system with quotas for users? */
bool mount_has_quota(const char *path);

/* Mounts a tmpfs of so many bytes and files over the folder, owned by uid and gid; UNDO_MOUNT takes it away. Negative
 * errno. */
int mount_bounded(const char *folder, uid_t uid, gid_t gid, uint64_t bytes, unsigned files);

/* Another size for it. */
int mount_grow(const char *folder, uint64_t bytes);

/* Takes it away, also when somebody still uses it; 0 as well where nothing is mounted. */
int mount_remove(const char *folder);
