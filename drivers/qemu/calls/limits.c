/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* virsh schedinfo --set, memtune, blkiotune, numatune: limits of the whole guest, which are settings of its unit, and
 * quotas of its threads. */

#include <sys/stat.h>

#include "base/fs.h"
#include "base/path.h"
#include "base/strings.h"
#include "calls/edit.h"
#include "guest/events.h"
#include "hotplug/thread-limits.h"
#include "rpc/typed-params.h"
#include "run/unit-limits.h"

typedef struct Params {
        const remote_typed_param *val;
        unsigned len;
} Params;

static int set_number(Definition *d, const char *parent, const char *element, int64_t v) {
        xmlNode *p = xml_ensure(definition_root(d), parent), *n = p ? xml_ensure(p, element) : NULL;
        char text[24];

        snprintf(text, sizeof(text), "%lld", (long long) v);
        return !n || xml_set_text(n, text) < 0 ? -ENOMEM : 0;
}

/* --- virsh schedinfo --set --- */

#define PERIOD_MIN 1000
#define PERIOD_MAX 1000000
#define QUOTA_MIN 1000
#define SHARES_MAX 262144
#define QUOTA_MAX 17592186044415LL

static const struct {
        const char *field, *element;
        TypedParamType type;
        int64_t min, max;
} schedule_params[] = {
        { "cpu_shares", "shares", TYPED_PARAM_ULLONG, 1, 10000 },
        { "vcpu_period", "period", TYPED_PARAM_ULLONG, PERIOD_MIN, PERIOD_MAX },
        { "vcpu_quota", "quota", TYPED_PARAM_LLONG, QUOTA_MIN, QUOTA_MAX },
        { "emulator_period", "emulator_period", TYPED_PARAM_ULLONG, PERIOD_MIN, PERIOD_MAX },
        { "emulator_quota", "emulator_quota", TYPED_PARAM_LLONG, QUOTA_MIN, QUOTA_MAX },
        { "iothread_period", "iothread_period", TYPED_PARAM_ULLONG, PERIOD_MIN, PERIOD_MAX },
        { "iothread_quota", "iothread_quota", TYPED_PARAM_LLONG, QUOTA_MIN, QUOTA_MAX },
        { "global_period", "global_period", TYPED_PARAM_ULLONG, PERIOD_MIN, PERIOD_MAX },
        { "global_quota", "global_quota", TYPED_PARAM_LLONG, QUOTA_MIN, QUOTA_MAX },
};

static int check_schedule(const Params *p, Error *e) {
        TypedParamRule rules[ELEMENTSOF(schedule_params)];

        for (size_t i = 0; i < ELEMENTSOF(schedule_params); i++)
                rules[i] = (TypedParamRule) { schedule_params[i].field, schedule_params[i].type, false };
        return typed_params_validate(p->val, p->len, rules, ELEMENTSOF(rules), e);
}

static int edit_schedule(Definition *d, const void *what, Error *e) {
        const Params *p = what;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(schedule_params); i++) {
                const remote_typed_param *one = typed_params_find(p->val, p->len, schedule_params[i].field);
                int64_t v = one ? one->value.remote_typed_param_value_u.l : 0;
                bool none = schedule_params[i].type == TYPED_PARAM_LLONG && v < 0;
                /* shares are of the first version of the control groups, whose weights were larger, as documents say */
                bool kept = i == 0 && !xml_attr(definition_root(d), "id");
                int64_t max = kept ? SHARES_MAX : schedule_params[i].max;

                if (!one || (v == 0 && schedule_params[i].type == TYPED_PARAM_ULLONG))
                        continue;
                if (!none && (v < schedule_params[i].min || v > max))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "value of '%s' is out of range [%lld, %lld]", schedule_params[i].field,
                                         (long long) schedule_params[i].min, (long long) max);
                r = set_number(d, "cputune", schedule_params[i].element, none ? -1 : v);
        }
        return r;
}

static int apply_schedule(Guest *g, const Definition *live, const void *what, Error *e) {
        _cleanup_definition_ Definition *before = NULL;
        int r = object_load(&g->object, OBJECT_LIVE, &before, e);

        if (r >= 0)
                r = thread_limits_change(g, before, live, e);
        return r < 0 ? r : edit_apply_unit(g, live, what, e);
}

static int schedule(Call *c, Guest *g, const remote_typed_param *val, unsigned len, Error *e) {
        const Params p = { val, len };
        int r = check_schedule(&p, e);

        if (r >= 0)
                r = edit_definitions(c, g, &(Edit) { edit_schedule, apply_schedule, &p, "the schedule" }, e);
        if (r >= 0 && call_affects_live(c))
                emit_tunable(g, "cputune", NULL, val, len);
        return r;
}

static int set_scheduler(Call *c, Guest *g, const remote_domain_set_scheduler_parameters_args *args, rpc_void *ret,
                         Error *e) {
        return schedule(c, g, args->params.params_val, args->params.params_len, e);
}

static int set_scheduler_flags(Call *c, Guest *g, const remote_domain_set_scheduler_parameters_flags_args *args,
                               rpc_void *ret, Error *e) {
        return schedule(c, g, args->params.params_val, args->params.params_len, e);
}

/* What is asked for, with what systemctl has changed of a guest that runs. */
static int take_shown(Call *c, Guest *g) {
        return call_affects_live(c) ? unit_limits_show(g, call_definition(c)) : 0;
}

/* --- virsh memtune --- */

#define UNLIMITED_KIB 9007199254740991ULL /* VIR_DOMAIN_MEMORY_PARAM_UNLIMITED */

static const char *const memory_params[] = { "hard_limit", "soft_limit", "swap_hard_limit" };

static uint64_t memory_limit(const Definition *d, const char *name) {
        const xmlNode *n = xml_child(xml_child(definition_root(d), "memtune"), name);
        uint64_t bytes;

        return n && size_parse(xml_text(n), xml_attr(n, "unit"), 1024, &bytes) >= 0
                       ? MIN((uint64_t) (bytes / 1024), (uint64_t) UNLIMITED_KIB)
                       : UNLIMITED_KIB;
}

static int get_memory(Call *c, Guest *g, const remote_domain_get_memory_parameters_args *args,
                      remote_domain_get_memory_parameters_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        int r = take_shown(c, g);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(memory_params); i++)
                typed_params_add_ullong(&params, memory_params[i], memory_limit(call_definition(c), memory_params[i]));
        ret->nparams = (int) params.len;
        return r < 0 || args->nparams == 0
                       ? r
                       : typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

static int edit_memory(Definition *d, const void *what, Error *e) {
        const Params *p = what;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(memory_params); i++) {
                xmlNode *tune = xml_ensure(definition_root(d), "memtune");
                uint64_t kib;

                if (typed_params_get_ullong(p->val, p->len, memory_params[i], &kib) <= 0)
                        continue;
                if (tune)
                        xml_remove_children(tune, memory_params[i]);
                if (kib >= UNLIMITED_KIB)
                        continue;
                r = set_number(d, "memtune", memory_params[i], (int64_t) kib);
                if (r >= 0)
                        r = xml_set_attr(xml_child(tune, memory_params[i]), "unit", "KiB");
        }
        if (r >= 0 && memory_limit(d, "hard_limit") > memory_limit(d, "swap_hard_limit"))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "memory hard_limit tunable value must be lower than or equal to swap_hard_limit");
        return r;
}

static int set_memory(Call *c, Guest *g, const remote_domain_set_memory_parameters_args *args, rpc_void *ret,
                      Error *e) {
        static const TypedParamRule rules[] = {
                { "hard_limit", TYPED_PARAM_ULLONG, false },
                { "soft_limit", TYPED_PARAM_ULLONG, false },
                { "swap_hard_limit", TYPED_PARAM_ULLONG, false },
        };
        const Params p = { args->params.params_val, args->params.params_len };
        int r = typed_params_validate(p.val, p.len, rules, ELEMENTSOF(rules), e);

        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit_memory, edit_apply_unit, &p, "memory limits" }, e);
}

/* --- virsh blkiotune --- */

static const struct {
        const char *field, *element;
} device_params[] = {
        { "device_weight", "weight" },
        { "device_read_iops_sec", "read_iops_sec" },
        { "device_write_iops_sec", "write_iops_sec" },
        { "device_read_bytes_sec", "read_bytes_sec" },
        { "device_write_bytes_sec", "write_bytes_sec" },
};

/* "/dev/sda,500,/dev/sdb,800" */
static char *device_limits(const Definition *d, const char *element) {
        _cleanup_strbuf_ StrBuf b = {};

        XML_FOREACH(device, xml_child(definition_root(d), "blkiotune"), "device") {
                const char *path = xml_get(device, "path"), *v = xml_get(device, element);

                if (path && v)
                        strbuf_addf(&b, "%s%s,%s", b.len ? "," : "", path, v);
        }
        return strbuf_take(&b);
}

static int get_blkio(Call *c, Guest *g, const remote_domain_get_blkio_parameters_args *args,
                     remote_domain_get_blkio_parameters_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        uint64_t weight = 0;
        int r = take_shown(c, g);

        if (r < 0)
                return r;
        (void) xml_get_u64(definition_root(call_definition(c)), "blkiotune/weight", &weight);
        typed_params_add_uint(&params, "weight", (unsigned) weight);
        for (size_t i = 0; i < ELEMENTSOF(device_params); i++) {
                _cleanup_free_ char *text = device_limits(call_definition(c), device_params[i].element);

                typed_params_add_string(&params, device_params[i].field, text ?: "");
        }
        if (!(args->flags & TYPED_PARAM_STRING_OKAY))
                typed_params_drop_strings(&params);
        ret->nparams = (int) params.len;
        return args->nparams == 0 ? 0 : typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

static int edit_device(xmlNode *tune, const char *element, const char *path, const char *number, Error *e) {
        xmlNode *device, *n;
        uint64_t v;

        if (path[0] != '/' || parse_u64(number, 10, &v) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "unable to parse blkio device '%s' '%s,%s'", element, path, number);
        device = unit_limits_device(tune, path);
        if (!device)
                return -ENOMEM;
        xml_remove_children(device, element);
        if (v == 0)
                return 0;
        n = xml_add(device, element, number);
        return n ? 0 : -ENOMEM;
}

static int edit_devices(xmlNode *tune, const char *element, const char *text, Error *e) {
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *path;
        int r = copy ? 0 : -ENOMEM;

        while (r >= 0 && rest && *rest) {
                const char *number;

                path = strsep(&rest, ",");
                number = strsep(&rest, ",");
                r = edit_device(tune, element, path, number ?: "", e);
        }
        return r;
}

/* Devices without any limit left are no lines any more. */
static void remove_empty_devices(xmlNode *tune) {
        for (xmlNode *n = xml_child(tune, "device"), *next; n; n = next) {
                next = xml_next(n, "device");
                if (!xml_next(xml_child(n, NULL), NULL))
                        xml_remove(n);
        }
}

static int edit_blkio(Definition *d, const void *what, Error *e) {
        const Params *p = what;
        xmlNode *tune = xml_ensure(definition_root(d), "blkiotune");
        unsigned weight;
        int r = tune ? 0 : -ENOMEM;

        if (r >= 0 && typed_params_get_uint(p->val, p->len, "weight", &weight) > 0) {
                if (weight < 1 || weight > 10000)
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "out of blkio weight range [1, 10000]");
                r = set_number(d, "blkiotune", "weight", weight);
        }
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(device_params); i++) {
                const char *text;

                if (typed_params_get_string(p->val, p->len, device_params[i].field, &text) > 0)
                        r = edit_devices(tune, device_params[i].element, text, e);
        }
        if (tune)
                remove_empty_devices(tune);
        return r;
}

/* systemd passes over a device that it does not find. The limits of a file are those of the device that it is on. */
static int check_device(const char *path, Error *e) {
        struct stat st;

        if (stat(path, &st) < 0)
                return error_set_errno(e, -errno, ORIGIN_QEMU, "Path '%s' is not accessible", path);
        if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return error_set(e, -ENODEV, ERROR_INVALID_ARG, ORIGIN_QEMU, "Path '%s' must be a block device", path);
        return 0;
}

static int apply_blkio(Guest *g, const Definition *live, const void *what, Error *e) {
        const Params *p = what;

        for (size_t i = 0; i < ELEMENTSOF(device_params); i++) {
                const char *text;
                _cleanup_free_ char *copy = NULL;

                if (typed_params_get_string(p->val, p->len, device_params[i].field, &text) <= 0)
                        continue;
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
                for (char *rest = copy, *path; (path = strsep(&rest, ","));) {
                        const char *number = strsep(&rest, ",");
                        int r = streq_ptr(number, "0") ? 0 : check_device(path, e);

                        if (r < 0)
                                return r;
                }
        }
        return edit_apply_unit(g, live, what, e);
}

static int set_blkio(Call *c, Guest *g, const remote_domain_set_blkio_parameters_args *args, rpc_void *ret, Error *e) {
        static const TypedParamRule rules[] = {
                { "weight", TYPED_PARAM_UINT, false },
                { "device_weight", TYPED_PARAM_STRING, false },
                { "device_read_iops_sec", TYPED_PARAM_STRING, false },
                { "device_write_iops_sec", TYPED_PARAM_STRING, false },
                { "device_read_bytes_sec", TYPED_PARAM_STRING, false },
                { "device_write_bytes_sec", TYPED_PARAM_STRING, false },
        };
        const Params p = { args->params.params_val, args->params.params_len };
        int r = typed_params_validate(p.val, p.len, rules, ELEMENTSOF(rules), e);

        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit_blkio, apply_blkio, &p, "block I/O limits" }, e);
}

/* --- virsh numatune: QEMU asks for its memory at the start. While it runs, the kernel can be told to move it. --- */

#define NODES_MAX 1024U

static const char *const numa_modes[] = { "strict", "preferred", "interleave", "restrictive" };

static int get_numa(Call *c, Guest *g, const remote_domain_get_numa_parameters_args *args,
                    remote_domain_get_numa_parameters_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        const xmlNode *memory;
        int mode = 0, r = take_shown(c, g);

        if (r < 0)
                return r;
        memory = xml_find(definition_root(call_definition(c)), "numatune/memory");
        for (size_t i = 0; i < ELEMENTSOF(numa_modes); i++)
                if (xml_attr_is(memory, "mode", numa_modes[i]))
                        mode = (int) i;
        typed_params_add_int(&params, "numa_mode", mode);
        typed_params_add_string(&params, "numa_nodeset", xml_attr(memory, "nodeset") ?: "");
        if (!(args->flags & TYPED_PARAM_STRING_OKAY))
                typed_params_drop_strings(&params);
        ret->nparams = (int) params.len;
        return args->nparams == 0 ? 0 : typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

static int edit_numa(Definition *d, const void *what, Error *e) {
        const Params *p = what;
        xmlNode *tune = xml_ensure(definition_root(d), "numatune"), *memory = tune ? xml_ensure(tune, "memory") : NULL;
        const char *nodes;
        int mode;

        if (!memory)
                return -ENOMEM;
        if (typed_params_get_int(p->val, p->len, "numa_mode", &mode) > 0) {
                if (mode < 0 || mode >= (int) ELEMENTSOF(numa_modes))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unsupported numatune mode: '%d'",
                                         mode);
                if (xml_set_attr(memory, "mode", numa_modes[mode]) < 0)
                        return -ENOMEM;
        }
        if (typed_params_get_string(p->val, p->len, "numa_nodeset", &nodes) > 0) {
                xml_unset_attr(memory, "placement");
                if (xml_set_attr(memory, "nodeset", nodes) < 0)
                        return -ENOMEM;
        }
        if (!xml_attr(memory, "mode") && xml_set_attr(memory, "mode", numa_modes[0]) < 0)
                return -ENOMEM;
        if (!xml_attr(memory, "nodeset") && !xml_attr_is(memory, "placement", "auto"))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "a set of nodes is needed");
        return 0;
}

/* Of a guest that runs, nodes can be changed where its memory is on no others. */
static int check_live_numa(Guest *g, const Params *p, Error *e) {
        _cleanup_definition_ Definition *live = NULL;
        int mode, r = object_load(&g->object, OBJECT_LIVE, &live, e);
        const xmlNode *tune, *memory;
        const char *has;

        if (r < 0)
                return r;
        tune = xml_child(definition_root(live), "numatune");
        memory = xml_child(tune, "memory");
        has = xml_attr(memory, "mode") ?: "strict";
        if (typed_params_get_int(p->val, p->len, "numa_mode", &mode) > 0 && mode >= 0 &&
            mode < (int) ELEMENTSOF(numa_modes) && !streq(numa_modes[mode], has))
                return error_set(e, -EPERM, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "can't change numatune mode for running domain");
        if (!streq(has, "strict") && !streq(has, "restrictive"))
                return error_set(e, -EPERM, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "change of nodeset for running domain requires strict or restrictive numa mode");
        if (xml_child(tune, "memnode"))
                return error_set(e, -EPERM, ERROR_OPERATION_INVALID, ORIGIN_QEMU,
                                 "cells of the running domain have nodes of their own (<memnode>)");
        return 0;
}

/* A set that the host has not is taken by systemd, and refused by the kernel without anybody hearing of it. */
static int check_nodes(const char *nodes, Error *e) {
        uint64_t wanted[NODES_MAX / 64] = {}, there[NODES_MAX / 64] = {};
        _cleanup_free_ char *path = text_format("%s/devices/system/node/has_memory", path_sys()), *text = NULL;
        bool any = false;

        if (!path)
                return -ENOMEM;
        if (file_read(path, 4096, &text, NULL) >= 0)
                text[strcspn(text, "\n")] = 0;
        if (cpuset_parse(text ?: "0", there, NODES_MAX) < 0)
                there[0] = 1;
        if (cpuset_parse(nodes, wanted, NODES_MAX) < 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "invalid set of nodes '%s'", nodes);
        for (unsigned i = 0; i < NODES_MAX; i++) {
                bool one = wanted[i / 64] >> i % 64 & 1;

                any |= one;
                if (one && !(there[i / 64] >> i % 64 & 1))
                        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                         "NUMA node %u is not there, or has no memory", i);
        }
        return any ? 0 : error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "a set of nodes is needed");
}

/* With the mode strict QEMU has asked for the nodes, and the kernel moves what it has by the unit's: which is what it
 * does with restrictive from the start. */
static int restrict_copy(const Definition *d, Definition **ret) {
        int r = definition_copy(d, ret);
        xmlNode *memory;

        if (r < 0)
                return r;
        memory = xml_find(definition_root(*ret), "numatune/memory");
        return memory ? xml_set_attr(memory, "mode", "restrictive") : 0;
}

static int apply_numa(Guest *g, const Definition *live, const void *what, Error *e) {
        _cleanup_definition_ Definition *had = NULL, *before = NULL, *after = NULL;
        const Params *p = what;
        const char *nodes;
        int r = 0;

        if (typed_params_get_string(p->val, p->len, "numa_nodeset", &nodes) > 0)
                r = check_nodes(nodes, e);
        if (r >= 0)
                r = object_load(&g->object, OBJECT_LIVE, &had, e);
        if (r >= 0)
                r = restrict_copy(had, &before);
        if (r >= 0)
                r = restrict_copy(live, &after);
        return r < 0 ? r : unit_limits_change(g, before, after, e);
}

static int set_numa(Call *c, Guest *g, const remote_domain_set_numa_parameters_args *args, rpc_void *ret, Error *e) {
        static const TypedParamRule rules[] = {
                { "numa_mode", TYPED_PARAM_INT, false },
                { "numa_nodeset", TYPED_PARAM_STRING, false },
        };
        const Params p = { args->params.params_val, args->params.params_len };
        int r = typed_params_validate(p.val, p.len, rules, ELEMENTSOF(rules), e);

        if (r >= 0 && call_affects_live(c))
                r = check_live_numa(g, &p, e);
        return r < 0 ? r : edit_definitions(c, g, &(Edit) { edit_numa, apply_numa, &p, "the NUMA policy" }, e);
}

#define FLAGS (AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY)
#define GET (NEED_IMPACT | NEED_DEFINITION)
#define SET (NEED_LOCK | NEED_IMPACTS)

static const RpcHandler rows[] = {
        CALL(DOMAIN_SET_SCHEDULER_PARAMETERS, set_scheduler, .needs = SET),
        CALL(DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS, set_scheduler_flags, .flags = FLAGS, .needs = SET),
        CALL(DOMAIN_GET_MEMORY_PARAMETERS, get_memory, .flags = FLAGS, .needs = GET),
        CALL(DOMAIN_SET_MEMORY_PARAMETERS, set_memory, .flags = FLAGS, .needs = SET),
        CALL(DOMAIN_GET_BLKIO_PARAMETERS, get_blkio, .flags = FLAGS, .needs = GET),
        CALL(DOMAIN_SET_BLKIO_PARAMETERS, set_blkio, .flags = FLAGS, .needs = SET),
        CALL(DOMAIN_GET_NUMA_PARAMETERS, get_numa, .flags = FLAGS, .needs = GET),
        CALL(DOMAIN_SET_NUMA_PARAMETERS, set_numa, .flags = FLAGS, .needs = SET),
};
const RpcTable qemu_limits_table = RPC_TABLE(rows);
