/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The locks of the guest's images (lock_manager = "lockd" of qemu.conf) while it runs. They are vm-run's, not QEMU's,
 * so nobody can take them from a guest, and they end with it. QEMU says which device goes: then its lock goes too,
 * whoever asked for it, and whether a supervisor is there or not. Those of leases go when vm-plug says so. Disks that
 * were plugged in later, and floppies, have theirs in QEMU, since their images go without a word to vm-run. */

#include <jansson.h>

#include "base/macros.h"

typedef struct ImageLock {
        char *device; /* alias */
        int fd;
} ImageLock;

typedef struct ImageLocks {
        ImageLock *list;
        size_t n;
} ImageLocks;

void image_locks_done(ImageLocks *l);
/* Takes the descriptor. -ENOMEM: it stays open. */
int image_locks_add(ImageLocks *l, const char *device, int fd);
/* Lets go of those of a device, or a lease. */
void image_locks_drop(ImageLocks *l, const char *device);
/* By the data of the event DEVICE_DELETED. */
void image_locks_device_deleted(ImageLocks *l, const json_t *data);
