/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The procedures of all programs: what a number means, who may call it, which
 * driver it belongs to. The rows are in the *-procedures.h files. */

#include "base/error.h"
#include "rpc/admin.h"
#include "rpc/codec.h"
#include "rpc/lock.h"
#include "rpc/log.h"
#include "rpc/qemu.h"
#include "rpc/remote.h"

#define REMOTE_PROGRAM 0x20008086U
#define QEMU_PROGRAM 0x20008087U
#define ADMIN_PROGRAM 0x06900690U
#define LOG_PROGRAM 0x87539319U
#define LOCK_PROGRAM 0x0ea7beefU
#define KEEPALIVE_PROGRAM 0x6b656570U
#define RPC_VERSION 1U

/* What a call works on; decides which driver answers. */
typedef enum RpcKind {
        RPC_KIND_CONNECT,
        RPC_KIND_AUTH,
        RPC_KIND_HOST,
        RPC_KIND_DOMAIN,
        RPC_KIND_SNAPSHOT,
        RPC_KIND_CHECKPOINT,
        RPC_KIND_NETWORK,
        RPC_KIND_NETWORK_PORT,
        RPC_KIND_STORAGE_POOL,
        RPC_KIND_STORAGE_VOL,
        RPC_KIND_NODEDEV,
        RPC_KIND_NWFILTER,
        RPC_KIND_NWFILTER_BINDING,
        RPC_KIND_SECRET,
        RPC_KIND_INTERFACE,
        RPC_KIND_EVENT,
        RPC_KIND_EVENT_REG,
        RPC_KIND_ADMIN,
        RPC_KIND_LOG,
        RPC_KIND_LOCK,
        _RPC_KIND_MAX,
} RpcKind;

typedef enum RpcFlags {
        RPC_RW_ONLY = 1U << 0,    /* refused on a read-only connection */
        RPC_RO_COND = 1U << 1,    /* refused there with certain flags: its handler asks call_check_writable() */
        RPC_HIGH = 1U << 2,       /* quick by nature: libvirt lets priority workers do it */
        RPC_STREAM_IN = 1U << 3,  /* the call opens a stream that the client writes to */
        RPC_STREAM_OUT = 1U << 4, /* ... that the client reads from */
        RPC_FDS_IN = 1U << 5,     /* may carry descriptors */
        RPC_FDS_OUT = 1U << 6,    /* may answer with descriptors */
        RPC_EVENT = 1U << 7,      /* a message of the server; cannot be called */
} RpcFlags;

typedef struct RpcProcedure {
        const char *api;     /* name of the public API function: what a refusal names; NULL for admin, log, lock */
        const char *acl;     /* "object:permission[:[!]FLAGS][;...]" or NULL */
        const char *filter;  /* "object:permission" each element of a list needs, or NULL */
        uint16_t number;
        uint8_t flags;       /* RpcFlags */
        uint8_t kind;        /* RpcKind */
} RpcProcedure;

/* The row of a procedure; NULL where there is none. */
const RpcProcedure *rpc_procedure(uint32_t program, int32_t number);
/* The rows of a program, in order of number; NULL for an unknown program. */
const RpcProcedure *rpc_procedures(uint32_t program, size_t *ret_n);
/* The origin of errors about things of that kind. */
ErrorOrigin rpc_kind_origin(RpcKind kind);

/* REMOTE_PROC_DOMAIN_CREATE ... : the numbers. */
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) REMOTE_PROC_##NAME = number,
enum {
#include "rpc/remote-procedures.h"
};
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) QEMU_PROC_##NAME = number,
enum {
#include "rpc/qemu-procedures.h"
};
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) ADMIN_PROC_##NAME = number,
enum {
#include "rpc/admin-procedures.h"
};
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) LOG_PROC_##NAME = number,
enum {
#include "rpc/log-procedures.h"
};
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) LOCK_PROC_##NAME = number,
enum {
#include "rpc/lock-procedures.h"
};
#undef RPC_PROCEDURE

/* remote_codec_DOMAIN_CREATE ... : one object each, so that the linker keeps only those which handlers and events
 * use. */
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) extern const RpcCodec remote_codec_##NAME;
#include "rpc/remote-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) extern const RpcCodec qemu_codec_##NAME;
#include "rpc/qemu-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) extern const RpcCodec admin_codec_##NAME;
#include "rpc/admin-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) extern const RpcCodec log_codec_##NAME;
#include "rpc/log-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) extern const RpcCodec lock_codec_##NAME;
#include "rpc/lock-procedures.h"
#undef RPC_PROCEDURE
