/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A child that looks at what others made: it can do nothing but read, as nobody, with the one capability to read what
 * is there, and with an end. */

#include "base/error.h"
#include "base/macros.h"

typedef enum SandboxMode {
        SANDBOX_READER,         /* nothing but reading: what is not said otherwise */
        SANDBOX_OWNER,          /* the same, as whom this process acts as (storage/owner.h) */
        SANDBOX_NETWORK,        /* the network, as nobody without any right */
        SANDBOX_TOOLS,          /* all rights, no network */
} SandboxMode;

/* Runs func in a child whose result is what it writes to fd (a memory file); its return value is its errno. 0 with
 * *ret_fd, the file at its beginning, owned by the caller; -ETIMEDOUT where it took longer than timeout seconds: it is
 * killed then, and not waited for, since what it hangs in may never end. */
int sandbox_run(int (*func)(int fd, void *userdata), void *userdata, SandboxMode mode, unsigned timeout, int *ret_fd);

/* From now on this process, of one thread, opens files to read them and nothing else: no file is opened for writing,
 * made, changed or removed, there are no sockets, other programs, processes or signals to others. It writes to what
 * is open. -EINVAL: this kernel has no such filters. */
int sandbox_only_read(void);
