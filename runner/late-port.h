/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A serial port, channel or the like that is plugged into a guest that runs: what the guest says there comes by vm-run,
 * as that of ports which are there at the start does. vm-plug opens a pipe and the files (runner/launch.h has their
 * names), and sends them to vm-run, which listens at GUEST_FOLDER_PORTS in the guest's folder. One packet each way:
 * lines of KEY=VALUE (base/keyfile.h) with descriptors,
 *
 *   alias     of the port
 *   quiet     "yes": it goes to files only
 *   log_size  bytes of a file when it is full; 0: none is
 *   fd        LATE_PORT_PIPE, "log-serial1", "log-serial1.0": once for each descriptor, in their order
 *   gone      "yes": nothing comes, and of what came under the name of alias the lock goes
 *
 * and a byte in answer once it reads. A lease that the guest gets while it runs comes the same way: its alias is
 * definition_lease_name(), and its one descriptor LATE_PORT_LOCK, which vm-run keeps. */

#include <sys/types.h>

#include "base/macros.h"
#include "parcel.h"

#define LATE_PORT_PIPE "pipe"
#define LATE_PORT_LOCK "lock"
#define LATE_PORT_FDS_MAX 80U

typedef struct LatePort {
        char *alias;
        bool quiet, gone;
        uint64_t log_size;
        Parcel parcel;
} LatePort;

void late_port_done(LatePort *p);
#define _cleanup_late_port_ _cleanup_(late_port_done)

/* Puts in a copy of fd under the name. -E2BIG, -ENOMEM, errno of fcntl(2). */
int late_port_add(LatePort *p, const char *name, int fd);

/* Whether somebody listens for such ports in the guest's folder. */
bool late_port_is_heard(const char *folder);
/* Sends it to the guest of the folder, which runs as this user, and waits for the answer. What is in the folder is not
 * believed: links are not followed, and -EPERM is for somebody else who listens there, of this user too: vm-run is a
 * child of parent's, LATE_PORT_PARENT. */
#define LATE_PORT_PARENT 1
int late_port_send(const LatePort *p, const char *folder, uid_t uid, pid_t parent);

/* Takes one from a connection, for which it waits. -EPERM where it does not come from this user. */
int late_port_receive(int connection, uid_t uid, LatePort *ret);
/* That it is read. */
int late_port_answer(int connection);
