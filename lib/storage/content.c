/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is on a device, by libblkid; and what this module has. */

#include <blkid/blkid.h>

#include "base/strings.h"
#include "devices.h"

static void blkid_freep(blkid_probe *p) {
        if (*p)
                blkid_free_probe(*p);
}

int device_content(const char *device, char **ret) {
        _cleanup_(blkid_freep) blkid_probe p = NULL;
        const char *type;

        *ret = NULL;
        errno = 0;
        p = blkid_new_probe_from_filename(device);
        if (!p)
                return errno ? -errno : -EIO;
        (void) blkid_probe_enable_partitions(p, 1);
        (void) blkid_probe_enable_superblocks(p, 1);
        (void) blkid_probe_set_superblocks_flags(p, BLKID_SUBLKS_TYPE);
        if (blkid_do_safeprobe(p) == 1)
                return 0;
        if (blkid_probe_lookup_value(p, "TYPE", &type, NULL) >= 0)
                *ret = text_format("%s file system", type);
        else if (blkid_probe_lookup_value(p, "PTTYPE", &type, NULL) >= 0)
                *ret = text_format("%s partition table", type);
        else
                *ret = strdup("content of several kinds");
        return *ret ? 0 : -ENOMEM;
}

const PoolDevices unitvirt_storage_devices_module = {
        .disk = &backend_disk,
#ifdef HAVE_LIBISCSI
        .iscsi_direct = &backend_iscsi_direct,
#endif
        .content = device_content,
        .add_partition = make_partition,
        .remove_partition = delete_partition,
};
