/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Questions about one device of a guest. */

#include <sys/stat.h>

#include "base/strings.h"
#include "calls/calls.h"
#include "calls/stats-block.h"
#include "rpc/typed-params.h"
#include "run/monitor.h"
#include "run/net-stats.h"

static int error_no_disk(Error *e, const char *name) {
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "invalid path %s not assigned to domain", name);
}

/* --- figures of disks --- */

/* Under the names that the typed form of the call has for them. */
static const struct {
        const char *qemu, *name;
} figures[] = {
        { "wr_bytes", "wr_bytes" },
        { "wr_operations", "wr_operations" },
        { "rd_bytes", "rd_bytes" },
        { "rd_operations", "rd_operations" },
        { "flush_operations", "flush_operations" },
        { "wr_total_time_ns", "wr_total_times" },
        { "rd_total_time_ns", "rd_total_times" },
        { "flush_total_time_ns", "flush_total_times" },
};
enum { WR_BYTES, WR_OPERATIONS, RD_BYTES, RD_OPERATIONS, N_FIGURES = 8 };
_Static_assert(ELEMENTSOF(figures) == N_FIGURES, "one number for each name");

static int64_t figure(json_t *stats, const char *name) {
        json_t *v = json_object_get(stats, name);

        return json_is_integer(v) ? MAX(json_integer_value(v), 0) : 0;
}

/* Adds up all disks where the name is empty. */
static bool sum_stats(json_t *list, const Definition *d, const char *name, int64_t ret[N_FIGURES]) {
        bool found = false;

        XML_FOREACH(disk, definition_devices(d), "disk") {
                json_t *stats;

                if (name[0] && disk != definition_disk(d, name))
                        continue;
                stats = json_object_get(qmp_block_entry(list, device_alias(disk)), "stats");
                if (!stats)
                        continue;
                found = true;
                for (size_t i = 0; i < N_FIGURES; i++)
                        ret[i] += figure(stats, figures[i].qemu);
        }
        return found;
}

static int read_stats(Call *c, Guest *g, const char *name, int64_t ret[N_FIGURES], Error *e) {
        _cleanup_(json_decrefp) json_t *list = NULL;
        const Definition *d = call_definition(c);
        int r;

        if (name[0] && !definition_disk(d, name))
                return error_no_disk(e, name);
        r = guest_command(g, "query-blockstats", NULL, &list, e);
        if (r < 0)
                return r;
        if (!sum_stats(list, d, name, ret))
                return error_set(e, -ENOENT, ERROR_OPERATION_FAILED, ORIGIN_QEMU, "QEMU has no figures of disk '%s'",
                                 name);
        return 0;
}

static int block_stats(Call *c, Guest *g, const remote_domain_block_stats_args *args,
                       remote_domain_block_stats_ret *ret, Error *e) {
        int64_t v[N_FIGURES] = {};
        int r = read_stats(c, g, args->path, v, e);

        *ret = (remote_domain_block_stats_ret) {
                .rd_req = v[RD_OPERATIONS], .rd_bytes = v[RD_BYTES], .wr_req = v[WR_OPERATIONS],
                .wr_bytes = v[WR_BYTES], .errs = -1, /* not known */
        };
        return r;
}

static int block_stats_flags(Call *c, Guest *g, const remote_domain_block_stats_flags_args *args,
                             remote_domain_block_stats_flags_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        int64_t v[N_FIGURES] = {};
        int r;

        r = read_stats(c, g, args->path, v, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < N_FIGURES; i++)
                typed_params_add_llong(&params, figures[i].name, v[i]);
        ret->nparams = N_FIGURES;
        return args->nparams == 0 ? 0 : typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

/* --- errors --- */

#define DISK_ERROR_UNSPEC 1 /* virDomainDiskErrorCode */
#define DISK_ERROR_NO_SPACE 2

static int add_disk_error(const xmlNode *disk, json_t *blocks, remote_domain_get_disk_errors_ret *ret) {
        json_t *entry = qmp_block_entry(blocks, device_alias(disk));
        const char *status = json_string_value(json_object_get(entry, "io-status"));
        remote_domain_disk_error *error = &ret->errors.errors_val[ret->errors.errors_len];

        if (!status || streq(status, "ok"))
                return 0;
        error->error = streq(status, "nospace") ? DISK_ERROR_NO_SPACE : DISK_ERROR_UNSPEC;
        error->disk = strdup(xml_get(disk, "target/@dev") ?: "");
        if (!error->disk)
                return -ENOMEM;
        ret->errors.errors_len++;
        return 0;
}

/* Which disks the guest waits for. Asked for none, it says how many there could be. */
static int get_disk_errors(Call *c, Guest *g, const remote_domain_get_disk_errors_args *args,
                           remote_domain_get_disk_errors_ret *ret, Error *e) {
        unsigned max = MIN(args->maxerrors, (unsigned) REMOTE_DOMAIN_DISK_ERRORS_MAX);
        _cleanup_(json_decrefp) json_t *blocks = NULL;
        int r = 0;

        if (max == 0) {
                XML_FOREACH(disk, definition_devices(call_definition(c)), "disk")
                        ret->nerrors++;
                return 0;
        }
        ret->errors.errors_val = calloc(max, sizeof(*ret->errors.errors_val));
        if (!ret->errors.errors_val)
                return -ENOMEM;
        r = guest_command(g, "query-block", NULL, &blocks, e);
        XML_FOREACH(disk, definition_devices(call_definition(c)), "disk")
                if (r >= 0 && ret->errors.errors_len < max)
                        r = add_disk_error(disk, blocks, ret);
        ret->nerrors = (int) ret->errors.errors_len;
        return r;
}

/* --- sizes --- */

/* What QEMU says of the image that a disk has; NULL: nothing. The reply is the caller's. */
static const json_t *image_info(Guest *g, const xmlNode *disk, json_t **ret_reply) {
        if (!guest_is_active(g) || guest_command(g, "query-block", NULL, ret_reply, NULL) < 0)
                return NULL;
        return json_object_get(json_object_get(qmp_block_entry(*ret_reply, device_alias(disk)), "inserted"), "image");
}

/* Without a file, on the network, QEMU alone knows. */
static int image_sizes(Guest *g, const xmlNode *disk, remote_domain_get_block_info_ret *ret, Error *e) {
        const char *path = disk_path(disk), *target = xml_get(disk, "target/@dev") ?: "";
        _cleanup_(json_decrefp) json_t *list = NULL;
        BlockSizes s;

        if (!xml_child(disk, "source"))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "disk '%s' does not currently have a source assigned", target);
        s = block_sizes(g, disk, image_info(g, disk, &list));
        if (path && s.error < 0)
                return error_set_errno(e, s.error, ORIGIN_QEMU, "cannot stat file '%s'", path);
        if (!s.has_capacity)
                return error_set(e, -EIO, ERROR_OPERATION_FAILED, ORIGIN_QEMU,
                                 "cannot tell how large the image '%s' of disk '%s' is", path ?: "", target);
        ret->capacity = s.capacity;
        ret->allocation = s.has_file ? s.allocation : s.capacity;
        ret->physical = s.has_file ? s.physical : s.capacity;
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
        CALL(DOMAIN_BLOCK_STATS_FLAGS, block_stats_flags, .flags = TYPED_PARAM_STRING_OKAY, .needs = NEED_LIVE),
        CALL(DOMAIN_GET_DISK_ERRORS, get_disk_errors, .needs = NEED_LIVE),
        CALL(DOMAIN_GET_BLOCK_INFO, get_block_info, .needs = NEED_CURRENT),
        CALL(DOMAIN_INTERFACE_STATS, interface_stats, .needs = NEED_LIVE),
};
const RpcTable qemu_devices_table = RPC_TABLE(rows);
