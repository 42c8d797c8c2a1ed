/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one device of a guest that runs needs, opened. */

#include <jansson.h>

#include "base/fds.h"
#include "prepare.h"

typedef struct Plug {
        Prepare prepare;
        int fds[MESSAGE_FDS_MAX];
        size_t n_fds;
        LatePort late;
        char *user;
} Plug;

void plug_done(Plug *p);

/* Opens what the device needs that has this alias in the guest's NAME.pending. *ret is the answer of
 * base/guest-plug.h, whose descriptors are p's. */
int plug_open(Plug *p, const char *guest, const char *device, const char *version, unsigned set, json_t **ret,
              Error *e);

/* Where the guest's folder is, and who it runs as. */
int plug_find(Plug *p, const char *guest);
/* The same, and reads its NAME.pending. */
int plug_load(Plug *p, const char *guest);

/* plug-lease.c: takes the lock of the lease of this name (definition_lease_name()) in the guest's NAME.pending, which
 * its vm-run keeps; has it let go of it. */
int plug_lock(Plug *p, const char *guest, const char *name, Error *e);
int plug_unlock(Plug *p, const char *guest, const char *name, Error *e);

/* plug-change.c: does to the host what the card that has this alias is in NAME.pending and is not in the live
 * definition. Where that cannot be, it is put back to where it was. *ret is the answer. */
int plug_change(Plug *p, const char *guest, const char *device, json_t **ret, Error *e);

/* plug-receive.c: frames as base/guest-plug.h has them; is taken apart. The live definition says that the card is
 * trusted, and the kernel that it is a macvtap. */
int plug_receive(const char *guest, const char *device, char *frames, Error *e);

/* plug-pin.c: binds these threads of the guest ("17 18 23"; is taken apart) to CPUs of the host ("0-3,8"). Those that
 * are not its are refused. */
int plug_pin(const char *guest, char *threads, const char *cpus, Error *e);
/* The same: they are of this vCPU, and take its part of caches and of the way to memory, as the live definition has
 * it; what that has counted is counted. They run by the scheduler that it has for them. plug-join.c. */
int plug_join(const char *guest, const char *threads, const char *vcpu, Error *e);
/* The same: each is limited to what the group of this name may have, "50000 100000" or "max 100000". */
int plug_limit(const char *guest, char *threads, const char *group, const char *limit, Error *e);
