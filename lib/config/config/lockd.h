/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/libvirt/qemu-lockd.conf: which locks guests have where qemu.conf says lock_manager = "lockd". */

#include "base/error.h"

typedef struct LockdConfig {
        bool auto_disk_leases;          /* disks are locked without being asked; default */
        bool require_lease_for_disks;   /* a guest that may write to a disk needs a <lease> */
        /* Folders, absolute, on storage that the hosts share; NULL: the image itself is locked. */
        char *file_lockspace_dir;
        char *lvm_lockspace_dir;        /* for logical volumes */
        char *scsi_lockspace_dir;       /* for SCSI disks */
} LockdConfig;

/* path NULL: path_etc()/qemu-lockd.conf, where none is no error. Code 33 for what is wrong in it. */
int lockd_config_load(const char *path, LockdConfig **ret, char ***warnings, Error *e);
int lockd_config_parse(const char *text, size_t len, const char *origin, LockdConfig **ret, char ***warnings, Error *e);

LockdConfig *lockd_config_free(LockdConfig *c);
DEFINE_CLEANUP(LockdConfig *, lockd_config_free);
