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
static char *drive_path(const xmlNode *disk) {
        const char *alias = device_alias(disk) ?: "", *bus = xml_get(disk, "target/@bus") ?: "";

        if (streq(bus, "virtio"))
                return text_format("/machine/peripheral/%s/virtio-backend", alias);
        if (streq(bus, "usb"))
                return text_format("/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
        return text_format("%s", alias);
}

static int add_limits(json_t *arguments, const xmlNode *iotune) {
        const char *group = iotune ? xml_get(iotune, "group_name") : NULL;
        int r = 0;

        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                uint64_t v = 0;
                const QemuThrottleLimit *limit = &qemu_throttle_limits[i];

                if ((iotune && xml_get_u64(iotune, limit->field, &v) >= 0) || i < QEMU_THROTTLE_REQUIRED)
                        r |= json_object_set_new(arguments, limit->argument, json_integer((json_int_t) v));
        }
        if (group)
                r |= json_object_set_new(arguments, "group", json_string(group));
        return r;
}

json_t *qemu_throttle_arguments(const xmlNode *disk) {
        _cleanup_free_ char *path = drive_path(disk);
        json_t *arguments = path ? json_pack("{s:s}", "id", path) : NULL;

        if (arguments && add_limits(arguments, xml_child(disk, "iotune")) == 0)
                return arguments;
        json_decref(arguments);
        return NULL;
}

int qemu_disk_throttle(const xmlNode *disk, json_t **ret) {
        const xmlNode *source = xml_child(disk, "source");
        json_t *arguments;

        *ret = NULL;
        if (!xml_child(disk, "iotune") || !source || !source->properties) /* without a medium nothing is limited */
                return 0;
        arguments = qemu_throttle_arguments(disk);
        if (arguments)
                *ret = json_pack("{s:s,s:o}", "execute", "block_set_io_throttle", "arguments", arguments);
        return *ret ? 0 : -ENOMEM;
}

/* --- groups --- */

char *qemu_throttle_group_id(const char *group) {
        return text_format("throttle-%s", group);
}

json_t *qemu_throttle_group_limits(const xmlNode *group, bool whole) {
        json_t *limits = json_object();
        int r = limits ? 0 : -1;

        for (size_t i = 0; r == 0 && i < QEMU_THROTTLE_LIMITS; i++) {
                const QemuThrottleLimit *limit = &qemu_throttle_limits[i];
                bool length = endswith(limit->member, "-length");
                uint64_t v = length;

                if (xml_get_u64(group, limit->field, &v) >= 0 || !length || whole)
                        r = json_object_set_new(limits, limit->member, json_integer((json_int_t) v));
        }
        if (r == 0)
                return limits;
        json_decref(limits);
        return NULL;
}

static void build_group(Build *b, const xmlNode *group) {
        json_t *o = props_new(b), *limits = qemu_throttle_group_limits(group, false);

        put_str(b, o, "qom-type", "throttle-group");
        put_strf(b, o, "id", "throttle-%s", xml_get(group, "group_name") ?: "");
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
