/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host's figures: memory, free pages, processor time, what KSM shares, and what its firmware tells. */

#include "base/strings.h"
#include "hostinfo/cpu.h"
#include "hostinfo/dmi.h"
#include "hostinfo/memory.h"
#include "rpc/typed-params.h"
#include "server.h"

/* Clients ask twice: with nparams 0 for the number, then for that many. */

typedef struct Figure {
        const char *name;
        uint64_t value;
} Figure;

static int check_number(int nparams, size_t n, const char *function, Error *e) {
        if (nparams == (int) n)
                return 0;
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "nparams in %s must be equal to %zu", function, n);
}

/* The two lists of name and value are the same on the wire. */
_Static_assert(sizeof(remote_node_get_cpu_stats) == sizeof(remote_node_get_memory_stats), "lists of figures differ");

static int reply_figures(const Figure *figures, size_t n, remote_node_get_memory_stats **ret, unsigned *ret_len) {
        *ret = calloc(n, sizeof(**ret));
        if (!*ret)
                return -ENOMEM;
        *ret_len = (unsigned) n;
        for (size_t i = 0; i < n; i++) {
                (*ret)[i].value = figures[i].value;
                (*ret)[i].field = strdup(figures[i].name);
                if (!(*ret)[i].field)
                        return -ENOMEM;
        }
        return 0;
}

static int no_cell(int cell, const char *function, Error *e) {
        return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE,
                         "cellNum %i in %s must be less than or equal to %i", cell, function, host_last_cell());
}

static int get_memory_stats(Call *c, const remote_node_get_memory_stats_args *args,
                            remote_node_get_memory_stats_ret *ret, Error *e) {
        /* Of a cell the kernel tells the first two. */
        size_t n = args->cellNum == HOST_ALL_CELLS ? 5 : 2;
        HostMemory m;
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r < 0)
                return r;
        r = host_memory_read(args->cellNum, &m);
        if (r == -ENOENT)
                return no_cell(args->cellNum, "virNodeGetMemoryStats", e);
        if (r < 0)
                return r;
        ret->nparams = (int) n;
        if (args->nparams == 0)
                return 0;
        r = check_number(args->nparams, n, "virNodeGetMemoryStats", e);
        if (r < 0)
                return r;
        return reply_figures((const Figure[]){ { "total", m.total },
                                               { "free", m.free },
                                               { "buffers", m.buffers },
                                               { "cached", m.cached },
                                               { "available", m.available } },
                             n, &ret->params.params_val, &ret->params.params_len);
}

static int get_cpu_stats(Call *c, const remote_node_get_cpu_stats_args *args, remote_node_get_cpu_stats_ret *ret,
                         Error *e) {
        HostCpuTimes t;
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r < 0)
                return r;
        r = host_cpu_times(args->cpuNum, &t);
        if (r == -ENOENT)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "Invalid cpuNum %i in virNodeGetCPUStats",
                                 args->cpuNum);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NONE, "cannot read the processors' times");
        ret->nparams = 5;
        if (args->nparams == 0)
                return 0;
        r = check_number(args->nparams, 5, "virNodeGetCPUStats", e);
        if (r < 0)
                return r;
        return reply_figures((const Figure[]){ { "kernel", t.kernel },
                                               { "user", t.user },
                                               { "idle", t.idle },
                                               { "iowait", t.iowait },
                                               { "guest", t.guest } },
                             5, (remote_node_get_memory_stats **) &ret->params.params_val, &ret->params.params_len);
}

static int get_free_memory(Call *c, const rpc_void *args, remote_node_get_free_memory_ret *ret, Error *e) {
        HostMemory m;
        int r;

        r = host_memory_read(HOST_ALL_CELLS, &m);
        if (r < 0)
                return error_set_errno(e, r, ORIGIN_NONE, "cannot read the host's memory");
        ret->freeMem = m.free * 1024U;
        return 0;
}

static int check_cells(int start, int64_t count, Error *e) {
        if (start < 0 || start > host_last_cell())
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "start cell %i out of range (0-%i)", start,
                                 host_last_cell());
        if (count <= 0 || count > REMOTE_NODE_MAX_CELLS)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "number of cells must be from 1 to %i",
                                 REMOTE_NODE_MAX_CELLS);
        return 0;
}

static int get_cells_free_memory(Call *c, const remote_node_get_cells_free_memory_args *args,
                                 remote_node_get_cells_free_memory_ret *ret, Error *e) {
        int end, r;

        r = check_cells(args->startCell, args->maxcells, e);
        if (r < 0)
                return r;
        end = MIN(args->startCell + args->maxcells - 1, host_last_cell());
        ret->cells.cells_val = calloc((size_t) (end - args->startCell + 1), sizeof(*ret->cells.cells_val));
        if (!ret->cells.cells_val)
                return -ENOMEM;
        for (int cell = args->startCell; cell <= end; cell++) {
                HostMemory m = {};

                (void) host_memory_read(cell, &m); /* there may be holes among the numbers */
                ret->cells.cells_val[ret->cells.cells_len++] = m.free * 1024U;
        }
        return 0;
}

static int add_free_pages(int cell, const remote_node_get_free_pages_args *args, remote_node_get_free_pages_ret *ret,
                          Error *e) {
        for (unsigned i = 0; i < args->pages.pages_len; i++) {
                uint64_t n = 0;
                int r;

                r = host_free_pages(cell, args->pages.pages_val[i], &n);
                if (r == -ENXIO)
                        return error_set(e, -EINVAL, ERROR_OPERATION_FAILED, ORIGIN_NONE,
                                         "page size %u is not available on node %i", args->pages.pages_val[i], cell);
                if (r < 0 && r != -ENOENT)
                        return r;
                ret->counts.counts_val[ret->counts.counts_len++] = n;
        }
        return 0;
}

static int get_free_pages(Call *c, const remote_node_get_free_pages_args *args, remote_node_get_free_pages_ret *ret,
                          Error *e) {
        uint64_t total = (uint64_t) args->pages.pages_len * args->cellCount;
        int end, r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r >= 0)
                r = check_cells(args->startCell, args->cellCount, e);
        if (r < 0)
                return r;
        if (total == 0 || total > REMOTE_NODE_MAX_CELLS)
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_NONE, "too many pages and cells: %u and %u",
                                 args->pages.pages_len, args->cellCount);
        end = MIN(args->startCell + (int) args->cellCount - 1, host_last_cell());
        ret->counts.counts_val = calloc(total, sizeof(*ret->counts.counts_val));
        if (!ret->counts.counts_val)
                return -ENOMEM;
        for (int cell = args->startCell; cell <= end && r >= 0; cell++)
                r = add_free_pages(cell, args, ret, e);
        return r;
}

/* What the kernel has of KSM; nothing where it was built without. */
static int get_memory_parameters(Call *c, const remote_node_get_memory_parameters_args *args,
                                 remote_node_get_memory_parameters_ret *ret, Error *e) {
        static const struct {
                const char *field, *file;
                bool wide;
        } rows[] = {
                { "shm_pages_to_scan", "pages_to_scan", false },
                { "shm_sleep_millisecs", "sleep_millisecs", false },
                { "shm_pages_shared", "pages_shared", true },
                { "shm_pages_sharing", "pages_sharing", true },
                { "shm_pages_unshared", "pages_unshared", true },
                { "shm_pages_volatile", "pages_volatile", true },
                { "shm_full_scans", "full_scans", true },
                { "shm_merge_across_nodes", "merge_across_nodes", false },
        };
        _cleanup_typed_params_ TypedParams p = {};
        uint64_t value;
        int r;

        r = call_check_flags(c, args->flags, TYPED_PARAM_STRING_OKAY, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (host_ksm_read(rows[i].file, &value) >= 0) {
                        if (rows[i].wide)
                                typed_params_add_ullong(&p, rows[i].field, value);
                        else
                                typed_params_add_uint(&p, rows[i].field, (unsigned) value);
                }
        ret->nparams = (int) p.len;
        if (args->nparams == 0)
                return 0;
        if (args->nparams < (int) p.len)
                return check_number(args->nparams, p.len, "virNodeGetMemoryParameters", e);
        return typed_params_take(&p, &ret->params.params_val, &ret->params.params_len);
}

static int get_sysinfo(Call *c, const remote_connect_get_sysinfo_args *args, remote_connect_get_sysinfo_ret *ret,
                       Error *e) {
        int r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r < 0)
                return r;
        r = host_dmi_document(&ret->sysinfo);
        if (r == -ENOENT)
                return error_set(e, -EOPNOTSUPP, ERROR_CONFIG_UNSUPPORTED, ORIGIN_NONE,
                                 "Host SMBIOS information is not available");
        return r;
}

static const RpcHandler handlers[] = {
        REMOTE_HANDLER(NODE_GET_MEMORY_STATS, get_memory_stats),
        REMOTE_HANDLER(NODE_GET_CPU_STATS, get_cpu_stats),
        REMOTE_HANDLER(NODE_GET_FREE_MEMORY, get_free_memory),
        REMOTE_HANDLER(NODE_GET_CELLS_FREE_MEMORY, get_cells_free_memory),
        REMOTE_HANDLER(NODE_GET_FREE_PAGES, get_free_pages),
        REMOTE_HANDLER(NODE_GET_MEMORY_PARAMETERS, get_memory_parameters),
        REMOTE_HANDLER(CONNECT_GET_SYSINFO, get_sysinfo),
};

const RpcTable node_stats_table = RPC_TABLE(handlers);
