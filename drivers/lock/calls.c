/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures. A client says for whom it acts (REGISTER), may give its rights up (RESTRICT), and acquires. */

#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/strings.h"
#include "lock.h"

#define EXITING 0x4U      /* PF_EXITING of the kernel's, among the flags in /proc/PID/stat */

/* --- who calls --- */

static int client_of(Call *call, LockClient **ret) {
        Connection *conn = call_connection(call);
        LockClient *c = connection_data(conn, &driver_lock);

        if (!connection_is_alive(conn))
                return -ENOTCONN;
        if (!c) {
                c = calloc(1, sizeof(*c));
                if (!c)
                        return -ENOMEM;
                connection_set_data(conn, &driver_lock, c);
        }
        *ret = c;
        return 0;
}

/* One that has given its rights up, or has not said who it is. */
static int entitled_client(Call *call, LockClient **ret, Error *e) {
        int r = client_of(call, ret);

        if (r < 0)
                return r;
        if ((*ret)->restricted)
                return error_set(e, -EPERM, ERROR_OPERATION_DENIED, ORIGIN_LOCKING,
                                 "lock manager connection has been restricted");
        if (!(*ret)->registered)
                return error_set(e, -EPERM, ERROR_OPERATION_DENIED, ORIGIN_LOCKING,
                                 "lock owner details have not been registered");
        return 0;
}

static int begin(Call *call, uint32_t flags, uint32_t supported, LockClient **ret, Error *e) {
        int r = call_check_flags(call, flags, supported, e);

        return r < 0 ? r : entitled_client(call, ret, e);
}

/* --- procedures --- */

static int register_owner(Call *call, const lock_register_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r;

        r = call_check_flags(call, args->flags, 0, e);
        if (r >= 0)
                r = client_of(call, &c);
        if (r < 0)
                return r;
        if (c->restricted)
                return error_set(e, -EPERM, ERROR_OPERATION_DENIED, ORIGIN_LOCKING,
                                 "lock manager connection has been restricted");
        if (c->registered)
                return error_set(e, -EALREADY, ERROR_OPERATION_DENIED, ORIGIN_LOCKING,
                                 "lock owner details have already been registered");
        c->name = strdup(args->owner.name);
        if (!c->name)
                return -ENOMEM;
        c->owner = (pid_t) args->owner.pid;
        c->registered = true;
        return 0;
}

static int restrict_client(Call *call, const lock_restrict_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = begin(call, args->flags, 0, &c, e);

        if (r >= 0)
                c->restricted = true;
        return r;
}

static int new_lockspace(Call *call, const lock_new_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = begin(call, args->flags, 0, &c, e);

        return r < 0 ? r : lockspace_add(call_driver(call), args->path, e);
}

static int create_lockspace(Call *call, const lock_create_lock_space_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = entitled_client(call, &c, e);

        return r < 0 ? r : lockspace_add(call_driver(call), args->path, e);
}

static int create_resource(Call *call, const lock_create_resource_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = begin(call, args->flags, 0, &c, e);

        return r < 0 ? r : lockspace_make_resource(call_driver(call), args->path, args->name, e);
}

static int delete_resource(Call *call, const lock_delete_resource_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = begin(call, args->flags, 0, &c, e);

        return r < 0 ? r : lockspace_remove_resource(call_driver(call), args->path, args->name, e);
}

/* The client may go while its lock is taken: then nobody would release it. */
static int acquire(Call *call, const lock_acquire_resource_args *args, rpc_void *ret, Error *e) {
        LockDriver *d = call_driver(call);
        LockClient *c, who = {};
        int r = begin(call, args->flags, LEASE_SHARED | LEASE_TEMPORARY, &c, e);

        if (r < 0)
                return r;
        who = (LockClient) { .owner = c->owner, .name = strdup(c->name) };
        r = who.name ? lease_acquire(d, args->path, args->name, args->flags, &who, e) : -ENOMEM;
        free(who.name);
        /* the newest is the first */
        if (r >= 0 && !connection_is_alive(call_connection(call))) {
                lease_release(d->leases);
                return -ENOTCONN;
        }
        return r;
}

static int release(Call *call, const lock_release_resource_args *args, rpc_void *ret, Error *e) {
        LockDriver *d = call_driver(call);
        LockClient *c;
        Lease *l;
        int r = begin(call, args->flags, 0, &c, e);

        if (r < 0)
                return r;
        if (!lease_find(d, args->path, args->name))
                return error_set(e, -ENOLCK, ERROR_RESOURCE_BUSY, ORIGIN_LOCKSPACE,
                                 "Lockspace resource '%s' is not locked", args->name);
        for (l = d->leases; l; l = l->next)
                if (l->owner == c->owner && streq(l->space, args->path) && streq(l->name, args->name))
                        break;
        if (!l)
                return error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_LOCKSPACE,
                                 "owner %d does not hold the resource lock", (int) c->owner);
        lease_release(l);
        return 0;
}

static const RpcHandler rows[] = {
        LOCK_HANDLER(REGISTER, register_owner),
        LOCK_HANDLER(RESTRICT, restrict_client),
        LOCK_HANDLER(NEW, new_lockspace),
        LOCK_HANDLER(CREATE_RESOURCE, create_resource),
        LOCK_HANDLER(DELETE_RESOURCE, delete_resource),
        LOCK_HANDLER(ACQUIRE_RESOURCE, acquire),
        LOCK_HANDLER(RELEASE_RESOURCE, release),
        LOCK_HANDLER(CREATE_LOCKSPACE, create_lockspace),
};
const RpcTable lock_calls_table = RPC_TABLE(rows);

/* --- the driver --- */

/* A process that ends closes its connections before it is gone. */
static bool is_ending(pid_t pid) {
        _cleanup_free_ char *path = text_format("/proc/%d/stat", (int) pid), *text = NULL;
        const char *after;
        unsigned flags = 0;
        char state = 0;

        if (!path || file_read(path, 4096, &text, NULL) < 0)
                return true;
        after = strrchr(text, ')');
        return after && sscanf(after, ") %c %*d %*d %*d %*d %*d %u", &state, &flags) == 2 &&
               (state == 'Z' || state == 'X' || flags & EXITING);
}

/* One whose connection is its own, and who holds locks without it, may not go on: a guest that lost its lock would
 * write to an image that is another's now. */
static void end_owner(pid_t pid) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);

        if (fd < 0 || is_ending(pid) || pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0)
                return;
        log_warning("process %d closed its connection and kept its locks: killed, before it writes to what is not its "
                    "own any more",
                    (int) pid);
}

static void driver_close(void *state, Connection *conn) {
        LockClient *c = connection_data(conn, &driver_lock);
        pid_t pid = connection_identity(conn)->pid;

        if (!c)
                return;
        connection_set_data(conn, &driver_lock, NULL);
        if (c->registered && c->owner > 0 && c->owner == pid && lease_release_all(state, pid))
                end_owner(pid);
        free(c->name);
        free(c);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        LockDriver *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->host = host;
        *ret_state = d;
        return 0;
}

static void driver_stop(void *state) {
        LockDriver *d = state;

        lease_drop_all(d);
        strv_free(d->spaces);
        free(d);
}

static const RpcTable *const tables[] = { &lock_calls_table, NULL };

const Driver driver_lock = {
        .name = "lock",
        .class = DRIVER_LOCK,
        .origin = ORIGIN_LOCKING,
        .tables = tables,
        .start = driver_start,
        .stop = driver_stop,
        .close = driver_close,
};
