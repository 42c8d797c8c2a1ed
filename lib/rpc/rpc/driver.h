/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A driver: a table of procedures, and hooks at the turns of its life.
 *
 * The supervisor knows a driver by this table only. Handlers that are missing
 * are answered "this function is not supported by the connection driver: virX".
 * Read-only connections, authentication, limits of arguments and the order of
 * replies are the supervisor's business, before and after the handler.
 *
 *     static int domain_get_state(Call *call, const remote_domain_get_state_args *args,
 *                                 remote_domain_get_state_ret *ret, Error *e) {
 *             ...
 *     }
 *
 *     static const RpcHandler handlers[] = {
 *             REMOTE_HANDLER(DOMAIN_GET_STATE, domain_get_state),
 *             REMOTE_HANDLER(DOMAIN_CREATE, domain_create),      (rpc_void for no results)
 *     };
 *     const Driver driver_qemu = { .name = "qemu", .handlers = handlers, .n_handlers = ELEMENTSOF(handlers), ... };
 */

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "loop/loop.h"
#include "rpc/call.h"
#include "rpc/event.h"
#include "rpc/procedure.h"

/* Arguments are decoded, within their limits and freed after the call (what the handler wants to keep, it copies, or
 * takes and sets to NULL). ret is zeroed; all that hangs below it is from malloc() and freed by the caller, also when
 * the handler fails. 0, or negative errno with e filled (without, the client gets code 38 with the errno's text). */
typedef int (*RpcHandlerFunc)(Call *call, const void *args, void *ret, Error *e);

/* What is done for a row before and after its handler, by a layer that knows what rows of its kind say
 * (object/call.h). */
typedef struct RpcHandler RpcHandler;
typedef int (*RpcPrologueFunc)(Call *call, const RpcHandler *handler, const void *args, void *ret, Error *e);

struct RpcHandler {
        uint32_t program;
        int32_t number;
        const RpcCodec *codec;
        RpcHandlerFunc func;            /* called as it is where there is no prologue */
        RpcPrologueFunc prologue;
        const void *detail;             /* the prologue's */
};

/* Some rows: what one file of a driver has to answer. */
typedef struct RpcTable {
        const RpcHandler *rows;
        size_t n;
} RpcTable;
#define RPC_TABLE(rows_) { .rows = (rows_), .n = ELEMENTSOF(rows_) }

/* Where a procedure's arguments have their word of flags (made from the .x files). */
#define RPC_NO_FLAGS 0xffffU
#define RPC_FLAGS_WIDE 0x8000U          /* of 64 bits instead of 32 */
#define RPC_FLAGS_AT_rpc_void RPC_NO_FLAGS
#include "rpc/admin-flags.h"
#include "rpc/lock-flags.h"
#include "rpc/log-flags.h"
#include "rpc/qemu-flags.h"
#include "rpc/remote-flags.h"

/* For each procedure: the types of its arguments and results, that of its handler (so that a wrong struct does not
 * compile), and the place of its flags. */
#define RPC_TYPES_(prefix, NAME, args, ret)                                                                  \
        typedef args prefix##_args_##NAME;                                                                   \
        typedef ret prefix##_ret_##NAME;                                                                     \
        typedef int prefix##_handler_##NAME(Call *, const args *, ret *, Error *);                           \
        enum { prefix##_flags_at_##NAME = RPC_FLAGS_AT_##args };
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) RPC_TYPES_(remote, NAME, args, ret)
#include "rpc/remote-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) RPC_TYPES_(qemu, NAME, args, ret)
#include "rpc/qemu-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) RPC_TYPES_(admin, NAME, args, ret)
#include "rpc/admin-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) RPC_TYPES_(log, NAME, args, ret)
#include "rpc/log-procedures.h"
#undef RPC_PROCEDURE
#define RPC_PROCEDURE(number, NAME, api, args, ret, flags, kind, acl, filter) RPC_TYPES_(lock, NAME, args, ret)
#include "rpc/lock-procedures.h"
#undef RPC_PROCEDURE

#define RPC_HANDLER_(prefix, PREFIX, NAME, f)                                                                \
        {                                                                                                    \
                .program = PREFIX##_PROGRAM, .number = PREFIX##_PROC_##NAME, .codec = &prefix##_codec_##NAME, \
                .func = (RpcHandlerFunc) (void (*)(void))(1 ? (f) : (prefix##_handler_##NAME *) NULL),       \
        }
#define REMOTE_HANDLER(NAME, f) RPC_HANDLER_(remote, REMOTE, NAME, f)
#define QEMU_HANDLER(NAME, f) RPC_HANDLER_(qemu, QEMU, NAME, f)
#define ADMIN_HANDLER(NAME, f) RPC_HANDLER_(admin, ADMIN, NAME, f)
#define LOG_HANDLER(NAME, f) RPC_HANDLER_(log, LOG, NAME, f)
#define LOCK_HANDLER(NAME, f) RPC_HANDLER_(lock, LOCK, NAME, f)

/* What the program gives to its drivers. */
typedef struct DriverHost {
        Loop *loop;
        EventHub *events;
        const char *daemon;     /* "virtqemud": the name this process runs under */
        bool privileged;        /* system mode, not a user's session */
        /* A socket of rtnetlink in the host's network, for a process that has another one; belongs to the host. 0:
         * none. */
        int links_fd;
        /* The system bus, attached to the loop; connected at the first call and kept. Borrowed. */
        int (*bus)(struct DriverHost *host, sd_bus **ret, Error *e);
        /* Calls to systemd over that bus (dbus/systemd.h), for all drivers: one match of jobs, one reload for many
         * units. */
        struct Systemd *systemd;
        /* While the count is above zero the program does not exit for idleness: for work that has no call or fiber. */
        void (*hold)(struct DriverHost *host, int add);
        /* What an earlier process of this daemon left with systemd under that name (FDSTORE=), once: the caller's,
         * while systemd keeps its own. -EBADF where there is nothing. May be NULL, as adopt(). */
        int (*stored)(struct DriverHost *host, const char *name);
        /* The client of an earlier process is this one's from now on. Takes fd, also on failure; *ret is borrowed. */
        int (*adopt)(struct DriverHost *host, int fd, Connection **ret);
} DriverHost;

typedef struct ConnectUri {
        const char *scheme;     /* "qemu" */
        const char *path;       /* "/system" */
        const char *query;      /* behind "?", or NULL */
        const char *text;       /* the whole, as the client sent it */
} ConnectUri;

/* Which procedures a driver answers. */
typedef enum DriverClass {
        DRIVER_HYPERVISOR,      /* connect, host, domain, snapshot, checkpoint */
        DRIVER_NETWORK,
        DRIVER_STORAGE,
        DRIVER_NODEDEV,
        DRIVER_NWFILTER,
        DRIVER_SECRET,
        DRIVER_INTERFACE,
        DRIVER_LOG,
        DRIVER_LOCK,
        DRIVER_ADMIN,
        _DRIVER_CLASS_MAX,
} DriverClass;

struct Driver {
        const char *name;               /* "qemu"; also the scheme of its URIs */
        DriverClass class;
        ErrorOrigin origin;             /* of errors where nothing better is known */
        const RpcHandler *handlers;     /* of a driver of one file, or NULL */
        size_t n_handlers;
        const RpcTable *const *tables;  /* the rest, file by file; NULL-terminated, or NULL */

        /* All hooks may be NULL. start() runs in a fiber before the first call is answered (clients wait meanwhile, so
         * it does little); stop() at the end, outside of fibers. */
        int (*start)(DriverHost *host, void **ret_state, Error *e);
        void (*stop)(void *state);
        /* The program is about to be restarted, before its connections are closed. systemd keeps n descriptors of it.
         * For a driver with this hook, they are there for the next process. */
        void (*leave)(void *state, unsigned n);
        /* SIGHUP: read configuration again, in a fiber. */
        int (*reload)(void *state, Error *e);

        /* A client opened this driver (for drivers behind a hypervisor: first used it); -EINVAL for a path that is not
         * ours. */
        int (*open)(void *state, Connection *c, const ConnectUri *uri, Error *e);
        void (*close)(void *state, Connection *c);
        /* 1 or 0 for a feature of supports_feature that is the driver's to answer (3..13, 16 ...). */
        int (*supports_feature)(void *state, int feature);
};
