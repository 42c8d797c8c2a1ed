/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits of a disk, <iotune>, which have no argument of their own. */

#include "base/strings.h"
#include "model/definition.h"
#include "qemu/device.h"
#include "qemu/throttle.h"

const QemuThrottleLimit qemu_throttle_limits[QEMU_THROTTLE_LIMITS] = {
        { "total_bytes_sec", "bps" },
        { "read_bytes_sec", "bps_rd" },
        { "write_bytes_sec", "bps_wr" },
        { "total_iops_sec", "iops" },
        { "read_iops_sec", "iops_rd" },
        { "write_iops_sec", "iops_wr" },
        { "total_bytes_sec_max", "bps_max" },
        { "read_bytes_sec_max", "bps_rd_max" },
        { "write_bytes_sec_max", "bps_wr_max" },
        { "total_iops_sec_max", "iops_max" },
        { "read_iops_sec_max", "iops_rd_max" },
        { "write_iops_sec_max", "iops_wr_max" },
        { "total_bytes_sec_max_length", "bps_max_length" },
        { "read_bytes_sec_max_length", "bps_rd_max_length" },
        { "write_bytes_sec_max_length", "bps_wr_max_length" },
        { "total_iops_sec_max_length", "iops_max_length" },
        { "read_iops_sec_max_length", "iops_rd_max_length" },
        { "write_iops_sec_max_length", "iops_wr_max_length" },
        { "size_iops_sec", "iops_size" },
};

/* Where QEMU has the drive: for some buses the device of the arguments only holds the one that it belongs to. */
static int drive_path(const xmlNode *disk, char **ret) {
        const char *alias = device_alias(disk), *bus = xml_get(disk, "target/@bus") ?: "";
        int n;

        if (streq(bus, "virtio"))
                n = asprintf(ret, "/machine/peripheral/%s/virtio-backend", alias);
        else if (streq(bus, "usb"))
                n = asprintf(ret, "/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
        else
                n = asprintf(ret, "%s", alias);
        return n < 0 ? -ENOMEM : 0;
}

static int add_limits(json_t *arguments, const xmlNode *iotune) {
        const char *group = xml_get(iotune, "group_name");
        int r = 0;

        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                uint64_t v = 0;
                const QemuThrottleLimit *limit = &qemu_throttle_limits[i];

                if (xml_get_u64(iotune, limit->field, &v) >= 0 || i < QEMU_THROTTLE_REQUIRED)
                        r |= json_object_set_new(arguments, limit->argument, json_integer((json_int_t) v));
        }
        if (group)
                r |= json_object_set_new(arguments, "group", json_string(group));
        return r == 0 ? 0 : -ENOMEM;
}

int qemu_disk_throttle(const xmlNode *disk, json_t **ret) {
        const xmlNode *iotune = xml_child(disk, "iotune"), *source = xml_child(disk, "source");
        _cleanup_free_ char *path = NULL;
        json_t *arguments;
        int r;

        *ret = NULL;
        if (!iotune || !source || !source->properties) /* without a medium there is nothing to limit */
                return 0;
        r = drive_path(disk, &path);
        if (r < 0)
                return r;
        arguments = json_pack("{s:s}", "id", path);
        r = arguments ? add_limits(arguments, iotune) : -ENOMEM;
        if (r < 0) {
                json_decref(arguments);
                return r;
        }
        *ret = json_pack("{s:s,s:o}", "execute", "block_set_io_throttle", "arguments", arguments);
        return *ret ? 0 : -ENOMEM;
}
