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

/* A process, which the number alone does not name for long. */
typedef struct LockOwner {
        pid_t pid;
        uint64_t started;               /* as /proc/PID/stat has it; 0: it was gone already */
} LockOwner;

/* One lock that somebody holds. */
typedef struct Lease {
        struct LockDriver *driver;
        uint64_t id;                    /* systemd keeps its descriptor as "lock-ID" */
        char *space, *name;
        LockOwner owner;
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
        struct LockClient *clients;     /* those that have registered */
        uint64_t last_id;
        bool restoring;
        bool leaving;                   /* what is there is the next process's */
} LockDriver;

/* What a client said of itself. */
typedef struct LockClient {
        LockDriver *driver;
        uint64_t id;                    /* systemd keeps its connection as "client-ID" */
        Connection *connection;
        bool registered, restricted;
        bool busy;                      /* one of its calls changes locks: nobody else could answer it */
        bool left;                      /* at the end: for the next process */
        LockOwner owner;
        char *name;
        struct LockClient *next;
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
/* One of an earlier process. Takes l->fd and the texts, also on failure, which the lock does not outlive. */
int lease_restore(LockDriver *d, const Lease *l);
/* At the end of the daemon, whose loop runs no more: files stay. */
void lease_drop_all(LockDriver *d);
/* All of an owner; true where there were any. */
bool lease_release_all(LockDriver *d, const LockOwner *owner);

/* calls.c: a client has gone. */
void client_gone(LockClient *c, pid_t peer);

/* keep.c: what the next process of the daemon goes on with, killed or not. Descriptors are with systemd, what they are
 * is in /run/libvirt/virtlockd.state. Lockspaces outlast any process. */
void keep_fd(const char *kind, uint64_t id, int fd);
void keep_forget(const char *kind, uint64_t id);
/* After each change of what the file says. */
void keep_save(const LockDriver *d);
/* In a fiber. */
void keep_restore(LockDriver *d);

LockOwner owner_of_pid(pid_t pid);
bool owner_equal(const LockOwner *a, const LockOwner *b);
/* Gone, or about to be. */
bool owner_is_ending(const LockOwner *o);
