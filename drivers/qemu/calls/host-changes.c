/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What clients change of the host itself: huge pages, what KSM does, sleep. A unit does it, vm-host@.service: this
 * daemon may not. */

#include "base/strings.h"
#include "calls/calls.h"
#include "hostinfo/memory.h"
#include "object/work.h"
#include "rpc/typed-params.h"

static const WorkKind work = {
        .folder = "host", .unit = "vm-host", .origin = ORIGIN_NONE, .timeout = 70U * 1000000U,
        .late = "the kernel does not come back from it",
};

/* lines: NULL-terminated, keys and values. */
static int change_host(Call *c, char *const *lines, Error *e) {
        return object_work(driver_of(c)->systemd, &work, (const char *const *) lines, e);
}

/* --- huge pages --- */

#define ALLOC_PAGES_SET 1U
#define PAGES_MAX 64U /* cells and sizes in one call */

static int check_pages(const remote_node_alloc_pages_args *args, int *ret_end, Error *e) {
        int last = host_last_cell();

        if (args->startCell < HOST_ALL_CELLS || args->startCell > last)
                return error_set(e, -EINVAL, ERROR_INTERNAL, ORIGIN_NONE, "start cell %i out of range (0-%i)",
                                 args->startCell, last);
        if (args->pageSizes.pageSizes_len != args->pageCounts.pageCounts_len || args->pageSizes.pageSizes_len == 0)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "%u sizes of pages, and %u counts",
                                 args->pageSizes.pageSizes_len, args->pageCounts.pageCounts_len);
        if (args->cellCount == 0 || args->pageSizes.pageSizes_len > PAGES_MAX ||
            args->cellCount > PAGES_MAX / args->pageSizes.pageSizes_len)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "too many pages and cells: %u and %u",
                                 args->pageSizes.pageSizes_len, args->cellCount);
        for (unsigned i = 0; i < args->pageSizes.pageSizes_len; i++)
                if (args->pageSizes.pageSizes_val[i] == (unsigned) (sysconf(_SC_PAGESIZE) / 1024))
                        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NONE,
                                         "system pages pool can't be modified");
        *ret_end = args->startCell < 0 ? args->startCell : MIN(args->startCell + (int) args->cellCount - 1, last);
        return 0;
}

static int alloc_pages(Call *c, const remote_node_alloc_pages_args *args, remote_node_alloc_pages_ret *ret, Error *e) {
        const char *how = args->flags & ALLOC_PAGES_SET ? "set" : "add";
        _cleanup_strv_ char **lines = NULL;
        int end = HOST_ALL_CELLS, n = 0, r;

        r = check_pages(args, &end, e);
        for (int cell = args->startCell; r >= 0 && cell <= end; cell++)
                for (unsigned i = 0; r >= 0 && i < args->pageSizes.pageSizes_len; i++, n++) {
                        r = strv_add(&lines, "pages");
                        if (r >= 0)
                                r = strv_addf(&lines, "%i %u %llu %s", cell, args->pageSizes.pageSizes_val[i],
                                              (unsigned long long) args->pageCounts.pageCounts_val[i], how);
                }
        if (r >= 0)
                r = change_host(c, lines, e);
        ret->ret = n;
        return r;
}

/* --- what KSM does --- */

static int set_memory_parameters(Call *c, const remote_node_set_memory_parameters_args *args, rpc_void *ret,
                                 Error *e) {
        static const TypedParamRule rules[] = {
                { "shm_pages_to_scan", TYPED_PARAM_UINT, false },
                { "shm_sleep_millisecs", TYPED_PARAM_UINT, false },
                { "shm_merge_across_nodes", TYPED_PARAM_UINT, false },
        };
        const remote_typed_param *p = args->params.params_val;
        _cleanup_strv_ char **lines = NULL;
        uint64_t now;
        int r;

        r = typed_params_validate(p, args->params.params_len, rules, ELEMENTSOF(rules), e);
        for (unsigned i = 0; r >= 0 && i < args->params.params_len; i++) {
                const char *file = strchr(p[i].field, '_') + 1;

                if (host_ksm_read(file, &now) < 0)
                        return error_set(e, -EOPNOTSUPP, ERROR_OPERATION_UNSUPPORTED, ORIGIN_NONE,
                                         "Parameter '%s' is not supported by this kernel", p[i].field);
                r = strv_add(&lines, "ksm");
                if (r >= 0)
                        r = strv_addf(&lines, "%s %u", file, p[i].value.remote_typed_param_value_u.ui);
        }
        return r < 0 || !lines ? r : change_host(c, lines, e);
}

/* --- sleep --- */

#define SLEEP_MIN 60U /* seconds: what is shorter might be over before the host sleeps */

static int suspend(Call *c, const remote_node_suspend_for_duration_args *args, rpc_void *ret, Error *e) {
        static const char *const targets[] = { "suspend", "hibernate", "hybrid-sleep" };
        _cleanup_free_ char *value = NULL;

        if (args->target >= ELEMENTSOF(targets))
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "Invalid suspend target: %u",
                                 args->target);
        if (args->duration > 0 && args->duration < SLEEP_MIN)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "Suspend duration is too short");
        value = text_format("%s %llu", targets[args->target], (unsigned long long) args->duration);
        return value ? change_host(c, (char *[]) { (char *) "suspend", value, NULL }, e) : -ENOMEM;
}

static const RpcHandler rows[] = {
        PLAIN(NODE_ALLOC_PAGES, alloc_pages, .flags = ALLOC_PAGES_SET),
        PLAIN(NODE_SET_MEMORY_PARAMETERS, set_memory_parameters),
        PLAIN(NODE_SUSPEND_FOR_DURATION, suspend),
};
const RpcTable qemu_host_changes_table = RPC_TABLE(rows);
