/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits of a guest, as its definition says: of its disks, and of its share of the processors. */

#include "base/strings.h"
#include "calls/calls.h"
#include "rpc/typed-params.h"
#include "run/unit-limits.h"

/* --- disks --- */

/* In the order of libvirt; what is not limited is 0. */
static void add_throttles(TypedParams *p, const xmlNode *disk) {
        static const char *const kinds[] = {
                "total_bytes_sec", "read_bytes_sec", "write_bytes_sec",
                "total_iops_sec",  "read_iops_sec",  "write_iops_sec",
        };
        static const char *const suffixes[] = { "", "_max", "_max_length" };
        const xmlNode *tune = xml_child(disk, "iotune");

        for (size_t s = 0; s < ELEMENTSOF(suffixes); s++) {
                for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                        char name[TYPED_PARAM_FIELD_MAX + 1];
                        uint64_t v = 0;

                        snprintf(name, sizeof(name), "%s%s", kinds[k], suffixes[s]);
                        if (tune)
                                (void) xml_get_u64(tune, name, &v);
                        typed_params_add_ullong(p, name, v);
                }
                if (s == 1) {
                        uint64_t v = 0;

                        if (tune)
                                (void) xml_get_u64(tune, "size_iops_sec", &v);
                        typed_params_add_ullong(p, "size_iops_sec", v);
                        typed_params_add_string(p, "group_name", (tune ? xml_get(tune, "group_name") : NULL) ?: "");
                }
        }
}

static int get_block_io_tune(Call *c, Guest *g, const remote_domain_get_block_io_tune_args *args,
                             remote_domain_get_block_io_tune_ret *ret, Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        const xmlNode *disk = args->disk ? definition_disk(call_definition(c), *args->disk) : NULL;

        if (!disk && args->disk)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU,
                                 "disk '%s' was not found in the domain config", *args->disk);
        add_throttles(&params, disk);
        if (!(args->flags & TYPED_PARAM_STRING_OKAY))
                typed_params_drop_strings(&params);
        ret->nparams = (int) params.len;
        /* who gives no room asks how much it takes */
        return args->nparams == 0 ? 0 : typed_params_take(&params, &ret->params.params_val, &ret->params.params_len);
}

/* --- processors --- */

#define SHARES_DEFAULT 100U            /* the kernel's cpu.weight */
#define PERIOD_DEFAULT 100000U         /* microseconds */
#define QUOTA_NONE 17592186044415LL    /* what libvirt calls none: the kernel's largest */
#define SCHEDULER_PARAMS 9

/* What nobody has said is the kernel's own while the guest runs, and 0 in a definition. */
static void add_group(TypedParams *p, const xmlNode *root, bool live, const char *words, const char *element) {
        uint64_t period = live ? PERIOD_DEFAULT : 0, quota = live ? (uint64_t) QUOTA_NONE : 0;
        char path[64];

        snprintf(path, sizeof(path), "cputune/%speriod", element);
        (void) xml_get_u64(root, path, &period);
        snprintf(path, sizeof(path), "cputune/%squota", element);
        (void) xml_get_u64(root, path, &quota); /* a negative one is none */
        typed_params_add_ullong(p, TYPED_PARAM_NAME("%s_period", words), period);
        typed_params_add_llong(p, TYPED_PARAM_NAME("%s_quota", words), (int64_t) MIN(quota, (uint64_t) INT64_MAX));
}

static void add_schedule(TypedParams *p, const xmlNode *root, bool live) {
        uint64_t shares = live ? SHARES_DEFAULT : 0;

        (void) xml_get_u64(root, "cputune/shares", &shares);
        typed_params_add_ullong(p, "cpu_shares", shares);
        add_group(p, root, live, "vcpu", "");
        add_group(p, root, live, "emulator", "emulator_");
        add_group(p, root, live, "global", "global_");
        add_group(p, root, live, "iothread", "iothread_");
}

static int get_scheduler_type(Call *c, Guest *g, const remote_domain_get_scheduler_type_args *args,
                              remote_domain_get_scheduler_type_ret *ret, Error *e) {
        ret->nparams = SCHEDULER_PARAMS;
        return reply_string(&ret->type, "posix");
}

static int schedule(Call *c, Guest *g, bool live, int room, remote_typed_param **ret_val, unsigned *ret_len,
                    Error *e) {
        _cleanup_typed_params_ TypedParams params = {};
        int r = live ? unit_limits_show(g, call_definition(c)) : 0;

        if (r < 0)
                return r;
        if (room < SCHEDULER_PARAMS)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "there are %d parameters, and room for %d",
                                 SCHEDULER_PARAMS, room);
        add_schedule(&params, definition_root(call_definition(c)), live);
        return typed_params_take(&params, ret_val, ret_len);
}

static int get_scheduler_parameters(Call *c, Guest *g, const remote_domain_get_scheduler_parameters_args *args,
                                    remote_domain_get_scheduler_parameters_ret *ret, Error *e) {
        return schedule(c, g, guest_is_active(g), args->nparams, &ret->params.params_val, &ret->params.params_len,
                        e);
}

static int get_scheduler_parameters_flags(Call *c, Guest *g,
                                          const remote_domain_get_scheduler_parameters_flags_args *args,
                                          remote_domain_get_scheduler_parameters_flags_ret *ret, Error *e) {
        return schedule(c, g, call_affects_live(c), args->nparams, &ret->params.params_val, &ret->params.params_len,
                        e);
}

#define TUNING_FLAGS (AFFECT_LIVE | AFFECT_CONFIG | TYPED_PARAM_STRING_OKAY)

static const RpcHandler rows[] = {
        CALL(DOMAIN_GET_BLOCK_IO_TUNE, get_block_io_tune, .flags = TUNING_FLAGS,
             .needs = NEED_IMPACT | NEED_DEFINITION),
        CALL(DOMAIN_GET_SCHEDULER_TYPE, get_scheduler_type),
        CALL(DOMAIN_GET_SCHEDULER_PARAMETERS, get_scheduler_parameters, .needs = NEED_CURRENT),
        CALL(DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS, get_scheduler_parameters_flags, .flags = TUNING_FLAGS,
             .needs = NEED_IMPACT | NEED_DEFINITION),
};
const RpcTable qemu_tuning_table = RPC_TABLE(rows);
