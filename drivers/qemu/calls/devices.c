/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Questions about one device of a guest. */

#include <sys/stat.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "run/monitor.h"
#include "run/net-stats.h"

static int error_no_disk(Error *e, const char *name) {
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "invalid path %s not assigned to domain", name);
}

/* --- figures of disks --- */

static int64_t figure(json_t *stats, const char *name) {
        json_t *v = json_object_get(stats, name);

        return json_is_integer(v) ? json_integer_value(v) : -1; /* -1: not known */
}

/* Adds up all disks where the name is empty. */
static int sum_stats(json_t *list, const Definition *d, const char *name, remote_domain_block_stats_ret *ret) {
        bool found = false;

        XML_FOREACH(disk, definition_devices(d), "disk") {
                json_t *stats;

                if (name[0] && disk != definition_disk(d, name))
                        continue;
                stats = json_object_get(qmp_block_entry(list, device_alias(disk)), "stats");
                if (!stats)
                        continue;
                found = true;
                ret->rd_req += MAX(figure(stats, "rd_operations"), 0);
                ret->rd_bytes += MAX(figure(stats, "rd_bytes"), 0);
                ret->wr_req += MAX(figure(stats, "wr_operations"), 0);
                ret->wr_bytes += MAX(figure(stats, "wr_bytes"), 0);
        }
        ret->errs = -1;
        return found ? 0 : -ENOENT;
}

static int block_stats(Call *c, Guest *g, const remote_domain_block_stats_args *args,
                       remote_domain_block_stats_ret *ret, Error *e) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        const Definition *d = call_definition(c);
        int r;

        if (args->path[0] && !definition_disk(d, args->path))
                return error_no_disk(e, args->path);
        r = guest_command(g, "query-blockstats", NULL, &list, e);
        if (r < 0)
                return r;
        r = sum_stats(list, d, args->path, ret);
        return r < 0 ? error_set(e, r, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "QEMU has no figures of disk '%s'",
                                 args->path)
                     : 0;
}

/* Sizes of an image: of its file, and what the guest sees where QEMU or the kind of the image tells. */
static int image_sizes(Guest *g, const xmlNode *disk, remote_domain_get_block_info_ret *ret, Error *e) {
        const char *path = disk_path(disk);
        _cleanup_(json_decrefp) json_t *list = NULL;
        json_t *inserted;
        struct stat st;

        if (!path)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "disk '%s' does not currently have a source assigned",
                                 xml_get(disk, "target/@dev") ?: "");
        if (stat(path, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "cannot stat file '%s'", path);
        ret->physical = (uint64_t) st.st_size;
        ret->allocation = (uint64_t) st.st_blocks * 512U;
        ret->capacity = (uint64_t) st.st_size;
        if (!guest_is_active(g) || guest_command(g, "query-block", NULL, &list, NULL) < 0)
                return streq_ptr(xml_get(disk, "driver/@type"), "raw")
                               ? 0
                               : error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                           "the capacity of an image that is not raw is known only while the domain "
                                           "runs");
        inserted = json_object_get(qmp_block_entry(list, device_alias(disk)), "inserted");
        if (json_is_integer(json_object_get(json_object_get(inserted, "image"), "virtual-size")))
                ret->capacity = (uint64_t) json_integer_value(
                        json_object_get(json_object_get(inserted, "image"), "virtual-size"));
        return 0;
}

static int get_block_info(Call *c, Guest *g, const remote_domain_get_block_info_args *args,
                          remote_domain_get_block_info_ret *ret, Error *e) {
        const xmlNode *disk = definition_disk(call_definition(c), args->path);

        return disk ? image_sizes(g, disk, ret, e) : error_no_disk(e, args->path);
}

/* --- interfaces --- */

static int interface_stats(Call *c, Guest *g, const remote_domain_interface_stats_args *args,
                           remote_domain_interface_stats_ret *ret, Error *e) {
        NetStats s;
        int r;

        XML_FOREACH(net, definition_devices(call_definition(c)), "interface") {
                const char *name = xml_get(net, "target/@dev");

                if (!name || (!streq(name, args->device) && !streq_ptr(xml_get(net, "mac/@address"), args->device)))
                        continue;
                r = net_stats_read(name, &s);
                if (r < 0)
                        return error_set_errno(e, r, ORIGIN_QEMU, "cannot read the counters of %s", name);
                /* The host's end sends what the guest receives. */
                *ret = (remote_domain_interface_stats_ret) {
                        .rx_bytes = (int64_t) s.tx_bytes, .rx_packets = (int64_t) s.tx_packets,
                        .rx_errs = (int64_t) s.tx_errors, .rx_drop = (int64_t) s.tx_dropped,
                        .tx_bytes = (int64_t) s.rx_bytes, .tx_packets = (int64_t) s.rx_packets,
                        .tx_errs = (int64_t) s.rx_errors, .tx_drop = (int64_t) s.rx_dropped,
                };
                return 0;
        }
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "'%s' is not a known interface", args->device);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_BLOCK_STATS, block_stats, .needs = NEED_LIVE),
        CALL(DOMAIN_GET_BLOCK_INFO, get_block_info, .needs = NEED_CURRENT),
        CALL(DOMAIN_INTERFACE_STATS, interface_stats, .needs = NEED_LIVE),
};
const RpcTable qemu_devices_table = RPC_TABLE(rows);
