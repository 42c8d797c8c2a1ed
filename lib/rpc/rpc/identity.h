/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who is at the other end of a connection. What is not known is -1, 0 or NULL. */

#include <sys/types.h>

#include "base/macros.h"

typedef struct Identity {
        uid_t uid;              /* (uid_t) -1: not a local peer */
        gid_t gid;
        pid_t pid;              /* 0: unknown */
        uint64_t pid_start;     /* its start time in clock ticks since boot; 0 for peers with uid 0 */
        char *user;             /* names and labels, owned */
        char *group;
        char *selinux;
        char *sasl_user;
        char *x509_dname;
        char *address;          /* "IP;PORT" of a remote peer, as virt-admin shows it */
} Identity;

#define IDENTITY_INIT ((Identity) { .uid = (uid_t) -1, .gid = (gid_t) -1 })

void identity_done(Identity *i);
/* Fills uid, gid, pid and pid_start from a UNIX socket's SO_PEERCRED, without a look into the user database. */
int identity_from_socket(Identity *i, int fd);
/* Start time of a process, 0 where it is not there. */
uint64_t identity_process_start(pid_t pid);
/* Fills user and group, where the user database knows them. */
int identity_resolve_names(Identity *i);
/* Fills address from a TCP socket. */
int identity_from_address(Identity *i, int fd);
/* The same with our own end's. */
int identity_from_local_address(Identity *i, int fd);
