/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The driver behind virtlockd: libvirt's protocol for locks, for clients that are not ours. Guests of ours do not need
 * it: their locks belong to their units (runner/locks.c).
 *
 * A lockspace is a folder, or, with the name "", the files that resources themselves name. A resource is locked as
 * host/lock.h says; each acquisition opens the file anew, so the kernel decides between two clients of this daemon just
 * as it does between two hosts. Locks are released by the client, when its owner's process ends, or when the owner
 * itself closes its connection, which libvirt's guests do by ending. */

#include "base/error.h"
#include "rpc/driver.h"

/* One lock that somebody holds. */
typedef struct Lease {
        struct LockDriver *driver;
        char *space, *name;
        pid_t owner;
        bool shared, temporary;         /* temporary: the file goes with the last lock */
        int fd;
        int process;                    /* pidfd of the owner; -EBADF where it was gone already */
        sd_event_source *end;           /* of the process */
        struct Lease *next;
} Lease;

typedef struct LockDriver {
        DriverHost *host;
        char **spaces;                  /* but "" */
        Lease *leases;
} LockDriver;

/* What a client said of itself. */
typedef struct LockClient {
        bool registered, restricted;
        pid_t owner;
        char *name;
} LockClient;

extern const Driver driver_lock; /* what the module is loaded for */
extern const RpcTable lock_calls_table;

/* lease.c: all within a fiber, but what releases. What touches files runs in a child, since a server of files
 * that does not answer is nobody else's trouble. */

/* A folder becomes a lockspace; it is made where it is missing. Code 55 where it is one already. */
int lockspace_add(LockDriver *d, const char *path, Error *e);
/* The file of a resource is made, or removed; code 87 where it is locked. */
int lockspace_make_resource(LockDriver *d, const char *space, const char *name, Error *e);
int lockspace_remove_resource(LockDriver *d, const char *space, const char *name, Error *e);

#define LEASE_SHARED 1U
#define LEASE_TEMPORARY 2U
int lease_acquire(LockDriver *d, const char *space, const char *name, unsigned flags, const LockClient *c, Error *e);
Lease *lease_find(LockDriver *d, const char *space, const char *name);
void lease_release(Lease *l);
/* At the end of the daemon, whose loop runs no more: files stay. */
void lease_drop_all(LockDriver *d);
/* All of an owner; true where there were any. */
bool lease_release_all(LockDriver *d, pid_t owner);
