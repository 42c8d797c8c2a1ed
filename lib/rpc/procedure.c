/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of procedures, made from the lists in rpc/, and the codec of each. */

#include "rpc/procedure.h"

#define CODEC_(prefix, NAME, a, r)                                                                           \
        const RpcCodec prefix##_codec_##NAME = {                                                             \
                .args = (xdrproc_t) (void (*)(void)) xdr_##a,                                                \
                .ret = (xdrproc_t) (void (*)(void)) xdr_##r,                                                 \
                .args_size = sizeof(a),                                                                      \
                .ret_size = sizeof(r),                                                                       \
        };
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) CODEC_(remote, NAME, args, ret)
#include "rpc/remote-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) CODEC_(qemu, NAME, args, ret)
#include "rpc/qemu-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) CODEC_(admin, NAME, args, ret)
#include "rpc/admin-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) CODEC_(log, NAME, args, ret)
#include "rpc/log-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) CODEC_(lock, NAME, args, ret)
#include "rpc/lock-procedures.h"
#undef RPC_PROCEDURE

#define RPC_PROCEDURE(n, NAME, a, args, ret, f, k, c, s)                                                     \
        { .number = n, .api = a, .flags = f, .kind = k, .acl = c, .filter = s },
static const RpcProcedure remote_procedures[] = {
#include "rpc/remote-procedures.h"
};
static const RpcProcedure qemu_procedures[] = {
#include "rpc/qemu-procedures.h"
};
static const RpcProcedure admin_procedures[] = {
#include "rpc/admin-procedures.h"
};
static const RpcProcedure log_procedures[] = {
#include "rpc/log-procedures.h"
};
static const RpcProcedure lock_procedures[] = {
#include "rpc/lock-procedures.h"
};
#undef RPC_PROCEDURE

static const struct {
        uint32_t program;
        const RpcProcedure *procedures;
        size_t n;
} programs[] = {
        { REMOTE_PROGRAM, remote_procedures, ELEMENTSOF(remote_procedures) },
        { QEMU_PROGRAM, qemu_procedures, ELEMENTSOF(qemu_procedures) },
        { ADMIN_PROGRAM, admin_procedures, ELEMENTSOF(admin_procedures) },
        { LOG_PROGRAM, log_procedures, ELEMENTSOF(log_procedures) },
        { LOCK_PROGRAM, lock_procedures, ELEMENTSOF(lock_procedures) },
};

const RpcProcedure *rpc_procedures(uint32_t program, size_t *ret_n) {
        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (programs[i].program == program) {
                        *ret_n = programs[i].n;
                        return programs[i].procedures;
                }
        *ret_n = 0;
        return NULL;
}

/* The numbers of every program run from 1 without a hole (the unit test walks them), so the row is at number - 1. */
const RpcProcedure *rpc_procedure(uint32_t program, int32_t number) {
        const RpcProcedure *p;
        size_t n;

        p = rpc_procedures(program, &n);
        if (!p || number < 1 || (size_t) number > n)
                return NULL;
        return &p[number - 1];
}

static const uint8_t kind_origins[_RPC_KIND_MAX] = {
        [RPC_KIND_CONNECT] = ORIGIN_NONE,
        [RPC_KIND_AUTH] = ORIGIN_AUTH,
        [RPC_KIND_HOST] = ORIGIN_NONE,
        [RPC_KIND_DOMAIN] = ORIGIN_DOM,
        [RPC_KIND_SNAPSHOT] = ORIGIN_DOMAIN_SNAPSHOT,
        [RPC_KIND_CHECKPOINT] = ORIGIN_DOMAIN_CHECKPOINT,
        [RPC_KIND_NETWORK] = ORIGIN_NETWORK,
        [RPC_KIND_NETWORK_PORT] = ORIGIN_NETWORK,
        [RPC_KIND_STORAGE_POOL] = ORIGIN_STORAGE,
        [RPC_KIND_STORAGE_VOL] = ORIGIN_STORAGE,
        [RPC_KIND_NODEDEV] = ORIGIN_NODEDEV,
        [RPC_KIND_NWFILTER] = ORIGIN_NWFILTER,
        [RPC_KIND_NWFILTER_BINDING] = ORIGIN_NWFILTER,
        [RPC_KIND_SECRET] = ORIGIN_SECRET,
        [RPC_KIND_INTERFACE] = ORIGIN_INTERFACE,
        [RPC_KIND_EVENT] = ORIGIN_RPC,
        [RPC_KIND_EVENT_REG] = ORIGIN_NONE,
        [RPC_KIND_ADMIN] = ORIGIN_ADMIN,
        [RPC_KIND_LOG] = ORIGIN_LOGGING,
        [RPC_KIND_LOCK] = ORIGIN_LOCKING,
};

ErrorOrigin rpc_kind_origin(RpcKind kind) {
        return kind_origins[kind];
}
