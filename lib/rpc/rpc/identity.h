/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who is at the other end of a connection. What is not known is -1, 0 or NULL. */

#include <sys/types.h>

#include "base/macros.h"

typedef struct Identity {
        uid_t uid;              /* (uid_t) -1: not a local peer */
        gid_t gid;
        pid_t pid;              /* 0: unknown */
        uint64_t pid_start;     /* start time of pid in clock ticks since boot, from /proc/PID/stat */
        char *user;             /* names and labels, owned */
        char *group;
        char *selinux;
        char *sasl_user;
        char *x509_dname;
        char *address;          /* "IP;PORT" of a remote peer, as virt-admin shows it */
} Identity;

#define IDENTITY_INIT ((Identity) { .uid = (uid_t) -1, .gid = (gid_t) -1 })

void identity_done(Identity *i);
/* Fills uid, gid, pid, pid_start, user, group and selinux from a UNIX socket's SO_PEERCRED. */
int identity_from_socket(Identity *i, int fd);
