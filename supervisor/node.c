/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host, as clients of any hypervisor ask for it. A driver that knows better (Xen's guests have another view of the
 * machine than the hypervisor) has a handler of its own, which comes first. */

#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/strings.h"
#include "hostinfo/cpu.h"
#include "hostinfo/name.h"
#include "server.h"

static int get_hostname(Call *c, const rpc_void *args, remote_connect_get_hostname_ret *ret, Error *e) {
        int r;

        r = host_name(&ret->hostname);
        return r < 0 ? error_set_errno(e, r, ORIGIN_NONE, "cannot get the host's name") : 0;
}

static int get_info(Call *c, const rpc_void *args, remote_node_get_info_ret *ret, Error *e) {
        struct utsname name;
        struct sysinfo info;
        HostCpu cpu;

        if (uname(&name) < 0 || sysinfo(&info) < 0)
                return error_set_errno(e, -errno, ORIGIN_NONE, "cannot get facts about the host");
        host_cpu_read(&cpu);
        snprintf(ret->model, sizeof(ret->model), "%.31s", name.machine);
        ret->memory = (uint64_t) info.totalram * info.mem_unit / 1024U;
        ret->cpus = cpu.online;
        ret->mhz = cpu.mhz;
        ret->nodes = cpu.nodes;
        ret->sockets = cpu.sockets;
        ret->cores = cpu.cores;
        ret->threads = cpu.threads;
        return 0;
}

static int get_cpu_map(Call *c, const remote_node_get_cpu_map_args *args, remote_node_get_cpu_map_ret *ret, Error *e) {
        uint8_t map[REMOTE_CPUMAP_MAX] = {};
        unsigned online = 0;
        int present, r;

        r = call_check_flags(c, args->flags, 0, e);
        if (r < 0)
                return r;
        present = host_cpu_map(map, sizeof(map), &online);
        if (present < 0)
                return error_set_errno(e, present, ORIGIN_NONE, "cannot read the host's CPUs");
        if (args->need_map) {
                size_t size = (size_t) (present + 7) / 8;

                ret->cpumap.cpumap_val = calloc(1, size);
                if (!ret->cpumap.cpumap_val)
                        return -ENOMEM;
                memcpy(ret->cpumap.cpumap_val, map, size);
                ret->cpumap.cpumap_len = (unsigned) size;
        }
        ret->online = args->need_online ? online : 0;
        ret->ret = present;
        return 0;
}

/* The array of characters with its end, as the wire wants it. */
static int characters(const char *s, char **ret, unsigned *ret_len) {
        *ret = strdup(s);
        *ret_len = (unsigned) strlen(s) + 1;
        return *ret ? 0 : -ENOMEM;
}

/* Guests are kept apart by users: what libvirt's clients know as "dac". */
static int get_security_model(Call *c, const rpc_void *args, remote_node_get_security_model_ret *ret, Error *e) {
        int r;

        r = characters("dac", &ret->model.model_val, &ret->model.model_len);
        if (r >= 0)
                r = characters("0", &ret->doi.doi_val, &ret->doi.doi_len);
        return r;
}

static const RpcHandler handlers[] = {
        REMOTE_HANDLER(CONNECT_GET_HOSTNAME, get_hostname),
        REMOTE_HANDLER(NODE_GET_INFO, get_info),
        REMOTE_HANDLER(NODE_GET_CPU_MAP, get_cpu_map),
        REMOTE_HANDLER(NODE_GET_SECURITY_MODEL, get_security_model),
};

static const RpcTable *const tables[] = { &node_stats_table, NULL };

const Driver driver_node = {
        .name = "node",
        .origin = ORIGIN_NONE,
        .handlers = handlers,
        .n_handlers = ELEMENTSOF(handlers),
        .tables = tables,
};
