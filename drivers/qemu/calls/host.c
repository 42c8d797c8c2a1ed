/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU on this host, as clients ask for it. */

#include "calls/calls.h"
#include "guest/emulator.h"
#include "hostinfo/cpu.h"

#define MAX_VCPUS_TCG 16 /* what libvirt says for TCG, whatever the machine allows */

static int get_version(Call *c, const rpc_void *args, remote_connect_get_version_ret *ret, Error *e) {
        unsigned version = 0;
        int r;

        r = emulator_version(driver_of(c), &version, e);
        if (r >= 0)
                ret->hv_ver = version;
        return r;
}

static int get_max_vcpus(Call *c, const remote_connect_get_max_vcpus_args *args, remote_connect_get_max_vcpus_ret *ret,
                         Error *e) {
        const char *type = args->type ? *args->type : "qemu";

        if (strcasecmp(type, "qemu") == 0)
                ret->max_vcpus = MAX_VCPUS_TCG;
        else if (strcasecmp(type, "kvm") == 0)
                ret->max_vcpus = host_kvm_max_vcpus();
        else
                return error_set(e, -EINVAL, ERROR_INVALID_ARG, ORIGIN_QEMU, "unknown type '%s'", type);
        return 0;
}

static const RpcHandler rows[] = {
        PLAIN(CONNECT_GET_VERSION, get_version),
        PLAIN(CONNECT_GET_MAX_VCPUS, get_max_vcpus),
};
const RpcTable qemu_host_table = RPC_TABLE(rows);
