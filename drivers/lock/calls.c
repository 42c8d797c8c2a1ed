/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The procedures. A client says for whom it acts (REGISTER), may give its rights up (RESTRICT), and acquires. */

#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/strings.h"
#include "lock.h"

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
                c->driver = call_driver(call);
                connection_set_data(conn, &driver_lock, c);
        }
        *ret = c;
        return 0;
}

static int unrestricted_client(Call *call, LockClient **ret, Error *e) {
        int r = client_of(call, ret);

        if (r >= 0 && (*ret)->restricted)
                return error_set(e, -EPERM, ERROR_OPERATION_DENIED, ORIGIN_LOCKING,
                                 "lock manager connection has been restricted");
        return r;
}

/* One that has not given its rights up, and has said who it is. */
static int entitled_client(Call *call, LockClient **ret, Error *e) {
        int r = unrestricted_client(call, ret, e);

        if (r < 0)
                return r;
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
        LockDriver *d = call_driver(call);
        LockClient *c;
        int r;

        r = call_check_flags(call, args->flags, 0, e);
        if (r >= 0)
                r = unrestricted_client(call, &c, e);
        if (r < 0)
                return r;
        if (c->registered)
                return error_set(e, -EALREADY, ERROR_OPERATION_DENIED, ORIGIN_LOCKING,
                                 "lock owner details have already been registered");
        c->name = strdup(args->owner.name);
        if (!c->name)
                return -ENOMEM;
        c->owner = owner_of_pid((pid_t) args->owner.pid);
        c->registered = true;
        c->id = ++d->last_id;
        c->connection = call_connection(call);
        c->next = d->clients;
        d->clients = c;
        keep_fd("client", c->id, connection_fd(c->connection));
        keep_save(d);
        return 0;
}

static int restrict_client(Call *call, const lock_restrict_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = begin(call, args->flags, 0, &c, e);

        if (r >= 0) {
                c->restricted = true;
                keep_save(call_driver(call));
        }
        return r;
}

static int new_lockspace(Call *call, const lock_new_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = begin(call, args->flags, 0, &c, e);

        return r < 0 ? r : lockspace_add(call_driver(call), args->path, e);
}

/* What libvirtd does when it starts, and has no guest to act for. */
static int create_lockspace(Call *call, const lock_create_lock_space_args *args, rpc_void *ret, Error *e) {
        LockClient *c;
        int r = unrestricted_client(call, &c, e);

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

/* It may go meanwhile. */
static void set_busy(Call *call, bool busy) {
        LockClient *c = connection_data(call_connection(call), &driver_lock);

        if (!c)
                return;
        c->busy = busy;
        keep_save(call_driver(call));
}

/* The client may go while its lock is taken: then nobody would release it. */
static int acquire(Call *call, const lock_acquire_resource_args *args, rpc_void *ret, Error *e) {
        LockDriver *d = call_driver(call);
        LockClient *c, who = {};
        int r = begin(call, args->flags, LEASE_SHARED | LEASE_TEMPORARY, &c, e);

        if (r < 0)
                return r;
        who = (LockClient) { .owner = c->owner, .name = strdup(c->name) };
        set_busy(call, true);
        r = who.name ? lease_acquire(d, args->path, args->name, args->flags, &who, e) : -ENOMEM;
        free(who.name);
        set_busy(call, false);
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
                if (owner_equal(&l->owner, &c->owner) && streq(l->space, args->path) && streq(l->name, args->name))
                        break;
        if (!l)
                return error_set(e, -EPERM, ERROR_INTERNAL, ORIGIN_LOCKSPACE,
                                 "owner %d does not hold the resource lock", (int) c->owner.pid);
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

/* One whose connection is its own, and who holds locks without it, may not go on: a guest that lost its lock would
 * write to an image that is another's now. (A process that ends closes its connections before it is gone.) */
static void end_owner(const LockOwner *owner) {
        _cleanup_close_ int fd = pidfd_open(owner->pid, 0);

        if (fd < 0 || owner_is_ending(owner) || pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0)
                return;
        log_warning("process %d closed its connection and kept its locks: killed, before it writes to what is not its "
                    "own any more",
                    (int) owner->pid);
}

void client_gone(LockClient *c, pid_t peer) {
        LockDriver *d = c->driver;

        for (LockClient **at = &d->clients; *at; at = &(*at)->next)
                if (*at == c) {
                        *at = c->next;
                        break;
                }
        if (c->registered && c->owner.pid > 0 && c->owner.pid == peer && lease_release_all(d, &c->owner))
                end_owner(&c->owner);
        if (c->registered) {
                keep_forget("client", c->id);
                keep_save(d);
        }
        free(c->name);
        free(c);
}

static void driver_close(void *state, Connection *conn) {
        LockClient *c = connection_data(conn, &driver_lock);

        if (!c)
                return;
        connection_set_data(conn, &driver_lock, NULL);
        if (!c->left) {
                /* of which systemd has a copy */
                (void) shutdown(connection_fd(conn), SHUT_RDWR);
                client_gone(c, connection_identity(conn)->pid);
                return;
        }
        free(c->name);
        free(c);
}

/* Clients that are in the middle of something are closed, as those of a daemon that ends. */
static void driver_leave(void *state, unsigned n) {
        LockDriver *d = state;
        unsigned wanted = 0;

        for (const Lease *l = d->leases; l; l = l->next)
                wanted++;
        for (LockClient *c = d->clients; c; c = c->next)
                wanted += connection_is_quiet(c->connection);
        if (n < wanted) {
                log_warning("systemd keeps %u of %u locks and clients, so all are given up: let it keep more by "
                            "FileDescriptorStoreMax= of the unit",
                            n, wanted);
                return;
        }
        for (LockClient *c = d->clients, *next; c; c = next) {
                next = c->next;
                c->left = connection_is_quiet(c->connection);
                if (!c->left)
                        driver_close(d, c->connection);
        }
        d->leaving = true;
        log_info("%u locks and clients are left to the next process", wanted);
}

static int driver_start(DriverHost *host, void **ret_state, Error *e) {
        LockDriver *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->host = host;
        keep_restore(d);
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
        .leave = driver_leave,
        .close = driver_close,
};
