/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits of disks, <iotune>: set before the guest's first request. */

#include <inttypes.h>
#include <jansson.h>

#include "base/strings.h"
#include "prepare.h"

/* Element below iotune, argument of block_set_io_throttle; the first six must be there. */
static const struct {
        const char *element, *argument;
} limits[] = {
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
#define REQUIRED 6U

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

static int throttle_disk(Prepare *p, const xmlNode *disk, const xmlNode *iotune) {
        const char *group = xml_get(iotune, "group_name");
        json_t *arguments = json_object();
        char *path = NULL;
        int r;

        r = arguments ? drive_path(disk, &path) : -ENOMEM;
        if (r < 0) {
                json_decref(arguments);
                return r;
        }
        r = json_object_set_new(arguments, "id", json_string(path));
        free(path);
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                uint64_t v = 0;

                if (xml_get_u64(iotune, limits[i].element, &v) >= 0 || i < REQUIRED)
                        r |= json_object_set_new(arguments, limits[i].argument, json_integer((json_int_t) v));
        }
        if (group)
                r |= json_object_set_new(arguments, "group", json_string(group));
        if (r != 0) {
                json_decref(arguments);
                return -ENOMEM;
        }
        return prepare_command(p, json_pack("{s:s,s:o}", "execute", "block_set_io_throttle", "arguments", arguments));
}

int prepare_throttles(Prepare *p) {
        XML_FOREACH(disk, definition_devices(p->live), "disk") {
                const xmlNode *iotune = xml_child(disk, "iotune"), *source = xml_child(disk, "source");
                int r;

                /* Without a medium there is nothing to limit. */
                if (!iotune || !(xml_attr(source, "file") ?: xml_attr(source, "dev")))
                        continue;
                r = throttle_disk(p, disk, iotune);
                if (r < 0)
                        return r;
        }
        return 0;
}
