/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits of a disk, <iotune>, which have no argument of their own, and groups that several disks are limited by
 * together, which are objects; a disk has a node for each that it is in. */

#include "base/strings.h"
#include "model/definition.h"
#include "qemu/device.h"
#include "qemu/throttle.h"
#include "build.h"

const QemuThrottleLimit qemu_throttle_limits[QEMU_THROTTLE_LIMITS] = {
        { "total_bytes_sec", "bps", "bps-total" },
        { "read_bytes_sec", "bps_rd", "bps-read" },
        { "write_bytes_sec", "bps_wr", "bps-write" },
        { "total_iops_sec", "iops", "iops-total" },
        { "read_iops_sec", "iops_rd", "iops-read" },
        { "write_iops_sec", "iops_wr", "iops-write" },
        { "total_bytes_sec_max", "bps_max", "bps-total-max" },
        { "read_bytes_sec_max", "bps_rd_max", "bps-read-max" },
        { "write_bytes_sec_max", "bps_wr_max", "bps-write-max" },
        { "total_iops_sec_max", "iops_max", "iops-total-max" },
        { "read_iops_sec_max", "iops_rd_max", "iops-read-max" },
        { "write_iops_sec_max", "iops_wr_max", "iops-write-max" },
        { "total_bytes_sec_max_length", "bps_max_length", "bps-total-max-length" },
        { "read_bytes_sec_max_length", "bps_rd_max_length", "bps-read-max-length" },
        { "write_bytes_sec_max_length", "bps_wr_max_length", "bps-write-max-length" },
        { "total_iops_sec_max_length", "iops_max_length", "iops-total-max-length" },
        { "read_iops_sec_max_length", "iops_rd_max_length", "iops-read-max-length" },
        { "write_iops_sec_max_length", "iops_wr_max_length", "iops-write-max-length" },
        { "size_iops_sec", "iops_size", "iops-size" },
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

static bool is_length(const char *member) {
        return endswith(member, "-length");
}

/* A limit that is not said is none; that of a length is QEMU's own. */
static void build_group(Build *b, const xmlNode *group) {
        json_t *o = props_new(b), *limits = json_object();

        put_str(b, o, "qom-type", "throttle-group");
        put_strf(b, o, "id", "throttle-%s", xml_get(group, "group_name") ?: "");
        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                const QemuThrottleLimit *limit = &qemu_throttle_limits[i];
                uint64_t v = 0;

                if (xml_get_u64(group, limit->field, &v) >= 0 || !is_length(limit->member))
                        put_int(b, limits, limit->member, (long long) v);
        }
        put_json(b, o, "limits", limits);
        add_props(b, QEMU_PART_OBJECT, o);
}

void build_throttle_groups(Build *b) {
        XML_FOREACH(group, xml_child(b->root, "throttlegroups"), "throttlegroup")
                build_group(b, group);
}

void build_throttle_filters(Build *b, const xmlNode *disk, unsigned number, DriverName *node) {
        XML_FOREACH(filter, xml_child(disk, "throttlefilters"), "throttlefilter") {
                json_t *o = props_new(b);
                DriverName below = *node;

                snprintf(node->s, sizeof(node->s), "libvirt-%u-filter", number++);
                put_str(b, o, "driver", "throttle");
                put_str(b, o, "node-name", node->s);
                put_strf(b, o, "throttle-group", "throttle-%s", xml_attr(filter, "group") ?: "");
                put_str(b, o, "file", below.s);
                add_props(b, QEMU_PART_BLOCKDEV, o);
        }
}
