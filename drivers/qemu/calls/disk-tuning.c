/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh blkdeviotune, blockresize and domblkthreshold: a disk's limits, its size, and how far it is written, while the
 * guest runs. */

#include "base/strings.h"
#include "calls/edit.h"
#include "calls/throttle.h"
#include "guest/events.h"
#include "qemu/throttle.h"
#include "rpc/typed-params.h"
#include "run/monitor.h"
#include "run/thresholds.h"

static const xmlNode *find_disk(const Definition *d, const char *name, Error *e) {
        const xmlNode *disk = definition_disk(d, name);

        if (!disk)
                error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "disk '%s' was not found in the domain config",
                          name);
        return disk;
}

/* --- limits --- */

/* Another disk of the group: all of them have the same limits. */
static const xmlNode *find_in_group(const Definition *d, const char *group, const xmlNode *but) {
        XML_FOREACH(disk, definition_devices(d), "disk")
                if (disk != but && streq_ptr(xml_get(disk, "iotune/group_name"), group))
                        return xml_child(disk, "iotune");
        return NULL;
}

/* One that joins a group has its limits, and what is said of them is said of all. */
static int join_group(const Definition *d, const xmlNode *disk, xmlNode *tune, const Throttle *t) {
        const char *group;
        const xmlNode *other;

        if (typed_params_get_string(t->val, t->len, "group_name", &group) <= 0 ||
            streq_ptr(xml_get(tune, "group_name"), group))
                return 0;
        other = *group ? find_in_group(d, group, disk) : NULL;
        xml_remove_children(tune, "group_name");
        if (*group && !xml_add(tune, "group_name", group))
                return -ENOMEM;
        return other ? throttle_copy(tune, other) : 0;
}

static int tell_group(const Definition *d, const xmlNode *disk, const xmlNode *tune) {
        const char *group = xml_get(tune, "group_name");
        int r = 0;

        XML_FOREACH(other, definition_devices(d), "disk")
                if (r >= 0 && group && other != disk && streq_ptr(xml_get(other, "iotune/group_name"), group))
                        r = throttle_copy(xml_child(other, "iotune"), tune);
        return r;
}

static int edit_throttle(Definition *d, const void *what, Error *e) {
        const Throttle *t = what;
        xmlNode *disk = (xmlNode *) find_disk(d, t->name, e), *tune;
        int r;

        if (!disk)
                return -EINVAL;
        tune = xml_ensure(disk, "iotune");
        r = tune ? join_group(d, disk, tune, t) : -ENOMEM;
        if (r >= 0)
                r = throttle_edit(tune, t, e);
        if (r >= 0)
                r = tell_group(d, disk, tune);
        if (r >= 0 && !xml_child(tune, NULL))
                xml_remove(tune);
        if (r >= 0)
                definition_sort(d);
        return r;
}

static int apply_throttle(Guest *g, const Definition *live, const void *what, Error *e) {
        const Throttle *t = what;
        const xmlNode *disk = find_disk(live, t->name, e);
        json_t *arguments = disk ? qemu_throttle_arguments(disk) : NULL;

        if (!disk)
                return -EINVAL;
        return arguments ? guest_command(g, "block_set_io_throttle", arguments, NULL, e) : -ENOMEM;
}

static int set_throttle(Call *c, Guest *g, const remote_domain_set_block_io_tune_args *args, rpc_void *ret, Error *e) {
        const Throttle t = { args->disk, args->params.params_val, args->params.params_len };
        int r = throttle_check(&t, e);

        if (r >= 0)
                r = edit_definitions(c, g, &(Edit) { edit_throttle, apply_throttle, &t, NULL }, e);
        if (r >= 0 && call_affects_live(c))
                emit_tunable(g, "blkdeviotune", t.name, t.val, t.len);
        return r;
}

/* --- size --- */

#define RESIZE_BYTES 1U

/* The node on top of an image: raw ones have no format from QEMU 9.0 on, parts of files had none before. */
static int top_node(Guest *g, const char *index, char *node, size_t size, Error *e) {
        static const char *const layers[] = { "format", "slice-sto", "storage" };
        json_t *nodes = NULL, *n;
        size_t i;
        int r = guest_command(g, "query-named-block-nodes", json_pack("{s:b}", "flat", true), &nodes, e);

        for (size_t layer = 0; r >= 0 && layer < ELEMENTSOF(layers); layer++) {
                snprintf(node, size, "libvirt-%.20s-%s", index, layers[layer]);
                json_array_foreach(nodes, i, n)
                        if (streq_ptr(json_string_value(json_object_get(n, "node-name")), node)) {
                                json_decref(nodes);
                                return 0;
                        }
        }
        json_decref(nodes);
        return r < 0 ? r : error_set(e, -ENOENT, ERROR_INTERNAL, ORIGIN_QEMU, "QEMU has no image of number %s", index);
}

static int resize(Call *c, Guest *g, const remote_domain_block_resize_args *args, rpc_void *ret, Error *e) {
        const xmlNode *disk = find_disk(call_definition(c), args->disk, e);
        const char *format = xml_get(disk, "driver/@type"), *index = xml_get(disk, "source/@index");
        uint64_t size = args->size;
        char node[64];
        int r;

        if (!disk)
                return -EINVAL;
        if (!(args->flags & RESIZE_BYTES) && __builtin_mul_overflow(args->size, (uint64_t) 1024, &size))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "size must be less than %llu",
                                 (unsigned long long) (UINT64_MAX / 1024));
        if (size > INT64_MAX)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the size is too large");
        if (!index || xml_child(disk, "readonly"))
                return error_set(e, -EROFS, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "can't resize empty or readonly disk '%s'", args->disk);
        /* qcow2 and its like have whole sectors */
        if (format && !streq(format, "raw"))
                size = (size + 511) / 512 * 512;
        r = top_node(g, index, node, sizeof(node), e);
        if (r < 0)
                return r;
        return guest_command(g, "block_resize",
                             json_pack("{s:s,s:I}", "node-name", node, "size", (json_int_t) size), NULL, e);
}

/* --- how far it is written --- */

/* "vda", or "vda[3]" for the image of that number. */
static int parse_image(const char *name, char **ret_disk, unsigned *ret_number, Error *e) {
        const char *open = strchr(name, '['), *end = open ? strchr(open, ']') : NULL;
        _cleanup_free_ char *disk = strndup(name, open ? (size_t) (open - name) : strlen(name)), *number = NULL;

        *ret_number = 0;
        number = end && !end[1] ? strndup(open + 1, (size_t) (end - open - 1)) : NULL;
        if (!disk || !*disk || (open && (!number || parse_uint(number, ret_number) < 0)))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "failed to parse block device '%s'", name);
        *ret_disk = TAKE_PTR(disk);
        return 0;
}

/* The number of an image of the disk; 0 is the first one. */
static int find_image(const Definition *d, const char *name, unsigned *ret, Error *e) {
        _cleanup_free_ char *target = NULL;
        const xmlNode *disk = NULL;
        unsigned wanted, own;
        int r = parse_image(name, &target, &wanted, e);

        if (r < 0)
                return r;
        XML_FOREACH(one, definition_devices(d), "disk")
                if (streq_ptr(xml_get(one, "target/@dev"), target))
                        disk = one;
        if (!disk)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "failed to find disk '%s'", target);
        if (xml_attr_is(disk, "type", "vhostuser"))
                return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_QEMU,
                                 "setting device threshold is not supported for vhostuser disk");
        for (const xmlNode *layer = disk; layer; layer = xml_child(layer, "backingStore"))
                if (definition_image_number(layer, &own) >= 0 && (wanted == 0 || own == wanted)) {
                        *ret = own;
                        return 0;
                }
        return wanted ? error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                  "failed to find disk '%s' with index '%u'", target, wanted)
                      : error_set(e, -EINVAL, ERROR_OPERATION_INVALID, ORIGIN_QEMU, "disk '%s' has no image", target);
}

static int set_threshold(Call *c, Guest *g, const remote_domain_set_block_threshold_args *args, rpc_void *ret,
                         Error *e) {
        unsigned number = 0;
        char node[32];
        int r = find_image(call_definition(c), args->dev, &number, e);

        if (r >= 0 && args->threshold > INT64_MAX)
                r = error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "the threshold is too large");
        if (r < 0)
                return r;
        snprintf(node, sizeof(node), "libvirt-%u-storage", number);
        r = guest_command(g, "block-set-write-threshold",
                          json_pack("{s:s,s:I}", "node-name", node, "write-threshold", (json_int_t) args->threshold),
                          NULL, e);
        return r < 0 || !g->run ? r : threshold_note(g, number, strchr(args->dev, '['));
}

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_BLOCK_IO_TUNE, set_throttle, .flags = AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY,
             .needs = NEED_LOCK | NEED_IMPACTS),
        CALL(DOMAIN_BLOCK_RESIZE, resize, .flags = RESIZE_BYTES, .needs = NEED_LOCK | NEED_LIVE),
        CALL(DOMAIN_SET_BLOCK_THRESHOLD, set_threshold, .needs = NEED_LOCK | NEED_LIVE),
};
const RpcTable qemu_disk_tuning_table = RPC_TABLE(rows);
