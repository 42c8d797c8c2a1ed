/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh blkdeviotune and blockresize: a disk's limits, and its size, while the guest runs. */

#include "base/strings.h"
#include "calls/edit.h"
#include "guest/events.h"
#include "qemu/throttle.h"
#include "rpc/typed-params.h"
#include "run/monitor.h"

static const xmlNode *find_disk(const Definition *d, const char *name, Error *e) {
        const xmlNode *disk = definition_disk(d, name);

        if (!disk)
                error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "disk '%s' was not found in the domain config",
                          name);
        return disk;
}

/* --- limits --- */

typedef struct Throttle {
        const char *disk;
        const remote_typed_param *val;
        unsigned len;
} Throttle;

static const uint64_t *given(const Throttle *t, const char *field) {
        const remote_typed_param *p = typed_params_find(t->val, t->len, field);

        return p ? (const uint64_t *) &p->value.remote_typed_param_value_u.ul : NULL;
}

/* Limits of one kind replace those of the same kind that exclude them: all of "bytes" where one is said. */
static int check_totals(const xmlNode *tune, Error *e) {
        static const char *const kinds[] = { "bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max" };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                char total[40], reads[40], writes[40];

                snprintf(total, sizeof(total), "total_%s", kinds[i]);
                snprintf(reads, sizeof(reads), "read_%s", kinds[i]);
                snprintf(writes, sizeof(writes), "write_%s", kinds[i]);
                if (xml_child(tune, total) && (xml_child(tune, reads) || xml_child(tune, writes)))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "total and read/write of %s cannot be set at the same time", kinds[i]);
        }
        return 0;
}

/* Without a word about a pair, what was there of it stays; a total said alone takes its parts away, and the other way
 * round. */
static void make_room(xmlNode *tune, const Throttle *t, const char *field) {
        const char *rest, *const *others;
        static const char *const parts[] = { "read_", "write_", NULL };
        static const char *const total[] = { "total_", NULL };
        const uint64_t *v = given(t, field);
        char name[40];

        if (!v || *v == 0)
                return;
        rest = startswith(field, "total_");
        others = rest ? parts : total;
        if (!rest)
                rest = startswith(field, "read_") ?: startswith(field, "write_");
        for (; rest && *others; others++) {
                const uint64_t *other;

                snprintf(name, sizeof(name), "%s%s", *others, rest);
                other = given(t, name);
                if (!other || *other == 0)
                        xml_remove_children(tune, name);
        }
}

static int edit_throttle(Definition *d, const void *what, Error *e) {
        const Throttle *t = what;
        xmlNode *disk = (xmlNode *) find_disk(d, t->disk, e), *tune;
        const char *group;

        if (!disk)
                return -EINVAL;
        tune = xml_ensure(disk, "iotune");
        if (!tune)
                return -ENOMEM;
        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                const uint64_t *v = given(t, qemu_throttle_limits[i].field);
                char text[24];

                make_room(tune, t, qemu_throttle_limits[i].field);
                if (!v)
                        continue;
                xml_remove_children(tune, qemu_throttle_limits[i].field);
                snprintf(text, sizeof(text), "%llu", (unsigned long long) *v);
                if (*v > 0 && !xml_add(tune, qemu_throttle_limits[i].field, text))
                        return -ENOMEM;
        }
        if (typed_params_get_string(t->val, t->len, "group_name", &group) > 0) {
                xml_remove_children(tune, "group_name");
                if (*group && !xml_add(tune, "group_name", group))
                        return -ENOMEM;
        }
        if (!xml_child(tune, NULL)) {
                xml_remove(tune);
                return 0;
        }
        return check_totals(tune, e);
}

/* Where QEMU has the drive: for some buses the device only holds the one that it belongs to. */
static char *drive_path(const xmlNode *disk) {
        const char *alias = device_alias(disk) ?: "", *bus = xml_get(disk, "target/@bus") ?: "";

        if (streq(bus, "virtio"))
                return text_format("/machine/peripheral/%s/virtio-backend", alias);
        if (streq(bus, "usb"))
                return text_format("/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
        return text_format("%s", alias);
}

static int apply_throttle(Guest *g, const Definition *live, const void *what, Error *e) {
        const Throttle *t = what;
        const xmlNode *disk = find_disk(live, t->disk, e), *tune = xml_child(disk, "iotune");
        const char *group = tune ? xml_get(tune, "group_name") : NULL;
        _cleanup_free_ char *path = disk ? drive_path(disk) : NULL;
        json_t *arguments = path ? json_pack("{s:s}", "id", path) : NULL;
        int r = 0;

        if (!disk)
                return -EINVAL;
        if (!arguments)
                return -ENOMEM;
        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++) {
                uint64_t v = 0;
                const QemuThrottleLimit *limit = &qemu_throttle_limits[i];

                if ((tune && xml_get_u64(tune, limit->field, &v) >= 0) || i < QEMU_THROTTLE_REQUIRED)
                        r |= json_object_set_new(arguments, limit->argument, json_integer((json_int_t) v));
        }
        if (group)
                r |= json_object_set_new(arguments, "group", json_string(group));
        if (r != 0) {
                json_decref(arguments);
                return -ENOMEM;
        }
        return guest_command(g, "block_set_io_throttle", arguments, NULL, e);
}

static int check_params(const remote_domain_set_block_io_tune_args *args, Error *e) {
        TypedParamRule rules[QEMU_THROTTLE_LIMITS + 1];

        for (size_t i = 0; i < QEMU_THROTTLE_LIMITS; i++)
                rules[i] = (TypedParamRule) { qemu_throttle_limits[i].field, TYPED_PARAM_ULLONG, false };
        rules[QEMU_THROTTLE_LIMITS] = (TypedParamRule) { "group_name", TYPED_PARAM_STRING, false };
        return typed_params_validate(args->params.params_val, args->params.params_len, rules, ELEMENTSOF(rules), e);
}

static int set_throttle(Call *c, Guest *g, const remote_domain_set_block_io_tune_args *args, rpc_void *ret, Error *e) {
        const Throttle t = { args->disk, args->params.params_val, args->params.params_len };
        int r = check_params(args, e);

        for (size_t i = 0; r >= 0 && i < QEMU_THROTTLE_LIMITS; i++) {
                const uint64_t *v = given(&t, qemu_throttle_limits[i].field);

                if (v && *v > 1000000000000000ULL)
                        return error_set(e, -EINVAL, ERROR_ARGUMENT_UNSUPPORTED, ORIGIN_QEMU,
                                         "block I/O throttle limit must be no more than 1000000000000000 using QEMU");
        }
        if (r >= 0)
                r = edit_definitions(c, g, &(Edit) { edit_throttle, apply_throttle, &t, NULL }, e);
        if (r >= 0 && call_affects_live(c))
                emit_tunable(g, "blkdeviotune", t.disk, t.val, t.len);
        return r;
}

/* --- size --- */

#define RESIZE_BYTES 1U

static int resize(Call *c, Guest *g, const remote_domain_block_resize_args *args, rpc_void *ret, Error *e) {
        const xmlNode *disk = find_disk(call_definition(c), args->disk, e);
        const char *format = xml_get(disk, "driver/@type"), *index = xml_get(disk, "source/@index");
        uint64_t size = args->size;
        char node[64];

        if (!disk)
                return -EINVAL;
        if (!(args->flags & RESIZE_BYTES) && __builtin_mul_overflow(args->size, (uint64_t) 1024, &size))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "size must be less than %llu",
                                 (unsigned long long) (UINT64_MAX / 1024));
        if (size > INT64_MAX)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the size is too large");
        if (!index)
                return error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "disk '%s' has no image",
                                 args->disk);
        /* qcow2 and its like have whole sectors */
        if (format && !streq(format, "raw"))
                size = (size + 511) / 512 * 512;
        snprintf(node, sizeof(node), "libvirt-%.20s-format", index);
        return guest_command(g, "block_resize",
                             json_pack("{s:s,s:I}", "node-name", node, "size", (json_int_t) size), NULL, e);
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_BLOCK_IO_TUNE, set_throttle, .flags = AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY,
             .needs = NEED_LOCK | NEED_IMPACTS),
        CALL(DOMAIN_BLOCK_RESIZE, resize, .flags = RESIZE_BYTES, .needs = NEED_LOCK | NEED_LIVE),
};
const RpcTable qemu_disk_tuning_table = RPC_TABLE(rows);
